#include "base/digest.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGEST_BYTES = 32, READ_AT_ONCE = 1 << 20 };

void digest_begin(digest_state *s) { crypto_generichash_init(&s->state, NULL, 0, DIGEST_BYTES); }
void digest_put(digest_state *s, const void *bytes, size_t n) { crypto_generichash_update(&s->state, bytes, n); }

digest digest_end(digest_state *s) {
    unsigned char raw[DIGEST_BYTES];
    digest d = { DIGEST_PREFIX };
    crypto_generichash_final(&s->state, raw, sizeof raw);
    sodium_bin2hex(d.text + sizeof DIGEST_PREFIX - 1, 2 * sizeof raw + 1, raw, sizeof raw);
    return d;
}

digest digest_of(const void *bytes, size_t n) {
    digest_state s;
    digest_begin(&s);
    digest_put(&s, bytes, n);
    return digest_end(&s);
}

bool digest_valid(const char *text) {
    size_t prefix = sizeof DIGEST_PREFIX - 1;
    return strlen(text) == prefix + 2 * DIGEST_BYTES && strncmp(text, DIGEST_PREFIX, prefix) == 0 &&
           strspn(text + prefix, "0123456789abcdef") == 2 * DIGEST_BYTES;
}

static bool refuse(const char *path, const char *why, err *e) {
    return err_set(e, ERR_IO, "cannot read a file for its digest: %s", why) || err_where(e, "%s", path);
}

static bool unchanged(int fd, const struct stat *before) {
    struct stat now;
    return fstat(fd, &now) == 0 && now.st_size == before->st_size && now.st_mtim.tv_sec == before->st_mtim.tv_sec && now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

static bool read_all(int fd, const char *path, bool (*more)(void *ctx, uint64_t done), void *ctx, digest_state *s, uint64_t *done, err *e) {
    char *buffer = mem_must(READ_AT_ONCE, 1);
    ssize_t n = 1;
    bool ok = true;
    while (ok && n > 0) {
        n = read(fd, buffer, READ_AT_ONCE);
        if (n < 0 && errno == EINTR) n = 1;
        else if (n < 0) ok = refuse(path, strerror(errno), e);
        else {
            digest_put(s, buffer, (size_t)n);
            *done += (uint64_t)n;
            if (more && !more(ctx, *done)) ok = err_set(e, ERR_CANCELLED, "interrupted");
        }
    }
    free(buffer);
    return ok;
}

bool digest_file(const char *path, bool (*more)(void *ctx, uint64_t done), void *ctx, digest *out, uint64_t *bytes, err *e) {
    struct stat st;
    digest_state s;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe of that name must not hold us up */
    if (fd < 0 || fstat(fd, &st) != 0) {
        refuse(path, strerror(errno), e);
        if (fd >= 0) close(fd);
        return false;
    }
    digest_begin(&s);
    *bytes = 0;
    bool ok = S_ISREG(st.st_mode) ? read_all(fd, path, more, ctx, &s, bytes, e) : refuse(path, "it is not a regular file", e);
    if (ok && (*bytes != (uint64_t)st.st_size || !unchanged(fd, &st))) ok = refuse(path, "it changed meanwhile", e);
    close(fd);
    if (ok) *out = digest_end(&s);
    return ok;
}
