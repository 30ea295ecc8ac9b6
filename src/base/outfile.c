#include "base/outfile.h"
#include "base/file.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { MAX_NOTES = 256 << 20 };

static bool failed(const char *doing, const char *path, err *e) {
    int why = errno;
    return err_set(e, ERR_IO, "cannot %s '%s'", doing, path) || err_got(e, "%s", strerror(why)) ||
           err_hint(e, why == ENOSPC || why == EDQUOT ? "free some space, or write to another disk" : why == EACCES ? "check the permissions" : "see the system's message");
}

static char *with_end(const char *path, const char *end) {
    size_t n = strlen(path), m = strlen(end);
    char *out = mem_must(n + m + 1, 1);
    memcpy(out, path, n);
    memcpy(out + n, end, m);
    return out;
}

/* Small sizes in bytes: "0.0 MiB free" would say nothing. */
static void show_room(uint64_t n, char out[40]) {
    if (n < 1048576) snprintf(out, 40, "%llu bytes free", (unsigned long long)n);
    else snprintf(out, 40, "%.1f MiB free", (double)n / 1048576);
}

static bool fits_disk(const outfile *f, uint64_t have, err *e) {
    struct statvfs v;
    if (fstatvfs(f->fd, &v) != 0) return true; /* a file system that does not say */
    uint64_t room = (uint64_t)v.f_bavail * v.f_frsize;
    if (f->bytes <= have || room >= f->bytes - have) return true;
    char needed[40], got[40];
    show_room(f->bytes - have, needed);
    show_room(room, got);
    return err_set(e, ERR_IO, "the disk has no room for '%s'", f->path) || err_expected(e, "%s", needed) || err_got(e, "%s", got) || err_hint(e, "free some space, or write to another disk");
}

/* Without posix_fallocate (some file systems) the size alone is set; a full disk then shows while writing. */
static bool take_space(outfile *f, err *e) {
    int why = f->bytes ? posix_fallocate(f->fd, 0, (off_t)f->bytes) : 0;
    if (why == EOPNOTSUPP || why == EINVAL) why = 0;
    if (why || ftruncate(f->fd, (off_t)f->bytes) != 0) {
        if (why) errno = why;
        return failed("take the space for", f->path, e);
    }
    return true;
}

bool outfile_may_take(const char *path, err *e) {
    struct stat st;
    if (!*path) return err_set(e, ERR_USAGE, "the name of the file to write is empty") || err_hint(e, "give the name of a file to write");
    if (lstat(path, &st) != 0 || S_ISREG(st.st_mode)) return true;
    err_set(e, ERR_USAGE, "'%s' cannot be replaced by a file", path);
    err_got(e, S_ISDIR(st.st_mode) ? "a directory" : S_ISLNK(st.st_mode) ? "a symbolic link" : "a device, pipe or socket");
    return err_hint(e, S_ISLNK(st.st_mode) ? "give the name of the file that it leads to, or remove the link" : "give the name of a file to write");
}

bool outfile_open(outfile *f, const char *path, uint64_t bytes, bool resume, bool *resumed, err *e) {
    struct stat st, there;
    *f = (outfile){ .fd = -1, .notes = -1, .path = mem_must_copy(path, strlen(path)), .part = with_end(path, ".part"), .done = with_end(path, ".part.done"), .bytes = bytes };
    *resumed = false;
    if (!outfile_may_take(path, e)) return false;
    f->fd = open(f->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (f->fd < 0) return failed("write", f->part, e);
    if (flock(f->fd, LOCK_EX | LOCK_NB) != 0) {
        bool busy = errno == EWOULDBLOCK || failed("lock", f->part, e);
        close(f->fd);
        f->fd = -1;
        return busy && (err_set(e, ERR_IO, "another process is writing '%s'", f->path) || err_hint(e, "wait for it, or give another name"));
    }
    if (fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode)) return failed("examine", f->part, e);
    if (stat(f->part, &there) != 0 || there.st_ino != st.st_ino || there.st_dev != st.st_dev) { /* its writer finished in between: this is the file under its name now */
        close(f->fd);
        f->fd = -1;
        return err_set(e, ERR_IO, "another process has just written '%s'", f->path) || err_hint(e, "look at it; the same command again replaces it");
    }
    *resumed = resume && (uint64_t)st.st_size == bytes && bytes;
    if (!*resumed && ftruncate(f->fd, 0) != 0) return failed("empty", f->part, e);
    if (!*resumed && (!fits_disk(f, 0, e) || !take_space(f, e))) return false;
    f->notes = open(f->done, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (*resumed ? 0 : O_TRUNC), 0666);
    return f->notes >= 0 || failed("write", f->done, e);
}

bool outfile_write(outfile *f, uint64_t at, const void *bytes, uint64_t n, err *e) {
    const char *p = bytes;
    while (n) {
        ssize_t done = pwrite(f->fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return failed("write", f->part, e);
        p += done;
        at += (uint64_t)done;
        n -= (uint64_t)done;
    }
    return true;
}

bool outfile_read(outfile *f, uint64_t at, void *bytes, uint64_t n, err *e) {
    char *p = bytes;
    while (n) {
        ssize_t done = pread(f->fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return failed("read", f->part, e);
        p += done;
        at += (uint64_t)done;
        n -= (uint64_t)done;
    }
    return true;
}

char *outfile_notes(const outfile *f) {
    size_t n;
    char *text = file_read(f->done, MAX_NOTES, &n, NULL);
    return text ? text : mem_must_copy("", 0);
}

bool outfile_note(outfile *f, const char *line, err *e) {
    size_t n = strlen(line);
    ssize_t done;
    do done = write(f->notes, line, n);
    while (done < 0 && errno == EINTR);
    return done == (ssize_t)n || failed("write", f->done, e);
}

bool outfile_forget(outfile *f, err *e) { return ftruncate(f->notes, 0) == 0 || failed("empty", f->done, e); }

/* A rename is on disk when its directory is. */
static void sync_directory(const char *path) {
    char *copy = mem_must_copy(path, strlen(path));
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(copy);
}

bool outfile_finish(outfile *f, err *e) {
    if (fsync(f->fd) != 0) return failed("write", f->part, e);
    if (rename(f->part, f->path) != 0) return failed("rename to", f->path, e);
    unlink(f->done);
    sync_directory(f->path);
    close(f->fd);
    close(f->notes);
    f->fd = f->notes = -1;
    return true;
}

void outfile_close(outfile *f, bool keep) {
    if (f->fd >= 0 && !keep) {
        unlink(f->part);
        unlink(f->done);
    }
    if (f->fd >= 0) close(f->fd);
    if (f->notes >= 0) close(f->notes);
    free(f->path);
    free(f->part);
    free(f->done);
    *f = (outfile){ .fd = -1, .notes = -1 };
}

bool outfile_put(const char *path, const void *bytes, size_t n, err *e) {
    outfile f;
    bool resumed, ok = outfile_open(&f, path, n, false, &resumed, e) && outfile_write(&f, 0, bytes, n, e) && outfile_finish(&f, e);
    outfile_close(&f, false);
    return ok;
}
