/* From a rope_spec to the tables that the rope op uses. Formulas: Su et al. 2021 (RoPE); Peng et al. 2023 (YaRN); Ding et al.
 * 2024 (LongRoPE); Llama 3.1's frequency scaling; as Hugging Face computes them (f32 powers of theta). */
#ifndef PINGTI_MODEL_ROPE_H
#define PINGTI_MODEL_ROPE_H
#include "base/arena.h"
#include "model/spec.h"

typedef struct rope_tables {
    rope_table table[2];  /* [1]: the long factors; the same as [0] when there is but one */
    uint32_t n;           /* 1 or 2 */
    uint32_t switch_at;   /* sequences planned longer than this take table 1 (n = 2) */
} rope_tables;

bool rope_tables_make(rope_tables *out, const model_spec *s, arena *mem, err *e);
#endif
