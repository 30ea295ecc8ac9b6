/* CVE-2024-21836 (TALOS-2024-1915): number of tensors times the size of a record overflowed. */
#include "unit/hostile/build_file.h"

static void cve_2024_21836(buf *b) {
    const uint64_t dims[] = { 8, 1 }, counts[] = { UINT64_MAX, UINT64_MAX / 88 + 2, UINT64_MAX / 24 + 2, 1 << 16 };
    for (size_t i = 0; i < 4; i++) {
        gguf_head(b, counts[i], 0);
        put_tensor(b, "w", 2, dims, 0, 0);
        put_data(b, 32, 32);
        gguf_refused(b, ERR_FORMAT, "number of tensors is too large");
    }
    gguf_head(b, 2, 0); /* fits the size but the second is not there */
    put_tensor(b, "w", 2, dims, 0, 0);
    gguf_refused(b, ERR_FORMAT, "the file ends");
    small_gguf(b, 2, dims, 0, 0, 32);
    gguf_accepted(b);
}

RUN_BYTES(cve_2024_21836)
