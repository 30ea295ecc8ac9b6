/* A file that is still coming: FILE.part with its bytes, and FILE.part.json that says which of them are there, of what size
 * and digest, and the server's ETag. The second is written after the first has reached the disk, so what it claims is true
 * after a crash too. One owner thread. */
#ifndef PINGTI_NET_PART_H
#define PINGTI_NET_PART_H
#include "net/listing.h"
#include "net/ranges.h"

enum { PART_ETAG_MAX = 300 };

typedef struct part {
    char *path, *data_path, *state_path; /* FILE, FILE.part, FILE.part.json */
    int fd;
    uint64_t size;
    char sha256[SHA256_HEX];   /* expected, or "" */
    char etag[PART_ETAG_MAX];  /* of what is there; "": not known */
    char origin[PART_ETAG_MAX]; /* the server that said so */
    ranges there;
} part;

/* Opens or makes it. What an earlier attempt left is kept when it is of the same size and digest; else it is thrown away, and
 * `fresh_start` says why ("" when there is nothing to say). */
bool part_open(part *p, const char *path, uint64_t size, const char *sha256, char fresh_start[160], err *e);
bool part_write(part *p, uint64_t at, const void *bytes, size_t n, err *e);
bool part_save(part *p, err *e);
void part_clear(part *p);              /* none of it is there any more */
bool part_finish(part *p, err *e);     /* it is whole and right: FILE appears, the others go */
void part_drop(part *p);               /* deletes both */
void part_close(part *p);              /* leaves both */

/* The text of the second file, for tests and fuzzing: false when it does not describe such a file. */
bool part_read_state(part *p, const char *json, size_t n, err *e);
#endif
