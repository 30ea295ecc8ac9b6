/* Says what a file is that was given where another was wanted: pickles, archives, pages saved instead of weights. */
#ifndef PINGTI_FORMAT_FOREIGN_H
#define PINGTI_FORMAT_FOREIGN_H
#include "base/err.h"

/* Refuses data[0..size), which is not a `wanted`, with a sentence about what it seems to be. Returns false. */
bool foreign_refuse(const unsigned char *data, size_t size, const char *wanted, const char *name, err *e);
bool foreign_is_pickle(const unsigned char *data, size_t size);
#endif
