#include "format/gguf.h"
#include "base/mem.h"
#include "format/gguf_bytes.h"
#include "format/gguf_impl.h"
#include "format/gguf_types.h"
#include <stdio.h>
#include <string.h>

static gguf *gguf_new(bool allow_unknown_types, size_t n_parts, err *e) {
    gguf_part *parts = mem_array(n_parts, sizeof *parts, e);
    if (!parts) return NULL;
    gguf *g = mem_must(1, sizeof *g);
    g->parts = parts;
    g->n_parts = n_parts;
    g->names = arena_new(GGUF_NAMES_BUDGET);
    g->allow_unknown_types = allow_unknown_types;
    return g;
}

static void part_close(gguf_part *p) {
    file_map_close(&p->map);
    map_free(p->keys);
    free(p->kvs);
    free(p->name);
    *p = (gguf_part){ 0 };
}

void gguf_close(gguf *g) {
    if (!g) return;
    for (size_t i = 0; i < g->n_parts; i++) part_close(&g->parts[i]);
    free(g->parts);
    tensor_set_free(&g->tensors);
    free(g->type_ids);
    arena_free(g->names);
    free(g);
}

static bool part_open(gguf *g, gguf_part *p, const char *path, err *e) {
    if (!file_map_open(&p->map, path, e)) return false;
    p->data = p->map.data;
    p->size = p->map.size;
    p->name = mem_must_copy(path, strlen(path));
    return gguf_read_part(g, p, e);
}

/* "x-00002-of-00003.gguf" -> 2, 3 and the length of "x"; false when the name is not of that form. */
static bool split_name(const char *path, unsigned *no, unsigned *count, size_t *prefix) {
    const size_t tail = strlen("-00001-of-00001.gguf");
    size_t n = strlen(path);
    int end = 0;
    if (n <= tail) return false;
    const char *at = path + n - tail;
    for (size_t i = 0; i < 5; i++)
        if (at[1 + i] < '0' || at[1 + i] > '9' || at[10 + i] < '0' || at[10 + i] > '9') return false;
    if (sscanf(at, "-%5u-of-%5u.gguf%n", no, count, &end) != 2 || (size_t)end != tail) return false;
    *prefix = n - tail;
    return *no >= 1 && *no <= *count;
}

/* What a part says of itself: its number (from 0) and of how many; 0 and 1 for a file that is not split. */
static bool split_keys(const gguf_part *p, int64_t *no, int64_t *count, err *e) {
    *no = 0;
    *count = 1;
    if (!gguf_part_int(p, "split.count", 0, GGUF_MAX_PARTS, count, e) || !gguf_part_int(p, "split.no", 0, GGUF_MAX_PARTS, no, e)) return false;
    if (*count == 0) *count = 1;
    if (*no < *count) return true;
    return err_set(e, ERR_FORMAT, "split.no is not below split.count") || err_where(e, "%s", p->name) ||
           err_got(e, "part %lld of %lld", (long long)*no, (long long)*count) || err_hint(e, "fetch the file again");
}

static bool check_total(const gguf *g, err *e) {
    int64_t total = (int64_t)g->tensors.n;
    if (!gguf_part_int(&g->parts[0], "split.tensors.count", 0, INT32_MAX, &total, e)) return false;
    if (total == (int64_t)g->tensors.n) return true;
    return err_set(e, ERR_FORMAT, "the parts together do not hold the tensors that the first one announces") ||
           err_where(e, "%s", g->parts[0].name) || err_expected(e, "%lld tensors (split.tensors.count)", (long long)total) ||
           err_got(e, "%zu tensors", g->tensors.n) || err_hint(e, "the parts are of different models or versions: fetch all of them again");
}

static bool open_one_of(gguf *g, size_t i, const char *prefix, err *e) {
    char tail[64];
    int64_t no = 0, count = 1;
    snprintf(tail, sizeof tail, "-%05zu-of-%05zu.gguf", i + 1, g->n_parts);
    size_t cap = strlen(prefix) + sizeof tail;
    char *path = mem_must(cap, 1);
    snprintf(path, cap, "%s%s", prefix, tail);
    bool ok = part_open(g, &g->parts[i], path, e);
    if (!ok) {
        err_context(e, "part %zu of %zu", i + 1, g->n_parts);
        if (e && e->code == ERR_IO) err_hint(e, "all %zu parts of the model must lie in one folder under their names: fetch the missing one", g->n_parts);
    } else if ((ok = split_keys(&g->parts[i], &no, &count, e)) && ((size_t)no != i || (size_t)count != g->n_parts)) {
        ok = err_set(e, ERR_FORMAT, "a part of the model does not have the number that its name says") || err_where(e, "%s", path) ||
             err_expected(e, "split.no %zu of %zu", i, g->n_parts) || err_got(e, "split.no %lld of %lld", (long long)no, (long long)count) ||
             err_hint(e, "do not rename parts: fetch them again");
    }
    free(path);
    return ok;
}

static gguf *open_parts(const char *path, size_t prefix_len, size_t n, bool allow_unknown_types, err *e) {
    gguf *g = gguf_new(allow_unknown_types, n, e);
    if (!g) return NULL;
    char *prefix = mem_must_copy(path, prefix_len);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) ok = open_one_of(g, i, prefix, e);
    free(prefix);
    if (ok && check_total(g, e) && gguf_check_vocab(g, e)) return g;
    gguf_close(g);
    return NULL;
}

static bool lone_part(const gguf_part *p, int64_t count, err *e) {
    return err_set(e, ERR_FORMAT, "'%s' is one of %lld parts of a model, but its name does not say which", p->name, (long long)count) ||
           err_expected(e, "a name ending in -00001-of-%05lld.gguf", (long long)count) ||
           err_hint(e, "give all parts their original names in one folder, then open the first");
}

gguf *gguf_open(const char *path, bool allow_unknown_types, err *e) {
    unsigned named_no = 0, named_count = 0;
    size_t prefix = 0;
    int64_t no = 0, count = 1;
    gguf *g = gguf_new(allow_unknown_types, 1, e);
    if (!g || !part_open(g, &g->parts[0], path, e) || !split_keys(&g->parts[0], &no, &count, e)) goto fail;
    if (count > 1) {
        bool ok = split_name(path, &named_no, &named_count, &prefix) && named_count == (unsigned)count;
        if (!ok) {
            lone_part(&g->parts[0], count, e);
            goto fail;
        }
        gguf_close(g);
        return open_parts(path, prefix, (size_t)count, allow_unknown_types, e);
    }
    if (gguf_check_vocab(g, e)) return g;
fail:
    gguf_close(g);
    return NULL;
}

gguf *gguf_from_bytes(const void *data, size_t size, const char *name, bool allow_unknown_types, err *e) {
    int64_t no = 0, count = 1;
    gguf *g = gguf_new(allow_unknown_types, 1, e);
    if (!g) return NULL;
    gguf_part *p = &g->parts[0];
    p->data = data;
    p->size = size;
    p->name = mem_must_copy(name, strlen(name));
    if (gguf_read_part(g, p, e) && split_keys(p, &no, &count, e) && (count == 1 || lone_part(p, count, e)) && gguf_check_vocab(g, e)) return g;
    gguf_close(g);
    return NULL;
}

uint32_t gguf_version(const gguf *g) { return g->parts[0].version; }
const tensor_set *gguf_tensors(const gguf *g) { return &g->tensors; }
size_t gguf_n_parts(const gguf *g) { return g->n_parts; }
const char *gguf_part_path(const gguf *g, size_t i) { return g->parts[i].map.path; }

uint64_t gguf_file_bytes(const gguf *g) {
    uint64_t sum = 0;
    for (size_t i = 0; i < g->n_parts; i++) sum += g->parts[i].size;
    return sum;
}

const char *gguf_tensor_type_name(const gguf *g, size_t i) {
    const gguf_tensor_type *type = i < g->tensors.n ? gguf_type_of(g->type_ids[i]) : NULL;
    return type ? type->name : "?";
}
