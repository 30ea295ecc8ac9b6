#include "net/part.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATE_MAX_BYTES = 1 << 20 };

static bool refused(err *e, const char *doing, const char *path) {
    int why = errno;
    err_set(e, ERR_IO, "cannot %s '%s'", doing, path);
    err_got(e, "%s", why == ELOOP ? "a symbolic link" : strerror(why));
    return err_hint(e, why == ENOSPC || why == EDQUOT ? "make room and pull again: it goes on from here" : "check the permissions of the models' folder");
}

static char *with(const char *path, const char *tail) {
    buf b = { 0 };
    buf_printf(&b, "%s%s", path, tail);
    return buf_take(&b);
}

static bool read_ranges(part *p, const json_t *list, err *e) {
    uint64_t end = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i);
        json_int_t from = json_integer_value(json_array_get(pair, 0)), to = json_integer_value(json_array_get(pair, 1));
        if (json_array_size(pair) != 2 || from < 0 || to <= from || (uint64_t)from < end || (uint64_t)to > p->size)
            return err_set(e, ERR_FORMAT, "the ranges are out of order, or beyond the file");
        ranges_add(&p->there, (uint64_t)from, (uint64_t)to);
        end = (uint64_t)to;
    }
    return true;
}

bool part_read_state(part *p, const char *json, size_t n, err *e) {
    json_t *doc = js_parse(json, n, "the state of a partial file", e);
    const char *sha = "", *etag = "", *origin = "";
    int64_t size = -1;
    bool ok = doc && js_int(doc, "size", 0, INT64_MAX, &size, e) && js_str(doc, "sha256", &sha, e) && js_str(doc, "etag", &etag, e) && js_str(doc, "origin", &origin, e);
    if (ok && (size < 0 || (uint64_t)size != p->size || strcmp(sha, p->sha256) != 0)) ok = err_set(e, ERR_FORMAT, "it belongs to another version of the file");
    if (ok && (strlen(etag) >= sizeof p->etag || strlen(origin) >= sizeof p->origin)) ok = err_set(e, ERR_FORMAT, "it has too long an ETag");
    ok = ok && read_ranges(p, js_get(doc, "there"), e);
    if (ok) {
        strcpy(p->etag, etag);
        strcpy(p->origin, origin);
    } else ranges_clear(&p->there);
    json_decref(doc);
    return ok;
}

/* What is there, when both files agree with what is wanted. */
static void take_up(part *p, char fresh_start[160]) {
    struct stat st;
    err why = { 0 };
    size_t n = 0;
    if (fstat(p->fd, &st) != 0 || st.st_size == 0) return;
    char *text = file_exists(p->state_path) ? file_read(p->state_path, STATE_MAX_BYTES, &n, &why) : NULL;
    bool ok = text && part_read_state(p, text, n, &why);
    if (ok && p->there.n && p->there.items[p->there.n - 1].to > (uint64_t)st.st_size) ok = err_set(&why, ERR_FORMAT, "it is shorter than it was");
    if (!ok) {
        ranges_clear(&p->there);
        snprintf(fresh_start, 160, "%.150s", why.code ? why.what : "nothing says what of it is right");
    }
    free(text);
}

bool part_open(part *p, const char *path, uint64_t size, const char *sha256, char fresh_start[160], err *e) {
    struct stat st;
    *p = (part){ .path = mem_must_copy(path, strlen(path)), .data_path = with(path, ".part"), .state_path = with(path, ".part.json"), .size = size };
    strcpy(p->sha256, sha256);
    fresh_start[0] = 0;
    p->fd = open(p->data_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    bool ok = p->fd >= 0 || refused(e, "open", p->data_path);
    if (ok && (fstat(p->fd, &st) != 0 || !S_ISREG(st.st_mode))) ok = err_set(e, ERR_IO, "'%s' is not a regular file", p->data_path);
    if (ok) {
        take_up(p, fresh_start);
        if (p->there.n == 0) part_clear(p);
        /* the room is taken now rather than missed halfway; a file system that cannot promise it goes without */
        if (size && fallocate(p->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) != 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
            ok = refused(e, "make room for", p->data_path);
            if (p->there.n == 0) part_drop(p); /* with what room it got */
        }
    }
    if (!ok) part_close(p);
    return ok;
}

bool part_write(part *p, uint64_t at, const void *bytes, size_t n, err *e) {
    const char *from = bytes;
    for (size_t done = 0; done < n;) {
        ssize_t wrote = pwrite(p->fd, from + done, n - done, (off_t)(at + done));
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return refused(e, "write to", p->data_path);
        done += (size_t)wrote;
    }
    ranges_add(&p->there, at, at + n);
    return true;
}

static bool write_state(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    size_t n = strlen(text);
    bool ok = fd >= 0 && write(fd, text, n) == (ssize_t)n;
    if (fd >= 0) ok = close(fd) == 0 && ok;
    return ok;
}

bool part_save(part *p, err *e) {
    json_t *list = json_array();
    for (size_t i = 0; i < p->there.n; i++) json_array_append_new(list, json_pack("[I, I]", (json_int_t)p->there.items[i].from, (json_int_t)p->there.items[i].to));
    json_t *doc = json_pack("{s:I, s:s, s:s, s:s, s:o}", "size", (json_int_t)p->size, "sha256", p->sha256, "etag", p->etag, "origin", p->origin, "there", list);
    char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL, *fresh = with(p->state_path, ".new");
    bool ok = text && fdatasync(p->fd) == 0 && write_state(fresh, text) && rename(fresh, p->state_path) == 0;
    if (!ok) refused(e, "write", p->state_path);
    json_decref(doc);
    free(text);
    free(fresh);
    return ok;
}

void part_clear(part *p) {
    ranges_clear(&p->there);
    p->etag[0] = p->origin[0] = 0;
    unlink(p->state_path);
    if (ftruncate(p->fd, 0) != 0) { /* it is written over all the same */
    }
}

bool part_finish(part *p, err *e) {
    if (ftruncate(p->fd, (off_t)p->size) != 0 || fsync(p->fd) != 0 || rename(p->data_path, p->path) != 0) return refused(e, "finish", p->path);
    unlink(p->state_path);
    return true;
}

void part_drop(part *p) {
    unlink(p->data_path);
    unlink(p->state_path);
}

void part_close(part *p) {
    if (p->fd >= 0) close(p->fd);
    free(p->path);
    free(p->data_path);
    free(p->state_path);
    ranges_free(&p->there);
    *p = (part){ .fd = -1 };
}
