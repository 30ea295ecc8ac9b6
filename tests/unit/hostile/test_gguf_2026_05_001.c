/* GGUF-2026-05-001 (oss-security, 2026-05-15), V-01 to V-06. */
#include "unit/hostile/build_file.h"

static void gguf_2026_05_001(buf *b) {
    const uint64_t dims[] = { 32, 1, 1, 1, 1, 1 };
    gguf_head(b, 1, 1); /* alignment so large that padding overflows */
    put_key(b, "general.alignment", GGUF_U64);
    put_le(b, (uint64_t)1 << 63, 8);
    put_tensor(b, "w", 1, dims, 0, 0);
    gguf_refused(b, ERR_FORMAT, "general.alignment");
    gguf_head(b, 0, 1); /* string length */
    put_key(b, "s", GGUF_STRING);
    put_le(b, UINT64_MAX - 7, 8);
    gguf_refused(b, ERR_LIMIT, "length of a string");
    small_gguf(b, 6, dims, 0, 0, 128); /* number of dimensions */
    gguf_refused(b, ERR_FORMAT, "too many dimensions");
    for (uint32_t type = GGUF_TYPE_COUNT; type < GGUF_TYPE_COUNT + 3; type++) { /* type of a value, of an element */
        gguf_head(b, 0, 1);
        put_key(b, "k", (gguf_type)type);
        put_data(b, 32, 32);
        gguf_refused(b, ERR_FORMAT, "unknown type of value");
        gguf_head(b, 0, 1);
        put_key_array(b, "k", type, 1);
        put_data(b, 32, 32);
        gguf_refused(b, ERR_FORMAT, "unknown type of array elements");
    }
    small_gguf(b, 1, dims, 4, 0, 128); /* withdrawn types have blocks of no elements */
    gguf_refused(b, ERR_UNSUPPORTED, "withdrawn");
    small_gguf(b, 1, dims, 31, 0, 128);
    gguf_refused(b, ERR_UNSUPPORTED, "withdrawn");
    small_gguf(b, 1, dims, 1000, 0, 128); /* beyond every table */
    gguf_refused(b, ERR_FORMAT, "does not exist");
    small_gguf(b, 1, dims, UINT32_MAX, 0, 128);
    gguf_refused(b, ERR_FORMAT, "does not exist");
    small_gguf(b, 1, dims, 0, 0, 128);
    gguf_accepted(b);
}

RUN_BYTES(gguf_2026_05_001)
