/* The results of pingti bench as a table, read from the same JSON that --json prints. */
#include "cli/bench_serve.h"
#include "cli/term.h"
#include <stdio.h>
#include <string.h>

static double real_of(const json_t *j, const char *key) { return json_number_value(js_get(j, key)); }
static long long int_of(const json_t *j, const char *key) { return (long long)json_integer_value(js_get(j, key)); }

static bench_text percent(const json_t *j, const char *key) {
    bench_text t = { "" };
    if (js_get(j, key)) snprintf(t.text, sizeof t.text, "%.0f %%", 100 * real_of(j, key));
    return t;
}

static void print_row(const char *what, const char *tokens, long long depth, const json_t *j) {
    const char *limit = json_string_value(js_get(j, "limit"));
    out_printf("%-14s %9s %7lld %9s %9.2f %11s %7s %11s %7s  %s\n", what, tokens, depth, bench_time(real_of(j, "median_seconds")).text,
               real_of(j, "tokens_per_second"), bench_rate(real_of(j, "bytes_per_second"), "B/s").text, percent(j, "dram_share").text,
               bench_rate(real_of(j, "ops_per_second"), "OP/s").text, percent(j, "peak_share").text, limit ? limit : "");
    const json_t *e = js_get(j, "experts");
    if (!e) return;
    double share = real_of(e, "bytes") / real_of(j, "weight_bytes");
    out_printf("  experts: of %lld a layer, a step's rows choose %.1f and read %.1f different ones, each once: %.0f %% of the weights read\n", int_of(e, "all"),
               real_of(e, "chosen"), real_of(e, "read"), 100 * share);
}

static void print_batch(const json_t *j) {
    const json_t *parts[] = { js_get(j, "prompt"), js_get(j, "generate") };
    char what[32], tokens[32];
    for (int answer = 0; answer < 2; answer++) {
        if (!json_object_size(parts[answer])) continue;
        snprintf(what, sizeof what, "%lld x %s", int_of(j, "sequences"), answer ? "generate" : "prompt");
        snprintf(tokens, sizeof tokens, "%lld", int_of(j, answer ? "generated_tokens" : "prompt_tokens"));
        print_row(what, tokens, answer ? int_of(j, "prompt_tokens") : 0, parts[answer]);
    }
    if (json_object_size(parts[0]) && json_object_size(parts[1]))
        out_printf("%-14s %9s %7s %9s %9.2f\n", "  both", "", "", "", real_of(j, "total_tokens_per_second"));
}

static void print_memory(const json_t *results) {
    double least = 0, most = 0;
    size_t i, k;
    json_t *j, *each;
    json_array_foreach(results, i, j) {
        const json_t *from = js_get(j, "dram_share") ? j : js_get(j, json_object_size(js_get(j, "generate")) ? "generate" : "prompt");
        json_array_foreach(js_get(from, "dram_bytes_per_second"), k, each) {
            double rate = json_number_value(each);
            if ((!i && !k) || rate < least) least = rate;
            if ((!i && !k) || rate > most) most = rate;
        }
    }
    out_printf("\nMemory read beside the phases: %s", bench_rate(least, "B/s").text);
    if (most > 1.005 * least) out_printf(" to %s", bench_rate(most, "B/s").text);
    out_puts("; shares are of what was read just before and after each round, medians.\n");
}

void bench_print(const json_t *all) {
    const json_t *results = js_get(all, "results"), *machine = js_get(all, "machine");
    size_t i;
    json_t *j;
    char tokens[24];
    out_printf("%s, %s of weights; %s (%s), %lld threads, %s, cache %s; %s\n", json_string_value(js_get(all, "family")),
               show_bytes((uint64_t)int_of(all, "weight_bytes")).text, json_string_value(js_get(all, "backend")), json_string_value(js_get(all, "kernels")),
               int_of(all, "threads"), json_string_value(js_get(all, "precision")), json_string_value(js_get(all, "cache_type")),
               json_string_value(js_get(all, "processor")));
    if (machine)
        out_printf("peaks: int8 %s, bf16 %s, f32 %s\n", bench_rate(real_of(machine, "int8_ops"), "OP/s").text,
                   bench_rate(real_of(machine, "bf16_flops"), "OP/s").text, bench_rate(real_of(machine, "f32_flops"), "OP/s").text);
    if (json_array_size(results))
        out_printf("\n%-14s %9s %7s %9s %9s %11s %7s %11s %7s  %s\n", "what", "tokens", "depth", "median", "tokens/s", "read", "memory", "computed", "peak",
                   machine ? "limit" : "");
    json_array_foreach(results, i, j) {
        const char *kind = json_string_value(js_get(j, "kind"));
        if (strcmp(kind, "batch") == 0) {
            print_batch(j);
            continue;
        }
        snprintf(tokens, sizeof tokens, "%lld", int_of(j, "tokens"));
        print_row(kind, tokens, int_of(j, "depth"), j);
    }
    if (machine && json_array_size(results)) print_memory(results);
    if (js_get(all, "serving")) serve_print(js_get(all, "serving"));
}
