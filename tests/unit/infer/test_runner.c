/* What a runner leaves behind. A step that is given up between two layers leaves nothing: the sequence is where it was, and the same step taken again gives the
 * same bits. */
#include "unit/infer/models.h"
#include "base/mem.h"
#include "infer/runner.h"

enum { TOKENS = 70 };

static bool countdown(void *ctx) { return (*(int *)ctx)-- == 0; }

static float *logits_after(model *m, int layers, size_t *n) {
    err e = { 0 };
    size_t rows = 99;
    int32_t tokens[TOKENS];
    seq s;
    runner *r = runner_new(m, &(runner_options){ .threads = 1, .context = TOKENS, .batch_tokens = TOKENS, .cache_type = DTYPE_F16, .precision = PRECISION_FAST }, &e);
    check_ok(r != NULL, &e);
    kv_name root = runner_root_name(r, 0, NULL, 0);
    for (int i = 0; i < TOKENS; i++) tokens[i] = i * 31 % (int32_t)m->spec.vocab;
    seq_init(&s, tokens, TOKENS, &root, 0, true);
    assert_true(seq_reserve(&s, runner_kv(r), TOKENS));
    run_slice slice = { &s, 0, TOKENS, LOGITS_LAST };
    if (layers >= 0) {
        runner_set_stop(r, countdown, &layers);
        assert_null(runner_step(r, &slice, 1, &rows));
        assert_true(runner_gave_up(r));
        assert_int_equal(rows, 0);
        assert_int_equal(s.n_cached, 0);
        kv_check(runner_kv(r));
        runner_set_stop(r, NULL, NULL);
    }
    float *logits = runner_step(r, &slice, 1, &rows);
    assert_false(runner_gave_up(r));
    assert_int_equal(rows, 1);
    assert_int_equal(s.n_cached, TOKENS);
    *n = m->spec.vocab * sizeof(float);
    float *copy = memcpy(mem_must(m->spec.vocab, sizeof *copy), logits, *n);
    seq_free(&s, runner_kv(r));
    runner_free(r);
    return copy;
}

static void a_step_given_up_leaves_nothing(void **state) {
    (void)state;
    opened_model o = open_model(PINGTI_SOURCE_DIR "/tests/golden/models/qwen2");
    size_t n;
    float *plain = logits_after(o.m, -1, &n);
    for (int layers = 0; layers < (int)o.m->spec.layers; layers++) {
        float *again = logits_after(o.m, layers, &n);
        assert_memory_equal(plain, again, n);
        free(again);
    }
    free(plain);
    close_model(&o);
}

/* The pages of the model's file are let go once weights are packed; weights that lie in other memory must not be (found by the invariance
 * suite: the second runner packed zeros). */
static void bug_placing_keeps_weights_in_memory(void **state) {
    (void)state;
    opened_model o = open_model(PINGTI_SOURCE_DIR "/tests/golden/precision/model");
    tensor *w = &o.m->layers[0].q.w;
    size_t bytes = w->rows * w->stride, room = (bytes + 4095) / 4096 * 4096 + 4096;
    char *copy = mem_must(room, 2), *aligned = copy + (4096 - (uintptr_t)copy % 4096) % 4096;
    assert_true(bytes >= 4096); /* at least one page to lose */
    memcpy(aligned, w->data, bytes);
    const void *file = w->data;
    w->data = aligned;
    size_t n;
    float *first = logits_after(o.m, -1, &n), *second = logits_after(o.m, -1, &n);
    assert_memory_equal(aligned, file, bytes);
    assert_memory_equal(first, second, n);
    free(first);
    free(second);
    close_model(&o);
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_step_given_up_leaves_nothing), cmocka_unit_test(bug_placing_keeps_weights_in_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
