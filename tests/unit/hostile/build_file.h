/* Builds GGUF and safetensors files in memory, malicious or not, and checks how they are received. The bytes are handed
 * over in a block of exactly their size, so that a read past the end is seen by the address sanitizer. */
#ifndef PINGTI_TESTS_BUILD_FILE_H
#define PINGTI_TESTS_BUILD_FILE_H
#include "unit/check.h"
#include "base/buf.h"
#include "format/gguf_bytes.h"
#include "format/safetensors_bytes.h"
#include <unistd.h>

#define UNUSED __attribute__((unused))

UNUSED static void put_le(buf *b, uint64_t v, int n) {
    for (int i = 0; i < n; i++) buf_putc(b, (char)(v >> (8 * i)));
}

UNUSED static void put_text(buf *b, const char *text) {
    put_le(b, strlen(text), 8);
    buf_puts(b, text);
}

UNUSED static void gguf_head(buf *b, uint64_t n_tensors, uint64_t n_keys) {
    buf_clear(b);
    buf_put(b, "GGUF", 4);
    put_le(b, 3, 4);
    put_le(b, n_tensors, 8);
    put_le(b, n_keys, 8);
}

UNUSED static void put_key(buf *b, const char *key, gguf_type type) {
    put_text(b, key);
    put_le(b, type, 4);
}

UNUSED static void put_key_u32(buf *b, const char *key, uint32_t v) {
    put_key(b, key, GGUF_U32);
    put_le(b, v, 4);
}

UNUSED static void put_key_text(buf *b, const char *key, const char *text) {
    put_key(b, key, GGUF_STRING);
    put_text(b, text);
}

UNUSED static void put_key_array(buf *b, const char *key, uint32_t of, uint64_t n) {
    put_key(b, key, GGUF_ARRAY);
    put_le(b, of, 4);
    put_le(b, n, 8);
}

/* One tensor entry; dims innermost first, as in the file. */
UNUSED static void put_tensor(buf *b, const char *name, uint32_t n_dims, const uint64_t *dims, uint32_t type, uint64_t offset) {
    put_text(b, name);
    put_le(b, n_dims, 4);
    for (uint32_t i = 0; i < n_dims; i++) put_le(b, dims[i], 8);
    put_le(b, type, 4);
    put_le(b, offset, 8);
}

/* Pads to the alignment, then n data bytes. */
UNUSED static void put_data(buf *b, size_t alignment, size_t n) {
    while (b->len % alignment) buf_putc(b, 0);
    for (size_t i = 0; i < n; i++) buf_putc(b, (char)i);
}

/* A whole small file: one key, one F32 tensor w of ne dims, `bytes` bytes of data. */
UNUSED static void small_gguf(buf *b, uint32_t n_dims, const uint64_t *dims, uint32_t type, uint64_t offset, size_t bytes) {
    gguf_head(b, 1, 1);
    put_key_text(b, "general.architecture", "llama");
    put_tensor(b, "w", n_dims, dims, type, offset);
    put_data(b, 32, bytes);
}

UNUSED static void *exact_copy(const void *data, size_t n) {
    void *p = malloc(n ? n : 1);
    assert_non_null(p);
    if (n) memcpy(p, data, n);
    return p;
}

UNUSED static void check_message(const err *e, err_code code, const char *part) {
    char shown[2048];
    err_format(e, shown, sizeof shown);
    if (e->code != code) fail_msg("error %s instead of %s: %s", err_code_name(e->code), err_code_name(code), shown);
    if (!strstr(shown, part)) fail_msg("'%s' is not in: %s", part, shown);
}

UNUSED static void gguf_refused(const buf *b, err_code code, const char *part) {
    err e = { 0 };
    void *bytes = exact_copy(b->data, b->len);
    gguf *g = gguf_from_bytes(bytes, b->len, "hostile.gguf", false, &e);
    assert_null(g);
    free(bytes);
    check_message(&e, code, part);
}

UNUSED static void gguf_accepted(const buf *b) {
    err e = { 0 };
    void *bytes = exact_copy(b->data, b->len);
    gguf *g = gguf_from_bytes(bytes, b->len, "benign.gguf", false, &e);
    check_ok(g != NULL, &e);
    gguf_close(g);
    free(bytes);
}

UNUSED static void put_safetensors(buf *b, const char *header, size_t data) {
    buf_clear(b);
    put_text(b, header);
    for (size_t i = 0; i < data; i++) buf_putc(b, (char)i);
}

UNUSED static void safetensors_bytes_refused(const void *data, size_t n, err_code code, const char *part) {
    err e = { 0 };
    void *bytes = exact_copy(data, n);
    assert_null(safetensors_from_bytes(bytes, n, "hostile.safetensors", &e));
    free(bytes);
    check_message(&e, code, part);
}

UNUSED static void safetensors_refused(const char *header, size_t data, const char *part) {
    buf b = { 0 };
    put_safetensors(&b, header, data);
    safetensors_bytes_refused(b.data, b.len, ERR_FORMAT, part);
    buf_free(&b);
}

UNUSED static void safetensors_accepted(const char *header, size_t data) {
    buf b = { 0 };
    err e = { 0 };
    put_safetensors(&b, header, data);
    void *bytes = exact_copy(b.data, b.len);
    safetensors *s = safetensors_from_bytes(bytes, b.len, "benign.safetensors", &e);
    check_ok(s != NULL, &e);
    safetensors_close(s);
    free(bytes);
    buf_free(&b);
}

UNUSED static void write_file(const char *dir, const char *name, const void *data, size_t n) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

/* A test that builds its files in one buffer: test(buf *b). */
#define RUN_BYTES(test)                  \
    static void run_##test(void **state) { \
        buf b = { 0 };                   \
        (void)state;                     \
        test(&b);                        \
        buf_free(&b);                    \
    }                                    \
    RUN_ONE(run_##test)

#define RUN_ONE(test)                                                  \
    int main(void) {                                                   \
        const struct CMUnitTest tests[] = { cmocka_unit_test(test) };  \
        return cmocka_run_group_tests(tests, NULL, NULL);              \
    }
#endif
