#include "base/log.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static _Atomic int threshold = LOG_WARN;

void log_set_level(log_level level) { threshold = (int)level; }

/* A line is one write: lines of several threads do not mix, and control bytes from outside cannot forge a second line. */
void log_write(log_level level, const char *fmt, ...) {
    static const char *const names[] = { "error: ", "warning: ", "", "debug: " };
    if ((int)level > threshold) return;
    char text[2048], line[2200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = ' ';
    int n = snprintf(line, sizeof line, "pingti: %s%s\n", names[level], text);
    fwrite(line, 1, (size_t)n, stderr);
}
