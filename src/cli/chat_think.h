/* Tells a model's thinking (<think>...</think>) from its answer while text streams in; a tag may come in pieces. */
#ifndef PINGTI_CLI_CHAT_THINK_H
#define PINGTI_CLI_CHAT_THINK_H
#include "base/buf.h"

typedef struct think_stream {
    bool inside;        /* thinking; true from the start when the template opened the tag */
    bool said;          /* something other than white space came outside */
    buf held;           /* could still become a tag */
    buf thought, answer;
    void (*show)(void *ctx, bool thinking, const char *text, size_t n);
    void *ctx;
} think_stream;

void think_put(think_stream *t, const char *text, size_t n);
void think_end(think_stream *t); /* what is held is text */
void think_free(think_stream *t);
#endif
