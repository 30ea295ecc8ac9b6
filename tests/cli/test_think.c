/* Thinking told from the answer, however the text is cut. */
#include "unit/check.h"
#include "cli/chat_think.h"

static void split(const char *text, bool open, const char *thought, const char *answer) {
    size_t n = strlen(text);
    for (size_t step = 1; step <= n; step++) {
        think_stream t = { .inside = open };
        for (size_t i = 0; i < n; i += step) think_put(&t, text + i, n - i < step ? n - i : step);
        think_end(&t);
        assert_string_equal(buf_str(&t.thought), thought);
        assert_string_equal(buf_str(&t.answer), answer);
        think_free(&t);
    }
}

static void test_every_cut(void **state) {
    (void)state;
    split("<think>a < b</think>\n\nyes", false, "a < b", "yes");
    split("a </thin b</think>yes <think>", true, "a </thin b", "yes <think>");
    split("plain <think> is a tag", false, "", "plain <think> is a tag");
    split("\n<think>x", false, "x", "");
    split("</thinking", true, "</thinking", "");
    split("<thinker>", false, "", "<thinker>");
    split("<think></think>ok</think>", false, "", "ok</think>");
    split("never closed", true, "never closed", "");
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_cut) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
