/* What completion learns from usage lines and option rows. */
#include "unit/check.h"
#include "cli/usage.h"

static usage_place argument(const char *usage, bool first) {
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(usage, " "), usage);
    return usage_argument(&(opt_spec){ .name = name, .usage = usage }, first);
}

static void usage_lines(void **state) {
    (void)state;
    assert_int_equal(argument("doctor [-m MODEL] [options]", true).kind, USAGE_NOTHING);
    assert_int_equal(argument("run -m MODEL [options] [PROMPT | -]", true).kind, USAGE_TEXT);
    assert_int_equal(argument("inspect [-m] MODEL [options]", true).kind, USAGE_MODEL);
    assert_int_equal(argument("template -m MODEL [options] [CONVERSATION.json | -]", true).kind, USAGE_FILE);
    assert_int_equal(argument("bench -m MODEL [options] | bench --machine | bench --kernels [REGEX]", true).kind, USAGE_TEXT);
    assert_int_equal(argument("pack SOURCE-DIR", true).kind, USAGE_DIR);
    assert_int_equal(argument("models [list | rm NAME]", true).kind, USAGE_WORDS);
    assert_int_equal(argument("models [list | rm NAME]", false).kind, USAGE_PULLED);
    assert_int_equal(argument("man [COMMAND]", true).kind, USAGE_COMMAND);
    assert_int_equal(argument("fetch NAME|owner/name[:file]", true).kind, USAGE_TEXT);
    usage_place shells = argument("completion bash|zsh|fish", true);
    assert_int_equal(shells.kind, USAGE_WORDS);
    assert_string_equal(shells.words, "bash zsh fish");
    assert_int_equal(argument("completion bash|zsh|fish", false).kind, USAGE_NOTHING);
    usage_place sub = argument("models list | models rm NAME... | models verify [FILE]", true);
    assert_string_equal(sub.words, "list rm verify");
    assert_int_equal(argument("models rm FILE...", false).kind, USAGE_FILE);
}

static void option_rows(void **state) {
    (void)state;
    opt_row file = { .name = "f", .kind = OPT_TEXT, .metavar = "FILE" }, dir = { .name = "d", .kind = OPT_TEXT, .metavar = "DIR" };
    opt_row text = { .name = "t", .kind = OPT_LIST, .metavar = "TEXT" }, flag = { .name = "quiet", .kind = OPT_FLAG }, no = { .name = "no-cache", .kind = OPT_FLAG };
    opt_row choice = { .name = "c", .kind = OPT_CHOICE, .choices = "f16|q8_0|f32" }, alone = { .name = "a", .kind = OPT_TEXT, .metavar = "FILE", .choices = "" };
    opt_row number = { .name = "n", .kind = OPT_INT, .metavar = "FILES" };
    assert_int_equal(usage_value(&file).kind, USAGE_FILE);
    assert_int_equal(usage_value(&dir).kind, USAGE_DIR);
    assert_int_equal(usage_value(&text).kind, USAGE_TEXT);
    assert_int_equal(usage_value(&number).kind, USAGE_TEXT);
    assert_int_equal(usage_value(&flag).kind, USAGE_NOTHING);
    assert_string_equal(usage_value(&choice).words, "f16 q8_0 f32");
    assert_true(usage_value(&alone).optional && usage_value(&alone).kind == USAGE_FILE && !usage_value(&file).optional);
    assert_true(usage_negatable(&flag) && !usage_negatable(&no) && !usage_negatable(&file));
}

static void short_helps(void **state) {
    (void)state;
    assert_int_equal(usage_short_help("read the prompt from a file"), 27);
    assert_int_equal(usage_short_help("f32 activations, as held; slower"), 24);
    assert_int_equal(usage_short_help("a file of 1.5 GB: no"), 16);
    assert_int_equal(usage_short_help("a picture (SVG)"), 9);
    assert_int_equal(usage_short_help(""), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(usage_lines), cmocka_unit_test(option_rows), cmocka_unit_test(short_helps) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
