/* GGUF v2 and v3 (little-endian), memory-mapped; also split files (name-00001-of-0000N.gguf), opened by any of their parts.
 * Every count, length, offset and type is checked against the file before it is used. Immutable after opening: any thread. */
#ifndef PINGTI_FORMAT_GGUF_H
#define PINGTI_FORMAT_GGUF_H
#include "format/tensor_set.h"

typedef struct gguf gguf;

typedef enum gguf_type {
    GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_STRING, GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64,
    GGUF_TYPE_COUNT
} gguf_type;

typedef struct gguf_text {
    const char *data; /* borrowed from the file, not NUL-terminated */
    size_t len;
} gguf_text;

/* tensors may be of types that only `inspect` can name: they are listed with their size when known, and opening fails
 * with ERR_UNSUPPORTED naming tensor and type unless allow_unknown_types. */
gguf *gguf_open(const char *path, bool allow_unknown_types, err *e);
void gguf_close(gguf *g);

uint32_t gguf_version(const gguf *g);
const tensor_set *gguf_tensors(const gguf *g);
/* Name of the type of tensor i of the set, also where the set says DTYPE_COUNT (a type that nothing here computes). */
const char *gguf_tensor_type_name(const gguf *g, size_t i);
uint64_t gguf_file_bytes(const gguf *g);  /* all parts */
size_t gguf_n_parts(const gguf *g);
const char *gguf_part_path(const gguf *g, size_t i);

/* Metadata by position (for inspect) and by key. */
size_t gguf_n_keys(const gguf *g);
const char *gguf_key(const gguf *g, size_t i);
gguf_type gguf_key_type(const gguf *g, size_t i);       /* of the value */
gguf_type gguf_key_array_type(const gguf *g, size_t i); /* of the elements of an array */
uint64_t gguf_key_array_len(const gguf *g, size_t i);
bool gguf_has(const gguf *g, const char *key);
/* The value at position i as a person reads it ("[151936 strings]", "32768"), at most cap bytes. */
void gguf_key_show(const gguf *g, size_t i, char *out, size_t cap);

/* *out is left alone when the key is absent; false only for a wrong type or a value outside [min, max]. */
bool gguf_int(const gguf *g, const char *key, int64_t min, int64_t max, int64_t *out, err *e); /* any integer type */
bool gguf_real(const gguf *g, const char *key, double *out, err *e);                           /* f32, f64, finite */
bool gguf_bool(const gguf *g, const char *key, bool *out, err *e);
bool gguf_str(const gguf *g, const char *key, gguf_text *out, err *e);
/* Arrays: *n = 0 and NULL when absent. Strings are given as a freshly allocated array of borrowed texts (free()). */
bool gguf_strings(const gguf *g, const char *key, gguf_text **out, size_t *n, err *e);
bool gguf_f32s(const gguf *g, const char *key, float **out, size_t *n, err *e);   /* copied; free() */
bool gguf_i32s(const gguf *g, const char *key, int32_t **out, size_t *n, err *e); /* any integer type that fits; copied; free() */
#endif
