#include "cli/term.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

bool term_is(int fd) { return isatty(fd); }

bool term_colour(int fd) {
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
    return term_is(fd) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

int term_width(int fd) {
    struct winsize w;
    if (!term_is(fd) || ioctl(fd, TIOCGWINSZ, &w) != 0 || w.ws_col < 20) return 100;
    return w.ws_col > 140 ? 140 : w.ws_col;
}

const char *term_seq(int fd, const char *sequence) { return term_colour(fd) ? sequence : ""; }

shown show_bytes(uint64_t n) {
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    shown s;
    double v = (double)n;
    int u = 0;
    for (; v >= 1024 && u < 4; u++) v /= 1024;
    snprintf(s.text, sizeof s.text, u && v < 100 ? "%.2f %s" : "%.0f %s", v, units[u]);
    return s;
}

shown show_count(uint64_t n) {
    static const char *const units[] = { "", " k", " M", " B", " T" };
    shown s;
    double v = (double)n;
    int u = 0;
    for (; v >= 1000 && u < 4; u++) v /= 1000;
    snprintf(s.text, sizeof s.text, !u ? "%.0f%s" : v < 10 ? "%.2f%s" : v < 100 ? "%.1f%s" : "%.0f%s", v, units[u]);
    return s;
}

shown show_duration(double t) {
    shown s;
    if (t < 1) snprintf(s.text, sizeof s.text, "%.0f ms", t * 1e3);
    else if (t < 60) snprintf(s.text, sizeof s.text, "%.1f s", t);
    else if (t < 3600) snprintf(s.text, sizeof s.text, "%d min %d s", (int)t / 60, (int)t % 60);
    else snprintf(s.text, sizeof s.text, "%d h %d min", (int)(t / 3600), (int)t % 3600 / 60);
    return s;
}

void term_tame(char *text) {
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        bool c1 = *p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
        if (*p < 0x20 || *p == 0x7f || c1) *p = '?';
        if (c1) *++p = '?';
    }
}

double clock_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void progress_start(progress *p, const char *what, const char *unit, double total, bool quiet) {
    double now = clock_seconds();
    *p = (progress){ what, unit, total, 0, now, now, quiet, false, 0 };
}

void progress_step(progress *p, double done) {
    double now = clock_seconds(), spent = now - p->started, every = term_is(2) ? 0.2 : 5;
    p->done = done;
    if (p->quiet || now - p->last < every || done <= p->before || spent <= 0) return;
    double rate = (done - p->before) / spent;
    shown left = show_duration((p->total - done) / rate);
    fprintf(stderr, "%s%s %3.0f %%, %.0f of %.0f %s, %.1f %s/s, %s left%s", term_is(2) ? "\r\x1b[K" : "", p->what, 100 * done / p->total,
            done, p->total, p->unit, rate, p->unit, left.text, term_is(2) ? "" : "\n");
    p->drawn = true;
    p->last = now;
}

void progress_end(progress *p) {
    if (p->drawn && term_is(2)) fputs("\r\x1b[K", stderr);
}
