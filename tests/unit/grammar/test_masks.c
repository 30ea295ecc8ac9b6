/* Masks say of every token what following its bytes says, along random texts; forgetting what was learnt changes nothing. */
#include "unit/grammar/words.h"
#include "base/mem.h"
#include "base/rng.h"

static tokenizer *t;
static vocabulary *v;
static uint64_t draws;

static int set_up(void **state) { return (void)state, t = words_tokenizer(), v = words_vocabulary(t), 0; }
static int tear_down(void **state) { return (void)state, vocabulary_unref(v), tokenizer_free(t), 0; }
static size_t below(size_t n) { return (size_t)(rng_uniform(5, draws++, 0) * (double)n); }

static const char *const grammars[] = {
    "root ::= value\nvalue ::= \"{\" (pair (\",\" pair)*)? \"}\" | \"[\" (value (\",\" value)*)? \"]\" | string | number | \"true\" | \"null\"\n"
    "pair ::= string \":\" value\nstring ::= \"\\\"\" ([^\"\\\\\\x00-\\x1f] | \"\\\\\" [n\"\\\\])* \"\\\"\"\nnumber ::= \"-\"? [0-9]+ (\".\" [0-9]+)?",
    "root ::= \" \"? \"a\"* \" \" (\"foo\" | \"bar\" | [\\u4e00-\\u9fff]+)",
    "root ::= x x\nx ::= \"a\" x \"b\" | \"a\" x \"a\" | \"\"",
    "root ::= (\"a\"{1,20}){1,20} \"\\n\"",
    "root ::= (\"ab\" | \"a\" | \"ba\")+ (\"yes\" | \"no\")",
};

/* Token by token, by following alone. */
static void check_mask(grammar_state *s, size_t n_tokens) {
    uint64_t bits[WORDS_MOST / 64 + 1];
    err e = { 0 };
    check_ok(grammar_state_mask(s, bits, &e), &e);
    for (size_t id = 0; id < n_tokens; id++) {
        grammar_state *next = grammar_state_copy(s);
        bool may = grammar_state_advance(next, (int32_t)id, &e);
        if (may != grammar_mask_has(bits, (int32_t)id)) fail_msg("token %zu after %zu: the mask says %d", id, grammar_state_length(s), !may);
        grammar_state_free(next);
    }
    assert_false(grammar_mask_has(bits, 0)); /* <unk>, <s>, <tool> */
    assert_false(grammar_mask_has(bits, 1));
    assert_false(grammar_mask_has(bits, (int32_t)n_tokens - 1));
    assert_int_equal(grammar_mask_has(bits, WORDS_END), grammar_state_is_complete(s));
}

static int32_t any_allowed(grammar_state *s, size_t n_tokens) {
    uint64_t bits[WORDS_MOST / 64 + 1];
    err e = { 0 };
    check_ok(grammar_state_mask(s, bits, &e), &e);
    size_t from = below(n_tokens);
    for (size_t i = 0; i < n_tokens; i++)
        if (grammar_mask_has(bits, (int32_t)((from + i) % n_tokens))) return (int32_t)((from + i) % n_tokens);
    fail_msg("nothing is allowed");
    return -1;
}

static void masks_are_what_following_says(void **state) {
    (void)state;
    size_t n_tokens = vocabulary_n_tokens(v);
    err e = { 0 };
    for (size_t i = 0; i < sizeof grammars / sizeof *grammars; i++) {
        grammar *g = words_gbnf(v, grammars[i]);
        for (int round = 0; round < 4; round++) {
            grammar_state *s = grammar_state_new(g);
            for (int k = 0; k < 12 && !grammar_state_is_over(s); k++) {
                check_mask(s, n_tokens);
                check_ok(grammar_state_advance(s, any_allowed(s, n_tokens), &e), &e);
            }
            grammar_state_free(s);
        }
        grammar_unref(g);
    }
}

/* The same with so little memory that everything is forgotten all the time, other texts standing in the same grammar. */
static void forgetting_changes_nothing(void **state) {
    (void)state;
    size_t n_tokens = vocabulary_n_tokens(v), words = (n_tokens + 63) / 64;
    err e = { 0 };
    for (size_t i = 0; i < sizeof grammars / sizeof *grammars; i++) {
        grammar *large = words_gbnf(v, grammars[i]), *small = grammar_compile_gbnf(grammars[i], strlen(grammars[i]), v, &(grammar_budget){ .memory = 1 }, &e);
        check_ok(small != NULL, &e);
        grammar_state *a = grammar_state_new(large), *b = grammar_state_new(small), *other = grammar_state_new(small);
        for (int k = 0; k < 40 && !grammar_state_is_over(a); k++) {
            uint64_t x[WORDS_MOST / 64 + 1], y[WORDS_MOST / 64 + 1];
            int32_t id = any_allowed(a, n_tokens);
            check_ok(grammar_state_mask(a, x, &e) && grammar_state_mask(b, y, &e), &e);
            assert_memory_equal(x, y, words * sizeof *x);
            check_ok(grammar_state_advance(a, id, &e) && grammar_state_advance(b, id, &e), &e);
            if (!grammar_state_is_over(other)) check_ok(grammar_state_advance(other, any_allowed(other, n_tokens), &e), &e);
        }
        grammar_state_free(a);
        grammar_state_free(b);
        grammar_state_free(other);
        grammar_unref(large);
        grammar_unref(small);
    }
}

static int32_t id_of(const char *text) { return tokenizer_find(t, text, strlen(text)); }

static void ways_back(void **state) {
    (void)state;
    grammar *g = words_gbnf(v, "root ::= \"aa\" \"b\" (\"yes\" | \"no\")?");
    grammar_state *s = grammar_state_new(g);
    buf forced = { 0 };
    err e = { 0 };
    assert_int_equal(grammar_state_forced_bytes(s, &forced, 100), 3);
    assert_string_equal(buf_str(&forced), "aab");
    assert_int_equal(grammar_state_forced_token(s), -1); /* a, aa, or the byte */
    check_ok(grammar_state_advance(s, id_of("aa"), &e), &e);
    assert_false(grammar_state_advance(s, id_of("a"), &e));
    assert_int_equal(e.code, ERR_USAGE);
    assert_int_equal(grammar_state_length(s), 1);
    check_ok(grammar_state_advance(s, id_of("b"), &e), &e);
    assert_true(grammar_state_is_complete(s) && !grammar_state_is_over(s));
    assert_int_equal(grammar_state_forced_bytes(s, &forced, 100), 0);
    check_ok(grammar_state_advance(s, WORDS_END, &e), &e);
    assert_true(grammar_state_is_over(s));
    assert_false(grammar_state_advance(s, id_of("yes"), &e));
    grammar_state_rollback(s, 1);
    check_ok(grammar_state_advance(s, id_of("yes"), &e), &e);
    assert_true(grammar_state_is_over(s));
    grammar_state_rollback(s, 3);
    assert_int_equal(grammar_state_length(s), 0);
    check_ok(grammar_state_advance(s, id_of("a"), &e) && grammar_state_advance(s, id_of("ab"), &e), &e);
    grammar_state_free(s);
    grammar_unref(g);
    buf_free(&forced);
}

static void one_token_is_forced(void **state) {
    (void)state;
    grammar *g = words_gbnf(v, "root ::= \"\xf0\x9f\x98\x80\"");
    grammar_state *s = grammar_state_new(g);
    err e = { 0 };
    static const int bytes[] = { 0xf0, 0x9f, 0x98, 0x80 };
    for (int i = 0; i < 4; i++) {
        assert_int_equal(grammar_state_forced_token(s), WORDS_BYTES + bytes[i]);
        check_ok(grammar_state_advance(s, WORDS_BYTES + bytes[i], &e), &e);
    }
    assert_true(grammar_state_is_over(s));
    grammar_state_free(s);
    grammar_unref(g);
}

/* SentencePiece drops a space at the beginning, so " a" is "a" there. */
static void the_first_token_loses_its_space(void **state) {
    (void)state;
    grammar *g = words_gbnf(v, "root ::= \"a\" \" a\"");
    grammar_state *s = grammar_state_new(g);
    err e = { 0 };
    int32_t spaced = id_of("\xe2\x96\x81" "a");
    check_ok(grammar_state_advance(s, spaced, &e) && grammar_state_advance(s, spaced, &e), &e);
    assert_true(grammar_state_is_over(s));
    grammar_state_free(s);
    grammar_unref(g);
}

/* After other text, such as a model's thinking, it loses nothing. */
static void a_text_that_goes_on_keeps_its_space(void **state) {
    (void)state;
    grammar *g = words_gbnf(v, "root ::= \"a\" \" a\"");
    grammar_state *s = grammar_state_new(g);
    grammar_state_goes_on(s);
    grammar_state *c = grammar_state_copy(s);
    uint64_t *bits = mem_must(grammar_mask_words(g), sizeof *bits);
    err e = { 0 };
    int32_t spaced = id_of("\xe2\x96\x81" "a");
    check_ok(grammar_state_mask(s, bits, &e), &e);
    assert_true(grammar_mask_has(bits, id_of("a")) && !grammar_mask_has(bits, spaced));
    assert_false(grammar_state_advance(c, spaced, &e));
    e = (err){ 0 };
    check_ok(grammar_state_advance(s, id_of("a"), &e) && grammar_state_advance(s, spaced, &e), &e);
    assert_true(grammar_state_is_over(s));
    grammar_state_free(s);
    grammar_state_free(c);
    grammar_unref(g);
    free(bits);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(masks_are_what_following_says), cmocka_unit_test(forgetting_changes_nothing), cmocka_unit_test(ways_back),
                                        cmocka_unit_test(one_token_is_forced), cmocka_unit_test(the_first_token_loses_its_space),
                                        cmocka_unit_test(a_text_that_goes_on_keeps_its_space) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
