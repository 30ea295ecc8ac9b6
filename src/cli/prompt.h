/* From the text of a question or of a beginning to the prompt's tokens: what `run` and `replay` share. */
#ifndef PINGTI_CLI_PROMPT_H
#define PINGTI_CLI_PROMPT_H
#include "base/buf.h"
#include "infer/llm.h"

/* The text as a question, in the model's chat template. system: instructions before it, or NULL. */
bool prompt_chat(const llm *l, const char *system, const buf *text, token_list *out, err *e);
/* The text to be continued. special: control tokens spelled in it become them. */
bool prompt_plain(const llm *l, bool special, const buf *text, token_list *out, err *e);
#endif
