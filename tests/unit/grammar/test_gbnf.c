/* GBNF as llama.cpp documents it: what it accepts, and that what is wrong is refused with a sentence and its place. */
#include "unit/grammar/words.h"

static tokenizer *t;
static vocabulary *v;

static int set_up(void **state) { return (void)state, t = words_tokenizer(), v = words_vocabulary(t), 0; }
static int tear_down(void **state) { return (void)state, vocabulary_unref(v), tokenizer_free(t), 0; }

static void texts_follow(void **state) {
    static const struct { const char *grammar, *yes[6], *no[6]; } cases[] = {
        { "root ::= \"a\" | \"b\" [c-e]+", { "a", "bc", "bcde" }, { "", "b", "ac", "bf" } },
        { "root ::= (\"x\" \"y\")* # comment\n\n# another\n", { "", "xy", "xyxy" }, { "x", "xyx" } },
        { "root ::= item{2,3}\nitem ::= [0-9]", { "12", "123" }, { "1", "1234" } },
        { "root ::= [0-9]{2} \"-\" [0-9]{3,}", { "12-345", "12-3456" }, { "1-345", "12-34" } },
        { "root ::= [^\"\\\\\\n] .", { "ab", "\xe4\xb8\xad\xe6\x96\x87", "\xf0\x9f\x98\x80x" }, { "\"a", "\\a", "\na", "a", "\xe4\xb8" } },
        { "root ::= \"\\x41\\u4e2d\\U0001F600\\t\\\"\\\\\"", { "A\xe4\xb8\xad\xf0\x9f\x98\x80\t\"\\" }, { "A" } },
        { "root ::= [a\\]\\[-]+", { "a-][" }, { "b" } },
        { "root ::= list\nlist ::= \"(\" (\n  list |\n  \"x\"\n)* \")\"", { "()", "(x(x)())" }, { "(", "(()", ")" } },
        { "root ::=\n  \"a\" |\n  \"b\"", { "a", "b" }, { "" } },
        { "root ::= \"a\"? opt\nopt ::= | \"b\"", { "", "a", "b", "ab" }, { "ba" } },
        { "root ::= (\"a\"{1,3} \"b\"?){2}", { "aa", "aab", "abab", "aaaaaa" }, { "a", "b" } },
        { "root ::= x x\nx ::= \"(\" x \")\" | \"\"", { "", "()", "(())()" }, { "(()" } },
        { "root ::= \"caf\xc3\xa9\" [\xc3\xa0-\xc3\xbf]", { "caf\xc3\xa9\xc3\xa8" }, { "cafe" } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grammar *g = words_gbnf(v, cases[i].grammar);
        for (int k = 0; k < 6 && cases[i].yes[k]; k++) check_matches(g, cases[i].yes[k], true);
        for (int k = 0; k < 6 && cases[i].no[k]; k++) check_matches(g, cases[i].no[k], false);
        grammar_unref(g);
    }
}

static void wrong_ones_are_refused(void **state) {
    static const struct { const char *grammar, *what, *where; } cases[] = {
        { "", "does not define the rule 'root'", "" },
        { "a ::= \"x\"", "does not define the rule 'root'", "" },
        { "root ::= missing", "does not define the rule 'missing'", "" },
        { "root ::= \"x", "a literal does not end", "line 1, column 12" },
        { "root ::= [a-", "a class of characters does not end", "line 1" },
        { "root ::= (\"a\"", "a group does not end", "line 1" },
        { "root ::= \"a\")", "a rule does not end with its line", "line 1, column 13" },
        { "root = \"a\"", "a rule's definition is missing", "line 1, column 6" },
        { "root ::= \"a\"\nroot ::= \"b\"", "a rule is defined twice", "line 2" },
        { "root ::= \"\\q\"", "there is no such escape", "line 1" },
        { "root ::= \"\\ud800\"", "an escape is no code point", "line 1" },
        { "root ::= \"a\"{3,2}", "counts run backwards", "line 1" },
        { "root ::= \"a\"{,2}", "a repetition's count is missing", "line 1" },
        { "root ::= \"a\"{1000000}", "a repetition's count is too large", "line 1" },
        { "root ::= [z-a]", "runs backwards", "line 1" },
        { "root ::= \"\xff\"", "it is not valid UTF-8", "line 1" },
        { "root ::= <think>", "tokens by name or number are not supported", "line 1" },
        { "root ::= root \"a\" | \"b\"", "begins with itself", "" },
        { "root ::= a\na ::= \"\" b \"x\"\nb ::= [y]? a | \"z\"", "begins with itself", "" },
        { "root ::= \"a\" root", "no text can satisfy the grammar", "" },
        { "root ::= []", "no text can satisfy the grammar", "" },
        { "root ::= ", "no text but the empty one follows the grammar", "" },
        { "root ::= x* # nothing\nx ::= \"\"", "no text but the empty one follows the grammar", "" },
        { "root ::= \"a\" ::= \"b\"", "a rule does not end with its line", "line 1" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err e = { 0 };
        grammar *g = grammar_compile_gbnf(cases[i].grammar, strlen(cases[i].grammar), v, NULL, &e);
        if (g) fail_msg("'%s' was compiled", cases[i].grammar);
        if (!strstr(e.what, cases[i].what) || !strstr(e.where, cases[i].where)) fail_msg("'%s': '%s' at '%s'", cases[i].grammar, e.what, e.where);
    }
}

static void budgets_hold(void **state) {
    (void)state;
    err e = { 0 };
    const char *large = "root ::= ([a-z]{900} [0-9]{900}){900}", *plain = "root ::= [a-z]{100}";
    assert_null(grammar_compile_gbnf(plain, strlen(plain), v, &(grammar_budget){ .nodes = 20 }, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_null(grammar_compile_gbnf(plain, strlen(plain), v, &(grammar_budget){ .text = 10 }, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    grammar *g = grammar_compile_gbnf(large, strlen(large), v, NULL, &e); /* repeated as a call: small */
    check_ok(g != NULL, &e);
    assert_true(grammar_facts_of(g).nodes < 4000);
    grammar_unref(g);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts_follow), cmocka_unit_test(wrong_ones_are_refused), cmocka_unit_test(budgets_hold) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
