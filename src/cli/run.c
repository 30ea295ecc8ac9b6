/* pingti run: one prompt, one text. The text alone goes to standard output. */
#include "cli/common_options.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/out.h"
#include "cli/profile.h"
#include "cli/prompt.h"
#include "cli/receipt.h"
#include "cli/term.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct run_options {
    model_choice choice;
    engine_options engine;
    sampling_options sampling;
    receipt_options receipt;
    const char *file, *system;
    bool chat, heal, special, show_special, json, stream_json, quiet;
} run_options;

#define AT(member) offsetof(run_options, member)
static const opt_row rows[] = {
    { "file", 'f', OPT_TEXT, AT(file), NULL, "FILE", NULL, 0, 0, "read the prompt from a file" },
    { "chat", 0, OPT_FLAG, AT(chat), "off", NULL, NULL, 0, 0, "the prompt is a question: use the model's chat template" },
    { "system", 's', OPT_TEXT, AT(system), NULL, "TEXT", NULL, 0, 0, "instructions before the question (with --chat)" },
    { "heal", 0, OPT_FLAG, AT(heal), "off", NULL, NULL, 0, 0, "the prompt may end within a word: its last token is taken back and the answer begins with any token that goes on from there" },
    { "special", 0, OPT_FLAG, AT(special), "off", NULL, NULL, 0, 0, "control tokens spelled in the prompt become them; otherwise they are plain text" },
    { "show-special", 0, OPT_FLAG, AT(show_special), "off", NULL, NULL, 0, 0, "show control tokens in the answer" },
    { "json", 0, OPT_FLAG, AT(json), "off", NULL, NULL, 0, 0, "one JSON object at the end instead of text" },
    { "stream-json", 0, OPT_FLAG, AT(stream_json), "off", NULL, NULL, 0, 0, "JSON lines as text comes, the object of --json last" },
    { "quiet", 'q', OPT_FLAG, AT(quiet), "off", NULL, NULL, 0, 0, "no statistics and notices on standard error" },
};
#undef AT
static const opt_table table = { "Prompt and output", ROWS(rows) };

typedef struct run_flow {
    const run_options *o;
    const llm *l;
    buf text;          /* for --json */
    json_t *logprobs;  /* array, or NULL */
    bool wants_logprobs;
    bool mid_line;     /* the text on standard output does not end a line */
    receipt_notes notes;
    grammar_source grammar;
    char *grammar_text; /* what `grammar` borrows, where it was a file */
} run_flow;

/* ---- answer ---- */

static json_t *token_json(const llm *l, int32_t id, float logprob) {
    buf piece = { 0 };
    tokenizer_piece(l->tokenizer, id, false, true, &piece);
    json_t *j = json_pack("{s:i, s:o, s:f}", "id", (int)id, "token", out_json_text(buf_str(&piece), piece.len), "logprob", (double)logprob);
    buf_free(&piece);
    return j;
}

static json_t *sampled_json(const llm *l, const sampled *t) {
    json_t *j = token_json(l, t->id, t->logprob), *top = json_array();
    for (uint32_t i = 0; i < t->n_top; i++) json_array_append_new(top, token_json(l, t->top[i].id, t->top[i].logprob));
    json_object_set_new(j, "top", top);
    return j;
}

static void on_token(void *ctx, const sampled *t) {
    run_flow *f = ctx;
    receipt_note_token(&f->notes, t->id);
    if (!f->wants_logprobs) return;
    json_t *j = sampled_json(f->l, t);
    if (f->logprobs) json_array_append_new(f->logprobs, j);
    else {
        char *line = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(7));
        fprintf(stderr, "%s\n", line ? line : "");
        free(line);
        json_decref(j);
    }
}

static bool on_text(void *ctx, const char *text, size_t n) {
    run_flow *f = ctx;
    bool ok = true;
    interrupt_patience(2); /* an answer is kept as far as it came; before it there is nothing to keep */
    receipt_note_text(&f->notes, text, n);
    if (f->o->json || f->o->stream_json) buf_put(&f->text, text, n);
    if (f->o->stream_json) ok = out_json(json_pack("{s:o}", "text", out_json_text(text, n)), false);
    else if (!f->o->json) ok = out_answer(text, n), f->mid_line = n ? text[n - 1] != '\n' : f->mid_line;
    return ok && !interrupt_seen();
}

static double rate(size_t n, double seconds) { return seconds > 0 ? (double)n / seconds : 0; }

/* Both written into one pipe or file: the statistics shall not stand in the answer's last line. */
static bool same_output(void) {
    struct stat a, b;
    return fstat(STDOUT_FILENO, &a) == 0 && fstat(STDERR_FILENO, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void print_statistics(const generate_result *r, const sample_params *p) {
    const request_usage *u = &r->usage;
    size_t fresh = u->prompt_tokens - u->cached_tokens;
    fprintf(stderr, "%sprompt %zu tokens, %.1f t/s; generated %zu, %.1f t/s; cached %zu; ended: %s", term_seq(2, TERM_DIM), u->prompt_tokens,
            rate(fresh, u->prompt_seconds), u->generated_tokens,
            rate(u->generated_tokens ? u->generated_tokens - 1 : 0, u->generate_seconds), u->cached_tokens, receipt_finish_name(r->finish));
    if (r->healed) fprintf(stderr, "; healed %zu bytes", r->healed);
    if (u->guessed_tokens) fprintf(stderr, "; guessed %zu of %zu rightly", u->accepted_tokens, u->guessed_tokens);
    if (u->forced_tokens) fprintf(stderr, "; forced by the grammar %zu", u->forced_tokens);
    if (p->temperature > 0) fprintf(stderr, "; seed %llu", (unsigned long long)p->seed);
    fprintf(stderr, "%s\n", term_seq(2, TERM_PLAIN));
}

static json_t *result_json(const run_flow *f, const generate_result *r, const sample_params *p) {
    const request_usage *u = &r->usage;
    json_t *j = json_pack("{s:o, s:s, s:{s:I, s:I, s:I, s:I, s:I, s:f, s:f}}", "text", out_json_text(buf_str(&f->text), f->text.len), "finish",
                          receipt_finish_name(r->finish), "usage", "prompt_tokens", (json_int_t)u->prompt_tokens, "cached_tokens",
                          (json_int_t)u->cached_tokens, "generated_tokens", (json_int_t)u->generated_tokens, "guessed_tokens",
                          (json_int_t)u->guessed_tokens, "accepted_tokens", (json_int_t)u->accepted_tokens, "prompt_seconds", u->prompt_seconds, "generate_seconds", u->generate_seconds);
    if (f->o->sampling.grammar || f->o->sampling.json_schema)
        json_object_set_new(json_object_get(j, "usage"), "forced_tokens", json_integer((json_int_t)u->forced_tokens));
    if (f->o->heal) json_object_set_new(j, "healed", json_integer((json_int_t)r->healed));
    if (r->stop_string) json_object_set_new(j, "stop_string", json_string(r->stop_string));
    if (p->temperature > 0) json_object_set_new(j, "seed", json_integer((json_int_t)p->seed));
    if (f->logprobs) json_object_set(j, "logprobs", f->logprobs);
    return j;
}

static int report(const run_flow *f, const generate_result *r, const sample_params *p) {
    const run_options *o = f->o;
    if (o->json || o->stream_json) out_json(result_json(f, r, p), o->json && !o->stream_json);
    else if (term_is(STDOUT_FILENO)) out_puts("\n");
    if (out_failed()) return out_status();
    if (!o->quiet && f->mid_line && !term_is(STDOUT_FILENO) && same_output()) fputc('\n', stderr);
    if (!o->quiet) print_statistics(r, p);
    return r->finish == FINISH_CANCELLED || interrupt_seen() ? EXIT_INTERRUPTED : EXIT_OK;
}

static bool prepare_grammar(run_flow *f, generate_options *g, err *e) {
    return sampling_grammar_source(&f->o->sampling, &f->grammar, &f->grammar_text, e) && sampling_grammar_compile(&f->o->sampling, f->l, &f->grammar, &g->grammar, e);
}

static int write_receipt(run_flow *f, const generate_options *g, const generate_result *r, int status) {
    const run_options *o = f->o;
    err e = { 0 };
    const prompt_form form = { .chat = o->chat, .special = o->special };
    if (!o->receipt.file || receipt_write(&o->receipt, f->l, g, &f->grammar, &form, r, &f->notes, o->quiet, &e)) return status;
    int failed = cli_fail(&e);
    return status == EXIT_OK ? failed : status;
}

static int answer(const run_options *o, const opt_state *s, llm *l, const token_list *prompt, err *e) {
    run_flow f = { .o = o, .l = l };
    generate_options g = { .prompt = prompt->ids, .n_prompt = prompt->n, .max_tokens = (size_t)o->sampling.max_tokens,
                           .stop = o->sampling.stop.items, .n_stop = o->sampling.stop.n, .heal = o->heal,
                           .dry_breakers = o->sampling.dry_breakers.items, .n_dry_breakers = o->sampling.dry_breakers.n, .ignore_stop = o->sampling.ignore_eos,
                           .no_prefix_cache = o->sampling.no_cache, .show_control = o->show_special, .on_text = on_text, .on_token = on_token, .ctx = &f };
    generate_result r = { 0 };
    logit_bias *bias = NULL;
    int status;
    if (!sampling_params(&o->sampling, s, &l->defaults, &g.sample, &bias, e)) return cli_fail(e);
    receipt_notes_begin(&f.notes, o->receipt.text);
    f.wants_logprobs = g.sample.want_logprob;
    if (f.wants_logprobs && (o->json || o->stream_json)) f.logprobs = json_array();
    status = prepare_grammar(&f, &g, e) && receipt_possible(&o->receipt, &g, &f.grammar, e) && llm_generate(l, &g, &r, e) ?
                 write_receipt(&f, &g, &r, report(&f, &r, &g.sample)) : cli_fail(e);
    json_decref(f.logprobs);
    buf_free(&f.text);
    receipt_notes_free(&f.notes);
    grammar_unref(g.grammar);
    free(f.grammar_text);
    free(bias);
    return status;
}

static int run(const void *options, opt_state *s) {
    const run_options *o = options;
    err e = { 0 };
    buf text = { 0 };
    token_list prompt = { 0 };
    llm *l = NULL;
    int status;
    const char *path = choice_path(s, &o->choice, NULL, &e);
    if (!path) return cli_fail(&e);
    if (o->heal && o->chat) {
        err_set(&e, ERR_USAGE, "--heal is for a plain prompt");
        err_hint(&e, "the chat template ends the question; leave out --heal or --chat");
        return cli_fail(&e);
    }
    interrupt_patience(1);
    if (o->engine.memory_plan) return print_memory_plan(path, &o->engine, o->json);
    profile timed = profile_start(&o->engine);
    bool ok = input_text(o->file, opt_arg(s, 0), &text, &e) && (l = open_llm(path, &o->engine, o->quiet, timed.prof, &e)) &&
              (o->chat ? prompt_chat(l, o->system, &text, &prompt, &e) : prompt_plain(l, o->special, &text, &prompt, &e));
    if (ok && !o->quiet) input_note_broken(&text);
    status = ok ? answer(o, s, l, &prompt, &e) : cli_fail(&e);
    interrupt_watch(NULL);
    llm_close(l);
    token_list_free(&prompt);
    buf_free(&text);
    return profile_end(&timed, status);
}

static const opt_part parts[] = {
    PART(model_choice_table, run_options, choice), { &table, 0 }, PART(sampling_table, run_options, sampling), PART(receipt_table, run_options, receipt),
    PART(engine_table, run_options, engine),
};

const command command_run = {
    { "run", "run -m MODEL [options] [PROMPT | -]",
      "Continues a text, token by token, and writes the continuation alone to standard output; notices and statistics go to standard "
      "error. With --chat the prompt is a question and the model's own chat template is put around it. Without PROMPT (or with -) the "
      "prompt is read from standard input. The same model, prompt, options and seed give the same text on any number of threads.",
      "  pingti run -m model.gguf -n 64 --temp 0 \"Once upon a time\"\n"
      "  pingti run -m model.gguf --chat \"Why is the sky blue?\"\n"
      "  pingti run -m model.gguf --json --logprobs 3 -n 5 \"2 + 2 =\"\n"
      "  pingti run -m model.gguf --memory-plan -c 32k\n"
      "  pingti run -m model.gguf --receipt answer.json \"2 + 2 =\" && pingti replay answer.json\n"
      "  git diff | pingti run -m model.gguf --chat --system \"Review this change.\" -\n",
      parts, sizeof parts / sizeof *parts, 0, 1 },
    sizeof(run_options), run,
};
