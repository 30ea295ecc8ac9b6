/* CVE-2024-41130: a record without content left a null pointer that was then used. */
#include "unit/hostile/build_file.h"

static void cve_2024_41130(buf *b) {
    const uint64_t dims[] = { 8 };
    small_gguf(b, 1, dims, 0, 0, 32);
    gguf_accepted(b);
    gguf_head(b, 1, 0);
    put_tensor(b, "", 1, dims, 0, 0);
    put_data(b, 32, 32);
    gguf_refused(b, ERR_FORMAT, "name of a tensor is empty");
    gguf_head(b, 0, 1);
    put_key_u32(b, "", 1);
    gguf_refused(b, ERR_FORMAT, "name of a key is empty");
    gguf_head(b, 0, 0); /* nothing at all is a valid, empty file: lookups find nothing */
    err e = { 0 };
    gguf *g = gguf_from_bytes(b->data, b->len, "empty.gguf", false, &e);
    check_ok(g != NULL, &e);
    gguf_text *texts;
    size_t n = 7;
    assert_null(tensor_set_find(gguf_tensors(g), "w"));
    assert_false(gguf_has(g, "general.name"));
    assert_true(gguf_strings(g, "tokenizer.ggml.tokens", &texts, &n, &e) && !texts && n == 0);
    gguf_close(g);
    gguf_close(NULL);
}

RUN_BYTES(cve_2024_41130)
