/* GGUF v3 (github.com/ggml-org/ggml, docs/gguf.md): magic, version, counts, key-value pairs, tensor infos, padding, data. */
#include "format/gguf_write.h"
#include "base/mem.h"
#include "format/gguf_bytes.h"
#include "format/gguf_impl.h"
#include <assert.h>
#include <string.h>

enum { ALIGNMENT = 32 };

typedef struct entry {
    char *key;
    buf value; /* type and value, as in the file */
} entry;

typedef struct info {
    char *name;
    dtype type;
    uint32_t n_dims;
    uint64_t dims[TENSOR_MAX_DIMS], at, bytes;
} info;

struct gguf_writer {
    entry *keys;
    info *tensors;
    size_t n_keys, keys_cap, n_tensors, tensors_cap;
    map *index; /* key -> position + 1; 0: removed */
    uint64_t data_bytes;
};

gguf_writer *gguf_writer_new(void) {
    gguf_writer *w = mem_must(1, sizeof *w);
    w->index = map_new(64);
    return w;
}

void gguf_writer_free(gguf_writer *w) {
    if (!w) return;
    for (size_t i = 0; i < w->n_keys; i++) {
        free(w->keys[i].key);
        buf_free(&w->keys[i].value);
    }
    for (size_t i = 0; i < w->n_tensors; i++) free(w->tensors[i].name);
    free(w->keys);
    free(w->tensors);
    map_free(w->index);
    free(w);
}

static void put_u32(buf *b, uint32_t v) { buf_put(b, &v, sizeof v); }
static void put_u64(buf *b, uint64_t v) { buf_put(b, &v, sizeof v); }
static void put_text(buf *b, const char *text, size_t n) {
    put_u64(b, n);
    buf_put(b, text, n);
}

static entry *find(const gguf_writer *w, const char *key) {
    int64_t at;
    return map_get(w->index, key, strlen(key), &at) && at ? &w->keys[at - 1] : NULL;
}

/* The value to fill, its type put. */
static buf *value_of(gguf_writer *w, const char *key, gguf_type type) {
    entry *k = find(w, key);
    if (!k) {
        if (w->n_keys == w->keys_cap) {
            w->keys_cap = w->keys_cap ? w->keys_cap * 2 : 64;
            w->keys = mem_must_grow(w->keys, w->keys_cap, sizeof *w->keys);
        }
        k = &w->keys[w->n_keys++];
        *k = (entry){ .key = mem_must_copy(key, strlen(key)) };
        map_set(w->index, key, strlen(key), (int64_t)w->n_keys);
    }
    buf_clear(&k->value);
    put_u32(&k->value, type);
    return &k->value;
}

void gguf_set_u16(gguf_writer *w, const char *key, uint16_t v) { buf_put(value_of(w, key, GGUF_U16), &v, sizeof v); }
void gguf_set_u32(gguf_writer *w, const char *key, uint32_t v) { put_u32(value_of(w, key, GGUF_U32), v); }
void gguf_set_i32(gguf_writer *w, const char *key, int32_t v) { buf_put(value_of(w, key, GGUF_I32), &v, sizeof v); }
void gguf_set_u64(gguf_writer *w, const char *key, uint64_t v) { put_u64(value_of(w, key, GGUF_U64), v); }
void gguf_set_f32(gguf_writer *w, const char *key, float v) { buf_put(value_of(w, key, GGUF_F32), &v, sizeof v); }
void gguf_set_bool(gguf_writer *w, const char *key, bool v) { buf_putc(value_of(w, key, GGUF_BOOL), v ? 1 : 0); }
void gguf_set_str(gguf_writer *w, const char *key, const char *text) { gguf_set_text(w, key, text, strlen(text)); }
void gguf_set_text(gguf_writer *w, const char *key, const char *text, size_t n) { put_text(value_of(w, key, GGUF_STRING), text, n); }

void gguf_set_texts(gguf_writer *w, const char *key, const gguf_text *texts, size_t n) {
    buf *b = value_of(w, key, GGUF_ARRAY);
    put_u32(b, GGUF_STRING);
    put_u64(b, n);
    for (size_t i = 0; i < n; i++) put_text(b, texts[i].data, texts[i].len);
}

void gguf_set_array(gguf_writer *w, const char *key, gguf_type of, const void *elements, size_t n) {
    buf *b = value_of(w, key, GGUF_ARRAY);
    assert(gguf_scalar_bytes(of));
    put_u32(b, of);
    put_u64(b, n);
    buf_put(b, elements, n * gguf_scalar_bytes(of));
}

void gguf_set_copy(gguf_writer *w, const gguf *g, size_t i) {
    gguf_type type = gguf_key_type(g, i);
    gguf_text bytes = gguf_key_bytes(g, i);
    buf *b = value_of(w, gguf_key(g, i), type);
    if (type == GGUF_STRING) put_u64(b, bytes.len);
    if (type == GGUF_ARRAY) {
        put_u32(b, gguf_key_array_type(g, i));
        put_u64(b, gguf_key_array_len(g, i));
    }
    buf_put(b, bytes.data, bytes.len);
}

void gguf_unset(gguf_writer *w, const char *key) {
    entry *k = find(w, key);
    if (!k) return;
    buf_free(&k->value);
    map_set(w->index, key, strlen(key), 0);
}

bool gguf_is_set(const gguf_writer *w, const char *key) { return find(w, key) != NULL; }

size_t gguf_n_set(const gguf_writer *w) {
    size_t n = 0;
    for (size_t i = 0; i < w->n_keys; i++) n += w->keys[i].value.len > 0;
    return n;
}

size_t gguf_add_tensor(gguf_writer *w, const char *name, dtype type, uint32_t n_dims, const uint64_t *dims) {
    assert(n_dims >= 1 && n_dims <= TENSOR_MAX_DIMS && dtype_to_gguf(type) >= 0);
    if (w->n_tensors == w->tensors_cap) {
        w->tensors_cap = w->tensors_cap ? w->tensors_cap * 2 : 64;
        w->tensors = mem_must_grow(w->tensors, w->tensors_cap, sizeof *w->tensors);
    }
    info *t = &w->tensors[w->n_tensors];
    *t = (info){ .name = mem_must_copy(name, strlen(name)), .type = type, .n_dims = n_dims, .at = w->data_bytes };
    bool fits = dtype_row_bytes(type, dims[n_dims - 1], &t->bytes);
    for (uint32_t i = 0; i < n_dims; i++) {
        t->dims[i] = dims[i];
        if (i + 1 < n_dims) fits = fits && mem_mul(t->bytes, dims[i], &t->bytes);
    }
    uint64_t end;
    fits = fits && mem_add(t->at, t->bytes, &end) && mem_add(end, ALIGNMENT - 1, &end);
    assert(fits);
    w->data_bytes = end - end % ALIGNMENT;
    return w->n_tensors++;
}

void gguf_header(const gguf_writer *w, buf *out) {
    buf_put(out, "GGUF", 4);
    put_u32(out, 3);
    put_u64(out, w->n_tensors);
    put_u64(out, gguf_n_set(w));
    for (size_t i = 0; i < w->n_keys; i++) {
        if (!w->keys[i].value.len) continue;
        put_text(out, w->keys[i].key, strlen(w->keys[i].key));
        buf_put(out, w->keys[i].value.data, w->keys[i].value.len);
    }
    for (size_t i = 0; i < w->n_tensors; i++) {
        const info *t = &w->tensors[i];
        put_text(out, t->name, strlen(t->name));
        put_u32(out, t->n_dims);
        for (uint32_t d = t->n_dims; d-- > 0;) put_u64(out, t->dims[d]); /* innermost first */
        put_u32(out, (uint32_t)dtype_to_gguf(t->type));
        put_u64(out, t->at);
    }
    while (out->len % ALIGNMENT) buf_putc(out, 0);
}

uint64_t gguf_tensor_at(const gguf_writer *w, size_t i) { return w->tensors[i].at; }
uint64_t gguf_tensor_size(const gguf_writer *w, size_t i) { return w->tensors[i].bytes; }
uint64_t gguf_data_bytes(const gguf_writer *w) { return w->data_bytes; }
