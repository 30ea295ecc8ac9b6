#include "text/detok.h"
#include "base/utf8.h"
#include <string.h>

void detok_init(detok *d, const tokenizer *t, bool show_control) { *d = (detok){ .t = t, .show_control = show_control }; }

static void put_whole(const char *s, size_t n, buf *out) {
    uint32_t cp;
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_decode(s + i, n - i, &cp);
        if (len) buf_put(out, s + i, len);
        else buf_puts(out, "\xef\xbf\xbd");
        if (!len) len = 1;
    }
}

bool detok_put(detok *d, int32_t id, buf *out) {
    buf b = { 0 };
    buf_put(&b, d->held, d->n_held);
    tokenizer_piece(d->t, id, !d->started, d->show_control, &b);
    if (!tokenizer_is_control(d->t, id) || d->show_control) d->started = true;
    size_t whole = utf8_complete_prefix(buf_str(&b), b.len);
    put_whole(buf_str(&b), whole, out);
    d->n_held = b.len - whole; /* at most three bytes */
    memcpy(d->held, buf_str(&b) + whole, d->n_held);
    buf_free(&b);
    return true;
}

bool detok_finish(detok *d, buf *out) {
    if (d->n_held) buf_puts(out, "\xef\xbf\xbd");
    d->n_held = 0;
    return true;
}
