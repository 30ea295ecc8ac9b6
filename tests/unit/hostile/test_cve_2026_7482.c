/* CVE-2026-7482 (GHSA-x8qc-fggm-mpqg): dims larger than the data made later steps read other memory. */
#include "unit/hostile/build_file.h"

static void cve_2026_7482(buf *b) {
    for (uint64_t rows = 1; rows < 6; rows++) {
        const uint64_t dims[] = { 8, rows };
        small_gguf(b, 2, dims, 0, 0, 64);
        if (rows <= 2) gguf_accepted(b);
        else gguf_refused(b, ERR_FORMAT, "the file is truncated");
    }
    const uint64_t inflated[] = { 1 << 20, 1 << 20 };
    small_gguf(b, 2, inflated, 0, 0, 64);
    gguf_refused(b, ERR_FORMAT, "fetch it again");
}

RUN_BYTES(cve_2026_7482)
