/* CVE-2024-39720: a file of four bytes, the magic alone, was read past its end. */
#include "unit/hostile/build_file.h"

static void cve_2024_39720(buf *b) {
    buf_put(b, "GGUF", 4);
    gguf_refused(b, ERR_FORMAT, "the file ends inside the version");
    buf_clear(b);
    buf_put(b, "FUGG", 4);
    gguf_refused(b, ERR_FORMAT, "bytes are reversed");
    buf_clear(b);
    gguf_refused(b, ERR_FORMAT, "an empty file");
    gguf_head(b, 0, 0);
    gguf_accepted(b);
}

RUN_BYTES(cve_2024_39720)
