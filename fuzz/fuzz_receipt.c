/* Answer receipts: arbitrary bytes as a receipt, read as `pingti replay` does; and once more with the right seal, so that the checks behind it
 * are reached. */
#include "infer/receipt.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_one(const char *text, size_t n) {
    err e = { 0 };
    char told[2048];
    receipt_request q;
    json_t *r = receipt_read(text, n, "receipt", &e);
    if (!r && e.code == ERR_NONE) abort();
    if (!r) err_format(&e, told, sizeof told);
    else if (!receipt_request_of(r, &q, &e)) abort(); /* receipt_read has checked all of it */
    else receipt_request_free(&q);
    json_decref(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_one((const char *)data, size);
    json_t *r = js_parse((const char *)data, size, "receipt", NULL);
    if (json_is_object(r)) {
        receipt_seal(r);
        char *text = json_dumps(r, JSON_COMPACT);
        if (text) read_one(text, strlen(text));
        free(text);
    }
    json_decref(r);
    return 0;
}
