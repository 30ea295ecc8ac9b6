/* CVE-2024-23605 (TALOS-2024-1916): number of metadata keys times the size of a record overflowed. */
#include "unit/hostile/build_file.h"

static void cve_2024_23605(buf *b) {
    const uint64_t counts[] = { UINT64_MAX, UINT64_MAX / 48 + 2, UINT64_MAX / 40 + 2, 1 << 15 };
    for (size_t i = 0; i < 4; i++) {
        gguf_head(b, 0, counts[i]);
        put_key_u32(b, "a", 1);
        gguf_refused(b, ERR_FORMAT, "number of metadata keys is too large");
    }
    gguf_head(b, 0, 1);
    put_key_u32(b, "a", 1);
    gguf_accepted(b);
}

RUN_BYTES(cve_2024_23605)
