/* The dialect of tokenizer files, where it differs from PCRE2's own, and the pre-tokenizers that GGUF files name. Written by hand;
 * tests/clients/codepoints.py holds the same classes against tokenizers over all of Unicode. */
#include "unit/check.h"
#include "text/pretok.h"
#include "text/regex.h"

/* The matches of a pattern, joined by '|'. */
static void check_matches(const char *pattern, const char *text, const char *expected) {
    err e = { 0 };
    buf got = { 0 };
    regex *r = regex_new(pattern, strlen(pattern), &e);
    check_ok(r != NULL, &e);
    regex_run *run = regex_run_new(r);
    size_t from, to, at = 0;
    while (at < strlen(text) && regex_next(r, run, text, strlen(text), at, &from, &to, &e) == 1 && to > from) {
        if (got.len) buf_putc(&got, '|');
        buf_put(&got, text + from, to - from);
        at = to;
    }
    assert_string_equal(buf_str(&got), expected);
    buf_free(&got);
    regex_run_free(run);
    regex_free(r);
}

static void test_letters_mean_what_oniguruma_means(void **state) {
    (void)state;
    check_matches("\\s+", "a\u180eb \u3000c", " \u3000");
    check_matches("[^\\s]+", "a\u180eb c", "a\u180eb|c");
    check_matches("\\w+", "e\u0301\u24b6 \u00b2_1", "e\u0301\u24b6|\u00b2_1");
    check_matches("\\h+", "xfF9 g", "fF9");
    check_matches("\\p{Han}+", "\u3001\u4e2d\u6587\u3002", "\u4e2d\u6587"); /* U+3001 is only among Han's extensions */
    check_matches("\\p{N}{1,3}+", "1234567", "1234567");
    check_matches("(?:ab){1,2}+", "ababab", "ababab");
    check_matches("x$", "x\nx", "x|x");
    check_matches("a{2}", "aaaa", "aa|aa");
}

static void test_classes_in_classes(void **state) {
    (void)state;
    check_matches("[\\p{L}&&[^\\p{Han}]]+", "ab\u4e2dc \u00e9", "ab|c|\u00e9");
    check_matches("[a[bc]x-z]+", "abcdxyz[&", "abc|xyz");
    check_matches("[^a[bc]]+", "xaybz\n", "x|y|z\n");
    check_matches("[a-z&&[^aeiou]&&[^xyz]]{1,2}+", "hello lynx", "h|ll|l|n");
    check_matches("[^\\s&&\\S]", "a ", "a| ");
    check_matches("[[:digit:]&&[^3]]+", "12345", "12|45");
    check_matches("[]&&[\\]x]]", "]x", "]");
    check_matches("[a&&]b", "ab", "");
}

static void test_broken_patterns_are_refused(void **state) {
    (void)state;
    static const char *const patterns[] = { "[a[bc]", "[a&&", "[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]", "(", "[a", "\\" };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        err e = { 0 };
        assert_null(regex_new(patterns[i], strlen(patterns[i]), &e));
        assert_int_not_equal(e.code, ERR_NONE);
    }
}

static pretok named(const char *name, unsigned *flags) {
    err e = { 0 };
    pretok p = { 0 };
    check_ok(pretok_from_gguf_name(&p, name, flags, &e), &e);
    return p;
}

static void check_pieces(const char *name, const char *text, const char *expected) {
    err e = { 0 };
    unsigned flags;
    pretok p = named(name, &flags);
    pieces out = { 0 };
    buf got = { 0 };
    check_ok(pretokenize(&p, text, strlen(text), true, &out, &e), &e);
    for (size_t i = 0; i < out.n; i++) {
        if (i) buf_putc(&got, '|');
        buf_put(&got, buf_str(&out.text) + out.items[i].from, out.items[i].to - out.items[i].from);
    }
    assert_string_equal(buf_str(&got), expected);
    buf_free(&got);
    pieces_free(&out);
    pretok_free(&p);
}

static void test_gguf_names(void **state) {
    (void)state;
    check_pieces("qwen2", "It's 1234  a", "It|'s| |1|2|3|4| | a");
    check_pieces("llama-bpe", "It's 1234  a", "It|'s| |123|4| | a");
    check_pieces("gpt-2", "It's 1234  a", "It|'s| 1234| | a");
    check_pieces("exaone4", "a 12", "a| 12");
    check_pieces("starcoder", "a 12", "a| |1|2");
    check_pieces("megrez", "a 12", "a| |1|2");
    check_pieces("grok-2", "DON'T", "DON|'T");
    check_pieces("chatglm-bpe", "a1234", "a|123|4");
    check_pieces("afmoe", "1234567", "1|234|567");
    check_pieces("tiny_aya", "1234567", "1|234|567");
    check_pieces("kimi-k2", "\u4e2d\u6587abc", "\u4e2d\u6587|abc");
    check_pieces("deepseek-v3", "a\u4e2d\u6587 1234", "a|\u4e2d\u6587| |123|4");
}

static void test_every_gguf_name_compiles(void **state) {
    (void)state;
    static const char *const names[] = { "default", "deepseek-llm", "deepseek-coder", "falcon", "qwen35", "gpt-4o", "tekken", "poro-chat", "viking", "superbpe",
        "bailingmoe", "seed-coder", "jais-2", "minicpm5", "exaone-moe", "chameleon", "youtu", "laguna", "granite-embed-multi-97m", "k2-horizon", "command-r" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unsigned flags = 0;
        pretok p = named(names[i], &flags);
        assert_true(p.n > 0);
        assert_int_equal((flags & PRE_BOS) != 0, strcmp(names[i], "tekken") == 0 || strcmp(names[i], "chameleon") == 0);
        pretok_free(&p);
    }
    unsigned flags = 0;
    err e = { 0 };
    pretok p = { 0 };
    assert_false(pretok_from_gguf_name(&p, "no-such-name", &flags, &e));
    pretok l = named("llama-bpe", &flags);
    assert_int_equal(flags, PRE_WHOLE_WORDS | PRE_BOS);
    pretok_free(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_letters_mean_what_oniguruma_means),
        cmocka_unit_test(test_classes_in_classes),
        cmocka_unit_test(test_broken_patterns_are_refused),
        cmocka_unit_test(test_gguf_names),
        cmocka_unit_test(test_every_gguf_name_compiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
