#include "grammar/plain.h"

enum { NOWHERE = UINT32_MAX, SEVERAL = UINT32_MAX - 1, CLASSES = 61, LONGEST = 40 /* characters: hardly a token has more */ };

uint64_t plain_class(uint8_t byte) {
    if (byte >= 'a' && byte <= 'z') return byte <= 'f' ? 1 : 2;
    if (byte >= 'A' && byte <= 'Z') return byte <= 'F' ? 4 : 8;
    if (byte >= '0' && byte <= '9') return byte == '0' ? 16 : 32;
    if (byte < ' ') return byte == '\t' ? 64 : byte == '\n' ? 128 : byte == '\r' ? 256 : 512;
    int nth = byte < '0' ? byte - ' ' : byte < 'A' ? byte - ':' + 16 : byte < 'a' ? byte - '[' + 23 : byte - '{' + 29;
    return 1024ull << nth;
}

/* Table 3-7 of the Unicode Standard: the first byte, the range of the second, how many follow. */
static const struct { uint8_t first, last, lo, hi, more; } leads[] = {
    { 0xc2, 0xdf, 0x80, 0xbf, 1 }, { 0xe0, 0xe0, 0xa0, 0xbf, 2 }, { 0xe1, 0xec, 0x80, 0xbf, 2 }, { 0xed, 0xed, 0x80, 0x9f, 2 },
    { 0xee, 0xef, 0x80, 0xbf, 2 }, { 0xf0, 0xf0, 0x90, 0xbf, 3 }, { 0xf1, 0xf3, 0x80, 0xbf, 3 }, { 0xf4, 0xf4, 0x80, 0x8f, 3 } };
enum { LEADS = sizeof leads / sizeof *leads };

uint64_t plain_read(plain_reader *r, uint8_t byte) {
    bool inside = r->left > 0, fits = inside && byte >= r->lo && byte <= r->hi;
    *r = (plain_reader){ fits ? (uint8_t)(r->left - 1) : 0, 0x80, 0xbf };
    if (inside) return PLAIN_INSIDE | (fits ? 0 : PLAIN_BROKEN);
    if (byte < 0x80) return plain_class(byte);
    for (size_t i = 0; i < LEADS; i++)
        if (byte >= leads[i].first && byte <= leads[i].last) return *r = (plain_reader){ leads[i].more, leads[i].lo, leads[i].hi }, PLAIN_BEYOND;
    return PLAIN_BROKEN;
}

/* ---- what a node takes ---- */

static bool calls(const program *p, uint32_t node) { return p->nodes[node + 1].calls > p->nodes[node].calls; }

/* Within a character nothing else may happen. */
static bool is_inner(const program *p, uint32_t node) { return !p->nodes[node].accept && !calls(p, node); }

/* Where every byte of lo..hi, and then `more` of any later bytes of a character, lead: one node, or SEVERAL (or nowhere, some of them). */
static uint32_t after_bytes(const program *p, uint32_t node, unsigned lo, unsigned hi, unsigned more) {
    uint32_t all = NOWHERE;
    for (uint32_t k = p->nodes[node].edges; k < p->nodes[node + 1].edges && lo <= hi; k++) {
        const program_edge *e = &p->edges[k];
        if (e->hi < lo) continue;
        if (e->lo > lo) return SEVERAL;
        uint32_t to = e->to;
        if (more) to = is_inner(p, to) ? after_bytes(p, to, 0x80, 0xbf, more - 1) : SEVERAL;
        if (to == SEVERAL || (all != NOWHERE && to != all)) return SEVERAL;
        all = to;
        lo = e->hi + 1u;
    }
    return lo <= hi ? SEVERAL : all;
}

/* Where every character beyond ASCII leads. */
static uint32_t after_beyond(const program *p, uint32_t node) {
    uint32_t all = NOWHERE;
    for (size_t i = 0; i < LEADS; i++)
        for (unsigned b = leads[i].first; b <= leads[i].last;) {
            uint32_t k = p->nodes[node].edges, end = p->nodes[node + 1].edges;
            while (k < end && p->edges[k].hi < b) k++;
            if (k == end || p->edges[k].lo > b) return SEVERAL;
            uint32_t inner = p->edges[k].to, to = is_inner(p, inner) ? after_bytes(p, inner, leads[i].lo, leads[i].hi, leads[i].more - 1u) : SEVERAL;
            if (to == SEVERAL || (all != NOWHERE && to != all)) return SEVERAL;
            all = to;
            b = p->edges[k].hi + 1u;
        }
    return all;
}

/* Where each class leads, SEVERAL when its characters part. */
static void after_classes(const program *p, uint32_t node, uint32_t *to) {
    uint32_t k = p->nodes[node].edges, end = p->nodes[node + 1].edges;
    for (int i = 0; i < CLASSES; i++) to[i] = NOWHERE;
    for (unsigned b = 0; b < 0x80; b++) {
        while (k < end && p->edges[k].hi < b) k++;
        uint32_t there = k < end && p->edges[k].lo <= b ? p->edges[k].to : SEVERAL, *known = &to[__builtin_ctzll(plain_class((uint8_t)b))];
        *known = *known == NOWHERE || *known == there ? there : SEVERAL;
    }
}

/* The node to which most classes lead. */
static void find_step(const program *p, uint32_t node, plain_run *r) {
    uint32_t to[CLASSES], beyond = after_beyond(p, node);
    int most = 0;
    after_classes(p, node, to);
    r->known = 1;
    for (int i = 0; i < CLASSES; i++) {
        uint64_t same = to[i] == beyond && beyond != SEVERAL ? PLAIN_BEYOND : 0;
        if (to[i] >= SEVERAL || r->classes >> i & 1) continue;
        for (int k = i; k < CLASSES; k++) same |= (uint64_t)(to[k] == to[i]) << k;
        if (__builtin_popcountll(same) <= most) continue;
        most = __builtin_popcountll(same);
        r->classes = same;
        r->next = to[i];
    }
}

static plain_run *step_of(plain_run *known, const program *p, uint32_t node) {
    if (!known[node].known) find_step(p, node, &known[node]);
    return &known[node];
}

/* Along the nodes that take at least the same. Called rules only add to what is taken, but they may end the rule on the way. */
const plain_run *plain_run_of(plain_run *known, const program *p, uint32_t node) {
    plain_run *r = step_of(known, p, node);
    bool silent = true;
    uint32_t at = node;
    if (r->known == 2) return r;
    r->known = 2;
    for (unsigned n = 0; n < LONGEST && r->classes; n++) {
        const plain_run *here = step_of(known, p, at);
        if (r->classes & ~here->classes) break;
        silent = silent && !calls(p, at) && !p->nodes[here->next].accept;
        bool endless = here->next == at;
        r->longest = endless ? PLAIN_ENDLESS : (uint8_t)(n + 1);
        if (silent) r->silent = r->longest;
        if (endless) break;
        at = here->next;
    }
    return r;
}
