/* Which backends this build has. Everyone outside backend/ includes this header alone. */
#ifndef PINGTI_BACKEND_BACKEND_H
#define PINGTI_BACKEND_BACKEND_H
#include "op/ops.h"

size_t backend_count(void);
const backend *backend_at(size_t i);
const backend *backend_find(const char *name); /* "cpu", "cpu_ref"; NULL when this build has none of that name */
const char *backend_kernels_name(void);        /* instruction set the cpu backend uses on this machine */
#endif
