/* GGUF from arbitrary bytes: whatever opens is listed and read through every getter, and every tensor's data is touched. */
#include "base/mem.h"
#include "format/gguf_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_value(const gguf *g, const char *key) {
    int64_t i = 0;
    double r = 0;
    bool b = false;
    gguf_text t, *texts = NULL;
    float *reals = NULL;
    int32_t *whole = NULL;
    size_t n;
    gguf_int(g, key, INT64_MIN, INT64_MAX, &i, NULL);
    gguf_real(g, key, &r, NULL);
    gguf_bool(g, key, &b, NULL);
    gguf_str(g, key, &t, NULL);
    if (gguf_strings(g, key, &texts, &n, NULL))
        for (size_t k = 0; k < n; k++) i += texts[k].len ? texts[k].data[texts[k].len - 1] : 0;
    gguf_f32s(g, key, &reals, &n, NULL);
    gguf_i32s(g, key, &whole, &n, NULL);
    free(texts);
    free(reals);
    free(whole);
}

static void read_all(const gguf *g) {
    char shown[64], shape[96];
    volatile unsigned char sum = 0;
    for (size_t i = 0; i < gguf_n_keys(g); i++) {
        gguf_key_show(g, i, shown, sizeof shown);
        gguf_key_array_len(g, i);
        read_value(g, gguf_key(g, i));
    }
    const tensor_set *s = gguf_tensors(g);
    for (size_t i = 0; i < s->n; i++) {
        const unsigned char *d = s->items[i].data;
        sum = (unsigned char)(sum + d[0] + d[s->items[i].bytes - 1]);
        named_tensor_shape(&s->items[i], shape);
        gguf_tensor_type_name(g, i);
        if (tensor_set_find(s, s->items[i].name) != &s->items[i]) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[2048];
    err e = { 0 };
    gguf *g = gguf_from_bytes(data, size, "fuzz", size & 1, &e);
    if (g) read_all(g);
    else if (e.code == ERR_NONE) abort(); /* a refusal without a reason */
    else err_format(&e, text, sizeof text);
    gguf_close(g);
    return 0;
}
