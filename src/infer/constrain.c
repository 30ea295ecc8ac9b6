#include "infer/constrain.h"

static size_t count_allowed(const uint64_t *bits, size_t n_tokens) {
    size_t n = 0;
    for (size_t i = 0; i < (n_tokens + 63) / 64; i++) n += (size_t)__builtin_popcountll(bits[i]);
    return n;
}

static bool nothing_fits(err *e) {
    return err_set(e, ERR_FORMAT, "no token of the vocabulary can go on as the grammar demands") ||
           err_hint(e, "the grammar asks for characters that the model cannot write");
}

/* A bias may forbid what the grammar demands: then there is no answer, rather than one that breaks either. */
static bool was_forbidden(const request *r, err *e) {
    const char *by = r->grammar ? "the grammar" : "the word to heal";
    return err_set(e, ERR_USAGE, "every token that %s allows here is forbidden or has no logit that is a number", by) ||
           err_hint(e, "lift the logit biases of -100, or change %s", by);
}

static bool draw_allowed(request *r, const float *logits, size_t n_vocab, size_t n_known, const int32_t *tokens, size_t n, sample_scratch *scratch,
                         sampled *out) {
    if (!grammar_state_mask(r->grammar, scratch->mask, &r->error)) return false;
    size_t allowed = count_allowed(scratch->mask, n_known);
    if (!allowed) return nothing_fits(&r->error);
    scratch->allowed = scratch->mask;
    *out = sample_token(&r->options.sample, &r->sampler, logits, n_vocab, n_known, tokens, n, r->options.n_prompt, scratch);
    scratch->allowed = NULL;
    if (out->id == SAMPLE_NOTHING) return was_forbidden(r, &r->error);
    r->usage.forced_tokens += allowed == 1;
    return grammar_state_advance(r->grammar, out->id, &r->error);
}

static bool is_stop(const request *r, int32_t id) {
    for (size_t i = 0; i < r->options.n_stop_ids && !r->options.ignore_stop; i++)
        if (r->stop_ids[i] == id) return true;
    return false;
}

/* A token of the model's thinking: nothing is demanded of it but that the answer does not end there. */
static bool think_on(request *r, int32_t id) {
    reasoning_step step = reasoning_put(&r->thinking, grammar_vocabulary(r->options.grammar), id);
    if (step == REASONING_ENDS) r->grammar = r->waiting, r->waiting = NULL;
    if (step == REASONING_ENDS) return true;
    if (step == REASONING_ENDS_WITHIN) return err_set(&r->error, ERR_FORMAT, "the token that ends the model's thinking goes on with other text, which no grammar was asked about");
    if (!is_stop(r, id)) return true;
    return err_set(&r->error, ERR_FORMAT, "the model ended its answer while it was thinking: nothing follows the grammar") ||
           err_hint(&r->error, "ask again with another seed, or a template that does not make the model think");
}

bool constrain_token(request *r, const float *logits, size_t n_vocab, size_t n_known, const int32_t *tokens, size_t n, sample_scratch *scratch,
                     sampled *out) {
    if (r->grammar) return draw_allowed(r, logits, n_vocab, n_known, tokens, n, scratch, out);
    scratch->allowed = n == r->options.n_prompt ? r->first_allowed : NULL;
    *out = sample_token(&r->options.sample, &r->sampler, logits, n_vocab, n_known, tokens, n, r->options.n_prompt, scratch);
    scratch->allowed = NULL;
    if (out->id == SAMPLE_NOTHING) return was_forbidden(r, &r->error);
    return !r->waiting || think_on(r, out->id);
}

bool constrain_is_over(const request *r) { return r->grammar && grammar_state_is_over(r->grammar); }
