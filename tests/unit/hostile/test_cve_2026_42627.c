/* CVE-2026-42627: the arithmetic of offsets and sizes: two tensors that share bytes, an offset between alignments. */
#include "unit/hostile/build_file.h"

static void cve_2026_42627(buf *b) {
    const uint64_t dims[] = { 16 };
    for (uint64_t second = 0; second <= 64; second += 8) {
        gguf_head(b, 2, 0);
        put_tensor(b, "v", 1, dims, 0, 0);
        put_tensor(b, "w", 1, dims, 0, second);
        put_data(b, 32, 128);
        if (second % 32) gguf_refused(b, ERR_FORMAT, "not aligned");
        else if (second < 64) gguf_refused(b, ERR_FORMAT, "overlap");
        else gguf_accepted(b);
    }
}

RUN_BYTES(cve_2026_42627)
