#include "base/file.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool io_error(err *e, const char *doing, const char *path) {
    int why = errno;
    if (why == ENOMEM) return err_set(e, ERR_MEMORY, "no memory to %s '%s'", doing, path) || err_hint(e, "free memory, or raise the limit (ulimit -v)");
    return err_set(e, ERR_IO, "cannot %s '%s'", doing, path) || err_got(e, "%s", strerror(why)) ||
           err_hint(e, why == ENOENT ? "check the path" : why == EACCES ? "check the permissions" : "see the system's message");
}

static int open_regular(const char *path, struct stat *st, err *e) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* NONBLOCK: a FIFO must not hang the open */
    if (fd < 0) return io_error(e, "open", path), -1;
    if (fstat(fd, st) != 0) return io_error(e, "examine", path), close(fd), -1;
    if (S_ISREG(st->st_mode)) return fd;
    err_set(e, ERR_IO, "'%s' is not a regular file", path);
    err_got(e, S_ISDIR(st->st_mode) ? "a directory" : "a device, pipe or socket");
    close(fd);
    return -1;
}

bool file_map_open(file_map *m, const char *path, err *e) {
    struct stat st;
    *m = (file_map){ 0 };
    int fd = open_regular(path, &st, e);
    if (fd < 0) return false;
    m->size = (size_t)st.st_size;
    if (m->size) {
        void *p = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) return io_error(e, "map", path), close(fd), false;
        m->data = p;
    }
    close(fd);
    m->path = mem_must_copy(path, strlen(path));
    return true;
}

void file_map_close(file_map *m) {
    if (m->data) munmap((void *)(uintptr_t)m->data, m->size);
    free(m->path);
    *m = (file_map){ 0 };
}

static bool read_all(int fd, char *at, size_t n) {
    while (n) {
        ssize_t got = read(fd, at, n);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

char *file_read(const char *path, size_t limit, size_t *size, err *e) {
    struct stat st;
    int fd = open_regular(path, &st, e);
    if (fd < 0) return NULL;
    char *text = NULL;
    if ((uint64_t)st.st_size > limit) {
        err_set(e, ERR_LIMIT, "'%s' is too large", path);
        err_expected(e, "at most %zu bytes", limit);
        err_got(e, "%lld bytes", (long long)st.st_size);
    } else if ((text = mem_array((size_t)st.st_size + 1, 1, e)) && !read_all(fd, text, (size_t)st.st_size)) {
        io_error(e, "read", path);
        free(text);
        text = NULL;
    }
    close(fd);
    if (text && size) *size = (size_t)st.st_size;
    return text;
}

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

bool file_is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *file_join(const char *dir, const char *name) {
    size_t n = strlen(dir) + strlen(name) + 2;
    char *path = mem_must(n, 1);
    snprintf(path, n, "%s/%s", dir, name);
    return path;
}
