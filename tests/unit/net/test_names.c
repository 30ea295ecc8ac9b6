/* Names of models as people write them, names of files as hubs list them. */
#include "net/repo.h"
#include "unit/check.h"

static void names_that_mean_a_repository(void **state) {
    (void)state;
    static const struct {
        const char *text, *owner, *name, *quant, *file;
        bool on_both;
    } cases[] = {
        { "qwen2.5", "Qwen", "Qwen2.5-0.5B-Instruct-GGUF", "Q4_K_M", "", true },
        { "qwen2.5:0.5b", "Qwen", "Qwen2.5-0.5B-Instruct-GGUF", "Q4_K_M", "", true },
        { "qwen2.5:0.5b-q4_k_m", "Qwen", "Qwen2.5-0.5B-Instruct-GGUF", "Q4_K_M", "", true },
        { "Qwen2.5:1.5B-Q8_0", "Qwen", "Qwen2.5-1.5B-Instruct-GGUF", "Q8_0", "", true },
        { "qwen3:0.6b", "Qwen", "Qwen3-0.6B-GGUF", "Q8_0", "", true },
        { "llama3.2:1b-iq4_xs", "bartowski", "Llama-3.2-1B-Instruct-GGUF", "IQ4_XS", "", false },
        { "owner/name", "owner", "name", "", "", false },
        { "o/n:q4_k_m", "o", "n", "Q4_K_M", "", false },
        { "o/n:BF16", "o", "n", "BF16", "", false },
        { "o/n.v1:IQ2_XXS", "o", "n.v1", "IQ2_XXS", "", false },
        { "o/n:sub/x.gguf", "o", "n", "", "sub/x.gguf", false },
        { "o/n:config.json", "o", "n", "", "config.json", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        repo_name n;
        err e = { 0 };
        check_ok(repo_name_parse(cases[i].text, &n, &e), &e);
        assert_string_equal(n.owner, cases[i].owner);
        assert_string_equal(n.name, cases[i].name);
        assert_string_equal(n.quant, cases[i].quant);
        assert_string_equal(n.file, cases[i].file);
        assert_int_equal(n.on_both, cases[i].on_both);
        assert_true(repo_name_likely(cases[i].text));
    }
}

static void names_that_mean_none(void **state) {
    (void)state;
    static const char *const cases[] = { "", "qwen", "qwen2.5:", "qwen2.5:9b", "qwen2.5:0.5b-", "qwen2.5:0.5b-x", "qwen2.5:0.5bq8_0", "/", "a/", "/b", "a/b/c", "../b", "a/..", "a/b:", "a/b:../x",
                                         "a/b:/etc/passwd", "a/b:x\ny", "a b/c", "a/b c", "a/b?x", "a/-b", "a/b-", "a/b..c", ".a/b", "\xff/b", "a\x01/b" };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        repo_name n;
        err e = { 0 };
        if (repo_name_parse(cases[i], &n, &e)) fail_msg("'%s' was taken", cases[i]);
        assert_true(e.code == ERR_USAGE || e.code == ERR_FORMAT);
        assert_true(e.expected[0] != 0);
    }
    char longest[REPO_PART_MAX * 2 + 8];
    repo_name n;
    snprintf(longest, sizeof longest, "%0*d/b", REPO_PART_MAX, 0);
    assert_true(repo_name_parse(longest, &n, NULL));
    snprintf(longest, sizeof longest, "%0*d/b", REPO_PART_MAX + 1, 0);
    assert_false(repo_name_parse(longest, &n, NULL));
}

static void quantizations_in_file_names(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "qwen2.5-0.5b-instruct-q4_k_m.gguf", "Q4_K_M" }, { "tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf", "Q4_K_M" }, { "Phi-3-mini-4k-instruct-q4.gguf", "Q4" }, { "x/Llama-3.2-1B-Instruct-f16.gguf", "F16" },
        { "m-UD-Q4_K_XL.gguf", "Q4_K_XL" }, { "m-IQ2_XXS-00001-of-00002.gguf", "IQ2_XXS" }, { "m_Q8_0.gguf", "Q8_0" }, { "TQ1_0.gguf", "TQ1_0" }, { "m-BF16.gguf", "BF16" }, { "m-mxfp4.gguf", "MXFP4" },
        { "Q4_K_M/m-Q5_K_S.gguf", "Q5_K_S" }, { "Q4_K_M/model-00001-of-00003.gguf", "Q4_K_M" }, { "x/BF16/model.gguf", "BF16" }, { "UD-Q4_K_XL/model.gguf", "Q4_K_XL" },
    };
    static const char *const none[] = { "model.gguf", "qwen.gguf", "m-7b.gguf", "m-q.gguf", "m-quality.gguf", "", "m-q4_.gguf", "q4k/m.gguf", "Q4_K_M/x/model.gguf", "/m.gguf" };
    char q[REPO_QUANT_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!repo_file_quant(cases[i][0], q)) fail_msg("'%s' has none", cases[i][0]);
        assert_string_equal(q, cases[i][1]);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (repo_file_quant(none[i], q)) fail_msg("'%s' has %s", none[i], q);
}

static void parts_of_split_files(void **state) {
    (void)state;
    size_t stem;
    unsigned part, parts;
    assert_true(repo_file_shard("a/m-q8_0-00002-of-00013.gguf", &stem, &part, &parts));
    assert_int_equal(stem, 8);
    assert_int_equal(part, 2);
    assert_int_equal(parts, 13);
    part = parts = 77;
    static const char *const none[] = { "m.gguf", "m-00000-of-00000.gguf", "-00001-of-00002.gguf", "m-00000-of-00002.gguf", "m-00003-of-00002.gguf", "m-0001-of-0002.gguf", "m-00001-of-00002.safetensors", "m-0000x-of-00002.gguf" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (repo_file_shard(none[i], &stem, &part, &parts)) fail_msg("'%s' was taken", none[i]);
    assert_true(part == 77 && parts == 77); /* "of 00000" once left a zero behind: a GGUF without parts */
}

static void urls(void **state) {
    (void)state;
    buf b = { 0 };
    repo_url_encode("a b/ü#?%.gguf", true, &b);
    assert_string_equal(buf_str(&b), "a%20b/%C3%BC%23%3F%25.gguf");
    buf_clear(&b);
    repo_url_encode("refs/pr/1", false, &b);
    assert_string_equal(buf_str(&b), "refs%2Fpr%2F1");
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_that_mean_a_repository), cmocka_unit_test(names_that_mean_none), cmocka_unit_test(quantizations_in_file_names),
                                        cmocka_unit_test(parts_of_split_files), cmocka_unit_test(urls) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
