/* Lines from a person: with editing and history on a terminal, plainly from standard input elsewhere. A message may span
 * lines: a line that ends in a backslash goes on, """ opens a block that """ closes. Main thread. */
#ifndef PINGTI_CLI_CHAT_LINE_H
#define PINGTI_CLI_CHAT_LINE_H
#include "base/buf.h"

typedef struct line_reader line_reader;
typedef enum line_status { LINE_TEXT, LINE_END, LINE_INTERRUPTED } line_status;

line_reader *line_open(void);
void line_close(line_reader *r); /* saves the history, readable by its owner alone */
bool line_is_terminal(const line_reader *r);
line_status line_read(line_reader *r, const char *prompt, buf *out); /* a whole message, without its last line end */
#endif
