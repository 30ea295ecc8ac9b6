/* Completion for three shells: scripts that know every command, option and choice, written from the option tables. Each appends a whole
 * script; completion.c is the command that prints them. */
#ifndef PINGTI_CLI_COMPLETION_H
#define PINGTI_CLI_COMPLETION_H
#include "base/buf.h"

void completion_bash(buf *out);
void completion_zsh(buf *out);
void completion_fish(buf *out);
#endif
