/* The parser checklist for GGUF and safetensors readers, gathered from the advisories that the other files here are named after: one
 * test a point, in its order. Where an advisory's own test goes further, its number stands beside it. */
#include "unit/hostile/build_file.h"
#include "base/file.h"
#include "base/json.h"
#include "model/model.h"
#include "model/source.h"
#include "text/tokenizer.h"

static const uint64_t four[] = { 4, 1, 1, 1, 1 };
static buf b;

static void the_size_of_the_file_comes_first(void **state) { /* also test_cve_2024_39720.c, 39721, 32878 */
    (void)state;
    small_gguf(&b, 1, four, 0, 0, 16);
    for (size_t n = 0; n < b.len; n++) {
        err e = { 0 };
        void *bytes = exact_copy(b.data, n);
        assert_null(gguf_from_bytes(bytes, n, "cut.gguf", false, &e));
        assert_int_not_equal(e.code, ERR_NONE);
        free(bytes);
    }
    gguf_accepted(&b);
    safetensors_bytes_refused("", 0, ERR_FORMAT, "empty");
}

static void counts_are_bounded_by_the_bytes_left(void **state) { /* 25664, 23605, 21836, 21825 */
    (void)state;
    static const uint64_t counts[] = { 100, 1 << 20, UINT32_MAX, INT64_MAX, UINT64_MAX };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        gguf_head(&b, counts[i], 0);
        gguf_refused(&b, ERR_FORMAT, "");
        gguf_head(&b, 0, counts[i]);
        gguf_refused(&b, ERR_FORMAT, "");
        gguf_head(&b, 0, 1);
        put_key_array(&b, "a", GGUF_U8, counts[i]);
        gguf_refused(&b, ERR_FORMAT, "");
    }
}

static void products_and_sums_are_checked(void **state) { /* 33298, 53630, 27940 */
    (void)state;
    const uint64_t wide[] = { (uint64_t)1 << 32, (uint64_t)1 << 32, 1 }, tall[] = { 1024, INT64_MAX };
    small_gguf(&b, 2, wide, 0, 0, 16);
    gguf_refused(&b, ERR_FORMAT, "");
    small_gguf(&b, 2, tall, 0, 0, 16);
    gguf_refused(&b, ERR_FORMAT, "");
    small_gguf(&b, 1, four, 0, UINT64_MAX - 31, 16);
    gguf_refused(&b, ERR_FORMAT, "");
    safetensors_refused("{\"w\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,16]}}", 16, "");
}

static void dimensions_are_one_to_four_and_at_least_one(void **state) { /* 21802 */
    (void)state;
    const uint64_t none[] = { 4, 0 };
    small_gguf(&b, 5, four, 0, 0, 16);
    gguf_refused(&b, ERR_FORMAT, "dimensions");
    small_gguf(&b, 2, none, 0, 0, 16);
    gguf_refused(&b, ERR_FORMAT, "dimension");
    small_gguf(&b, 4, four, 0, 0, 16);
    gguf_accepted(&b);
}

static void types_exist_and_have_blocks(void **state) { /* GGUF-2026-05-001, 0317 */
    (void)state;
    static const uint32_t bad[] = { 4, 5, 31, 32, 33, 36, 37, 38, 99, UINT32_MAX };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        small_gguf(&b, 1, four, bad[i], 0, 64);
        err e = { 0 };
        assert_null(gguf_from_bytes(b.data, b.len, "type.gguf", false, &e));
        assert_true(e.code == ERR_FORMAT || e.code == ERR_UNSUPPORTED);
    }
}

static void rows_are_whole_blocks(void **state) {
    (void)state;
    const uint64_t odd[] = { 48, 2 }, whole[] = { 64, 2 };
    small_gguf(&b, 2, odd, 8, 0, 200);
    gguf_refused(&b, ERR_FORMAT, "whole number of Q8_0 blocks");
    small_gguf(&b, 2, whole, 8, 0, 136);
    gguf_accepted(&b);
}

static void alignment_is_a_power_of_two_up_to_64_kib(void **state) {
    (void)state;
    static const uint32_t bad[] = { 0, 3, 48, 1 << 17, UINT32_MAX };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        gguf_head(&b, 0, 1);
        put_key_u32(&b, "general.alignment", bad[i]);
        gguf_refused(&b, ERR_FORMAT, "general.alignment");
    }
    gguf_head(&b, 0, 1);
    put_key_u32(&b, "general.alignment", 1 << 16);
    gguf_accepted(&b);
}

static void two_tensors(uint64_t first, uint64_t second, size_t bytes) {
    gguf_head(&b, 2, 0);
    put_tensor(&b, "a", 1, four, 0, first);
    put_tensor(&b, "b", 1, four, 0, second);
    put_data(&b, 32, bytes);
}

static void data_is_aligned_inside_and_apart(void **state) { /* 42627, 7482 */
    (void)state;
    two_tensors(0, 8, 64);
    gguf_refused(&b, ERR_FORMAT, "not aligned");
    two_tensors(0, 32, 47);
    gguf_refused(&b, ERR_FORMAT, "past the end");
    two_tensors(0, 0, 64);
    gguf_refused(&b, ERR_FORMAT, "overlap");
    two_tensors(0, 32, 48);
    gguf_accepted(&b);
}

static void nothing_has_two_values(void **state) {
    (void)state;
    gguf_head(&b, 0, 2);
    put_key_u32(&b, "k", 1);
    put_key_u32(&b, "k", 1);
    gguf_refused(&b, ERR_FORMAT, "twice");
    gguf_head(&b, 2, 0);
    put_tensor(&b, "a", 1, four, 0, 0);
    put_tensor(&b, "a", 1, four, 0, 32);
    put_data(&b, 32, 48);
    gguf_refused(&b, ERR_FORMAT, "twice");
    safetensors_refused("{\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, "");
}

static void texts_are_bounded_utf8(void **state) { /* 23496 */
    (void)state;
    gguf_head(&b, 0, 1);
    put_key_text(&b, "k\xff", "v");
    gguf_refused(&b, ERR_FORMAT, "UTF-8");
    gguf_head(&b, 0, 1);
    put_key_text(&b, "k", "\xc0\x80");
    gguf_refused(&b, ERR_FORMAT, "UTF-8");
    gguf_head(&b, 0, 1);
    put_key(&b, "k", GGUF_STRING);
    put_le(&b, (1 << 20) + 1, 8);
    put_data(&b, 1, (1 << 20) + 1);
    gguf_refused(&b, ERR_LIMIT, "length of a string");
}

static void arrays_hold_known_scalars(void **state) {
    (void)state;
    gguf_head(&b, 0, 1);
    put_key_array(&b, "k", GGUF_TYPE_COUNT, 1);
    put_data(&b, 1, 16);
    gguf_refused(&b, ERR_FORMAT, "unknown type of array elements");
    gguf_head(&b, 0, 1);
    put_key_array(&b, "k", GGUF_ARRAY, 1);
    put_data(&b, 1, 64);
    gguf_refused(&b, ERR_UNSUPPORTED, "array of arrays");
}

/* What a file makes the reader allocate is a small multiple of the file, and bounded. */
static void memory_has_a_budget(void **state) { /* 0315 */
    (void)state;
    enum { KEYS = 100000 };
    char name[16];
    gguf_head(&b, 0, KEYS);
    for (int i = 0; i < KEYS; i++) {
        snprintf(name, sizeof name, "k%d", i);
        put_key(&b, name, GGUF_U8);
        buf_putc(&b, 1);
    }
    err e = { 0 };
    gguf *g = gguf_from_bytes(b.data, b.len, "keys.gguf", false, &e);
    if (g) gguf_close(g);
    else assert_int_equal(e.code, ERR_LIMIT);
}

static void ids_lie_in_the_vocabulary(void **state) { /* test_ghsa_g4cc_763q_h9h6.c has every one */
    (void)state;
    static const vocab_text tokens[] = { { "a", 1 }, { "b", 1 } };
    static const float scores[] = { 0, 0 };
    for (int64_t id = -2; id < 4; id++) {
        err e = { 0 };
        vocab_source v = { .model = "llama", .tokens = tokens, .scores = scores, .n_tokens = 2, .bos = id, .eos = -1, .eot = -1, .eom = -1, .unk = -1, .sep = -1, .pad = -1,
                           .cls = -1, .mask = -1, .add_bos = -1, .add_eos = -1, .add_space_prefix = -1, .remove_extra_whitespaces = -1 };
        tokenizer *t = tokenizer_from_vocab(&v, &e);
        assert_int_equal(t != NULL, id >= -1 && id < 2);
        tokenizer_free(t);
    }
}

static char dir[64];

/* The weights of tests/golden/models/qwen2 under another config.json. */
static bool opens(const json_t *config, err *e) {
    char *text = json_dumps(config, 0);
    write_file(dir, "config.json", text, strlen(text));
    free(text);
    model_source *s = model_source_open(dir, e);
    model *m = s ? model_open(s, e) : NULL;
    bool ok = m != NULL;
    if (m) model_close(m);
    if (s) model_source_close(s);
    return ok;
}

/* One number of config.json is not what the tensors say: refused before anything is computed. */
static void sizes_agree_with_shapes(void **state) {
    (void)state;
    static const char *const keys[] = { "hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "vocab_size" };
    char path[512];
    err e = { 0 };
    snprintf(path, sizeof path, "%s/tests/golden/models/qwen2/config.json", PINGTI_SOURCE_DIR);
    json_t *config = js_read(path, 1 << 20, &e);
    check_ok(config != NULL, &e);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_int_t right = json_integer_value(json_object_get(config, keys[i]));
        const json_int_t wrong[] = { right + 1, right - 1, right * 2, right / 2, right * 3, 0, -1, 1, INT32_MAX, (json_int_t)1 << 32, INT64_MAX };
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            if (wrong[k] == right) continue;
            json_object_set_new(config, keys[i], json_integer(wrong[k]));
            if (opens(config, &e)) fail_msg("%s %lld instead of %lld was accepted", keys[i], (long long)wrong[k], (long long)right);
            assert_true(e.code == ERR_FORMAT || e.code == ERR_LIMIT || e.code == ERR_UNSUPPORTED);
        }
        json_object_set_new(config, keys[i], json_integer(right));
    }
    check_ok(opens(config, &e), &e);
    json_decref(config);
}

static void lists_of_the_vocabulary_have_one_length(void **state) {
    (void)state;
    for (uint64_t n = 1; n < 4; n++) {
        gguf_head(&b, 0, 3);
        put_key_text(&b, "tokenizer.ggml.model", "llama");
        put_key_array(&b, "tokenizer.ggml.tokens", GGUF_STRING, 2);
        put_text(&b, "a");
        put_text(&b, "b");
        put_key_array(&b, "tokenizer.ggml.scores", GGUF_F32, n);
        for (uint64_t i = 0; i < n; i++) put_le(&b, 0, 4);
        if (n == 2) gguf_accepted(&b);
        else gguf_refused(&b, ERR_FORMAT, "differ in length");
    }
}

static int prepare(void **state) {
    (void)state;
    err e = { 0 };
    size_t n = 0;
    char *weights = file_read(PINGTI_SOURCE_DIR "/tests/golden/models/qwen2/model.safetensors", 1 << 20, &n, &e);
    snprintf(dir, sizeof dir, "/tmp/pingti-test-XXXXXX");
    if (!weights || !mkdtemp(dir)) return -1;
    write_file(dir, "model.safetensors", weights, n);
    free(weights);
    return 0;
}

static int clean(void **state) {
    (void)state;
    static const char *const files[] = { "config.json", "model.safetensors" };
    char path[128];
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    buf_free(&b);
    return rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_size_of_the_file_comes_first), cmocka_unit_test(counts_are_bounded_by_the_bytes_left), cmocka_unit_test(products_and_sums_are_checked),
        cmocka_unit_test(dimensions_are_one_to_four_and_at_least_one), cmocka_unit_test(types_exist_and_have_blocks), cmocka_unit_test(rows_are_whole_blocks),
        cmocka_unit_test(alignment_is_a_power_of_two_up_to_64_kib), cmocka_unit_test(data_is_aligned_inside_and_apart), cmocka_unit_test(nothing_has_two_values),
        cmocka_unit_test(texts_are_bounded_utf8), cmocka_unit_test(arrays_hold_known_scalars), cmocka_unit_test(memory_has_a_budget),
        cmocka_unit_test(ids_lie_in_the_vocabulary), cmocka_unit_test(sizes_agree_with_shapes), cmocka_unit_test(lists_of_the_vocabulary_have_one_length),
    };
    return cmocka_run_group_tests(tests, prepare, clean);
}
