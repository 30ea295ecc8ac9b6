/* SHA-256 (libsodium) of bytes as they come, and of a whole file. */
#ifndef PINGTI_NET_SHA256_H
#define PINGTI_NET_SHA256_H
#include "net/listing.h"
#include <sodium.h>

typedef struct sha256 {
    crypto_hash_sha256_state state;
    uint64_t bytes;
} sha256;

void sha256_start(sha256 *d);
void sha256_add(sha256 *d, const void *bytes, size_t n);
void sha256_end(sha256 *d, char hex[SHA256_HEX]);

/* The next bytes of an open file, at most n of them from d->bytes on. False: the system refused, errno says why; a file that
 * is shorter is ERANGE. */
bool sha256_add_file(sha256 *d, int fd, uint64_t n);
/* Of a whole file, by name and without following a link. moved (may be NULL) is told how many bytes were read since it was last told; false stops. */
bool sha256_file(const char *path, bool (*moved)(void *ctx, uint64_t more), void *ctx, char hex[SHA256_HEX], uint64_t *size, err *e);
#endif
