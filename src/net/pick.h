/* Which files of a repository a name means. A GGUF: all parts of the one that has the asked quantization. No GGUF there: a
 * Hugging Face directory, that is safetensors, config and tokenizer; never a pickle unless a pattern asks for it. What was
 * chosen without being asked, and what was left out and why, stands in `said`, a line each. Zero-initialise, pick_free;
 * files are borrowed from the listing. */
#ifndef PINGTI_NET_PICK_H
#define PINGTI_NET_PICK_H
#include "net/listing.h"

enum { PICK_VARIANT_MAX = REPO_NAME_MAX + 16 };

typedef enum pick_kind { PICK_GGUF, PICK_DIRECTORY, PICK_FILE } pick_kind;

typedef struct pick {
    pick_kind kind;
    const listed_file **files;
    char **names;                    /* of each in the model's folder: the base name, or with the repository's folders ("b--x.json") where another has that */
    size_t n;
    uint64_t bytes;
    char variant[PICK_VARIANT_MAX];  /* the folder that it gets in the store: after the file that is opened, or "safetensors" */
    const listed_file *main;         /* the file that is opened, one of `files`; NULL: the folder itself */
    buf said;
} pick;

/* include: patterns (fnmatch) of further files, of their path or base name. */
bool pick_files(pick *p, const listing *l, const repo_name *name, const char *const *include, size_t n_include, err *e);
/* A file that an earlier pull of the same model took in addition is kept up to date: taken too, and that is said. */
void pick_keep(pick *p, const listing *l, const char *path);
/* Once all is chosen: adds to `said` what of the list is not, and why. */
void pick_say_left_out(pick *p, const listing *l);
void pick_free(pick *p);
bool pick_is_pickle(const char *path); /* can run code when it is loaded */
/* May be the name of a file in a model's folder, or of the folder: not one of ours, not hidden. */
bool pick_name_free(const char *base);
#endif
