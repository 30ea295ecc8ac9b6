/* Importance matrices from arbitrary bytes, in both forms: whatever is read gives weights for every matrix and merges with itself. */
#include "base/mem.h"
#include "quantize/imatrix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    imatrix m, again;
    err e = { 0 };
    if (!imatrix_from_bytes(&m, data, size, "fuzz", &e)) {
        if (e.code == ERR_NONE) abort(); /* a refusal without a reason */
        return 0;
    }
    for (size_t i = 0; i < m.n; i++) {
        float *w = mem_must(m.entries[i].cols, sizeof *w);
        for (uint64_t k = 0; k < m.entries[i].matrices; k++) imatrix_weights(&m.entries[i], k, w);
        free(w);
    }
    if (imatrix_from_bytes(&again, data, size, "fuzz", &e)) {
        if (!imatrix_merge(&m, &again, &e)) abort();
        imatrix_free(&again);
    }
    imatrix_free(&m);
    return 0;
}
