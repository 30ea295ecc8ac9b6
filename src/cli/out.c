#include "cli/out.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/term.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int failure; /* errno of the first failed write */

static bool fail(int why) {
    if (failure) return false;
    failure = why;
    if (why == EPIPE) return false;
    err e = { 0 };
    err_set(&e, ERR_IO, "cannot write to standard output: %s", strerror(why));
    err_hint(&e, why == ENOSPC ? "make room on the device, or write elsewhere" : "check where the output goes");
    cli_fail(&e);
    return false;
}

bool out_write(const void *bytes, size_t n) {
    const char *p = bytes;
    if (failure) return false;
    while (n) {
        ssize_t wrote = write(STDOUT_FILENO, p, n);
        if (wrote < 0 && errno == EAGAIN) poll(&(struct pollfd){ STDOUT_FILENO, POLLOUT, 0 }, 1, -1);
        else if (wrote < 0 && errno != EINTR) return fail(errno);
        if (wrote > 0) p += wrote, n -= (size_t)wrote;
    }
    return true;
}

bool out_puts(const char *text) { return out_write(text, strlen(text)); }

/* Whole code points come in: C0 and DEL are single bytes, C1 is 0xc2 0x80..0x9f. */
bool out_answer(const char *text, size_t n) {
    if (!term_is(STDOUT_FILENO)) return out_write(text, n);
    buf b = { 0 };
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i], next = i + 1 < n ? (unsigned char)text[i + 1] : 0;
        if (c == 0xc2 && next >= 0x80 && next < 0xa0) i++;
        else if ((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t') buf_putc(&b, (char)c);
    }
    bool ok = out_write(buf_str(&b), b.len);
    buf_free(&b);
    return ok;
}

bool out_printf(const char *fmt, ...) {
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    bool ok = n >= 0 && out_write(text, (size_t)n);
    free(text);
    return ok;
}

bool out_json(json_t *value, bool pretty) {
    char *text = json_dumps(value, (pretty ? JSON_INDENT(2) : JSON_COMPACT) | JSON_REAL_PRECISION(12) | JSON_ENCODE_ANY);
    bool ok = text && out_write(text, strlen(text)) && out_puts("\n");
    free(text);
    json_decref(value);
    return ok;
}

bool out_failed(void) { return failure != 0; }
int out_status(void) { return !failure ? EXIT_OK : failure == EPIPE ? EXIT_PIPE : EXIT_ERROR; }

json_t *out_json_text(const char *bytes, size_t n) {
    buf b = { 0 };
    for (size_t i = 0, len; i < n; i += len ? len : 1) {
        uint32_t cp;
        len = utf8_decode(bytes + i, n - i, &cp);
        if (len) buf_put(&b, bytes + i, len);
        else buf_puts(&b, "\xef\xbf\xbd");
    }
    json_t *s = json_stringn(buf_str(&b), b.len);
    buf_free(&b);
    return s;
}
