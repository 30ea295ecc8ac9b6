/* CVE-2024-32878 (GHSA-p5mv-gjc5-mwqv): on the way out of a failed read an uninitialised pointer was freed.
 * Every prefix of a file with every kind of record fails at another place. */
#include "unit/hostile/build_file.h"

static void cve_2024_32878(buf *b) {
    const uint64_t dims[] = { 8, 2 };
    gguf_head(b, 2, 4);
    put_key_text(b, "general.architecture", "llama");
    put_key_u32(b, "general.alignment", 32);
    put_key_array(b, "tokens", GGUF_STRING, 2);
    put_text(b, "a");
    put_text(b, "bc");
    put_key_array(b, "scores", GGUF_F32, 2);
    put_le(b, 0, 8);
    put_tensor(b, "v", 2, dims, 0, 0);
    put_tensor(b, "w", 1, dims, 8 - 8, 64);
    put_data(b, 32, 64 + 32);
    gguf_accepted(b);
    for (size_t whole = b->len; b->len > 0;) {
        b->len--;
        gguf_refused(b, ERR_FORMAT, b->len < 4 ? "not a GGUF file" : "");
        assert_true(b->len < whole);
    }
}

RUN_BYTES(cve_2024_32878)
