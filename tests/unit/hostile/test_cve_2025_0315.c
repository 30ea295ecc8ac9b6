/* CVE-2025-0315: sizes from the file were allocated before anything was compared with the file. */
#include "unit/hostile/build_file.h"

static void cve_2025_0315(buf *b) {
    gguf_head(b, 0, 1);
    put_key_array(b, "a", GGUF_STRING, (uint64_t)1 << 34);
    gguf_refused(b, ERR_FORMAT, "length of an array is too large");
    gguf_head(b, 0, 1);
    put_key(b, "a", GGUF_STRING);
    put_le(b, (uint64_t)1 << 40, 8);
    gguf_refused(b, ERR_LIMIT, "at most 1048576 bytes");
    gguf_head(b, 0, 1);
    put_key_array(b, "a", GGUF_U8, 4);
    put_le(b, 1, 4);
    gguf_accepted(b);
}

RUN_BYTES(cve_2025_0315)
