/* Which files of a repository a name means. A GGUF: all parts of the one that has the asked quantization. No GGUF there: a
 * Hugging Face directory, that is safetensors, config and tokenizer; never a pickle unless a pattern asks for it. What was
 * chosen without being asked, and what was left out and why, stands in `said`, a line each. Zero-initialise, pick_free;
 * files are borrowed from the listing. */
#ifndef PINGTI_NET_PICK_H
#define PINGTI_NET_PICK_H
#include "net/listing.h"

typedef enum pick_kind { PICK_GGUF, PICK_DIRECTORY, PICK_FILE } pick_kind;

typedef struct pick {
    pick_kind kind;
    const listed_file **files;
    size_t n;
    uint64_t bytes;
    char variant[REPO_NAME_MAX + 1]; /* the folder it gets: the GGUF's stem, "safetensors", or the file's name */
    const char *main;                /* the file that is opened; NULL: the folder itself */
    buf said;
} pick;

/* include: patterns (fnmatch) of further files, of their path or base name. */
bool pick_files(pick *p, const listing *l, const repo_name *name, const char *const *include, size_t n_include, err *e);
void pick_free(pick *p);
bool pick_is_pickle(const char *path); /* can run code when it is loaded */
/* May be the name of a file in a model's folder, or of the folder: not one of ours, not hidden. */
bool pick_name_free(const char *base);
#endif
