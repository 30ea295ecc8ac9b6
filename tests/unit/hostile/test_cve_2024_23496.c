/* CVE-2024-23496 (TALOS-2024-1913): a string length of 2^64-1 plus one byte for NUL became an empty allocation. */
#include "unit/hostile/build_file.h"

static void cve_2024_23496(buf *b) {
    const uint64_t lengths[] = { UINT64_MAX, UINT64_MAX - 1, INT64_MAX, (uint64_t)1 << 32, (1 << 20) + 1 };
    for (size_t i = 0; i < 5; i++) {
        gguf_head(b, 0, 1);
        put_le(b, lengths[i], 8);
        put_data(b, 32, 64);
        gguf_refused(b, ERR_LIMIT, "length of the name of a key");
        gguf_head(b, 0, 1);
        put_key(b, "general.name", GGUF_STRING);
        put_le(b, lengths[i], 8);
        put_data(b, 32, 64);
        gguf_refused(b, ERR_LIMIT, "length of a string");
        gguf_head(b, 1, 0);
        put_le(b, lengths[i], 8);
        put_data(b, 32, 64);
        gguf_refused(b, ERR_LIMIT, "length of the name of a tensor");
    }
    gguf_head(b, 0, 1);
    put_key_text(b, "general.name", "fine");
    gguf_accepted(b);
}

RUN_BYTES(cve_2024_23496)
