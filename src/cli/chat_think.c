#include "cli/chat_think.h"
#include <string.h>

static const char open_tag[] = "<think>", close_tag[] = "</think>";

static void give(think_stream *t, const char *text, size_t n) {
    if (!t->inside && !t->said) { /* white space before the answer belongs to the tag */
        while (n && strchr("\n\r\t ", *text)) text++, n--;
        t->said = n > 0;
    }
    if (!n) return;
    buf_put(t->inside ? &t->thought : &t->answer, text, n);
    if (t->show) t->show(t->ctx, t->inside, text, n);
}

/* How many bytes at the end of s begin the tag without being all of it. */
static size_t partial(const char *s, size_t n, const char *tag) {
    size_t most = strlen(tag) - 1;
    for (size_t k = most < n ? most : n; k; k--)
        if (memcmp(s + n - k, tag, k) == 0) return k;
    return 0;
}

/* Thinking is opened only before the answer: a tag that an answer speaks of is part of it. */
void think_put(think_stream *t, const char *text, size_t n) {
    buf_put(&t->held, text, n);
    for (;;) {
        const char *tag = t->inside ? close_tag : t->said ? NULL : open_tag, *s = buf_str(&t->held);
        const char *at = tag ? memmem(s, t->held.len, tag, strlen(tag)) : NULL;
        size_t pass = at ? (size_t)(at - s) : t->held.len - (tag ? partial(s, t->held.len, tag) : 0);
        bool was_said = t->said;
        give(t, s, pass);
        if (at && !t->inside && !was_said && t->said) at = NULL; /* words came before the tag */
        size_t drop = pass + (at ? strlen(tag) : 0);
        memmove(t->held.data, t->held.data + drop, t->held.len - drop);
        t->held.len -= drop;
        if (at) t->inside = !t->inside;
        else if (drop == 0 || !t->held.len || tag) return;
    }
}

void think_end(think_stream *t) {
    give(t, buf_str(&t->held), t->held.len);
    buf_clear(&t->held);
}

void think_free(think_stream *t) {
    buf_free(&t->held);
    buf_free(&t->thought);
    buf_free(&t->answer);
}
