/* One token of a request: sampled, and where the request has a grammar, among those that the grammar allows. Touches nothing but the
 * request and the scratch; any thread. */
#ifndef PINGTI_INFER_CONSTRAIN_H
#define PINGTI_INFER_CONSTRAIN_H
#include "infer/request_impl.h"

/* The token after tokens[0..n). False: there is none, r->error says why, and the request has to end with FINISH_ERROR. */
bool constrain_token(request *r, const float *logits, size_t n_vocab, size_t n_known, const int32_t *tokens, size_t n, sample_scratch *scratch,
                     sampled *out);
/* The grammar is complete and lets nothing follow: the request ends without asking the model for an end token. */
bool constrain_is_over(const request *r);
#endif
