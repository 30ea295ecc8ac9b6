/* pingti bench --machine: what this machine can do at best. */
#include "backend/backend.h"
#include "base/cpu.h"
#include "cli/bench.h"
#include "cli/term.h"
#include <stdio.h>

bench_text bench_rate(double per_second, const char *unit) {
    static const char *const prefixes[] = { "", "k", "M", "G", "T" };
    bench_text t;
    int i = 0;
    while (i < 4 && per_second >= 1000) per_second /= 1000, i++;
    snprintf(t.text, sizeof t.text, "%.*f %s%s", per_second >= 99.95 ? 0 : per_second >= 9.995 ? 1 : 2, per_second, prefixes[i], unit);
    return t;
}

bench_text bench_time(double s) {
    static const char *const units[] = { "us", "ms", "s" };
    bench_text t;
    int u = 0;
    for (s *= 1e6; u < 2 && s >= 999.5; u++) s /= 1000;
    snprintf(t.text, sizeof t.text, "%.*f %s", s >= 99.95 ? 0 : s >= 9.995 ? 1 : 2, s, units[u]);
    return t;
}

bench_text bench_rate_short(double v) {
    bench_text t;
    int i = 0;
    for (; i < 4 && v >= 999.5; i++) v /= 1000;
    snprintf(t.text, sizeof t.text, "%.3g%s", v, (const char *[]){ "", " k", " M", " G", " T" }[i]);
    return t;
}

static void put_rate(json_t *j, const char *name, const char *one, probe_rate r) {
    if (!(r.all > 0)) return; /* not measured, or the cache's size is not known */
    json_object_set_new(j, name, json_real(r.all));
    if (r.one > 0) json_object_set_new(j, one, json_real(r.one));
}

void bench_put_limits(json_t *j, const probe_limits *l) {
    put_rate(j, "dram_read_bytes_per_second", "dram_read_bytes_per_second_1", l->dram);
    put_rate(j, "l3_read_bytes_per_second", "l3_read_bytes_per_second_1", l->l3);
    put_rate(j, "l2_read_bytes_per_second", "l2_read_bytes_per_second_1", l->l2);
    put_rate(j, "l1_read_bytes_per_second", "l1_read_bytes_per_second_1", l->l1);
    put_rate(j, "f32_flops", "f32_flops_1", l->f32);
    put_rate(j, "bf16_flops", "bf16_flops_1", l->bf16);
    put_rate(j, "int8_ops", "int8_ops_1", l->int8);
    json_object_set_new(j, "f32_instructions", json_string(l->f32_by));
    json_object_set_new(j, "bf16_instructions", json_string(l->bf16_by));
    json_object_set_new(j, "int8_instructions", json_string(l->int8_by));
    if (!(l->clock > 0)) return;
    json_object_set_new(j, "clock_hz", json_real(l->clock));
    json_object_set_new(j, "processor_share", json_real(l->processor_share));
    json_object_set_new(j, "dispatch_seconds", json_real(l->dispatch));
    json_object_set_new(j, "wake_seconds", json_real(l->wake));
}

static void print_line(const char *what, probe_rate r, const char *unit, const char *note) {
    if (r.all > 0) out_printf("%-22s %12s %14s   %s\n", what, bench_rate(r.one, unit).text, bench_rate(r.all, unit).text, note);
    else out_printf("%-22s %12s %14s   its size is not known here\n", what, "-", "-");
}

static void print_limits(const probe_limits *l, const probe *p) {
    char threads[32], buffer[64];
    snprintf(threads, sizeof threads, "%d thread%s", probe_threads(p), probe_threads(p) == 1 ? "" : "s");
    snprintf(buffer, sizeof buffer, "%s, four streams a thread", show_bytes(probe_buffer_bytes(p)).text);
    out_printf("%s; kernels %s\n\n", cpu_model_name(), backend_kernels_name());
    out_printf("%-22s %12s %14s\n", "", "1 thread", threads);
    print_line("memory, read", l->dram, "B/s", buffer);
    print_line("L3, read", l->l3, "B/s", "");
    print_line("L2, read", l->l2, "B/s", "");
    print_line("L1, read", l->l1, "B/s", "");
    print_line("f32 products", l->f32, "OP/s", l->f32_by);
    print_line("bf16 products", l->bf16, "OP/s", l->bf16_by);
    print_line("int8 products", l->int8, "OP/s", l->int8_by);
    out_printf("%-22s %12s\n", "clock", bench_rate(l->clock, "Hz").text);
    out_puts("\n");
    if (probe_threads(p) > 1) out_printf("%d threads meet and part in %.1f us, after a pause in %.1f us.\n", probe_threads(p), l->dispatch * 1e6, l->wake * 1e6);
    if (l->processor_share < 0.95)
        out_printf("Other work is on this machine: a busy thread was given %.0f %% of a processor, and all rates are lower for it.\n", 100 * l->processor_share);
    out_printf("Below %.0f int8 operations a byte read, memory is the limit.\n", l->int8.all / l->dram.all);
}

int bench_machine(const bench_options *o) {
    err e = { 0 };
    probe_limits l;
    probe *p = probe_new((int)o->engine.threads, &e);
    if (!p) return cli_fail(&e);
    probe_all(p, &l);
    json_t *j = json_pack("{s:s, s:s, s:i, s:I}", "processor", cpu_model_name(), "kernels", backend_kernels_name(), "threads", probe_threads(p),
                          "dram_buffer_bytes", (json_int_t)probe_buffer_bytes(p));
    bench_put_limits(j, &l);
    bool ok = !o->plot || bench_plot(o->plot, j, j, NULL, &e);
    if (ok && o->json) out_json(json_incref(j), true);
    else if (ok) print_limits(&l, p);
    json_decref(j);
    probe_free(p);
    return ok ? out_status() : cli_fail(&e);
}
