/* CVE-2024-21825 (TALOS-2024-1912): the length of an array, or of a string in it, overflowed the allocation. */
#include "unit/hostile/build_file.h"

static void cve_2024_21825(buf *b) {
    const uint64_t lengths[] = { UINT64_MAX, UINT64_MAX / 4 + 2, UINT64_MAX / 16 + 1, 1 << 20 };
    for (size_t i = 0; i < 4; i++) {
        for (uint32_t of = 0; of < GGUF_TYPE_COUNT; of++) {
            gguf_head(b, 0, 1);
            put_key_array(b, "a", of, lengths[i]);
            put_le(b, 0, 8);
            gguf_refused(b, of == GGUF_ARRAY ? ERR_UNSUPPORTED : ERR_FORMAT, of == GGUF_ARRAY ? "array of arrays" : "length of an array is too large");
        }
        gguf_head(b, 0, 1);
        put_key_array(b, "a", GGUF_STRING, 1);
        put_le(b, lengths[i], 8);
        put_le(b, 0, 8);
        gguf_refused(b, i < 3 ? ERR_LIMIT : ERR_FORMAT, i < 3 ? "length of a string of an array" : "the file ends inside a string of an array");
    }
    gguf_head(b, 0, 1);
    put_key_array(b, "a", GGUF_STRING, 2);
    put_text(b, "x");
    put_text(b, "");
    gguf_accepted(b);
}

RUN_BYTES(cve_2024_21825)
