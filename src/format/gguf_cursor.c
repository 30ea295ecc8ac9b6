#include "base/utf8.h"
#include "format/gguf_impl.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool gguf_bad(gguf_cursor *c, uint64_t at, err_code code, const char *fmt, ...) {
    char text[320];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return err_set(c->e, code, "%s", text) || err_where(c->e, "%s, byte %" PRIu64, c->name, at) ||
           err_hint(c->e, "the file is damaged or was written by a faulty converter: fetch or convert it again");
}

bool gguf_take(gguf_cursor *c, uint64_t n, const char *what, const unsigned char **bytes) {
    uint64_t left = c->size - c->at;
    if (n > left)
        return gguf_bad(c, c->at, ERR_FORMAT, "the file ends inside %s", what) || err_expected(c->e, "%" PRIu64 " more bytes", n) ||
               err_got(c->e, "%" PRIu64 " bytes to the end of the file", left) ||
               err_hint(c->e, "the file is truncated at %" PRIu64 " bytes or damaged: fetch it again", c->size);
    *bytes = c->data + c->at;
    c->at += n;
    return true;
}

bool gguf_take_u32(gguf_cursor *c, const char *what, uint32_t *v) {
    const unsigned char *b = NULL;
    if (!gguf_take(c, 4, what, &b)) return false;
    *v = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    return true;
}

bool gguf_take_u64(gguf_cursor *c, const char *what, uint64_t *v) {
    uint32_t low = 0, high = 0;
    if (c->size - c->at < 8) {
        const unsigned char *b = NULL;
        return gguf_take(c, 8, what, &b);
    }
    if (!gguf_take_u32(c, what, &low) || !gguf_take_u32(c, what, &high)) return false;
    *v = (uint64_t)high << 32 | low;
    return true;
}

bool gguf_take_count(gguf_cursor *c, uint64_t min_bytes, uint64_t max, const char *what, uint64_t *n) {
    uint64_t at = c->at;
    if (!gguf_take_u64(c, what, n)) return false;
    uint64_t fit = (c->size - at) / min_bytes;
    if (*n <= fit && *n <= max) return true;
    return gguf_bad(c, at, *n > fit ? ERR_FORMAT : ERR_LIMIT, "%s is too large", what) ||
           err_expected(c->e, "at most %" PRIu64 " (%s)", fit < max ? fit : max, fit < max ? "what the file's size leaves room for" : "a limit of this program") ||
           err_got(c->e, "%" PRIu64, *n);
}

bool gguf_take_text(gguf_cursor *c, uint64_t max, const char *what, gguf_text *t) {
    uint64_t at = c->at, n = 0;
    const unsigned char *b = NULL;
    if (!gguf_take_u64(c, what, &n)) return false;
    if (n > max)
        return gguf_bad(c, at, ERR_LIMIT, "the length of %s is too large", what) || err_expected(c->e, "at most %" PRIu64 " bytes", max) ||
               err_got(c->e, "%" PRIu64 " bytes", n);
    if (!gguf_take(c, n, what, &b)) return false;
    if (!utf8_valid((const char *)b, (size_t)n)) return gguf_bad(c, at + 8, ERR_FORMAT, "%s is not valid UTF-8", what);
    *t = (gguf_text){ (const char *)b, (size_t)n };
    return true;
}
