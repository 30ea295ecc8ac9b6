/* CVE-2024-21802 (TALOS-2024-1914): more dimensions than the fixed array holds wrote past it. */
#include "unit/hostile/build_file.h"

static void cve_2024_21802(buf *b) {
    const uint64_t dims[] = { 2, 2, 2, 1, 1 };
    small_gguf(b, 5, dims, 0, 0, 32);
    gguf_refused(b, ERR_FORMAT, "too many dimensions");
    gguf_head(b, 1, 0);
    put_text(b, "w");
    put_le(b, UINT32_MAX, 4);
    put_data(b, 32, 64);
    gguf_refused(b, ERR_FORMAT, "at most 4");
    small_gguf(b, 4, dims, 0, 0, 32);
    gguf_accepted(b);
}

RUN_BYTES(cve_2024_21802)
