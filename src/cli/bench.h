/* What the parts of `pingti bench` share: its options, and the machine's limits that everything is shown as a share of. */
#ifndef PINGTI_CLI_BENCH_H
#define PINGTI_CLI_BENCH_H
#include "backend/cpu/probe.h"
#include "base/json.h"
#include "cli/common_options.h"
#include "cli/out.h"

#define BENCH_ALL_KERNELS ".*" /* what --kernels means alone */
enum { BENCH_MAX_LENGTHS = 16, BENCH_MAX_REPEATS = 1000 };

typedef struct bench_options {
    model_choice choice;
    engine_options engine;
    int64_t repeats, depth;
    const char *prompts, *generates, *sequences, *streams, *plot, *kernels;
    bool machine, first_token, limits, json, quiet;
} bench_options;

/* Numbers with commas, zeros left out. */
typedef struct lengths {
    size_t n, items[BENCH_MAX_LENGTHS];
} lengths;
bool bench_lengths(const char *text, const char *option, lengths *l, err *e);
size_t bench_longest(const lengths *l);
double bench_median(double *x, size_t n); /* sorts x */

/* The machine (bench_machine.c). */
int bench_machine(const bench_options *o);
void bench_put_limits(json_t *object, const probe_limits *l); /* every key of the limits; the peaks alone when nothing else was measured */

/* A model (bench_model.c). */
int bench_model(const bench_options *o, const char *path);
void bench_print(const json_t *results); /* the table of its JSON (bench_print.c) */

/* "12.3 GB/s", "456 GOP/s": decimal units, as hardware is described. */
typedef struct bench_text {
    char text[24];
} bench_text;
bench_text bench_rate(double per_second, const char *unit);
bench_text bench_time(double seconds); /* three digits: "412 us", "12.3 ms" */
bench_text bench_rate_short(double per_second); /* "10 G" */

/* The roofline picture (bench_plot.c) of `results` under the limits in `machine`; `all` names model, threads and kernels. */
bool bench_plot(const char *path, const json_t *all, const json_t *machine, const json_t *results, err *e);
#endif
