#include "base/prof.h"
#include "base/mem.h"
#include "base/outstream.h"
#include <assert.h>
#include <string.h>
#include <time.h>

/* name: of the table, or a pass or a layer. */
enum { EVENT_PASS = -2, EVENT_LAYER = -1 };
typedef struct event {
    double start, seconds;
    int name, layer;
    uint64_t weight_bytes, cache_bytes, ops, rows;
} event;

struct prof {
    const char *const *names;
    size_t n_names, n_layers;
    prof_sum *sums; /* [n_layers + 1][n_names]; the last row is what lies outside of the layers */
    event *events;
    size_t cap, n;  /* n: how many ever came; they lie at their number modulo cap */
    int layer;
    double begun, layer_begun, seconds;
    uint64_t passes, rows, rows_now;
    bool under_way;
};

double prof_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

prof *prof_new(const char *const *names, size_t n_names, size_t layers, size_t events) {
    prof *p = mem_must(1, sizeof *p);
    *p = (prof){ .names = names, .n_names = n_names, .n_layers = layers, .cap = events, .layer = PROF_NO_LAYER };
    p->sums = mem_must((layers + 1) * n_names, sizeof *p->sums);
    if (events) p->events = mem_must(events, sizeof *p->events);
    return p;
}

void prof_free(prof *p) {
    if (!p) return;
    free(p->sums);
    free(p->events);
    free(p);
}

static void put_event(prof *p, event ev) {
    if (p->cap) p->events[p->n++ % p->cap] = ev;
}

static size_t row_of(const prof *p, int layer) { return layer >= 0 && (size_t)layer < p->n_layers ? (size_t)layer : p->n_layers; }

void prof_pass_begin(prof *p, size_t rows) {
    assert(!p->under_way);
    p->under_way = true;
    p->rows_now = rows;
    p->layer = PROF_NO_LAYER;
    p->begun = prof_now();
}

void prof_set_layer(prof *p, int layer) {
    double now = prof_now();
    if (p->layer != PROF_NO_LAYER) put_event(p, (event){ .start = p->layer_begun, .seconds = now - p->layer_begun, .name = EVENT_LAYER, .layer = p->layer });
    p->layer = layer;
    p->layer_begun = now;
}

void prof_pass_end(prof *p) {
    if (p->layer != PROF_NO_LAYER) prof_set_layer(p, PROF_NO_LAYER);
    double seconds = prof_now() - p->begun;
    put_event(p, (event){ .start = p->begun, .seconds = seconds, .name = EVENT_PASS, .layer = PROF_NO_LAYER, .rows = p->rows_now });
    p->seconds += seconds;
    p->passes++;
    p->rows += p->rows_now;
    p->under_way = false;
}

void prof_add(prof *p, size_t name, double start, const prof_work *w) {
    assert(name < p->n_names);
    prof_sum *s = &p->sums[row_of(p, p->layer) * p->n_names + name];
    double seconds = prof_now() - start;
    s->calls++;
    s->seconds += seconds;
    s->weight_bytes += w->weight_bytes;
    s->cache_bytes += w->cache_bytes;
    s->row_bytes += w->row_bytes;
    uint64_t ops = 0;
    for (int u = 0; u < PROF_UNITS; u++) {
        s->ops[u] += w->ops[u];
        ops += w->ops[u];
    }
    put_event(p, (event){ start, seconds, (int)name, p->layer, w->weight_bytes, w->cache_bytes, ops, 0 });
}

void prof_clear(prof *p) {
    assert(!p->under_way);
    memset(p->sums, 0, (p->n_layers + 1) * p->n_names * sizeof *p->sums);
    p->n = 0;
    p->seconds = 0;
    p->passes = p->rows = 0;
}

/* ---- sums ---- */

static void sum_into(prof_sum *to, const prof_sum *s) {
    to->calls += s->calls;
    to->seconds += s->seconds;
    to->weight_bytes += s->weight_bytes;
    to->cache_bytes += s->cache_bytes;
    to->row_bytes += s->row_bytes;
    for (int u = 0; u < PROF_UNITS; u++) to->ops[u] += s->ops[u];
}

prof_sum prof_of_name(const prof *p, size_t name) {
    prof_sum all = { 0 };
    for (size_t l = 0; l <= p->n_layers; l++) sum_into(&all, &p->sums[l * p->n_names + name]);
    return all;
}

prof_sum prof_of_layer(const prof *p, int layer) {
    prof_sum all = { 0 };
    for (size_t i = 0; i < p->n_names; i++) sum_into(&all, &p->sums[row_of(p, layer) * p->n_names + i]);
    return all;
}

prof_sum prof_total(const prof *p) {
    prof_sum all = { 0 };
    for (size_t i = 0; i < (p->n_layers + 1) * p->n_names; i++) sum_into(&all, &p->sums[i]);
    return all;
}

double prof_pass_seconds(const prof *p) { return p->seconds; }
uint64_t prof_passes(const prof *p) { return p->passes; }
uint64_t prof_rows(const prof *p) { return p->rows; }
uint64_t prof_lost_events(const prof *p) { return p->n > p->cap ? p->n - p->cap : 0; }

/* ---- for a person ---- */

static void print_line(FILE *to, const char *what, const prof_sum *s, double all) {
    uint64_t bytes = s->weight_bytes + s->cache_bytes, ops = 0;
    for (int u = 0; u < PROF_UNITS; u++) ops += s->ops[u];
    fprintf(to, "%-14s %8llu %10.2f %6.1f%%", what, (unsigned long long)s->calls, s->seconds * 1e3, all > 0 ? 100 * s->seconds / all : 0);
    if (bytes && s->seconds > 0) fprintf(to, " %10.1f %8.1f", (double)bytes / 1e6, (double)bytes / 1e9 / s->seconds);
    else fprintf(to, " %10s %8s", "", "");
    if (ops && s->seconds > 0) fprintf(to, " %8.1f", (double)ops / 1e9 / s->seconds);
    fputc('\n', to);
}

typedef struct name_sum {
    const char *name;
    prof_sum sum;
} name_sum;

static int by_time(const void *a, const void *b) {
    double x = ((const name_sum *)a)->sum.seconds, y = ((const name_sum *)b)->sum.seconds;
    return x > y ? -1 : x < y;
}

static void print_names(const prof *p, FILE *to) {
    name_sum *all = mem_must(p->n_names, sizeof *all);
    for (size_t i = 0; i < p->n_names; i++) all[i] = (name_sum){ p->names[i], prof_of_name(p, i) };
    qsort(all, p->n_names, sizeof *all, by_time);
    for (size_t i = 0; i < p->n_names; i++)
        if (all[i].sum.calls) print_line(to, all[i].name, &all[i].sum, p->seconds);
    free(all);
}

void prof_print(const prof *p, FILE *to) {
    prof_sum all = prof_total(p), rest = { .calls = p->passes, .seconds = p->seconds - all.seconds };
    char what[32];
    fprintf(to, "\n%llu passes, %llu rows, %.2f ms\n", (unsigned long long)p->passes, (unsigned long long)p->rows, p->seconds * 1e3);
    fprintf(to, "%-14s %8s %10s %7s %10s %8s %8s\n", "op", "calls", "ms", "share", "MB read", "GB/s", "GOP/s");
    print_names(p, to);
    print_line(to, "between ops", &rest, p->seconds);
    print_line(to, "all", &all, p->seconds);
    fprintf(to, "\n%-14s %8s %10s %7s %10s %8s %8s\n", "layer", "calls", "ms", "share", "MB read", "GB/s", "GOP/s");
    for (size_t l = 0; l <= p->n_layers; l++) {
        prof_sum s = prof_of_layer(p, l < p->n_layers ? (int)l : PROF_NO_LAYER);
        snprintf(what, sizeof what, l < p->n_layers ? "%zu" : "outside", l);
        if (s.calls) print_line(to, what, &s, p->seconds);
    }
}

/* ---- the trace ---- */

static void write_event(const prof *p, const event *ev, double zero, FILE *f) {
    char layer[32];
    snprintf(layer, sizeof layer, "layer %d", ev->layer);
    const char *name = ev->name == EVENT_PASS ? "pass" : ev->name == EVENT_LAYER ? layer : p->names[ev->name];
    fprintf(f, "{\"name\":\"%s\",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":%.3f,\"dur\":%.3f,\"args\":{", name,
            ev->name == EVENT_PASS ? "pass" : ev->name == EVENT_LAYER ? "layer" : "op", (ev->start - zero) * 1e6, ev->seconds * 1e6);
    if (ev->name == EVENT_PASS) fprintf(f, "\"rows\":%llu", (unsigned long long)ev->rows);
    else fprintf(f, "\"layer\":%d", ev->layer);
    if (ev->name >= 0)
        fprintf(f, ",\"weight_bytes\":%llu,\"cache_bytes\":%llu,\"ops\":%llu", (unsigned long long)ev->weight_bytes, (unsigned long long)ev->cache_bytes,
                (unsigned long long)ev->ops);
    fprintf(f, "}}");
}

static double earliest(const prof *p, size_t first) {
    double zero = p->n > first ? p->events[first % p->cap].start : 0;
    for (size_t i = first; i < p->n; i++)
        if (p->events[i % p->cap].start < zero) zero = p->events[i % p->cap].start;
    return zero;
}

bool prof_write_trace(const prof *p, const char *path, err *e) {
    outstream out;
    if (!outstream_open(&out, path, e)) return false;
    FILE *f = out.f;
    size_t first = (size_t)prof_lost_events(p);
    double zero = earliest(p, first);
    fprintf(f, "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"passes\":%llu,\"pass_seconds\":%.9f,\"op_seconds\":%.9f,\"lost_events\":%zu},\n\"traceEvents\":[",
            (unsigned long long)p->passes, p->seconds, prof_total(p).seconds, first);
    for (size_t i = first; i < p->n; i++) {
        fputs(i == first ? "\n" : ",\n", f);
        write_event(p, &p->events[i % p->cap], zero, f);
    }
    fputs("\n]}\n", f);
    return outstream_finish(&out, e);
}
