/* Byte pair encoding (Sennrich et al. 2016): merges in order of rank, leftmost first among equals. Short pieces are scanned,
 * long ones use a heap: n log n in a piece. */
#include "text/tokenizer_impl.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"
#include <string.h>

typedef struct merge {
    int32_t left, right, merged;
    uint32_t rank;
} merge;

/* Merges as they are read. */
struct merge_list {
    merge *items;
    size_t n, cap;
};

typedef struct pair_slot {
    uint64_t key; /* (left << 32 | right) + 1; 0: empty */
    uint32_t rank;
    int32_t merged;
} pair_slot;

struct pair_table {
    pair_slot *slots;
    size_t mask;
};

static uint64_t pair_key(int32_t left, int32_t right) { return ((uint64_t)left << 32 | (uint32_t)right) + 1; }
static size_t pair_home(const struct pair_table *p, uint64_t key) { return (size_t)((key * 0x9e3779b97f4a7c15u) >> 24) & p->mask; }

static pair_slot *pair_find(const struct pair_table *p, uint64_t key) {
    for (size_t i = pair_home(p, key);; i = (i + 1) & p->mask)
        if (p->slots[i].key == key || !p->slots[i].key) return &p->slots[i];
}

static void merges_free(tokenizer *t) {
    if (t->merges) free(t->merges->items);
    free(t->merges);
    t->merges = NULL;
}

void bpe_free(tokenizer *t) {
    merges_free(t);
    if (t->pairs) free(t->pairs->slots);
    free(t->pairs);
}

static void expect(tokenizer *t, size_t n_merges) {
    if (!t->merges) t->merges = mem_must(1, sizeof *t->merges);
    if (n_merges <= t->merges->cap) return;
    t->merges->cap = n_merges;
    t->merges->items = mem_must_grow(t->merges->items, n_merges, sizeof *t->merges->items);
}

/* Vocabularies list what merges make in the order of the merges: most often it is the token after the last one. */
static bool find_joined(const tokenizer *t, const char *left, size_t n_left, const char *right, size_t n_right, int64_t *id) {
    char joined[2 * MAX_TOKEN_BYTES];
    const struct merge_list *l = t->merges;
    size_t next = l->n ? (size_t)l->items[l->n - 1].merged + 1 : t->n;
    const token_entry *k = next < t->n && !t->vocab.doubles && !t->vocab.n_former ? &t->tokens[next] : NULL;
    if (k && k->text && k->len == n_left + n_right && memcmp(k->text, left, n_left) == 0 && memcmp(k->text + n_left, right, n_right) == 0)
        return *id = (int64_t)next, true;
    memcpy(joined, left, n_left);
    memcpy(joined + n_left, right, n_right);
    return vocab_find(t, joined, n_left + n_right, id);
}

/* One merge, its pieces hashed. */
typedef struct pieces_of_merge {
    const char *left, *right;
    size_t n_left, n_right;
    uint64_t left_hash, right_hash;
} pieces_of_merge;

static bool add_merge(tokenizer *t, size_t rank, const pieces_of_merge *p, err *e) {
    int64_t a, b, m;
    size_t skip = t->prefix && p->n_right >= strlen(t->prefix) && memcmp(p->right, t->prefix, strlen(t->prefix)) == 0 ? strlen(t->prefix) : 0;
    if (p->n_left + p->n_right > 2 * MAX_TOKEN_BYTES) return err_set(e, ERR_FORMAT, "merge %zu is too long", rank);
    if (!t->merges || t->merges->n == t->merges->cap) expect(t, t->merges ? 2 * t->merges->n : 1 << 12);
    if (!vocab_find_hashed(t, p->left_hash, p->left, p->n_left, &a) || !vocab_find_hashed(t, p->right_hash, p->right, p->n_right, &b) ||
        !find_joined(t, p->left, p->n_left, p->right + skip, p->n_right - skip, &m))
        return err_set(e, ERR_FORMAT, "merge %zu joins pieces that the vocabulary does not have", rank) ||
               err_got(e, "'%.*s' and '%.*s'", (int)(p->n_left < 60 ? p->n_left : 60), p->left, (int)(p->n_right < 60 ? p->n_right : 60), p->right);
    t->merges->items[t->merges->n++] = (merge){ (int32_t)a, (int32_t)b, (int32_t)m, (uint32_t)rank };
    return true;
}

bool bpe_add_merge(tokenizer *t, size_t rank, const char *left, size_t n_left, const char *right, size_t n_right, err *e) {
    return add_merge(t, rank, &(pieces_of_merge){ left, right, n_left, n_right, map_hash(left, n_left), map_hash(right, n_right) }, e);
}

static bool split_merge(const vocab_text *m, size_t rank, pieces_of_merge *p, err *e) {
    const char *space = m->len > 1 ? memchr(m->data + 1, ' ', m->len - 1) : NULL;
    if (!space) return err_set(e, ERR_FORMAT, "merge %zu is not two pieces with a space between", rank);
    *p = (pieces_of_merge){ .left = m->data, .right = space + 1, .n_left = (size_t)(space - m->data) };
    p->n_right = m->len - p->n_left - 1;
    p->left_hash = map_hash(p->left, p->n_left);
    p->right_hash = map_hash(p->right, p->n_right);
    return true;
}

/* The look-ups of one merge wait for memory while the next ones have not begun: so slots are asked for some merges ahead, tokens a few. */
bool bpe_add_merges(tokenizer *t, const vocab_text *merges, size_t n, err *e) {
    enum { RING = 32, NEAR = 16 };
    pieces_of_merge ring[RING];
    expect(t, n);
    for (size_t i = 0; i < n + RING; i++) {
        if (i >= RING && !add_merge(t, i - RING, &ring[i % RING], e)) return false;
        if (i >= NEAR && i - NEAR < n) {
            vocab_touch_token(t, ring[(i - NEAR) % RING].left_hash);
            vocab_touch_token(t, ring[(i - NEAR) % RING].right_hash);
        }
        if (i >= n) continue;
        if (!split_merge(&merges[i], i, &ring[i % RING], e)) return false;
        vocab_touch_slot(t, ring[i % RING].left_hash);
        vocab_touch_slot(t, ring[i % RING].right_hash);
    }
    return true;
}

/* Text must not become a control token, so merges into one are no merges. The table is at most two thirds full. */
void bpe_finish(tokenizer *t) {
    enum { AHEAD = 16 };
    const struct merge_list *l = t->merges;
    size_t slots = 1 << 12;
    if (!l) return;
    while (slots < l->n + l->n / 2) slots *= 2;
    t->pairs = mem_must(1, sizeof *t->pairs);
    *t->pairs = (struct pair_table){ mem_must(slots, sizeof(pair_slot)), slots - 1 };
    for (size_t i = 0; i < l->n; i++) {
        const merge *m = &l->items[i];
        if (i + AHEAD < l->n) __builtin_prefetch(&t->pairs->slots[pair_home(t->pairs, pair_key(m[AHEAD].left, m[AHEAD].right))], 1);
        uint64_t key = pair_key(m->left, m->right);
        if (!tokenizer_is_control(t, m->merged)) *pair_find(t->pairs, key) = (pair_slot){ key, m->rank, m->merged }; /* a pair listed twice has its last rank, as in the reference */
    }
    merges_free(t);
}

bool find_word(const tokenizer *t, const char *text, size_t n, int64_t *id) { return vocab_find(t, text, n, id) && !tokenizer_is_control(t, (int32_t)*id); }

typedef struct symbol {
    int32_t id, prev, next; /* -1 ends; id -1: merged away */
} symbol;

typedef struct candidate {
    uint32_t rank;
    int32_t left, merged;
} candidate;

typedef struct word {
    symbol *s;
    size_t n;
    candidate *heap;
    size_t n_heap;
} word;

static const pair_slot *pair_of(const tokenizer *t, int32_t a, int32_t b) {
    if (a < 0 || b < 0 || !t->pairs) return NULL;
    const pair_slot *p = pair_find(t->pairs, pair_key(a, b));
    return p->key ? p : NULL;
}

static bool before(const candidate *a, const candidate *b) { return a->rank != b->rank ? a->rank < b->rank : a->left < b->left; }

static void heap_push(word *w, candidate c) {
    size_t i = w->n_heap++;
    for (; i && before(&c, &w->heap[(i - 1) / 2]); i = (i - 1) / 2) w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = c;
}

static candidate heap_pop(word *w) {
    candidate top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < w->n_heap; i = k) {
        if (k + 1 < w->n_heap && before(&w->heap[k + 1], &w->heap[k])) k++;
        if (!before(&w->heap[k], &last)) break;
        w->heap[i] = w->heap[k];
    }
    w->heap[i] = last;
    return top;
}

static void offer(const tokenizer *t, word *w, int32_t left) {
    if (left < 0 || w->s[left].next < 0) return;
    const pair_slot *p = pair_of(t, w->s[left].id, w->s[w->s[left].next].id);
    if (p) heap_push(w, (candidate){ p->rank, left, p->merged });
}

static void merge_at(word *w, int32_t left, int32_t merged) {
    symbol *a = &w->s[left], *b = &w->s[a->next];
    a->id = merged;
    b->id = -1;
    a->next = b->next;
    if (a->next >= 0) w->s[a->next].prev = left;
}

static void merge_long(const tokenizer *t, word *w) {
    w->heap = mem_must(3 * w->n + 1, sizeof *w->heap);
    for (size_t i = 0; i + 1 < w->n; i++) offer(t, w, (int32_t)i);
    while (w->n_heap) {
        candidate c = heap_pop(w);
        const symbol *a = &w->s[c.left];
        const pair_slot *now = a->id >= 0 && a->next >= 0 ? pair_of(t, a->id, w->s[a->next].id) : NULL;
        if (!now || now->merged != c.merged || now->rank != c.rank) continue; /* one of the two is gone */
        merge_at(w, c.left, c.merged);
        offer(t, w, w->s[c.left].prev);
        offer(t, w, c.left);
    }
    free(w->heap);
}

/* ids compacted in place; ranks of neighbouring pairs kept beside them. */
static size_t merge_short(const tokenizer *t, int32_t *id, size_t n) {
    const pair_slot *pair[64];
    for (size_t i = 0; i + 1 < n; i++) pair[i] = pair_of(t, id[i], id[i + 1]);
    while (n > 1) {
        size_t best = n;
        for (size_t i = 0; i + 1 < n; i++)
            if (pair[i] && (best == n || pair[i]->rank < pair[best]->rank)) best = i;
        if (best == n) break;
        id[best] = pair[best]->merged;
        memmove(id + best + 1, id + best + 2, (n - best - 2) * sizeof *id);
        memmove(pair + best + 1, pair + best + 2, (n - best - 2) * sizeof *pair);
        n--;
        if (best) pair[best - 1] = pair_of(t, id[best - 1], id[best]);
        if (best + 1 < n) pair[best] = pair_of(t, id[best], id[best + 1]);
    }
    return n;
}

static void put_merged(const tokenizer *t, const int32_t *ids, size_t n, token_list *out) {
    if (n <= 64) {
        int32_t id[64];
        memcpy(id, ids, n * sizeof *ids);
        n = merge_short(t, id, n);
        for (size_t i = 0; i < n; i++) token_list_put(out, id[i]);
        return;
    }
    word w = { mem_must(n, sizeof *w.s), n, NULL, 0 };
    for (size_t i = 0; i < n; i++) w.s[i] = (symbol){ ids[i], (int32_t)i - 1, i + 1 < n ? (int32_t)i + 1 : -1 };
    merge_long(t, &w);
    for (int32_t i = 0; i >= 0; i = w.s[i].next) token_list_put(out, w.s[i].id);
    free(w.s);
}

/* Characters with the model's prefix and suffix, as a vocabulary without byte alphabet wants them. */
static void char_symbols(const tokenizer *t, const char *text, size_t n, token_list *ids) {
    uint32_t cp;
    bool fused = false;
    char piece[256];
    size_t n_prefix = t->prefix ? strlen(t->prefix) : 0, n_suffix = t->suffix ? strlen(t->suffix) : 0;
    for (size_t i = 0, len; i < n; i += len) {
        int64_t id;
        len = utf8_decode(text + i, n - i, &cp);
        size_t m = i ? n_prefix : 0;
        memcpy(piece, t->prefix ? t->prefix : "", m);
        memcpy(piece + m, text + i, len);
        m += len;
        if (i + len == n) {
            memcpy(piece + m, t->suffix ? t->suffix : "", n_suffix);
            m += n_suffix;
        }
        if (find_word(t, piece, m, &id)) {
            token_list_put(ids, (int32_t)id);
            fused = false;
        } else put_unknown(t, piece, m, &fused, ids);
    }
}

void put_unknown(const tokenizer *t, const char *text, size_t n, bool *fused, token_list *out) {
    if (t->byte_fallback) {
        bool all = true;
        for (size_t i = 0; i < n; i++) all &= t->byte_ids[(unsigned char)text[i]] >= 0;
        for (size_t i = 0; all && i < n; i++) token_list_put(out, t->byte_ids[(unsigned char)text[i]]);
        if (all) return;
    }
    if (t->unk < 0 || (t->fuse_unk && *fused)) return;
    token_list_put(out, t->unk);
    *fused = true;
}

bool bpe_encode(const tokenizer *t, const char *text, size_t n, token_list *out, err *e) {
    int64_t whole;
    token_list ids = { 0 };
    int32_t small[64];
    (void)e;
    if (t->byte_level) {
        if (t->whole && map_get(t->whole, text, n, &whole)) return token_list_put(out, (int32_t)whole), true;
        int32_t *all = n <= 64 ? small : mem_must(n, sizeof *all);
        size_t count = 0;
        for (size_t i = 0; i < n; i++) {
            int32_t id = t->byte_ids[(unsigned char)text[i]];
            if (id >= 0 || (id = t->unk) >= 0) all[count++] = id;
        }
        if (count) put_merged(t, all, count, out);
        if (all != small) free(all);
        return true;
    }
    if (t->ignore_merges && find_word(t, text, n, &whole)) return token_list_put(out, (int32_t)whole), true;
    char_symbols(t, text, n, &ids);
    if (ids.n) put_merged(t, ids.ids, ids.n, out);
    token_list_free(&ids);
    return true;
}
