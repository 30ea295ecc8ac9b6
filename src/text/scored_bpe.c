/* SentencePiece's BPE (Kudo, Richardson 2018): adjacent symbols whose joined text is in the vocabulary merge, the best score
 * first, leftmost among equals; what is left over becomes bytes or unk. */
#include "text/tokenizer_impl.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <string.h>

typedef struct symbol {
    size_t from, to;
    int32_t prev, next;
    bool frozen; /* a user-defined piece: never merges */
} symbol;

typedef struct candidate {
    double score;
    int32_t left, right;
    size_t bytes; /* of both, to see whether they are still what they were */
} candidate;

typedef struct merge_state {
    const tokenizer *t;
    const char *text;
    symbol *s;
    size_t n;
    candidate *heap;
    size_t n_heap, cap_heap;
} merge_state;

static bool before(const candidate *a, const candidate *b) { return a->score != b->score ? a->score > b->score : a->left < b->left; }

static void push(merge_state *m, candidate c) {
    if (m->n_heap == m->cap_heap) {
        m->cap_heap = m->cap_heap ? 2 * m->cap_heap : 64;
        m->heap = mem_must_grow(m->heap, m->cap_heap, sizeof *m->heap);
    }
    size_t i = m->n_heap++;
    for (; i && before(&c, &m->heap[(i - 1) / 2]); i = (i - 1) / 2) m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = c;
}

static candidate pop(merge_state *m) {
    candidate top = m->heap[0], last = m->heap[--m->n_heap];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < m->n_heap; i = k) {
        if (k + 1 < m->n_heap && before(&m->heap[k + 1], &m->heap[k])) k++;
        if (!before(&m->heap[k], &last)) break;
        m->heap[i] = m->heap[k];
    }
    m->heap[i] = last;
    return top;
}

static bool usable(const tokenizer *t, int64_t id) { return t->tokens[id].type != TOKEN_CONTROL && t->tokens[id].type != TOKEN_UNKNOWN; }

static void offer(merge_state *m, int32_t left, int32_t right) {
    int64_t id;
    if (left < 0 || right < 0 || m->s[left].frozen || m->s[right].frozen) return;
    size_t from = m->s[left].from, bytes = m->s[right].to - from;
    if (!vocab_find(m->t, m->text + from, bytes, &id) || !usable(m->t, id)) return;
    push(m, (candidate){ m->t->scores[id], left, right, bytes });
}

static size_t user_piece(const tokenizer *t, const char *text, size_t n) {
    uint32_t node = 0;
    size_t best = 0;
    int32_t id;
    for (size_t i = 0; t->user && i < n && (node = trie_step(t->user, node, (unsigned char)text[i], &id)); i++)
        if (id >= 0) best = i + 1;
    return best;
}

static void split(merge_state *m, size_t n) {
    uint32_t cp;
    m->s = mem_must(n, sizeof *m->s);
    for (size_t i = 0, len; i < n; i += len) {
        size_t user = user_piece(m->t, m->text + i, n - i);
        len = user ? user : utf8_decode(m->text + i, n - i, &cp);
        if (!len) len = 1; /* a user-defined piece ended inside a code point */
        m->s[m->n] = (symbol){ i, i + len, (int32_t)m->n - 1, i + len < n ? (int32_t)m->n + 1 : -1, user > 0 };
        m->n++;
    }
}

bool scored_bpe_encode(const tokenizer *t, const char *text, size_t n, token_list *out, err *e) {
    merge_state m = { .t = t, .text = text };
    bool fused = false;
    (void)e;
    split(&m, n);
    for (size_t i = 0; i + 1 < m.n; i++) offer(&m, (int32_t)i, (int32_t)i + 1);
    while (m.n_heap) {
        candidate c = pop(&m);
        symbol *a = &m.s[c.left], *b = &m.s[c.right];
        if (a->from == a->to || b->from == b->to || b->to - a->from != c.bytes || a->next != c.right) continue;
        a->to = b->to;
        b->from = b->to;
        a->next = b->next;
        if (a->next >= 0) m.s[a->next].prev = c.left;
        offer(&m, a->prev, c.left);
        offer(&m, c.left, a->next);
    }
    for (int32_t i = m.n ? 0 : -1; i >= 0; i = m.s[i].next) {
        int64_t id;
        size_t len = m.s[i].to - m.s[i].from;
        if (vocab_find(t, text + m.s[i].from, len, &id) && usable(t, id)) {
            token_list_put(out, (int32_t)id);
            fused = false;
        } else put_unknown(t, text + m.s[i].from, len, &fused, out);
    }
    free(m.s);
    free(m.heap);
    return true;
}
