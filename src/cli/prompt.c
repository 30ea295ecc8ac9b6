#include "cli/prompt.h"
#include "cli/out.h"
#include <string.h>

bool prompt_chat(const llm *l, const char *system, const buf *text, token_list *out, err *e) {
    json_t *messages = json_array();
    if (system) json_array_append_new(messages, json_pack("{s:s, s:o}", "role", "system", "content", out_json_text(system, strlen(system))));
    json_array_append_new(messages, json_pack("{s:s, s:o}", "role", "user", "content", out_json_text(buf_str(text), text->len)));
    template_input in = { .messages = messages, .add_generation_prompt = true };
    bool ok = llm_chat_tokens(l, &in, out, e);
    json_decref(messages);
    return ok;
}

bool prompt_plain(const llm *l, bool special, const buf *text, token_list *out, err *e) {
    unsigned flags = TOKENIZE_ADD_SPECIAL | (special ? TOKENIZE_PARSE_SPECIAL : 0);
    if (!tokenizer_encode(l->tokenizer, buf_str(text), text->len, flags, out, e)) return false;
    /* a post-processor may close the text with EOS: its continuation has yet to come */
    if (out->n && tokenizer_adds_eos(l->tokenizer) && out->ids[out->n - 1] == tokenizer_eos(l->tokenizer)) out->n--;
    if (out->n) return true;
    return err_set(e, ERR_USAGE, "the prompt is empty") || err_hint(e, "this model has no token that begins a text: give it at least a word");
}
