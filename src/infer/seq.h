/* One sequence: its tokens and the pages that hold the first n_cached of them. The last n_proposed tokens may be guesses whose
 * rows are computed to be judged (infer/speculate.h): no page is named before they are settled. Owned by the engine thread. */
#ifndef PINGTI_INFER_SEQ_H
#define PINGTI_INFER_SEQ_H
#include "infer/kv.h"
#include <stdbool.h>

typedef struct seq {
    int32_t *tokens;
    size_t n, cap;
    size_t n_proposed;   /* of n: guesses at the end */
    size_t n_cached;     /* tokens whose K and V are in the pages */
    uint32_t *pages;     /* [n_pages] */
    size_t n_pages, cap_pages;
    kv_name name;        /* of the last sealed page, or the root */
    size_t n_sealed;     /* pages that carry a name */
    kv_name root;
    uint8_t rope;        /* rope table of this session; fixed, because cached keys carry it */
    bool share;          /* pages are named and found */
} seq;

/* root: kv_name_root of everything but the tokens. Copies tokens. */
void seq_init(seq *s, const int32_t *tokens, size_t n, const kv_name *root, uint8_t rope, bool share);
void seq_free(seq *s, kv *k);          /* releases the pages */
void seq_push(seq *s, int32_t token);
size_t seq_adopt_prefix(seq *s, kv *k);          /* takes over sealed pages of the same prefix, at most n-1 tokens; returns how many tokens */
bool seq_reserve(seq *s, kv *k, size_t n_tokens);/* pages for tokens [0, n_tokens); false: none left (what was taken stays) */
void seq_advance(seq *s, kv *k, size_t n_tokens);/* tokens [0, n_tokens) are now in the cache; full pages are sealed */
void seq_rewind(seq *s, kv *k, size_t n_tokens); /* keeps tokens [0, n_tokens): a shared page is recomputed, never written */
void seq_propose(seq *s, const int32_t *tokens, size_t n); /* guesses, behind the tokens */
void seq_settle(seq *s, kv *k, size_t n_right);  /* the first n_right guesses are tokens now, the others and their K and V are gone */
void seq_drop_pages(seq *s, kv *k);              /* preemption: the tokens stay, the cache is let go */
#endif
