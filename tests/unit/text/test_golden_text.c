/* Tokenizers and templates against values that tokenizers, sentencepiece and transformers gave (tests/golden/tokenizer, tests/golden/template);
 * what comes from messages stays marked; the bounds of the sandbox hold; time is linear in the text. */
#include "unit/check.h"
#include "base/file.h"
#include "base/utf8.h"
#include "text/detok.h"
#include "text/template.h"
#include <time.h>

static json_t *read_cases(const char *folder) {
    char path[512];
    err e;
    snprintf(path, sizeof path, PINGTI_SOURCE_DIR "/tests/golden/%s/cases.json", folder);
    json_t *cases = js_read(path, 1 << 24, &e);
    check_ok(cases != NULL, &e);
    return cases;
}

static tokenizer *open_golden(const char *file) {
    char path[512];
    err e;
    snprintf(path, sizeof path, PINGTI_SOURCE_DIR "/tests/golden/tokenizer/%s", file);
    tokenizer *t = tokenizer_from_file(path, &e);
    check_ok(t != NULL, &e);
    return t;
}

static void check_text(const tokenizer *t, unsigned flags, const json_t *text, const json_t *want, const char *file) {
    token_list got = { 0 };
    err e;
    const char *s = json_string_value(text);
    check_ok(tokenizer_encode(t, s, json_string_length(text), flags, &got, &e), &e);
    bool same = got.n == json_array_size(want);
    for (size_t i = 0; same && i < got.n; i++) same = got.ids[i] == json_integer_value(json_array_get(want, i));
    if (!same) fail_msg("%s: '%s' gives other ids than its own implementation", file, s);
    token_list_free(&got);
}

static void tokenizers_give_the_reference_ids(void **state) {
    (void)state;
    json_t *cases = read_cases("tokenizer");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i), *texts = json_object_get(c, "texts");
        const char *file = json_string_value(json_object_get(c, "file"));
        tokenizer *t = open_golden(file);
        for (size_t k = 0; k < json_array_size(texts); k++)
            check_text(t, (unsigned)json_integer_value(json_object_get(c, "flags")), json_array_get(texts, k), json_array_get(json_object_get(c, "ids"), k), file);
        tokenizer_free(t);
    }
    json_decref(cases);
}

static void streaming_gives_whole_code_points(void **state) {
    (void)state;
    const char *text = "您好 🙂 é\n \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7 end";
    tokenizer *t = open_golden("byte_bpe.json");
    token_list ids = { 0 };
    buf out = { 0 };
    err e;
    detok d;
    check_ok(tokenizer_encode(t, text, strlen(text), 0, &ids, &e), &e);
    detok_init(&d, t, false);
    for (size_t i = 0; i < ids.n; i++) {
        size_t before = out.len;
        detok_put(&d, ids.ids[i], &out);
        assert_true(utf8_valid(out.data + before, out.len - before) || out.len == before);
    }
    detok_finish(&d, &out);
    assert_string_equal(buf_str(&out), text);
    token_list_free(&ids);
    buf_free(&out);
    tokenizer_free(t);
}

static double seconds_for(const tokenizer *t, const char *text, size_t n) {
    token_list ids = { 0 };
    err e;
    clock_t began = clock();
    check_ok(tokenizer_encode(t, text, n, 0, &ids, &e), &e);
    token_list_free(&ids);
    return (double)(clock() - began) / CLOCKS_PER_SEC;
}

/* Quadratic cost would take hours for these; nothing is asserted about how fast they are. */
static void long_runs_are_linear(void **state) {
    (void)state;
    size_t n = 1 << 20;
    char *text = malloc(n);
    static const char *const files[] = { "byte_bpe.json", "char_bpe.json", "wordpiece.json", "bpe.model", "unigram.model" };
    for (size_t i = 0; i < 5; i++) {
        tokenizer *t = open_golden(files[i]);
        memset(text, 'a', n);
        double letters = seconds_for(t, text, n);
        memset(text, ' ', n);
        printf("%-14s 1 MB of one letter %.2f s, of spaces %.2f s\n", files[i], letters, seconds_for(t, text, n));
        tokenizer_free(t);
    }
    free(text);
}

static bool render(const char *source, size_t n, const json_t *c, template_output *out, err *e) {
    chat_template *t = chat_template_parse(source, n, e);
    template_input in = { .messages = json_object_get(c, "messages"), .tools = js_get(c, "tools"), .extra = js_get(c, "extra"), .bos_token = "<s>", .eos_token = "</s>",
                          .add_generation_prompt = json_is_true(json_object_get(c, "agp")) };
    bool ok = t && chat_template_render(t, &in, out, e);
    chat_template_free(t);
    return ok;
}

static void templates_render_as_transformers(void **state) {
    (void)state;
    json_t *cases = read_cases("template");
    assert_true(json_array_size(cases) >= 8);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i), *inline_source = json_object_get(c, "source");
        char path[512], *file = NULL;
        size_t n = json_string_length(inline_source);
        err e;
        snprintf(path, sizeof path, PINGTI_SOURCE_DIR "/tests/golden/template/%s", json_string_value(json_object_get(c, "template")));
        if (!inline_source) file = file_read(path, 1 << 20, &n, &e);
        template_output out;
        check_ok(render(file ? file : json_string_value(inline_source), n, c, &out, &e), &e);
        assert_string_equal(buf_str(&out.text), json_string_value(json_object_get(c, "text")));
        template_output_free(&out);
        free(file);
    }
    json_decref(cases);
}

static void refused(const char *source, err_code code, const char *says) {
    template_output out;
    err e = { 0 };
    json_t *c = json_pack("{s:[{s:s,s:s}]}", "messages", "role", "user", "content", "x");
    assert_false(render(source, strlen(source), c, &out, &e));
    if (e.code != code || !strstr(e.what, says)) fail_msg("'%s' is refused as '%s'", source, e.what);
    json_decref(c);
}

static void the_sandbox_has_bounds(void **state) {
    (void)state;
    refused("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", ERR_LIMIT, "it ");
    refused("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", ERR_FORMAT, "nested");
    refused("{% set ns = namespace(s='x') %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", ERR_FORMAT, "");
    refused("{{ 'x' * 999999999 }}", ERR_FORMAT, "too long");
    refused("{{ range(999999999) }}", ERR_FORMAT, "too long");
    refused("{{ 9223372036854775807 }}", ERR_FORMAT, "too large");
    refused("{{ 999999999999999999 * 99 }}", ERR_FORMAT, "overflows");
    refused("{{ 1 // 0 }}", ERR_FORMAT, "zero");
    refused("{{ messages.append(1) }}", ERR_FORMAT, "cannot be changed");
    refused("{% include 'x' %}", ERR_UNSUPPORTED, "include");
    refused("{% import 'os' as os %}", ERR_UNSUPPORTED, "import");
    refused("{{ x | nosuch }}", ERR_UNSUPPORTED, "nosuch");
    refused("{{ x is nosuch }}", ERR_UNSUPPORTED, "nosuch");
    refused("{{ x.y.z }}", ERR_FORMAT, "undefined");
    char deep[1008] = "{{";
    memset(deep + 2, '(', 500);
    deep[502] = '1';
    memset(deep + 503, ')', 500);
    memcpy(deep + 1003, "}}", 3);
    refused(deep, ERR_LIMIT, "nested");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokenizers_give_the_reference_ids), cmocka_unit_test(streaming_gives_whole_code_points), cmocka_unit_test(long_runs_are_linear),
        cmocka_unit_test(templates_render_as_transformers),  cmocka_unit_test(the_sandbox_has_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
