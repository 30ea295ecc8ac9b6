/* Pages and sequences: names, sharing, eviction order, rewinding, and a long random life after which everything still agrees. */
#include "unit/check.h"
#include "base/rng.h"
#include "infer/seq.h"

static uint64_t draws;
static uint32_t below(uint32_t n) { return (uint32_t)(rng_uniform(11, draws++, 0) * n); }

static kv *make(uint32_t pages) {
    err e = { 0 };
    kv *k = kv_new((kv_view){ .type = DTYPE_F16, .page_tokens = KV_PAGE_TOKENS, .n_layers = 1, .n_heads = 1, .k_head = 4, .v_head = 4 }, pages, &e);
    check_ok(k != NULL, &e);
    return k;
}

static void names_cover_parent_and_tokens(void **state) {
    (void)state;
    int32_t a[] = { 1, 2, 3 }, b[] = { 1, 2, 4 };
    kv_name root = kv_name_root("m", 1), other = kv_name_root("n", 1), x = kv_name_next(&root, a, 3), y = kv_name_next(&root, b, 3), z = kv_name_next(&other, a, 3);
    assert_memory_not_equal(&x, &y, sizeof x);
    assert_memory_not_equal(&x, &z, sizeof x);
    kv_name again = kv_name_next(&root, a, 3);
    assert_memory_equal(&x, &again, sizeof x);
}

static void the_least_recently_used_name_goes_first(void **state) {
    (void)state;
    kv *k = make(3);
    kv_name names[4];
    for (int32_t i = 0; i < 3; i++) {
        names[i] = kv_name_root(&i, sizeof i);
        int64_t page = kv_take(k);
        assert_int_equal(kv_seal(k, (uint32_t)page, &names[i]), page);
        kv_release(k, (uint32_t)page);
    }
    int64_t first = kv_find(k, &names[0]); /* used again: now the youngest */
    kv_release(k, (uint32_t)first);
    assert_true(kv_take(k) != KV_NO_PAGE);
    assert_int_equal(kv_find(k, &names[1]), KV_NO_PAGE);
    assert_true(kv_find(k, &names[0]) != KV_NO_PAGE);
    assert_true(kv_find(k, &names[2]) != KV_NO_PAGE);
    assert_int_equal(kv_take(k), KV_NO_PAGE); /* all held */
    kv_check(k);
    kv_free(k);
}

static void a_prefix_is_found_again(void **state) {
    (void)state;
    kv *k = make(16);
    kv_name root = kv_name_root("m", 1);
    int32_t tokens[200];
    for (int i = 0; i < 200; i++) tokens[i] = i * 7;
    seq a, b, c;
    seq_init(&a, tokens, 200, &root, 0, true);
    assert_true(seq_reserve(&a, k, 200));
    seq_advance(&a, k, 200);
    seq_init(&b, tokens, 192, &root, 0, true);
    assert_int_equal(seq_adopt_prefix(&b, k), 128); /* two pages: the last token is always computed */
    assert_int_equal(b.pages[0], a.pages[0]);
    tokens[5] = 1;
    seq_init(&c, tokens, 200, &root, 0, true);
    assert_int_equal(seq_adopt_prefix(&c, k), 0);
    seq_rewind(&a, k, 100); /* inside a shared page: that page is let go, not written */
    assert_int_equal(a.n_cached, 64);
    assert_int_equal(a.n_pages, 1);
    kv_check(k);
    seq_free(&a, k);
    seq_free(&b, k);
    seq_free(&c, k);
    assert_int_equal(kv_n_usable(k), 16);
    kv_check(k);
    kv_free(k);
}

static void a_random_life_stays_consistent(void **state) {
    (void)state;
    kv *k = make(24);
    kv_name root = kv_name_root("m", 1);
    seq s[6];
    int32_t tokens[400];
    for (int i = 0; i < 400; i++) tokens[i] = i / 100;
    for (int i = 0; i < 6; i++) seq_init(&s[i], tokens, 10 + below(390), &root, 0, i % 3 != 0);
    for (int step = 0; step < 20000; step++) {
        seq *x = &s[below(6)];
        uint32_t what = below(10);
        if (what == 0) seq_drop_pages(x, k);
        else if (what == 1) seq_adopt_prefix(x, k);
        else if (what == 2 && x->n > 1) seq_rewind(x, k, 1 + below((uint32_t)x->n));
        else if (what == 3) {
            size_t n = 10 + below(390);
            seq_free(x, k);
            seq_init(x, tokens, n, &root, 0, below(2));
        } else if (x->n_cached < x->n) {
            size_t to = x->n_cached + 1 + below((uint32_t)(x->n - x->n_cached));
            if (seq_reserve(x, k, to)) seq_advance(x, k, to);
        }
        kv_check(k);
    }
    for (int i = 0; i < 6; i++) seq_free(&s[i], k);
    kv_check(k);
    assert_int_equal(kv_n_usable(k), 24);
    kv_free(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_cover_parent_and_tokens),
        cmocka_unit_test(the_least_recently_used_name_goes_first),
        cmocka_unit_test(a_prefix_is_found_again),
        cmocka_unit_test(a_random_life_stays_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
