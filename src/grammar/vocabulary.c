#include "grammar/vocabulary.h"
#include "base/mem.h"
#include "grammar/plain.h"
#include <stdatomic.h>
#include <string.h>

enum { LONGEST_TOKEN = 1024 }; /* bytes; longer ones are never allowed: their text can be said in pieces */

typedef struct spelling {
    const unsigned char *bytes;
    uint32_t n;
    int32_t id;
} spelling;

typedef struct spellings {
    size_t *at;  /* [n_tokens + 1] into bytes */
    buf bytes;
    token_trie trie;
} spellings;

struct vocabulary {
    _Atomic int holders;
    size_t n;
    spellings running, first;
    bool first_differs;
    int32_t *end_ids;
    size_t n_end_ids;
};

static bool is_text(const vocabulary *v, const tokenizer *t, int32_t id) {
    int type = tokenizer_type_of(t, id);
    return (type == TOKEN_NORMAL || type == TOKEN_BYTE) && !tokenizer_is_eog(t, id) && !vocabulary_is_end(v, id);
}

static bool collect(const vocabulary *v, spellings *s, const tokenizer *t, bool first, err *e) {
    size_t n = v->n;
    if (!(s->at = mem_array(n + 1, sizeof *s->at, e))) return false;
    for (size_t id = 0; id < n; id++) {
        s->at[id] = s->bytes.len;
        if (!is_text(v, t, (int32_t)id)) continue;
        tokenizer_piece(t, (int32_t)id, first, false, &s->bytes);
        if (s->bytes.len - s->at[id] > LONGEST_TOKEN) s->bytes.len = s->at[id];
    }
    s->at[n] = s->bytes.len;
    return true;
}

static int by_bytes(const void *pa, const void *pb) {
    const spelling *a = pa, *b = pb;
    int c = memcmp(a->bytes, b->bytes, a->n < b->n ? a->n : b->n);
    if (c) return c;
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static size_t common(const spelling *a, const spelling *b) {
    size_t n = 0, most = a->n < b->n ? a->n : b->n;
    while (n < most && a->bytes[n] == b->bytes[n]) n++;
    return n;
}

static bool trie_alloc(token_trie *t, size_t nodes, size_t ids, err *e) {
    t->byte = mem_array(nodes, sizeof *t->byte, e);
    t->depth = mem_array(nodes, sizeof *t->depth, e);
    t->end = mem_array(nodes, sizeof *t->end, e);
    t->first = mem_array(nodes + 1, sizeof *t->first, e);
    t->ids = mem_array(ids, sizeof *t->ids, e);
    t->classes = mem_array(nodes, sizeof *t->classes, e);
    t->nth = mem_array(nodes, sizeof *t->nth, e);
    t->most = mem_array(nodes, sizeof *t->most, e);
    return t->byte && t->depth && t->end && t->first && t->ids && t->classes && t->nth && t->most;
}

static void trie_free(token_trie *t) {
    free(t->byte);
    free(t->depth);
    free(t->end);
    free(t->first);
    free(t->ids);
    free(t->classes);
    free(t->nth);
    free(t->most);
}

/* What each node's texts consist of: its own byte, as read from the beginning of the token, and what comes below it. */
static void trie_classify(token_trie *t) {
    plain_reader at[LONGEST_TOKEN + 1] = { { 0 } };
    uint8_t nth[LONGEST_TOKEN + 1] = { 0 };
    for (uint32_t i = 0; i < t->n; i++) {
        unsigned depth = t->depth[i];
        at[depth] = at[depth - 1];
        t->classes[i] = plain_read(&at[depth], t->byte[i]);
        t->nth[i] = nth[depth] = (uint8_t)(nth[depth - 1] + (nth[depth - 1] < 255 && !(t->classes[i] & PLAIN_INSIDE)));
    }
    for (uint32_t i = (uint32_t)t->n; i-- > 0;) {
        t->most[i] = t->nth[i];
        for (uint32_t k = i + 1; k < t->end[i]; k = t->end[k]) {
            t->classes[i] |= t->classes[k] & ~PLAIN_INSIDE;
            if (t->most[k] > t->most[i]) t->most[i] = t->most[k];
        }
    }
}

/* Sorted spellings are the preorder of their trie: each adds the nodes beyond what it shares with the one before. */
static bool trie_build(token_trie *t, const spelling *s, size_t n, err *e) {
    size_t nodes = 0;
    for (size_t i = 0; i < n; i++) nodes += s[i].n - (i ? common(&s[i - 1], &s[i]) : 0);
    if (nodes >= UINT32_MAX) return err_set(e, ERR_LIMIT, "the vocabulary is too large for grammars");
    if (!trie_alloc(t, nodes, n, e)) return false;
    uint32_t open[LONGEST_TOKEN + 1], depth = 0;
    for (size_t i = 0; i < n; i++) {
        size_t shared = i ? common(&s[i - 1], &s[i]) : 0;
        for (; depth > shared; depth--) t->end[open[depth]] = (uint32_t)t->n;
        while (depth < s[i].n) {
            open[++depth] = (uint32_t)t->n;
            t->byte[t->n] = s[i].bytes[depth - 1];
            t->depth[t->n] = (uint16_t)depth;
            t->first[t->n++] = (uint32_t)t->n_ids;
        }
        t->ids[t->n_ids++] = s[i].id;
    }
    for (; depth > 0; depth--) t->end[open[depth]] = (uint32_t)t->n;
    t->first[t->n] = (uint32_t)t->n_ids;
    trie_classify(t);
    return true;
}

static bool make_trie(spellings *s, size_t n_tokens, err *e) {
    spelling *all = mem_array(n_tokens, sizeof *all, e);
    size_t n = 0;
    if (!all) return false;
    for (size_t id = 0; id < n_tokens; id++)
        if (s->at[id + 1] > s->at[id])
            all[n++] = (spelling){ (const unsigned char *)s->bytes.data + s->at[id], (uint32_t)(s->at[id + 1] - s->at[id]), (int32_t)id };
    qsort(all, n, sizeof *all, by_bytes);
    bool ok = trie_build(&s->trie, all, n, e);
    free(all);
    return ok;
}

static void spellings_free(spellings *s) {
    free(s->at);
    buf_free(&s->bytes);
    trie_free(&s->trie);
}

static bool same_spellings(const spellings *a, const spellings *b, size_t n) {
    return a->bytes.len == b->bytes.len && memcmp(a->at, b->at, (n + 1) * sizeof *a->at) == 0 && memcmp(buf_str(&a->bytes), buf_str(&b->bytes), a->bytes.len) == 0;
}

static bool fill(vocabulary *v, const tokenizer *t, err *e) {
    if (!collect(v, &v->running, t, false, e) || !collect(v, &v->first, t, true, e)) return false;
    v->first_differs = !same_spellings(&v->running, &v->first, v->n);
    return make_trie(&v->running, v->n, e) && (!v->first_differs || make_trie(&v->first, v->n, e));
}

vocabulary *vocabulary_new(const tokenizer *t, const int32_t *end_ids, size_t n_end_ids, err *e) {
    vocabulary *v = mem_must(1, sizeof *v);
    v->holders = 1;
    v->n = tokenizer_n_tokens(t);
    v->end_ids = mem_must(n_end_ids, sizeof *v->end_ids);
    for (size_t i = 0; i < n_end_ids; i++)
        if (end_ids[i] >= 0 && (size_t)end_ids[i] < v->n) v->end_ids[v->n_end_ids++] = end_ids[i];
    if (fill(v, t, e)) return v;
    vocabulary_unref(v);
    return NULL;
}

vocabulary *vocabulary_ref(vocabulary *v) {
    atomic_fetch_add(&v->holders, 1);
    return v;
}

void vocabulary_unref(vocabulary *v) {
    if (!v || atomic_fetch_sub(&v->holders, 1) != 1) return;
    spellings_free(&v->running);
    spellings_free(&v->first);
    free(v->end_ids);
    free(v);
}

size_t vocabulary_n_tokens(const vocabulary *v) { return v->n; }

bool vocabulary_is_end(const vocabulary *v, int32_t id) {
    for (size_t i = 0; i < v->n_end_ids; i++)
        if (v->end_ids[i] == id) return true;
    return false;
}

const int32_t *vocabulary_end_ids(const vocabulary *v, size_t *n) {
    *n = v->n_end_ids;
    return v->end_ids;
}

const unsigned char *vocabulary_bytes(const vocabulary *v, int32_t id, bool first, size_t *n) {
    const spellings *s = first && v->first_differs ? &v->first : &v->running;
    *n = 0;
    if (id < 0 || (size_t)id >= v->n) return NULL;
    *n = s->at[id + 1] - s->at[id];
    return *n ? (const unsigned char *)s->bytes.data + s->at[id] : NULL;
}

const token_trie *vocabulary_trie(const vocabulary *v, bool first) { return first && v->first_differs ? &v->first.trie : &v->running.trie; }
