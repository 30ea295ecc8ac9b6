/* GGUF: values of every type, tensors, split files, refusals with their reasons, the golden files. */
#include "unit/hostile/build_file.h"

static gguf *open_bytes(const buf *b, bool unknown) {
    err e = { 0 };
    gguf *g = gguf_from_bytes(b->data, b->len, "memory.gguf", unknown, &e);
    check_ok(g != NULL, &e);
    return g;
}

static void values_of_every_type(void **state) {
    (void)state;
    buf b = { 0 };
    err e = { 0 };
    gguf_head(&b, 0, 6);
    put_key(&b, "i8", GGUF_I8);
    put_le(&b, 0xfe, 1);
    put_key(&b, "u64", GGUF_U64);
    put_le(&b, UINT64_MAX, 8);
    put_key(&b, "f64", GGUF_F64);
    put_le(&b, 0x3ff8000000000000, 8);
    put_key_array(&b, "u8s", GGUF_U8, 2);
    put_le(&b, 0xff01, 2);
    put_key_array(&b, "f32s", GGUF_F32, 1);
    put_le(&b, 0x40000000, 4);
    put_key_text(&b, "text", "a\x1b[2J\xc3\xa9");
    gguf *g = open_bytes(&b, false);
    int64_t i = 0;
    double r = 0;
    char shown[64];
    int32_t *whole;
    float *reals;
    size_t n;
    check_ok(gguf_int(g, "i8", -2, -2, &i, &e), &e);
    assert_int_equal(i, -2);
    assert_false(gguf_int(g, "i8", 0, 5, &i, &e));
    check_message(&e, ERR_FORMAT, "0 to 5");
    assert_false(gguf_int(g, "u64", 0, INT64_MAX, &i, &e));
    check_message(&e, ERR_FORMAT, "18446744073709551615");
    check_ok(gguf_int(g, "absent", 0, 0, &i, &e), &e);
    assert_int_equal(i, -2); /* left alone */
    check_ok(gguf_real(g, "f64", &r, &e), &e);
    assert_true(r == 1.5);
    check_ok(gguf_i32s(g, "u8s", &whole, &n, &e), &e);
    assert_true(n == 2 && whole[0] == 1 && whole[1] == 255);
    free(whole);
    check_ok(gguf_f32s(g, "f32s", &reals, &n, &e), &e);
    assert_true(n == 1 && reals[0] == 2.0f);
    free(reals);
    gguf_key_show(g, 5, shown, sizeof shown);
    assert_string_equal(shown, "\"a\\x1b[2J\xc3\xa9\"");
    gguf_key_show(g, 3, shown, sizeof shown);
    assert_string_equal(shown, "[2 u8]");
    gguf_key_show(g, 1, shown, sizeof shown);
    assert_string_equal(shown, "18446744073709551615");
    gguf_close(g);
    buf_free(&b);
}

static void dimensions_are_reversed(void **state) {
    (void)state;
    const uint64_t dims[] = { 32, 3, 2 };
    char shape[96];
    buf b = { 0 };
    small_gguf(&b, 3, dims, 8, 0, 6 * 34);
    gguf *g = open_bytes(&b, false);
    const named_tensor *t = tensor_set_find(gguf_tensors(g), "w");
    assert_non_null(t);
    assert_string_equal(named_tensor_shape(t, shape), "[2, 3, 32]");
    assert_int_equal(t->type, DTYPE_Q8_0);
    assert_int_equal(t->bytes, 6 * 34);
    assert_int_equal(((const unsigned char *)t->data)[5], 5);
    assert_string_equal(gguf_tensor_type_name(g, 0), "Q8_0");
    gguf_close(g);
    const uint64_t odd[] = { 33 };
    small_gguf(&b, 1, odd, 8, 0, 68);
    gguf_refused(&b, ERR_FORMAT, "a multiple of 32");
    buf_free(&b);
}

static void types_without_kernels_are_listed(void **state) {
    (void)state;
    const uint64_t dims[] = { 256 };
    buf b = { 0 };
    small_gguf(&b, 1, dims, 41, 0, 36);
    gguf_refused(&b, ERR_UNSUPPORTED, "Q1_0, which this build cannot compute with");
    gguf *g = open_bytes(&b, true);
    assert_int_equal(gguf_tensors(g)->items[0].type, DTYPE_COUNT);
    assert_int_equal(gguf_tensors(g)->items[0].bytes, 36);
    assert_string_equal(gguf_tensor_type_name(g, 0), "Q1_0");
    gguf_close(g);
    buf_free(&b);
}

static void other_versions_are_named(void **state) {
    (void)state;
    buf b = { 0 };
    gguf_head(&b, 0, 0);
    b.data[4] = 1;
    gguf_refused(&b, ERR_UNSUPPORTED, "version 1 was withdrawn");
    b.data[4] = 4;
    gguf_refused(&b, ERR_UNSUPPORTED, "version 2 or 3");
    memcpy(b.data + 4, "\0\0\0\3", 4);
    gguf_refused(&b, ERR_UNSUPPORTED, "big-endian GGUF version 3");
    memcpy(b.data, "tjgg", 4);
    gguf_refused(&b, ERR_FORMAT, "GGJT");
    memcpy(b.data, "<htm", 4);
    gguf_refused(&b, ERR_FORMAT, "24 bytes starting 3c 68 74 6d");
    buf_free(&b);
}

static void truncation_is_counted(void **state) {
    (void)state;
    const uint64_t dims[] = { 16 };
    buf b = { 0 };
    small_gguf(&b, 1, dims, 0, 0, 40);
    gguf_refused(&b, ERR_FORMAT, "the file is truncated: 168 of 192 bytes; fetch it again");
    buf_free(&b);
}

static void large_vocabulary_is_quick(void **state) {
    (void)state;
    enum { N = 300000 };
    buf b = { 0 };
    err e = { 0 };
    gguf_text *texts;
    size_t n;
    gguf_head(&b, 0, 1);
    put_key_array(&b, "tokenizer.ggml.tokens", GGUF_STRING, N);
    for (int i = 0; i < N; i++) {
        char token[16];
        snprintf(token, sizeof token, "token%d", i);
        put_text(&b, token);
    }
    gguf *g = open_bytes(&b, false);
    check_ok(gguf_strings(g, "tokenizer.ggml.tokens", &texts, &n, &e), &e);
    assert_int_equal(n, N);
    assert_memory_equal(texts[N - 1].data, "token299999", texts[N - 1].len);
    free(texts);
    gguf_close(g);
    buf_free(&b);
}

static char dir[64];

static void put_part(const char *name, int no, int count, int total, const char *tensor) {
    const uint64_t dims[] = { 8 };
    buf b = { 0 };
    gguf_head(&b, 1, 4);
    put_key_text(&b, "general.architecture", no == 0 ? "llama" : "other");
    put_key(&b, "split.no", GGUF_U16);
    put_le(&b, (uint64_t)no, 2);
    put_key(&b, "split.count", GGUF_U16);
    put_le(&b, (uint64_t)count, 2);
    put_key(&b, "split.tensors.count", GGUF_I32);
    put_le(&b, (uint64_t)total, 4);
    put_tensor(&b, tensor, 1, dims, 0, 0);
    put_data(&b, 32, 32);
    write_file(dir, name, b.data, b.len);
    buf_free(&b);
}

static gguf *open_part(const char *name, err *e) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return gguf_open(path, false, e);
}

static void part_refused(const char *name, err_code code, const char *part) {
    err e = { 0 };
    assert_null(open_part(name, &e));
    check_message(&e, code, part);
}

static void split_files_open_by_any_part(void **state) {
    (void)state;
    static const char *const parts[] = { "m-00001-of-00002.gguf", "m-00002-of-00002.gguf" };
    err e = { 0 };
    put_part(parts[0], 0, 2, 2, "a");
    part_refused(parts[0], ERR_IO, "fetch the missing one");
    put_part(parts[1], 1, 2, 2, "b");
    for (int i = 0; i < 2; i++) {
        gguf *g = open_part(parts[i], &e);
        check_ok(g != NULL, &e);
        gguf_text arch = { 0 };
        assert_int_equal(gguf_n_parts(g), 2);
        assert_non_null(tensor_set_find(gguf_tensors(g), "a"));
        assert_non_null(tensor_set_find(gguf_tensors(g), "b"));
        assert_true(gguf_str(g, "general.architecture", &arch, &e) && arch.len == 5 && memcmp(arch.data, "llama", 5) == 0);
        gguf_close(g);
    }
    put_part(parts[1], 1, 2, 3, "a");
    part_refused(parts[0], ERR_FORMAT, "appears twice");
    put_part(parts[1], 0, 2, 2, "b");
    part_refused(parts[0], ERR_FORMAT, "number that its name says");
    put_part(parts[0], 0, 2, 3, "a");
    put_part(parts[1], 1, 2, 3, "b");
    part_refused(parts[0], ERR_FORMAT, "3 tensors (split.tensors.count)");
    put_part("renamed.gguf", 0, 2, 2, "a");
    part_refused("renamed.gguf", ERR_FORMAT, "-00001-of-00002.gguf");
}

static void golden_files_read(void **state) {
    (void)state;
    err e = { 0 };
    gguf *g = gguf_open(PINGTI_SOURCE_DIR "/tests/golden/format/small.gguf", false, &e);
    check_ok(g != NULL, &e);
    const named_tensor *t = tensor_set_find(gguf_tensors(g), "f32");
    assert_non_null(t);
    assert_true(t->n_dims == 2 && t->dims[0] == 3 && t->dims[1] == 4);
    for (int i = 0; i < 12; i++) assert_true(((const float *)t->data)[i] == (float)i / 4);
    t = tensor_set_find(gguf_tensors(g), "q8_0");
    assert_non_null(t);
    assert_int_equal(t->type, DTYPE_Q8_0);
    int64_t v = 0;
    check_ok(gguf_int(g, "golden.uint64", 0, INT64_MAX, &v, &e), &e);
    assert_int_equal(v, (int64_t)1 << 40);
    gguf_close(g);
}

static int prepare(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/pingti-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int clean(void **state) {
    (void)state;
    static const char *const files[] = { "m-00001-of-00002.gguf", "m-00002-of-00002.gguf", "renamed.gguf" };
    char path[160];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    return rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_type),     cmocka_unit_test(dimensions_are_reversed), cmocka_unit_test(types_without_kernels_are_listed),
        cmocka_unit_test(other_versions_are_named), cmocka_unit_test(truncation_is_counted),   cmocka_unit_test(large_vocabulary_is_quick),
        cmocka_unit_test(split_files_open_by_any_part), cmocka_unit_test(golden_files_read),
    };
    return cmocka_run_group_tests(tests, prepare, clean);
}
