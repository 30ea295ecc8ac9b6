/* CVE-2025-0312: a key that a reader takes for granted is absent or of another type. */
#include "unit/hostile/build_file.h"

static void cve_2025_0312(buf *b) {
    gguf_head(b, 0, 1);
    put_key_text(b, "general.alignment", "32");
    gguf_refused(b, ERR_FORMAT, "general.alignment");
    gguf_head(b, 0, 1);
    put_key_u32(b, "tokenizer.ggml.tokens", 4);
    gguf_refused(b, ERR_FORMAT, "an array of strings");
    gguf_head(b, 0, 1);
    put_key_u32(b, "other", 4);
    gguf_accepted(b);
}

RUN_BYTES(cve_2025_0312)
