/* Text that a command works on: an argument, a file, or standard input byte for byte. Caller owns the buffer. */
#ifndef PINGTI_CLI_INPUT_H
#define PINGTI_CLI_INPUT_H
#include "base/buf.h"
#include "base/err.h"
#include <stdint.h>

/* file and argument may be NULL; "-" or neither is standard input, refused when that is a terminal and nothing was said. */
bool input_text(const char *file, const char *argument, buf *out, err *e);
void input_note_broken(const buf *text); /* says on standard error when bytes will be read as U+FFFD */
/* Length of the printable code point at s, or 0. */
size_t input_printable(const char *s, size_t n, uint32_t *cp);
#endif
