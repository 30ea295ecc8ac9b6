/* `run --receipt`: what an answer is made of is noted while it comes, and written when it is whole (infer/receipt.h, docs/receipts.md). */
#ifndef PINGTI_CLI_RECEIPT_H
#define PINGTI_CLI_RECEIPT_H
#include "cli/common_options.h"
#include "cli/model_files.h"
#include "infer/receipt.h"

typedef struct receipt_options {
    const char *file;
    bool private, text;
} receipt_options;
extern const opt_table receipt_table;

/* How the prompt's tokens came to be: what replay needs when the receipt does not hold them. */
typedef struct prompt_form {
    bool chat, special;
} prompt_form;

/* What the answer's callbacks note. */
typedef struct receipt_notes {
    digest_state text;
    token_list tokens;
    buf kept; /* the text itself, where it was asked for */
    uint64_t bytes;
    bool keep_text;
} receipt_notes;

void receipt_notes_begin(receipt_notes *n, bool keep_text);
void receipt_note_token(receipt_notes *n, int32_t id);
void receipt_note_text(receipt_notes *n, const char *text, size_t len);
void receipt_notes_free(receipt_notes *n);

const char *receipt_finish_name(finish_reason f);
/* The parts that `run` writes and `replay` makes anew to compare. */
json_t *receipt_output(receipt_notes *n, finish_reason finish); /* once */
json_t *receipt_model(const char *path, const model_files *f);
json_t *receipt_build(err *e);
json_t *receipt_template(const llm *l);

/* Refuses, before anything is computed, what could not be written afterwards. */
bool receipt_possible(const receipt_options *o, const generate_options *g, const grammar_source *grammar, err *e);
bool receipt_write(const receipt_options *o, const llm *l, const generate_options *g, const grammar_source *grammar, const prompt_form *form, const generate_result *r, receipt_notes *n, bool quiet, err *e);
#endif
