#include "text/tokenizer_impl.h"
#include "base/mem.h"

/* Nodes with their children in a hash table keyed by (node, byte): small, and independent of how the alphabet is used. */
typedef struct edge {
    uint64_t key; /* (node << 8 | byte) + 1; 0: empty */
    uint32_t to;
} edge;

struct trie {
    edge *edges;
    size_t mask, count;
    int32_t *ids; /* of each node */
    uint32_t n, cap;
};

trie *trie_new(void) {
    trie *t = mem_must(1, sizeof *t);
    t->mask = 1023;
    t->edges = mem_must(t->mask + 1, sizeof *t->edges);
    t->cap = 1024;
    t->ids = mem_must(t->cap, sizeof *t->ids);
    t->ids[0] = -1;
    t->n = 1;
    return t;
}

void trie_free(trie *t) {
    if (!t) return;
    free(t->edges);
    free(t->ids);
    free(t);
}

static edge *find(const trie *t, uint64_t key) {
    for (size_t i = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & t->mask;; i = (i + 1) & t->mask)
        if (t->edges[i].key == key || !t->edges[i].key) return &t->edges[i];
}

static void grow(trie *t) {
    trie bigger = *t;
    bigger.mask = t->mask * 2 + 1;
    bigger.edges = mem_must(bigger.mask + 1, sizeof *bigger.edges);
    for (size_t i = 0; i <= t->mask; i++)
        if (t->edges[i].key) *find(&bigger, t->edges[i].key) = t->edges[i];
    free(t->edges);
    *t = bigger;
}

static uint32_t child(trie *t, uint32_t node, unsigned char byte) {
    if (t->count * 2 > t->mask) grow(t);
    edge *e = find(t, ((uint64_t)node << 8 | byte) + 1);
    if (e->key) return e->to;
    if (t->n == t->cap) t->ids = mem_must_grow(t->ids, t->cap *= 2, sizeof *t->ids);
    t->ids[t->n] = -1;
    *e = (edge){ ((uint64_t)node << 8 | byte) + 1, t->n };
    t->count++;
    return t->n++;
}

void trie_put(trie *t, const char *key, size_t n, int32_t id) {
    uint32_t node = 0;
    for (size_t i = 0; i < n; i++) node = child(t, node, (unsigned char)key[i]);
    if (n) t->ids[node] = id;
}

uint32_t trie_step(const trie *t, uint32_t node, unsigned char byte, int32_t *id) {
    const edge *e = find(t, ((uint64_t)node << 8 | byte) + 1);
    if (!e->key) return 0;
    *id = t->ids[e->to];
    return e->to;
}
