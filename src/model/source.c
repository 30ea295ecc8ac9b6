#include "model/source.h"
#include "base/file.h"
#include "base/mem.h"
#include <stdio.h>
#include <string.h>

static bool open_gguf(model_source *s, bool metadata, err *e) {
    s->gguf = gguf_open(s->path, metadata, e);
    if (!s->gguf) return false;
    s->tensors = gguf_tensors(s->gguf);
    s->file_bytes = gguf_file_bytes(s->gguf);
    gguf_text name = { "", 0 };
    if (!gguf_str(s->gguf, "general.architecture", &name, e)) return false;
    snprintf(s->arch, sizeof s->arch, "%.*s", (int)(name.len < sizeof s->arch ? name.len : sizeof s->arch - 1), name.data);
    return true;
}

static bool open_dir(model_source *s, bool metadata, err *e) {
    err why;
    bool has_config = hfconfig_open(&s->hf, s->path, &why);
    if (!has_config && !metadata) return *e = why, false;
    const char *type = "";
    if (has_config && !js_str(s->hf.config, "model_type", &type, e)) return false;
    snprintf(s->arch, sizeof s->arch, "%s", type);
    s->weights = safetensors_open_dir(s->path, &why);
    if (!s->weights && !metadata) return *e = why, false;
    if (!s->weights) return true;
    s->tensors = safetensors_tensors(s->weights);
    s->file_bytes = safetensors_file_bytes(s->weights);
    return true;
}

static bool ends_with(const char *s, const char *tail) {
    size_t n = strlen(s), k = strlen(tail);
    return n >= k && strcmp(s + n - k, tail) == 0;
}

/* The weights alone say neither what family they are nor how text becomes tokens. */
static bool one_of_several(const char *path, err *e) {
    const char *slash = strrchr(path, '/');
    err_set(e, ERR_USAGE, "'%s' is one file of a model, and not enough to open it", path);
    err_expected(e, "the directory with config.json, the tokenizer and the weights");
    return err_hint(e, "give the directory: -m %.*s", slash ? (int)(slash == path ? 1 : slash - path) : 1, slash ? path : ".");
}

static model_source *open_any(const char *path, bool metadata, err *e) {
    model_source *s = mem_must(1, sizeof *s);
    s->path = mem_must_copy(path, strlen(path));
    bool ok;
    if (!file_exists(path)) {
        ok = err_set(e, ERR_IO, "there is no model at '%s'", path) || err_expected(e, "a .gguf file or a Hugging Face directory") ||
             err_hint(e, "check the path");
    } else if (!file_is_dir(path) && (ends_with(path, ".safetensors") || ends_with(path, ".json"))) ok = one_of_several(path, e);
    else ok = file_is_dir(path) ? open_dir(s, metadata, e) : open_gguf(s, metadata, e);
    if (ok) return s;
    model_source_close(s);
    return NULL;
}

model_source *model_source_open(const char *path, err *e) { return open_any(path, false, e); }
model_source *model_source_open_metadata(const char *path, err *e) { return open_any(path, true, e); }

void model_source_close(model_source *s) {
    if (!s) return;
    if (s->gguf) gguf_close(s->gguf);
    if (s->weights) safetensors_close(s->weights);
    hfconfig_close(&s->hf);
    free(s->path);
    free(s);
}
