/* pingti bench --kernels: every op of the cpu backend against the scalar reference, then timed (after FFmpeg's and dav1d's checkasm). */
#include "cli/bench_kernels.h"
#include "backend/backend.h"
#include "base/cache.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "cli/interrupt.h"
#include "cli/term.h"
#include "tensor/quant.h"
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

enum { MIN_RUNS = 5, MAX_RUNS = 1000 };
#define MIN_SECONDS 0.03
#define BOUND 1e-5 /* of the largest value: f32 sums in another order, another expf */

struct kernel_run {
    const bench_options *o;
    regex_t pattern;
    arena *mem;     /* of the group */
    arena *scratch; /* of a call */
    pool *pool;
    const backend *cpu, *reference;
    probe_limits limits;
    json_t *results;
    uint64_t state; /* of the random numbers */
    size_t n, failed;
    bool seen[OP_COUNT];
};

/* ---- for groups ---- */

bool kernel_wanted(kernel_run *k, const char *name) { return !interrupt_seen() && regexec(&k->pattern, name, 0, NULL, 0) == 0; }
arena *kernel_memory(kernel_run *k) { return k->mem; }

fwd kernel_fwd(const kernel_run *k, bool reference, precision p) {
    arena_reset(k->scratch);
    return (fwd){ .backend = reference ? k->reference : k->cpu, .mem = k->scratch, .pool = reference ? NULL : k->pool, .precision = p };
}

void kernel_call(const fwd *f, const tape_record *r) {
    switch (r->op) {
#define OP(NAME)                                                                                                       \
    case OP_ID_##NAME: f->backend->NAME(f, &r->u.NAME); return;
#include "op/ops.def"
#undef OP
    default: return;
    }
}

static prof_work work_of(const fwd *f, const tape_record *r) {
    switch (r->op) {
#define OP(NAME)                                                                                                       \
    case OP_ID_##NAME: op_##NAME##_check(&r->u.NAME); return op_##NAME##_work(f, &r->u.NAME);
#include "op/ops.def"
#undef OP
    default: return (prof_work){ 0 };
    }
}

void kernel_compare(kernel_cmp *c, const float *got, const float *want, uint64_t n) {
    if (memcmp(got, want, n * sizeof *got) != 0) c->differs = true;
    for (uint64_t i = 0; i < n; i++) {
        bool number = got[i] - got[i] == 0, wanted = want[i] - want[i] == 0;
        if (number != wanted) c->not_finite = true;
        if (!number || !wanted) continue;
        c->largest = fmax(c->largest, fabs((double)want[i]));
        c->error = fmax(c->error, fabs((double)got[i] - (double)want[i]));
    }
}

/* xorshift64* (Vigna 2016): weights by the million, of which nothing but variety is asked. */
static uint64_t next_bits(kernel_run *k) {
    k->state ^= k->state >> 12;
    k->state ^= k->state << 25;
    k->state ^= k->state >> 27;
    return k->state * 0x2545f4914f6cdd1dull;
}

float kernel_random(kernel_run *k) { return (float)(int32_t)(next_bits(k) >> 32) * 0x1p-31f; }

tensor *kernel_floats(kernel_run *k, uint64_t rows, uint64_t cols) {
    tensor *t = arena_must(k->mem, 1, sizeof *t);
    *t = tensor_view_f32(arena_must(k->mem, rows * cols, sizeof(float)), rows, cols);
    for (uint64_t i = 0; i < rows * cols; i++) ((float *)t->data)[i] = kernel_random(k);
    return t;
}

size_t kernel_cold_copies(uint64_t bytes) {
    uint64_t cache = cache_of_level(3).bytes, enough = 2 * (cache ? cache : 32u << 20);
    if (enough > 256u << 20) enough = 256u << 20;
    return bytes >= enough ? 1 : (size_t)(enough / (bytes + 1)) + 1;
}

/* Formats that nothing here can encode are random bytes; the mask keeps every f16 among them below 2. */
static void fill_row(kernel_run *k, dtype t, uint64_t cols, uint64_t bytes, float *scratch, uint8_t *row) {
    const quant_traits *q = quant_of(t);
    if (q->from_f32) {
        for (uint64_t i = 0; i < cols; i++) scratch[i] = 0.05f * kernel_random(k);
        q->from_f32(scratch, row, cols);
        return;
    }
    for (uint64_t i = 0; i < bytes; i++) row[i] = (uint8_t)(next_bits(k) >> 56) & (i % 2 ? 0xbb : 0xff);
}

static void *pack(kernel_run *k, const tensor *w) {
    uint64_t units = k->cpu->place_units ? k->cpu->place_units(w) : 0;
    if (!units) return NULL;
    void *at = arena_must(k->mem, units, k->cpu->place_unit_bytes(w));
    k->cpu->place(w, 0, units, at);
    return at;
}

weight *kernel_weight(kernel_run *k, dtype t, uint32_t n, uint64_t rows, uint64_t cols, bool packed) {
    weight *w = arena_must(k->mem, 1, sizeof *w);
    uint64_t bytes = 0;
    dtype_row_bytes(t, cols, &bytes);
    w->w = (tensor){ .type = t, .n = n, .rows = rows, .cols = cols, .stride = bytes, .data = arena_must(k->mem, n * rows, bytes) };
    w->name = "random";
    float *scratch = arena_must(k->mem, cols, sizeof *scratch);
    for (uint64_t r = 0; r < n * rows; r++) fill_row(k, t, cols, bytes, scratch, (uint8_t *)w->w.data + r * bytes);
    if (packed) w->w.packed = pack(k, &w->w);
    return w;
}

weight *kernel_weight_copy(kernel_run *k, const weight *w, bool packed) {
    weight *c = arena_must(k->mem, 1, sizeof *c);
    *c = *w;
    if (packed && w->w.packed) c->w.packed = pack(k, &w->w);
    else {
        uint64_t bytes = w->w.n * w->w.rows * w->w.stride;
        c->w.data = arena_must(k->mem, bytes, 1);
        memcpy(c->w.data, w->w.data, bytes);
    }
    return c;
}

/* ---- timing ---- */

static double time_calls(const kernel_run *k, const kernel_case *c, size_t *at, size_t n) {
    double start = clock_seconds();
    for (size_t i = 0; i < n; i++) {
        fwd f = kernel_fwd(k, false, c->precision);
        kernel_call(&f, &c->calls[(*at)++ % c->n_calls]);
    }
    return (clock_seconds() - start) / (double)n;
}

/* Seconds of one call: the median of runs of at least some tens of microseconds. */
static double time_case(const kernel_run *k, const kernel_case *c) {
    double times[MAX_RUNS], all = 0;
    size_t at = 0, n = 0;
    double once = time_calls(k, c, &at, 1);
    size_t together = once < 50e-6 ? (size_t)(50e-6 / (once > 1e-7 ? once : 1e-7)) : 1;
    while (n < MIN_RUNS || (all < MIN_SECONDS && n < MAX_RUNS)) {
        times[n] = time_calls(k, c, &at, together);
        all += times[n++] * (double)together;
    }
    return bench_median(times, n);
}

/* ---- reports ---- */

static const char *verdict_of(const kernel_case *c, bool *ok, char *text, size_t cap) {
    double relative = c->cmp.error / (c->cmp.largest > 0 ? c->cmp.largest : 1);
    *ok = !c->cmp.not_finite && !c->cmp.unsteady && (c->same_bits ? !c->cmp.differs : relative <= BOUND);
    if (c->cmp.not_finite) return "FAILED: not a number";
    if (c->cmp.unsteady) return "FAILED: a row depends on the number of rows";
    if (!c->cmp.differs) return "same bits";
    snprintf(text, cap, "%s%.1e (bound %s)", *ok ? "" : "FAILED: ", relative, c->same_bits ? "0" : "1e-5");
    return text;
}

static double sum_at_peaks(const kernel_run *k, const prof_work *w) {
    const double peaks[PROF_UNITS] = { [OP_UNIT_F32] = k->limits.f32.all, [OP_UNIT_BF16] = k->limits.bf16.all, [OP_UNIT_INT8] = k->limits.int8.all };
    double t = 0;
    for (int u = 0; u < PROF_UNITS && k->limits.f32.all > 0; u++) t += (double)w->ops[u] / peaks[u];
    return t;
}

static void show_share(double part, double seconds, char out[16]) {
    if (part > 0) snprintf(out, 16, "%.0f %%", 100 * part / seconds);
    else out[0] = 0;
}

/* Weights and cached keys come from memory; ops on activations alone read and write what the op before left in a cache. */
static bool reads_memory(op_id op) {
    return op == OP_ID_linear || op == OP_ID_linear_heads || op == OP_ID_moe_linear || op == OP_ID_attn || op == OP_ID_embed;
}

void kernel_finish(kernel_run *k, const kernel_case *c) {
    fwd f = kernel_fwd(k, false, c->precision);
    prof_work w = work_of(&f, &c->calls[0]);
    double bytes = (double)(w.weight_bytes + w.cache_bytes), ops = 0;
    for (int u = 0; u < PROF_UNITS; u++) ops += (double)w.ops[u];
    if (!reads_memory(c->calls[0].op)) bytes += (double)w.row_bytes;
    double seconds = time_case(k, c), at_memory = k->limits.dram.all > 0 && reads_memory(c->calls[0].op) ? bytes / k->limits.dram.all : 0, at_peak = sum_at_peaks(k, &w);
    char text[64], memory[16], peak[16];
    bool ok;
    const char *verdict = verdict_of(c, &ok, text, sizeof text);
    k->n++;
    k->failed += !ok;
    k->seen[c->calls[0].op] = true;
    show_share(at_memory, seconds, memory);
    show_share(at_peak, seconds, peak);
    if (!k->o->json)
        out_printf("%-42s %10s %11s %6s %12s %6s  %s\n", c->name, bench_time(seconds).text, bench_rate(bytes / seconds, "B/s").text, memory,
                   ops > 0 ? bench_rate(ops / seconds, "OP/s").text : "", peak, verdict);
    json_array_append_new(k->results, json_pack("{s:s, s:s, s:b, s:b, s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "name", c->name, "op", op_name(c->calls[0].op), "ok", (int)ok,
                                                "same_bits", (int)!c->cmp.differs, "relative_error", c->cmp.error / (c->cmp.largest > 0 ? c->cmp.largest : 1),
                                                "nanoseconds", seconds * 1e9, "bytes_per_second", bytes / seconds, "ops_per_second", ops / seconds,
                                                "dram_share", at_memory / seconds, "peak_share", at_peak / seconds, "verdict", verdict));
}

/* ---- the command ---- */

static void each_group(kernel_run *k) {
    void (*const groups[])(kernel_run *) = { kernel_cases_linear, kernel_cases_experts, kernel_cases_attention, kernel_cases_rows };
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        groups[i](k);
        arena_reset(k->mem);
    }
}

static void say_end(const kernel_run *k, const char *pattern, double dram_after) {
    out_printf("\n%zu cases, %zu failed", k->n, k->failed);
    if (dram_after > 0) out_printf("; memory read before %s, after %s", bench_rate(k->limits.dram.all, "B/s").text, bench_rate(dram_after, "B/s").text);
    out_puts("\n");
    for (int op = 0; op < OP_COUNT && strcmp(pattern, BENCH_ALL_KERNELS) == 0; op++)
        if (!k->seen[op]) out_printf("no case for op %s\n", op_name((op_id)op));
}

static int report(kernel_run *k, const char *pattern, double dram_after) {
    err e = { 0 };
    if (interrupt_seen()) err_set(&e, ERR_CANCELLED, "interrupted after %zu cases", k->n);
    else if (!k->n) err_set(&e, ERR_USAGE, "no kernel case matches '%s'", pattern), err_hint(&e, "names are like 'linear Q4_0 4864x896 M=8 fast'");
    if (e.code) return cli_fail(&e);
    if (!k->o->json) say_end(k, pattern, dram_after);
    else {
        json_t *machine = json_object();
        bench_put_limits(machine, &k->limits);
        out_json(json_pack("{s:s, s:s, s:i, s:o, s:O, s:I}", "processor", cpu_model_name(), "kernels", backend_kernels_name(), "threads", pool_threads(k->pool),
                           "machine", machine, "results", k->results, "failed", (json_int_t)k->failed), true);
    }
    return k->failed ? EXIT_ERROR : out_status();
}

int bench_kernels(const bench_options *o, const char *pattern) {
    err e = { 0 };
    kernel_run k = { .o = o, .cpu = backend_find("cpu"), .reference = backend_find("cpu_ref"), .state = 0x9e3779b97f4a7c15ull,
                     .limits = { .f32_by = "", .bf16_by = "", .int8_by = "" } };
    int wrong = regcomp(&k.pattern, pattern, REG_EXTENDED | REG_NOSUB);
    if (wrong) {
        char why[100];
        regerror(wrong, &k.pattern, why, sizeof why);
        err_set(&e, ERR_USAGE, "--kernels does not take this pattern");
        err_expected(&e, "an extended regular expression, such as \"linear Q4_0 .*\"");
        err_got(&e, "'%.80s': %s", pattern, why);
        return cli_fail(&e);
    }
    k.pool = pool_new(o->engine.threads > 0 ? (int)o->engine.threads : cpu_count());
    k.mem = arena_new(0);
    k.scratch = arena_new(0);
    k.results = json_array();
    probe *p = o->limits ? probe_new(pool_threads(k.pool), &e) : NULL;
    if (p) probe_peaks(p, &k.limits);
    if (p) k.limits.dram = (probe_rate){ probe_dram(p, false), probe_dram(p, true) };
    if (!o->json) out_printf("%s; kernels %s, %d threads; shares of memory read and of the arithmetic peak\n\n", cpu_model_name(), backend_kernels_name(), pool_threads(k.pool));
    interrupt_soft(true);
    each_group(&k);
    interrupt_soft(false);
    int status = report(&k, pattern, p ? probe_dram(p, true) : 0);
    probe_free(p);
    json_decref(k.results);
    arena_free(k.scratch);
    arena_free(k.mem);
    pool_free(k.pool);
    regfree(&k.pattern);
    return status;
}
