/* pingti quantize: a model's matrices in fewer bits. */
#include "base/cpu.h"
#include "cli/common_options.h"
#include "cli/interrupt.h"
#include "cli/model_path.h"
#include "cli/out.h"
#include "cli/term.h"
#include "convert/hf.h"
#include "quantize/quantize.h"
#include <stdio.h>
#include <string.h>

typedef struct quantize_cli {
    model_choice choice;
    const char *output, *type, *importance, *output_type, *embedding_type;
    opt_list rules;
    int64_t threads;
    bool pure, keep_output, requantize, dry_run, fresh, json, quiet;
} quantize_cli;

#define AT(member) offsetof(quantize_cli, member)
static const opt_row rows[] = {
    { "output", 'o', OPT_TEXT, AT(output), NULL, "FILE", NULL, 0, 0, "the .gguf file to write; it appears when it is whole" },
    { "type", 0, OPT_TEXT, AT(type), "Q4_K_M", "MIX", NULL, 0, 0, "Q8_0, Q6_K, Q5_K_M, Q5_K_S, Q4_K_M, Q4_K_S, IQ4_XS, IQ4_NL, Q4_0, Q4_1, Q5_0, Q5_1, BF16, F16, F32" },
    { "imatrix", 0, OPT_TEXT, AT(importance), NULL, "FILE", NULL, 0, 0, "what matters in each matrix, of `pingti imatrix` or llama-imatrix: the same bits lose less" },
    { "tensor", 0, OPT_LIST, AT(rules), NULL, "NAME=TYPE", NULL, 0, 0, "a format for tensors whose name fits a pattern ('blk.*.ffn_down.weight=Q6_K'); may be given several times" },
    { "output-type", 0, OPT_TEXT, AT(output_type), NULL, "TYPE", NULL, 0, 0, "format of the output matrix; not given: by the mix" },
    { "embedding-type", 0, OPT_TEXT, AT(embedding_type), NULL, "TYPE", NULL, 0, 0, "format of the embedding; not given: by the mix" },
    { "keep-output", 0, OPT_FLAG, AT(keep_output), "off", NULL, NULL, 0, 0, "leave the output matrix as it is" },
    { "pure", 0, OPT_FLAG, AT(pure), "off", NULL, NULL, 0, 0, "one format for all matrices, without the mix's exceptions" },
    { "requantize", 0, OPT_FLAG, AT(requantize), "off", NULL, NULL, 0, 0, "take a model that is quantized already; the losses add up" },
    { "threads", 't', OPT_INT, AT(threads), "0", "N", NULL, 0, 4096, "0: all processors of this process. The count never changes a byte" },
    { "dry-run", 0, OPT_FLAG, AT(dry_run), "off", NULL, NULL, 0, 0, "say which tensor gets which format and what the file would take, and stop" },
    { "fresh", 0, OPT_FLAG, AT(fresh), "off", NULL, NULL, 0, 0, "begin anew where an earlier run was broken off, instead of going on" },
    { "json", 0, OPT_FLAG, AT(json), "off", NULL, NULL, 0, 0, "the result as JSON" },
    { "quiet", 'q', OPT_FLAG, AT(quiet), "off", NULL, NULL, 0, 0, "no progress, no notes" },
};
#undef AT
static const opt_table table = { "Quantizing", ROWS(rows) };

static bool type_of(const char *text, int *out, err *e) {
    dtype t;
    *out = -1;
    if (!text) return true;
    if (dtype_from_name(text, &t) && dtype_to_gguf(t) >= 0) return *out = (int)t, true;
    return err_set(e, ERR_USAGE, "there is no format '%s'", text) || err_expected(e, "F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K, IQ4_XS, IQ4_NL, Q5_1, Q5_0, Q4_1 or Q4_0");
}

/* "PATTERN=TYPE"; the patterns are kept in `text`. */
static bool parse_rules(const opt_list *l, mix_rule **out, char ***text, err *e) {
    *out = mem_must(l->n ? l->n : 1, sizeof **out);
    *text = mem_must(l->n ? l->n : 1, sizeof **text);
    for (size_t i = 0; i < l->n; i++) {
        int type;
        const char *eq = strrchr(l->items[i], '=');
        if (!eq || eq == l->items[i]) return err_set(e, ERR_USAGE, "--tensor does not take this value") || err_expected(e, "NAME=TYPE, such as 'blk.*.ffn_down.weight=Q6_K'") || err_got(e, "'%s'", l->items[i]);
        if (!type_of(eq + 1, &type, e)) return false;
        (*text)[i] = mem_must_copy(l->items[i], (size_t)(eq - l->items[i]));
        (*out)[i] = (mix_rule){ (*text)[i], (dtype)type };
    }
    return true;
}

enum { MAX_KINDS = 32 };
typedef struct fallback_kind {
    uint64_t cols;
    dtype wanted, instead;
    size_t n;
    const char *first;
} fallback_kind;

typedef struct task {
    const quantize_cli *o;
    model_source *source;
    plan plan;
    mix_model model;
    imatrix importance;
    mix_rule *rules;
    char **rule_text;
    quantizing q;
    progress shown;
    size_t fallbacks, n_kinds;
    fallback_kind kinds[MAX_KINDS];
    double seconds;
    plan_written written;
    int threads;
} task;

/* One line for each kind: most models have rows of a few lengths. */
static void on_fallback(void *ctx, const plan_tensor *t, dtype wanted, dtype instead) {
    task *k = ctx;
    k->fallbacks++;
    for (size_t i = 0; i < k->n_kinds; i++)
        if (k->kinds[i].cols == t->cols && k->kinds[i].wanted == wanted) {
            k->kinds[i].n++;
            return;
        }
    if (k->n_kinds < MAX_KINDS) k->kinds[k->n_kinds++] = (fallback_kind){ t->cols, wanted, instead, 1, t->name };
}

static void say_fallbacks(const task *k) {
    for (size_t i = 0; i < k->n_kinds && !k->o->quiet; i++) {
        const fallback_kind *f = &k->kinds[i];
        fprintf(stderr, "%s instead of %s for %zu matrices: rows of %llu are not whole blocks of %llu ('%s'%s)\n", dtype_name(f->instead), dtype_name(f->wanted), f->n,
                (unsigned long long)f->cols, (unsigned long long)dtype_block_elems(f->wanted), f->first, f->n > 1 ? " and others" : "");
    }
}

static void on_progress(void *ctx, uint64_t done, uint64_t total) {
    task *k = ctx;
    if (!k->shown.what) progress_start(&k->shown, "quantizing", "MB", (double)total / 1e6, k->o->quiet);
    progress_step(&k->shown, (double)done / 1e6);
}

static plan_stop on_stop(void *ctx) { return (void)ctx, interrupt_seen() ? PLAN_STOP_LATER : PLAN_GO_ON; }

static bool make_plan(task *k, const char *path, err *e) {
    model_spec *spec = mem_must(1, sizeof *spec);
    bool stale = false, ok = (k->source = model_source_open(path, e)) != NULL;
    if (ok && k->source->gguf) ok = plan_from_gguf(&k->plan, k->source, e) && mix_read_model(k->source->gguf, &k->model, e);
    else if (ok) {
        ok = plan_from_hf(&k->plan, k->source, &(hf_options){ .type = -1 }, spec, &stale, e);
        k->model = (mix_model){ .layers = spec->layers, .heads = spec->heads, .kv_heads = spec->kv_heads, .experts = spec->router.experts };
        if (ok) snprintf(k->model.arch, sizeof k->model.arch, "%s", hf_gguf_arch(k->source->arch));
    }
    free(spec);
    return ok;
}

static bool prepare(task *k, const char *path, err *e) {
    const quantize_cli *o = k->o;
    quantize_options q = { .importance_name = o->importance, .requantize = o->requantize };
    q.mix = (mix_options){ .pure = o->pure, .keep_output = o->keep_output, .note = on_fallback, .ctx = k, .n_rules = o->rules.n };
    bool ok = (q.mix.mix = mix_find(o->type, e)) && type_of(o->output_type, &q.mix.output, e) && type_of(o->embedding_type, &q.mix.embedding, e) &&
              parse_rules(&o->rules, &k->rules, &k->rule_text, e) && (!o->importance || imatrix_read(&k->importance, o->importance, e)) && make_plan(k, path, e);
    if (!ok) return false;
    q.mix.rules = k->rules;
    q.importance = o->importance ? &k->importance : NULL;
    if (!quantize_start(&k->q, &k->plan, &k->model, &q, e)) return e->where[0] ? false : err_where(e, "%s", path);
    say_fallbacks(k);
    if (k->q.without && !o->quiet)
        fprintf(stderr, "The importance matrix does not know %zu of the matrices ('%s'%s): they are quantized without.\n", k->q.without, k->q.first_without, k->q.without > 1 ? " and others" : "");
    return true;
}

/* Bits of a weight on average. */
static double bits(uint64_t bytes, uint64_t parameters) { return parameters ? 8.0 * (double)bytes / (double)parameters : 0; }

typedef struct row_sum {
    size_t tensors;
    uint64_t parameters, bytes;
} row_sum;

static void sum_by_type(const plan *p, row_sum out[DTYPE_COUNT]) {
    memset(out, 0, DTYPE_COUNT * sizeof *out);
    for (size_t i = 0; i < p->n; i++) {
        row_sum *s = &out[p->tensors[i].to];
        s->tensors++;
        s->parameters += p->tensors[i].rows * p->tensors[i].cols;
        s->bytes += plan_tensor_bytes(&p->tensors[i], p->tensors[i].to);
    }
}

static uint64_t source_bytes(const task *k) {
    uint64_t n = 0;
    for (size_t i = 0; i < k->source->tensors->n; i++) n += k->source->tensors->items[i].bytes;
    return n;
}

static json_t *result_json(const task *k) {
    row_sum sums[DTYPE_COUNT];
    json_t *types = json_object(), *tensors = json_array();
    uint64_t all = plan_parameters(&k->plan), bytes = plan_bytes(&k->plan);
    sum_by_type(&k->plan, sums);
    for (int t = 0; t < DTYPE_COUNT; t++)
        if (sums[t].tensors)
            json_object_set_new(types, dtype_name((dtype)t), json_pack("{s:I, s:I, s:I}", "tensors", (json_int_t)sums[t].tensors, "parameters", (json_int_t)sums[t].parameters, "bytes", (json_int_t)sums[t].bytes));
    for (size_t i = 0; k->o->dry_run && i < k->plan.n; i++) {
        const plan_tensor *t = &k->plan.tensors[i];
        json_array_append_new(tensors, json_pack("{s:s, s:s, s:s, s:I}", "name", t->name, "from", dtype_name(t->from), "to", dtype_name(t->to), "bytes", (json_int_t)plan_tensor_bytes(t, t->to)));
    }
    json_t *j = json_pack("{s:s, s:I, s:f, s:I, s:f, s:I, s:o, s:I}", "mix", k->q.o.mix.mix->name, "source_bytes", (json_int_t)source_bytes(k), "source_bits", bits(source_bytes(k), all),
                          "bytes", (json_int_t)bytes, "bits", bits(bytes, all), "parameters", (json_int_t)all, "types", types, "fallbacks", (json_int_t)k->fallbacks);
    if (k->o->dry_run) json_object_set_new(j, "tensors", tensors);
    else {
        json_decref(tensors);
        json_object_update_new(j, json_pack("{s:s, s:I, s:f, s:I, s:i}", "file", k->o->output, "file_bytes", (json_int_t)k->written.bytes, "seconds", k->seconds, "resumed_bytes",
                                            (json_int_t)k->written.resumed_bytes, "threads", k->threads));
    }
    return j;
}

static void print_tensors(const task *k) {
    for (size_t i = 0; i < k->plan.n; i++) {
        const plan_tensor *t = &k->plan.tensors[i];
        out_printf("%-40s %-7s -> %-7s %12s\n", t->name, dtype_name(t->from), dtype_name(t->to), show_bytes(plan_tensor_bytes(t, t->to)).text);
    }
}

static void print_result(const task *k) {
    row_sum sums[DTYPE_COUNT];
    uint64_t all = plan_parameters(&k->plan), bytes = plan_bytes(&k->plan), from = source_bytes(k);
    if (k->o->dry_run) print_tensors(k);
    sum_by_type(&k->plan, sums);
    for (int t = 0; t < DTYPE_COUNT; t++)
        if (sums[t].tensors) out_printf("%-8s %5zu tensors %10s weights %12s\n", dtype_name((dtype)t), sums[t].tensors, show_count(sums[t].parameters).text, show_bytes(sums[t].bytes).text);
    out_printf("%s (%.2f bits a weight) -> %s (%.2f bits)\n", show_bytes(from).text, bits(from, all), show_bytes(bytes).text, bits(bytes, all));
    if (k->o->dry_run) return;
    out_printf("%s written in %s, %.0f MB/s of the source with %d threads", k->o->output, show_duration(k->seconds).text, (double)from / 1e6 / (k->seconds > 0 ? k->seconds : 1e-9), k->threads);
    if (k->written.resumed_bytes) out_printf("; %s were there from an earlier run", show_bytes(k->written.resumed_bytes).text);
    out_printf("\n");
}

static bool write_file(task *k, err *e) {
    double began = clock_seconds();
    pool *threads = pool_new(k->o->threads ? (int)k->o->threads : cpu_count());
    k->threads = pool_threads(threads);
    interrupt_soft(true);
    bool ok = quantize_write(&k->q, k->o->output, &(plan_write_options){ .pool = threads, .fresh = k->o->fresh, .progress = on_progress, .stop = on_stop, .progress_ctx = k }, &k->written, e);
    interrupt_soft(false);
    k->seconds = clock_seconds() - began;
    if (k->shown.what) progress_end(&k->shown);
    pool_free(threads);
    return ok;
}

static int run(const void *options, opt_state *s) {
    task k = { .o = options };
    err e = { 0 };
    const char *path = choice_path(s, &k.o->choice, NULL, &e);
    bool ok = path && (k.o->dry_run || k.o->output || err_set(&e, ERR_USAGE, "no file to write was given") || err_expected(&e, "-o FILE.gguf, or --dry-run"));
    ok = ok && (k.o->dry_run || model_spared(path, k.o->output, &e)) && prepare(&k, path, &e) && (k.o->dry_run || write_file(&k, &e));
    if (ok && k.o->json) out_json(result_json(&k), true);
    else if (ok) print_result(&k);
    int status = ok ? out_status() : cli_fail(&e);
    quantize_end(&k.q);
    plan_free(&k.plan);
    model_source_close(k.source);
    imatrix_free(&k.importance);
    for (size_t i = 0; k.rule_text && i < k.o->rules.n; i++) free(k.rule_text[i]);
    free(k.rule_text);
    free(k.rules);
    return status;
}

static const opt_part parts[] = { PART(model_choice_table, quantize_cli, choice), { &table, 0 } };

const command command_quantize = {
    { "quantize", "quantize -m MODEL -o FILE [options]",
      "Stores a model's matrices in fewer bits: smaller, faster, a little less exact. MODEL is a GGUF file or a Hugging Face directory in 16 or 32 bits. "
      "A mix gives the matrices that suffer most more bits; an importance matrix lets the same bits lose less. A run that was broken off goes on "
      "where it stopped when the same command is given again, and the file has the same bytes.",
      "  pingti imatrix -m model.gguf -f text.txt -o model.imatrix\n"
      "  pingti quantize -m model.gguf --imatrix model.imatrix --type Q4_K_M -o model-Q4_K_M.gguf\n"
      "  pingti quantize -m model.gguf --type IQ4_XS --dry-run\n",
      parts, sizeof parts / sizeof *parts, 0, 0 },
    sizeof(quantize_cli), run,
};
