/* Ctrl-C. Until work is under way it ends the program at once; afterwards the first one asks the work to stop and the
 * second ends the program. Every ending by it has exit status 130. Main thread installs; the handler runs anywhere. */
#ifndef PINGTI_CLI_INTERRUPT_H
#define PINGTI_CLI_INTERRUPT_H
#include "infer/engine.h"

void interrupt_install(void);          /* SIGINT as above; SIGTERM the same; SIGPIPE and SIGXFSZ (a limit of file sizes) become a failed write */
void interrupt_watch(engine *e);       /* from now on Ctrl-C cancels its requests; NULL: no longer */
void interrupt_soft(bool on);          /* Ctrl-C sets the flag alone */
void interrupt_patience(int n);         /* so many Ctrl-C before the program ends (2); 1: at once; a chat takes more */
bool interrupt_seen(void);
int interrupt_fd(void);                /* readable once one was seen: for waiting on it beside other things */
void interrupt_clear(void);
#endif
