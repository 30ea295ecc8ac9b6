/* mapfuzz 2026: a key of another scalar type than expected aborted the program; truth values that are neither 0 nor 1. */
#include "unit/hostile/build_file.h"

static void mapfuzz_2026(void **state) {
    (void)state;
    buf b = { 0 };
    err e = { 0 };
    gguf_head(&b, 0, 2);
    put_key_text(&b, "s", "text");
    put_key(&b, "f", GGUF_F32);
    put_le(&b, 0x7fc00000, 4);
    gguf *g = gguf_from_bytes(b.data, b.len, "types.gguf", false, &e);
    check_ok(g != NULL, &e);
    int64_t i = 0;
    double r = 0;
    bool t = false;
    gguf_text text;
    size_t n;
    gguf_text *texts;
    float *reals;
    assert_false(gguf_int(g, "s", 0, 9, &i, &e));
    check_message(&e, ERR_FORMAT, "an integer");
    assert_false(gguf_real(g, "s", &r, &e));
    assert_false(gguf_bool(g, "s", &t, &e));
    assert_false(gguf_str(g, "f", &text, &e));
    assert_false(gguf_strings(g, "s", &texts, &n, &e));
    assert_false(gguf_f32s(g, "f", &reals, &n, &e));
    assert_false(gguf_real(g, "f", &r, &e));
    check_message(&e, ERR_FORMAT, "finite");
    assert_true(gguf_str(g, "s", &text, &e) && text.len == 4);
    gguf_close(g);
    for (int v = 0; v < 4; v++) {
        gguf_head(&b, 0, 1);
        put_key(&b, "t", GGUF_BOOL);
        buf_putc(&b, (char)v);
        if (v < 2) gguf_accepted(&b);
        else gguf_refused(&b, ERR_FORMAT, "neither 0 nor 1");
    }
    buf_free(&b);
}

RUN_ONE(mapfuzz_2026)
