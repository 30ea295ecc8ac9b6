/* Rope settings of config.json, both spellings. The old one: rope_theta beside rope_scaling {type or rope_type, factor, ...};
 * the new one (transformers 5): rope_parameters {rope_theta, rope_type, ...}, or one such object per layer type. */
#include "base/err.h"
#include "format/hfconfig.h"
#include <string.h>

static bool set_type(json_t *rope, err *e) {
    static const char *const known[] = { "default", "linear", "dynamic", "llama3", "yarn", "longrope" };
    const char *type = NULL, *old = NULL;
    if (!js_str(rope, "rope_type", &type, e) || !js_str(rope, "type", &old, e)) return false;
    if (!type) type = old ? old : "default";
    if (strcmp(type, "su") == 0) type = "longrope"; /* the name before its release */
    if (strcmp(type, "mrope") == 0) type = "default"; /* Qwen2-VL: equal to default for text */
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(type, known[i]) == 0) {
            json_object_set_new(rope, "rope_type", json_string(known[i]));
            json_object_del(rope, "type");
            return true;
        }
    return err_set(e, ERR_UNSUPPORTED, "rope type '%.60s' is not supported", type) || err_where(e, "config.json") ||
           err_expected(e, "default, linear, dynamic, llama3, yarn or longrope");
}

/* The numbers must be numbers: a string or a list where a scalar belongs is refused here, before any model code looks. */
static bool check_numbers(const json_t *rope, err *e) {
    static const char *const keys[] = { "factor", "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "low_freq_factor", "high_freq_factor", "partial_rotary_factor" };
    double v = 1, theta = 10000;
    int64_t original = 1;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!js_real(rope, keys[i], &v, e)) return false;
    if (!js_int(rope, "original_max_position_embeddings", 1, INT64_C(1) << 40, &original, e) || !js_real(rope, "rope_theta", &theta, e)) return false;
    v = 1;
    js_real(rope, "factor", &v, NULL);
    if (theta > 0 && v > 0) return true;
    return err_set(e, ERR_FORMAT, "rope_theta and factor must be greater than 0") || err_where(e, "config.json") || err_got(e, "rope_theta %g, factor %g", theta, v);
}

/* Nested per layer type when every value is an object: those must agree. */
static bool pick_nested(const json_t *given, const json_t **out, err *e) {
    const char *key;
    const json_t *v, *first = NULL;
    *out = given;
    json_object_foreach((json_t *)(uintptr_t)given, key, v) {
        if (!json_is_object(v)) return true;
        if (first && !json_equal(first, v))
            return err_set(e, ERR_UNSUPPORTED, "rope_parameters differ between layer types ('%.60s')", key) || err_where(e, "config.json") ||
                   err_expected(e, "the same settings for all layers");
        first = first ? first : v;
    }
    if (first) *out = first;
    return true;
}

static bool fill(json_t *rope, const json_t *config, err *e) {
    static const char *const above[] = { "rope_theta", "partial_rotary_factor", "original_max_position_embeddings" };
    const char *key = "rope_scaling";
    const json_t *given = js_get(config, "rope_parameters");
    if (given) key = "rope_parameters";
    else given = js_get(config, key);
    if (given && !json_is_object(given)) return err_set(e, ERR_FORMAT, "'%s' is not an object", key) || err_where(e, "config.json");
    if (given && (!pick_nested(given, &given, e) || json_object_update(rope, (json_t *)(uintptr_t)given) != 0)) return false;
    for (size_t i = 0; i < sizeof above / sizeof *above; i++) {
        json_t *v = js_get(config, above[i]);
        if (v && !js_get(rope, above[i])) json_object_set(rope, above[i], v);
    }
    if (!js_get(rope, "rope_theta")) json_object_set_new(rope, "rope_theta", json_real(10000.0)); /* the default of every family here */
    return set_type(rope, e) && check_numbers(rope, e);
}

json_t *hfconfig_rope(const json_t *config, err *e) {
    json_t *rope = json_object();
    if (rope && fill(rope, config, e)) return rope;
    json_decref(rope);
    return NULL;
}
