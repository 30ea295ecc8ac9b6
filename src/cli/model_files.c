#include "cli/model_files.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/term.h"
#include "infer/receipt.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { KEPT_LIMIT = 1 << 20, KEPT_LINES = 1000, SETTLED_SECONDS = 10 };

/* ---- which files ---- */

static void add_file(model_files *f, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    f->items = mem_must_grow(f->items, f->n + 1, sizeof *f->items);
    f->items[f->n++] = (model_file){ .path = mem_must_copy(path, strlen(path)), .name = mem_must_copy(name, strlen(name)) };
}

static bool of_a_model(const char *name) {
    static const char *const ends[] = { ".json", ".safetensors", ".model", ".jinja", ".txt" };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strlen(name) > strlen(ends[i]) && strcmp(name + strlen(name) - strlen(ends[i]), ends[i]) == 0) return true;
    return false;
}

static int by_name(const void *a, const void *b) { return strcmp(((const model_file *)a)->name, ((const model_file *)b)->name); }

static bool list_dir(model_files *f, const char *path, err *e) {
    DIR *d = opendir(path);
    if (!d) return err_set(e, ERR_IO, "cannot list the model's files") || err_where(e, "%s", path);
    for (struct dirent *entry; (entry = readdir(d));) {
        struct stat st;
        char *file = file_join(path, entry->d_name);
        if (entry->d_name[0] != '.' && of_a_model(entry->d_name) && stat(file, &st) == 0 && S_ISREG(st.st_mode)) add_file(f, file);
        free(file);
    }
    closedir(d);
    return true;
}

/* ---- kept digests: lines of "device inode size mtime.ns ctime.ns digest" ---- */

static char *kept_path(void) {
    char *dir = cli_xdg_dir("XDG_CACHE_HOME", ".cache"), *path = dir ? file_join(dir, "digests") : NULL;
    free(dir);
    return path;
}

static bool key_of(const char *path, char *key, size_t cap) {
    struct stat st;
    if (stat(path, &st) != 0) return false;
    snprintf(key, cap, "%llx %llx %llx %llx.%lx %llx.%lx ", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino, (unsigned long long)st.st_size,
             (unsigned long long)st.st_mtim.tv_sec, (unsigned long)st.st_mtim.tv_nsec, (unsigned long long)st.st_ctim.tv_sec, (unsigned long)st.st_ctim.tv_nsec);
    /* one written a moment ago could be written again within the same tick of the file system's clock */
    return st.st_ctim.tv_sec + SETTLED_SECONDS < time(NULL);
}

static bool find_kept(const char *kept, const char *key, digest *out) {
    const char *line = kept ? strstr(kept, key) : NULL;
    if (!line || (line != kept && line[-1] != '\n')) return false;
    line += strlen(key);
    size_t n = strcspn(line, "\n");
    if (n >= sizeof out->text) return false;
    memcpy(out->text, line, n);
    out->text[n] = 0;
    return digest_valid(out->text);
}

static void make_folder_of(const char *path) {
    char *dir = mem_must_copy(path, strlen(path)), *slash = strrchr(dir, '/');
    *slash = 0;
    if ((slash = strrchr(dir, '/')) && slash != dir) { /* ~/.cache, then ~/.cache/pingti */
        *slash = 0;
        mkdir(dir, 0700);
        *slash = '/';
    }
    mkdir(dir, 0700);
    free(dir);
}

/* The newest first, whole or not at all; a cache that cannot be written is no error. */
static void keep(const char *path, const char *old, const buf *fresh) {
    buf all = { 0 };
    size_t lines = 0;
    buf_put(&all, buf_str(fresh), fresh->len);
    for (const char *at = old ? old : ""; *at && lines < KEPT_LINES; lines++) {
        size_t n = strcspn(at, "\n") + 1;
        if (at[n - 1] != '\n') break;
        buf_put(&all, at, n);
        at += n;
    }
    buf part = { 0 };
    make_folder_of(path);
    buf_printf(&part, "%s.%ld", path, (long)getpid());
    int fd = open(buf_str(&part), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        bool whole = write(fd, buf_str(&all), all.len) == (ssize_t)all.len;
        if (close(fd) != 0 || !whole || rename(buf_str(&part), path) != 0) unlink(buf_str(&part));
    }
    buf_free(&part);
    buf_free(&all);
}

/* ---- reading ---- */

typedef struct reading {
    progress shown;
    uint64_t before; /* bytes of the files that are done */
} reading;

static bool more(void *ctx, uint64_t done) {
    reading *r = ctx;
    progress_step(&r->shown, (double)(r->before + done) / 1048576);
    return !interrupt_seen();
}

static bool digest_all(model_files *f, const char *kept, buf *fresh, reading *r, err *e) {
    for (size_t i = 0; i < f->n; i++) {
        model_file *m = &f->items[i];
        char key[160], after[160];
        bool settled = key_of(m->path, key, sizeof key);
        struct stat st;
        m->remembered = settled && find_kept(kept, key, &m->digest) && stat(m->path, &st) == 0;
        if (m->remembered) m->bytes = (uint64_t)st.st_size;
        else if (!digest_file(m->path, more, r, &m->digest, &m->bytes, e)) return false;
        else if (settled && key_of(m->path, after, sizeof after) && strcmp(key, after) == 0) buf_printf(fresh, "%s%s\n", key, m->digest.text);
        r->before += m->bytes;
    }
    return true;
}

static digest digest_of_list(const model_files *f) {
    digest_state s;
    digest_begin(&s);
    for (size_t i = 0; i < f->n; i++) receipt_digest_file(&s, f->items[i].name, f->items[i].digest.text);
    return digest_end(&s);
}

bool model_files_digest(model_files *f, const model_source *s, bool remember, bool quiet, err *e) {
    *f = (model_files){ 0 };
    for (size_t i = 0; s->gguf && i < gguf_n_parts(s->gguf); i++) add_file(f, gguf_part_path(s->gguf, i));
    if (!s->gguf && !list_dir(f, s->path, e)) return model_files_free(f), false;
    if (f->n) qsort(f->items, f->n, sizeof *f->items, by_name);
    char *path = kept_path(), *kept = NULL;
    size_t n;
    err ignored;
    buf fresh = { 0 };
    reading r = { .shown = { .quiet = quiet } };
    if (path && file_exists(path)) kept = file_read(path, KEPT_LIMIT, &n, &ignored);
    progress_start(&r.shown, "reading the model for its digest", "MiB", (double)s->file_bytes / 1048576, quiet);
    bool ok = digest_all(f, remember ? kept : NULL, &fresh, &r, e);
    progress_end(&r.shown);
    if (ok && path && fresh.len && remember) keep(path, kept, &fresh);
    if (ok) f->digest = digest_of_list(f);
    else model_files_free(f);
    buf_free(&fresh);
    free(kept);
    free(path);
    return ok;
}

void model_files_free(model_files *f) {
    for (size_t i = 0; i < f->n; i++) {
        free(f->items[i].path);
        free(f->items[i].name);
    }
    free(f->items);
    *f = (model_files){ 0 };
}
