/* What the files of the GGUF reader share. gguf_cursor.c reads bounded bytes, gguf_read.c one part, gguf.c the whole,
 * gguf_meta.c the values. */
#ifndef PINGTI_FORMAT_GGUF_IMPL_H
#define PINGTI_FORMAT_GGUF_IMPL_H
#include "base/arena.h"
#include "base/file.h"
#include "format/gguf.h"

enum {
    GGUF_MAX_KEYS = 1 << 16,
    GGUF_MAX_TENSORS = 1 << 20,
    GGUF_MAX_NAME = 1024,          /* of a tensor; ggml's own bound is 64 */
    GGUF_MAX_STRING = 1 << 20,
    GGUF_MAX_DOCUMENT = 64 << 20,  /* the one key that holds a whole tokenizer.json */
    GGUF_MAX_ALIGNMENT = 1 << 16,
    GGUF_MAX_PARTS = 9999,
    GGUF_NAMES_BUDGET = 512 << 20, /* memory for copied names, all parts */
};

/* Reads forward through bytes of a file; every take is checked. The first failure fills e and the rest fail too. */
typedef struct gguf_cursor {
    const unsigned char *data;
    uint64_t size, at;
    const char *name; /* of the file, for messages */
    err *e;
} gguf_cursor;

bool gguf_take(gguf_cursor *c, uint64_t n, const char *what, const unsigned char **bytes);
bool gguf_take_u32(gguf_cursor *c, const char *what, uint32_t *v);
bool gguf_take_u64(gguf_cursor *c, const char *what, uint64_t *v);
bool gguf_take_text(gguf_cursor *c, uint64_t max, const char *what, gguf_text *t);
/* A count of records that each take at least min_bytes, refused when that many cannot follow or it passes max. */
bool gguf_take_count(gguf_cursor *c, uint64_t min_bytes, uint64_t max, const char *what, uint64_t *n);
/* err_set plus the place; returns false. */
bool gguf_bad(gguf_cursor *c, uint64_t at, err_code code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

typedef struct gguf_kv {
    const char *key;          /* in the arena */
    gguf_type type, of;       /* of: elements of an array */
    uint64_t n;               /* elements of an array, bytes of a string, else 1 */
    const unsigned char *at;  /* first byte of the value (of a string: of its text) */
    uint64_t bytes;
} gguf_kv;

typedef struct gguf_part {
    file_map map;             /* empty when the bytes are the caller's */
    const unsigned char *data;
    uint64_t size;
    char *name;
    uint32_t version;
    gguf_kv *kvs;
    size_t n_kvs;
    map *keys;
    size_t n_tensors;
} gguf_part;

struct gguf {
    gguf_part *parts;         /* in the order of split.no; metadata is that of the first */
    size_t n_parts;
    tensor_set tensors;
    uint32_t *type_ids;       /* ggml's number of each tensor's type */
    size_t type_cap;
    arena *names;
    bool allow_unknown_types;
};

size_t gguf_scalar_bytes(gguf_type t); /* 0: string or array */
const char *gguf_type_name(gguf_type t);
const gguf_kv *gguf_part_find(const gguf_part *p, const char *key);
bool gguf_part_int(const gguf_part *p, const char *key, int64_t min, int64_t max, int64_t *out, err *e);
bool gguf_read_part(gguf *g, gguf_part *p, err *e);
bool gguf_check_vocab(const gguf *g, err *e); /* ids within the vocabulary, lists of equal length */
#endif
