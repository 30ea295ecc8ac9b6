#include "net/sha256.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 18 };

void sha256_start(sha256 *d) {
    crypto_hash_sha256_init(&d->state);
    d->bytes = 0;
}

void sha256_add(sha256 *d, const void *bytes, size_t n) {
    crypto_hash_sha256_update(&d->state, bytes, n);
    d->bytes += n;
}

void sha256_end(sha256 *d, char hex[SHA256_HEX]) {
    unsigned char out[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&d->state, out);
    sodium_bin2hex(hex, SHA256_HEX, out, sizeof out);
}

bool sha256_add_file(sha256 *d, int fd, uint64_t n) {
    unsigned char piece[PIECE];
    while (n) {
        ssize_t got = pread(fd, piece, n < PIECE ? (size_t)n : PIECE, (off_t)d->bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) errno = ERANGE;
        if (got <= 0) return false;
        sha256_add(d, piece, (size_t)got);
        n -= (uint64_t)got;
    }
    return true;
}

static bool refused(err *e, const char *doing, const char *path) {
    int why = errno;
    return err_set(e, ERR_IO, "cannot %s '%s'", doing, path) || err_got(e, "%s", why == ELOOP ? "a symbolic link" : strerror(why));
}

bool sha256_file(const char *path, bool (*moved)(void *ctx, uint64_t more), void *ctx, char hex[SHA256_HEX], uint64_t *size, err *e) {
    struct stat st;
    sha256 d;
    bool ok = true;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return refused(e, "open", path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) ok = err_set(e, ERR_IO, "'%s' is not a regular file", path);
    sha256_start(&d);
    while (ok && d.bytes < (uint64_t)st.st_size) {
        uint64_t n = (uint64_t)st.st_size - d.bytes;
        if (n > 16 * PIECE) n = 16 * PIECE;
        ok = sha256_add_file(&d, fd, n) || refused(e, "read", path);
        if (ok && moved && !moved(ctx, n)) ok = err_set(e, ERR_CANCELLED, "interrupted");
    }
    close(fd);
    if (!ok) return false;
    *size = d.bytes;
    sha256_end(&d, hex);
    return true;
}
