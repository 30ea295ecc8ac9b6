/* CVE-2025-53630 (GHSA-vgg9-87g3-85w8): the sum of the sizes of all tensors overflowed. */
#include "unit/hostile/build_file.h"

static void cve_2025_53630(buf *b) {
    const uint64_t huge[] = { (uint64_t)1 << 60 }, small[] = { 8 };
    gguf_head(b, 5, 0);
    for (int i = 0; i < 5; i++) {
        char name[] = { (char)(65 + i), 0 };
        put_tensor(b, name, 1, huge, 0, ((uint64_t)i << 62) & (UINT64_MAX - 31));
    }
    put_data(b, 32, 64);
    gguf_refused(b, ERR_FORMAT, "of tensor");
    gguf_head(b, 2, 0);
    put_tensor(b, "v", 1, small, 0, UINT64_MAX - 31);
    put_tensor(b, "w", 1, small, 0, 0);
    put_data(b, 32, 32);
    gguf_refused(b, ERR_FORMAT, "offset overflows");
    gguf_head(b, 2, 0);
    put_tensor(b, "v", 1, small, 0, 32);
    put_tensor(b, "w", 1, small, 0, 0);
    put_data(b, 32, 64);
    gguf_accepted(b);
}

RUN_BYTES(cve_2025_53630)
