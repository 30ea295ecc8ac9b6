/* GHSA-g4cc-763q-h9h6: a special token id (bos) beyond a small vocabulary was used as an index. */
#include "unit/hostile/build_file.h"

static void ghsa_g4cc_763q_h9h6(void **state) {
    (void)state;
    buf b = { 0 };
    const char *const keys[] = { "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.fim_pre_token_id" };
    const uint32_t ids[] = { 2, 100000, INT32_MAX, UINT32_MAX };
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < 5; i++) {
            gguf_head(&b, 0, 2);
            put_key_array(&b, "tokenizer.ggml.tokens", GGUF_STRING, 2);
            put_text(&b, "a");
            put_text(&b, "b");
            put_key_u32(&b, keys[k], i < 4 ? ids[i] : 1);
            if (i < 4) gguf_refused(&b, ERR_FORMAT, "a vocabulary of 2 tokens");
            else gguf_accepted(&b);
        }
    gguf_head(&b, 0, 2); /* fewer scores than tokens */
    put_key_array(&b, "tokenizer.ggml.scores", GGUF_F32, 1);
    put_le(&b, 0, 4);
    put_key_array(&b, "tokenizer.ggml.tokens", GGUF_STRING, 2);
    put_text(&b, "a");
    put_text(&b, "b");
    gguf_refused(&b, ERR_FORMAT, "differ in length");
    buf_free(&b);
}

RUN_ONE(ghsa_g4cc_763q_h9h6)
