/* The cache layout that a model needs (see runner.h for the plan itself). */
#ifndef PINGTI_INFER_PLAN_H
#define PINGTI_INFER_PLAN_H
#include "infer/runner.h"

enum { PLAN_LOGITS_ROWS = 64 }; /* of a pass: memory for so many is counted */
kv_view plan_view(const model *m, const backend *b, dtype cache_type, precision p);
#endif
