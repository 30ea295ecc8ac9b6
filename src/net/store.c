#include "net/store.h"
#include "base/file.h"
#include "base/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static bool refused(err *e, const char *doing, const char *path) {
    int why = errno;
    err_set(e, ERR_IO, "cannot %s '%s'", doing, path);
    err_got(e, "%s", why == ELOOP || why == ENOTDIR ? "a symbolic link, or no folder" : strerror(why));
    return err_hint(e, "check the models' folder (PINGTI_MODELS names another)");
}

static char *joined(const char *a, const char *b, const char *tail) {
    buf out = { 0 };
    buf_printf(&out, "%s/%s%s", a, b, tail);
    return buf_take(&out);
}

static bool ends_with(const char *s, const char *tail) {
    size_t n = strlen(s), k = strlen(tail);
    return n >= k && strcmp(s + n - k, tail) == 0;
}

/* ---- reading ---- */

static void add_stored(store_list *l, char *dir) {
    l->items = mem_must_grow(l->items, l->n + 1, sizeof *l->items);
    stored *s = &l->items[l->n++];
    *s = (stored){ .dir = dir };
    char *path = file_join(dir, MANIFEST_NAME);
    manifest_read(&s->m, path, &s->trouble);
    free(path);
}

/* Folders below dir; at `depth` 0 they are models. Links are not followed: a model's folder is a folder. */
static void walk(store_list *l, const char *dir, int depth) {
    DIR *d = opendir(dir);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        struct stat st;
        if (entry->d_name[0] == '.' || ends_with(entry->d_name, ".part") || ends_with(entry->d_name, ".old")) continue;
        char *path = file_join(dir, entry->d_name);
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            if (depth > 0) walk(l, path, depth - 1);
            else {
                add_stored(l, path);
                continue;
            }
        }
        free(path);
    }
    if (d) closedir(d);
}

static int by_dir(const void *a, const void *b) { return strcmp(((const stored *)a)->dir, ((const stored *)b)->dir); }

bool store_read(const char *root, store_list *out, err *e) {
    *out = (store_list){ 0 };
    if (!file_exists(root)) return true;
    errno = ENOTDIR;
    if (!file_is_dir(root) || access(root, R_OK | X_OK) != 0) return refused(e, "read", root);
    walk(out, root, 3);
    if (out->n) qsort(out->items, out->n, sizeof *out->items, by_dir);
    return true;
}

void store_list_free(store_list *l) {
    for (size_t i = 0; i < l->n; i++) {
        free(l->items[i].dir);
        manifest_free(&l->items[i].m);
    }
    free(l->items);
    *l = (store_list){ 0 };
}

char *store_path(const stored *s) { return s->m.doc && *s->m.main ? file_join(s->dir, s->m.main) : mem_must_copy(s->dir, strlen(s->dir)); }


/* A GGUF is meant by its quantization or by any of its files; a folder by the repository alone. */
static bool means(const repo_name *n, const manifest *m) {
    char quant[REPO_QUANT_MAX];
    if (strcasecmp(n->owner, m->owner) != 0 || strcasecmp(n->name, m->repo) != 0) return false;
    if (n->file[0]) {
        for (size_t i = 0; i < m->n; i++)
            if (strcmp(m->files[i].path, n->file) == 0 || strcmp(m->files[i].name, n->file) == 0) return *m->main != 0;
        return false;
    }
    return !n->quant[0] || (repo_file_quant(manifest_main_path(m), quant) && strcmp(quant, n->quant) == 0);
}

char *store_name(const store_list *l, const stored *s) {
    const manifest *m = &s->m;
    repo_name n;
    size_t count = 0;
    char quant[REPO_QUANT_MAX];
    bool by_quant = repo_file_quant(manifest_main_path(m), quant);
    buf b = { 0 };
    buf_printf(&b, "%s/%s%s%s", m->owner, m->repo, by_quant ? ":" : "", by_quant ? quant : "");
    if (by_quant && repo_name_parse(buf_str(&b), &n, NULL))
        for (size_t i = 0; i < l->n; i++) count += l->items[i].m.doc && means(&n, &l->items[i].m);
    if (*m->main && count != 1) {
        buf_clear(&b);
        buf_printf(&b, "%s/%s:%s", m->owner, m->repo, manifest_main_path(m));
    }
    return buf_take(&b);
}

static bool several(const store_list *l, const char *name, const bool *fits, err *e) {
    buf b = { 0 };
    for (size_t i = 0; i < l->n; i++) {
        if (!fits[i]) continue;
        char *path = store_path(&l->items[i]);
        buf_printf(&b, "%s%s", b.len ? ", " : "", path);
        free(path);
    }
    err_set(e, ERR_USAGE, "'%.100s' means several pulled models", name);
    err_got(e, "%s", buf_str(&b));
    buf_free(&b);
    return err_hint(e, "give the quantization after a colon, or the path; `pingti models list` shows them");
}

bool store_find(const store_list *l, const char *name, const stored **found, err *e) {
    repo_name n;
    bool named = repo_name_parse(name, &n, NULL);
    size_t count = 0, exact = 0;
    bool *fits = mem_must(l->n + 1, sizeof *fits);
    *found = NULL;
    for (size_t i = 0; i < l->n; i++) {
        const manifest *m = &l->items[i].m;
        if (!m->doc) continue;
        bool same = strcasecmp(m->asked, name) == 0;
        if (same && !exact) memset(fits, 0, l->n), count = 0; /* the name it was pulled by goes before what else fits */
        exact += same;
        fits[i] = same || (!exact && named && means(&n, m));
        if (fits[i]) *found = &l->items[i];
        count += fits[i];
    }
    bool ok = count <= 1 || several(l, name, fits, e);
    free(fits);
    return ok;
}

/* ---- one model's place ---- */

/* Every folder of the path; those below root must be folders, not links to others. */
static bool make_folders(char *path, size_t root_len, err *e) {
    struct stat st;
    for (char *p = path + 1;; p++) {
        if (*p && *p != '/') continue;
        char kept = *p;
        *p = 0;
        bool ok = mkdir(path, 0755) == 0 || errno == EEXIST;
        if (ok && (size_t)(p - path) > root_len && (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))) {
            errno = ENOTDIR;
            ok = false;
        }
        if (!ok) refused(e, "make the folder", path);
        *p = kept;
        if (!ok || !kept) return ok;
    }
}

/* A lock file is removed by its holder; one that was removed in between is not the one that others lock. */
static bool take_lock(store_slot *s, err *e) {
    struct stat mine, there;
    for (;;) {
        s->lock = open(s->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (s->lock < 0) return refused(e, "open", s->lock_path);
        if (flock(s->lock, LOCK_EX | LOCK_NB) != 0) {
            bool busy = errno == EWOULDBLOCK;
            close(s->lock);
            s->lock = -1;
            if (!busy) return refused(e, "lock", s->lock_path);
            return err_set(e, ERR_IO, "another pingti is pulling or removing this model") || err_where(e, "%s", s->lock_path) || err_hint(e, "wait for it, or end it");
        }
        if (fstat(s->lock, &mine) == 0 && stat(s->lock_path, &there) == 0 && mine.st_ino == there.st_ino && mine.st_dev == there.st_dev) return true;
        close(s->lock);
    }
}

static bool take_slot(store_slot *s, char *dir, err *e) {
    const char *base = repo_file_base(dir);
    *s = (store_slot){ .lock = -1, .dir = dir, .parent = mem_must_copy(dir, (size_t)(base - 1 - dir)) };
    s->staging = joined(s->parent, base, ".part");
    s->lock_path = joined(s->parent, base, ".lock");
    return take_lock(s, e);
}

void store_variant(const char *root, const char *hub, const repo_name *name, const pick *p, char variant[PICK_VARIANT_MAX]) {
    store_list all = { 0 };
    buf repository = { 0 };
    struct stat st;
    snprintf(variant, PICK_VARIANT_MAX, "%s", p->variant);
    buf_printf(&repository, "%s/%s/%s/%s", root, hub, name->owner, name->name);
    if (p->main && lstat(repository.data, &st) == 0 && S_ISDIR(st.st_mode)) walk(&all, repository.data, 0);
    for (size_t i = 0; i < all.n; i++)
        if (all.items[i].m.doc && strcmp(manifest_main_path(&all.items[i].m), p->main->path) == 0) snprintf(variant, PICK_VARIANT_MAX, "%s", repo_file_base(all.items[i].dir));
    store_list_free(&all);
    buf_free(&repository);
}

bool store_begin(store_slot *s, const char *root, const char *hub, const repo_name *name, const char *variant, err *e) {
    struct stat st;
    buf parent = { 0 };
    buf_printf(&parent, "%s/%s/%s/%s", root, hub, name->owner, name->name);
    *s = (store_slot){ .lock = -1 };
    bool ok = make_folders(parent.data, strlen(root), e) && take_slot(s, joined(parent.data, variant, ""), e);
    buf_free(&parent);
    if (ok && mkdir(s->staging, 0755) != 0 && errno != EEXIST) ok = refused(e, "make the folder", s->staging);
    if (ok && (lstat(s->staging, &st) != 0 || !S_ISDIR(st.st_mode))) {
        errno = ENOTDIR;
        ok = refused(e, "use", s->staging);
    }
    if (!ok) store_end(s);
    return ok;
}

static void remove_folder(const char *dir);

void store_end(store_slot *s) {
    if (s->lock >= 0) { /* without it the folder is another process's, which may just have made it */
        rmdir(s->staging); /* only when nothing came */
        unlink(s->lock_path);
        close(s->lock);
    }
    if (s->parent) { /* likewise folders that a refused pull made: repository, owner */
        char *slash = rmdir(s->parent) == 0 ? strrchr(s->parent, '/') : NULL;
        if (slash) *slash = 0, rmdir(s->parent);
    }
    free(s->parent);
    free(s->dir);
    free(s->staging);
    free(s->lock_path);
    *s = (store_slot){ .lock = -1 };
}

/* Files of a folder that are not in the manifest (NULL: all of them). Folders in it stay, and with them the folder. */
static void remove_others(const char *dir, const json_t *manifest) {
    DIR *d = opendir(dir);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        bool named = false;
        size_t i;
        json_t *f;
        json_array_foreach(json_object_get(manifest, "files"), i, f) named |= strcmp(json_string_value(json_object_get(f, "name")), entry->d_name) == 0;
        if (!named) unlinkat(dirfd(d), entry->d_name, 0);
    }
    if (d) closedir(d);
}

static void remove_folder(const char *dir) {
    remove_others(dir, NULL);
    rmdir(dir);
}

static bool sync_path(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    return ok;
}

static bool write_manifest(const char *dir, const json_t *manifest) {
    char *path = file_join(dir, MANIFEST_NAME);
    bool ok = json_dump_file(manifest, path, JSON_INDENT(2)) == 0 && sync_path(path) && sync_path(dir);
    free(path);
    return ok;
}

/* The new folder takes the old one's name at once, where the file system can exchange two names. */
static bool replace(store_slot *s) {
    if (!file_exists(s->dir)) return rename(s->staging, s->dir) == 0;
    if (renameat2(AT_FDCWD, s->staging, AT_FDCWD, s->dir, RENAME_EXCHANGE) == 0) {
        remove_folder(s->staging);
        return true;
    }
    char *old = joined(s->parent, repo_file_base(s->dir), ".old");
    remove_folder(old);
    bool ok = rename(s->dir, old) == 0;
    if (ok && rename(s->staging, s->dir) != 0) {
        int why = errno;
        rename(old, s->dir); /* the model that was here stays */
        errno = why;
        ok = false;
    }
    if (ok) remove_folder(old);
    free(old);
    return ok;
}

bool store_commit(store_slot *s, const json_t *manifest, err *e) {
    remove_others(s->staging, manifest);
    if (!write_manifest(s->staging, manifest)) return refused(e, "write the manifest into", s->staging);
    if (!replace(s) || !sync_path(s->parent)) return refused(e, "put in place", s->dir);
    return true;
}

bool store_remove(const stored *s, err *e) {
    store_slot slot;
    if (!take_slot(&slot, mem_must_copy(s->dir, strlen(s->dir)), e)) return store_end(&slot), false;
    remove_folder(slot.staging); /* of an update that was not finished */
    /* once renamed it is no model any more, whatever happens next */
    bool ok = rename(slot.dir, slot.staging) == 0 || refused(e, "remove", slot.dir);
    for (size_t i = 0; ok && i < s->m.n; i++) {
        char *path = file_join(slot.staging, s->m.files[i].name);
        ok = unlink(path) == 0 || errno == ENOENT || refused(e, "delete", path);
        free(path);
    }
    char *manifest = file_join(slot.staging, MANIFEST_NAME);
    if (ok) unlink(manifest);
    free(manifest);
    if (ok && rmdir(slot.staging) != 0)
        ok = err_set(e, ERR_IO, "the model is removed; files that pingti did not put there are left") || err_where(e, "%s", slot.staging);
    store_end(&slot);
    return ok;
}

/* ---- room ---- */

bool store_room(const char *path, uint64_t *bytes, err *e) {
    struct statvfs v;
    char *at = mem_must_copy(path, strlen(path));
    while (statvfs(at, &v) != 0) {
        char *slash = strrchr(at, '/');
        if (errno != ENOENT || strcmp(at, "/") == 0 || strcmp(at, ".") == 0) {
            refused(e, "see the free space of", at);
            free(at);
            return false;
        }
        if (slash) slash[slash == at] = 0;
        else strcpy(at, ".");
    }
    free(at);
    if (!mem_mul(v.f_bavail, v.f_frsize, bytes)) *bytes = UINT64_MAX;
    return true;
}

uint64_t store_held(const char *path) {
    struct stat st;
    buf b = { 0 };
    uint64_t held = 0;
    buf_puts(&b, path);
    if (lstat(b.data, &st) == 0 && S_ISREG(st.st_mode)) held += (uint64_t)st.st_blocks * 512;
    buf_puts(&b, ".part");
    if (lstat(b.data, &st) == 0 && S_ISREG(st.st_mode)) held += (uint64_t)st.st_blocks * 512;
    buf_free(&b);
    return held;
}
