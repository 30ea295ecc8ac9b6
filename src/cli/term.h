/* What the terminal can show, sizes and times as people read them, and progress with rate and remaining time.
 * Colours only on a terminal, and not with NO_COLOR or TERM=dumb. */
#ifndef PINGTI_CLI_TERM_H
#define PINGTI_CLI_TERM_H
#include <stdbool.h>
#include <stdint.h>

bool term_is(int fd);
bool term_colour(int fd);
int term_width(int fd); /* columns; 100 when it is not a terminal */

/* The sequence when fd takes colours, else "". */
#define TERM_BOLD "\x1b[1m"
#define TERM_DIM "\x1b[2m"
#define TERM_RED "\x1b[31m"
#define TERM_GREEN "\x1b[32m"
#define TERM_YELLOW "\x1b[33m"
#define TERM_CYAN "\x1b[36m"
#define TERM_PLAIN "\x1b[0m"
const char *term_seq(int fd, const char *sequence);

typedef struct shown {
    char text[32];
} shown;
shown show_bytes(uint64_t n);     /* "4.36 GiB" */
shown show_count(uint64_t n);     /* "7.62 B", "494 M" */
shown show_duration(double s);    /* "850 ms", "12 s", "3 min 20 s" */

/* Text from outside before it is shown: control bytes, which could drive a terminal, become '?'. In place. */
void term_tame(char *text);

double clock_seconds(void); /* monotonic */

/* Progress on standard error: redrawn on a terminal, a line now and then elsewhere. */
typedef struct progress {
    const char *what, *unit;
    double total, done, started, last;
    bool quiet, drawn;
    double before; /* of `done`: what was there when it started, left out of the rate */
} progress;
void progress_start(progress *p, const char *what, const char *unit, double total, bool quiet);
void progress_step(progress *p, double done);
void progress_end(progress *p);
#endif
