/* CVE-2025-0317: an alignment or block of zero was divided by. */
#include "unit/hostile/build_file.h"

static void cve_2025_0317(buf *b) {
    const uint64_t dims[] = { 8 };
    const uint32_t alignments[] = { 0, 1, 3, 33, 1u << 17, 1u << 31, UINT32_MAX, 8, 32, 4096, 65536 };
    for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++) {
        gguf_head(b, 1, 1);
        put_key_u32(b, "general.alignment", alignments[i]);
        put_tensor(b, "w", 1, dims, 0, 0);
        put_data(b, i < 7 ? 32 : alignments[i], 32);
        if (i < 7) gguf_refused(b, ERR_FORMAT, "a power of two from 8 to 65536");
        else gguf_accepted(b);
    }
}

RUN_BYTES(cve_2025_0317)
