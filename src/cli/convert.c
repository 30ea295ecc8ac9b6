/* pingti convert: a Hugging Face directory to a GGUF file, or back. */
#include "base/cpu.h"
#include "cli/common_options.h"
#include "cli/interrupt.h"
#include "cli/model_path.h"
#include "cli/out.h"
#include "cli/term.h"
#include "convert/hf.h"
#include "convert/to_hf.h"
#include "model/arch.h"
#include <stdio.h>
#include <string.h>

typedef struct convert_cli {
    model_choice choice;
    const char *output, *name, *pre;
    int type;
    uint64_t shard;
    int64_t threads;
    bool no_originals, dequantize, fresh, json, quiet;
} convert_cli;

enum { TYPE_AUTO };
static const dtype types[] = { DTYPE_COUNT, DTYPE_BF16, DTYPE_F16, DTYPE_F32, DTYPE_Q8_0 };

#define AT(member) offsetof(convert_cli, member)
static const opt_row rows[] = {
    { "output", 'o', OPT_TEXT, AT(output), NULL, "PATH", NULL, 0, 0, "the .gguf file to write; from a .gguf file: the directory" },
    { "outtype", 0, OPT_CHOICE, AT(type), "auto", NULL, "auto|bf16|f16|f32|q8_0", 0, 0,
      "format of the matrices; auto: as they are (FP8 becomes BF16). Norms and vectors are F32 in GGUF files, as its readers expect" },
    { "name", 0, OPT_TEXT, AT(name), NULL, "TEXT", NULL, 0, 0, "what the model is called; not given: by its model card or directory" },
    { "pre", 0, OPT_TEXT, AT(pre), NULL, "NAME", NULL, 0, 0, "how GGUF calls the tokenizer's splitting rules; not given: found by comparing what they do" },
    { "no-originals", 0, OPT_FLAG, AT(no_originals), "off", NULL, NULL, 0, 0, "leave out the directory's own small files, which the way back needs to lose nothing" },
    { "dequantize", 0, OPT_FLAG, AT(dequantize), "off", NULL, NULL, 0, 0, "to a directory: write block formats as 16-bit values; what quantizing lost does not come back" },
    { "shard-size", 0, OPT_SIZE, AT(shard), "5G", "SIZE", NULL, 0, 1e18, "to a directory: begin a new safetensors file at this size; 0: one file" },
    { "threads", 't', OPT_INT, AT(threads), "0", "N", NULL, 0, 4096, "0: all processors of this process" },
    { "fresh", 0, OPT_FLAG, AT(fresh), "off", NULL, NULL, 0, 0, "begin anew where an earlier run was broken off, instead of going on" },
    { "json", 0, OPT_FLAG, AT(json), "off", NULL, NULL, 0, 0, "the result as JSON" },
    { "quiet", 'q', OPT_FLAG, AT(quiet), "off", NULL, NULL, 0, 0, "no progress, no notes" },
};
#undef AT
static const opt_table table = { "Converting", ROWS(rows) };

typedef struct task {
    const convert_cli *o;
    model_source *source;
    model_spec spec;
    plan plan;
    plan_written written;
    progress shown;
    double seconds;
} task;

static void on_progress(void *ctx, uint64_t done, uint64_t total) {
    task *k = ctx;
    if (!k->shown.what) progress_start(&k->shown, "converting", "MB", (double)total / 1e6, k->o->quiet);
    progress_step(&k->shown, (double)done / 1e6);
}

static plan_stop on_stop(void *ctx) { return (void)ctx, interrupt_seen() ? PLAN_STOP_LATER : PLAN_GO_ON; }

/* What does not come along is said. */
static void say_left_out(const task *k) {
    const arch *a = arch_for_hf(k->source->arch);
    size_t heads = 0, fp8 = 0;
    int il;
    for (size_t i = 0; i < k->source->tensors->n; i++) {
        const named_tensor *t = &k->source->tensors->items[i];
        heads += a && a->mtp_layers && sscanf(t->name, "model.layers.%d.", &il) == 1 && il >= (int)k->spec.layers;
        fp8 += t->type == DTYPE_F8_E4M3;
    }
    if (heads) fprintf(stderr, "%zu tensors of multi-token prediction heads are left out: nothing here computes them.\n", heads);
    if (fp8) fprintf(stderr, "%zu FP8 tensors become %s: GGUF has no FP8.\n", fp8, k->o->type == TYPE_AUTO ? "BF16" : dtype_name(types[k->o->type]));
}

static void say_stale(void) {
    fprintf(stderr, "gguf_metadata.gguf is of another state of this directory: the metadata is made anew from the files.\n");
}

static bool forward(task *k, const plan_write_options *w, err *e) {
    bool stale = false;
    hf_options o = { .type = k->o->type == TYPE_AUTO ? -1 : (int)types[k->o->type], .name = k->o->name, .pre = k->o->pre, .originals = !k->o->no_originals };
    if (!plan_from_hf(&k->plan, k->source, &o, &k->spec, &stale, e)) return false;
    if (stale && !k->o->quiet) say_stale();
    for (size_t i = 0; i < k->plan.n; i++) /* only Q8_0 has blocks */
        if (k->plan.tensors[i].cols % dtype_block_elems(k->plan.tensors[i].to)) k->plan.tensors[i].to = DTYPE_F16;
    if (!k->o->quiet) say_left_out(k);
    return plan_write_gguf(&k->plan, k->o->output, w, &k->written, e);
}

static bool backward(task *k, const plan_write_options *w, err *e) {
    to_hf_options o = { k->o->dequantize, k->o->type == TYPE_AUTO ? -1 : (int)types[k->o->type], k->o->shard };
    if (k->o->type != TYPE_AUTO && types[k->o->type] == DTYPE_Q8_0) return err_set(e, ERR_USAGE, "safetensors has no Q8_0") || err_expected(e, "--outtype bf16, f16 or f32");
    return plan_to_hf(&k->plan, k->source, &o, &k->spec, e) && to_hf_write(&k->plan, &k->spec, k->o->output, &o, w, &k->written, e);
}

static void print_result(const task *k) {
    if (k->o->json) {
        out_json(json_pack("{s:s, s:I, s:I, s:I, s:f, s:I, s:I}", "output", k->o->output, "tensors", (json_int_t)k->plan.n, "bytes", (json_int_t)k->written.bytes, "source_bytes",
                           (json_int_t)k->written.source_bytes, "seconds", k->seconds, "resumed_bytes", (json_int_t)k->written.resumed_bytes, "removed_files",
                           (json_int_t)k->written.removed), true);
        return;
    }
    out_printf("%s: %zu tensors, %s, in %s (%.0f MB/s)", k->o->output, k->plan.n, show_bytes(k->written.bytes).text, show_duration(k->seconds).text,
               (double)k->written.source_bytes / 1e6 / (k->seconds > 0 ? k->seconds : 1e-9));
    if (k->written.removed) out_printf("; %zu files of an earlier run with another --shard-size were removed", k->written.removed);
    if (k->written.resumed_bytes) out_printf("; %s were there from an earlier run", show_bytes(k->written.resumed_bytes).text);
    out_printf("\n");
}

/* Towards GGUF there is one file. */
static bool shards_wanted(const opt_state *s, err *e) {
    if (opt_source_of(s, "shard-size") != OPT_FROM_ARGS) return true;
    return err_set(e, ERR_USAGE, "--shard-size does nothing on the way to a .gguf file") || err_hint(e, "it cuts safetensors files; leave it out");
}

static int run(const void *options, opt_state *s) {
    task *k = mem_must(1, sizeof *k);
    k->o = options;
    err e = { 0 };
    const char *path = choice_path(s, &k->o->choice, NULL, &e);
    bool ok = path && (k->o->output || err_set(&e, ERR_USAGE, "no place to write to was given") || err_expected(&e, "-o FILE.gguf, or -o DIRECTORY for a .gguf file"));
    ok = ok && model_spared(path, k->o->output, &e) && (k->source = model_source_open(path, &e));
    double began = clock_seconds();
    pool *threads = ok ? pool_new(k->o->threads ? (int)k->o->threads : cpu_count()) : NULL;
    plan_write_options w = { .pool = threads, .fresh = k->o->fresh, .progress = on_progress, .stop = on_stop, .progress_ctx = k };
    interrupt_soft(true);
    ok = ok && (k->source->gguf || shards_wanted(s, &e)) && (k->source->gguf ? backward : forward)(k, &w, &e);
    interrupt_soft(false);
    k->seconds = clock_seconds() - began;
    if (k->shown.what) progress_end(&k->shown);
    if (ok) print_result(k);
    int status = ok ? out_status() : cli_fail(&e);
    pool_free(threads);
    plan_free(&k->plan);
    model_source_close(k->source);
    free(k);
    return status;
}

static const opt_part parts[] = { PART(model_choice_table, convert_cli, choice), { &table, 0 } };

const command command_convert = {
    { "convert", "convert -m MODEL -o PATH [options]",
      "A Hugging Face directory becomes a GGUF file as llama.cpp reads it, or a GGUF file a Hugging Face directory as transformers reads it, "
      "without loss: matrices keep their format, and the directory's own files travel inside the GGUF file, so that the way back gives the same "
      "tensors and texts. A run that was broken off goes on where it stopped when the same command is given again.",
      "  pingti convert -m Qwen2.5-0.5B-Instruct -o qwen2.5-0.5b.gguf\n"
      "  pingti convert -m qwen2.5-0.5b.gguf -o Qwen2.5-0.5B-again\n"
      "  pingti convert -m model-Q4_K_M.gguf -o model-16bit --dequantize\n",
      parts, sizeof parts / sizeof *parts, 0, 0 },
    sizeof(convert_cli), run,
};
