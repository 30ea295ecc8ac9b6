#include "net/listing.h"
#include "base/json.h"
#include "base/mem.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { MODELSCOPE_CUT = 3000 };

bool listing_read_sha256(const char *text, char out[SHA256_HEX]) {
    size_t n = strlen(text), quoted = n == 66 && text[0] == '"' && text[65] == '"';
    if (n - 2 * quoted != 64) return false;
    for (size_t i = 0; i < 64; i++) {
        if (!isxdigit((unsigned char)text[i + quoted])) return false;
        out[i] = (char)tolower((unsigned char)text[i + quoted]);
    }
    out[64] = 0;
    return true;
}

static bool add_file(listing *l, const char *path, int64_t size, const char *sha256, err *e) {
    if (!path || size < 0)
        return err_set(e, ERR_FORMAT, "the hub's list has a file without %s", path ? "a size" : "a name") || err_hint(e, "is the address really a hub's?");
    if (!repo_file_check(path, e)) return false;
    if (l->n == LISTING_MAX_FILES) return err_set(e, ERR_LIMIT, "the repository has too many files") || err_expected(e, "at most %d", LISTING_MAX_FILES);
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 64;
        l->files = mem_must_grow(l->files, l->cap, sizeof *l->files);
    }
    listed_file *f = &l->files[l->n];
    *f = (listed_file){ .size = (uint64_t)size };
    if (*sha256 && !listing_read_sha256(sha256, f->sha256))
        return err_set(e, ERR_FORMAT, "the hub's SHA-256 of '%.200s' is none", path) || err_expected(e, "64 hexadecimal digits") || err_got(e, "'%.80s'", sha256);
    f->path = mem_must_copy(path, strlen(path));
    l->n++;
    return true;
}

static bool add_tree_entry(listing *l, const json_t *item, err *e) {
    const char *type = "", *path = NULL, *oid = "";
    int64_t size = -1;
    const json_t *lfs = js_get(item, "lfs");
    if (!js_str(item, "type", &type, e)) return false;
    if (strcmp(type, "file") != 0) return true;
    return js_str(item, "path", &path, e) && js_int(item, "size", 0, INT64_MAX, &size, e) &&
           (!lfs || (js_str(lfs, "oid", &oid, e) && js_int(lfs, "size", 0, INT64_MAX, &size, e))) && add_file(l, path, size, oid, e);
}

static bool add_blob(listing *l, const json_t *item, err *e) {
    const char *type = "", *path = NULL, *sha = "";
    int64_t size = -1;
    if (!js_str(item, "Type", &type, e)) return false;
    if (strcmp(type, "blob") != 0) return true;
    return js_str(item, "Path", &path, e) && js_int(item, "Size", 0, INT64_MAX, &size, e) && js_str(item, "Sha256", &sha, e) && add_file(l, path, size, sha, e);
}

static bool add_all(listing *l, const json_t *list, const char *where, bool (*add)(listing *, const json_t *, err *), err *e) {
    if (!json_is_array(list))
        return err_set(e, ERR_FORMAT, "%s is no list of files", where) || err_hint(e, "is the address really a hub's?");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!add(l, json_array_get(list, i), e)) return err_where(e, "%s, entry %zu", where, i);
    return true;
}

bool listing_add_huggingface(listing *l, const char *json, size_t n, err *e) {
    json_t *doc = js_parse(json, n, "the hub's list of files", e);
    bool ok = doc && add_all(l, doc, "the hub's list of files", add_tree_entry, e);
    json_decref(doc);
    return ok;
}

bool listing_add_modelscope(listing *l, const char *json, size_t n, err *e) {
    json_t *doc = js_parse(json, n, "the hub's list of files", e);
    const json_t *files = doc ? js_get(js_get(doc, "Data"), "Files") : NULL;
    bool ok = doc && add_all(l, files, "the hub's list of files", add_blob, e);
    if (ok && json_array_size(files) >= MODELSCOPE_CUT)
        ok = err_set(e, ERR_LIMIT, "the repository has too many files: ModelScope's list ends at %d in silence", MODELSCOPE_CUT) ||
             err_hint(e, "pull it from Hugging Face (--hub hf)");
    json_decref(doc);
    return ok;
}

void listing_free(listing *l) {
    for (size_t i = 0; i < l->n; i++) free(l->files[i].path);
    free(l->files);
    *l = (listing){ 0 };
}

const listed_file *listing_find(const listing *l, const char *path) {
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->files[i].path, path) == 0) return &l->files[i];
    return NULL;
}

bool listing_read_commit(const char *json, size_t n, char commit[SHA256_HEX], err *e) {
    json_t *doc = js_parse(json, n, "the hub's answer about the revision", e);
    const char *sha = "";
    bool ok = doc && js_str(doc, "sha", &sha, e);
    size_t len = strspn(sha, "0123456789abcdef");
    if (ok && (sha[len] || len < 7 || len >= SHA256_HEX))
        ok = err_set(e, ERR_FORMAT, "the hub names no commit for the revision") || err_got(e, "'%.80s'", sha) || err_hint(e, "is the address really a hub's?");
    if (ok) memcpy(commit, sha, len + 1);
    json_decref(doc);
    return ok;
}

/* RFC 8288: <address>; rel="next", <address>; rel=... */
bool listing_next_page(const char *link, char *out, size_t cap) {
    for (const char *p = link; (p = strchr(p, '<'));) {
        const char *end = strchr(++p, '>');
        if (!end) return false;
        size_t rest = strcspn(end, ",<");
        const char *rel = strstr(end, "rel=");
        if (rel && rel < end + rest) {
            rel += 4;
            rel += *rel == '"';
            if (strncmp(rel, "next", 4) == 0 && !isalnum((unsigned char)rel[4]) && end > p && (size_t)(end - p) < cap) {
                memcpy(out, p, (size_t)(end - p));
                out[end - p] = 0;
                return true;
            }
        }
        p = end;
    }
    return false;
}
