#include "convert/originals.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "format/gguf_bytes.h"
#include "model/arch.h"
#include <stdio.h>
#include <string.h>

enum { MAX_FILE = 60 << 20, TOKENIZER_JSON = 0 };

/* The only names there are: a file cannot choose others. */
static const char *const files[] = {
    "tokenizer.json", "config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "chat_template.jinja", "chat_template.json", "tokenizer.model", "vocab.json", "merges.txt", "README.md", "LICENSE",
};

size_t originals_count(void) { return sizeof files / sizeof *files; }
const char *originals_name(size_t i) { return files[i]; }

static void key_of(size_t i, char out[96]) {
    if (i == TOKENIZER_JSON) snprintf(out, 96, "tokenizer.huggingface.json");
    else snprintf(out, 96, "pingti.huggingface.file.%s", files[i]);
}

static bool keep_file(plan *p, const model_source *s, size_t i, err *e) {
    char key[96], *path = file_join(s->path, files[i]);
    size_t n = 0;
    char *data = file_exists(path) ? file_read(path, MAX_FILE, &n, e) : NULL;
    bool ok = data || !file_exists(path);
    key_of(i, key);
    if (data && i == TOKENIZER_JSON && utf8_valid(data, n) && !memchr(data, 0, n)) gguf_set_text(p->keys, key, data, n);
    else if (data && n) gguf_set_array(p->keys, key, GGUF_U8, data, n);
    free(data);
    free(path);
    return ok;
}

/* "name=F16" for every tensor whose format in the GGUF file is another. */
static void keep_types(plan *p) {
    gguf_text *list = mem_must(p->n ? p->n : 1, sizeof *list);
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const plan_tensor *t = &p->tensors[i];
        char text[600];
        if (t->values || t->from == t->to) continue;
        int len = snprintf(text, sizeof text, "%.500s=%s", t->name, dtype_name(t->from));
        list[n++] = (gguf_text){ arena_must_copy(p->mem, text, (size_t)len), (size_t)len };
    }
    if (n) gguf_set_texts(p->keys, "pingti.huggingface.types", list, n);
    free(list);
}

static void keep_experts(plan *p, const model_source *s) {
    const arch *a = arch_for_hf(s->arch);
    char name[256];
    for (const expert_names *x = a ? a->experts : NULL; x; x = x->newer) {
        bool fused = false, newer = false;
        for (int il = 0; il < SPEC_MAX_LAYERS && !fused && !newer; il++) {
            tensor_name_fill(x->fused_gate_up ? x->fused_gate_up : "", il, 0, name);
            fused = tensor_set_find(s->tensors, name) != NULL;
            tensor_name_fill(x->gate, il, 0, name);
            newer = x != a->experts && tensor_set_find(s->tensors, name);
        }
        if (fused || newer) gguf_set_str(p->keys, "pingti.huggingface.experts", fused ? "fused" : "newer");
        if (fused || newer) return;
    }
}

bool originals_keep(plan *p, const model_source *s, err *e) {
    bool fast = false;
    for (size_t i = 0; i < originals_count(); i++) {
        bool slow = strcmp(files[i], "vocab.json") == 0 || strcmp(files[i], "merges.txt") == 0; /* tokenizer.json holds them */
        if (slow && fast) continue;
        if (!keep_file(p, s, i, e)) return false;
        fast = fast || (i == TOKENIZER_JSON && gguf_is_set(p->keys, "tokenizer.huggingface.json"));
    }
    keep_types(p);
    keep_experts(p, s);
    return true;
}

bool originals_find(const gguf *g, size_t i, const char **data, size_t *n) {
    char key[96];
    key_of(i, key);
    for (size_t k = 0; k < gguf_n_keys(g); k++) {
        if (strcmp(gguf_key(g, k), key) != 0) continue;
        bool text = gguf_key_type(g, k) == GGUF_STRING, bytes = gguf_key_type(g, k) == GGUF_ARRAY && gguf_key_array_type(g, k) == GGUF_U8;
        gguf_text t = gguf_key_bytes(g, k);
        *data = t.data;
        *n = t.len;
        return text || bytes;
    }
    return false;
}

bool originals_carried(const gguf *g) {
    const char *data;
    size_t n;
    return originals_find(g, 1, &data, &n);
}

bool originals_type(const gguf *g, const char *name, dtype *t) {
    gguf_text *list = NULL;
    size_t n = 0, len = strlen(name);
    bool found = false;
    if (!gguf_strings(g, "pingti.huggingface.types", &list, &n, NULL)) return false;
    for (size_t i = 0; i < n && !found; i++) {
        char type[16];
        if (list[i].len <= len + 1 || memcmp(list[i].data, name, len) != 0 || list[i].data[len] != '=') continue;
        snprintf(type, sizeof type, "%.*s", (int)(list[i].len - len - 1 < 15 ? list[i].len - len - 1 : 15), list[i].data + len + 1);
        found = dtype_from_name(type, t);
    }
    free(list);
    return found;
}

void originals_experts(const gguf *g, char out[16]) {
    gguf_text t = { "", 0 };
    if (!gguf_str(g, "pingti.huggingface.experts", &t, NULL)) t.len = 0;
    snprintf(out, 16, "%.*s", (int)(t.len < 15 ? t.len : 15), t.data);
}
