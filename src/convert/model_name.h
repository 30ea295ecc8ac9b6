/* What a model's name says: "Qwen/Qwen2.5-0.5B-Instruct" is Qwen's Qwen2.5, of 0.5B, tuned to Instruct (the naming convention of
 * docs/gguf.md). Parts that are not there are "". */
#ifndef PINGTI_CONVERT_MODEL_NAME_H
#define PINGTI_CONVERT_MODEL_NAME_H
#include <stddef.h>
#include <stdint.h>

typedef struct model_name {
    char full[256], organization[128], base[256], tune[256], version[128], size[128];
} model_name;

void model_name_split(const char *id, uint64_t parameters, model_name *out);
/* "deepseek-r1-distill" -> "Deepseek R1 Distill": lower-case words get capitals, versions stay. */
void model_name_title(const char *name, char *out, size_t cap);
/* "8x7B", "494M": how many weights, as GGUF labels them. */
void model_size_label(uint64_t shared, uint64_t expert, uint32_t experts, char *out, size_t cap);
#endif
