#include "infer/kv.h"
#include "base/map.h"
#include "base/mem.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

/* A page is held (refs > 0), or free and in the list: nameless ones at the front, named ones behind, least recently used
 * first. Taking from the front is therefore eviction in the right order. */
typedef struct page_info {
    uint32_t refs;
    bool named;
    kv_name name;
    int64_t prev, next; /* in the list of free pages; KV_NO_PAGE ends it */
} page_info;

struct kv {
    kv_view view;
    uint32_t n_pages, n_free;
    page_info *pages;
    int64_t first, last;
    map *names; /* name -> page; evicted names are overwritten with KV_NO_PAGE */
    size_t bytes;
};

static void list_remove(kv *k, uint32_t page) {
    page_info *p = &k->pages[page];
    if (p->prev != KV_NO_PAGE) k->pages[p->prev].next = p->next;
    else k->first = p->next;
    if (p->next != KV_NO_PAGE) k->pages[p->next].prev = p->prev;
    else k->last = p->prev;
    k->n_free--;
}

static void list_add(kv *k, uint32_t page, bool front) {
    page_info *p = &k->pages[page];
    p->prev = front ? KV_NO_PAGE : k->last;
    p->next = front ? k->first : KV_NO_PAGE;
    if (p->prev != KV_NO_PAGE) k->pages[p->prev].next = page;
    else k->first = page;
    if (p->next != KV_NO_PAGE) k->pages[p->next].prev = page;
    else k->last = page;
    k->n_free++;
}

kv *kv_new(kv_view view, uint32_t n_pages, err *e) {
    uint64_t bytes;
    if (sodium_init() < 0) return err_set(e, ERR_IO, "libsodium cannot be initialised"), NULL;
    if (!n_pages || !kv_view_layout(&view) || !mem_mul(view.page_bytes, n_pages, &bytes) || bytes > SIZE_MAX / 2) {
        err_set(e, ERR_LIMIT, "the cache cannot have %u pages", n_pages);
        return NULL;
    }
    kv *k = mem_must(1, sizeof *k);
    k->view = view;
    k->bytes = bytes;
    k->first = k->last = KV_NO_PAGE;
    k->pages = mem_array(n_pages, sizeof *k->pages, e);
    k->names = map_new(n_pages);
    /* memory that no token has reached costs nothing; large pages, since every step reads all of it that was reached */
    void *data = k->pages ? mem_large(bytes, e) : NULL;
    if (!data) {
        err_set(e, ERR_MEMORY, "no memory for the KV cache");
        err_expected(e, "%llu bytes", (unsigned long long)bytes);
        err_hint(e, "use a shorter context (--ctx) or a smaller cache format (--cache-type q8_0)");
        k->bytes = 0;
        kv_free(k);
        return NULL;
    }
    k->view.data = data;
    for (k->n_pages = 0; k->n_pages < n_pages; k->n_pages++) list_add(k, k->n_pages, false);
    return k;
}

void kv_free(kv *k) {
    if (!k) return;
    if (k->bytes) mem_large_free(k->view.data, k->bytes);
    map_free(k->names);
    free(k->pages);
    free(k);
}

const kv_view *kv_view_of(const kv *k) { return &k->view; }
uint32_t kv_n_pages(const kv *k) { return k->n_pages; }
uint32_t kv_n_usable(const kv *k) { return k->n_free; }

static void forget(kv *k, page_info *p) {
    if (p->named) map_set(k->names, (const char *)p->name.bytes, sizeof p->name.bytes, KV_NO_PAGE);
    p->named = false;
}

/* Names of evicted pages stay in the map as holes; it is made anew when they outnumber the pages. */
static void sweep_names(kv *k) {
    if (map_count(k->names) < 4 * (size_t)k->n_pages + 1024) return;
    map_free(k->names);
    k->names = map_new(k->n_pages);
    for (uint32_t i = 0; i < k->n_pages; i++)
        if (k->pages[i].named) map_put(k->names, (const char *)k->pages[i].name.bytes, sizeof(kv_name), i);
}

int64_t kv_take(kv *k) {
    if (k->first == KV_NO_PAGE) return KV_NO_PAGE;
    uint32_t page = (uint32_t)k->first;
    list_remove(k, page);
    forget(k, &k->pages[page]);
    k->pages[page].refs = 1;
    return page;
}

void kv_hold(kv *k, uint32_t page) {
    assert(page < k->n_pages);
    if (k->pages[page].refs++ == 0) list_remove(k, page);
}

void kv_release(kv *k, uint32_t page) {
    assert(page < k->n_pages && k->pages[page].refs > 0);
    if (--k->pages[page].refs == 0) list_add(k, page, !k->pages[page].named);
}

int64_t kv_find(kv *k, const kv_name *name) {
    int64_t page = KV_NO_PAGE;
    if (!map_get(k->names, (const char *)name->bytes, sizeof name->bytes, &page) || page == KV_NO_PAGE) return KV_NO_PAGE;
    kv_hold(k, (uint32_t)page);
    return page;
}

uint32_t kv_seal(kv *k, uint32_t page, const kv_name *name) {
    assert(page < k->n_pages && k->pages[page].refs == 1 && !k->pages[page].named);
    int64_t twin = kv_find(k, name);
    if (twin != KV_NO_PAGE) {
        kv_release(k, page);
        return (uint32_t)twin;
    }
    sweep_names(k);
    k->pages[page].named = true;
    k->pages[page].name = *name;
    map_set(k->names, (const char *)name->bytes, sizeof name->bytes, page);
    return page;
}

void kv_forget_all(kv *k) {
    for (uint32_t i = 0; i < k->n_pages; i++) forget(k, &k->pages[i]);
}

void kv_check(const kv *k) {
    uint32_t listed = 0, unheld = 0;
    int64_t before = KV_NO_PAGE;
    for (int64_t p = k->first; p != KV_NO_PAGE; before = p, p = k->pages[p].next, listed++)
        assert(k->pages[p].refs == 0 && k->pages[p].prev == before);
    assert(k->last == before && listed == k->n_free);
    for (uint32_t i = 0; i < k->n_pages; i++) {
        const page_info *p = &k->pages[i];
        int64_t found = KV_NO_PAGE;
        unheld += p->refs == 0;
        if (p->named) assert(map_get(k->names, (const char *)p->name.bytes, sizeof p->name.bytes, &found) && found == i);
    }
    assert(unheld == listed);
}

kv_name kv_name_root(const void *salt, size_t n) {
    kv_name name;
    crypto_generichash(name.bytes, sizeof name.bytes, salt, n, NULL, 0);
    return name;
}

kv_name kv_name_next(const kv_name *parent, const int32_t *tokens, size_t n) {
    kv_name name;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof name.bytes);
    crypto_generichash_update(&state, parent->bytes, sizeof parent->bytes);
    crypto_generichash_update(&state, (const unsigned char *)tokens, n * sizeof *tokens);
    crypto_generichash_final(&state, name.bytes, sizeof name.bytes);
    return name;
}
