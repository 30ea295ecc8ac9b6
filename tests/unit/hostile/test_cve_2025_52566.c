/* CVE-2025-52566: a signed comparison lets a long text overflow the caller's token buffer. Lists here grow with what they hold. */
#include "unit/check.h"
#include "text/tokenizer.h"

static vocab_source tiny(const vocab_text *tokens, size_t n, const vocab_text *merges) {
    return (vocab_source){ .model = "gpt2", .pre = "gpt-2", .tokens = tokens, .n_tokens = n, .merges = merges, .n_merges = 1, .bos = -1, .eos = -1, .eot = -1,
                           .eom = -1, .unk = -1, .sep = -1, .pad = -1, .cls = -1, .mask = -1, .add_bos = -1, .add_eos = -1, .add_space_prefix = -1,
                           .remove_extra_whitespaces = -1 };
}

static const vocab_text good[] = { { "a", 1 }, { "b", 1 }, { "ab", 2 } }, merges[] = { { "a b", 3 } };

static void a_long_text_fits_its_list(void **state) {
    (void)state;
    enum { N = 3 << 20 };
    char *text = malloc(N);
    for (size_t i = 0; i < N; i++) text[i] = i % 2 ? ' ' : 'b';
    err e = { 0 };
    vocab_source v = tiny(good, 3, merges);
    tokenizer *t = tokenizer_from_vocab(&v, &e);
    check_ok(t != NULL, &e);
    token_list ids = { 0 };
    token_list_put(&ids, 7); /* what was there stays */
    check_ok(tokenizer_encode(t, text, N, 0, &ids, &e), &e);
    assert_int_equal(ids.n, 1 + N / 2); /* a space has no token in this vocabulary */
    assert_true(ids.n <= ids.cap && ids.ids[0] == 7);
    token_list_free(&ids);
    tokenizer_free(t);
    free(text);
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_long_text_fits_its_list), cmocka_unit_test(the_benign_twin_is_accepted) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
