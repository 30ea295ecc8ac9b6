/* Files of placed weights: DIR/<digest>.panels, a header of one page and the bytes as they lie in memory. The name is a digest of everything
 * the bytes depend on. A file appears under its name only when it is whole and on disk; it belongs to the user alone. */
#ifndef PINGTI_MODEL_PLACE_FILE_H
#define PINGTI_MODEL_PLACE_FILE_H
#include "base/err.h"
#include <stdint.h>

typedef struct place_file {
    void *data;          /* while it is being made: mapped for writing, `bytes` of it */
    uint64_t bytes;
    char *path, *part;   /* part: its name while it is being made, or NULL */
    int fd;
    char digest[33];
} place_file;

/* 32 hexadecimal digits. */
void place_file_digest(char out[33], const unsigned char model[32], const char *layout, uint64_t bytes);
/* Opens the file that is there; false when there is none, or it is not what its name says. */
bool place_file_find(place_file *f, const char *dir, const char *digest, uint64_t bytes);
/* A new one, its disk space reserved, older ones removed as far as `limit` asks. False: why not. */
bool place_file_make(place_file *f, const char *dir, const char *digest, uint64_t bytes, uint64_t limit, err *e);
bool place_file_finish(place_file *f, err *e);
/* Of a file that was found or finished: its bytes for as long as the caller likes (munmap), or bytes [from, from + n) copied; any thread. */
void *place_file_map(const place_file *f, err *e);
bool place_file_read(const place_file *f, uint64_t from, void *to, uint64_t n);
void place_file_close(place_file *f);
#endif
