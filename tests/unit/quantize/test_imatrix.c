/* Importance matrices: written and read back, merged, and refused when a file says what cannot be. */
#include "base/buf.h"
#include "base/file.h"
#include "quantize/imatrix.h"
#include "unit/check.h"
#include <math.h>
#include <unistd.h>

static void put(buf *b, const void *p, size_t n) { assert_true(buf_put(b, p, n)); }
static void put_i32(buf *b, int32_t v) { put(b, &v, sizeof v); }

static imatrix make(double base) {
    imatrix m = { .chunks = 3, .chunk_tokens = 64 };
    err e;
    imatrix_entry *a = imatrix_entry_for(&m, "blk.0.attn_q.weight", 4, 1, 1, &e), *x;
    assert_non_null(a);
    for (int i = 0; i < 4; i++) a->sums[i] = base + i;
    a->counts[0] = 2;
    x = imatrix_entry_for(&m, "blk.0.ffn_up_exps.weight", 2, 3, 3, &e);
    for (int i = 0; i < 6; i++) x->sums[i] = 10 * base + i;
    x->counts[0] = 1, x->counts[1] = 0, x->counts[2] = 4;
    imatrix_add_dataset(&m, "text.txt");
    return m;
}

static void test_written_and_read(void **unused) {
    (void)unused;
    char path[] = "/tmp/pingti-imatrix-XXXXXX";
    int fd = mkstemp(path);
    err e = { 0 };
    imatrix m = make(1), back;
    float w[4];
    assert_true(fd >= 0);
    check_ok(imatrix_write(&m, path, &e), &e);
    check_ok(imatrix_read(&back, path, &e), &e);
    assert_int_equal(back.n, 2);
    assert_int_equal(back.chunks, 3);
    assert_int_equal(back.chunk_tokens, 64);
    assert_string_equal(back.datasets[0], "text.txt");
    const imatrix_entry *x = imatrix_find(&back, "blk.0.ffn_up_exps.weight");
    assert_non_null(x);
    assert_int_equal(x->matrices, 3);
    imatrix_weights(x, 2, w);
    assert_true(w[0] == 14.0f / 4 && w[1] == 15.0f / 4);
    imatrix_weights(x, 1, w); /* an expert that met nothing counts evenly */
    assert_true(w[0] == 1 && w[1] == 1);
    check_ok(imatrix_merge(&m, &back, &e), &e);
    assert_true(imatrix_find(&m, "blk.0.attn_q.weight")->sums[3] == 8 && m.chunks == 6);
    imatrix_free(&m);
    imatrix_free(&back);
    close(fd);
    unlink(path);
}

static void test_another_model(void **unused) {
    (void)unused;
    imatrix a = make(1), b = { 0 };
    err e = { 0 };
    assert_non_null(imatrix_entry_for(&b, "blk.0.attn_q.weight", 8, 1, 1, &e));
    assert_false(imatrix_merge(&a, &b, &e));
    assert_non_null(strstr(e.what, "another shape"));
    imatrix_free(&a);
    imatrix_free(&b);
}

static void legacy(buf *b, int32_t calls, float v) {
    put_i32(b, 1);
    put_i32(b, 19);
    put(b, "blk.0.attn_q.weight", 19);
    put_i32(b, calls);
    put_i32(b, 2);
    put(b, &v, 4);
    put(b, &v, 4);
}

static void test_older_form(void **unused) {
    (void)unused;
    buf b = { 0 };
    imatrix m;
    err e = { 0 };
    float w[2];
    legacy(&b, 4, 8);
    put_i32(&b, 7);
    put_i32(&b, 3);
    put(&b, "abc", 3);
    check_ok(imatrix_from_bytes(&m, b.data, b.len, "x.dat", &e), &e);
    imatrix_weights(imatrix_find(&m, "blk.0.attn_q.weight"), 0, w);
    assert_true(w[0] == 2 && m.chunks == 7);
    assert_string_equal(m.datasets[0], "abc");
    imatrix_free(&m);
    for (size_t n = 0; n < 39; n++) { /* every end too early is an error */
        memset(&e, 0, sizeof e);
        assert_false(imatrix_from_bytes(&m, b.data, n, "x.dat", &e));
        assert_true(e.code != ERR_NONE);
    }
    buf_clear(&b);
    legacy(&b, 1, NAN);
    assert_false(imatrix_from_bytes(&m, b.data, b.len, "x.dat", &e));
    assert_non_null(strstr(e.what, "not a sum of squares"));
    buf_clear(&b);
    legacy(&b, 1, -1);
    assert_false(imatrix_from_bytes(&m, b.data, b.len, "x.dat", &e));
    buf_free(&b);
}

static void put_text(buf *b, const char *text) {
    uint64_t n = strlen(text);
    put(b, &n, sizeof n);
    put(b, text, n);
}

static void put_scalar(buf *b, const char *name, uint64_t at) {
    put_text(b, name);
    put_i32(b, 0); /* dimensions: a single number */
    put_i32(b, 0); /* F32 */
    put(b, &at, sizeof at);
}

static void test_sums_without_a_dimension(void **unused) {
    (void)unused;
    static const char zeros[64];
    uint64_t tensors = 2, keys = 1;
    buf b = { 0 };
    imatrix m;
    err e = { 0 };
    put(&b, "GGUF\3\0\0\0", 8);
    put(&b, &tensors, sizeof tensors);
    put(&b, &keys, sizeof keys);
    put_text(&b, "general.type");
    put_i32(&b, 8); /* text */
    put_text(&b, "imatrix");
    put_scalar(&b, "blk.0.attn_q.weight.in_sum2", 0);
    put_scalar(&b, "blk.0.attn_q.weight.counts", 32);
    put(&b, zeros, 32 - b.len % 32);
    put(&b, zeros, sizeof zeros);
    assert_false(imatrix_from_bytes(&m, b.data, b.len, "x.gguf", &e));
    assert_non_null(strstr(e.what, "does not fit its counts"));
    buf_free(&b);
}

static void test_a_model_is_no_matrix(void **unused) {
    (void)unused;
    imatrix m;
    err e = { 0 };
    assert_false(imatrix_read(&m, PINGTI_SOURCE_DIR "/tests/golden/models/qwen2/model.gguf", &e));
    assert_non_null(strstr(e.what, "no importance matrix"));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_written_and_read), cmocka_unit_test(test_another_model), cmocka_unit_test(test_older_form), cmocka_unit_test(test_sums_without_a_dimension), cmocka_unit_test(test_a_model_is_no_matrix) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
