/* The vocabulary's index. A lookup compares 32 bits of a seeded hash before it touches a spelling, so that a vocabulary of 150,000
 * tokens is indexed in a few milliseconds and hostile ones cannot make it slow. */
#include "base/mem.h"
#include "text/tokenizer_impl.h"
#include <string.h>

enum { SMALLEST = 1 << 10 };
static const uint32_t FORMER = 1u << 31; /* ids are below 2^22 */

static bool spells(const tokenizer *t, uint32_t entry, const char *text, size_t n, int64_t *id) {
    const vocab_former *f = entry & FORMER ? &t->vocab.former[entry & ~FORMER] : NULL;
    const token_entry *k = f ? NULL : &t->tokens[entry - 1];
    *id = f ? f->id : (int64_t)entry - 1;
    return (f ? f->len : k->len) == n && (!n || memcmp(f ? f->text : k->text, text, n) == 0);
}

/* The slot of a spelling, or the empty one where it would go. */
static vocab_slot *slot_of(const tokenizer *t, uint64_t hash, const char *text, size_t n, int64_t *id) {
    const vocab_index *v = &t->vocab;
    for (size_t i = (size_t)hash & v->mask;; i = (i + 1) & v->mask) {
        vocab_slot *s = &v->slots[i];
        if (!s->entry || (s->hash == (uint32_t)(hash >> 32) && spells(t, s->entry, text, n, id))) return s;
    }
}

/* The low half of the hash is not kept: it is computed again from the spelling. */
static void resize(tokenizer *t, size_t slots) {
    vocab_index *v = &t->vocab, old = *v;
    v->slots = mem_must(slots, sizeof *v->slots);
    v->mask = slots - 1;
    for (size_t i = 0; old.slots && i <= old.mask; i++) {
        uint32_t entry = old.slots[i].entry;
        if (!entry) continue;
        const vocab_former *f = entry & FORMER ? &v->former[entry & ~FORMER] : NULL;
        size_t at = (size_t)(f ? map_hash(f->text, f->len) : map_hash(t->tokens[entry - 1].text, t->tokens[entry - 1].len)) & v->mask;
        while (v->slots[at].entry) at = (at + 1) & v->mask;
        v->slots[at] = old.slots[i];
    }
    free(old.slots);
}

void vocab_expect(tokenizer *t, size_t n) {
    size_t slots = SMALLEST;
    while (slots < n + n / 2) slots *= 2;
    if (!t->vocab.slots || slots > t->vocab.mask + 1) resize(t, slots);
}

bool vocab_find_hashed(const tokenizer *t, uint64_t hash, const char *text, size_t n, int64_t *id) {
    return t->vocab.slots && slot_of(t, hash, text, n, id)->entry;
}

bool vocab_find(const tokenizer *t, const char *text, size_t n, int64_t *id) { return vocab_find_hashed(t, map_hash(text, n), text, n, id); }

void vocab_touch_slot(const tokenizer *t, uint64_t hash) {
    if (t->vocab.slots) __builtin_prefetch(&t->vocab.slots[(size_t)hash & t->vocab.mask]);
}

void vocab_touch_token(const tokenizer *t, uint64_t hash) {
    const vocab_index *v = &t->vocab;
    for (size_t i = (size_t)hash & v->mask; v->slots && v->slots[i].entry; i = (i + 1) & v->mask)
        if (v->slots[i].hash == (uint32_t)(hash >> 32)) {
            if (!(v->slots[i].entry & FORMER)) __builtin_prefetch(&t->tokens[v->slots[i].entry - 1]);
            return;
        }
}

void vocab_put(tokenizer *t, int32_t id) {
    const token_entry *k = &t->tokens[id];
    int64_t there = id;
    vocab_expect(t, t->vocab.count + 1);
    uint64_t hash = map_hash(k->text, k->len);
    vocab_slot *s = slot_of(t, hash, k->text, k->len, &there);
    if (s->entry) {
        t->vocab.doubles |= there != id;
        return;
    }
    *s = (vocab_slot){ (uint32_t)(hash >> 32), (uint32_t)id + 1 };
    t->vocab.count++;
}

void vocab_replaced(tokenizer *t, int32_t id) {
    const token_entry *k = &t->tokens[id];
    vocab_index *v = &t->vocab;
    int64_t there = -1;
    if (!k->text || !v->slots) return;
    vocab_slot *s = slot_of(t, map_hash(k->text, k->len), k->text, k->len, &there);
    if (s->entry != (uint32_t)id + 1) return; /* found under another id, or as a former spelling already */
    v->former = mem_must_grow(v->former, v->n_former + 1, sizeof *v->former);
    v->former[v->n_former] = (vocab_former){ k->text, k->len, id };
    s->entry = FORMER | (uint32_t)v->n_former++;
}

void vocab_free(vocab_index *v) {
    free(v->slots);
    free(v->former);
}
