/* pingti chat: the loop of questions and answers. */
#include "base/log.h"
#include "cli/chat_state.h"
#include "cli/interrupt.h"
#include "cli/out.h"
#include "cli/profile.h"
#include "cli/term.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define AT(member) offsetof(chat_options, member)
static const opt_row rows[] = {
    { "system", 's', OPT_TEXT, AT(system), NULL, "TEXT", NULL, 0, 0, "instructions that stand before everything" },
    { "think", 0, OPT_CHOICE, AT(think), "on", NULL, "on|fold|off", 0, 0, "show a model's thinking dimmed, fold it into a line, or ask the model not to think" },
    { "quiet", 'q', OPT_FLAG, AT(quiet), "off", NULL, NULL, 0, 0, "no statistics and notices" },
};
#undef AT
static const opt_table table = { "Conversation", ROWS(rows) };

void chat_note(const chat *c, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    if (c->o->quiet) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fprintf(stderr, "%s%s%s\n", term_seq(2, TERM_DIM), text, term_seq(2, TERM_PLAIN));
}

void chat_add(chat *c, const char *role, const char *text, size_t n) {
    json_array_append_new(c->messages, json_pack("{s:s, s:o}", "role", role, "content", out_json_text(text, n)));
}

void chat_drop_last(chat *c) {
    if (json_array_size(c->messages)) json_array_remove(c->messages, json_array_size(c->messages) - 1);
}

const char *chat_last_role(const chat *c) {
    size_t n = json_array_size(c->messages);
    const char *role = n ? json_string_value(js_get(json_array_get(c->messages, n - 1), "role")) : NULL;
    return role ? role : "";
}

void chat_set_system(chat *c, const char *text) {
    json_t *first = json_array_get(c->messages, 0);
    if (first && strcmp(json_string_value(js_get(first, "role")), "system") == 0) json_array_remove(c->messages, 0);
    if (*text) json_array_insert_new(c->messages, 0, json_pack("{s:s, s:o}", "role", "system", "content", out_json_text(text, strlen(text))));
}

static void welcome(const chat *c) {
    if (c->llm->template_source && !c->llm->chat)
        chat_note(c, "the model's chat template cannot be used (%s): plain completion of what you type", c->llm->chat_error.what);
    else if (!c->llm->chat) chat_note(c, "this model has no chat template: plain completion of what you type");
    if (c->fancy) chat_note(c, "/help lists the commands; Ctrl-C stops an answer; Ctrl-D leaves");
}

/* A question that could not be answered does not stay in the conversation. */
static void ask(chat *c, const buf *text) {
    chat_add(c, "user", buf_str(text), text->len);
    bool ok = chat_answer(c);
    if (!ok || strcmp(chat_last_role(c), "user") == 0) chat_drop_last(c);
    c->failed |= !ok;
}

static void take(chat *c, buf *text) {
    if (!text->len) return;
    if (text->data[0] == '/' && !(text->len > 1 && text->data[1] == '/')) return chat_command(c, text->data);
    if (text->data[0] == '/') {
        memmove(text->data, text->data + 1, text->len);
        text->len--;
    }
    ask(c, text);
}

/* On a terminal Ctrl-C drops the line or stops the answer; elsewhere it ends the program after what came. */
static int loop(chat *c) {
    buf text = { 0 };
    char prompt[32];
    const char *green = term_seq(1, TERM_GREEN), *plain = term_seq(1, TERM_PLAIN), *mark = *green ? "\1" : "";
    snprintf(prompt, sizeof prompt, "%s%s%s>%s%s%s ", mark, green, mark, mark, plain, mark);
    while (!c->leave && !out_failed()) {
        interrupt_clear();
        line_status s = line_read(c->lines, prompt, &text);
        if (s == LINE_END) break;
        if (s == LINE_TEXT) take(c, &text);
        else if (c->fancy) fputs("\n", stderr);
        if (interrupt_seen() && !c->fancy) break;
    }
    if (c->fancy && !c->leave) out_puts("\n");
    buf_free(&text);
    if (out_failed()) return out_status();
    return interrupt_seen() && !c->fancy ? EXIT_INTERRUPTED : c->failed && !c->fancy ? EXIT_ERROR : EXIT_OK;
}

static int talk(chat *c) {
    c->lines = line_open();
    c->fancy = line_is_terminal(c->lines);
    if (c->fancy) interrupt_patience(5);
    c->messages = json_array();
    c->think_given = opt_given(c->options, "think");
    /* a program that reads the answers does not want the thinking unless it asked */
    c->think = c->fancy || c->think_given ? c->o->think : THINK_FOLD;
    if (c->o->system) chat_set_system(c, c->o->system);
    welcome(c);
    int status = loop(c);
    line_close(c->lines);
    json_decref(c->messages);
    return status;
}

static int run(const void *options, opt_state *s) {
    const chat_options *o = options;
    err e = { 0 };
    chat c = { .o = o, .options = s };
    const char *path = choice_path(s, &o->choice, opt_arg(s, 0), &e);
    if (path && o->engine.memory_plan) return print_memory_plan(path, &o->engine, false);
    if (!path) return cli_fail(&e);
    profile timed = profile_start(&o->engine);
    int status = (c.llm = open_llm(path, &o->engine, o->quiet, timed.prof, &e)) ? talk(&c) : cli_fail(&e);
    interrupt_watch(NULL);
    llm_close(c.llm);
    return profile_end(&timed, status);
}

static const opt_part parts[] = {
    PART(model_choice_table, chat_options, choice), { &table, 0 }, PART(sampling_table, chat_options, sampling),
    PART(engine_table, chat_options, engine),
};

const command command_chat = {
    { "chat", "chat -m MODEL [options]",
      "A conversation with a model, under its own chat template. Lines are edited with the usual keys and kept as history; Ctrl-C stops "
      "an answer and not the program; /help lists the commands. What was computed for earlier turns is reused. Without a terminal each "
      "line of standard input is a message and only the answers are written to standard output. Nothing is ever cut off silently: a "
      "conversation that does not fit the context is refused.",
      "  pingti chat -m model.gguf\n"
      "  pingti chat -m model.gguf --system \"Answer in one sentence.\" --temp 0.2\n"
      "  printf 'Hello\\nAnd you?\\n' | pingti chat -m model.gguf -n 50 --quiet\n",
      parts, sizeof parts / sizeof *parts, 0, 1 },
    sizeof(chat_options), run,
};
