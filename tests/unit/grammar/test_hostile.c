/* Grammars and schemas that were made to take forever: each is compiled or refused with a sentence within its budget, and what was
 * compiled answers for its masks in little time. */
#include "unit/grammar/words.h"
#include <time.h>

static tokenizer *t;
static vocabulary *v;
static const double seconds = 0.15, slack = 4; /* sanitizers take longer for what comes between two looks at the clock */

/* Of the processor: a machine that is busy with other things is no fault. */
static double spent(void) { return (double)clock() / CLOCKS_PER_SEC; }

static int set_up(void **state) { return (void)state, t = words_tokenizer(), v = words_vocabulary(t), 0; }
static int tear_down(void **state) { return (void)state, vocabulary_unref(v), tokenizer_free(t), 0; }

static void follow(grammar *g, const char *what) {
    uint64_t bits[WORDS_MOST / 64 + 1];
    err e = { 0 };
    grammar_state *s = grammar_state_new(g);
    for (int i = 0; i < 40 && !grammar_state_is_over(s); i++) {
        double began = spent();
        bool ok = grammar_state_mask(s, bits, &e);
        if (spent() - began > slack) fail_msg("%s: a mask took %.1f s", what, spent() - began);
        if (!ok) {
            assert_int_equal(e.code, ERR_LIMIT);
            break;
        }
        int32_t id = -1;
        for (int32_t k = (int32_t)vocabulary_n_tokens(v) - 1; k >= 0 && id < 0; k--)
            if (grammar_mask_has(bits, k)) id = k;
        if (id < 0 || !grammar_state_advance(s, id, &e)) break;
    }
    grammar_state_free(s);
}

static void hold(const char *what, const char *text, size_t n, bool schema) {
    const grammar_budget b = { .seconds = seconds };
    double began = spent();
    err e = { 0 };
    grammar *g = schema ? grammar_compile_schema(text, n, false, v, &b, &e) : grammar_compile_gbnf(text, n, v, &b, &e);
    if (spent() - began > seconds + slack) fail_msg("%s: compiling took %.1f s", what, spent() - began);
    if (!g && (!e.what[0] || e.code == ERR_NONE)) fail_msg("%s: refused without a word", what);
    if (g) follow(g, what);
    grammar_unref(g);
}

static void patterns(void **state) {
    static const char *const all[] = {
        "^(a+)+$", "^(a|a)*b$", "^(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y", "^(?:(?:a{0,100}){0,100}){0,100}$", "^(a?){500}a{500}$", "(a?){9999}a{9999}",
        "(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)[ab]", "[ab]*a[ab]{20}", "^(.*a.*b.*c.*|.*c.*b.*a.*){30}$", "((((((((((a*)*)*)*)*)*)*)*)*)*)*", "^(?=.*a)(?=.*b)(?=.*c)(?=.*d)(?=.*e)(?=.*f)(?=.*g).*$",
        "^(?!.*(ab|ba|cd|dc).{15}).*$", "(\\\\p{L}+\\\\s?){1,200}", "^((ab|ac|ad|ae){1,50}|(a.){1,50}){1,50}$", "(a{1,9999}){1,9999}", "^.{9999}.{9999}.{9999}$" };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        buf s = { 0 };
        buf_printf(&s, "{\"type\":\"string\",\"pattern\":\"%s\"}", all[i]);
        hold(all[i], buf_str(&s), s.len, true);
        buf_clear(&s);
        buf_printf(&s, "{\"type\":\"object\",\"patternProperties\":{\"%s\":{\"type\":\"integer\"},\"b.*b\":false},\"additionalProperties\":{\"not\":{\"pattern\":\"%s\"}}}", all[i], all[i]);
        hold(all[i], buf_str(&s), s.len, true);
        buf_free(&s);
    }
}

static void numbers_and_counts(void **state) {
    static const char *const keywords[] = { "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains", "multipleOf", "minimum", "exclusiveMaximum" };
    static const char *const values[] = { "1000000000", "9223372036854775807", "99999", "1e308", "1e-300", "0.000123456789" };
    (void)state;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            char text[200];
            snprintf(text, sizeof text, "{\"contains\":{\"type\":\"string\"},\"%s\":%s}", keywords[i], values[k]);
            hold(text, text, strlen(text), true);
        }
}

static void references(void **state) {
    static const char *const all[] = {
        "{\"$ref\":\"#\"}", "{\"not\":{\"$ref\":\"#\"}}", "{\"allOf\":[{\"$ref\":\"#\"},{\"type\":\"integer\"}]}", "{\"if\":{\"$ref\":\"#\"},\"then\":false,\"else\":{\"$ref\":\"#\"}}",
        "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}}}", "{\"items\":{\"$ref\":\"#\"},\"contains\":{\"not\":{\"$ref\":\"#\"}}}",
        "{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"],\"type\":\"object\"}", "{\"oneOf\":[{\"items\":{\"$ref\":\"#\"}},{\"properties\":{\"a\":{\"$ref\":\"#\"}}},{\"items\":{\"not\":{\"$ref\":\"#\"}}}]}",
        "{\"$dynamicAnchor\":\"x\",\"$dynamicRef\":\"#x\"}", "{\"unevaluatedProperties\":{\"$ref\":\"#\"},\"anyOf\":[{\"properties\":{\"a\":{\"$ref\":\"#\"}}},{\"$ref\":\"#\"}]}" };
    static const char *const links[] = { "{\"allOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]}", "{\"anyOf\":[{\"items\":{\"$ref\":\"#/$defs/d%d\"}},{\"not\":{\"$ref\":\"#/$defs/d%d\"}}]}",
                                         "{\"oneOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"properties\":{\"p\":{\"$ref\":\"#/$defs/d%d\"}}}]}", "{\"$ref\":\"#/$defs/d%d\",\"properties\":{\"x%d\":true},\"unevaluatedProperties\":false}" };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) hold(all[i], all[i], strlen(all[i]), true);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        for (int n = 40; n <= 2000; n *= 50) {
            buf s = { 0 };
            buf_puts(&s, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
            for (int k = 0; k < n; k++) {
                buf_printf(&s, "\"d%d\":", k);
                buf_printf(&s, links[i], k + 1, k + 1); /* doubling, one after another */
                buf_puts(&s, ",");
            }
            buf_printf(&s, "\"d%d\":{\"type\":[\"string\",\"array\"],\"maxLength\":3}}}", n);
            hold(links[i], buf_str(&s), s.len, true);
            buf_free(&s);
        }
}

/* before, n times each with its number, after */
static void many(const char *before, const char *each, int n, const char *after, bool schema) {
    buf s = { 0 };
    buf_puts(&s, before);
    for (int i = 0; i < n; i++) {
        if (i && schema) buf_puts(&s, ",");
        buf_printf(&s, each, i, i, i);
    }
    buf_puts(&s, after);
    hold(each, buf_str(&s), s.len, schema);
    buf_free(&s);
}

static void large_ones(void **state) {
    (void)state;
    many("{\"enum\":[", "\"value %d\"", 60000, "]}", true);
    many("{\"enum\":[", "{\"a%d\":[%d,{\"b\":%d}]}", 20000, "]}", true);
    many("{\"not\":{\"enum\":[", "\"value %d\"", 20000, "]}}", true);
    many("{\"type\":\"object\",\"properties\":{", "\"p%d\":{\"type\":\"string\"}", 20000, "}}", true);
    many("{\"type\":\"object\",\"required\":[", "\"p%d\"", 20000, "]}", true);
    many("{\"oneOf\":[", "{\"properties\":{\"k\":{\"const\":%d},\"v%d\":{\"type\":\"string\"}}}", 500, "]}", true);
    many("{\"anyOf\":[", "{\"required\":[\"r%d\"],\"minProperties\":%d}", 300, "],\"unevaluatedProperties\":false}", true);
    many("{\"patternProperties\":{", "\"^.{%d}[ab]\":{\"multipleOf\":%d.5}", 60, "},\"minProperties\":9}", true);
    many("{\"dependentRequired\":{", "\"a%d\":[\"b%d\",\"c%d\"]", 60, "}}", true);
    many("{\"allOf\":[", "{\"if\":{\"required\":[\"a%d\"]},\"then\":{\"required\":[\"b%d\"]}}", 60, "]}", true);
    many("{\"allOf\":[", "{\"contains\":{\"const\":%d},\"maxContains\":%d}", 30, "]}", true);
    many("{\"prefixItems\":[", "{\"enum\":[%d,\"x\"]}", 12, "],\"items\":{\"enum\":[1,2,3]},\"uniqueItems\":true}", true);
    many("root ::= r0\n", "r%d ::= \"a\" | r9999 | \"b\"\n", 9999, "r9999 ::= \"c\"", false);
    many("root ::= ", "\"word %d\" | ", 50000, "\"end\"", false);
    many("root ::= \"a\"", "?{0,%d}", 90, "", false);
}

static void rules(void **state) {
    static const char *const all[] = { "root ::= (\"a\"{0,100000}){0,100000}", "root ::= ((((\"a\"*)*)*)*)*", "root ::= (\"a\"? \"a\"?){50000}", "root ::= x{300}\nx ::= \"a\" | \"a\" x | \"ab\" x x",
                                       "root ::= [ab]* \"a\" [ab]{24}", "root ::= a a a a a a a a\na ::= b b b b b b b b\nb ::= c c c c c c c c\nc ::= d d d d d d d d\nd ::= [a-z]{1,90} [b-y]{1,90}",
                                       "root ::= (.{1,3000} \"x\" | .{1,2999} \"y\")+", "root ::= y y y\ny ::= \"a\" y \"a\" | \"a\" y | y2 \"b\"\ny2 ::= \"\" | \"a\" y2 \"a\"" };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) hold(all[i], all[i], strlen(all[i]), false);
    buf s = { 0 };
    buf_puts(&s, "root ::= ");
    for (int i = 0; i < 100000; i++) buf_putc(&s, '(');
    hold("parentheses", buf_str(&s), s.len, false);
    buf_clear(&s);
    buf_puts(&s, "root ::= r0\n");
    for (int i = 0; i < 60; i++) buf_printf(&s, "r%d ::= r%d r%d | \"x\" r%d\n", i, i + 1, i + 1, i + 1);
    buf_puts(&s, "r60 ::= \"a\" | \"b\"\n");
    hold("doubling rules", buf_str(&s), s.len, false);
    buf_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(patterns), cmocka_unit_test(numbers_and_counts), cmocka_unit_test(references), cmocka_unit_test(large_ones), cmocka_unit_test(rules) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
