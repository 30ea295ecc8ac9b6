#include "net/manifest.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/pick.h"
#include <string.h>

static bool need(const json_t *o, const char *key, const char **out, err *e) {
    *out = NULL;
    if (!js_str(o, key, out, e)) return false;
    return *out || err_set(e, ERR_FORMAT, "key '%s' is missing", key);
}

/* A file of the folder itself, and none of ours. */
static bool name_ok(const char *name, err *e) {
    if (!repo_file_check(name, e)) return false;
    return (!strchr(name, '/') && pick_name_free(name)) || err_set(e, ERR_FORMAT, "a file's name is not allowed: '%.200s'", name);
}

static bool read_file(manifest_file *f, const json_t *o, err *e) {
    const char *sha;
    int64_t size = -1;
    if (!need(o, "name", &f->name, e) || !need(o, "path", &f->path, e) || !need(o, "url", &f->url, e) || !need(o, "sha256", &sha, e)) return false;
    if (!js_int(o, "size", 0, INT64_MAX, &size, e)) return false;
    if (size < 0) return err_set(e, ERR_FORMAT, "key 'size' is missing");
    if (!listing_read_sha256(sha, f->sha256)) return err_set(e, ERR_FORMAT, "key 'sha256' is none");
    f->size = (uint64_t)size;
    return name_ok(f->name, e) && repo_file_check(f->path, e);
}

static bool read_files(manifest *m, err *e) {
    const json_t *list = js_get(m->doc, "files");
    m->n = json_array_size(list);
    if (m->n == 0 || m->n > MANIFEST_MAX_FILES) return err_set(e, ERR_FORMAT, "key 'files' is no list of 1 to %d files", MANIFEST_MAX_FILES);
    if (!(m->files = mem_array(m->n, sizeof *m->files, e))) return false;
    for (size_t i = 0; i < m->n; i++) {
        if (!read_file(&m->files[i], json_array_get(list, i), e)) return err_context(e, "file %zu", i);
        if (!mem_add(m->bytes, m->files[i].size, &m->bytes)) return err_set(e, ERR_LIMIT, "the sizes overflow");
    }
    return !*m->main || manifest_find(m, m->main) || err_set(e, ERR_FORMAT, "key 'main' names none of the files");
}

bool manifest_parse(manifest *m, const char *json, size_t n, const char *where, err *e) {
    *m = (manifest){ .doc = js_parse(json, n, where, e) };
    if (!m->doc) return false;
    const json_t *d = m->doc;
    bool ok = need(d, "name", &m->asked, e) && need(d, "hub", &m->hub, e) && need(d, "endpoint", &m->endpoint, e) && need(d, "owner", &m->owner, e) &&
              need(d, "repository", &m->repo, e) && need(d, "revision", &m->revision, e) && need(d, "commit", &m->commit, e) && need(d, "date", &m->date, e) &&
              need(d, "main", &m->main, e) && read_files(m, e);
    if (ok) return true;
    manifest_free(m);
    err_where(e, "%s", where);
    return err_hint(e, "remove the folder, and pull the model again");
}

bool manifest_read(manifest *m, const char *path, err *e) {
    size_t n = 0;
    char *text = file_read(path, MANIFEST_MAX_BYTES, &n, e);
    bool ok = text && manifest_parse(m, text, n, path, e);
    free(text);
    return ok;
}

void manifest_free(manifest *m) {
    json_decref(m->doc);
    free(m->files);
    *m = (manifest){ 0 };
}

const manifest_file *manifest_find(const manifest *m, const char *name) {
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->files[i].name, name) == 0) return &m->files[i];
    return NULL;
}

const char *manifest_main_path(const manifest *m) { return *m->main ? manifest_find(m, m->main)->path : ""; }

json_t *manifest_make(const manifest *m) {
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:[]}", "name", m->asked, "hub", m->hub, "endpoint", m->endpoint, "owner", m->owner, "repository", m->repo,
                     "revision", m->revision, "commit", m->commit, "date", m->date, "main", m->main, "files");
}

bool manifest_add(json_t *doc, const char *name, const char *path, const char *url, uint64_t size, const char *sha256) {
    json_t *f = json_pack("{s:s, s:s, s:s, s:I, s:s}", "name", name, "path", path, "url", url, "size", (json_int_t)size, "sha256", sha256);
    return f && json_array_append_new(json_object_get(doc, "files"), f) == 0;
}
