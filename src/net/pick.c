#include "net/pick.h"
#include "base/mem.h"
#include "net/sha256.h"
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SHOWN_NAMES = 4 };

static bool ends_with(const char *s, const char *tail) {
    size_t n = strlen(s), k = strlen(tail);
    return n >= k && strcasecmp(s + n - k, tail) == 0;
}

bool pick_is_pickle(const char *path) {
    static const char *const tails[] = { ".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".keras", ".nemo", ".mar" };
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
        if (ends_with(path, tails[i])) return true;
    return false;
}

bool pick_name_free(const char *base) {
    static const char *const tails[] = { ".part", ".part.json", ".part.json.new", ".lock", ".old" };
    bool ours = *base == 0 || *base == '.' || strcasecmp(base, "manifest.json") == 0;
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) ours |= ends_with(base, tails[i]);
    return !ours;
}

/* ---- what was taken, and what was not ---- */

static bool has(const pick *p, const listed_file *f) {
    for (size_t i = 0; i < p->n; i++)
        if (p->files[i] == f) return true;
    return false;
}

/* A path without folders: "a/b/x" is "a--b--x"; folders of too long a name by their digest. n: bytes of the path that count. */
static char *flat_name(const char *path, size_t n) {
    buf b = { 0 };
    char hex[SHA256_HEX];
    const char *base = repo_file_base(path);
    size_t own = (size_t)(path + n - base);
    for (const char *c = path; c < base; c++) buf_puts(&b, *c == '/' ? "--" : (char[2]){ *c });
    if (b.len + own > REPO_NAME_MAX) {
        sha256 d;
        sha256_start(&d);
        sha256_add(&d, path, (size_t)(base - path));
        sha256_end(&d, hex);
        buf_clear(&b);
        buf_printf(&b, "%.12s--", hex);
    }
    buf_put(&b, base, own);
    return buf_take(&b);
}

/* Names must differ, on file systems without case too. */
static const listed_file *named(const pick *p, const char *name) {
    for (size_t i = 0; i < p->n; i++)
        if (strcasecmp(p->names[i], name) == 0) return p->files[i];
    return NULL;
}

/* Files lie in one folder by their base names; one whose name is taken (by a pattern's other file: what a model is made of comes first) has its
 * folders in its name. */
static bool take(pick *p, const listed_file *f, err *e) {
    const char *base = repo_file_base(f->path);
    if (has(p, f)) return true;
    if (!pick_name_free(base))
        return err_set(e, ERR_FORMAT, "a file's name is not allowed: '%.200s'", f->path) || err_got(e, "a hidden name, or one that pingti uses itself");
    char *name = named(p, base) ? flat_name(f->path, strlen(f->path)) : mem_must_copy(base, strlen(base));
    const listed_file *other = named(p, name);
    if (other || !pick_name_free(name)) {
        free(name);
        return err_set(e, ERR_FORMAT, "two files would get the same name: '%.120s' and '%.120s'", (other ? other : named(p, base))->path, f->path) ||
               err_expected(e, "names that differ by more than case") || err_hint(e, "pull one of them by name: owner/name:FILE");
    }
    p->files = mem_must_grow(p->files, p->n + 1, sizeof *p->files);
    p->names = mem_must_grow(p->names, p->n + 1, sizeof *p->names);
    p->files[p->n] = f;
    p->names[p->n++] = name;
    return (mem_add(p->bytes, f->size, &p->bytes) && p->bytes <= INT64_MAX) || err_set(e, ERR_LIMIT, "the sizes that the hub states are beyond any disk");
}

typedef struct tally {
    size_t n;
    buf names;
} tally;

static void tally_add(tally *t, const char *path) {
    if (t->n++ < SHOWN_NAMES) buf_printf(&t->names, "%s%s", t->n > 1 ? ", " : "", path);
}

static void tally_say(tally *t, const char *why, buf *said) {
    if (t->n) buf_printf(said, "left out: %s: %s%s\n", why, buf_str(&t->names), t->n > SHOWN_NAMES ? ", ..." : "");
    buf_free(&t->names);
}

void pick_say_left_out(pick *p, const listing *l) {
    tally pickles = { 0 }, weights = { 0 }, others = { 0 };
    for (size_t i = 0; i < l->n; i++) {
        const listed_file *f = &l->files[i];
        if (has(p, f)) continue;
        tally_add(pick_is_pickle(f->path) ? &pickles : ends_with(f->path, ".gguf") || ends_with(f->path, ".safetensors") ? &weights : &others, f->path);
    }
    tally_say(&pickles, "may run code when loaded", &p->said);
    tally_say(&weights, "other weights", &p->said);
    tally_say(&others, "not needed", &p->said);
}

/* ---- GGUF ---- */

/* Length of what all parts of one GGUF share. */
static size_t gguf_stem(const char *path) {
    size_t stem;
    unsigned part, parts;
    return repo_file_shard(path, &stem, &part, &parts) ? stem : strlen(path) - strlen(".gguf");
}

static bool is_model_gguf(const char *path) {
    const char *base = repo_file_base(path);
    return ends_with(path, ".gguf") && strncasecmp(base, "mmproj", 6) != 0 && !strcasestr(base, "imatrix");
}

static bool same_gguf(const char *a, const char *b) { return gguf_stem(a) == gguf_stem(b) && strncmp(a, b, gguf_stem(a)) == 0; }

static bool first_of_its_kind(const listing *l, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (is_model_gguf(l->files[k].path) && same_gguf(l->files[k].path, l->files[i].path)) return false;
    return true;
}

/* The folder in the store: the repository's folders and the file's stem, "Q4_K_M--model", so that files of one name in several folders do not
 * take each other's place. */
static bool name_variant(pick *p, const char *path, size_t stem, err *e) {
    char *name = flat_name(path, stem);
    snprintf(p->variant, sizeof p->variant, "%s", name);
    free(name);
    if (path + stem > repo_file_base(path) && pick_name_free(p->variant)) return true;
    return err_set(e, ERR_FORMAT, "a file's name is not allowed: '%.200s'", path) || err_got(e, "a model without a name of its own, or with one that pingti uses itself");
}

/* The parts in order; all must be there. */
static bool take_gguf(pick *p, const listing *l, const char *path, err *e) {
    size_t stem = gguf_stem(path);
    unsigned part = 1, parts = 1;
    bool split = repo_file_shard(path, &stem, &part, &parts);
    p->kind = PICK_GGUF;
    if (!name_variant(p, path, stem, e)) return false;
    for (part = 1; part <= parts; part++) {
        char wanted[REPO_FILE_MAX + 32];
        const listed_file *f = NULL;
        if (split) snprintf(wanted, sizeof wanted, "%.*s-%05u-of-%05u.gguf", (int)stem, path, part, parts);
        else snprintf(wanted, sizeof wanted, "%s", path);
        for (size_t i = 0; i < l->n && !f; i++)
            if (strcasecmp(l->files[i].path, wanted) == 0 && same_gguf(l->files[i].path, path)) f = &l->files[i];
        if (!f)
            return err_set(e, ERR_FORMAT, "the repository lacks a part of this GGUF: '%.200s'", wanted) || err_expected(e, "%u parts", parts) ||
                   err_hint(e, "it may still be uploading: try later, or take another quantization");
        if (!take(p, f, e)) return false;
    }
    p->main = p->files[0];
    return true;
}

static void list_quants(const listing *l, buf *out) {
    char q[REPO_QUANT_MAX];
    for (size_t i = 0; i < l->n; i++) {
        const char *path = l->files[i].path;
        if (!is_model_gguf(path) || !first_of_its_kind(l, i)) continue;
        buf_printf(out, "%s%s", out->len ? ", " : "", repo_file_quant(path, q) ? q : repo_file_base(path));
    }
}

/* The GGUF of this quantization: NULL and an error unless there is exactly one. */
static const char *gguf_of_quant(const listing *l, const char *quant, err *e) {
    const char *found = NULL, *second = NULL;
    char q[REPO_QUANT_MAX];
    for (size_t i = 0; i < l->n; i++) {
        const char *path = l->files[i].path;
        if (!is_model_gguf(path) || !first_of_its_kind(l, i) || !repo_file_quant(path, q) || strcmp(q, quant) != 0) continue;
        if (!found) found = path;
        else second = path;
    }
    if (found && !second) return found;
    buf all = { 0 };
    list_quants(l, &all);
    if (second) {
        err_set(e, ERR_USAGE, "the repository has several GGUF files of %s: '%.100s', '%.100s'", quant, found, second);
        err_hint(e, "name one: owner/name:FILE");
    } else {
        err_set(e, ERR_USAGE, "the repository has no GGUF of quantization %s", quant);
        err_expected(e, "%s", all.len ? buf_str(&all) : "a repository with GGUF files");
        err_hint(e, "ask for another one: owner/name:QUANT");
    }
    buf_free(&all);
    return NULL;
}

/* No quantization asked for: the only one, or Q4_K_M, which is what most people take; and it is said. */
static bool choose_gguf(pick *p, const listing *l, err *e) {
    size_t n = 0;
    const char *only = NULL;
    for (size_t i = 0; i < l->n; i++) {
        if (!is_model_gguf(l->files[i].path) || !first_of_its_kind(l, i)) continue;
        only = l->files[i].path;
        n++;
    }
    if (n == 1) return take_gguf(p, l, only, e);
    buf all = { 0 };
    list_quants(l, &all);
    const char *usual = gguf_of_quant(l, "Q4_K_M", NULL);
    bool ok = usual && take_gguf(p, l, usual, e);
    if (ok) buf_printf(&p->said, "chosen: Q4_K_M of %s\n", buf_str(&all));
    else if (!usual) {
        err_set(e, ERR_USAGE, "the repository has %zu GGUF files, and none was asked for", n);
        err_expected(e, "%s", buf_str(&all));
        err_hint(e, "ask for one: owner/name:QUANT or owner/name:FILE");
    }
    buf_free(&all);
    return ok;
}

/* ---- a Hugging Face directory ---- */

static bool is_model_json(const char *base) {
    static const char *const names[] = { "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "chat_template.jinja",
        "chat_template.json", "quantize_config.json", "quant_config.json", "model.safetensors.index.json" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(base, names[i]) == 0) return true;
    return false;
}

/* "model.safetensors" and its shards; other names (consolidated..., adapters, other dtypes) are copies or something else. */
static bool is_model_weights(const char *path) { return strncmp(path, "model", 5) == 0 && ends_with(path, ".safetensors") && !strstr(path, ".fp32.") && !strstr(path, ".fp16."); }

static bool no_model(const listing *l, err *e) {
    bool pickles = false, weights = false;
    for (size_t i = 0; i < l->n; i++) {
        pickles |= pick_is_pickle(l->files[i].path);
        weights |= is_model_weights(l->files[i].path);
    }
    err_set(e, ERR_UNSUPPORTED, "the repository holds no model that pingti can read");
    err_expected(e, "a .gguf file, or config.json with model*.safetensors");
    if (weights) return err_got(e, "safetensors without a config.json");
    if (pickles) return err_got(e, "weights as pickles, which can run code when they are loaded") || err_hint(e, "look for a GGUF or safetensors version; --include '*.bin' takes pickles all the same");
    return err_got(e, "%zu files", l->n) || err_hint(e, "look for its GGUF version, often named ...-GGUF");
}

static bool choose_directory(pick *p, const listing *l, err *e) {
    bool config = false, weights = false;
    p->kind = PICK_DIRECTORY;
    snprintf(p->variant, sizeof p->variant, "safetensors");
    for (size_t i = 0; i < l->n; i++) {
        const listed_file *f = &l->files[i];
        if (strchr(f->path, '/') || !(is_model_json(f->path) || is_model_weights(f->path))) continue;
        config |= strcmp(f->path, "config.json") == 0;
        weights |= is_model_weights(f->path);
        if (!take(p, f, e)) return false;
    }
    return (config && weights) || no_model(l, e);
}

/* ---- one file, and patterns ---- */

static bool choose_file(pick *p, const listing *l, const char *path, err *e) {
    const listed_file *f = listing_find(l, path);
    if (!f) {
        buf all = { 0 };
        list_quants(l, &all);
        err_set(e, ERR_USAGE, "the repository has no file '%.200s'", path);
        if (all.len) err_hint(e, "its GGUF files: %s", buf_str(&all));
        buf_free(&all);
        return false;
    }
    if (ends_with(path, ".gguf")) return take_gguf(p, l, path, e);
    p->kind = PICK_FILE;
    p->main = f;
    return name_variant(p, path, strlen(path), e) && take(p, f, e);
}

static bool matches(const char *pattern, const char *path) {
    return fnmatch(pattern, path, FNM_NOESCAPE) == 0 || fnmatch(pattern, repo_file_base(path), FNM_NOESCAPE) == 0;
}

static bool take_included(pick *p, const listing *l, const char *const *include, size_t n, err *e) {
    for (size_t k = 0; k < n; k++) {
        size_t found = 0;
        for (size_t i = 0; i < l->n; i++) {
            if (!matches(include[k], l->files[i].path)) continue;
            if (pick_is_pickle(l->files[i].path)) buf_printf(&p->said, "careful: %s can run code when it is loaded; pingti never loads it\n", l->files[i].path);
            if (!take(p, &l->files[i], e)) return false;
            found++;
        }
        if (!found) return err_set(e, ERR_USAGE, "--include '%.100s' matches no file of the repository", include[k]);
    }
    return true;
}

bool pick_files(pick *p, const listing *l, const repo_name *name, const char *const *include, size_t n_include, err *e) {
    bool any_gguf = false;
    for (size_t i = 0; i < l->n; i++) any_gguf |= is_model_gguf(l->files[i].path);
    bool ok;
    const char *found = NULL;
    if (name->file[0]) ok = choose_file(p, l, name->file, e);
    else if (name->quant[0]) ok = (found = gguf_of_quant(l, name->quant, e)) && take_gguf(p, l, found, e);
    else ok = any_gguf ? choose_gguf(p, l, e) : choose_directory(p, l, e);
    return ok && take_included(p, l, include, n_include, e);
}

void pick_keep(pick *p, const listing *l, const char *path) {
    err why = { 0 };
    const listed_file *f = listing_find(l, path);
    if (f && has(p, f)) return;
    if (!f) buf_printf(&p->said, "gone from the hub, and from here with this pull: %s\n", path);
    else if (take(p, f, &why)) buf_printf(&p->said, "kept up to date, pulled earlier: %s\n", path);
    else buf_printf(&p->said, "not kept: %s\n", why.what);
}

void pick_free(pick *p) {
    for (size_t i = 0; i < p->n; i++) free(p->names[i]);
    free(p->names);
    free(p->files);
    buf_free(&p->said);
    *p = (pick){ 0 };
}
