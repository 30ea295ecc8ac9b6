/* One GGUF part: header, metadata, tensor list. Layout after the GGUF specification (ggml, docs/gguf.md). */
#include "base/mem.h"
#include "format/foreign.h"
#include "format/gguf_impl.h"
#include "format/gguf_types.h"
#include <inttypes.h>
#include <string.h>

static bool check_version(gguf_cursor *c, uint32_t v) {
    if (v == 2 || v == 3) return true;
    if (v && (v & 0xffff) == 0) {
        gguf_bad(c, 4, ERR_UNSUPPORTED, "the file is big-endian GGUF version %" PRIu32 "; only little-endian files are read", __builtin_bswap32(v));
        return err_hint(c->e, "get the little-endian file, or convert the model again without a big-endian option");
    }
    gguf_bad(c, 4, ERR_UNSUPPORTED, "GGUF version %" PRIu32 " is not supported", v);
    err_expected(c->e, "version 2 or 3");
    err_got(c->e, "version %" PRIu32, v);
    return err_hint(c->e, v < 2 ? "version 1 was withdrawn: convert the model again with a current converter" : "a newer pingti may read it");
}

static bool take_head(gguf_cursor *c, gguf_part *p, uint64_t *n_tensors, uint64_t *n_keys) {
    if (c->size < 4 || memcmp(c->data, "GGUF", 4) != 0) return foreign_refuse(c->data, (size_t)c->size, "GGUF", c->name, c->e);
    c->at = 4;
    return gguf_take_u32(c, "the version", &p->version) && check_version(c, p->version) &&
           gguf_take_count(c, 8 + 1 + 4 + 4 + 8, GGUF_MAX_TENSORS, "the number of tensors", n_tensors) &&
           gguf_take_count(c, 8 + 1 + 4 + 1, GGUF_MAX_KEYS, "the number of metadata keys", n_keys);
}

/* A copied, NUL-terminated name; empty ones and ones with NUL inside are refused. */
static const char *keep_name(gguf *g, gguf_cursor *c, uint64_t at, gguf_text t, const char *what) {
    if (t.len == 0 || memchr(t.data, 0, t.len)) {
        gguf_bad(c, at, ERR_FORMAT, "%s is empty or contains a NUL byte", what);
        return NULL;
    }
    char *copy = arena_copy(g->names, t.data, t.len);
    if (!copy) gguf_bad(c, at, ERR_LIMIT, "the names in the file need more memory than allowed");
    return copy;
}

static bool take_type(gguf_cursor *c, const char *key, const char *what, gguf_type *type) {
    uint32_t id = 0;
    uint64_t at = c->at;
    if (!gguf_take_u32(c, what, &id)) return false;
    if (id >= GGUF_TYPE_COUNT)
        return gguf_bad(c, at, ERR_FORMAT, "key '%s' has an unknown type of %s", key, what) ||
               err_expected(c->e, "0 to %d", GGUF_TYPE_COUNT - 1) || err_got(c->e, "%" PRIu32, id);
    *type = (gguf_type)id;
    return true;
}

static bool check_bools(gguf_cursor *c, const gguf_kv *kv) {
    for (uint64_t i = 0; i < kv->n; i++)
        if (kv->at[i] > 1)
            return gguf_bad(c, (uint64_t)(kv->at - c->data) + i, ERR_FORMAT, "key '%s' holds a truth value that is neither 0 nor 1", kv->key) ||
                   err_got(c->e, "%u", kv->at[i]);
    return true;
}

static bool take_strings(gguf_cursor *c, gguf_kv *kv) {
    gguf_text t = { 0 };
    kv->at = c->data + c->at;
    for (uint64_t i = 0; i < kv->n; i++)
        if (!gguf_take_text(c, GGUF_MAX_STRING, "a string of an array", &t))
            return err_context(c->e, "key '%s', element %" PRIu64, kv->key, i);
    kv->bytes = (uint64_t)(c->data + c->at - kv->at);
    return true;
}

static bool take_array(gguf_cursor *c, gguf_kv *kv) {
    uint64_t at = c->at;
    if (!take_type(c, kv->key, "array elements", &kv->of)) return false;
    if (kv->of == GGUF_ARRAY)
        return gguf_bad(c, at, ERR_UNSUPPORTED, "key '%s' is an array of arrays, which is not supported", kv->key);
    size_t each = gguf_scalar_bytes(kv->of);
    if (!gguf_take_count(c, each ? each : 8, UINT64_MAX, "the length of an array", &kv->n)) return err_context(c->e, "key '%s'", kv->key);
    if (kv->of == GGUF_STRING) return take_strings(c, kv);
    if (!mem_mul(kv->n, each, &kv->bytes)) return gguf_bad(c, at, ERR_FORMAT, "key '%s': the size of the array overflows", kv->key);
    return gguf_take(c, kv->bytes, "an array", &kv->at) && (kv->of != GGUF_BOOL || check_bools(c, kv));
}

static bool take_value(gguf_cursor *c, gguf_kv *kv) {
    gguf_text t = { 0 };
    if (kv->type == GGUF_ARRAY) return take_array(c, kv);
    if (kv->type == GGUF_STRING) {
        bool document = strcmp(kv->key, "tokenizer.huggingface.json") == 0;
        if (!gguf_take_text(c, document ? GGUF_MAX_DOCUMENT : GGUF_MAX_STRING, "a string", &t)) return err_context(c->e, "key '%s'", kv->key);
        kv->at = (const unsigned char *)t.data;
        kv->n = kv->bytes = t.len;
        return true;
    }
    kv->n = 1;
    kv->bytes = gguf_scalar_bytes(kv->type);
    return gguf_take(c, kv->bytes, "a value", &kv->at) && (kv->type != GGUF_BOOL || check_bools(c, kv));
}

static bool take_keys(gguf *g, gguf_part *p, gguf_cursor *c, uint64_t n) {
    p->kvs = mem_array((size_t)n, sizeof *p->kvs, c->e);
    if (!p->kvs) return false;
    p->keys = map_new((size_t)n);
    for (uint64_t i = 0; i < n; i++) {
        gguf_kv *kv = &p->kvs[i];
        uint64_t at = c->at;
        gguf_text key = { 0 };
        if (!gguf_take_text(c, UINT16_MAX, "the name of a key", &key)) return err_context(c->e, "metadata key %" PRIu64, i);
        kv->key = keep_name(g, c, at, key, "the name of a key");
        if (!kv->key || !take_type(c, kv->key, "value", &kv->type) || !take_value(c, kv)) return false;
        if (!map_put(p->keys, key.data, key.len, (int64_t)i)) return gguf_bad(c, at, ERR_FORMAT, "key '%s' appears twice", kv->key);
        p->n_kvs = (size_t)i + 1;
    }
    return true;
}

/* dims and type -> bytes; every product checked. ne0 is GGUF's first, innermost dimension. */
static bool measure(gguf_cursor *c, uint64_t at, const gguf_tensor_type *type, named_tensor *t) {
    uint64_t ne0 = t->n_dims ? t->dims[t->n_dims - 1] : 1, bytes;
    char shape[96];
    named_tensor_shape(t, shape);
    if (ne0 % type->block)
        return gguf_bad(c, at, ERR_FORMAT, "tensor '%s': a row is not a whole number of %s blocks", t->name, type->name) ||
               err_expected(c->e, "a multiple of %" PRIu32, type->block) || err_got(c->e, "shape %s", shape);
    bool fits = mem_mul(ne0 / type->block, type->bytes, &bytes);
    for (uint32_t i = 0; i + 1 < t->n_dims; i++) fits = fits && mem_mul(bytes, t->dims[i], &bytes);
    if (!fits || bytes > INT64_MAX)
        return gguf_bad(c, at, ERR_FORMAT, "tensor '%s': its size in bytes overflows", t->name) || err_got(c->e, "shape %s", shape);
    t->bytes = bytes;
    return true;
}

static bool take_dims(gguf_cursor *c, named_tensor *t) {
    uint64_t at = c->at;
    if (!gguf_take_u32(c, "a tensor's number of dimensions", &t->n_dims)) return false;
    if (t->n_dims > TENSOR_MAX_DIMS)
        return gguf_bad(c, at, ERR_FORMAT, "tensor '%s' has too many dimensions", t->name) ||
               err_expected(c->e, "at most %d", TENSOR_MAX_DIMS) || err_got(c->e, "%" PRIu32, t->n_dims);
    for (uint32_t i = 0; i < t->n_dims; i++) {
        uint64_t *dim = &t->dims[t->n_dims - 1 - i];
        at = c->at;
        if (!gguf_take_u64(c, "a tensor's dimensions", dim)) return false;
        if (*dim == 0 || *dim > INT64_MAX)
            return gguf_bad(c, at, ERR_FORMAT, "tensor '%s' has a dimension out of range", t->name) ||
                   err_expected(c->e, "1 to %" PRId64, INT64_MAX) || err_got(c->e, "%" PRIu64, *dim);
    }
    return true;
}

static bool take_tensor_type(gguf *g, gguf_cursor *c, named_tensor *t, uint32_t *id) {
    uint64_t at = c->at;
    if (!gguf_take_u32(c, "a tensor's type", id)) return false;
    const gguf_tensor_type *type = gguf_type_of(*id);
    bool known = type && type->block;
    if (known && dtype_from_gguf(*id, &t->type)) return measure(c, at, type, t);
    t->type = DTYPE_COUNT;
    if (known && g->allow_unknown_types) return measure(c, at, type, t);
    if (!type)
        gguf_bad(c, at, ERR_FORMAT, "tensor '%s' has a type that does not exist (number %" PRIu32 ")", t->name, *id);
    else if (!known)
        gguf_bad(c, at, ERR_UNSUPPORTED, "tensor '%s' is of type %s, which was withdrawn from GGUF", t->name, type->name);
    else
        gguf_bad(c, at, ERR_UNSUPPORTED, "tensor '%s' is of type %s, which this build cannot compute with", t->name, type->name);
    return err_hint(c->e, "get the model in another quantization, for example Q8_0 or Q4_K_M");
}

/* The offset is kept in t->data's place until the start of the data is known. */
static bool take_tensor(gguf *g, gguf_cursor *c, named_tensor *t, uint64_t *offset) {
    uint64_t at = c->at;
    uint32_t id = 0;
    gguf_text name = { 0 };
    if (!gguf_take_text(c, GGUF_MAX_NAME, "the name of a tensor", &name)) return false;
    t->name = keep_name(g, c, at, name, "the name of a tensor");
    if (!t->name || !take_dims(c, t) || !take_tensor_type(g, c, t, &id) || !gguf_take_u64(c, "a tensor's offset", offset)) return false;
    if (g->tensors.n == g->type_cap) {
        g->type_cap = g->type_cap ? g->type_cap * 2 : 64;
        g->type_ids = mem_must_grow(g->type_ids, g->type_cap, sizeof *g->type_ids);
    }
    g->type_ids[g->tensors.n] = id;
    return tensor_set_add(&g->tensors, t, c->e) || err_where(c->e, "%s, byte %" PRIu64, c->name, at);
}

typedef struct extent {
    uint64_t start, end;
    size_t tensor;
} extent;

static int by_start(const void *a, const void *b) {
    const extent *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start ? 1 : x->end < y->end ? -1 : x->end > y->end;
}

static bool place(gguf *g, gguf_cursor *c, extent *x, uint64_t start, uint64_t alignment) {
    named_tensor *t = &g->tensors.items[x->tensor];
    uint64_t end = 0;
    if (x->start % alignment)
        return gguf_bad(c, c->at, ERR_FORMAT, "tensor '%s': its offset is not aligned", t->name) ||
               err_expected(c->e, "a multiple of %" PRIu64, alignment) || err_got(c->e, "%" PRIu64, x->start);
    if (!mem_add(x->start, start, &x->start) || !mem_add(x->start, t->bytes, &end))
        return gguf_bad(c, c->at, ERR_FORMAT, "tensor '%s': its offset overflows", t->name) || err_got(c->e, "%" PRIu64, x->start);
    if (end > c->size)
        return gguf_bad(c, x->start, ERR_FORMAT, "the data of tensor '%s' goes past the end of the file", t->name) ||
               err_expected(c->e, "a file of at least %" PRIu64 " bytes", end) || err_got(c->e, "%" PRIu64 " bytes", c->size) ||
               err_hint(c->e, "the file is truncated: %" PRIu64 " of %" PRIu64 " bytes; fetch it again", c->size, end);
    t->data = c->data + x->start;
    x->end = end;
    return true;
}

static bool check_overlap(gguf *g, gguf_cursor *c, extent *all, size_t n) {
    qsort(all, n, sizeof *all, by_start);
    for (size_t i = 1; i < n; i++)
        if (all[i].start < all[i - 1].end)
            return gguf_bad(c, all[i].start, ERR_FORMAT, "the data of tensors '%s' and '%s' overlap", g->tensors.items[all[i - 1].tensor].name,
                            g->tensors.items[all[i].tensor].name);
    return true;
}

static bool take_tensors(gguf *g, gguf_part *p, gguf_cursor *c, uint64_t n, uint64_t alignment) {
    bool ok = false;
    uint64_t start = 0;
    size_t first = g->tensors.n;
    extent *all = mem_array((size_t)n, sizeof *all, c->e);
    if (!all) return false;
    for (uint64_t i = 0; i < n; i++) {
        named_tensor t = { 0 };
        all[i].tensor = first + (size_t)i;
        if (!take_tensor(g, c, &t, &all[i].start)) goto done;
    }
    if (!mem_add(c->at, alignment - 1, &start)) goto done;
    start -= start % alignment;
    for (uint64_t i = 0; i < n; i++)
        if (!place(g, c, &all[i], start, alignment)) goto done;
    ok = check_overlap(g, c, all, (size_t)n);
    p->n_tensors = (size_t)n;
done:
    free(all);
    return ok;
}

static bool read_alignment(const gguf_part *p, gguf_cursor *c, uint64_t *alignment) {
    int64_t a = 32;
    if (!gguf_part_int(p, "general.alignment", INT64_MIN, INT64_MAX, &a, c->e)) return false;
    if (a < 8 || a > GGUF_MAX_ALIGNMENT || (a & (a - 1)))
        return gguf_bad(c, c->at, ERR_FORMAT, "general.alignment is not usable") ||
               err_expected(c->e, "a power of two from 8 to %d", GGUF_MAX_ALIGNMENT) || err_got(c->e, "%" PRId64, a);
    *alignment = (uint64_t)a;
    return true;
}

bool gguf_read_part(gguf *g, gguf_part *p, err *e) {
    gguf_cursor c = { p->data, p->size, 0, p->name, e };
    uint64_t n_tensors = 0, n_keys = 0, alignment = 32;
    return take_head(&c, p, &n_tensors, &n_keys) && take_keys(g, p, &c, n_keys) && read_alignment(p, &c, &alignment) &&
           take_tensors(g, p, &c, n_tensors, alignment);
}
