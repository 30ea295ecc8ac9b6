/* Every tensor type that ggml has given a number, with its block, so that files can be listed and checked even when this
 * build cannot compute with the type. */
#ifndef PINGTI_FORMAT_GGUF_TYPES_H
#define PINGTI_FORMAT_GGUF_TYPES_H
#include <stdbool.h>
#include <stdint.h>

typedef struct gguf_tensor_type {
    const char *name;
    uint32_t block, bytes; /* elements and bytes of a block; 0: withdrawn from ggml, never in a valid file */
} gguf_tensor_type;

const gguf_tensor_type *gguf_type_of(uint32_t id); /* NULL: no such number */
#endif
