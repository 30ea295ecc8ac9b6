#include "infer/seq.h"
#include "base/mem.h"
#include <assert.h>
#include <string.h>

void seq_init(seq *s, const int32_t *tokens, size_t n, const kv_name *root, uint8_t rope, bool share) {
    *s = (seq){ .n = n, .cap = n + 256, .root = *root, .name = *root, .rope = rope, .share = share };
    s->tokens = mem_must(s->cap, sizeof *s->tokens);
    memcpy(s->tokens, tokens, n * sizeof *tokens);
}

void seq_free(seq *s, kv *k) {
    seq_drop_pages(s, k);
    free(s->tokens);
    free(s->pages);
    *s = (seq){ 0 };
}

void seq_push(seq *s, int32_t token) {
    if (s->n == s->cap) s->tokens = mem_must_grow(s->tokens, s->cap *= 2, sizeof *s->tokens);
    s->tokens[s->n++] = token;
}

static void put_page(seq *s, uint32_t page) {
    if (s->n_pages == s->cap_pages) {
        s->cap_pages = s->cap_pages ? 2 * s->cap_pages : 16;
        s->pages = mem_must_grow(s->pages, s->cap_pages, sizeof *s->pages);
    }
    s->pages[s->n_pages++] = page;
}

/* The last token is always computed: its logits are wanted, and only K and V are kept. */
size_t seq_adopt_prefix(seq *s, kv *k) {
    uint32_t per = kv_view_of(k)->page_tokens;
    if (!s->share || s->n_pages) return 0;
    while ((s->n_sealed + 1) * per < s->n) {
        kv_name next = kv_name_next(&s->name, s->tokens + s->n_sealed * per, per);
        int64_t page = kv_find(k, &next);
        if (page == KV_NO_PAGE) break;
        put_page(s, (uint32_t)page);
        s->name = next;
        s->n_sealed++;
    }
    return s->n_cached = s->n_sealed * per;
}

bool seq_reserve(seq *s, kv *k, size_t n_tokens) {
    uint32_t per = kv_view_of(k)->page_tokens;
    while (s->n_pages * per < n_tokens) {
        int64_t page = kv_take(k);
        if (page == KV_NO_PAGE) return false;
        put_page(s, (uint32_t)page);
    }
    return true;
}

/* Full pages of tokens that stay get their names. */
static void seal_pages(seq *s, kv *k) {
    uint32_t per = kv_view_of(k)->page_tokens;
    size_t sure = s->n - s->n_proposed, n = s->n_cached < sure ? s->n_cached : sure;
    if (!s->share) return;
    for (; (s->n_sealed + 1) * per <= n; s->n_sealed++) {
        s->name = kv_name_next(&s->name, s->tokens + s->n_sealed * per, per);
        s->pages[s->n_sealed] = kv_seal(k, s->pages[s->n_sealed], &s->name);
    }
}

void seq_advance(seq *s, kv *k, size_t n_tokens) {
    assert(n_tokens <= s->n && n_tokens <= s->n_pages * kv_view_of(k)->page_tokens);
    s->n_cached = n_tokens;
    seal_pages(s, k);
}

void seq_propose(seq *s, const int32_t *tokens, size_t n) {
    for (size_t i = 0; i < n; i++) seq_push(s, tokens[i]);
    s->n_proposed += n;
}

/* The next token's page is kept; those taken for guesses alone go back, others may need them more. */
void seq_settle(seq *s, kv *k, size_t n_right) {
    uint32_t per = kv_view_of(k)->page_tokens;
    assert(n_right <= s->n_proposed);
    if (!s->n_proposed) return;
    s->n -= s->n_proposed - n_right;
    s->n_proposed = 0;
    if (s->n_cached > s->n) s->n_cached = s->n;
    while (s->n_pages > s->n / per + 1) kv_release(k, s->pages[--s->n_pages]);
    seal_pages(s, k);
}

void seq_rewind(seq *s, kv *k, size_t n_tokens) {
    uint32_t per = kv_view_of(k)->page_tokens;
    assert(n_tokens <= s->n && !s->n_proposed);
    s->n = n_tokens;
    if (s->n_cached > n_tokens) s->n_cached = n_tokens;
    size_t keep_sealed = s->n_cached / per < s->n_sealed ? s->n_cached / per : s->n_sealed;
    size_t keep = s->n_sealed > keep_sealed ? keep_sealed : (s->n_cached + per - 1) / per;
    while (s->n_pages > keep) kv_release(k, s->pages[--s->n_pages]);
    if (s->n_cached > s->n_pages * per) s->n_cached = s->n_pages * per;
    if (keep_sealed == s->n_sealed) return;
    s->n_sealed = keep_sealed;
    s->name = s->root;
    for (size_t i = 0; i < keep_sealed; i++) s->name = kv_name_next(&s->name, s->tokens + i * per, per);
}

void seq_drop_pages(seq *s, kv *k) {
    while (s->n_pages) kv_release(k, s->pages[--s->n_pages]);
    s->n_cached = s->n_sealed = 0;
    s->name = s->root;
}
