#include "infer/dry.h"
#include "base/mem.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>

const char *const dry_default_breakers[4] = { "\n", ":", "\"", "*" };

/* A way to spell a breaker: the token that holds it or its beginning, and the tokens of the rest. */
typedef struct spelling {
    int32_t head;
    uint32_t tail, n_tail;
} spelling;

struct dry_breakers {
    _Atomic int holders;
    spelling *all; /* by head, then in the order of the texts */
    size_t n, cap;
    token_list tails;
};

dry_breakers *dry_breakers_ref(const dry_breakers *b) {
    dry_breakers *mine = (dry_breakers *)(uintptr_t)b;
    if (mine) atomic_fetch_add(&mine->holders, 1);
    return mine;
}

void dry_breakers_unref(const dry_breakers *b) {
    dry_breakers *mine = (dry_breakers *)(uintptr_t)b;
    if (!mine || atomic_fetch_sub(&mine->holders, 1) != 1) return;
    token_list_free(&mine->tails);
    free(mine->all);
    free(mine);
}

static void put_spelling(dry_breakers *b, spelling s) {
    if (b->n == b->cap) b->all = mem_must_grow(b->all, b->cap = b->cap ? 2 * b->cap : 256, sizeof *b->all);
    b->all[b->n++] = s;
}

/* The token ends in the first bytes of the text; the rest as the tokenizer spells it. */
static bool put_split(dry_breakers *b, const tokenizer *t, int32_t id, const char *rest, size_t n, err *e) {
    size_t at = b->tails.n;
    if (!tokenizer_encode(t, rest, n, 0, &b->tails, e)) return false;
    put_spelling(b, (spelling){ id, (uint32_t)at, (uint32_t)(b->tails.n - at) });
    return true;
}

static bool put_token(dry_breakers *b, const tokenizer *t, int32_t id, const buf *piece, const char *text, size_t n, err *e) {
    if (memmem(piece->data, piece->len, text, n)) return put_spelling(b, (spelling){ .head = id }), true;
    for (size_t k = n - 1 < piece->len ? n - 1 : piece->len; k > 0; k--)
        if (memcmp(piece->data + piece->len - k, text, k) == 0 && !put_split(b, t, id, text + k, n - k, e)) return false;
    return true;
}

static bool check_texts(const char *const *texts, size_t n, err *e) {
    if (n > DRY_MAX_BREAKERS)
        return err_set(e, ERR_USAGE, "there are too many DRY breakers") || err_expected(e, "at most %d", DRY_MAX_BREAKERS) || err_got(e, "%zu", n);
    for (size_t i = 0; i < n; i++)
        if (!*texts[i] || strlen(texts[i]) > DRY_BREAKER_BYTES)
            return err_set(e, ERR_USAGE, "DRY breaker %zu has an impossible length", i + 1) || err_expected(e, "1 to %d bytes", DRY_BREAKER_BYTES) ||
                   err_got(e, "%zu", strlen(texts[i]));
    return true;
}

/* One vocabulary entry after the other, so that the list is by head. */
dry_breakers *dry_breakers_new(const tokenizer *t, const char *const *texts, size_t n, err *e) {
    if (!check_texts(texts, n, e)) return NULL;
    dry_breakers *b = mem_must(1, sizeof *b);
    buf piece = { 0 };
    bool ok = true;
    b->holders = 1;
    for (size_t id = 0; id < tokenizer_n_tokens(t) && ok; id++) {
        piece.len = 0;
        if (!tokenizer_piece(t, (int32_t)id, false, true, &piece) || !piece.len) continue;
        for (size_t i = 0; i < n && ok; i++) ok = put_token(b, t, (int32_t)id, &piece, texts[i], strlen(texts[i]), e);
    }
    buf_free(&piece);
    if (ok) return b;
    dry_breakers_unref(b);
    return NULL;
}

/* The spellings that begin with a token. */
static const spelling *spellings_of(const dry_breakers *b, int32_t head, size_t *n) {
    size_t low = 0, high = b ? b->n : 0, end;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (b->all[mid].head < head) low = mid + 1;
        else high = mid;
    }
    for (end = low; b && end < b->n && b->all[end].head == head;) end++;
    *n = end - low;
    return *n ? b->all + low : NULL;
}

static bool is_breaker(const dry_breakers *b, int32_t id) {
    size_t n;
    const spelling *s = spellings_of(b, id, &n);
    for (size_t i = 0; i < n; i++)
        if (!s[i].n_tail) return true;
    return false;
}

/* How many tokens at the end of text[0..n) stand behind the last breaker. */
static size_t after_breaker(const dry_breakers *b, const int32_t *text, size_t n) {
    for (size_t back = 0; b && back < n; back++) { /* tokens behind the head */
        size_t k, longest = 0;
        bool found = false;
        const spelling *s = spellings_of(b, text[n - 1 - back], &k);
        for (size_t i = 0; i < k; i++) {
            if (s[i].n_tail > back || (s[i].n_tail && memcmp(text + n - back, b->tails.ids + s[i].tail, s[i].n_tail * sizeof *text) != 0)) continue;
            found = true;
            if (s[i].n_tail > longest) longest = s[i].n_tail;
        }
        if (found) return back - longest;
    }
    return n;
}

/* repeats[k]: how many tokens before place n-1-k agree with the last ones, itself included: the Z function of the text backwards. */
static void count_repeats(const int32_t *text, size_t n, int32_t *repeats) {
    const int32_t *last = text + n - 1;
    size_t from = 0, to = 0; /* backwards, [from, to) is known to agree with the end */
    repeats[0] = (int32_t)n;
    for (size_t k = 1; k < n; k++) {
        size_t z = k < to ? (size_t)repeats[k - from] : 0;
        if (k < to && z > to - k) z = to - k;
        while (k + z < n && last[-(ptrdiff_t)z] == last[-(ptrdiff_t)(k + z)]) z++;
        repeats[k] = (int32_t)z;
        if (k + z > to) from = k, to = k + z;
    }
}

static float penalty(const dry_params *p, uint32_t length) {
    float base = p->base ? p->base : 1.75f;
    return p->multiplier * powf(base, (float)length);
}

void dry_penalize(const dry_params *p, float *logits, const int32_t *tokens, size_t n, dry_scratch *s, int32_t *count) {
    size_t allowed = p->allowed ? p->allowed : 2, window = p->last && p->last < n ? p->last : n;
    const int32_t *text = tokens + n - window;
    if (p->multiplier == 0 || window <= allowed) return;
    size_t most = after_breaker(p->breakers, text, window);
    if (most < allowed) return;
    if (s->cap < window) s->repeats = mem_must_grow(s->repeats, s->cap = 2 * window, sizeof *s->repeats);
    count_repeats(text, window, s->repeats);
    for (size_t k = 1; k < window; k++) { /* what followed there would follow again */
        int32_t length = s->repeats[k] < (int32_t)most ? s->repeats[k] : (int32_t)most, *longest = &count[text[window - k]];
        if (length >= (int32_t)allowed && length > *longest) *longest = length;
    }
    for (size_t i = 0; i < window; i++) {
        int32_t *longest = &count[text[i]];
        if (*longest && !is_breaker(p->breakers, text[i])) logits[text[i]] -= penalty(p, (uint32_t)*longest - (uint32_t)allowed);
        *longest = 0;
    }
}
