/* GHSA-g4cc-763q-h9h6: a special token id beyond the vocabulary reads out of bounds. Every id is checked at load. */
#include "unit/check.h"
#include "text/tokenizer.h"

static vocab_source tiny(const vocab_text *tokens, size_t n, const vocab_text *merges) {
    return (vocab_source){ .model = "gpt2", .pre = "gpt-2", .tokens = tokens, .n_tokens = n, .merges = merges, .n_merges = 1, .bos = -1, .eos = -1, .eot = -1,
                           .eom = -1, .unk = -1, .sep = -1, .pad = -1, .cls = -1, .mask = -1, .add_bos = -1, .add_eos = -1, .add_space_prefix = -1,
                           .remove_extra_whitespaces = -1 };
}

static const vocab_text good[] = { { "a", 1 }, { "b", 1 }, { "ab", 2 } }, merges[] = { { "a b", 3 } };

static void special_ids_beyond_the_vocabulary_are_refused(void **state) {
    (void)state;
    const int64_t bad[] = { 3, 4, 1000000, INT32_MAX, INT64_MAX, -2, INT64_MIN };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int which = 0; which < 9; which++) {
            vocab_source v = tiny(good, 3, merges);
            int64_t *ids[] = { &v.bos, &v.eos, &v.eot, &v.eom, &v.unk, &v.sep, &v.pad, &v.cls, &v.mask };
            err e = { 0 };
            *ids[which] = bad[i];
            assert_null(tokenizer_from_vocab(&v, &e));
            assert_int_equal(e.code, ERR_FORMAT);
        }
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(special_ids_beyond_the_vocabulary_are_refused), cmocka_unit_test(the_benign_twin_is_accepted) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
