/* The ground floor: errors, memory, buffers, maps, UTF-8, JSON limits, random numbers. */
#include "unit/check.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"

static void err_tells_everything(void **state) {
    (void)state;
    err e;
    assert_false(err_set(&e, ERR_FORMAT, "bad magic") || err_where(&e, "%s", "x.gguf\x1b[2J") || err_expected(&e, "GGUF") ||
                 err_got(&e, "%d", 7) || err_hint(&e, "fetch it again"));
    char text[512];
    err_format(&e, text, sizeof text);
    assert_string_equal(text, "bad magic\n  where:    x.gguf\\x1b[2J\n  expected: GGUF\n  got:      7\n  try:      fetch it again");
    err_context(&e, "opening %s", "m");
    assert_string_equal(e.what, "opening m: bad magic");
    assert_int_equal(err_format(&e, text, 4), err_format(&e, NULL, 0));
    assert_string_equal(text, "ope");
}

static void mem_refuses_overflow(void **state) {
    (void)state;
    err e;
    assert_null(mem_array(SIZE_MAX / 2, 3, &e));
    assert_int_equal(e.code, ERR_MEMORY);
    assert_null(mem_aligned(SIZE_MAX - 3, &e));
}

static void arena_limits_and_reuses(void **state) {
    (void)state;
    arena *a = arena_new(1 << 20);
    assert_null(arena_try(a, SIZE_MAX, 2));
    assert_null(arena_try(a, (1 << 20) + 1, 1));
    void *first = arena_try(a, 100, 1);
    assert_int_equal((uintptr_t)first % 64, 0);
    while (arena_try(a, 1000, 1)) {}
    assert_true(arena_used(a) <= 1 << 20);
    arena_reset(a);
    assert_ptr_equal(arena_try(a, 100, 1), first);
    arena_reset(a);
    memset(arena_must_raw(a, 100, 1), 7, 100);
    arena_reset(a);
    assert_ptr_equal(arena_must(a, 100, 1), first); /* what is not raw is zeroed, whoever had it before */
    for (int i = 0; i < 100; i++) assert_int_equal(((char *)first)[i], 0);
    arena_free(a);
}

static void buf_stops_at_its_limit(void **state) {
    (void)state;
    buf b = { .limit = 10 };
    assert_true(buf_printf(&b, "%s", "12345"));
    assert_false(buf_puts(&b, "678901"));
    assert_true(b.full);
    assert_string_equal(buf_str(&b), "12345");
    buf_free(&b);
}

static void map_holds_a_vocabulary(void **state) {
    (void)state;
    map *m = map_new(0);
    char key[32];
    for (int i = 0; i < 100000; i++) assert_true(map_put(m, key, (size_t)snprintf(key, sizeof key, "token%d", i), i));
    assert_false(map_put(m, "token7", 6, 1));
    map_set(m, "token7", 6, -7);
    int64_t v = 0;
    for (int i = 0; i < 100000; i++) {
        assert_true(map_get(m, key, (size_t)snprintf(key, sizeof key, "token%d", i), &v));
        assert_int_equal(v, i == 7 ? -7 : i);
    }
    assert_true(map_put(m, "", 0, 5) && map_get(m, "", 0, &v));
    assert_false(map_get(m, "absent", 6, NULL));
    assert_int_equal(map_count(m), 100001);
    map_free(m);
}

static void utf8_follows_rfc3629(void **state) {
    (void)state;
    char out[4];
    uint32_t back;
    for (uint32_t cp = 0; cp <= 0x110000; cp++) {
        bool legal = cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);
        size_t n = utf8_encode(cp, out);
        assert_int_equal(n != 0, legal);
        if (legal) assert_true(utf8_decode(out, n, &back) == n && back == cp);
        for (size_t cut = 1; cut < n; cut++) assert_int_equal(utf8_complete_prefix(out, cut), 0);
    }
    const char *bad[] = { "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\x80", "\xe4\xb8" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(utf8_valid(bad[i], strlen(bad[i])));
    assert_int_equal(utf8_complete_prefix("a\xff", 2), 2);
}

static void json_is_bounded(void **state) {
    (void)state;
    err e;
    char deep[200];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    assert_null(js_parse(deep, sizeof deep, "test", &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_null(js_parse("{\"a\":1,\"a\":2}", 13, "test", &e));
    const char *text = "{\"n\":3,\"s\":\"x\",\"b\":12345678901234567890}";
    json_t *doc = js_parse(text, strlen(text), "test", &e);
    assert_non_null(doc);
    int64_t n = 0;
    assert_true(js_int(doc, "n", 0, 5, &n, &e) && n == 3);
    assert_false(js_int(doc, "n", 0, 2, &n, &e));
    assert_false(js_int(doc, "s", 0, 2, &n, &e));
    assert_true(js_int(doc, "absent", 0, 2, &n, &e));
    json_decref(doc);
}

static void rng_is_a_function_of_its_place(void **state) {
    (void)state;
    uint32_t out[4]; /* known answers of Random123 1.14, kat_vectors: philox4x32 10 */
    rng_philox(0, 0, 0, out);
    const uint32_t zero[4] = { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 };
    assert_memory_equal(out, zero, sizeof out);
    rng_philox(~0ull, ~0ull, ~0ull, out);
    const uint32_t ones[4] = { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd };
    assert_memory_equal(out, ones, sizeof out);
    double sum = 0;
    for (int i = 0; i < 100000; i++) sum += rng_uniform(42, (uint64_t)i, 0);
    assert_true(sum > 49500 && sum < 50500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_tells_everything),     cmocka_unit_test(mem_refuses_overflow),
        cmocka_unit_test(arena_limits_and_reuses),  cmocka_unit_test(buf_stops_at_its_limit),
        cmocka_unit_test(map_holds_a_vocabulary),   cmocka_unit_test(utf8_follows_rfc3629),
        cmocka_unit_test(json_is_bounded),          cmocka_unit_test(rng_is_a_function_of_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
