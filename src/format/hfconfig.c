#include "format/hfconfig.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <errno.h>
#include <string.h>

enum { MAX_JSON = 16 << 20 /* parsed JSON takes up to some 20 times its text */, MAX_TEMPLATE = 1 << 20 };

/* dir/name as an object; *out stays NULL when there is no such file and it is not required. */
static bool read_object(const char *dir, const char *name, bool required, json_t **out, err *e) {
    char *path = file_join(dir, name);
    bool ok = true;
    if (required || file_exists(path)) {
        *out = js_read(path, MAX_JSON, e);
        ok = *out && (json_is_object(*out) || err_set(e, ERR_FORMAT, "'%s' is not a JSON object", path) || err_hint(e, "fetch it again"));
    }
    free(path);
    return ok;
}

static bool has_config(const char *dir, err *e) {
    char *config = file_join(dir, "config.json"), *index = file_join(dir, "model_index.json");
    bool there = file_exists(config), closed = !there && errno == EACCES, pipeline = file_exists(index);
    free(config);
    free(index);
    if (there) return true;
    if (closed) return err_set(e, ERR_IO, "the directory cannot be read") || err_where(e, "%s", dir) || err_hint(e, "check the permissions");
    return err_set(e, ERR_IO, "the directory has no config.json") || err_where(e, "%s", dir) ||
           err_expected(e, "a Hugging Face directory: config.json, tokenizer.json or tokenizer.model, *.safetensors") ||
           (pipeline && err_got(e, "a pipeline of several models (model_index.json)")) || err_hint(e, "give the model's own directory, or a .gguf file by its name");
}

static bool keep_template(const char *text, size_t n, const char *where, char **out, err *e) {
    if (n > MAX_TEMPLATE)
        return err_set(e, ERR_LIMIT, "the chat template is too large") || err_where(e, "%s", where) || err_expected(e, "at most %d bytes", MAX_TEMPLATE) || err_got(e, "%zu bytes", n);
    if (!utf8_valid(text, n) || memchr(text, 0, n))
        return err_set(e, ERR_FORMAT, "the chat template is not UTF-8 text") || err_where(e, "%s", where) || err_hint(e, "fetch it again");
    free(*out);
    *out = mem_must_copy(text, n);
    return true;
}

static bool template_file(const char *dir, const char *name, char **out, err *e) {
    char *path = file_join(dir, name), *text = NULL;
    size_t n = 0;
    bool ok = true;
    if (file_exists(path)) ok = (text = file_read(path, MAX_TEMPLATE, &n, e)) && keep_template(text, n, path, out, e);
    free(text);
    free(path);
    return ok;
}

/* A string, or a list of {name, template} of which "default" and "tool_use" are kept. */
static bool template_value(hfconfig *c, const json_t *v, const char *where, err *e) {
    size_t i;
    const json_t *entry;
    if (!v) return true;
    if (json_is_string(v)) return keep_template(json_string_value(v), json_string_length(v), where, &c->chat_template, e);
    if (!json_is_array(v))
        return err_set(e, ERR_FORMAT, "chat_template is neither a string nor a list of named templates") || err_where(e, "%s", where);
    json_array_foreach((json_t *)(uintptr_t)v, i, entry) {
        const char *name = NULL;
        const json_t *text = js_get(entry, "template");
        if (!json_is_object(entry) || !js_str(entry, "name", &name, NULL) || !name || !json_is_string(text))
            return err_set(e, ERR_FORMAT, "chat_template element %zu is not {\"name\": ..., \"template\": ...}", i) || err_where(e, "%s", where);
        char **out = strcmp(name, "default") == 0 ? &c->chat_template : strcmp(name, "tool_use") == 0 ? &c->tool_template : NULL;
        if (out && !keep_template(json_string_value(text), json_string_length(text), where, out, e)) return false;
    }
    return true;
}

/* Later places win: tokenizer_config.json, chat_template.json, chat_template.jinja with additional_chat_templates/. */
static bool read_templates(hfconfig *c, const char *dir, err *e) {
    json_t *own = NULL;
    bool ok = template_value(c, c->tokenizer ? js_get(c->tokenizer, "chat_template") : NULL, "tokenizer_config.json", e) &&
              read_object(dir, "chat_template.json", false, &own, e) &&
              template_value(c, own ? js_get(own, "chat_template") : NULL, "chat_template.json", e) &&
              template_file(dir, "chat_template.jinja", &c->chat_template, e) &&
              template_file(dir, "additional_chat_templates/tool_use.jinja", &c->tool_template, e);
    json_decref(own);
    return ok;
}

/* Multimodal configs keep the language model's keys in text_config: they go up and win over the outer ones, except that
 * the outer architectures and model_type are what names the whole; an outer key stays where the inner has none. */
static bool merge_text_config(json_t *config, err *e) {
    json_t *text = js_get(config, "text_config");
    const char *key;
    json_t *v;
    if (!text) return true;
    if (!json_is_object(text)) return err_set(e, ERR_FORMAT, "text_config is not an object") || err_where(e, "config.json");
    json_object_foreach(text, key, v) {
        if (strcmp(key, "text_config") == 0 || strcmp(key, "architectures") == 0) continue;
        if (strcmp(key, "model_type") == 0 && js_get(config, "model_type")) continue;
        if (json_object_set(config, key, v) != 0) return err_set(e, ERR_MEMORY, "out of memory");
    }
    return true;
}

/* Before config.json had a quantization_config, AutoGPTQ and AutoAWQ wrote files of their own. */
static bool attach_quantization(hfconfig *c, const char *dir, err *e) {
    static const char *const files[][2] = { { "quantize_config.json", "gptq" }, { "quant_config.json", "awq" } };
    if (js_get(c->config, "quantization_config") || js_get(c->config, "compression_config")) return true;
    for (size_t i = 0; i < 2; i++) {
        json_t *own = NULL;
        if (!read_object(dir, files[i][0], false, &own, e)) return json_decref(own), false;
        if (!own) continue;
        if (!js_get(own, "quant_method")) json_object_set_new(own, "quant_method", json_string(files[i][1]));
        if (json_object_set_new(c->config, "quantization_config", own) != 0) return err_set(e, ERR_MEMORY, "out of memory");
        return true;
    }
    return true;
}

bool hfconfig_open(hfconfig *c, const char *dir, err *e) {
    *c = (hfconfig){ 0 };
    bool ok = has_config(dir, e) && read_object(dir, "config.json", true, &c->config, e) && merge_text_config(c->config, e) &&
              attach_quantization(c, dir, e) && read_object(dir, "generation_config.json", false, &c->generation, e) &&
              read_object(dir, "tokenizer_config.json", false, &c->tokenizer, e) && read_templates(c, dir, e);
    if (!ok) hfconfig_close(c);
    return ok;
}

static bool parse_object(const char *text, size_t n, const char *where, json_t **out, err *e) {
    *out = js_parse(text, n, where, e);
    return *out && (json_is_object(*out) || err_set(e, ERR_FORMAT, "not a JSON object") || err_where(e, "%s", where));
}

bool hfconfig_from_text(hfconfig *c, const char *config, size_t config_len, const char *tokenizer, size_t tokenizer_len, err *e) {
    *c = (hfconfig){ 0 };
    bool ok = parse_object(config, config_len, "config.json", &c->config, e) && merge_text_config(c->config, e) &&
              (!tokenizer || parse_object(tokenizer, tokenizer_len, "tokenizer_config.json", &c->tokenizer, e)) &&
              template_value(c, c->tokenizer ? js_get(c->tokenizer, "chat_template") : NULL, "tokenizer_config.json", e);
    if (!ok) hfconfig_close(c);
    return ok;
}

void hfconfig_close(hfconfig *c) {
    json_decref(c->config);
    json_decref(c->generation);
    json_decref(c->tokenizer);
    free(c->chat_template);
    free(c->tool_template);
    *c = (hfconfig){ 0 };
}
