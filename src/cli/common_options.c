#include "cli/common_options.h"
#include "backend/backend.h"
#include "base/log.h"
#include "base/outstream.h"
#include "cli/interrupt.h"
#include "cli/model_path.h"
#include "cli/out.h"
#include "cli/term.h"
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define AT(member) offsetof(model_choice, member)
static const opt_row model_choice_rows[] = {
    { "model", 'm', OPT_TEXT, AT(model), NULL, "MODEL", NULL, 0, 0, "a .gguf file, a Hugging Face directory, or the name of a pulled model (pingti models)" },
    { "models", 0, OPT_TEXT, AT(models), NULL, "DIR", NULL, 0, 0, "where pulled models lie; not given: ~/.local/share/pingti/models" },
};
#undef AT
const opt_table model_choice_table = { "Model", ROWS(model_choice_rows) };

#define CACHE_TYPES "f16|q8_0|f32"
#define AT(member) offsetof(engine_options, member)
static const opt_row engine_rows[] = {
    { "threads", 't', OPT_INT, AT(threads), "0", "N", NULL, 0, 4096, "threads to compute with; 0: all processors of this process. The count never changes a result" },
    { "ctx", 'c', OPT_SIZE, AT(context), "0", "TOKENS", NULL, 0, 1e9, "longest sequence, prompt and answer together; 0: the model's own, lowered (and said) when memory does not allow it" },
    { "cache-type", 0, OPT_CHOICE, AT(cache_type), "f16", NULL, CACHE_TYPES, 0, 0, "format of the KV cache; q8_0 takes half the memory" },
    { "cache-tokens", 0, OPT_SIZE, AT(cache_tokens), "0", "TOKENS", NULL, 0, 1e9, "room of the KV cache for all sequences together; 0: one context" },
    { "batch", 'b', OPT_INT, AT(batch), "0", "ROWS", NULL, 0, 65536, "prompt tokens computed at once; 0: 512. Never changes a result" },
    { "speculate", 0, OPT_INT, AT(speculate), "16", "N", NULL, 0, SPECULATE_MOST, "guess up to N tokens ahead from what the text has said before, and compute them together: faster where it repeats itself; 0: off. Never changes a result" },
    { "draft", 0, OPT_TEXT, AT(draft), NULL, "MODEL", NULL, 0, 0, "a smaller model with the same vocabulary that guesses ahead where the text does not; never changes a result" },
    { "exact", 0, OPT_FLAG, AT(exact), "off", NULL, NULL, 0, 0, "f32 activations, as held against other implementations; slower" },
    { "backend", 0, OPT_TEXT, AT(backend), NULL, "NAME", NULL, 0, 0, "where to compute; `pingti doctor` lists what there is" },
    { "memory-limit", 0, OPT_SIZE, AT(memory_limit), "0", "SIZE", NULL, 0, 1e18, "refuse to take more than this (8G, 512M), the weights' pages included; 0: what the machine has available" },
    { "profile", 0, OPT_TEXT, AT(profile), NULL, "FILE", "", 0, 0, "a table of time and bytes by op and layer on standard error at the end; with FILE also a trace for chrome://tracing or ui.perfetto.dev" },
    { "packed-dir", 0, OPT_TEXT, AT(packed_dir), NULL, "DIR", NULL, 0, 0, "keep weights, packed for this program's products, here, so that the next start is quick; not given: a folder beside the other caches (pingti doctor names it); none: in memory alone" },
    { "packed-limit", 0, OPT_SIZE, AT(packed_limit), "32G", "SIZE", NULL, 0, 1e18, "room for all packed weights together; the least recently used are removed; 0: no limit" },
    { "memory-plan", 0, OPT_FLAG, AT(memory_plan), "off", NULL, NULL, 0, 0, "print what would be allocated, and stop" },
};
#undef AT
const opt_table engine_table = { "Running it", ROWS(engine_rows) };

#define AT(member) offsetof(sampling_options, member)
static const opt_row sampling_rows[] = {
    { "max-tokens", 'n', OPT_INT, AT(max_tokens), "0", "N", NULL, 0, 1e9, "stop after so many tokens; 0: when the model ends or the context is full" },
    { "temp", 0, OPT_REAL, AT(temp), NULL, "T", NULL, 0, 100, "0: always the likeliest token; higher: more varied. Not given: the model's own setting" },
    { "top-k", 0, OPT_INT, AT(top_k), NULL, "N", NULL, 0, 1e9, "choose among the N likeliest; 0: off" },
    { "top-p", 0, OPT_REAL, AT(top_p), NULL, "P", NULL, 0, 1, "choose among the likeliest that together reach this probability; 1: off" },
    { "min-p", 0, OPT_REAL, AT(min_p), NULL, "P", NULL, 0, 1, "leave out what is less likely than P times the likeliest; 0: off" },
    { "repeat-penalty", 0, OPT_REAL, AT(repeat_penalty), NULL, "X", NULL, 0, 100, "above 1: what came lately becomes less likely; 1: off" },
    { "repeat-last", 0, OPT_INT, AT(repeat_last), "64", "N", NULL, 1, 1e9, "how many tokens back --repeat-penalty looks" },
    { "presence-penalty", 0, OPT_REAL, AT(presence_penalty), NULL, "X", NULL, -100, 100, "taken from tokens that the answer has already" },
    { "frequency-penalty", 0, OPT_REAL, AT(frequency_penalty), NULL, "X", NULL, -100, 100, "taken once for each time the answer has them" },
    { "typical-p", 0, OPT_REAL, AT(typical_p), NULL, "P", NULL, 0, 1, "choose among tokens that are about as surprising as expected, as many as reach this probability; 1: off" },
    { "xtc-probability", 0, OPT_REAL, AT(xtc_probability), NULL, "P", NULL, 0, 1, "how often the likeliest tokens are left out, all but the least likely of them; 0: off" },
    { "xtc-threshold", 0, OPT_REAL, AT(xtc_threshold), "0.1", "P", NULL, 0, 1, "with --xtc-probability: how likely a token must be to count among them" },
    { "dynatemp-range", 0, OPT_REAL, AT(dynatemp_range), NULL, "T", NULL, 0, 100, "the temperature moves so far below and above --temp, higher where the model is unsure; 0: off" },
    { "dynatemp-exp", 0, OPT_REAL, AT(dynatemp_exp), "1", "X", NULL, 0, 100, "with --dynatemp-range: the curve between them; above 1: mostly low" },
    { "temp-last", 0, OPT_FLAG, AT(temp_last), "off", NULL, NULL, 0, 0, "apply the temperature after the cuts, as llama.cpp does, not before" },
    { "mirostat", 0, OPT_INT, AT(mirostat), "0", "1|2", NULL, 0, 2, "steer the surprise of the text, by version 1 or 2, in place of top-k, top-p, min-p, typical and XTC; 0: off" },
    { "mirostat-tau", 0, OPT_REAL, AT(mirostat_tau), "5", "BITS", NULL, 0, 100, "with --mirostat: the surprise of a token that is aimed at" },
    { "mirostat-eta", 0, OPT_REAL, AT(mirostat_eta), "0.1", "X", NULL, 0, 1, "with --mirostat: how fast it is followed" },
    { "dry-multiplier", 0, OPT_REAL, AT(dry_multiplier), "0", "X", NULL, 0, 100, "DRY: make tokens less likely that would go on with a repetition; 0: off, 0.8 is usual" },
    { "dry-base", 0, OPT_REAL, AT(dry_base), "1.75", "X", NULL, 1, 100, "with --dry-multiplier: how fast that grows with the length of the repetition" },
    { "dry-allowed-length", 0, OPT_INT, AT(dry_allowed), "2", "N", NULL, 1, 1e6, "with --dry-multiplier: repetitions shorter than this are free" },
    { "dry-last", 0, OPT_INT, AT(dry_last), "0", "N", NULL, 0, 1e9, "with --dry-multiplier: how many tokens back it looks; 0: to the beginning" },
    { "dry-breaker", 0, OPT_LIST, AT(dry_breakers), NULL, "TEXT", NULL, 0, 0, "with --dry-multiplier: repetitions end at this text; may be given several times; not given: line end, colon, quote, star" },
    { "seed", 0, OPT_INT, AT(seed), NULL, "N", NULL, 0, 9e18, "the same seed gives the same text; not given: a new one each time, shown at the end" },
    { "stop", 0, OPT_LIST, AT(stop), NULL, "TEXT", NULL, 0, 0, "end before this text; may be given several times" },
    { "logit-bias", 0, OPT_LIST, AT(logit_bias), NULL, "ID=X", NULL, 0, 0, "add X to the logit of token ID; -100 forbids it; may be given several times" },
    { "logprobs", 0, OPT_INT, AT(logprobs), NULL, "N", NULL, 0, SAMPLE_MAX_LOGPROBS, "log probability of each token, and of the N likeliest instead" },
    { "grammar", 0, OPT_TEXT, AT(grammar), NULL, "FILE|TEXT", NULL, 0, 0, "the answer follows this GBNF grammar, in a file or as text with ::=" },
    { "json-schema", 0, OPT_TEXT, AT(json_schema), NULL, "FILE|TEXT", NULL, 0, 0, "the answer is JSON that is valid under this schema, in a file or as text that begins with {" },
    { "json-compact", 0, OPT_FLAG, AT(json_compact), "off", NULL, NULL, 0, 0, "with --json-schema: no white space between the parts of the JSON" },
    { "ignore-eos", 0, OPT_FLAG, AT(ignore_eos), "off", NULL, NULL, 0, 0, "go on where the model would end" },
    { "no-cache", 0, OPT_FLAG, AT(no_cache), "off", NULL, NULL, 0, 0, "do not reuse computed prefixes (never changes a result)" },
};
#undef AT
const opt_table sampling_table = { "Choosing tokens", ROWS(sampling_rows) };

/* What takes long is not computed for a file that cannot be written. */
static bool can_write(const opt_state *s, const char *name, err *e) {
    buf path = { 0 };
    opt_show(s, name, &path);
    bool ok = !path.len || outstream_possible(buf_str(&path), e) || err_context(e, "--%s", name);
    buf_free(&path);
    return ok;
}

bool common_options_check(const opt_state *s, err *e) {
    static const opt_need needs[] = {
        { "json-compact", "json-schema", "it sets the white space of JSON that follows a schema: give --json-schema, or leave it out" },
        { "mirostat-tau", "mirostat", "it sets what Mirostat aims at: give --mirostat 1 or 2, or leave it out" },
        { "mirostat-eta", "mirostat", "it sets how fast Mirostat follows: give --mirostat 1 or 2, or leave it out" },
        { "draft", "speculate", "the draft model makes guesses, and --speculate 0 takes none: leave out one of the two" },
    };
    return opt_check_needs(s, needs, sizeof needs / sizeof *needs, e) && can_write(s, "profile", e) && can_write(s, "plot", e);
}

/* --draft takes what -m takes; the option then holds the path. */
static bool find_draft(opt_state *s, const model_choice *c, err *e) {
    buf given = { 0 };
    opt_show(s, "draft", &given);
    const char *path = given.len ? model_path(s, c, opt_keep(s, buf_str(&given)), e) : NULL;
    bool ok = !given.len || (path ? opt_set(s, "draft", path, e) : err_context(e, "the draft model (--draft)"));
    buf_free(&given);
    return ok;
}

const char *choice_path(opt_state *s, const model_choice *c, const char *argument, err *e) {
    const char *given = c->model ? c->model : argument;
    if (given && *given) return find_draft(s, c, e) ? model_path(s, c, given, e) : NULL;
    err_set(e, ERR_USAGE, "no model was given");
    err_expected(e, "-m FILE.gguf, -m DIRECTORY, -m NAME of a pulled model, PINGTI_MODEL, or `model = ...` in the config file");
    return NULL;
}

static bool unknown_backend(const char *name, err *e) {
    buf b = { 0 };
    for (size_t i = 0; i < backend_count(); i++) buf_printf(&b, "%s%s", i ? ", " : "", backend_at(i)->name);
    err_set(e, ERR_USAGE, "this build has no backend '%s'", name);
    err_expected(e, "%s", buf_str(&b));
    buf_free(&b);
    return err_hint(e, "`pingti doctor` says what each can do");
}

bool engine_packed_dir(const engine_options *o, char *out, size_t cap, err *e) {
    char *cache = o->packed_dir ? NULL : cli_xdg_dir("XDG_CACHE_HOME", ".cache");
    int n = 0;
    *out = 0;
    if (cache) n = snprintf(out, cap, "%s/packed", cache);
    else if (o->packed_dir && strcmp(o->packed_dir, "none") != 0) n = snprintf(out, cap, "%s", o->packed_dir);
    free(cache);
    return n < (int)cap || err_set(e, ERR_USAGE, "the folder for packed weights has too long a name") || err_expected(e, "less than %zu bytes", cap);
}

bool engine_runner_options(const engine_options *o, runner_options *out, err *e) {
    static const dtype cache_types[] = { DTYPE_F16, DTYPE_Q8_0, DTYPE_F32 };
    if (o->backend && !backend_find(o->backend)) return unknown_backend(o->backend, e);
    *out = (runner_options){ .threads = (int)o->threads, .context = (uint32_t)o->context, .cache_tokens = (uint32_t)o->cache_tokens,
                             .batch_tokens = (uint32_t)o->batch, .cache_type = cache_types[o->cache_type],
                             .precision = o->exact ? PRECISION_EXACT : PRECISION_FAST, .backend = o->backend, .memory_limit = o->memory_limit,
                             .place.limit = o->packed_limit };
    return engine_packed_dir(o, out->place.dir, sizeof out->place.dir, e);
}

static void list_params(const sampling_options *o, const opt_state *s, sample_params *out) {
    if (opt_given(s, "typical-p")) out->typical_p = (float)o->typical_p;
    if (opt_given(s, "xtc-probability")) out->xtc_probability = (float)o->xtc_probability;
    if (opt_given(s, "dynatemp-range")) out->dynamic_range = (float)o->dynatemp_range;
    out->xtc_threshold = (float)o->xtc_threshold;
    out->dynamic_exponent = (float)o->dynatemp_exp;
    out->temperature_last = o->temp_last;
    out->mirostat = (int)o->mirostat;
    out->mirostat_tau = (float)o->mirostat_tau;
    out->mirostat_eta = (float)o->mirostat_eta;
    out->dry = (dry_params){ (float)o->dry_multiplier, (float)o->dry_base, (uint32_t)o->dry_allowed, (uint32_t)o->dry_last, NULL };
}

/* Mirostat takes the place of the model's own cuts; of those that were asked for it does not, and sample_check says so. */
static void drop_default_cuts(const opt_state *s, sample_params *out) {
    if (!opt_given(s, "top-k")) out->top_k = 0;
    if (!opt_given(s, "top-p")) out->top_p = 0;
    if (!opt_given(s, "min-p")) out->min_p = 0;
}

static bool parse_bias(const char *text, logit_bias *b, err *e) {
    char id[24];
    const char *eq = strchr(text, '=');
    int64_t n;
    double x;
    size_t len = eq ? (size_t)(eq - text) : 0;
    if (len && len < sizeof id && (memcpy(id, text, len), id[len] = 0, opt_parse_int(id, 0, INT32_MAX, &n)) && opt_parse_real(eq + 1, &x))
        return *b = (logit_bias){ (int32_t)n, (float)x }, true;
    return err_set(e, ERR_USAGE, "--logit-bias does not take this value") || err_expected(e, "ID=BIAS, such as 1234=-100") ||
           err_got(e, "'%s'", text) || err_hint(e, "`pingti tokenize` shows the ids of a text");
}

static bool parse_biases(const opt_list *l, logit_bias **out, err *e) {
    *out = NULL;
    if (!l->n) return true;
    if (!(*out = mem_array(l->n, sizeof **out, e))) return false;
    for (size_t i = 0; i < l->n; i++)
        if (!parse_bias(l->items[i], &(*out)[i], e)) return false;
    return true;
}

static uint64_t draw_seed(void) {
    uint32_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = (uint32_t)(clock_seconds() * 1e6);
    return seed;
}

bool sampling_params(const sampling_options *o, const opt_state *s, const sample_params *defaults, sample_params *out, logit_bias **bias,
                     err *e) {
    *out = *defaults;
    if (opt_given(s, "temp")) out->temperature = (float)o->temp;
    if (opt_given(s, "top-k")) out->top_k = (uint32_t)o->top_k;
    if (opt_given(s, "top-p")) out->top_p = (float)o->top_p;
    if (opt_given(s, "min-p")) out->min_p = (float)o->min_p;
    if (opt_given(s, "repeat-penalty")) out->repeat_penalty = (float)o->repeat_penalty;
    if (opt_given(s, "presence-penalty")) out->presence_penalty = (float)o->presence_penalty;
    if (opt_given(s, "frequency-penalty")) out->frequency_penalty = (float)o->frequency_penalty;
    list_params(o, s, out);
    if (out->mirostat) drop_default_cuts(s, out);
    out->repeat_last = (uint32_t)o->repeat_last;
    out->seed = opt_given(s, "seed") ? (uint64_t)o->seed : draw_seed();
    out->want_logprob = opt_given(s, "logprobs");
    out->n_logprobs = (uint32_t)o->logprobs;
    if (!parse_biases(&o->logit_bias, bias, e)) return free(*bias), *bias = NULL, false;
    out->bias = *bias;
    out->n_bias = o->logit_bias.n;
    return true;
}

static void packing_moved(void *ctx, uint64_t done, uint64_t total) {
    progress *p = ctx;
    if (!p->what) progress_start(p, "packing weights", "MiB", (double)total / 1048576, p->quiet);
    progress_step(p, (double)done / 1048576);
}

/* Once for every model file: it takes as long as reading it. */
void say_placed(const placement *p) {
    char reason[1024];
    if (!p) return;
    if (p->trouble.code) {
        err_format(&p->trouble, reason, sizeof reason);
        log_warn("packed weights stay in memory: %s", reason);
    } else if (p->kind == PLACE_FILE_MADE)
        fprintf(stderr, "Weights packed into %s (%s); the next start takes them from there.\n", p->path, show_bytes(p->bytes).text);
}

/* It changes no result: what it cannot be good for is worth a word. */
static void say_draft(const llm *l) {
    if (l->draft_source->file_bytes >= l->source->file_bytes)
        log_warn("the draft model (%s) is not smaller than the model (%s): its guesses cost more than they bring", show_bytes(l->draft_source->file_bytes).text, show_bytes(l->source->file_bytes).text);
    if (l->draft->spec.context < runner_plan(engine_runner(l->engine))->context)
        log_warn("the draft model makes no guesses beyond %u tokens, its context; the model's is %u", l->draft->spec.context, runner_plan(engine_runner(l->engine))->context);
}

llm *open_llm(const char *path, const engine_options *o, bool quiet, prof *prof, err *e) {
    llm_options lo = { .no_guesses = !o->speculate, .most_guesses = (size_t)o->speculate, .draft = o->draft };
    progress packing = { .quiet = quiet };
    if (!engine_runner_options(o, &lo.run, e)) return NULL;
    lo.run.prof = prof;
    lo.run.place.progress = packing_moved;
    lo.run.place.progress_ctx = &packing;
    llm *l = llm_open(path, &lo, e);
    if (packing.what) progress_end(&packing);
    if (!l) return NULL;
    if (!quiet) say_placed(runner_placement(engine_runner(l->engine)));
    const memory_plan *p = runner_plan(engine_runner(l->engine));
    if (p->context_lowered && !quiet)
        log_warn("the context is lowered to %u of the model's %u tokens: memory has %s available (a smaller --cache-type helps)", p->context,
                 l->model->spec.context, show_bytes(p->available).text);
    if (p->weights_reread && !quiet)
        log_warn("the weights (%s) and what is allocated beside them (%s) are more than the memory available (%s): weights will be read from disk again and again", show_bytes(p->weights_in_files).text,
                 show_bytes(p->total).text, show_bytes(p->available).text);
    if (l->draft && !quiet) say_draft(l);
    interrupt_watch(l->engine);
    return l;
}

json_t *memory_plan_json(const memory_plan *p) {
    return json_pack("{s:I, s:I, s:I, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:b}", "weights_mapped", (json_int_t)p->weights_mapped, "weights_copied",
                     (json_int_t)p->weights_copied, "weights_packed", (json_int_t)p->weights_packed, "packed_in_file", (int)p->packed_in_file, "packed_copied", (int)p->packed_copied, "kv_bytes", (json_int_t)p->kv_bytes, "kv_bytes_per_token",
                     (json_int_t)p->kv_bytes_per_token, "scratch", (json_int_t)p->scratch, "total", (json_int_t)p->total, "available",
                     (json_int_t)p->available, "context", (json_int_t)p->context, "batch_tokens", (json_int_t)p->batch_tokens,
                     "context_lowered", (int)p->context_lowered, "weights_in_files", (json_int_t)p->weights_in_files, "weights_reread", (int)p->weights_reread);
}

static void print_plan(const memory_plan *p) {
    out_printf("weights, mapped from the file  %12s\n", show_bytes(p->weights_mapped).text);
    out_printf("weights, copied                %12s\n", show_bytes(p->weights_copied).text);
    if (p->weights_packed) out_printf("weights, packed in %-6s      %12s  (then the mapped pages are let go)\n", p->packed_in_file ? "a file" : "memory", show_bytes(p->weights_packed).text);
    if (p->packed_copied) out_printf("weights, read into large pages %12s\n", show_bytes(p->weights_packed).text);
    out_printf("cache for %-8u tokens      %12s  (%s a token)\n", p->cache_tokens, show_bytes(p->kv_bytes).text, show_bytes(p->kv_bytes_per_token).text);
    out_printf("activations for %-5u rows     %12s\n", p->batch_tokens, show_bytes(p->scratch).text);
    out_printf("to allocate                    %12s  of %s available\n", show_bytes(p->total).text, show_bytes(p->available).text);
    if (p->weights_in_files) out_printf("with the weights' pages        %12s%s\n", show_bytes(p->total + p->weights_in_files).text, p->weights_reread ? "  (more than there is: weights will be read from disk again and again)" : "");
    if (p->context_lowered) out_printf("the context is lowered to %u tokens, so that it fits\n", p->context);
}

/* before: the plan of the model that this one drafts for, or NULL. */
static bool plan_model(const char *path, const runner_options *o, const memory_plan *before, memory_plan *p, err *e) {
    model_source *source = model_source_open(path, e);
    model *m = source ? model_open(source, e) : NULL;
    runner_options ro = m && before ? llm_draft_options(o, before, m) : *o;
    bool ok = m && memory_plan_make(p, m, &ro, e);
    model_close(m);
    model_source_close(source);
    return ok;
}

int print_memory_plan(const char *path, const engine_options *o, bool json) {
    err e = { 0 };
    runner_options ro;
    memory_plan p, d;
    bool ok = engine_runner_options(o, &ro, &e) && plan_model(path, &ro, NULL, &p, &e) && (!o->draft || plan_model(o->draft, &ro, &p, &d, &e));
    if (!ok) return cli_fail(&e);
    if (json) {
        json_t *j = memory_plan_json(&p);
        if (o->draft) json_object_set_new(j, "draft", memory_plan_json(&d));
        out_json(j, true);
        return out_status();
    }
    print_plan(&p);
    if (o->draft) out_puts("\ndraft model, in what is left\n"), print_plan(&d);
    return out_status();
}
