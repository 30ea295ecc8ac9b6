/* Hugging Face directories: safetensors alone and in shards, both rope spellings, the chat template in each place. */
#include "unit/hostile/build_file.h"
#include "format/hfconfig.h"
#include <sys/stat.h>

static char dir[64];

static void put(const char *name, const char *text) { write_file(dir, name, text, strlen(text)); }

static void drop(const char *name) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    unlink(path);
}

static void put_shard(const char *name, const char *header, size_t data) {
    buf b = { 0 };
    put_safetensors(&b, header, data);
    write_file(dir, name, b.data, b.len);
    buf_free(&b);
}

static void shards_are_joined(void **state) {
    (void)state;
    err e = { 0 };
    put_shard("m-1.safetensors", "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]},\"i\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[4,12]}}", 12);
    put_shard("m-2.safetensors", "{\"b\":{\"dtype\":\"BF16\",\"shape\":[2,1],\"data_offsets\":[0,4]}}", 4);
    put("model.safetensors.index.json", "{\"weight_map\":{\"a\":\"m-1.safetensors\",\"b\":\"m-2.safetensors\",\"i\":\"m-1.safetensors\"}}");
    safetensors *s = safetensors_open_dir(dir, &e);
    check_ok(s != NULL, &e);
    assert_int_equal(safetensors_tensors(s)->n, 2);
    assert_int_equal(safetensors_others(s)->n, 1);
    assert_string_equal(safetensors_others(s)->items[0].name, "i");
    assert_int_equal(tensor_set_find(safetensors_tensors(s), "a")->type, DTYPE_F8_E4M3);
    assert_int_equal(tensor_set_find(safetensors_tensors(s), "b")->type, DTYPE_BF16);
    safetensors_close(s);
    put("model.safetensors.index.json", "{\"weight_map\":{\"a\":\"m-2.safetensors\",\"b\":\"m-1.safetensors\",\"i\":\"m-1.safetensors\"}}");
    assert_null(safetensors_open_dir(dir, &e));
    check_message(&e, ERR_FORMAT, "not in the file that the index says");
    put("model.safetensors.index.json", "{\"weight_map\":{\"a\":\"m-1.safetensors\",\"b\":\"m-2.safetensors\"}}");
    assert_null(safetensors_open_dir(dir, &e));
    check_message(&e, ERR_FORMAT, "tensors that the index does not name");
    drop("model.safetensors.index.json");
    assert_null(safetensors_open_dir(dir, &e));
    check_message(&e, ERR_IO, "no weights");
    put("pytorch_model.bin", "\x80\x02.");
    assert_null(safetensors_open_dir(dir, &e));
    check_message(&e, ERR_UNSUPPORTED, "only pickled weights (pytorch_model.bin)");
    drop("pytorch_model.bin");
}

/* The Hugging Face cache: models--x/snapshots/rev/<name> is a link to models--x/blobs/<sum>. */
static void links_of_the_cache_are_followed(void **state) {
    (void)state;
    static const char *const folders[] = { "blobs", "snapshots", "snapshots/rev" };
    char path[160], snapshot[80];
    err e = { 0 };
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    snprintf(snapshot, sizeof snapshot, "%s/snapshots/rev", dir);
    put_shard("blobs/sum", "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4);
    put_shard("outside", "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4);
    put("snapshots/rev/model.safetensors.index.json", "{\"weight_map\":{\"a\":\"m.safetensors\"}}");
    snprintf(path, sizeof path, "%s/m.safetensors", snapshot);
    assert_int_equal(symlink("../../outside", path), 0);
    assert_null(safetensors_open_dir(snapshot, &e));
    check_message(&e, ERR_FORMAT, "leaves the model's folder");
    unlink(path);
    assert_int_equal(symlink("../../blobs/sum", path), 0);
    safetensors *s = safetensors_open_dir(snapshot, &e);
    check_ok(s != NULL, &e);
    assert_int_equal(tensor_set_find(safetensors_tensors(s), "a")->n_dims, 0);
    safetensors_close(s);
    unlink(path);
    drop("outside");
    drop("blobs/sum");
    drop("snapshots/rev/model.safetensors.index.json");
    for (size_t i = 3; i-- > 0;) {
        snprintf(path, sizeof path, "%s/%s", dir, folders[i]);
        assert_int_equal(rmdir(path), 0);
    }
}

/* Was refused as a pickle: a header of 0x280 bytes begins 80 02, as pickles of protocol 2 do. */
static void header_lengths_that_look_like_a_pickle(void **state) {
    (void)state;
    for (size_t n = 0x200; n < 0x600; n++) {
        char *header = malloc(n + 1);
        assert_non_null(header);
        memset(header, ' ', n);
        memcpy(header, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 57 - 3);
        header[n] = 0;
        safetensors_accepted(header, 4);
        free(header);
    }
    safetensors_bytes_refused("\x80\x02}q\x01X\x01\0\0{\0", 11, ERR_FORMAT, "never opened");
}

static void check_rope(const char *config, const char *expected) {
    err e = { 0 };
    json_t *c = js_parse(config, strlen(config), "config.json", &e), *rope = hfconfig_rope(c, &e);
    check_ok(rope != NULL, &e);
    json_t *want = js_parse(expected, strlen(expected), "expected", &e);
    if (!json_equal(rope, want)) fail_msg("%s gave %s", config, json_dumps(rope, JSON_SORT_KEYS));
    json_decref(c);
    json_decref(rope);
    json_decref(want);
}

static void rope_is_read_in_both_spellings(void **state) {
    (void)state;
    check_rope("{}", "{\"rope_theta\":10000.0,\"rope_type\":\"default\"}");
    check_rope("{\"rope_theta\":1e6,\"rope_scaling\":null}", "{\"rope_theta\":1e6,\"rope_type\":\"default\"}");
    check_rope("{\"rope_theta\":5e5,\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0}}", "{\"rope_theta\":5e5,\"rope_type\":\"linear\",\"factor\":2.0}");
    check_rope("{\"rope_scaling\":{\"rope_type\":\"llama3\",\"type\":\"llama3\",\"factor\":8.0}}", "{\"rope_theta\":10000.0,\"rope_type\":\"llama3\",\"factor\":8.0}");
    check_rope("{\"rope_scaling\":{\"type\":\"su\",\"long_factor\":[1.5]},\"original_max_position_embeddings\":4096}",
               "{\"rope_theta\":10000.0,\"rope_type\":\"longrope\",\"long_factor\":[1.5],\"original_max_position_embeddings\":4096}");
    check_rope("{\"rope_parameters\":{\"rope_theta\":1e6,\"rope_type\":\"yarn\",\"factor\":4.0}}", "{\"rope_theta\":1e6,\"rope_type\":\"yarn\",\"factor\":4.0}");
    check_rope("{\"rope_parameters\":{\"full_attention\":{\"rope_theta\":1e6,\"rope_type\":\"default\"},\"sliding_attention\":{\"rope_theta\":1e6,\"rope_type\":\"default\"}}}",
               "{\"rope_theta\":1e6,\"rope_type\":\"default\"}");
}

static void check_templates(const char *chat, const char *tool) {
    hfconfig c;
    err e = { 0 };
    check_ok(hfconfig_open(&c, dir, &e), &e);
    if (chat) assert_string_equal(c.chat_template, chat);
    else assert_null(c.chat_template);
    if (tool) assert_string_equal(c.tool_template, tool);
    else assert_null(c.tool_template);
    hfconfig_close(&c);
}

static void templates_come_from_three_places(void **state) {
    (void)state;
    char path[160];
    put("config.json", "{\"model_type\":\"llama\"}");
    check_templates(NULL, NULL);
    put("tokenizer_config.json", "{\"chat_template\":\"one\"}");
    check_templates("one", NULL);
    put("tokenizer_config.json", "{\"chat_template\":[{\"name\":\"default\",\"template\":\"two\"},{\"name\":\"tool_use\",\"template\":\"tools\"},{\"name\":\"rag\",\"template\":\"x\"}]}");
    check_templates("two", "tools");
    put("chat_template.json", "{\"chat_template\":\"three\"}");
    check_templates("three", "tools");
    put("chat_template.jinja", "four\n");
    check_templates("four\n", "tools");
    snprintf(path, sizeof path, "%s/additional_chat_templates", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    put("additional_chat_templates/tool_use.jinja", "newer");
    check_templates("four\n", "newer");
    hfconfig c;
    err e = { 0 };
    put("tokenizer_config.json", "{\"chat_template\":[{\"name\":1}]}");
    assert_false(hfconfig_open(&c, dir, &e));
    check_message(&e, ERR_FORMAT, "chat_template element 0");
    put("chat_template.jinja", "\xff");
    put("tokenizer_config.json", "{}");
    assert_false(hfconfig_open(&c, dir, &e));
    check_message(&e, ERR_FORMAT, "not UTF-8");
    drop("config.json");
    assert_false(hfconfig_open(&c, dir, &e));
    check_message(&e, ERR_IO, "config.json");
}

static void inner_text_config_goes_up(void **state) {
    (void)state;
    static const char text[] = "{\"architectures\":[\"V\"],\"model_type\":\"v\",\"eos_token_id\":7,\"text_config\":{\"model_type\":\"llama\",\"hidden_size\":64}}";
    hfconfig c;
    err e = { 0 };
    int64_t n = 0;
    check_ok(hfconfig_from_text(&c, text, sizeof text - 1, NULL, 0, &e), &e);
    check_ok(js_int(c.config, "hidden_size", 0, 99, &n, &e), &e);
    assert_int_equal(n, 64);
    assert_string_equal(json_string_value(js_get(c.config, "model_type")), "v");
    hfconfig_close(&c);
}

static void golden_files_read(void **state) {
    (void)state;
    err e = { 0 };
    safetensors *s = safetensors_open(PINGTI_SOURCE_DIR "/tests/golden/format/small.safetensors", &e);
    check_ok(s != NULL, &e);
    const named_tensor *t = tensor_set_find(safetensors_tensors(s), "f32");
    assert_non_null(t);
    assert_true(t->n_dims == 2 && t->dims[0] == 3 && t->dims[1] == 4);
    for (int i = 0; i < 12; i++) {
        float v;
        memcpy(&v, (const char *)t->data + 4 * i, 4);
        assert_true(v == (float)i / 4);
    }
    assert_int_equal(safetensors_others(s)->n, 1);
    safetensors_close(s);
}

static int prepare(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/pingti-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int clean(void **state) {
    (void)state;
    static const char *const files[] = { "m-1.safetensors", "m-2.safetensors", "tokenizer_config.json", "chat_template.json", "chat_template.jinja",
                                         "additional_chat_templates/tool_use.jinja" };
    char path[160];
    for (size_t i = 0; i < 6; i++) drop(files[i]);
    snprintf(path, sizeof path, "%s/additional_chat_templates", dir);
    rmdir(path);
    return rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_are_joined),         cmocka_unit_test(rope_is_read_in_both_spellings), cmocka_unit_test(templates_come_from_three_places),
        cmocka_unit_test(inner_text_config_goes_up), cmocka_unit_test(golden_files_read),
        cmocka_unit_test(header_lengths_that_look_like_a_pickle),
        cmocka_unit_test(links_of_the_cache_are_followed),
    };
    return cmocka_run_group_tests(tests, prepare, clean);
}
