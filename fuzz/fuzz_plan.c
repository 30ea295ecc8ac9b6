/* Converting and quantizing GGUF files from arbitrary bytes: whatever a plan is made of gives every row, as stored and as numbers; the way
 * to Hugging Face checks the model's shapes first. */
#include "base/mem.h"
#include "convert/to_hf.h"
#include "format/gguf_bytes.h"
#include "quantize/quantize.h"
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1 << 20 }; /* elements of a tensor that are read: time, not safety */

static volatile float sum; /* so that what is read is not left out */

static void read_rows(const plan *p) {
    for (size_t i = 0; i < p->n; i++) {
        const plan_tensor *t = &p->tensors[i];
        if (!t->cols || t->rows > MOST / t->cols) continue;
        float *x = mem_must(t->cols, sizeof *x), *spare = mem_must(plan_spare(t) + 1, sizeof *spare);
        for (uint64_t r = 0; r < t->rows; r++) {
            if (plan_copies(t)) sum = (float)*(const unsigned char *)plan_row_bytes(t, r);
            plan_row_f32(t, r, x, spare);
            sum = x[0] + x[t->cols - 1];
        }
        free(x);
        free(spare);
    }
}

static void quantize(const model_source *s, uint8_t choice, err *e) {
    plan p = { 0 };
    mix_model m;
    quantizing q;
    quantize_options o = { .mix = { .mix = mix_at(choice % mix_count()), .output = -1, .embedding = -1 }, .requantize = choice & 128 };
    if (plan_from_gguf(&p, s, e) && mix_read_model(s->gguf, &m, e) && quantize_start(&q, &p, &m, &o, e)) {
        read_rows(&p);
        quantize_end(&q);
    } else if (e->code == ERR_NONE) abort(); /* a refusal without a reason */
    plan_free(&p);
}

static void convert(const model_source *s, err *e) {
    plan p = { 0 };
    model_spec *spec = mem_must(1, sizeof *spec);
    to_hf_options o = { .dequantize = true, .type = -1 };
    if (plan_to_hf(&p, s, &o, spec, e)) read_rows(&p);
    else if (e->code == ERR_NONE) abort();
    plan_free(&p);
    free(spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    err e = { 0 };
    gguf_text arch = { "", 0 };
    if (!size) return 0;
    gguf *g = gguf_from_bytes(data, size - 1, "fuzz", false, &e);
    if (g && gguf_str(g, "general.architecture", &arch, &e)) {
        model_source s = { .path = "fuzz", .gguf = g, .tensors = gguf_tensors(g), .file_bytes = size };
        snprintf(s.arch, sizeof s.arch, "%.*s", (int)(arch.len < 63 ? arch.len : 63), arch.data);
        quantize(&s, data[size - 1], &e);
        err_clear(&e);
        convert(&s, &e);
    }
    gguf_close(g);
    return 0;
}
