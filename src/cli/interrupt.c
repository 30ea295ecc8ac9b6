#include "cli/interrupt.h"
#include "cli/cli.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static _Atomic(engine *) watched;
static atomic_bool soft;
static atomic_int count, patience = 2;
static int wake[2] = { -1, -1 }; /* a signal that comes just before a wait must end it all the same */

static void on_signal(int number) {
    (void)number;
    engine *e = atomic_load(&watched);
    if ((!e && !atomic_load(&soft)) || atomic_fetch_add(&count, 1) + 1 >= atomic_load(&patience)) _exit(EXIT_INTERRUPTED);
    if (e) engine_cancel_all(e);
    int kept = errno;
    if (wake[1] >= 0 && write(wake[1], "", 1) < 0) { /* full: it is readable anyway */
    }
    errno = kept;
}

void interrupt_install(void) {
    if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0) wake[0] = wake[1] = -1;
    struct sigaction a = { .sa_handler = on_signal };
    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    a.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &a, NULL);
    sigaction(SIGXFSZ, &a, NULL);
}

void interrupt_watch(engine *e) { atomic_store(&watched, e); }
void interrupt_soft(bool on) { atomic_store(&soft, on); }
void interrupt_patience(int n) { atomic_store(&patience, n); }
bool interrupt_seen(void) { return atomic_load(&count) > 0; }
int interrupt_fd(void) { return wake[0]; }

void interrupt_clear(void) {
    char drained[16];
    while (wake[0] >= 0 && read(wake[0], drained, sizeof drained) > 0) {
    }
    atomic_store(&count, 0);
}
