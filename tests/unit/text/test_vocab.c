/* The index from spellings to ids: the first of equal spellings is found, and one that was replaced stays. */
#include "unit/check.h"
#include "text/tokenizer_impl.h"

static void set(tokenizer *t, int64_t id, const char *text) {
    err e;
    check_ok(tokenizer_set_token(t, id, text, strlen(text), TOKEN_NORMAL, &e), &e);
}

static void the_first_of_equal_spellings_is_found(void **state) {
    (void)state;
    tokenizer *t = tokenizer_new();
    assert_int_equal(tokenizer_find(t, "a", 1), -1); /* nothing there yet */
    set(t, 5, "same");
    set(t, 2, "same");
    set(t, 5, "same");
    set(t, 7, "");
    assert_int_equal(tokenizer_find(t, "same", 4), 5);
    assert_int_equal(tokenizer_find(t, "", 0), 7);
    assert_int_equal(tokenizer_find(t, "sam", 3), -1);
    assert_true(t->vocab.doubles);
    tokenizer_free(t);
}

static void a_replaced_spelling_stays(void **state) {
    (void)state;
    tokenizer *t = tokenizer_new();
    size_t len;
    set(t, 0, "old");
    set(t, 0, "new");
    set(t, 0, "newer");
    set(t, 1, "old");
    assert_int_equal(tokenizer_find(t, "old", 3), 0);
    assert_int_equal(tokenizer_find(t, "new", 3), 0);
    assert_int_equal(tokenizer_find(t, "newer", 5), 0);
    assert_string_equal(tokenizer_spelling(t, 0, &len), "newer");
    assert_string_equal(tokenizer_spelling(t, 1, &len), "old");
    for (int i = 2; i < 5000; i++) { /* the table grows over them */
        char text[16];
        snprintf(text, sizeof text, "t%d", i);
        set(t, i, text);
    }
    assert_int_equal(tokenizer_find(t, "old", 3), 0);
    assert_int_equal(tokenizer_find(t, "new", 3), 0);
    for (int i = 2; i < 5000; i++) {
        char text[16];
        assert_int_equal(tokenizer_find(t, text, (size_t)snprintf(text, sizeof text, "t%d", i)), i);
    }
    tokenizer_free(t);
}

static void long_spellings_are_kept(void **state) {
    (void)state;
    tokenizer *t = tokenizer_new();
    enum { LONGEST = MAX_TOKEN_BYTES };
    char *text = malloc(LONGEST + 1);
    err e;
    memset(text, 'x', LONGEST + 1);
    for (int i = 0; i < 20; i++) check_ok(tokenizer_set_token(t, i, text, (size_t)(LONGEST - i * 3400), TOKEN_NORMAL, &e), &e);
    for (int i = 0; i < 20; i++) {
        size_t len;
        const char *s = tokenizer_spelling(t, i, &len);
        assert_int_equal(len, LONGEST - i * 3400);
        assert_int_equal(strlen(s), len);
        assert_int_equal(tokenizer_find(t, text, len), i);
    }
    assert_false(tokenizer_set_token(t, 0, text, LONGEST + 1, TOKEN_NORMAL, &e));
    free(text);
    tokenizer_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_of_equal_spellings_is_found),
        cmocka_unit_test(a_replaced_spelling_stays),
        cmocka_unit_test(long_spellings_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
