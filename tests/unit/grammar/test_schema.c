/* JSON Schema: what is offered and what is not, keyword by keyword; refusals name the keyword and its place. The whole suite of the
 * standard is held against in tests/clients/grammar.py. */
#include "unit/grammar/words.h"

static tokenizer *t;
static vocabulary *v;

static int set_up(void **state) { return (void)state, t = words_tokenizer(), v = words_vocabulary(t), 0; }
static int tear_down(void **state) { return (void)state, vocabulary_unref(v), tokenizer_free(t), 0; }

static void values_follow(void **state) {
    static const struct { const char *schema, *yes[7], *no[7]; } cases[] = {
        { "{}", { "{\"a\":[1,null,{\"b\":true}]}", "\"\\u00e9\\ud83d\\ude00\"", "-1.5e10", "[\n  1\n]" }, { "\"\\ud83d\"", "{\"a\":}", "01", "[1,]", "\"\n\"", "nul" } },
        { "{\"type\":[\"integer\",\"null\"]}", { "1", "-20", "0", "null" }, { "1.5", "1.0", "-0", "\"1\"", "true" } },
        { "{\"type\":\"integer\",\"minimum\":-5,\"exclusiveMaximum\":120}", { "-5", "0", "7", "119" }, { "-6", "120", "1000", "-10" } },
        { "{\"type\":\"number\",\"exclusiveMinimum\":-2.5,\"maximum\":12.25}", { "-2.49", "12.250", "0.001", "-0.1", "12" }, { "-2.5", "12.26", "100", "-2.50", "12.2501" } },
        { "{\"type\":\"number\",\"multipleOf\":0.25}", { "1.5", "-0.75", "100.00", "3" }, { "1.3", "0.125" } },
        { "{\"type\":\"integer\",\"multipleOf\":7}", { "0", "14", "-21", "7007" }, { "1", "15" } },
        { "{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", { "\"ab\"", "\"\xe4\xb8\xad\xe6\x96\x87\"", "\"a\\n\\\"\"" }, { "\"a\"", "\"abcd\"" } },
        { "{\"type\":\"string\",\"pattern\":\"^(?:a|bc)+\\\\d{2}$\"}", { "\"a12\"", "\"bca00\"" }, { "\"b12\"", "\"a1\"", "\"xa12\"" } },
        { "{\"type\":\"string\",\"pattern\":\"b\",\"maxLength\":3}", { "\"abc\"", "\"b\"" }, { "\"ac\"", "\"aabc\"" } },
        { "{\"type\":\"string\",\"pattern\":\"^(?!no)[a-z]+$\"}", { "\"yes\"", "\"n\"" }, { "\"no\"", "\"nob\"" } },
        { "{\"type\":\"string\",\"format\":\"date\"}", { "\"2024-02-29\"", "\"1999-12-31\"" }, { "\"2023-02-29\"", "\"2024-13-01\"" } },
        { "{\"type\":\"string\",\"format\":\"ipv4\"}", { "\"127.0.0.1\"" }, { "\"256.0.0.1\"", "\"1.2.3\"" } },
        { "{\"type\":\"string\",\"format\":\"ipv6\"}", { "\"::1\"", "\"fe80::1:2\"", "\"1:2:3:4:5:6:7:8\"" }, { "\"1:2\"", "\":::\"" } },
        { "{\"type\":\"string\",\"format\":\"uuid\"}", { "\"123e4567-e89b-12d3-a456-426614174000\"" }, { "\"123e4567\"" } },
        { "{\"type\":\"string\",\"format\":\"email\"}", { "\"a.b@c.de\"" }, { "\"a.b\"", "\"@c\"" } },
        { "{\"enum\":[\"x\",3,null,[1],{\"k\":false}]}", { "\"x\"", "3", "null", "[1]", "{\"k\":false}" }, { "\"y\"", "4", "[]", "{}" } },
        { "{\"const\":\"a\\n\\\"b\"}", { "\"a\\n\\\"b\"" }, { "\"a\"" } },
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"boolean\"}},\"required\":[\"a\"],\"additionalProperties\":false}",
          { "{\"a\":1}", "{\"a\": 1, \"b\": true}", "{\n  \"a\": 1\n}" }, { "{}", "{\"b\":true}", "{\"b\":true,\"a\":1}", "{\"a\":1,\"c\":2}", "{\"a\":\"x\"}" } },
        { "{\"type\":\"object\",\"patternProperties\":{\"^n_\":{\"type\":\"number\"}},\"additionalProperties\":{\"type\":\"string\"},\"maxProperties\":2}",
          { "{}", "{\"n_a\":1,\"b\":\"x\"}" }, { "{\"n_a\":\"x\"}", "{\"b\":1}", "{\"a\":\"\",\"b\":\"\",\"c\":\"\"}" } },
        { "{\"type\":\"object\",\"propertyNames\":{\"maxLength\":2},\"minProperties\":1}", { "{\"ab\":1}" }, { "{}", "{\"abc\":1}" } },
        { "{\"type\":\"object\",\"minProperties\":3,\"properties\":{\"id\":{\"type\":\"integer\"}}}", { "{\"id\":1,\"alpha\":1,\"zeta\":2}", "{\"alpha\":1,\"Beta\":2,\"zeta\":3,\"zoo\":4}" }, { "{}", "{\"id\":1,\"b\":1}", "{\"id\":1,\"b\":1,\"b\":2}" } },
        { "{\"type\":\"object\",\"minProperties\":2,\"maxProperties\":2,\"additionalProperties\":{\"type\":\"integer\"}}", { "{\"x\":1,\"a\":2}" }, { "{\"x\":1}", "{\"x\":1,\"a\":2,\"c\":3}" } },
        { "{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"}],\"items\":{\"type\":\"string\"},\"minItems\":1,\"maxItems\":3}", { "[1]", "[1, \"a\"]", "[1,\"a\",\"b\"]" },
          { "[]", "[\"a\"]", "[1,2]", "[1,\"a\",\"b\",\"c\"]" } },
        { "{\"type\":\"array\",\"contains\":{\"type\":\"integer\"},\"minContains\":2,\"maxContains\":3}", { "[1,2]", "[\"a\",1,2,3]" }, { "[1]", "[1,2,3,4]" } },
        { "{\"type\":\"array\",\"items\":{\"enum\":[\"a\",\"b\",1]},\"uniqueItems\":true}", { "[]", "[\"b\",\"a\",1]" }, { "[1,1]", "[\"a\",\"b\",\"a\"]" } },
        { "{\"allOf\":[{\"minimum\":3},{\"maximum\":5}],\"type\":\"integer\",\"not\":{\"const\":4}}", { "3", "5" }, { "4", "6" } },
        { "{\"oneOf\":[{\"type\":\"integer\",\"multipleOf\":2},{\"type\":\"integer\",\"multipleOf\":3}]}", { "2", "3", "4" }, { "6", "12", "5" } },
        { "{\"if\":{\"properties\":{\"k\":{\"const\":1}},\"required\":[\"k\"]},\"then\":{\"required\":[\"x\"]},\"else\":{\"required\":[\"y\"]},\"type\":\"object\"}",
          { "{\"k\":1,\"x\":2}", "{\"k\":2,\"y\":2}", "{\"y\":0}" }, { "{\"k\":1}", "{\"x\":2}", "{}" } },
        { "{\"$defs\":{\"t\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\"},\"l\":{\"$ref\":\"#/$defs/t\"}},\"required\":[\"v\"],\"additionalProperties\":false}},\"$ref\":\"#/$defs/t\"}",
          { "{\"v\":1,\"l\":{\"v\":2}}" }, { "{\"l\":{\"v\":1}}", "{\"v\":1,\"l\":{}}" } },
        { "{\"type\":\"object\",\"properties\":{\"a\":true},\"dependentRequired\":{\"a\":[\"b\"]},\"unevaluatedProperties\":{\"type\":\"integer\"}}", { "{}", "{\"a\":null,\"b\":1}", "{\"c\":1}" }, { "{\"a\":null}", "{\"c\":\"x\"}" } },
        { "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}]}", { "\"a\"", "[[\"a\"],[]]" }, { "1", "[1]" } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grammar *g = words_schema(v, cases[i].schema);
        for (int k = 0; k < 7 && cases[i].yes[k]; k++) check_matches(g, cases[i].yes[k], true);
        for (int k = 0; k < 7 && cases[i].no[k]; k++) check_matches(g, cases[i].no[k], false);
        grammar_unref(g);
    }
}

static void refusals_name_the_place(void **state) {
    static const struct { const char *schema, *what, *where; } cases[] = {
        { "{", "not valid JSON", "" },
        { "3", "'(root)' is not valid", "" },
        { "false", "no value is valid under the schema", "" },
        { "{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", "no text can satisfy", "" },
        { "{\"type\":\"text\"}", "'type' is not valid", "#/type" },
        { "{\"properties\":{\"a\":{\"items\":3}}}", "'items' is not valid", "#" },
        { "{\"items\":{\"uniqueItems\":true,\"type\":\"array\"}}", "uses 'uniqueItems', which cannot constrain text", "#/items/uniqueItems" },
        { "{\"properties\":{\"a/b\":{\"$ref\":\"http://elsewhere/\"}}}", "uses '$ref', which names a document that is not in the schema", "#/properties/a~1b/$ref" },
        { "{\"$ref\":\"#/$defs/none\"}", "'$ref' is not valid", "#/$ref" },
        { "{\"$ref\":\"#\"}", "refers to itself without end", "" },
        { "{\"pattern\":\"(a)\\\\1\"}", "refers back to a group", "#/pattern" },
        { "{\"pattern\":\"a(?=b)\"}", "looks ahead or behind", "#/pattern" },
        { "{\"pattern\":\"(\"}", "a group that does not end", "#/pattern" },
        { "{\"minLength\":-1}", "'minLength' is not valid", "#/minLength" },
        { "{\"multipleOf\":123456789}", "multipleOf has too many digits", "#/multipleOf" },
        { "{\"type\":\"object\",\"minProperties\":10}", "uses 'minProperties', which cannot constrain text", "#/minProperties" },
        { "{\"$schema\":\"http://other/dialect\"}", "uses '$schema', which names a dialect that is not known", "#/$schema" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err e = { 0 };
        grammar *g = grammar_compile_schema(cases[i].schema, strlen(cases[i].schema), false, v, NULL, &e);
        if (g) fail_msg("'%s' was compiled", cases[i].schema);
        if (!strstr(e.what, cases[i].what) || !strstr(e.where, cases[i].where)) fail_msg("'%s': '%s' at '%s'", cases[i].schema, e.what, e.where);
    }
}

static void compact_has_no_white_space(void **state) {
    (void)state;
    err e = { 0 };
    const char *schema = "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}";
    grammar *g = grammar_compile_schema(schema, strlen(schema), true, v, NULL, &e);
    check_ok(g != NULL, &e);
    check_matches(g, "[{\"a\":1},{}]", true);
    check_matches(g, "[{\"a\": 1}]", false);
    check_matches(g, "[ ]", false);
    grammar_unref(g);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(values_follow), cmocka_unit_test(refusals_name_the_place), cmocka_unit_test(compact_has_no_white_space) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
