/* Prompt lookup against a search through the whole text, and what guesses are worth. */
#include "unit/check.h"
#include "base/rng.h"
#include "infer/speculate.h"

enum { N = 3000 };

static size_t agreement(const int32_t *t, size_t a, size_t b) {
    size_t n = 0;
    while (n < LOOKUP_DEEPEST && n <= a && t[a - n] == t[b - n]) n++;
    return n;
}

/* The latest place with the longest agreement among all. */
static lookup_match by_search(const int32_t *t, size_t n) {
    lookup_match best = { 0 };
    for (size_t at = n - 1; at-- > 0;) {
        size_t length = agreement(t, at, n - 1);
        if (length >= LOOKUP_GRAM && length > best.length) best = (lookup_match){ at + 1, length };
    }
    return best;
}

/* Small alphabets repeat by chance, so that there are more places than are compared: what is found is then one of the latest. */
static void finds_what_a_search_finds(void **state) {
    (void)state;
    static int32_t t[N];
    const uint32_t alphabets[] = { 3, 20, 100, 40000 };
    for (int a = 0; a < 4; a++) {
        lookup l = { 0 };
        size_t found = 0, same = 0;
        for (size_t i = 0; i < N; i++) { /* now and then something said before is said again */
            size_t back = 1 + (size_t)(rng_uniform(1, i / 40, 5) * 900);
            bool again = i > back && rng_uniform(2, i / 40, 5) < 0.5;
            t[i] = again ? t[i - back] : (int32_t)(rng_uniform(3, i, 6) * alphabets[a]);
        }
        for (size_t n = 1; n <= N; n++) {
            if (n % 7 && n < N) continue; /* entered several at a time, as a prompt is */
            lookup_extend(&l, t, n);
            lookup_match m = lookup_find(&l, t, n), best = by_search(t, n);
            if (m.length) {
                assert_true(m.next < n && m.length >= LOOKUP_GRAM && agreement(t, m.next - 1, n - 1) == m.length);
                found++;
            }
            assert_true(m.length <= best.length && (m.length > 0) <= (best.length > 0));
            same += m.next == best.next && m.length == best.length;
        }
        printf("alphabet of %u: %zu of %d found, %zu as the search\n", alphabets[a], found, N / 7, same);
        assert_true(found > N / 7 / 4);
        if (alphabets[a] >= 100) assert_int_equal(same, N / 7 + (N % 7 != 0));
        lookup_free(&l);
    }
}

static void copies_go_round(void **state) {
    (void)state;
    const int32_t t[] = { 9, 1, 2, 3, 1, 2, 3 };
    int32_t out[7];
    lookup l = { 0 };
    lookup_extend(&l, t, 7);
    lookup_match m = lookup_find(&l, t, 7);
    assert_int_equal(m.next, 4);
    assert_int_equal(m.length, 3);
    lookup_copy(&m, t, 7, out, 7);
    for (int i = 0; i < 7; i++) assert_int_equal(out[i], 1 + i % 3);
    lookup_free(&l);
    lookup_extend(&l, t, 2); /* too short for anything */
    assert_int_equal(lookup_find(&l, t, 2).length, 0);
    assert_int_equal(lookup_find(&l, t, 0).length, 0);
    lookup_free(&l);
}

static void pay(row_price *p, double base, double row) {
    for (int i = 0; i < 300; i++) row_price_note(p, 1 + (size_t)(i % 9), base + row * (1 + i % 9));
}

static void period(int32_t *t, size_t n) {
    for (size_t i = 0; i < n; i++) t[i] = (int32_t)(i % 5);
}

static void rows_go_where_they_pay(void **state) {
    (void)state;
    int32_t t[64];
    speculation s = { 0 };
    speculation *all[1] = { &s };
    row_price cheap = { 0 }, dear = { 0 };
    pay(&cheap, 10e-3, 0.3e-3);
    pay(&dear, 1e-3, 20e-3); /* each row as dear as a step */
    period(t, 64);
    speculation_guess(&s, t, 64, SPECULATE_MOST);
    assert_int_equal(s.n, SPECULATE_MOST);
    speculate_share(&cheap, all, 1, 1, 100);
    assert_true(s.taken > 8);
    s.taken = 0;
    speculate_share(&cheap, all, 1, 1, 3); /* no more than there is room for */
    assert_int_equal(s.taken, 3);
    s.taken = 0;
    speculate_share(&dear, all, 1, 1, 100);
    assert_int_equal(s.taken, 0);
    speculate_share(&cheap, all, 1, 2000, 100); /* a step that is full: each row costs as much as a token brings */
    assert_int_equal(s.taken, 0);
    speculation_free(&s);
}

/* A text in which every guess fails soon has none, and is asked again rarely: the rows of all of them are counted. */
static void what_fails_is_left(void **state) {
    (void)state;
    static int32_t t[4000];
    speculation s = { 0 };
    speculation *all[1] = { &s };
    row_price p = { 0 };
    size_t rows = 0, late = 0;
    pay(&p, 10e-3, 0.5e-3);
    for (size_t i = 0; i < 4000; i++) t[i] = (int32_t)(i % 4 == 3 ? 1000 + i : i % 4); /* 0 1 2 x: three agree, the fourth never */
    for (size_t n = 100; n < 4000; n++) {
        speculation_guess(&s, t, n, SPECULATE_MOST);
        speculate_share(&p, all, 1, 1, 100);
        size_t right = 0;
        while (right < s.taken && n + right < 4000 && s.guesses[right].id == t[n + right]) right++;
        rows += s.taken - right;
        late += n > 1000 ? s.taken - right : 0;
        speculation_learn(&s, right, right < s.taken);
    }
    printf("%zu rows in vain over 3900 tokens, %zu of them over the last 3000\n", rows, late);
    assert_true(rows * 0.5 < 0.02 * 3900 * 10.5);
    speculation_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_a_search_finds),
        cmocka_unit_test(copies_go_round),
        cmocka_unit_test(rows_go_where_they_pay),
        cmocka_unit_test(what_fails_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
