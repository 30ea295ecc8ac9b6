/* safetensors from memory that the caller keeps until safetensors_close: what safetensors_open does after mapping. */
#ifndef PINGTI_FORMAT_SAFETENSORS_BYTES_H
#define PINGTI_FORMAT_SAFETENSORS_BYTES_H
#include "format/safetensors.h"

safetensors *safetensors_from_bytes(const void *data, size_t size, const char *name, err *e);
#endif
