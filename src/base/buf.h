/* Growable byte buffer. data is always NUL-terminated after the first put. Owned by whoever declares it; zero-initialise,
 * free with buf_free. A limit (0 = none) makes further puts set `full` and do nothing: check it once at the end. */
#ifndef PINGTI_BASE_BUF_H
#define PINGTI_BASE_BUF_H
#include <stdbool.h>
#include <stddef.h>

typedef struct buf {
    char *data;
    size_t len, cap, limit;
    bool full;
} buf;

bool buf_put(buf *b, const void *bytes, size_t n);
bool buf_puts(buf *b, const char *text);
bool buf_putc(buf *b, char c);
bool buf_printf(buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool buf_reserve(buf *b, size_t more);
void buf_clear(buf *b);  /* empty, memory kept */
void buf_free(buf *b);
char *buf_take(buf *b);  /* the bytes, NUL-terminated, now the caller's to free(); the buffer is empty */
const char *buf_str(const buf *b); /* never NULL */
#endif
