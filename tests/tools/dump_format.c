/* Prints what the readers of src/format find in a GGUF or safetensors file, one line each, values and data as BLAKE2b
 * sums: for the comparison with other implementations (tests/clients/formats.py).
 * usage: dump_format FILE      exit 1: the file was refused, the reason on standard error */
#include "format/gguf_bytes.h"
#include "format/safetensors.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void print_sum(const void *data, size_t n) {
    unsigned char sum[16];
    crypto_generichash(sum, sizeof sum, data, n, NULL, 0);
    for (size_t i = 0; i < sizeof sum; i++) printf("%02x", sum[i]);
}

static void print_tensor(const named_tensor *t, const char *type) {
    printf("tensor %s %s", t->name, type);
    for (uint32_t i = 0; i < t->n_dims; i++) printf("%c%" PRIu64, i ? 'x' : ' ', t->dims[i]);
    printf(t->n_dims ? " %" PRIu64 " " : " scalar %" PRIu64 " ", t->bytes);
    print_sum(t->data, (size_t)t->bytes);
    printf("\n");
}

static int refused(const err *e) {
    char text[2048];
    err_format(e, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    return 1;
}

static int dump_gguf(const char *path) {
    err e = { 0 };
    gguf *g = gguf_open(path, true, &e);
    if (!g) return refused(&e);
    for (size_t i = 0; i < gguf_n_keys(g); i++) {
        gguf_text v = gguf_key_bytes(g, i);
        printf("key %s %d", gguf_key(g, i), (int)gguf_key_type(g, i));
        if (gguf_key_type(g, i) == GGUF_ARRAY) printf(" %d %" PRIu64, (int)gguf_key_array_type(g, i), gguf_key_array_len(g, i));
        printf(" ");
        print_sum(v.data, v.len);
        printf("\n");
    }
    for (size_t i = 0; i < gguf_tensors(g)->n; i++) print_tensor(&gguf_tensors(g)->items[i], gguf_tensor_type_name(g, i));
    gguf_close(g);
    return 0;
}

static int dump_safetensors(const char *path) {
    err e = { 0 };
    safetensors *s = safetensors_open(path, &e);
    if (!s) return refused(&e);
    for (size_t i = 0; i < safetensors_tensors(s)->n; i++) {
        const named_tensor *t = &safetensors_tensors(s)->items[i];
        print_tensor(t, dtype_name(t->type));
    }
    for (size_t i = 0; i < safetensors_others(s)->n; i++) printf("skipped %s\n", safetensors_others(s)->items[i].name);
    safetensors_close(s);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2 || sodium_init() < 0) return fprintf(stderr, "usage: dump_format FILE\n"), 2;
    size_t n = strlen(argv[1]);
    return n > 5 && strcmp(argv[1] + n - 5, ".gguf") == 0 ? dump_gguf(argv[1]) : dump_safetensors(argv[1]);
}
