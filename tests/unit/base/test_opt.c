/* The option parser: every kind, every source, the order between them, and what errors say. */
#include "unit/check.h"
#include "base/opt.h"

typedef struct sample {
    bool loud, special;
    int64_t count;
    double rate;
    uint64_t size;
    const char *name, *trace;
    int colour;
    opt_list words;
} sample;

#define AT(member) offsetof(sample, member)
static const opt_row rows[] = {
    { "loud", 'l', OPT_FLAG, AT(loud), "off", NULL, NULL, 0, 0, "a flag" },
    { "special", 0, OPT_FLAG, AT(special), "on", NULL, NULL, 0, 0, "a flag that is on" },
    { "count", 'n', OPT_INT, AT(count), "7", "N", NULL, 0, 100, "a number" },
    { "rate", 'r', OPT_REAL, AT(rate), NULL, "X", NULL, 0, 2, "a real" },
    { "size", 0, OPT_SIZE, AT(size), "4k", "SIZE", NULL, 0, 1e15, "a size" },
    { "name", 0, OPT_TEXT, AT(name), NULL, "TEXT", NULL, 0, 0, "a text" },
    { "trace", 't', OPT_TEXT, AT(trace), NULL, "FILE", "", 0, 0, "a text that may be left out" },
    { "colour", 0, OPT_CHOICE, AT(colour), "green", NULL, "red|green|blue", 0, 0, "a choice" },
    { "word", 'w', OPT_LIST, AT(words), NULL, "TEXT", NULL, 0, 0, "a list" },
};
#undef AT
static const opt_table table = { "Sample", rows, sizeof rows / sizeof *rows };
static const opt_part parts[] = { { &table, 0 } };
static const opt_spec spec = { "sample", "sample [options] [ARG]", "Teaches.", "  pingti sample\n", parts, 1, 0, 2 };

#define ARGS(...) (char *[]){ __VA_ARGS__ }, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)

static bool known(const char *name) { return strcmp(name, "elsewhere") == 0; }

static opt_state *parse(sample *v, char **argv, size_t n, err *e) {
    *v = (sample){ 0 };
    opt_state *s = opt_new(&spec, v);
    if (opt_read_args(s, (int)n, argv, e)) return s;
    opt_free(s);
    return NULL;
}

static void test_defaults(void **state) {
    (void)state;
    sample v = { 0 };
    opt_state *s = opt_new(&spec, &v);
    assert_false(v.loud);
    assert_true(v.special);
    assert_int_equal(v.count, 7);
    assert_int_equal(v.size, 4096);
    assert_int_equal(v.colour, 1);
    assert_null(v.name);
    assert_false(opt_given(s, "count"));
    opt_free(s);
}

static void test_every_spelling(void **state) {
    (void)state;
    sample v;
    err e = { 0 };
    opt_state *s = parse(&v, ARGS("--count=5", "--rate", "0.5", "-l", "--no-special", "--size=2M", "one", "--colour", "blue", "-wa", "-w", "b", "--name=", "--", "-x"), &e);
    assert_non_null(s);
    assert_int_equal(v.count, 5);
    assert_true(v.rate == 0.5 && v.loud && !v.special && v.size == 2u << 20 && v.colour == 2);
    assert_string_equal(v.name, "");
    assert_int_equal(v.words.n, 2);
    assert_string_equal(v.words.items[1], "b");
    assert_int_equal(opt_n_args(s), 2);
    assert_string_equal(opt_arg(s, 0), "one");
    assert_string_equal(opt_arg(s, 1), "-x");
    opt_free(s);
    s = parse(&v, ARGS("-ln9"), &e); /* letters together, the last with its value */
    assert_true(s && v.loud && v.count == 9);
    opt_free(s);
    s = parse(&v, ARGS("--trace", "one"), &e); /* alone: what follows is no value */
    assert_true(s && v.trace && !*v.trace && opt_n_args(s) == 1 && opt_given(s, "trace"));
    opt_free(s);
    s = parse(&v, ARGS("--trace=file", "-t"), &e);
    assert_true(s && !*v.trace);
    opt_free(s);
    s = parse(&v, ARGS("-tfile"), &e);
    assert_string_equal(v.trace, "file");
    opt_free(s);
    s = parse(&v, ARGS("-"), &e); /* standard input */
    assert_string_equal(opt_arg(s, 0), "-");
    opt_free(s);
}

static void refused(char **argv, size_t n, const char *what) {
    sample v;
    err e = { 0 };
    char text[1500];
    assert_null(parse(&v, argv, n, &e));
    assert_int_equal(e.code, ERR_USAGE);
    err_format(&e, text, sizeof text);
    if (!strstr(text, what)) fail_msg("'%s' is not in: %s", what, text);
}

static void test_errors_say_what_expected_got(void **state) {
    (void)state;
    refused(ARGS("--cuont", "3"), "did you mean --count?");
    refused(ARGS("--wrod=3"), "did you mean --word?");
    refused(ARGS("-z"), "no option -z");
    refused(ARGS("--count"), "needs a value");
    refused(ARGS("-n"), "needs a value");
    refused(ARGS("--count", "x"), "got:      'x'");
    refused(ARGS("--count", "101"), "from 0 to 100");
    refused(ARGS("--count", "5 "), "a whole number");
    refused(ARGS("--count", "99999999999999999999"), "a whole number");
    refused(ARGS("--rate", "nan"), "a number");
    refused(ARGS("--rate", "inf"), "a number");
    refused(ARGS("--size", "-1"), "a size");
    refused(ARGS("--size", "1.0000001"), "a size");
    refused(ARGS("--colour", "gre"), "red|green|blue");
    refused(ARGS("--loud=maybe"), "yes or no");
    refused(ARGS("--no-count"), "no option");
    refused(ARGS("a", "b", "c"), "what to do with 'c'");
}

static const char *environment(const char *name) {
    if (strcmp(name, "PINGTI_COUNT") == 0) return "30";
    if (strcmp(name, "PINGTI_RATE") == 0) return "1.5";
    return strcmp(name, "PINGTI_LOUD") == 0 ? "yes" : NULL;
}

static void test_order_of_sources(void **state) {
    (void)state;
    static const char config[] = "# shared\ncount = 20\nrate=0.25\ncolour = red\nelsewhere = 1\nword = a\nword = b\n[other]\nnonsense = 5\n"
                                 "[sample]\nname = \"in quotes \"\ncolour = blue\n";
    sample v = { 0 };
    err e = { 0 };
    opt_state *s = opt_new(&spec, &v);
    check_ok(opt_read_config(s, config, sizeof config - 1, "config", known, &e), &e);
    assert_int_equal(v.count, 20);
    assert_int_equal(v.colour, 2);
    assert_string_equal(v.name, "in quotes ");
    assert_int_equal(v.words.n, 2);
    check_ok(opt_read_env(s, environment, &e), &e);
    assert_int_equal(v.count, 30);
    assert_true(v.rate == 1.5 && v.loud);
    check_ok(opt_read_args(s, 4, (char *[]){ "--count", "40", "-w", "c" }, &e), &e);
    assert_int_equal(v.count, 40);
    assert_true(v.rate == 1.5);
    assert_int_equal(v.words.n, 1); /* a list of a stronger source replaces the weaker one's */
    assert_int_equal(opt_source_of(s, "count"), OPT_FROM_ARGS);
    assert_int_equal(opt_source_of(s, "rate"), OPT_FROM_ENV);
    assert_int_equal(opt_source_of(s, "colour"), OPT_FROM_CONFIG);
    opt_free(s);
}

static void test_section_wins_wherever_it_stands(void **state) {
    (void)state;
    static const char config[] = "[sample]\ncount = 1";
    sample v = { 0 };
    err e = { 0 };
    opt_state *s = opt_new(&spec, &v);
    check_ok(opt_read_config(s, config, sizeof config - 1, "config", known, &e), &e);
    assert_int_equal(v.count, 1);
    opt_free(s);
}

static void config_refused(const char *text, const char *what) {
    sample v = { 0 };
    err e = { 0 };
    char shown[1500];
    opt_state *s = opt_new(&spec, &v);
    assert_false(opt_read_config(s, text, strlen(text), "my.conf", known, &e));
    err_format(&e, shown, sizeof shown);
    if (!strstr(shown, what)) fail_msg("'%s' is not in: %s", what, shown);
    opt_free(s);
}

static void test_config_errors_name_their_line(void **state) {
    (void)state;
    config_refused("count = 3\ncolor = red\n", "my.conf, line 2");
    config_refused("\n\njust words\n", "my.conf, line 3");
    config_refused("count = many\n", "my.conf, line 1");
    config_refused("[sample]\nelsewhere = 1\n", "no option elsewhere");
    config_refused("= 5\n", "not 'name = value'");
}

static void test_sizes(void **state) {
    (void)state;
    uint64_t v;
    assert_true(opt_parse_size("0", &v) && v == 0);
    assert_true(opt_parse_size("1.5k", &v) && v == 1536);
    assert_true(opt_parse_size("2G", &v) && v == 2ull << 30);
    assert_true(opt_parse_size("3GiB", &v) && v == 3ull << 30);
    assert_true(opt_parse_size("1t", &v) && v == 1ull << 40);
    assert_false(opt_parse_size("", &v));
    assert_false(opt_parse_size("k", &v));
    assert_false(opt_parse_size("1kk", &v));
    assert_false(opt_parse_size("1e30", &v));
    assert_false(opt_parse_size("nan", &v));
}

static void test_set_and_show(void **state) {
    (void)state;
    sample v = { 0 };
    err e = { 0 };
    buf b = { 0 };
    opt_state *s = opt_new(&spec, &v);
    check_ok(opt_set(s, "rate", "0.75", &e), &e);
    opt_show(s, "rate", &b);
    buf_putc(&b, '|');
    opt_show(s, "colour", &b);
    buf_putc(&b, '|');
    opt_show(s, "name", &b);
    assert_string_equal(buf_str(&b), "0.75|green|");
    assert_false(opt_set(s, "rate", "3", &e));
    assert_false(opt_set(s, "none", "3", &e));
    buf_free(&b);
    opt_free(s);
}

static void test_help_has_every_option(void **state) {
    (void)state;
    buf b = { 0 };
    char env[80];
    opt_help(&spec, false, 80, &b);
    for (size_t i = 0; i < table.n; i++) {
        assert_non_null(strstr(buf_str(&b), rows[i].name));
        opt_env_name(rows[i].name, env, sizeof env);
        assert_non_null(strstr(buf_str(&b), env));
    }
    assert_non_null(strstr(buf_str(&b), "Usage: pingti sample"));
    assert_non_null(strstr(buf_str(&b), "--trace[=FILE]"));
    assert_null(strchr(buf_str(&b), '\x1b'));
    buf_free(&b);
    sample v;
    err e = { 0 };
    opt_state *s = parse(&v, ARGS("--help", "--nonsense"), &e);
    assert_true(s && opt_help_wanted(s));
    opt_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_every_spelling), cmocka_unit_test(test_errors_say_what_expected_got),
        cmocka_unit_test(test_order_of_sources), cmocka_unit_test(test_section_wins_wherever_it_stands),
        cmocka_unit_test(test_config_errors_name_their_line), cmocka_unit_test(test_sizes), cmocka_unit_test(test_set_and_show),
        cmocka_unit_test(test_help_has_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
