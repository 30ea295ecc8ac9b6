/* From a rope_spec to the tables that the rope op uses. Formulas: Su et al. 2021 (RoPE); Peng et al. 2023 (YaRN); Ding et al.
 * 2024 (LongRoPE); Llama 3.1's frequency scaling; "dynamic NTK" (its base grows with the length). Frequencies are computed in f32 in
 * the order in which Hugging Face computes them: at position 131071 one unit in the last place of a frequency is 0.004 of a turn's radian.
 *
 * Two kinds rotate long sessions otherwise than short ones. Which table a session takes is decided once, before its first token, by the
 * number of tokens it is planned for (prompt and the most it may answer); it never changes while the session grows, since the K in the
 * cache is rotated already. So the bytes do not depend on chunking, and pages of different tables have different names.
 *   longrope   table 0 (the short factors) up to the original context, table 1 (the long ones) beyond it
 *   dynamic    table 0 (no scaling) up to the model's context, then one table for every doubling of it, made for a length of 2, 4, 8 ...
 *              contexts (the last one: factor times the context): sessions of like lengths share prefixes */
#ifndef PINGTI_MODEL_ROPE_H
#define PINGTI_MODEL_ROPE_H
#include "base/arena.h"
#include "model/spec.h"

enum { ROPE_MAX_TABLES = 8 };

typedef struct rope_tables {
    rope_table table[ROPE_MAX_TABLES];
    uint32_t upto[ROPE_MAX_TABLES]; /* sessions planned for at most so many tokens; ascending, the last one takes all others */
    uint32_t n;
} rope_tables;

/* The longest session that the rope settings are made for: the model's context, or what scaling stretches it to. */
uint32_t rope_longest_context(const model_spec *s);
bool rope_tables_make(rope_tables *out, const model_spec *s, arena *mem, err *e);
/* The table of a session that will have at most n_tokens tokens. */
uint8_t rope_tables_choose(const rope_tables *t, size_t n_tokens);
#endif
