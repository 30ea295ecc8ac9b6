/* A text of a size that is not known beforehand, written as it comes: it appears whole under its name or not at all. A device, pipe or
 * link that is there (/dev/stdout) is written straight. Owned by the caller; one thread. Large files whose size is known: base/outfile.h. */
#ifndef PINGTI_BASE_OUTSTREAM_H
#define PINGTI_BASE_OUTSTREAM_H
#include "base/err.h"
#include <stdio.h>

typedef struct outstream {
    FILE *f;
    char *path, *part; /* part NULL: written straight */
} outstream;

/* Whether it could be opened: said before the work whose outcome it is for. */
bool outstream_possible(const char *path, err *e);
bool outstream_open(outstream *o, const char *path, err *e);
/* Everything is on its way to the disk and has its name; an error leaves nothing. To be called once after each open that succeeded. */
bool outstream_finish(outstream *o, err *e);
#endif
