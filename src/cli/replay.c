/* pingti replay: an answer computed again from its receipt. Exit status: 0 the same bytes, 1 something differs, 2 it could not be tried. */
#include "base/cpu.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/out.h"
#include "cli/prompt.h"
#include "cli/receipt.h"
#include "cli/term.h"
#include <stdio.h>
#include <string.h>

enum { REPLAY_SAME = 0, REPLAY_DIFFERS = 1, REPLAY_CANNOT = 2 };

typedef struct replay_options {
    model_choice choice;
    const char *file, *system, *packed_dir;
    int64_t threads;
    uint64_t memory_limit;
    bool json, text, quiet;
} replay_options;

#define AT(member) offsetof(replay_options, member)
static const opt_row rows[] = {
    { "file", 'f', OPT_TEXT, AT(file), NULL, "FILE", NULL, 0, 0, "read the prompt of a private receipt from a file" },
    { "system", 's', OPT_TEXT, AT(system), NULL, "TEXT", NULL, 0, 0, "the instructions of a private receipt's chat" },
    { "text", 0, OPT_FLAG, AT(text), "off", NULL, NULL, 0, 0, "the answer on standard output, the comparison on standard error" },
    { "json", 0, OPT_FLAG, AT(json), "off", NULL, NULL, 0, 0, "the comparison as JSON" },
    { "quiet", 'q', OPT_FLAG, AT(quiet), "off", NULL, NULL, 0, 0, "no notices and progress on standard error" },
    { "threads", 't', OPT_INT, AT(threads), "0", "N", NULL, 0, 4096, "threads to compute with; 0: all processors of this process. The count never changes a result" },
    { "memory-limit", 0, OPT_SIZE, AT(memory_limit), "0", "SIZE", NULL, 0, 1e18, "refuse to take more than this, the weights' pages included; 0: what the machine has available" },
    { "packed-dir", 0, OPT_TEXT, AT(packed_dir), NULL, "DIR", NULL, 0, 0, "where packed weights are kept, as in `run`" },
};
#undef AT
static const opt_table table = { "Comparing", ROWS(rows) };

/* One thing that the receipt and this machine say. */
typedef struct finding {
    const char *what;
    char said[160], here[160];
    bool same, decides; /* decides: when it differs the answer is not the receipt's */
} finding;

typedef struct replay {
    const replay_options *o;
    json_t *receipt;
    receipt_request request;
    llm *l;
    receipt_notes notes;
    token_list prompt;
    finding found[12];
    size_t n_found;
} replay;

static const char *said(const replay *r, const char *part, const char *name) {
    const char *text = json_string_value(js_get(part ? js_get(r->receipt, part) : r->receipt, name));
    return text ? text : "none";
}

static bool compare(replay *r, const char *what, const char *there, const char *here, bool decides) {
    finding *f = &r->found[r->n_found++];
    *f = (finding){ .what = what, .same = strcmp(there, here) == 0, .decides = decides };
    snprintf(f->said, sizeof f->said, "%s", there);
    snprintf(f->here, sizeof f->here, "%s", here);
    return f->same;
}

static bool differs(const replay *r) {
    for (size_t i = 0; i < r->n_found; i++)
        if (r->found[i].decides && !r->found[i].same) return true;
    return false;
}

/* ---- before the answer ---- */

static json_t *read_receipt(const char *path, err *e) {
    size_t n = 0;
    char *text = file_read(path, RECEIPT_MAX_BYTES, &n, e);
    json_t *j = text ? receipt_read(text, n, path, e) : NULL;
    free(text);
    return j;
}

/* Another instruction set adds in another order. Where this processor has the receipt's, and nobody chose one, it is taken. */
static void take_kernels(const replay *r) {
    const char *name = said(r, "engine", "kernels");
    cpu_isa isa;
    if (getenv("PINGTI_ISA") || !cpu_isa_from_name(name, &isa) || !cpu_has_isa(isa) || isa == cpu_chosen_isa()) return;
    setenv("PINGTI_ISA", name, 1);
    if (!r->o->quiet) fprintf(stderr, "Computing with the receipt's kernels: PINGTI_ISA=%s.\n", name);
}

static bool open_model(replay *r, const char *path, err *e) {
    engine_options eo = { .threads = r->o->threads, .packed_dir = r->o->packed_dir, .memory_limit = r->o->memory_limit };
    runner_options *ro = &r->request.runner;
    ro->threads = (int)eo.threads;
    ro->memory_limit = eo.memory_limit;
    ro->place.limit = 32ull << 30;
    if (!engine_packed_dir(&eo, ro->place.dir, sizeof ro->place.dir, e)) return false;
    r->l = llm_open(path, &(llm_options){ .run = *ro }, e); /* guesses never change a result */
    if (r->l) interrupt_watch(r->l->engine);
    return r->l != NULL;
}

/* Every byte is read anew: a kept digest would only say what the file once was. */
static bool compare_model(replay *r, err *e) {
    model_files files;
    if (!model_files_digest(&files, r->l->source, false, r->o->quiet, e)) return false;
    compare(r, "model", said(r, "model", "digest"), files.digest.text, true);
    model_files_free(&files);
    json_t *template = receipt_template(r->l), *build = receipt_build(e);
    if (build) {
        compare(r, "template", said(r, NULL, "template"), json_is_string(template) ? json_string_value(template) : "none", true);
        compare(r, "version", said(r, "build", "version"), PINGTI_VERSION, false);
        compare(r, "program", said(r, "build", "program"), json_string_value(js_get(build, "program")), false);
        compare(r, "kernels", said(r, "engine", "kernels"), cpu_isa_name(cpu_chosen_isa()), false);
    }
    bool ok = build != NULL;
    json_decref(template);
    json_decref(build);
    return ok;
}

/* A private receipt's prompt comes from whoever has it. */
static bool find_prompt(replay *r, const char *argument, err *e) {
    const json_t *prompt = js_get(r->receipt, "prompt");
    buf text = { 0 };
    if (r->request.prompt) return (!argument && !r->o->file) || err_set(e, ERR_USAGE, "the receipt holds its prompt: none is to be given");
    if (!argument && !r->o->file) return err_set(e, ERR_USAGE, "the receipt is private: it holds no prompt") || err_hint(e, "pingti replay RECEIPT PROMPT, or --file FILE, or - for standard input");
    bool chat = strcmp(said(r, "prompt", "form"), "chat") == 0, special = json_is_true(js_get(prompt, "special"));
    bool ok = input_text(r->o->file, argument, &text, e) &&
              (chat ? prompt_chat(r->l, r->o->system, &text, &r->prompt, e) : prompt_plain(r->l, special, &text, &r->prompt, e));
    buf_free(&text);
    r->request.generate.prompt = r->prompt.ids;
    r->request.generate.n_prompt = r->prompt.n;
    return ok;
}

/* ---- the answer ---- */

static void on_token(void *ctx, const sampled *t) { receipt_note_token(&((replay *)ctx)->notes, t->id); }

static bool on_text(void *ctx, const char *text, size_t n) {
    replay *r = ctx;
    receipt_note_text(&r->notes, text, n);
    return (!r->o->text || out_answer(text, n)) && !interrupt_seen();
}

static bool compute(replay *r, err *e) {
    generate_options g = r->request.generate;
    generate_result result = { 0 };
    g.on_token = on_token;
    g.on_text = on_text;
    g.ctx = r;
    if ((r->request.grammar.gbnf || r->request.grammar.schema) && !(g.grammar = grammars_get(r->l->grammars, &r->request.grammar, e))) return err_context(e, "compiling the receipt's grammar");
    receipt_notes_begin(&r->notes, false);
    bool ok = llm_generate(r->l, &g, &result, e);
    grammar_unref(g.grammar);
    if (!ok) return false;
    if (result.finish == FINISH_CANCELLED) return err_set(e, ERR_CANCELLED, "interrupted");
    json_t *output = receipt_output(&r->notes, result.finish);
    compare(r, "tokens", said(r, "output", "digest"), json_string_value(js_get(output, "digest")), true);
    compare(r, "text", said(r, "output", "text_digest"), json_string_value(js_get(output, "text_digest")), true);
    compare(r, "ending", said(r, "output", "finish"), json_string_value(js_get(output, "finish")), true);
    char there[80], here[80];
    snprintf(there, sizeof there, "%lld tokens, %lld bytes", (long long)json_integer_value(js_get(js_get(r->receipt, "output"), "n")), (long long)json_integer_value(js_get(js_get(r->receipt, "output"), "bytes")));
    snprintf(here, sizeof here, "%zu tokens, %llu bytes", r->notes.tokens.n, (unsigned long long)r->notes.bytes);
    compare(r, "length", there, here, true);
    json_decref(output);
    return true;
}

/* The first token that is another one, where the receipt holds them; -1: unknown. */
static long long first_difference(const replay *r) {
    const json_t *list = js_get(js_get(r->receipt, "output"), "tokens");
    for (size_t i = 0; list && i < json_array_size(list); i++)
        if (i >= r->notes.tokens.n || json_integer_value(json_array_get(list, i)) != r->notes.tokens.ids[i]) return (long long)i;
    return -1;
}

/* ---- telling ---- */

static void print_findings(const replay *r, FILE *to) {
    for (size_t i = 0; i < r->n_found; i++) {
        finding f = r->found[i];
        term_tame(f.said); /* a receipt may come from anybody */
        if (f.same) fprintf(to, "%-9s same\n", f.what);
        else fprintf(to, "%-9s %s\n          receipt %s\n          here    %s\n", f.what, f.decides ? "DIFFERS" : "another one", f.said, f.here);
    }
    long long at = first_difference(r);
    if (differs(r) && at >= 0) fprintf(to, "the first token that differs is number %lld of the answer\n", at);
    fprintf(to, differs(r) ? "The answer is not the receipt's.\n" : "The same answer: %zu tokens, %llu bytes.\n", r->notes.tokens.n, (unsigned long long)r->notes.bytes);
}

static void json_findings(const replay *r) {
    json_t *list = json_array();
    for (size_t i = 0; i < r->n_found; i++) {
        const finding *f = &r->found[i];
        json_array_append_new(list, json_pack("{s:s, s:b, s:b, s:o, s:o}", "what", f->what, "same", (int)f->same, "decides", (int)f->decides, "receipt",
                                              out_json_text(f->said, strlen(f->said)), "here", out_json_text(f->here, strlen(f->here))));
    }
    json_t *j = json_pack("{s:b, s:o, s:I, s:I}", "same", (int)!differs(r), "findings", list, "tokens", (json_int_t)r->notes.tokens.n, "bytes", (json_int_t)r->notes.bytes);
    if (first_difference(r) >= 0) json_object_set_new(j, "first_difference", json_integer(first_difference(r)));
    out_json(j, true);
}

static int tell(const replay *r) {
    if (r->o->text && !r->o->json) print_findings(r, stderr);
    else if (r->o->json) json_findings(r);
    else print_findings(r, stdout);
    if (out_failed()) return out_status();
    return differs(r) ? REPLAY_DIFFERS : REPLAY_SAME;
}

static int cannot(const err *e) { return cli_fail(e) == EXIT_INTERRUPTED || interrupt_seen() ? EXIT_INTERRUPTED : REPLAY_CANNOT; }

/* What is not the receipt's model or prompt is not computed: its answer would say nothing. */
static bool run_receipt(replay *r, const opt_state *s, err *e) {
    if (!(r->receipt = read_receipt(opt_arg(s, 0), e)) || !receipt_request_of(r->receipt, &r->request, e)) return false;
    const char *path = r->o->choice.model ? r->o->choice.model : said(r, "model", "path");
    take_kernels(r);
    if (!open_model(r, path, e)) return r->o->choice.model ? false : err_context(e, "opening the receipt's model (-m names another place)");
    if (!compare_model(r, e)) return false;
    if (differs(r)) return true;
    if (!find_prompt(r, opt_arg(s, 1), e)) return false;
    digest prompt = receipt_token_digest(r->request.generate.prompt, r->request.generate.n_prompt);
    return !compare(r, "prompt", said(r, "prompt", "digest"), prompt.text, true) || compute(r, e);
}

static int run(const void *options, opt_state *s) {
    replay r = { .o = options };
    err e = { 0 };
    interrupt_patience(1);
    int status = run_receipt(&r, s, &e) ? tell(&r) : cannot(&e);
    interrupt_watch(NULL);
    llm_close(r.l);
    token_list_free(&r.prompt);
    receipt_notes_free(&r.notes);
    receipt_request_free(&r.request);
    json_decref(r.receipt);
    return status;
}

static const opt_part parts[] = { PART(model_choice_table, replay_options, choice), { &table, 0 } };

const command command_replay = {
    { "replay", "replay [-m MODEL] [options] RECEIPT [PROMPT | -]",
      "Computes an answer again from the receipt that `pingti run --receipt` wrote, and compares: the model's bytes, its chat template, this "
      "build, the kernels, the prompt, the answer's tokens and text. Exit status 0: the same bytes; 1: something differs, and it says what; "
      "2: it could not be tried. The number of threads, the batch size and other requests never matter.",
      "  pingti replay answer.json\n"
      "  pingti replay -m /elsewhere/model.gguf --text answer.json\n"
      "  pingti replay private.json \"the prompt that is not in it\"\n",
      parts, sizeof parts / sizeof *parts, 1, 2 },
    sizeof(replay_options), run,
};
