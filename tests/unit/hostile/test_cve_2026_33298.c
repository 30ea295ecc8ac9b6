/* CVE-2026-33298 (GHSA-96jg-mvhq-q7q7): the product of the dimensions overflowed to a small size. */
#include "unit/hostile/build_file.h"

static void cve_2026_33298(buf *b) {
    const uint64_t wraps[][4] = { { (uint64_t)1 << 32, (uint64_t)1 << 32, 1, 1 }, { (uint64_t)1 << 62, 4, 1, 1 }, { 1 << 16, 1 << 16, 1 << 16, 1 << 16 },
                                  { 8, ((uint64_t)1 << 61) + 1, 1, 1 } };
    const uint64_t fine[] = { 4, 2, 1, 1 }, zero[] = { 4, 0 }, negative[] = { 4, UINT64_MAX };
    for (size_t i = 0; i < 4; i++) {
        small_gguf(b, 4, wraps[i], 0, 0, 64);
        gguf_refused(b, ERR_FORMAT, "size in bytes overflows");
    }
    small_gguf(b, 2, zero, 0, 0, 64);
    gguf_refused(b, ERR_FORMAT, "dimension out of range");
    small_gguf(b, 2, negative, 0, 0, 64);
    gguf_refused(b, ERR_FORMAT, "dimension out of range");
    small_gguf(b, 4, fine, 0, 0, 32);
    gguf_accepted(b);
}

RUN_BYTES(cve_2026_33298)
