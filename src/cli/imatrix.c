/* pingti imatrix: what matters in each matrix of a model, measured on a text. */
#include "base/file.h"
#include "base/outfile.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/loaded.h"
#include "cli/out.h"
#include "cli/term.h"
#include "quantize/collect.h"
#include <stdio.h>
#include <string.h>

typedef struct imatrix_cli {
    model_choice choice;
    engine_options engine;
    const char *file, *output;
    opt_list in;
    int64_t chunks, from, save_every;
    bool resume, process_output, json, quiet;
} imatrix_cli;

#define AT(member) offsetof(imatrix_cli, member)
static const opt_row rows[] = {
    { "file", 'f', OPT_TEXT, AT(file), NULL, "FILE", NULL, 0, 0, "the text; a few hundred kilobytes of what the model will be used for" },
    { "output", 'o', OPT_TEXT, AT(output), "imatrix.gguf", "FILE", NULL, 0, 0, "the matrix to write, in the form of llama.cpp" },
    { "chunks", 0, OPT_INT, AT(chunks), "0", "N", NULL, 0, 1e9, "only N chunks of --ctx tokens (512); 0: all" },
    { "from-chunk", 0, OPT_INT, AT(from), "0", "N", NULL, 0, 1e9, "pass over the first N chunks" },
    { "in", 0, OPT_LIST, AT(in), NULL, "FILE", NULL, 0, 0, "add the sums of a matrix that is there (.gguf or the older .dat); may be given several times. Without a text: merge them" },
    { "save-every", 0, OPT_INT, AT(save_every), "32", "N", NULL, 0, 1e9, "write what there is every N chunks; 0: at the end alone" },
    { "resume", 0, OPT_FLAG, AT(resume), "off", NULL, NULL, 0, 0, "go on after the chunks that are in the output file" },
    { "process-output", 0, OPT_FLAG, AT(process_output), "off", NULL, NULL, 0, 0, "the output matrix too; costs a product with the whole vocabulary" },
    { "json", 0, OPT_FLAG, AT(json), "off", NULL, NULL, 0, 0, "the result as JSON" },
    { "quiet", 'q', OPT_FLAG, AT(quiet), "off", NULL, NULL, 0, 0, "no progress" },
};
#undef AT
static const opt_table table = { "Measuring", ROWS(rows) };

typedef struct task {
    const imatrix_cli *o;
    loaded l;
    imatrix m;
    collector c;
    token_list tokens;
    size_t window, from, to;
    int32_t bos;
    double seconds;
} task;

static void no_row(void *ctx, size_t position, const float *logits) { (void)ctx, (void)position, (void)logits; }

static bool run_chunk(task *k, size_t chunk, err *e) {
    int32_t *ids = mem_array(k->window, sizeof *ids, e);
    if (!ids) return false;
    memcpy(ids, k->tokens.ids + chunk * k->window, k->window * sizeof *ids);
    if (k->bos >= 0) ids[0] = k->bos;
    runner *r = k->l.runner;
    kv_name root = runner_root_name(r, runner_rope_choice(r, k->window), NULL, 0);
    seq s;
    seq_init(&s, ids, k->window, &root, runner_rope_choice(r, k->window), false);
    bool ok = loaded_run(r, &s, 0, k->window, 512, k->o->process_output ? no_row : NULL, NULL, e);
    seq_free(&s, runner_kv(r));
    free(ids);
    if (ok && k->c.trouble.code) return *e = k->c.trouble, false;
    if (!ok || !k->c.bad[0]) return ok;
    return err_set(e, ERR_FORMAT, "the input of '%s' is not finite in chunk %zu", k->c.bad, chunk) || err_hint(e, "the model is damaged, or overflows on this text");
}

/* A whole chunk counts or none of it: one that was broken off is not in the sums. */
static bool run_chunks(task *k, err *e) {
    progress p;
    bool ok = true;
    size_t done = 0;
    progress_start(&p, "measuring", "tokens", (double)((k->to - k->from) * k->window), k->o->quiet);
    for (size_t i = k->from; ok && i < k->to; i++) {
        imatrix one = { 0 };
        k->c.into = &one;
        ok = run_chunk(k, i, e) && imatrix_merge(&k->m, &one, e);
        imatrix_free(&one);
        if (ok) k->m.chunks++, done++;
        progress_step(&p, (double)(done * k->window));
        if (ok && k->o->save_every && done % (size_t)k->o->save_every == 0 && i + 1 < k->to) ok = imatrix_write(&k->m, k->o->output, e);
    }
    progress_end(&p);
    if (ok || e->code != ERR_CANCELLED || !k->m.n) return ok;
    err why;
    if (!imatrix_write(&k->m, k->o->output, &why)) return *e = why, false;
    return err_hint(e, "%u chunks are in '%s'; the same command with --resume goes on", k->m.chunks, k->o->output);
}

static bool cut(task *k, const char *path, const buf *text, err *e) {
    tokenizer *t = llm_open_tokenizer(path, e);
    if (!t) return false;
    bool ok = tokenizer_encode(t, buf_str(text), text->len, TOKENIZE_ADD_SPECIAL, &k->tokens, e);
    k->bos = tokenizer_adds_bos(t) ? tokenizer_bos(t) : -1;
    tokenizer_free(t);
    if (!ok) return false;
    size_t all = k->tokens.n / k->window;
    k->from = (size_t)k->o->from;
    k->to = k->o->chunks && k->from + (size_t)k->o->chunks < all ? k->from + (size_t)k->o->chunks : all;
    if (k->from < k->to) return true;
    err_set(e, ERR_USAGE, "the text is too short");
    err_where(e, "%s", k->o->file);
    if (k->from) err_expected(e, "more than the %zu chunks of %zu tokens that --from-chunk leaves out: at least %zu tokens", k->from, k->window, (k->from + 1) * k->window);
    else err_expected(e, "at least one chunk of %zu tokens", k->window);
    err_got(e, "%zu tokens", k->tokens.n);
    return err_hint(e, k->from ? "give a longer text, a smaller --ctx or a smaller --from-chunk" : "give a longer text or a smaller --ctx");
}

static bool in_vocabulary(const task *k, err *e) {
    for (size_t i = 0; i < k->tokens.n; i++)
        if (k->tokens.ids[i] < 0 || (size_t)k->tokens.ids[i] >= k->l.model->spec.vocab)
            return err_set(e, ERR_FORMAT, "the tokenizer has more tokens than the model") || err_hint(e, "tokenizer and weights are of different models");
    return true;
}

static bool read_others(task *k, err *e) {
    for (size_t i = 0; i < k->o->in.n; i++) {
        imatrix other;
        if (!imatrix_read(&other, k->o->in.items[i], e)) return false;
        bool ok = imatrix_merge(&k->m, &other, e);
        imatrix_free(&other);
        if (!ok) return err_where(e, "%s", k->o->in.items[i]);
    }
    return true;
}

/* The chunks that the output file has already. */
static bool take_up(task *k, err *e) {
    if (!k->o->resume || !file_exists(k->o->output)) return true;
    if (!imatrix_read(&k->m, k->o->output, e)) return false;
    if (k->m.chunk_tokens != k->window)
        return err_set(e, ERR_USAGE, "'%s' was measured in other chunks", k->o->output) || err_expected(e, "--ctx %u", k->m.chunk_tokens) || err_got(e, "%zu", k->window);
    k->from += k->m.chunks;
    return true;
}

static bool measure(task *k, const char *path, err *e) {
    buf text = { 0 };
    bool ok = input_text(k->o->file, NULL, &text, e) && cut(k, path, &text, e) && take_up(k, e);
    buf_free(&text);
    if (!ok || k->from >= k->to) return ok;
    if (!loaded_open(&k->l, path, &k->o->engine, (uint32_t)k->window, false, e) || !in_vocabulary(k, e)) return false;
    k->m.chunk_tokens = (uint32_t)k->window;
    bool named = false;
    for (size_t i = 0; i < k->m.n_datasets; i++) named = named || strcmp(k->m.datasets[i], k->o->file) == 0;
    if (!named) imatrix_add_dataset(&k->m, k->o->file);
    collect_start(&k->c, &k->m, k->l.model, k->o->process_output);
    runner_set_watch(k->l.runner, collect_watch, &k->c);
    interrupt_soft(true);
    ok = run_chunks(k, e);
    interrupt_soft(false);
    return ok;
}

static void print_result(const task *k) {
    size_t unseen = 0;
    for (size_t i = 0; i < k->m.n; i++)
        for (uint64_t c = 0; c < k->m.entries[i].n_counts; c++) unseen += k->m.entries[i].counts[c] == 0;
    if (k->o->json)
        out_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:f}", "file", k->o->output, "matrices", (json_int_t)k->m.n, "chunks", (json_int_t)k->m.chunks, "chunk_tokens", (json_int_t)k->m.chunk_tokens,
                           "experts_unseen", (json_int_t)unseen, "seconds", k->seconds), true);
    else out_printf("%s: %zu matrices, %u chunks of %u tokens, in %s\n", k->o->output, k->m.n, k->m.chunks, k->m.chunk_tokens, show_duration(k->seconds).text);
    if (unseen && !k->o->quiet) fprintf(stderr, "%zu expert matrices met no token of this text: they are quantized evenly. A longer or more varied text helps.\n", unseen);
}

static int run(const void *options, opt_state *s) {
    task k = { .o = options };
    err e = { 0 };
    k.window = k.o->engine.context ? (size_t)k.o->engine.context : 512;
    const char *path = k.o->file || !k.o->in.n ? choice_path(s, &k.o->choice, NULL, &e) : "";
    bool ok = path && (k.o->file || k.o->in.n || err_set(&e, ERR_USAGE, "no text was given") || err_expected(&e, "-f FILE, or --in FILE to merge"));
    if (ok && k.o->file && k.o->engine.memory_plan) return print_memory_plan(path, &k.o->engine, k.o->json);
    double began = clock_seconds();
    ok = ok && outfile_may_take(k.o->output, &e) && (!k.o->file || measure(&k, path, &e)) && read_others(&k, &e) && imatrix_write(&k.m, k.o->output, &e);
    k.seconds = clock_seconds() - began;
    if (ok) print_result(&k);
    int status = ok ? out_status() : cli_fail(&e);
    loaded_close(&k.l);
    token_list_free(&k.tokens);
    imatrix_free(&k.m);
    return status;
}

static const opt_part parts[] = { PART(model_choice_table, imatrix_cli, choice), { &table, 0 }, PART(engine_table, imatrix_cli, engine) };

const command command_imatrix = {
    { "imatrix", "imatrix -m MODEL -f TEXT [-o FILE] [options]",
      "Measures on a text how strongly each column of each matrix is used, so that `pingti quantize --imatrix` keeps those most exact that matter. "
      "MODEL is the 16-bit model that will be quantized, a GGUF file or a Hugging Face directory. Ctrl-C keeps what there is; --resume goes on.",
      "  pingti imatrix -m model.gguf -f calibration.txt -o model.imatrix.gguf\n"
      "  pingti imatrix --in part1.gguf --in part2.gguf -o both.gguf\n",
      parts, sizeof parts / sizeof *parts, 0, 0 },
    sizeof(imatrix_cli), run,
};
