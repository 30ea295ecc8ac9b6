/* What a model's file says beside its weights. */
#ifndef PINGTI_INFER_LOAD_H
#define PINGTI_INFER_LOAD_H
#include "infer/sample.h"
#include "model/source.h"
#include "text/tokenizer.h"

tokenizer *load_tokenizer(const model_source *s, err *e);
char *load_template(const model_source *s, bool tools, err *e);  /* free(); NULL without an error: there is none */
bool load_sampling(const model_source *s, sample_params *p, err *e);
void load_stop_ids(const model_source *s, const tokenizer *t, token_list *out);
#endif
