/* GPTQ, AWQ and compressed-tensors checkpoints beyond what test_golden.c holds against transformers: fast products of both backends give the
 * same bytes (act-order, experts, fused projections among them) and stay near exact ones, each kind of checkpoint gets the block format
 * that holds it, and what is missing, damaged or unknown is refused with a sentence that names it. */
#include "unit/infer/models.h"
#include "base/mem.h"
#include "infer/runner.h"
#include <math.h>
#include <unistd.h>

enum { TOKENS = 40 };

#define MODELS PINGTI_SOURCE_DIR "/tests/golden/models/"

static float *logits_of(model *m, precision p, const char *backend) {
    err e = { 0 };
    size_t rows, n = TOKENS * m->spec.vocab;
    runner *r = runner_new(m, &(runner_options){ .threads = 2, .context = 64, .batch_tokens = 64, .cache_type = DTYPE_F32, .precision = p, .backend = backend }, &e);
    check_ok(r != NULL, &e);
    kv_name root = runner_root_name(r, 0, NULL, 0);
    int32_t tokens[TOKENS];
    for (int i = 0; i < TOKENS; i++) tokens[i] = (i * 37 + 5) % (int32_t)m->spec.vocab;
    seq s;
    seq_init(&s, tokens, TOKENS, &root, 0, false);
    assert_true(seq_reserve(&s, runner_kv(r), TOKENS));
    float *out = mem_must(n, sizeof *out);
    memcpy(out, runner_step(r, &(run_slice){ &s, 0, TOKENS, LOGITS_ALL }, 1, &rows), n * sizeof *out);
    seq_free(&s, runner_kv(r));
    runner_free(r);
    return out;
}

static void fast_is_the_same_everywhere(void **state) {
    (void)state;
    static const char *const names[] = { "gptq", "gptq-order", "gptq-v2-3bit", "gptq-mixed", "awq", "ct-w4a16", "ct-w8a8", "ct-fp8-block", "ct-nvfp4", "ct-mxfp4" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        snprintf(path, sizeof path, MODELS "%s", names[i]);
        opened_model o = open_model(path);
        float *fast = logits_of(o.m, PRECISION_FAST, "cpu"), *ref = logits_of(o.m, PRECISION_FAST, "cpu_ref"), *exact = logits_of(o.m, PRECISION_EXACT, "cpu");
        double error = 0, power = 0;
        for (size_t k = 0; k < TOKENS * o.m->spec.vocab; k++) {
            error += (fast[k] - exact[k]) * (double)(fast[k] - exact[k]);
            power += exact[k] * (double)exact[k];
            if (fabsf(fast[k] - ref[k]) > 1e-5f * fabsf(exact[k]) + 1e-5f) fail_msg("%s: logit %zu is %.9g, by the reference %.9g", names[i], k, (double)fast[k], (double)ref[k]);
        }
        printf("%-14s fast against exact: %.4f of the logits' size\n", names[i], sqrt(error / power));
        assert_true(sqrt(error / power) < 0.05);
        free(fast);
        free(ref);
        free(exact);
        close_model(&o);
    }
}

static void kinds_get_their_block_formats(void **state) {
    (void)state;
    static const struct { const char *name; dtype q, down; bool ordered; } kinds[] = {
        { "gptq", DTYPE_Q4_0, DTYPE_Q4_0, false },       { "gptq-order", DTYPE_Q5_0, DTYPE_Q5_0, true },   { "gptq-v2-3bit", DTYPE_Q4_0, DTYPE_Q4_0, false },
        { "awq", DTYPE_Q5_0, DTYPE_Q5_0, false },        { "ct-w4a16", DTYPE_Q5_0, DTYPE_Q5_0, false },    { "ct-w8a8", DTYPE_Q8_0, DTYPE_Q8_0, false },
        { "ct-fp8-block", DTYPE_F8_E4M3, DTYPE_F8_E4M3, false }, { "ct-mxfp4", DTYPE_MXFP4, DTYPE_MXFP4, false },
        { "ct-nvfp4", DTYPE_Q8_S, DTYPE_Q8_S, false },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char path[512];
        snprintf(path, sizeof path, MODELS "%s", kinds[i].name);
        opened_model o = open_model(path);
        const layer *l = &o.m->layers[0];
        assert_true(l->q.w.type == kinds[i].q && l->ffn.down.w.type == kinds[i].down && !!tensor_order(&l->q.w, 0) == kinds[i].ordered);
        close_model(&o);
    }
    opened_model o = open_model(MODELS "gptq-mixed");
    const layer *l = &o.m->layers[0];
    assert_true(l->q.w.type == DTYPE_Q8_0 && !l->v.w.grouped && l->experts.down.w.type == DTYPE_Q4_0 && l->experts.down.w.grouped[3].bits == 2);
    close_model(&o);
}

/* A copy of a golden checkpoint with one thing changed. */
typedef struct damage {
    const char *model, *file, *from, *to; /* text of the same length in safetensors */
    const char *says;                     /* in the error */
} damage;

static char *read_golden(const char *model, const char *file, size_t *n) {
    char path[512];
    err e = { 0 };
    snprintf(path, sizeof path, MODELS "%s/%s", model, file);
    char *text = file_read(path, 1 << 22, n, &e);
    check_ok(text != NULL, &e);
    return text;
}

static void write_file(const char *dir, const char *name, const char *data, size_t n) {
    char *path = file_join(dir, name);
    FILE *f = fopen(path, "wb");
    assert_true(f && fwrite(data, 1, n, f) == n && fclose(f) == 0);
    free(path);
}

static char *replaced(char *text, size_t *n, const char *from, const char *to) {
    char *at = memmem(text, *n, from, strlen(from)), *out = mem_must(*n + strlen(to) + 1, 1);
    if (!at) fail_msg("'%s' is not there to be changed", from);
    size_t head = (size_t)(at - text), tail = *n - head - strlen(from);
    memcpy(out, text, head);
    memcpy(out + head, to, strlen(to));
    memcpy(out + head + strlen(to), at + strlen(from), tail);
    *n = head + strlen(to) + tail;
    free(text);
    return out;
}

static void remove_dir(const char *dir) {
    static const char *const files[] = { "config.json", "model.safetensors", "quantize_config.json", "quant_config.json" };
    for (size_t i = 0; i < 4; i++) {
        char *path = file_join(dir, files[i]);
        unlink(path);
        free(path);
    }
    rmdir(dir);
}

/* Opens the files of `dir`; the error as text, or "" when they open. */
static const char *complaint(const char *dir) {
    static char text[2048];
    err e = { 0 };
    model_source *s = model_source_open(dir, &e);
    model *m = s ? model_open(s, &e) : NULL;
    text[0] = 0;
    if (!m) err_format(&e, text, sizeof text);
    model_close(m);
    model_source_close(s);
    return text;
}

static void check_damage(const damage *d) {
    static const char *const files[] = { "config.json", "model.safetensors", "quantize_config.json", "quant_config.json" };
    char dir[] = "/tmp/pingti-quantized-XXXXXX";
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < 4; i++) {
        char path[512];
        size_t n;
        snprintf(path, sizeof path, MODELS "%s/%s", d->model, files[i]);
        if (!file_exists(path)) continue;
        char *data = read_golden(d->model, files[i], &n);
        if (strcmp(d->file, files[i]) == 0) data = replaced(data, &n, d->from, d->to);
        write_file(dir, files[i], data, n);
        free(data);
    }
    const char *got = complaint(dir);
    remove_dir(dir);
    if (!strstr(got, d->says)) fail_msg("%s, %s -> %s: '%s' does not say '%s'", d->model, d->from, d->to, got, d->says);
}

#define CONFIG "config.json"
#define WEIGHTS "model.safetensors"

static void damage_is_named(void **state) {
    (void)state;
    static const damage all[] = {
        { "gptq", CONFIG, "\"quant_method\": \"gptq\"", "\"quant_method\": \"eetq\"", "eetq" },
        { "gptq", CONFIG, "\"quant_method\": \"gptq\",", "", "none named" },
        { "gptq", CONFIG, "\"checkpoint_format\": \"gptq\"", "\"checkpoint_format\": \"marlin\"", "marlin" },
        { "gptq", CONFIG, "\"checkpoint_format\": \"gptq\"", "\"checkpoint_format\": 3", "checkpoint_format" },
        { "gptq", CONFIG, "\"bits\": 4", "\"bits\": 5", "2, 3, 4 or 8" },
        { "gptq", CONFIG, "\"bits\": 4", "\"bits\": 8", "does not fit its weight" },
        { "gptq", CONFIG, "\"group_size\": 32", "\"group_size\": 64", "scales' does not fit" },
        { "gptq", CONFIG, "\"group_size\": 32", "\"group_size\": 0", "group_size" },
        { "gptq", CONFIG, "\"group_size\": 32", "\"group_size\": -7", "out of range" },
        { "gptq", CONFIG, "\"bits\": 4", "\"bits\": 4, \"pack_dtype\": \"int16\"", "int16" },
        { "gptq", CONFIG, "\"bits\": 4", "\"bits\": 4, \"dynamic\": []", "dynamic" },
        { "gptq", WEIGHTS, "layers.0.self_attn.q_proj.scales", "layers.0.self_attn.q_proj.scalex", "has no tensor 'scales'" },
        { "gptq", WEIGHTS, "layers.1.mlp.down_proj.qzeros", "layers.1.mlp.down_proj.qzerox", "has no tensor 'qzeros'" },
        { "gptq", WEIGHTS, "layers.0.mlp.up_proj.qweight", "layers.0.mlp.up_proj.qweighx", "layers.0.mlp.up_proj.weight" },
        { "gptq", WEIGHTS, "layers.0.mlp.up_proj.g_idx", "layers.0.mlp.up_proj.g_idy", "tensors that this family does not know" },
        { "awq", "quant_config.json", "\"GEMM\"", "\"GEMV\"", "GEMV" },
        { "awq", "quant_config.json", "\"zero_point\": true", "\"zero_point\": false", "zero points" },
        { "awq", "quant_config.json", "\"w_bit\": 4", "\"w_bit\": 3", "4 for AWQ" },
        { "ct-w4a16", CONFIG, "\"pack-quantized\"", "\"marlin-24\"", "marlin-24" },
        { "ct-w4a16", CONFIG, "\"config_groups\": {", "\"config_groups\": [], \"was\": {", "config_groups" },
        { "ct-w4a16", CONFIG, "\"format\"", "\"transform_config\": {\"a\": 1}, \"format\"", "transform_config" },
        { "ct-w4a16", CONFIG, "\"format\"", "\"sparsity_config\": {\"format\": \"sparse-24\"}, \"format\"", "sparse-24" },
        { "ct-w4a16", WEIGHTS, "layers.1.self_attn.k_proj.weight_scale", "layers.1.self_attn.k_proj.weight_scalx", "has no tensor 'weight_scale'" },
        { "ct-nvfp4", WEIGHTS, "layers.0.mlp.up_proj.weight_global_scale", "layers.0.mlp.up_proj.weight_global_scalx", "has no tensor 'weight_global_scale'" },
        { "ct-fp8-block", CONFIG, "32,", "0,", "block_structure" },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) check_damage(&all[i]);
}

/* The bytes of one tensor of a safetensors file in memory. */
static int32_t *tensor_bytes(char *file, size_t n, const char *name) {
    uint64_t header, from;
    memcpy(&header, file, sizeof header);
    char *at = memmem(file, n, name, strlen(name));
    assert_non_null(at);
    assert_int_equal(sscanf(strstr(at, "data_offsets\":["), "data_offsets\":[%lu", &from), 1);
    return (int32_t *)(void *)(file + 8 + header + from);
}

static const char *with_values(const char *model, const char *name, size_t count, uint32_t value) {
    char dir[] = "/tmp/pingti-quantized-XXXXXX";
    size_t n;
    assert_non_null(mkdtemp(dir));
    char *config = read_golden(model, CONFIG, &n);
    write_file(dir, CONFIG, config, n);
    char *file = read_golden(model, WEIGHTS, &n);
    for (size_t i = 0; i < count; i++) memcpy(tensor_bytes(file, n, name) + i, &value, sizeof value);
    write_file(dir, WEIGHTS, file, n);
    free(config);
    free(file);
    const char *got = complaint(dir);
    remove_dir(dir);
    return got;
}

static void bad_values_are_named(void **state) {
    (void)state;
    const char *got = with_values("gptq-order", "layers.0.self_attn.o_proj.g_idx", 1, 2);
    assert_true(strstr(got, "o_proj.g_idx") && strstr(got, "groups 0 to 1") && strstr(got, "2"));
    got = with_values("gptq-order", "layers.0.self_attn.o_proj.g_idx", 1, (uint32_t)-1);
    assert_true(strstr(got, "o_proj.g_idx") && strstr(got, "-1"));
    /* 64 outputs of 4 bits: 8 words for each of 2 groups. Zero points of the second format in a file of the first: off by one, silently. */
    got = with_values("gptq", "layers.0.self_attn.q_proj.qzeros", 16, 0x88888888u);
    assert_true(strstr(got, "gptq_v2") && strstr(got, "0x77777777"));
    got = with_values("ct-w4a16", "layers.0.self_attn.q_proj.weight_shape", 1, 65);
    assert_true(strstr(got, "weight_shape") && strstr(got, "65"));
    got = with_values("ct-nvfp4", "layers.0.self_attn.q_proj.weight_global_scale", 1, 0);
    assert_true(strstr(got, "a positive number") != NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(fast_is_the_same_everywhere), cmocka_unit_test(kinds_get_their_block_formats), cmocka_unit_test(damage_is_named),
                                        cmocka_unit_test(bad_values_are_named) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
