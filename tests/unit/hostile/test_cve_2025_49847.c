/* CVE-2025-49847: a token longer than the buffer it is copied to (a size_t cast to int32_t). Lengths are bounded at load. */
#include "unit/check.h"
#include "text/tokenizer.h"

static vocab_source tiny(const vocab_text *tokens, size_t n, const vocab_text *merges) {
    return (vocab_source){ .model = "gpt2", .pre = "gpt-2", .tokens = tokens, .n_tokens = n, .merges = merges, .n_merges = 1, .bos = -1, .eos = -1, .eot = -1,
                           .eom = -1, .unk = -1, .sep = -1, .pad = -1, .cls = -1, .mask = -1, .add_bos = -1, .add_eos = -1, .add_space_prefix = -1,
                           .remove_extra_whitespaces = -1 };
}

static const vocab_text good[] = { { "a", 1 }, { "b", 1 }, { "ab", 2 } }, merges[] = { { "a b", 3 } };

static void an_overlong_token_is_refused(void **state) {
    (void)state;
    static char huge[200000];
    memset(huge, 'a', sizeof huge);
    vocab_text tokens[] = { { "a", 1 }, { "b", 1 }, { "ab", 2 }, { huge, sizeof huge } };
    err e = { 0 };
    vocab_source v = tiny(tokens, 4, merges);
    assert_null(tokenizer_from_vocab(&v, &e));
    assert_int_equal(e.code, ERR_FORMAT);
    assert_non_null(strstr(e.got, "200000"));
}

static void the_benign_twin_is_accepted(void **state) {
    (void)state;
    err e = { 0 };
    vocab_source v = tiny(good, 3, merges);
    tokenizer *t = tokenizer_from_vocab(&v, &e);
    check_ok(t != NULL, &e);
    token_list ids = { 0 };
    check_ok(tokenizer_encode(t, "abba", 4, 0, &ids, &e), &e);
    assert_int_equal(ids.n, 3);
    assert_int_equal(ids.ids[0], 2);
    token_list_free(&ids);
    tokenizer_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(an_overlong_token_is_refused), cmocka_unit_test(the_benign_twin_is_accepted) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
