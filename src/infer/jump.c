#include "infer/jump.h"
#include <string.h>

enum { FORCED_BYTES = 256 };

/* The bytes that must follow, as tokens; those spoken already are in `at`. */
typedef struct spelling {
    token_list tokens;
    size_t at;
} spelling;

static void spell(spelling *p, grammar_state *s, const tokenizer *text) {
    buf bytes = { 0 };
    err e = { 0 };
    p->tokens.n = p->at = 0;
    if (grammar_state_forced_bytes(s, &bytes, FORCED_BYTES) && !tokenizer_encode(text, buf_str(&bytes), bytes.len, 0, &p->tokens, &e)) p->tokens.n = 0;
    buf_free(&bytes);
}

/* The next token of the spelling, begun anew where the last one ended. */
static bool follow_spelling(spelling *p, grammar_state *s, const tokenizer *text, guess *out) {
    err e = { 0 };
    if (!text) return false;
    if (p->at == p->tokens.n) spell(p, s, text);
    if (p->at == p->tokens.n || !grammar_state_advance(s, p->tokens.ids[p->at], &e)) return p->at = p->tokens.n, false;
    *out = (guess){ .id = p->tokens.ids[p->at++], .kind = GUESS_SPELLED };
    return true;
}

static bool follow(grammar_state *s, const guess *old, guess *out) {
    err e = { 0 };
    int32_t id = grammar_state_forced_token(s);
    *out = id >= 0 ? (guess){ .id = id, .kind = GUESS_FORCED } : old ? *old : (guess){ 0 };
    return (id >= 0 || old) && grammar_state_advance(s, out->id, &e);
}

void jump_guess(grammar_state *s, const tokenizer *text, speculation *g, size_t most) {
    spelling p = { 0 };
    size_t n = 0, old = g->n;
    for (guess next; n < most && n < SPECULATE_MOST; n++) {
        bool spelling_on = p.at < p.tokens.n;
        if (!(spelling_on ? follow_spelling(&p, s, text, &next) : follow(s, n < old ? &g->guesses[n] : NULL, &next) || follow_spelling(&p, s, text, &next))) break;
        if (n < old && g->guesses[n].id != next.id) old = 0; /* what stood there before goes another way */
        g->guesses[n] = next;
    }
    grammar_state_rollback(s, n);
    token_list_free(&p.tokens);
    g->n = n;
    speculation_weigh(g);
}
