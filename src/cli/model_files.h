/* The files that a model consists of, each with the digest of every byte of it. Digests are kept beside the user's other caches, for the same
 * device, inode, size and times of change and status, so that a large model is read once; a file must be older than a moment for that.
 * Plain data; owned by the caller. */
#ifndef PINGTI_CLI_MODEL_FILES_H
#define PINGTI_CLI_MODEL_FILES_H
#include "base/digest.h"
#include "model/source.h"

typedef struct model_file {
    char *path, *name; /* name: the last part of the path */
    uint64_t bytes;
    digest digest;
    bool remembered;   /* the digest was kept from an earlier reading of the same file */
} model_file;

typedef struct model_files {
    model_file *items; /* by name */
    size_t n;
    digest digest;     /* of their names and digests */
} model_files;

/* remember: kept digests may be used. */
bool model_files_digest(model_files *f, const model_source *s, bool remember, bool quiet, err *e);
void model_files_free(model_files *f);
#endif
