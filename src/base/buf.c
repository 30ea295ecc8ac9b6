#include "base/buf.h"
#include "base/mem.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool buf_reserve(buf *b, size_t more) {
    size_t need;
    if (__builtin_add_overflow(b->len, more, &need) || need > SIZE_MAX / 4 || (b->limit && need > b->limit)) return b->full = true, false;
    if (need + 1 <= b->cap) return true;
    size_t cap = b->cap ? b->cap * 2 : 64;
    if (cap < need + 1) cap = need + 1;
    b->data = mem_must_grow(b->data, cap, 1);
    b->cap = cap;
    return true;
}

bool buf_put(buf *b, const void *bytes, size_t n) {
    if (!buf_reserve(b, n)) return false;
    if (n) memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = 0;
    return true;
}

bool buf_puts(buf *b, const char *text) { return buf_put(b, text, strlen(text)); }
bool buf_putc(buf *b, char c) { return buf_put(b, &c, 1); }

bool buf_printf(buf *b, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    bool ok = n >= 0 && buf_reserve(b, (size_t)n);
    if (ok) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    return ok;
}

void buf_clear(buf *b) {
    b->len = 0;
    b->full = false;
    if (b->data) b->data[0] = 0;
}

void buf_free(buf *b) {
    free(b->data);
    *b = (buf){ 0 };
}

char *buf_take(buf *b) {
    char *p = b->data ? b->data : mem_must(1, 1);
    *b = (buf){ 0 };
    return p;
}

const char *buf_str(const buf *b) { return b->data ? b->data : ""; }
