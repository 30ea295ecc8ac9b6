/* A large file that appears whole or not at all: it is written as "PATH.part", its disk space taken beforehand, and gets its name by
 * rename once everything is on disk. Writes at different places may come from different threads; opening and finishing from one.
 * Beside it "PATH.part.done" can say what is written already, so that the same work may go on later (outfile_note). */
#ifndef PINGTI_BASE_OUTFILE_H
#define PINGTI_BASE_OUTFILE_H
#include "base/err.h"
#include <stdint.h>

typedef struct outfile {
    int fd, notes;
    char *path, *part, *done;
    uint64_t bytes;
} outfile;

/* Whether PATH may be taken by a rename: refuses an empty name, and a directory, device, pipe or link (/dev/stdout), which a file would replace. */
bool outfile_may_take(const char *path, err *e);

/* resume: a part file of the same size that is there is gone on with (*resumed), its bytes kept. Refuses what does not fit on the disk,
 * and what outfile_may_take refuses. */
bool outfile_open(outfile *f, const char *path, uint64_t bytes, bool resume, bool *resumed, err *e);
bool outfile_write(outfile *f, uint64_t at, const void *bytes, uint64_t n, err *e);
bool outfile_read(outfile *f, uint64_t at, void *bytes, uint64_t n, err *e); /* what was written before */
/* The lines noted by the work that is gone on with, as one text (free()); "" when there are none. */
char *outfile_notes(const outfile *f);
bool outfile_note(outfile *f, const char *line, err *e);
bool outfile_forget(outfile *f, err *e); /* notes of other work */
bool outfile_finish(outfile *f, err *e);
/* keep: the part stays for going on later; otherwise it is removed. After outfile_finish only memory is let go. */
void outfile_close(outfile *f, bool keep);

/* A small file, written whole under its name or not at all. */
bool outfile_put(const char *path, const void *bytes, size_t n, err *e);
#endif
