/* The `/` commands of the chat, as a table. */
#include "base/file.h"
#include "cli/chat_state.h"
#include "cli/out.h"
#include "cli/term.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOAD_LIMIT = 64 << 20 };

typedef struct chat_word {
    const char *name, *argument, *help;
    void (*run)(chat *c, const char *argument);
} chat_word;

static void fail(const char *what, const char *expected) {
    err e = { 0 };
    err_set(&e, ERR_USAGE, "%s", what);
    err_expected(&e, "%s", expected);
    cli_fail(&e);
}

static void do_system(chat *c, const char *text) {
    chat_set_system(c, text);
    chat_note(c, *text ? "the instructions are set, from the next answer on" : "no instructions");
}

static void do_clear(chat *c, const char *text) {
    (void)text;
    json_t *first = json_array_get(c->messages, 0);
    bool keep = first && strcmp(json_string_value(js_get(first, "role")), "system") == 0;
    while (json_array_size(c->messages) > (keep ? 1u : 0u)) chat_drop_last(c);
    chat_note(c, "a new conversation%s", keep ? ", under the same instructions" : "");
}

static void do_undo(chat *c, const char *text) {
    (void)text;
    bool any = false;
    if (strcmp(chat_last_role(c), "assistant") == 0) chat_drop_last(c), any = true;
    if (strcmp(chat_last_role(c), "user") == 0) chat_drop_last(c), any = true;
    chat_note(c, any ? "the last turn is forgotten" : "there is nothing to undo");
}

static void do_retry(chat *c, const char *text) {
    (void)text;
    if (strcmp(chat_last_role(c), "assistant") == 0) chat_drop_last(c);
    if (strcmp(chat_last_role(c), "user") == 0) c->failed |= !chat_answer(c);
    else chat_note(c, "there is no question to answer again");
}

static bool write_private(const char *path, const char *text, err *e) {
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    bool ok = f && fputs(text, f) >= 0 && fputc('\n', f) != EOF;
    if (f && fclose(f) != 0) ok = false;
    return ok || err_set(e, ERR_IO, "cannot write the conversation: %s", strerror(errno)) || err_where(e, "%s", path);
}

static void do_save(chat *c, const char *path) {
    err e = { 0 };
    if (!*path) return fail("/save needs a file", "/save FILE");
    json_t *all = json_pack("{s:O}", "messages", c->messages);
    char *text = json_dumps(all, JSON_INDENT(2));
    if (!write_private(path, text, &e)) cli_fail(&e);
    else chat_note(c, "%zu messages in %s", json_array_size(c->messages), path);
    free(text);
    json_decref(all);
}

static bool messages_ok(const json_t *messages) {
    size_t i;
    json_t *m;
    if (!json_is_array(messages)) return false;
    json_array_foreach(messages, i, m)
        if (!json_is_string(js_get(m, "role")) || !json_is_string(js_get(m, "content"))) return false;
    return true;
}

static void do_load(chat *c, const char *path) {
    err e = { 0 };
    if (!*path) return fail("/load needs a file", "/load FILE");
    json_t *all = js_read(path, LOAD_LIMIT, &e);
    if (!all) {
        cli_fail(&e);
        return;
    }
    json_t *messages = json_is_array(all) ? all : js_get(all, "messages");
    if (!messages_ok(messages)) fail("the file holds no conversation", "{\"messages\": [{\"role\": ..., \"content\": \"...\"}, ...]}");
    else {
        json_decref(c->messages);
        c->messages = json_incref(messages);
        chat_note(c, "%zu messages from %s", json_array_size(messages), path);
    }
    json_decref(all);
}

static void show_settings(const chat *c) {
    buf b = { 0 };
    for (size_t i = 0; i < sampling_table.n; i++) {
        buf value = { 0 };
        opt_show(c->options, sampling_table.rows[i].name, &value);
        buf_printf(&b, "  %-18s %s\n", sampling_table.rows[i].name, value.len ? buf_str(&value) : "(the model's)");
        buf_free(&value);
    }
    out_write(buf_str(&b), b.len);
    buf_free(&b);
}

static bool is_sampling(const char *name) {
    for (size_t i = 0; i < sampling_table.n; i++)
        if (strcmp(sampling_table.rows[i].name, name) == 0) return true;
    return false;
}

static void do_set(chat *c, const char *text) {
    err e = { 0 };
    char name[64];
    size_t n = strcspn(text, " \t=");
    if (!n) return show_settings(c);
    snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), text);
    text += n;
    text += strspn(text, " \t=");
    if (!is_sampling(name)) return fail("there is no such setting", "a name that /set alone lists, such as temp or top-p");
    if (!opt_set(c->options, name, text, &e)) cli_fail(&e);
    else chat_note(c, "%s = %s", name, text);
}

static void do_think(chat *c, const char *text) {
    static const char *const words[] = { "on", "fold", "off" };
    static const char *const meanings[] = { "thinking is shown", "thinking is folded into one line", "thinking is off, where the model's template can" };
    for (int i = 0; i < 3; i++)
        if (strcmp(text, words[i]) == 0) {
            c->think_given = true;
            c->think = i;
            chat_note(c, "%s", meanings[i]);
            return;
        }
    fail("/think does not take this", "on, fold or off");
}

static void do_stats(chat *c, const char *text) {
    (void)text;
    engine_stats s = engine_stats_now(c->llm->engine);
    out_printf("  turns %zu, generated %zu tokens (%.1f t/s)\n  engine: %llu steps, %llu prompt tokens, %llu generated, %llu of %llu guesses right, %llu cached, %llu preemptions\n",
               c->turns, c->generated, c->generate_seconds > 0 ? (double)c->generated / c->generate_seconds : 0.0, (unsigned long long)s.steps,
               (unsigned long long)s.prompt_tokens, (unsigned long long)s.generated_tokens, (unsigned long long)s.accepted_tokens,
               (unsigned long long)s.guessed_tokens, (unsigned long long)s.cached_tokens,
               (unsigned long long)s.preemptions);
}

static void do_tokens(chat *c, const char *text) {
    (void)text;
    err e = { 0 };
    token_list ids = { 0 };
    size_t context = runner_plan(engine_runner(c->llm->engine))->context;
    if (!json_array_size(c->messages)) out_printf("  0 of %zu tokens\n", context);
    else if (chat_tokens(c, &ids, &e)) out_printf("  %zu of %zu tokens\n", ids.n, context);
    else cli_fail(&e);
    token_list_free(&ids);
}

static void do_model(chat *c, const char *text) {
    (void)text;
    const model *m = c->llm->model;
    const runner *r = engine_runner(c->llm->engine);
    out_printf("  %s\n  %s, %s parameters, %s of weights, context %u; %s, %d threads, %s\n", c->llm->source->path, m->spec.family,
               show_count(m->parameters).text, show_bytes(m->weight_bytes).text, runner_plan(r)->context, runner_backend_name(r),
               runner_threads(r), runner_precision(r) == PRECISION_EXACT ? "exact" : "fast");
}

static void do_exit(chat *c, const char *text) {
    (void)text;
    c->leave = true;
}

static void do_help(chat *c, const char *text);

static const chat_word words[] = {
    { "help", "", "this list", do_help },
    { "system", "TEXT", "instructions that stand before everything; without TEXT: none", do_system },
    { "clear", "", "a new conversation", do_clear },
    { "retry", "", "answer the last question again", do_retry },
    { "undo", "", "forget the last question and answer", do_undo },
    { "save", "FILE", "write the conversation as JSON", do_save },
    { "load", "FILE", "go on with a saved conversation", do_load },
    { "set", "NAME VALUE", "change how tokens are chosen (temp, top-p, seed, ...); alone: the settings", do_set },
    { "think", "on|fold|off", "show a model's thinking, fold it into a line, or ask it not to", do_think },
    { "stats", "", "what has been computed", do_stats },
    { "tokens", "", "how much of the context is used", do_tokens },
    { "model", "", "which model this is", do_model },
    { "exit", "", "leave (Ctrl-D does the same)", do_exit },
    { "quit", "", "leave", do_exit },
};

static void do_help(chat *c, const char *text) {
    (void)c;
    (void)text;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char left[48];
        snprintf(left, sizeof left, "/%s %s", words[i].name, words[i].argument);
        out_printf("  %-20s %s\n", left, words[i].help);
    }
    out_puts("  A line that ends in \\ goes on; \"\"\" begins a text of several lines, \"\"\" ends it; // at the start is a plain /.\n"
             "  Ctrl-C stops an answer, not the program.\n");
}

static const char *next_word(const void *ctx, size_t i) {
    (void)ctx;
    return i < sizeof words / sizeof *words ? words[i].name : NULL;
}

void chat_command(chat *c, char *line) {
    size_t n = strcspn(line + 1, " \t");
    const char *argument = line + 1 + n + strspn(line + 1 + n, " \t");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].name) == n && memcmp(words[i].name, line + 1, n) == 0) return words[i].run(c, argument);
    err e = { 0 };
    line[1 + n] = 0;
    const char *near = opt_nearest(line + 1, next_word, NULL);
    err_set(&e, ERR_USAGE, "there is no command %s", line);
    if (near) err_hint(&e, "did you mean /%s? /help lists all", near);
    else err_hint(&e, "/help lists all; // begins a message with a plain /");
    cli_fail(&e);
}
