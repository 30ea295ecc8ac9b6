#include "infer/reasoning.h"
#include <string.h>

static const char open_tag[] = "<think>", end_tag[] = "</think>", blank[] = "\n\r\t ";

bool reasoning_is_open(const tokenizer *t, const int32_t *prompt, size_t n) {
    size_t last = n < 12 ? n : 12, len = strlen(open_tag); /* the tag in pieces, and some white space */
    buf tail = { 0 };
    if (n) tokenizer_decode(t, prompt + n - last, last, true, &tail);
    while (tail.len && strchr(blank, tail.data[tail.len - 1])) tail.len--;
    bool open = tail.len >= len && memcmp(tail.data + tail.len - len, open_tag, len) == 0;
    buf_free(&tail);
    return open;
}

reasoning reasoning_begin(const tokenizer *t) { return (reasoning){ tokenizer_find(t, end_tag, strlen(end_tag)), 0 }; }

reasoning_step reasoning_put(reasoning *r, const vocabulary *v, int32_t token) {
    size_t n, i = 0;
    if (token == r->end_id) return REASONING_ENDS;
    const unsigned char *bytes = vocabulary_bytes(v, token, false, &n);
    if (!n) r->matched = 0; /* a control token */
    for (; i < n && end_tag[r->matched]; i++) /* the tag's first byte comes in it once: no other beginning of it is lost */
        r->matched = bytes[i] == (unsigned char)end_tag[r->matched] ? r->matched + 1 : bytes[i] == (unsigned char)end_tag[0];
    if (end_tag[r->matched]) return REASONING_GOES_ON;
    for (; i < n; i++)
        if (!memchr(blank, bytes[i], strlen(blank))) return REASONING_ENDS_WITHIN;
    return REASONING_ENDS;
}
