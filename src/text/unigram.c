/* Unigram language model (Kudo 2018): the segmentation of highest total score, by Viterbi over a prefix tree. */
#include "text/tokenizer_impl.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <math.h>

typedef struct best_path {
    double score;
    size_t from;
    int32_t id;
} best_path;

static const double UNK_PENALTY = 10;

static void relax(best_path *b, size_t from, double score, int32_t id) {
    if (score > b->score) *b = (best_path){ score, from, id };
}

static double add(const tokenizer *t, double a, double b) { return t->float_sums ? (double)(float)(a + b) : a + b; }

static void edges_from(const tokenizer *t, const char *text, size_t n, size_t i, size_t len, best_path *best) {
    uint32_t node = 0;
    int32_t id;
    bool single = false;
    for (size_t k = i; k < n && (node = trie_step(t->trie, node, (unsigned char)text[k], &id)); k++) {
        if (id < 0 || tokenizer_is_control(t, id)) continue; /* text must not become one */
        bool user = t->float_sums && t->tokens[id].type == TOKEN_USER; /* SentencePiece favours them beyond any score */
        double score = user ? (double)((float)(k + 1 - i) * (float)t->unigram_max) - 0.1 : t->scores[id];
        relax(&best[k + 1], i, add(t, best[i].score, score), id);
        single |= k + 1 - i == len;
    }
    if (!single) relax(&best[i + len], i, add(t, best[i].score, t->min_score - UNK_PENALTY), -1);
}

bool unigram_encode(const tokenizer *t, const char *text, size_t n, token_list *out, err *e) {
    best_path *best = mem_array(n + 1, sizeof *best, e);
    size_t *cuts = mem_array(n + 1, sizeof *cuts, e), n_cuts = 0;
    bool ok = best && cuts, fused = false;
    uint32_t cp;
    for (size_t i = 1; ok && i <= n; i++) best[i].score = -INFINITY;
    for (size_t i = 0, len; ok && i < n; i += len) edges_from(t, text, n, i, len = utf8_decode(text + i, n - i, &cp), best);
    for (size_t at = n; ok && at; at = best[at].from) cuts[n_cuts++] = at;
    for (size_t i = n_cuts, from = 0; i-- > 0; from = cuts[i]) {
        const best_path *b = &best[cuts[i]];
        if (b->id >= 0) {
            token_list_put(out, b->id);
            fused = false;
        } else put_unknown(t, text + from, cuts[i] - from, &fused, out);
    }
    free(best);
    free(cuts);
    return ok;
}
