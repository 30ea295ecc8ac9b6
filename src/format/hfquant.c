#include "format/hfquant.h"
#include <string.h>

static bool refuse(const char *what, const char *expected, const char *got, err *e) {
    return err_set(e, ERR_UNSUPPORTED, "%s", what) || err_where(e, "config.json, quantization_config") || err_expected(e, "%s", expected) || err_got(e, "%.80s", got) ||
           err_hint(e, "use another edition of the model: GGUF, 16 bit, GPTQ, AWQ (GEMM) or compressed-tensors");
}

static bool bad_number(const char *key, const char *expected, int64_t got, err *e) {
    return err_set(e, ERR_FORMAT, "'%s' cannot be used", key) || err_where(e, "config.json, quantization_config") || err_expected(e, "%s", expected) ||
           err_got(e, "%lld", (long long)got);
}

/* A key under its present or its former name. */
static bool int_of(const json_t *c, const char *key, const char *former, int64_t *out, err *e) {
    return js_int(c, js_get(c, key) ? key : former, -1, 1 << 20, out, e);
}

static bool read_bits_and_group(const json_t *c, const char *former_bits, const char *former_group, hfquant *q, err *e) {
    int64_t bits = 4;
    q->group = 128;
    if (!int_of(c, "bits", former_bits, &bits, e) || !int_of(c, "group_size", former_group, &q->group, e)) return false;
    if (q->group == 0 || q->group < -1) return bad_number("group_size", "-1, or columns of a group", q->group, e);
    q->bits = (uint32_t)bits;
    return true;
}

static bool read_gptq(const json_t *c, hfquant *q, err *e) {
    const char *format = "gptq", *pack = "int32";
    q->method = HFQUANT_GPTQ;
    q->symmetric = true;
    if (!read_bits_and_group(c, "bits", "group_size", q, e) || !js_str(c, "checkpoint_format", &format, e) || !js_bool(c, "sym", &q->symmetric, e) ||
        !js_str(c, "pack_dtype", &pack, e))
        return false;
    if (q->bits != 2 && q->bits != 3 && q->bits != 4 && q->bits != 8) return bad_number("bits", "2, 3, 4 or 8", q->bits, e);
    if (strcmp(format, "gptq") != 0 && strcmp(format, "gptq_v2") != 0)
        return refuse("this GPTQ checkpoint format is not read", "checkpoint_format gptq or gptq_v2", format, e);
    if (strcmp(pack, "int32") != 0) return refuse("GPTQ fields packed into other words are not read", "pack_dtype int32", pack, e);
    const json_t *dynamic = js_get(c, "dynamic");
    if (dynamic && !json_is_object(dynamic))
        return err_set(e, ERR_FORMAT, "'dynamic' is not an object") || err_where(e, "config.json, quantization_config");
    q->mixed = dynamic && json_object_size(dynamic);
    q->zeros_stored_less_one = strcmp(format, "gptq") == 0;
    return true;
}

static bool read_awq(const json_t *c, hfquant *q, err *e) {
    const char *version = "gemm";
    bool zero_point = true;
    q->method = HFQUANT_AWQ;
    if (!read_bits_and_group(c, "w_bit", "q_group_size", q, e) || !js_str(c, "version", &version, e) || !js_bool(c, "zero_point", &zero_point, e)) return false;
    if (q->bits != 4) return bad_number("bits", "4 for AWQ", q->bits, e);
    if (strcasecmp(version, "gemm") != 0) return refuse("this AWQ layout is not read", "version gemm", version, e);
    return zero_point || refuse("AWQ without zero points is not read", "zero_point true", "false", e);
}

static bool known_format(const char *format, err *e) {
    static const char *const known[] = { "pack-quantized", "int-quantized", "float-quantized", "naive-quantized", "nvfp4-pack-quantized", "mxfp4-pack-quantized", "mixed-precision", "dense" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], format) == 0) return true;
    return refuse("this compressed-tensors format is not read", "pack-, int-, float-, naive-, nvfp4-pack- or mxfp4-pack-quantized", format, e);
}

static bool read_block(const json_t *weights, hfquant *q, err *e) {
    const json_t *block = js_get(weights, "block_structure");
    for (size_t i = 0; block && i < 2; i++) {
        json_int_t n = json_integer_value(json_array_get(block, i));
        if (json_array_size(block) != 2 || n < 1 || n > 1 << 20 || (q->block[i] && q->block[i] != (uint32_t)n))
            return err_set(e, ERR_FORMAT, "block_structure cannot be used") || err_where(e, "config.json, quantization_config") ||
                   err_expected(e, "[rows, columns], the same in all groups");
        q->block[i] = (uint32_t)n;
    }
    return true;
}

static bool read_scheme(const char *name, const json_t *scheme, hfquant *q, err *e) {
    const char *format = "dense";
    const json_t *weights = js_get(scheme, "weights");
    if (!json_is_object(scheme) || (weights && !json_is_object(weights)))
        return err_set(e, ERR_FORMAT, "'%.60s' of config_groups is not a scheme", name) || err_where(e, "config.json, quantization_config");
    if (!js_str(scheme, "format", &format, e) || !known_format(format, e)) return false;
    return !weights || read_block(weights, q, e);
}

static bool read_compressed(const json_t *c, hfquant *q, err *e) {
    const char *format = "dense", *sparsity = "dense", *name;
    const json_t *groups = js_get(c, "config_groups"), *sparse = js_get(c, "sparsity_config"), *turned = js_get(c, "transform_config");
    json_t *scheme;
    q->method = HFQUANT_COMPRESSED;
    if (!js_str(c, "format", &format, e) || !known_format(format, e)) return false;
    if (sparse && (!json_is_object(sparse) || !js_str(sparse, "format", &sparsity, e) || strcmp(sparsity, "dense") != 0))
        return refuse("sparse weights are not read", "sparsity_config.format dense", json_is_object(sparse) ? sparsity : "no object", e);
    if (turned && (!json_is_object(turned) || json_object_size(turned)))
        return refuse("weights that were rotated (transform_config) are not read", "none", "transform_config", e);
    if (groups && !json_is_object(groups)) return err_set(e, ERR_FORMAT, "config_groups is not an object") || err_where(e, "config.json, quantization_config");
    json_object_foreach((json_t *)(uintptr_t)groups, name, scheme)
        if (!read_scheme(name, scheme, q, e)) return false;
    return true;
}

/* FP8 as DeepSeek-V3 and R1 are published: the scales are tensors beside the weights (model/bind.c). */
static bool read_fp8(const json_t *c, hfquant *q, err *e) {
    const char *format = "e4m3";
    q->method = HFQUANT_FP8;
    return js_str(c, "fmt", &format, e) && (strcmp(format, "e4m3") == 0 || refuse("this FP8 is not read", "fmt e4m3", format, e));
}

bool hfquant_read(const json_t *config, hfquant *q, err *e) {
    const json_t *c = js_get(config, "quantization_config");
    const char *method = "";
    *q = (hfquant){ 0 };
    if (!c) c = js_get(config, "compression_config"); /* compressed-tensors' first name for it */
    if (!c) return true;
    if (!json_is_object(c)) return err_set(e, ERR_FORMAT, "quantization_config is not an object") || err_where(e, "config.json");
    if (!js_str(c, "quant_method", &method, e)) return false;
    if (strcmp(method, "gptq") == 0) return read_gptq(c, q, e);
    if (strcmp(method, "awq") == 0) return read_awq(c, q, e);
    if (strcmp(method, "compressed-tensors") == 0) return read_compressed(c, q, e);
    if (strcmp(method, "fp8") == 0) return read_fp8(c, q, e);
    return refuse("the model is quantized by a method that is not read", "quant_method gptq, awq, compressed-tensors or fp8", *method ? method : "none named", e);
}
