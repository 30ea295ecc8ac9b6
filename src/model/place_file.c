#include "model/place_file.h"
#include "base/file.h"
#include "base/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 4096 };

/* What the file begins with; the rest of the page is zero. */
typedef struct file_header {
    char magic[8];
    uint64_t bytes;
    char digest[32];
} file_header;

static const char MAGIC[8] = "ptpanel1", SUFFIX[] = ".panels", PART[] = ".part";

void place_file_digest(char out[33], const unsigned char model[32], const char *layout, uint64_t bytes) {
    unsigned char hash[16];
    crypto_generichash_state s;
    crypto_generichash_init(&s, NULL, 0, sizeof hash);
    crypto_generichash_update(&s, model, 32);
    crypto_generichash_update(&s, (const unsigned char *)layout, strlen(layout) + 1);
    crypto_generichash_update(&s, (const unsigned char *)&bytes, sizeof bytes);
    crypto_generichash_final(&s, hash, sizeof hash);
    sodium_bin2hex(out, 33, hash, sizeof hash);
}

static char *path_of(const char *dir, const char *digest, const char *end) {
    char name[96];
    snprintf(name, sizeof name, "%s%s", digest, end);
    return file_join(dir, name);
}

static bool header_fits(int fd, const char *digest, uint64_t bytes) {
    file_header h;
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == HEADER + bytes && pread(fd, &h, sizeof h, 0) == (ssize_t)sizeof h &&
           memcmp(h.magic, MAGIC, sizeof MAGIC) == 0 && h.bytes == bytes && memcmp(h.digest, digest, sizeof h.digest) == 0;
}

static void *map_data(int fd, uint64_t bytes, int protection) {
    void *p = mmap(NULL, bytes, protection, MAP_SHARED, fd, HEADER);
    return p == MAP_FAILED ? NULL : p;
}

bool place_file_find(place_file *f, const char *dir, const char *digest, uint64_t bytes) {
    char *path = path_of(dir, digest, SUFFIX);
    *f = (place_file){ .bytes = bytes, .path = path, .fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) };
    if (f->fd >= 0 && header_fits(f->fd, digest, bytes)) return futimens(f->fd, NULL), true; /* used now: the last to be removed */
    place_file_close(f);
    return false;
}

static bool make_dirs(char *path, err *e) {
    for (char *p = path + 1;; p++) {
        if (*p && *p != '/') continue;
        char kept = *p;
        *p = 0;
        bool ok = mkdir(path, 0700) == 0 || errno == EEXIST;
        *p = kept;
        if (!ok) return err_set(e, ERR_IO, "the folder for packed weights cannot be made") || err_where(e, "%s", path) || err_got(e, "%s", strerror(errno));
        if (!kept) return true;
    }
}

typedef struct old_file { char name[256]; struct timespec used; uint64_t bytes; } old_file;

static bool is_older(const old_file *a, const old_file *b) {
    return a->used.tv_sec != b->used.tv_sec ? a->used.tv_sec < b->used.tv_sec : a->used.tv_nsec < b->used.tv_nsec;
}

/* The file that was used longest ago, and the bytes of all. */
static bool find_oldest(const char *dir, old_file *oldest, uint64_t *total) {
    DIR *d = opendir(dir);
    bool found = false;
    *total = 0;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        struct stat st;
        old_file here = { .bytes = 0 };
        size_t n = strlen(entry->d_name), end = sizeof SUFFIX - 1;
        if (n <= end || n >= sizeof here.name || strcmp(entry->d_name + n - end, SUFFIX) != 0) continue;
        if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) continue;
        memcpy(here.name, entry->d_name, n + 1);
        here.used = st.st_mtim;
        here.bytes = (uint64_t)st.st_size;
        *total += here.bytes;
        if (!found || is_older(&here, oldest)) *oldest = here;
        found = true;
    }
    if (d) closedir(d);
    return found;
}

/* What a process that died left unfinished a day ago. */
static void remove_abandoned(const char *dir) {
    DIR *d = opendir(dir);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        struct stat st;
        const char *end = strstr(entry->d_name, PART);
        if (!end || end[sizeof PART - 1] || fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (S_ISREG(st.st_mode) && time(NULL) - st.st_mtim.tv_sec > 24 * 3600) unlinkat(dirfd(d), entry->d_name, 0);
    }
    if (d) closedir(d);
}

static bool make_room(const char *dir, uint64_t bytes, uint64_t limit, err *e) {
    old_file oldest;
    uint64_t total;
    if (limit && HEADER + bytes > limit)
        return err_set(e, ERR_LIMIT, "the packed weights are larger than the room for them") || err_expected(e, "at most %llu bytes", (unsigned long long)limit) ||
               err_got(e, "%llu bytes", (unsigned long long)bytes) || err_hint(e, "raise --packed-limit, or turn the files off with --packed-dir none");
    while (limit && find_oldest(dir, &oldest, &total) && total + HEADER + bytes > limit) {
        char *path = file_join(dir, oldest.name);
        bool gone = unlink(path) == 0;
        free(path);
        if (!gone) return err_set(e, ERR_IO, "an older file of packed weights cannot be removed") || err_where(e, "%s/%s", dir, oldest.name) || err_got(e, "%s", strerror(errno));
    }
    return true;
}

static bool io_error(place_file *f, const char *what, err *e) {
    int code = errno;
    return err_set(e, ERR_IO, "%s", what) || err_where(e, "%s", f->part) || err_got(e, "%s", strerror(code));
}

bool place_file_make(place_file *f, const char *dir, const char *digest, uint64_t bytes, uint64_t limit, err *e) {
    char *copy = mem_must_copy(dir, strlen(dir)), end[64];
    /* a number that chance gives: in containers the next process has the id of the one that died */
    snprintf(end, sizeof end, ".%ld-%08x%s", (long)getpid(), (unsigned)randombytes_random(), PART);
    *f = (place_file){ .bytes = bytes, .path = path_of(dir, digest, SUFFIX), .part = path_of(dir, digest, end), .fd = -1 };
    memcpy(f->digest, digest, sizeof f->digest);
    bool ok = make_dirs(copy, e);
    free(copy);
    if (ok) remove_abandoned(dir);
    ok = ok && make_room(dir, bytes, limit, e);
    if (ok && (f->fd = open(f->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0) ok = io_error(f, "a file for packed weights cannot be made", e);
    if (ok && (errno = posix_fallocate(f->fd, 0, (off_t)(HEADER + bytes))) != 0) ok = io_error(f, "there is no disk space for the packed weights", e);
    if (ok && !(f->data = map_data(f->fd, bytes, PROT_READ | PROT_WRITE))) ok = io_error(f, "the file for packed weights cannot be mapped", e);
    if (!ok) place_file_close(f);
    return ok;
}

bool place_file_finish(place_file *f, err *e) {
    file_header h = { .bytes = f->bytes };
    memcpy(h.magic, MAGIC, sizeof MAGIC);
    memcpy(h.digest, f->digest, sizeof h.digest);
    bool ok = msync(f->data, f->bytes, MS_SYNC) == 0 && pwrite(f->fd, &h, sizeof h, 0) == (ssize_t)sizeof h && fsync(f->fd) == 0 && rename(f->part, f->path) == 0;
    if (!ok) return io_error(f, "the file of packed weights cannot be written", e);
    free(f->part);
    f->part = NULL;
    munmap(f->data, f->bytes);
    f->data = NULL;
    return true;
}

void *place_file_map(const place_file *f, err *e) {
    void *p = map_data(f->fd, f->bytes, PROT_READ);
    if (p) return madvise(p, f->bytes, MADV_WILLNEED), p;
    err_set(e, ERR_IO, "the file of packed weights cannot be mapped");
    err_where(e, "%s", f->path);
    err_got(e, "%s", strerror(errno));
    return NULL;
}

bool place_file_read(const place_file *f, uint64_t from, void *to, uint64_t n) {
    for (ssize_t got; n; n -= (uint64_t)got, from += (uint64_t)got, to = (char *)to + got)
        if ((got = pread(f->fd, to, n, (off_t)(HEADER + from))) <= 0) return false;
    return true;
}

void place_file_close(place_file *f) {
    if (f->data) munmap(f->data, f->bytes);
    if (f->fd >= 0) close(f->fd);
    if (f->fd >= 0 && f->part) unlink(f->part); /* never finished */
    free(f->part);
    free(f->path);
    *f = (place_file){ .fd = -1 };
}
