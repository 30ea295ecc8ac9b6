/* Standard output, whole even when the system takes it in parts. After a failure nothing more is written; a closed pipe
 * ends the program quietly, any other failure is reported once. Main thread. */
#ifndef PINGTI_CLI_OUT_H
#define PINGTI_CLI_OUT_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

bool out_write(const void *bytes, size_t n);
bool out_puts(const char *text);
bool out_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A model's words: on a terminal without the control bytes that could drive it. */
bool out_answer(const char *text, size_t n);
bool out_json(json_t *value, bool pretty); /* takes the reference over; a line */
bool out_failed(void);
int out_status(void); /* 0, or the exit status of what went wrong */

/* Text that may hold any bytes: invalid UTF-8 becomes U+FFFD, as JSON needs. */
json_t *out_json_text(const char *bytes, size_t n);
#endif
