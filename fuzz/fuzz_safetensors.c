/* safetensors from arbitrary bytes: whatever opens has every tensor's data touched. */
#include "base/mem.h"
#include "format/safetensors_bytes.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size) {
    char text[2048];
    volatile unsigned char sum = 0;
    err e = { 0 };
    safetensors *s = safetensors_from_bytes(data, size, "fuzz", &e);
    if (!s && e.code == ERR_NONE) abort();
    if (!s) err_format(&e, text, sizeof text);
    for (size_t i = 0; s && i < safetensors_tensors(s)->n; i++) {
        const named_tensor *t = &safetensors_tensors(s)->items[i];
        const unsigned char *d = t->data;
        if (t->bytes) sum = (unsigned char)(sum + d[0] + d[t->bytes - 1]);
    }
    safetensors_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check(data, size);
    size_t header = 0; /* also with a true header length, so that mutations of the text get past the first check */
    while (header < size && data[header] != 0) header++;
    uint8_t *framed = mem_must(size + 8, 1);
    for (int i = 0; i < 8; i++) framed[i] = (uint8_t)(header >> (8 * i));
    if (size) memcpy(framed + 8, data, size);
    check(framed, size + 8);
    free(framed);
    return 0;
}
