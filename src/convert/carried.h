/* What a Hugging Face directory has no place for, kept beside it: gguf_metadata.gguf holds the keys of the GGUF file it was made from, and
 * its rope factors. Converting back takes them as they are, as long as the directory's own small files are unchanged. */
#ifndef PINGTI_CONVERT_CARRIED_H
#define PINGTI_CONVERT_CARRIED_H
#include "convert/plan.h"

#define CARRIED_NAME "gguf_metadata.gguf"

/* Before the small files, as a claim on the directory, and once more after them. */
bool carried_write(const model_source *s, const char *dir, err *e);
/* Refuses a directory that holds a model which was not written there from these weights. */
bool carried_may_fill(const model_source *s, const char *dir, err *e);
/* Puts the kept keys and factors in place of the planned ones. *used: there were some, and they fit. *stale: there were some, but the
 * directory has changed since. */
bool carried_read(plan *p, const model_source *s, bool *used, bool *stale, err *e);
#endif
