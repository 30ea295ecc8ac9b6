/* CVE-2026-27940 (GHSA-3p4r-fq3f-q74v): padding and a header added to a checked sum overflowed after the check. */
#include "unit/hostile/build_file.h"

static void cve_2026_27940(buf *b) {
    const uint64_t near[] = { (uint64_t)INT64_MAX / 4 - 8 }, small[] = { 8 };
    for (uint64_t below = 0; below <= 640; below += 32) {
        small_gguf(b, 1, near, 0, 0, 64);
        gguf_refused(b, ERR_FORMAT, "goes past the end of the file");
        small_gguf(b, 1, small, 0, (UINT64_MAX - 31) - below, 64);
        gguf_refused(b, ERR_FORMAT, "of");
    }
    small_gguf(b, 1, small, 0, 32, 64);
    gguf_accepted(b);
}

RUN_BYTES(cve_2026_27940)
