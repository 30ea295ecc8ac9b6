/* pingti bench: how fast the machine is, how fast a model runs on it, and how near the one comes to the other. */
#include "cli/bench_kernels.h"
#include <stdio.h>
#include <string.h>

#define AT(member) offsetof(bench_options, member)
static const opt_row rows[] = {
    { "machine", 0, OPT_FLAG, AT(machine), "off", NULL, NULL, 0, 0, "measure the machine alone: memory, caches, clock, arithmetic peaks, threads" },
    { "kernels", 0, OPT_TEXT, AT(kernels), NULL, "REGEX", BENCH_ALL_KERNELS, 0, 0, "every op against the scalar reference, then timed: the cases whose name matches, such as 'linear Q4_0 .* M=8 '" },
    { "prompt-lengths", 'p', OPT_TEXT, AT(prompts), "512", "N,N", NULL, 0, 0, "prompt lengths to measure, with commas; 0: none" },
    { "gen-lengths", 'n', OPT_TEXT, AT(generates), "64", "N,N", NULL, 0, 0, "how many tokens to generate one by one; 0: none" },
    { "depth", 'd', OPT_INT, AT(depth), "0", "N", NULL, 0, 1e9, "tokens that are in the cache before generating begins" },
    { "sequences", 's', OPT_TEXT, AT(sequences), NULL, "N,N", NULL, 0, 0, "also so many sequences at once, each with a prompt of its own (-p) and an answer (-n)" },
    { "first-token", 0, OPT_FLAG, AT(first_token), "off", NULL, NULL, 0, 0, "prompts through the engine: the time from a request to its first token" },
    { "streams", 0, OPT_TEXT, AT(streams), NULL, "N,N", NULL, 0, 0, "prompts through the engine: the gaps between the tokens of so many other answers while the longest prompt is read" },
    { "limits", 0, OPT_FLAG, AT(limits), "on", NULL, NULL, 0, 0, "measure the machine beside the model and show shares of its limits; --no-limits: the model alone" },
    { "plot", 0, OPT_TEXT, AT(plot), NULL, "FILE", NULL, 0, 0, "a roofline picture (SVG) of what was reached and what the machine allows" },
    { "repeat", 'r', OPT_INT, AT(repeats), "3", "N", NULL, 1, BENCH_MAX_REPEATS, "repetitions; the median counts" },
    { "json", 0, OPT_FLAG, AT(json), "off", NULL, NULL, 0, 0, "the results as JSON" },
    { "quiet", 'q', OPT_FLAG, AT(quiet), "off", NULL, NULL, 0, 0, "no progress" },
};
#undef AT
static const opt_table table = { "Measuring", ROWS(rows) };

bool bench_lengths(const char *text, const char *option, lengths *l, err *e) {
    char word[24];
    for (l->n = 0; *text; text += *text == ',') {
        size_t n = strcspn(text, ",");
        uint64_t v;
        snprintf(word, sizeof word, "%.*s", (int)(n < 23 ? n : 23), text);
        if (!opt_parse_size(word, &v) || v > 1u << 30 || l->n == BENCH_MAX_LENGTHS)
            return err_set(e, ERR_USAGE, "--%s does not take this value", option) || err_expected(e, "at most %d lengths, such as 128,512,4k", BENCH_MAX_LENGTHS) ||
                   err_got(e, "'%s'", word);
        if (v) l->items[l->n++] = v;
        text += n;
    }
    return true;
}

size_t bench_longest(const lengths *l) {
    size_t most = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->items[i] > most) most = l->items[i];
    return most;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double bench_median(double *x, size_t n) {
    qsort(x, n, sizeof *x, by_value);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static int run(const void *options, opt_state *s) {
    const bench_options *o = options;
    err e = { 0 };
    if (o->plot && !o->limits) {
        err_set(&e, ERR_USAGE, "--plot shows the machine's limits, and --no-limits measures none");
        return cli_fail(&e);
    }
    if (o->machine) return bench_machine(o);
    if (o->kernels) return bench_kernels(o, opt_arg(s, 0) ? opt_arg(s, 0) : o->kernels);
    const char *path = choice_path(s, &o->choice, opt_arg(s, 0), &e);
    if (!path) return cli_fail(&e);
    return o->engine.memory_plan ? print_memory_plan(path, &o->engine, o->json) : bench_model(o, path);
}

static const opt_part parts[] = { PART(model_choice_table, bench_options, choice), { &table, 0 }, PART(engine_table, bench_options, engine) };

const command command_bench = {
    { "bench", "bench -m MODEL [options] | bench --machine | bench --kernels [REGEX]",
      "Measures how fast a model reads prompts and generates tokens here, as the median of repetitions after one uncounted round, and "
      "what share that is of this machine's own limits: what its memory can be read at, measured beside each phase, and its "
      "arithmetic peaks. --machine shows those limits alone, --kernels every op by itself. Close other work first.",
      "  pingti bench --machine\n"
      "  pingti bench -m model.gguf\n"
      "  pingti bench -m model.gguf -p 128,512,4k -n 128 -d 4k -r 5\n"
      "  pingti bench -m model.gguf -p 128 -n 128 --sequences 1,2,4,8,16 --plot roofline.svg\n"
      "  pingti bench -m model.gguf -p 8k -n 0 --streams 1,3,7 --first-token\n"
      "  pingti bench -m model.gguf --threads 8 --json\n"
      "  pingti bench --kernels \"linear Q4_0 .* M=(1|8) fast\"\n",
      parts, sizeof parts / sizeof *parts, 0, 1 },
    sizeof(bench_options), run,
};
