/* pingti pull: a model from Hugging Face or ModelScope, into the folder where -m finds it by name. */
#include "cli/common_options.h"
#include "cli/interrupt.h"
#include "cli/model_path.h"
#include "cli/out.h"
#include "cli/term.h"
#include "model/model.h"
#include "net/fetch.h"
#include "net/pull.h"
#include <stdio.h>
#include <string.h>

typedef enum pull_hub { PULL_AUTO, PULL_HF, PULL_MODELSCOPE } pull_hub;

typedef struct pull_options {
    const char *models, *revision, *endpoint, *token;
    int hub;
    opt_list include;
    int64_t connections, retries;
    double stall, connect, pause;
    bool plan_only, json, quiet;
} pull_options;

#define AT(member) offsetof(pull_options, member)
static const opt_row rows[] = {
    { "hub", 0, OPT_CHOICE, AT(hub), "auto", NULL, "auto|hf|modelscope", 0, 0, "where from; auto: Hugging Face, and ModelScope when that gives no list and the short name's publisher has it on both" },
    { "revision", 0, OPT_TEXT, AT(revision), NULL, "REV", NULL, 0, 0, "a branch, tag or commit; not given: main (ModelScope: master)" },
    { "include", 0, OPT_LIST, AT(include), NULL, "PATTERN", NULL, 0, 0, "also files that match (*.bin takes pickles, which are left out otherwise); may be given several times" },
    { "endpoint", 0, OPT_TEXT, AT(endpoint), NULL, "URL", NULL, 0, 0, "another site that speaks the same protocol; not given: HF_ENDPOINT or MODELSCOPE_ENDPOINT, else the hub's own" },
    { "token", 0, OPT_TEXT, AT(token), NULL, "TOKEN", NULL, 0, 0, "for private and gated models, sent to that site alone; not given: HF_TOKEN and its file, or MODELSCOPE_API_TOKEN" },
    { "models", 0, OPT_TEXT, AT(models), NULL, "DIR", NULL, 0, 0, "where pulled models lie; not given: ~/.local/share/pingti/models" },
    { "connections", 0, OPT_INT, AT(connections), "4", "N", NULL, 1, FETCH_MAX_CONNECTIONS, "parts of a large file fetched side by side" },
    { "retries", 0, OPT_INT, AT(retries), "5", "N", NULL, 0, 1000, "attempts in a row that bring nothing before giving up; what came is kept" },
    { "retry-pause", 0, OPT_REAL, AT(pause), "1", "SECONDS", NULL, 0, 300, "before the first of them; doubles up to 30 s" },
    { "connect-timeout", 0, OPT_REAL, AT(connect), "15", "SECONDS", NULL, 0.1, 3600, "longest wait for a connection" },
    { "stall-timeout", 0, OPT_REAL, AT(stall), "30", "SECONDS", NULL, 1, 3600, "longest wait for bytes that do not come" },
    { "dry-run", 0, OPT_FLAG, AT(plan_only), "off", NULL, NULL, 0, 0, "say what would be fetched, and stop" },
    { "json", 0, OPT_FLAG, AT(json), "off", NULL, NULL, 0, 0, "what was done as JSON on standard output" },
    { "quiet", 'q', OPT_FLAG, AT(quiet), "off", NULL, NULL, 0, 0, "no progress and no notices" },
};
#undef AT
static const opt_table table = { "Pulling", ROWS(rows) };

/* What is seen while it goes on. */
typedef struct show {
    const pull_options *o;
    progress bar;
    double here, came; /* bytes there in all; those of them that came now */
    json_t *plan;      /* of --dry-run --json */
} show;

/* Names of files and words of servers. */
static void put_line(const char *text) {
    char *shown = mem_must_copy(text, strlen(text));
    term_tame(shown);
    fprintf(stderr, "%s\n", shown);
    free(shown);
}

static void say(void *ctx, const char *text) {
    show *v = ctx;
    if (v->o->quiet) return;
    progress_end(&v->bar);
    put_line(text);
}

static void moved(void *ctx, int64_t more, bool came) {
    show *v = ctx;
    v->here += (double)more;
    if (came) v->came += (double)more;
    else v->bar.before += (double)more / 1048576;
    progress_step(&v->bar, v->here / 1048576);
}

static bool stop(void *ctx) { return (void)ctx, interrupt_seen(); }

static void note_plan(show *v, const hub *h, const pick *p, const char *commit, uint64_t need, uint64_t room) {
    json_t *files = json_array();
    for (size_t i = 0; i < p->n; i++)
        json_array_append_new(files, json_pack("{s:s, s:I, s:s}", "path", p->files[i]->path, "size", (json_int_t)p->files[i]->size, "sha256", p->files[i]->sha256));
    v->plan = json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:s}", "hub", h->name, "endpoint", h->endpoint, "commit", commit, "files", files, "bytes", (json_int_t)p->bytes,
                        "need", (json_int_t)need, "room", (json_int_t)room, "notes", buf_str(&p->said));
}

static void planned(void *ctx, const hub *h, const pick *p, const char *commit, uint64_t need, uint64_t room) {
    show *v = ctx;
    char line[REPO_FILE_MAX + 64];
    note_plan(v, h, p, commit, need, room);
    progress_start(&v->bar, "pulling", "MiB", (double)p->bytes / 1048576, v->o->quiet);
    if (v->o->quiet) return;
    snprintf(line, sizeof line, "%s (%s), revision %.12s:", h->shown, h->endpoint, commit);
    put_line(line);
    for (size_t i = 0; i < p->n; i++) {
        snprintf(line, sizeof line, "  %10s  %s", show_bytes(p->files[i]->size).text, p->files[i]->path);
        put_line(line);
    }
    for (const char *at = buf_str(&p->said), *end; (end = strchr(at, '\n')); at = end + 1) fprintf(stderr, "  %.*s\n", (int)(end - at), at);
    if (h->token_kept) fputs("  the token is not sent: the site is not https\n", stderr);
    fprintf(stderr, "  %s to fetch, %s free\n", show_bytes(need).text, show_bytes(room).text);
}

static bool pull_from(hub_kind kind, int retries, const pull_options *o, const char *asked, const repo_name *n, const char *root, show *v, pull_result *out, err *e) {
    pull_job job = {
        .asked = asked, .name = n, .root = root, .hub = kind, .endpoint = o->endpoint, .token = o->token, .revision = o->revision,
        .include = o->include.items, .n_include = o->include.n, .connections = (int)o->connections, .plan_only = o->plan_only,
        .settings = { .connect_seconds = o->connect, .stall_seconds = o->stall, .retries = retries, .pause_seconds = o->pause },
        .watch = { .ctx = v, .stop = stop, .say = say, .moved = moved, .wake_fd = interrupt_fd() }, .planned = planned,
    };
    return pull_model(&job, out, e);
}

/* The second site only where the name itself says that the publisher is the same there: owner names on the two are not. */
static bool pull_somewhere(const pull_options *o, const char *asked, const repo_name *n, const char *root, show *v, pull_result *out, err *e) {
    bool second = o->hub == PULL_AUTO && n->on_both && !o->endpoint && !o->revision;
    int retries = (int)o->retries;
    if (pull_from(o->hub == PULL_MODELSCOPE ? HUB_MODELSCOPE : HUB_HUGGINGFACE, second && retries > 1 ? 1 : retries, o, asked, n, root, v, out, e)) return true;
    if (!second || !out->unreachable || e->code == ERR_CANCELLED) return false;
    char text[600];
    snprintf(text, sizeof text, "%.320s; asking ModelScope", e->what);
    say(v, text);
    err_clear(e);
    return pull_from(HUB_MODELSCOPE, retries, o, asked, n, root, v, out, e);
}

/* Whether this build can open it: said, and no failure; the files are what the hub has. */
static void check_opens(const char *path, bool quiet) {
    err e = { 0 };
    model_spec spec;
    const arch *a;
    model_source *s = model_source_open(path, &e);
    if ((!s || !model_read_spec(s, &spec, &a, &e)) && !quiet) {
        fputs("It came whole, but this pingti cannot run it: ", stderr);
        put_line(e.what);
    }
    model_source_close(s);
}

static int report(const pull_options *o, const char *asked, const pull_result *r, show *v) {
    double spent = clock_seconds() - v->bar.started;
    if (o->plan_only) return o->json ? out_json(json_incref(v->plan), true) : true, out_status();
    if (!o->quiet && r->already) fputs("It is here already, and what the hub has.\n", stderr);
    else if (!o->quiet) fprintf(stderr, "Pulled: %s in %s, every file verified. Talk to it: pingti chat -m %s\n", show_bytes((uint64_t)v->came).text, show_duration(spent).text, asked);
    if (strcmp(json_string_value(js_get(r->manifest, "main")), "") == 0 || strstr(r->path, ".gguf")) check_opens(r->path, o->quiet);
    if (o->json) out_json(json_pack("{s:o, s:b, s:O}", "path", out_json_text(r->path, strlen(r->path)), "already", (int)r->already, "manifest", r->manifest), true);
    else out_printf("%s\n", r->path);
    return out_status();
}

static int run(const void *options, opt_state *s) {
    const pull_options *o = options;
    const char *asked = opt_arg(s, 0);
    err e = { 0 };
    repo_name n;
    show v = { .o = o };
    pull_result r = { 0 };
    char *root = models_dir(o->models, &e);
    interrupt_soft(true);
    bool ok = root && repo_name_parse(asked, &n, &e) && pull_somewhere(o, asked, &n, root, &v, &r, &e);
    if (v.bar.what) progress_end(&v.bar);
    if (!ok && e.code == ERR_CANCELLED && v.here > 0) err_hint(&e, "what came is kept (%s): `pingti pull %.100s` goes on from there", show_bytes((uint64_t)v.here).text, asked);
    int status = ok ? report(o, asked, &r, &v) : cli_fail(&e);
    pull_result_free(&r);
    json_decref(v.plan);
    free(root);
    return status;
}

static const opt_part parts[] = { { &table, 0 } };

const command command_pull = {
    { "pull", "pull NAME | OWNER/NAME[:QUANT | :FILE] [options]",
      "Fetches a model from Hugging Face or ModelScope into the models' folder, where -m of every command finds it by the same name. NAME is a short one (qwen2.5:0.5b, "
      "qwen2.5:0.5b-q8_0); OWNER/NAME takes its GGUF of 4 bits or its safetensors with config and tokenizer, never pickles. Broken transfers are taken up where they stopped, "
      "also by the next pull; every file is verified (SHA-256), and the model appears only when it is whole. The path is written to standard output. Proxies are those of "
      "the environment (https_proxy).",
      "  pingti pull qwen2.5:0.5b && pingti chat -m qwen2.5:0.5b\n"
      "  pingti pull bartowski/Llama-3.2-1B-Instruct-GGUF:Q8_0\n"
      "  pingti pull Qwen/Qwen2.5-0.5B-Instruct --hub modelscope\n"
      "  pingti pull qwen3:0.6b --dry-run\n",
      parts, sizeof parts / sizeof *parts, 1, 1 },
    sizeof(pull_options), run,
};
