/* mapfuzz 2026: a key of another scalar type than expected aborted the program, and truth values that are neither 0 nor 1; chat
 * templates without bounds, recursion or a divisor; tokenizer files that stopped the program at load. */
#include "unit/hostile/build_file.h"
#include "text/template.h"
#include "text/tokenizer.h"

/* An error, at load or in rendering, and nothing worse. */
static void template_fails(const char *source, const char *part) {
    err e = { 0 };
    json_t *messages = json_array();
    chat_template *t = chat_template_parse(source, strlen(source), &e);
    template_input in = { .messages = messages, .bos_token = "", .eos_token = "" };
    template_output out;
    if (t && chat_template_render(t, &in, &out, &e)) {
        template_output_free(&out);
        fail_msg("rendered: %s", source);
    }
    check_message(&e, e.code, part);
    chat_template_free(t);
    json_decref(messages);
}

static void templates_are_bounded(void **state) {
    (void)state;
    buf deep = { 0 };
    for (int i = 0; i < 100000; i++) buf_putc(&deep, '(');
    buf all = { 0 };
    buf_printf(&all, "{{ %s1", buf_str(&deep));
    for (int i = 0; i < 100000; i++) buf_putc(&all, ')');
    buf_puts(&all, " }}");
    template_fails(buf_str(&all), "nested too deeply");
    buf_clear(&all);
    for (int i = 0; i < 100000; i++) buf_puts(&all, "{% if a %}");
    template_fails(buf_str(&all), "nested too deeply");
    template_fails("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "");
    template_fails("{{ 1 // 0 }}", "zero");
    template_fails("{{ 1 % 0 }}", "zero");
    template_fails("{{ 1 / 0 }}", "zero");
    template_fails("{{ 'a' * 10000000000 }}", "");
    template_fails("{% for a in range(1000000000) %}{% for b in range(1000000000) %}{% endfor %}{% endfor %}", "");
    template_fails("{% set ns = namespace(x='aa') %}{% for i in range(64) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}", "");
    buf_free(&deep);
    buf_free(&all);
}

static void tokenizer_files_do_not_stop_the_program(void **state) {
    (void)state;
    static const char *const bad[] = {
        "{", "{}", "{\"model\":null}", "{\"model\":{\"type\":\"BPE\",\"vocab\":[],\"merges\":7}}", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":4294967296},\"merges\":[]}}", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]}}",
        "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[1,2]]}}", "{\"model\":{\"type\":\"Unigram\",\"unk_id\":9,\"vocab\":[[\"a\",0]]}}",
        "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":{}},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}",
        "{\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
        "{\"added_tokens\":[{\"id\":2147483647,\"content\":\"x\"}],\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err e = { 0 };
        tokenizer *t = tokenizer_from_bytes(bad[i], strlen(bad[i]), "test", &e);
        if (t) fail_msg("accepted: %s", bad[i]);
        assert_int_not_equal(e.code, ERR_NONE);
    }
}

static void scalars_have_the_expected_type(void **state) {
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

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(scalars_have_the_expected_type), cmocka_unit_test(templates_are_bounded), cmocka_unit_test(tokenizer_files_do_not_stop_the_program) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
