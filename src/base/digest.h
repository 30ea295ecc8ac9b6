/* BLAKE2b-256 of bytes and of files, as text: "blake2b-256:" and 64 hexadecimal digits. Plain values; any thread. */
#ifndef PINGTI_BASE_DIGEST_H
#define PINGTI_BASE_DIGEST_H
#include "base/err.h"
#include <sodium.h>
#include <stdint.h>

#define DIGEST_PREFIX "blake2b-256:"

typedef struct digest {
    char text[sizeof DIGEST_PREFIX + 64];
} digest;

typedef struct digest_state {
    crypto_generichash_state state;
} digest_state;

void digest_begin(digest_state *s);
void digest_put(digest_state *s, const void *bytes, size_t n);
digest digest_end(digest_state *s);
digest digest_of(const void *bytes, size_t n);
bool digest_valid(const char *text); /* has the form of one */

/* Of every byte of a regular file, read from beginning to end; refused when the file changes meanwhile. more (or NULL): asked with the
 * bytes read so far, false gives up (ERR_CANCELLED). */
bool digest_file(const char *path, bool (*more)(void *ctx, uint64_t done), void *ctx, digest *out, uint64_t *bytes, err *e);
#endif
