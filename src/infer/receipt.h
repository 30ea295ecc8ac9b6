/* Answer receipts: what an answer was computed from, as JSON of digests and parameters, so that `pingti replay` can compute it again and say
 * what differs. docs/receipts.md describes every field. A receipt is sealed by a digest of all its other fields: that finds damage and careless
 * editing; it is no signature. Receipts come from outside: receipt_read checks every field that the getters use. Plain functions; any thread. */
#ifndef PINGTI_INFER_RECEIPT_H
#define PINGTI_INFER_RECEIPT_H
#include "base/digest.h"
#include "base/json.h"
#include "infer/llm.h"

enum { RECEIPT_VERSION = 1, RECEIPT_MAX_BYTES = 64 << 20, RECEIPT_MAX_STOPS = 64 };

/* Parameters, prompt and engine settings of a receipt, in the form in which generate and the runner take them. Owns its arrays; the
 * strings are borrowed from the receipt. */
typedef struct receipt_request {
    generate_options generate; /* without callbacks; prompt NULL when the receipt does not hold it */
    int32_t *prompt;
    logit_bias *bias;
    const char *stop[RECEIPT_MAX_STOPS], *breakers[RECEIPT_MAX_STOPS];
    grammar_source grammar; /* neither text set: none */
    runner_options runner;
} receipt_request;

/* The parts of a receipt. NULL: something cannot be said in JSON (a text that is not UTF-8). grammar: what o->grammar was made of. */
json_t *receipt_parameters(const generate_options *o, const grammar_source *grammar, err *e);
json_t *receipt_engine(const runner *r); /* backend, kernels, precision, cache format, context */
digest receipt_token_digest(const int32_t *ids, size_t n);
json_t *receipt_tokens(const int32_t *ids, size_t n);

/* A model's digest is of the names and digests of its files, put in the order of the list. */
void receipt_digest_file(digest_state *s, const char *name, const char *of_file);

/* Adds the version, the digest of each part and the seal. */
void receipt_seal(json_t *receipt);
/* Parses, checks the version, the seal, every field and that they agree with one another. NULL with a reason, which names the part that was changed. */
json_t *receipt_read(const char *text, size_t n, const char *where, err *e);
bool receipt_request_of(const json_t *receipt, receipt_request *out, err *e);
void receipt_request_free(receipt_request *q);
#endif
