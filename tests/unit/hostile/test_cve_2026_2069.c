/* CVE-2026-2069 (llama.cpp: stack overflow by a GBNF grammar) and its relatives: vLLM's CVE-2025-48942, -48943 and -48944 (a schema, a
 * regular expression or a tool's parameters that cannot be compiled end the server), grammars and patterns that explode (CVE-2025-48887).
 * Each is refused with a sentence, or compiled within its budget and followed or refused within a bound; the process lives. */
#include "unit/grammar/words.h"
#include <time.h>

static tokenizer *t;
static vocabulary *v;

static int set_up(void **state) { return (void)state, t = words_tokenizer(), v = words_vocabulary(t), 0; }
static int tear_down(void **state) { return (void)state, vocabulary_unref(v), tokenizer_free(t), 0; }

static char *repeated(const char *before, const char *open, const char *within, const char *close, const char *after, size_t n) {
    buf b = { 0 };
    buf_puts(&b, before);
    for (size_t i = 0; i < n; i++) buf_puts(&b, open);
    buf_puts(&b, within);
    for (size_t i = 0; i < n; i++) buf_puts(&b, close);
    buf_puts(&b, after);
    return buf_take(&b);
}

/* Compiled or refused, in time; what is compiled answers for some tokens, or says that it cannot. */
static void survives(char *text, bool schema, bool must_fail) {
    static uint64_t bits[WORDS_MOST];
    err e = { 0 };
    grammar_budget budget = { .seconds = 2 };
    clock_t began = clock();
    grammar *g = schema ? grammar_compile_schema(text, strlen(text), false, v, &budget, &e) : grammar_compile_gbnf(text, strlen(text), v, &budget, &e);
    if (!g) assert_true(e.code != ERR_NONE && e.what[0]);
    if (g && must_fail) fail_msg("'%.60s' was compiled", text);
    grammar_state *s = g ? grammar_state_new(g) : NULL;
    for (int i = 0; s && i < 50; i++) {
        int32_t id = 0;
        if (!grammar_state_mask(s, bits, &e)) break;
        while (id < (int32_t)vocabulary_n_tokens(v) && !grammar_mask_has(bits, id)) id++;
        if (id == (int32_t)vocabulary_n_tokens(v) || !grammar_state_advance(s, id, &e)) break;
    }
    grammar_state_free(s);
    grammar_unref(g);
    double took = (double)(clock() - began) / CLOCKS_PER_SEC;
    if (took > 60) fail_msg("'%.60s' took %g s", text, took);
    free(text);
}

static void nested_and_recursive(void **state) {
    (void)state;
    survives(repeated("root ::= ", "(", "\"a\"", ")", "", 100000), false, true);
    survives(repeated("root ::= ", "(", "\"a\"", ")?", "", 90), false, false);
    survives(repeated("root ::= \"a\"", "", "", "?", "", 100000), false, true);
    survives(repeated("root ::= root ", "| root \"x\" ", "", "", "", 10000), false, true);
    survives(repeated("root ::= \"(\" root \")\" | \"\"", "", "", "", "", 0), false, false);
    buf chain = { 0 }, loop = { 0 };
    buf_puts(&chain, "root ::= r0\n");
    buf_puts(&loop, "root ::= r0\n");
    for (int i = 0; i < 20000; i++) buf_printf(&chain, "r%d ::= r%d\n", i, i + 1), buf_printf(&loop, "r%d ::= r%d\n", i, (i + 1) % 20000);
    buf_puts(&chain, "r20000 ::= \"x\"\n");
    survives(buf_take(&chain), false, false);
    survives(buf_take(&loop), false, true);
}

static void repetitions_that_explode(void **state) {
    (void)state;
    survives(repeated("root ::= (\"a\"{1,1000}){1,1000}", "", "", "", "", 0), false, false);
    survives(repeated("root ::= (([a-z]{1,1000}){1,1000}){1,1000}", "", "", "", "", 0), false, false);
    survives(repeated("root ::= ", "(", "[a-z]", "{9}){9}", "", 40), false, false);
    survives(repeated("root ::= (\"a\" | \"aa\" | \"aaa\")* (\"a\"* \"a\"*)* \"b\"", "", "", "", "", 0), false, false);
    survives(repeated("root ::= [ab]* \"a\" [ab]{60}", "", "", "", "", 0), false, true); /* 2^60 deterministic states */
    survives(repeated("root ::= s\ns ::= \"a\" s s | \"a\" s | \"a\"", "", "", "", "", 0), false, false);
    survives(repeated("root ::= x", " | x ", "", "", "\nx ::= \"a\" x \"a\" | \"a\" x \"b\" | \"b\" x \"a\" | \"b\"", 200), false, false);
    survives(repeated("{\"pattern\":\"^", "(a?", "", ")*", "$\"}", 40), true, false);
    survives(repeated("{\"pattern\":\"^(a+)+$\"}", "", "", "", "", 0), true, false);
    survives(repeated("{\"pattern\":\"(a|b)*a(a|b){60}\"}", "", "", "", "", 0), true, true);
    survives(repeated("{\"pattern\":\"", "(", "a{1,1000}", "){1,1000}", "\"}", 3), true, true);
    survives(repeated("{\"minLength\":1000000000}", "", "", "", "", 0), true, true);
    survives(repeated("{\"type\":\"array\",\"minItems\":1000000000}", "", "", "", "", 0), true, true);
}

static void schemas_that_explode(void **state) {
    (void)state;
    survives(repeated("", "{\"items\":", "{}", "}", "", 10000), true, true);
    survives(repeated("", "{\"not\":", "{\"type\":\"string\"}", "}", "", 50), true, false);
    survives(repeated("{\"allOf\":[", "{\"$ref\":\"#/$defs/a\"},", "{}", "", "],\"$defs\":{\"a\":{\"anyOf\":[{\"required\":[\"x\"]},{\"required\":[\"y\"]},{\"$ref\":\"#\"}]}}}", 1000), true, true);
    buf chain = { 0 }, net = { 0 }, many = { 0 };
    buf_puts(&chain, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
    buf_puts(&net, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
    buf_puts(&many, "{\"oneOf\":[");
    for (int i = 0; i < 3000; i++) buf_printf(&chain, "\"d%d\":{\"$ref\":\"#/$defs/d%d\"},", i, i + 1);
    for (int i = 0; i < 300; i++) {
        buf_printf(&net, "\"d%d\":{\"properties\":{", i);
        for (int k = 0; k < 20; k++) buf_printf(&net, "%s\"p%d\":{\"allOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]}", k ? "," : "", k, (i * 7 + k) % 300, (i * 11 + k * 3) % 300);
        buf_puts(&net, "}},");
    }
    for (int i = 0; i < 60; i++) buf_printf(&many, "%s{\"properties\":{\"p%d\":{\"minimum\":%d}}}", i ? "," : "", i, i);
    buf_puts(&chain, "\"d3000\":{}}}");
    buf_puts(&net, "\"last\":{}}}");
    buf_puts(&many, "]}");
    survives(buf_take(&chain), true, true);
    survives(buf_take(&net), true, false);
    survives(buf_take(&many), true, false);
}

static void invalid_schemas(void **state) {
    static const char *const schemas[] = { "{\"type\":\"something\"}", "{\"type\":[1]}", "{\"properties\":1}", "{\"required\":[1]}", "{\"anyOf\":[]}", "{\"anyOf\":{}}", "{\"enum\":1}", "{\"pattern\":\"[\"}",
                                           "{\"pattern\":\"\\\\\"}", "{\"pattern\":\"a{2,1}\"}", "{\"pattern\":\"*\"}", "{\"pattern\":7}", "{\"$ref\":7}", "{\"minimum\":\"1\"}", "{\"multipleOf\":0}", "{\"multipleOf\":-1}",
                                           "{\"items\":\"x\"}", "{\"if\":1,\"then\":1}", "{\"patternProperties\":{\"(\":{}}}", "[]", "null", "\"\"", "", "{\"maximum\":1e400}", "{\"$ref\":\"#/%00\"}" };
    (void)state;
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) survives(repeated(schemas[i], "", "", "", "", 0), true, true);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(nested_and_recursive), cmocka_unit_test(repetitions_that_explode), cmocka_unit_test(schemas_that_explode), cmocka_unit_test(invalid_schemas) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
