/* GGUF from memory that the caller keeps until gguf_close: what gguf_open does after mapping, for tests and fuzzing.
 * A part of a split file is refused, since the others cannot be found. */
#ifndef PINGTI_FORMAT_GGUF_BYTES_H
#define PINGTI_FORMAT_GGUF_BYTES_H
#include "format/gguf.h"

gguf *gguf_from_bytes(const void *data, size_t size, const char *name, bool allow_unknown_types, err *e);
gguf_text gguf_key_bytes(const gguf *g, size_t i); /* the value's bytes as the file holds them (an array: its elements) */
#endif
