#include "convert/carried.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "convert/originals.h"
#include "convert/write.h"
#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { HASH = 16, HEX = 2 * HASH + 1, MAX_FILE = 128 << 20 };
#define FILES_KEY "pingti.gguf.files"
#define SOURCE_KEY "pingti.gguf.source" /* fingerprint of the weights that the directory is made from */

/* Names and contents of the small files that are there. */
static bool hash_files(const char *dir, char hex[HEX], err *e) {
    crypto_generichash_state s;
    unsigned char out[HASH];
    bool ok = true;
    crypto_generichash_init(&s, NULL, 0, HASH);
    for (size_t i = 0; i < originals_count() && ok; i++) {
        char *path = file_join(dir, originals_name(i));
        size_t n = 0;
        char *data = file_exists(path) ? file_read(path, MAX_FILE, &n, e) : NULL;
        ok = data || !file_exists(path);
        uint64_t size = data ? n : UINT64_MAX;
        crypto_generichash_update(&s, (const unsigned char *)&size, sizeof size);
        if (data) crypto_generichash_update(&s, (const unsigned char *)data, n);
        free(data);
        free(path);
    }
    crypto_generichash_final(&s, out, HASH);
    sodium_bin2hex(hex, HEX, out, HASH);
    return ok;
}

static bool is_factor(const named_tensor *t) { return strncmp(t->name, "rope_f", 6) == 0 && t->type == DTYPE_F32 && t->n_dims == 1; }

bool carried_write(const model_source *s, const char *dir, err *e) {
    gguf_writer *w = gguf_writer_new();
    buf out = { 0 };
    char hex[HEX], source[PLAN_NAME], *path = file_join(dir, CARRIED_NAME);
    bool ok = hash_files(dir, hex, e);
    plan_source_name(s, source);
    for (size_t i = 0; i < gguf_n_keys(s->gguf); i++) {
        const char *key = gguf_key(s->gguf, i);
        bool other = strncmp(key, "split.", 6) == 0 || strncmp(key, "pingti.huggingface.", 19) == 0 || strcmp(key, "general.alignment") == 0 || strcmp(key, "tokenizer.huggingface.json") == 0;
        if (!other) gguf_set_copy(w, s->gguf, i);
    }
    gguf_set_str(w, FILES_KEY, hex);
    gguf_set_str(w, SOURCE_KEY, source);
    for (size_t i = 0; i < s->tensors->n; i++)
        if (is_factor(&s->tensors->items[i])) gguf_add_tensor(w, s->tensors->items[i].name, DTYPE_F32, 1, s->tensors->items[i].dims);
    gguf_header(w, &out);
    size_t head = out.len, k = 0;
    for (size_t i = 0; i < s->tensors->n; i++) {
        if (!is_factor(&s->tensors->items[i])) continue;
        while (out.len - head < gguf_tensor_at(w, k)) buf_putc(&out, 0);
        buf_put(&out, s->tensors->items[i].data, s->tensors->items[i].bytes);
        k++;
    }
    while (out.len - head < gguf_data_bytes(w)) buf_putc(&out, 0);
    ok = ok && outfile_put(path, out.data, out.len, e);
    buf_free(&out);
    gguf_writer_free(w);
    free(path);
    return ok;
}

static bool is_claimed(const model_source *s, const char *dir) {
    char name[PLAN_NAME], *path = file_join(dir, CARRIED_NAME);
    gguf_text then = { "", 0 };
    err ignored = { 0 }; /* what cannot be read is nobody's claim */
    gguf *g = file_exists(path) ? gguf_open(path, false, &ignored) : NULL;
    plan_source_name(s, name);
    bool same = g && gguf_str(g, SOURCE_KEY, &then, &ignored) && then.len == PLAN_NAME - 1 && memcmp(then.data, name, then.len) == 0;
    gguf_close(g);
    free(path);
    return same;
}

static bool of_a_model(const char *name) {
    size_t n = strlen(name), m = strlen(".safetensors");
    return strcmp(name, "config.json") == 0 || (n > m && strcmp(name + n - m, ".safetensors") == 0);
}

bool carried_may_fill(const model_source *s, const char *dir, err *e) {
    DIR *d = opendir(dir);
    char found[256] = "";
    if (!d) return true; /* writing into it says what is wrong */
    for (struct dirent *entry; !*found && (entry = readdir(d));)
        if (of_a_model(entry->d_name)) snprintf(found, sizeof found, "%s", entry->d_name);
    closedir(d);
    if (!*found || is_claimed(s, dir)) return true;
    return err_set(e, ERR_USAGE, "the directory '%s' holds another model", dir) || err_expected(e, "an empty directory, a new one, or one that an earlier run filled from this file") ||
           err_got(e, "'%s', which was not made from %s", found, s->path) || err_hint(e, "give another directory with -o, or remove the files there first");
}

static void take_factors(plan *p, const gguf *g) {
    for (size_t i = 0; i < p->n; i++) {
        plan_tensor *t = &p->tensors[i];
        const named_tensor *own = t->values ? tensor_set_find(gguf_tensors(g), t->name) : NULL;
        if (!own || own->type != DTYPE_F32 || own->n_dims != 1 || own->dims[0] != t->cols) continue;
        float *copy = arena_must(p->mem, t->cols, sizeof *copy);
        memcpy(copy, own->data, t->cols * sizeof *copy);
        t->values = copy;
    }
}

bool carried_read(plan *p, const model_source *s, bool *used, bool *stale, err *e) {
    char hex[HEX], *path = file_join(s->path, CARRIED_NAME);
    gguf_text then = { "", 0 };
    *used = *stale = false;
    gguf *g = file_exists(path) ? gguf_open(path, false, e) : NULL;
    bool ok = g || !file_exists(path);
    if (g) ok = gguf_str(g, FILES_KEY, &then, e) && hash_files(s->path, hex, e);
    *used = g && ok && then.len == HEX - 1 && memcmp(then.data, hex, HEX - 1) == 0;
    *stale = g && ok && !*used;
    if (*used) {
        gguf_writer *w = gguf_writer_new();
        for (size_t i = 0; i < gguf_n_keys(g); i++)
            if (strcmp(gguf_key(g, i), FILES_KEY) != 0 && strcmp(gguf_key(g, i), SOURCE_KEY) != 0) gguf_set_copy(w, g, i);
        gguf_writer_free(p->keys);
        p->keys = w;
        take_factors(p, g);
    }
    gguf_close(g);
    free(path);
    return ok;
}
