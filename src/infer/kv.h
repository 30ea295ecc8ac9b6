/* The pages of the KV cache. Full pages are immutable and named by a hash that covers everything their bytes depend on
 * (parent page, tokens, and the salt: model, cache format, precision, rope choice, kernels, tenant), so sharing a prefix,
 * going back, forking and eviction are one mechanism: look a name up, hold a reference, let it go. Pages without holders stay
 * findable until their memory is needed (least recently used first). Owned by the engine thread. */
#ifndef PINGTI_INFER_KV_H
#define PINGTI_INFER_KV_H
#include "base/err.h"
#include "op/kv_view.h"

enum { KV_PAGE_TOKENS = 64, KV_NO_PAGE = -1 };

typedef struct kv_name {
    unsigned char bytes[32]; /* BLAKE2b-256 */
} kv_name;

typedef struct kv kv;

/* view: its shape is set; the layout is filled here. */
kv *kv_new(kv_view view, uint32_t n_pages, err *e);
void kv_free(kv *k);
const kv_view *kv_view_of(const kv *k);
uint32_t kv_n_pages(const kv *k);
uint32_t kv_n_usable(const kv *k); /* free pages and those that eviction would free */

/* A page for new tokens, held once; evicts the least recently used nameless or unheld page. KV_NO_PAGE: all are held. */
int64_t kv_take(kv *k);
void kv_hold(kv *k, uint32_t page);
void kv_release(kv *k, uint32_t page);
/* Gives a full page its name; when another page already has it, that one is held instead and returned, and `page` released. */
uint32_t kv_seal(kv *k, uint32_t page, const kv_name *name);
int64_t kv_find(kv *k, const kv_name *name); /* held once more on success; KV_NO_PAGE */
void kv_forget_all(kv *k);                   /* drops every name: nothing is shared from now on */
void kv_check(const kv *k);                  /* asserts that counts, lists and names agree: for tests */

kv_name kv_name_root(const void *salt, size_t n);
kv_name kv_name_next(const kv_name *parent, const int32_t *tokens, size_t n);
#endif
