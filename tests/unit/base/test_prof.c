/* The profiler's sums, its ring of events, and the trace it writes. */
#include "unit/check.h"
#include "base/json.h"
#include "base/prof.h"
#include <time.h>
#include <unistd.h>

enum { EAT, SLEEP, N_NAMES };
static const char *const names[N_NAMES] = { "eat", "sleep" };

static void nap(void) { nanosleep(&(struct timespec){ 0, 200000 }, NULL); }

/* Two layers with one piece of work each, and one piece outside of them. */
static void one_pass(prof *p, size_t rows) {
    prof_pass_begin(p, rows);
    for (int layer = 0; layer < 2; layer++) {
        prof_layer(p, layer);
        double start = prof_now();
        nap();
        prof_add(p, EAT, start, &(prof_work){ .weight_bytes = 100, .cache_bytes = 7, .ops = { 0, 0, 40 } });
    }
    prof_layer(p, PROF_NO_LAYER);
    double start = prof_now();
    prof_add(p, SLEEP, start, &(prof_work){ .row_bytes = 8, .ops = { 1 } });
    prof_pass_end(p);
}

static void test_sums(void **state) {
    (void)state;
    prof *p = prof_new(names, N_NAMES, 4, 0);
    one_pass(p, 3);
    one_pass(p, 5);
    prof_sum eat = prof_of_name(p, EAT), outside = prof_of_layer(p, PROF_NO_LAYER), first = prof_of_layer(p, 0), all = prof_total(p);
    assert_int_equal(eat.calls, 4);
    assert_int_equal(eat.weight_bytes, 400);
    assert_int_equal(eat.cache_bytes, 28);
    assert_int_equal(eat.ops[2], 160);
    assert_int_equal(first.calls, 2);
    assert_int_equal(outside.calls, 2);
    assert_int_equal(outside.row_bytes, 16);
    assert_int_equal(all.calls, 6);
    assert_int_equal(prof_passes(p), 2);
    assert_int_equal(prof_rows(p), 8);
    assert_true(all.seconds > 0 && all.seconds <= prof_pass_seconds(p));
    prof_clear(p);
    assert_int_equal(prof_total(p).calls + prof_passes(p) + prof_rows(p), 0);
    prof_layer(NULL, 3); /* off */
    prof_free(p);
}

/* Reads the trace back; the number of its events, and which layers and passes are among them. */
static size_t read_trace(const char *path, unsigned *layers, size_t *passes, double *op_time) {
    err e = { 0 };
    size_t i;
    json_t *j = js_read(path, 1 << 20, &e), *ev;
    assert_non_null(j);
    json_array_foreach(js_get(j, "traceEvents"), i, ev) {
        const char *cat = json_string_value(js_get(ev, "cat"));
        assert_true(json_number_value(js_get(ev, "ts")) >= 0);
        if (strcmp(cat, "layer") == 0) *layers |= 1u << json_integer_value(js_get(js_get(ev, "args"), "layer"));
        if (strcmp(cat, "op") == 0) *op_time += json_number_value(js_get(ev, "dur"));
        *passes += strcmp(cat, "pass") == 0;
    }
    i = json_array_size(js_get(j, "traceEvents"));
    json_decref(j);
    return i;
}

static void test_trace(void **state) {
    (void)state;
    char path[] = "/tmp/pingti_trace_XXXXXX";
    err e = { 0 };
    unsigned layers = 0;
    size_t passes = 0;
    double op_time = 0;
    close(mkstemp(path));
    prof *p = prof_new(names, N_NAMES, 4, 100);
    one_pass(p, 1);
    one_pass(p, 1);
    assert_true(prof_write_trace(p, path, &e));
    assert_int_equal(read_trace(path, &layers, &passes, &op_time), 12); /* each pass: itself, 2 layers, 3 pieces of work */
    assert_int_equal(layers, 3);
    assert_int_equal(passes, 2);
    assert_true(op_time <= prof_pass_seconds(p) * 1e6 + 0.01);
    assert_int_equal(prof_lost_events(p), 0);
    assert_false(prof_write_trace(p, "/nowhere/trace", &e));
    prof_free(p);
    p = prof_new(names, N_NAMES, 4, 5); /* room for less than a pass: the last events stay */
    one_pass(p, 1);
    assert_int_equal(prof_lost_events(p), 1);
    assert_true(prof_write_trace(p, path, &e));
    assert_int_equal(read_trace(path, &layers, &passes, &op_time), 5);
    prof_free(p);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_sums), cmocka_unit_test(test_trace) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
