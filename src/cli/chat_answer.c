/* One answer of the chat: prompt, stream, thinking shown or folded, what is kept. */
#include "cli/chat_state.h"
#include "cli/chat_think.h"
#include "cli/interrupt.h"
#include "cli/out.h"
#include "cli/term.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct turn {
    chat *c;
    think_stream think;
    size_t thought_tokens;
    bool dimmed, folded;
    double folded_at;
} turn;

static json_t *template_extra(const chat *c) {
    return c->think_given ? json_pack("{s:b}", "enable_thinking", c->think != THINK_OFF) : NULL;
}

/* Without a template the texts follow each other as they were typed and answered. */
static bool plain_tokens(const chat *c, token_list *out, err *e) {
    buf b = { 0 };
    size_t i;
    json_t *m;
    json_array_foreach(c->messages, i, m) {
        json_t *text = js_get(m, "content");
        if (i && strcmp(json_string_value(js_get(m, "role")), "user") == 0) buf_putc(&b, '\n');
        buf_put(&b, json_string_value(text), json_string_length(text));
    }
    bool ok = tokenizer_encode(c->llm->tokenizer, buf_str(&b), b.len, TOKENIZE_ADD_SPECIAL, out, e);
    if (ok && out->n && tokenizer_adds_eos(c->llm->tokenizer) && out->ids[out->n - 1] == tokenizer_eos(c->llm->tokenizer)) out->n--;
    buf_free(&b);
    return ok;
}

bool chat_tokens(const chat *c, token_list *out, err *e) {
    if (!c->llm->chat) return plain_tokens(c, out, e);
    json_t *extra = template_extra(c);
    template_input in = { .messages = c->messages, .extra = extra, .add_generation_prompt = true };
    bool ok = llm_chat_tokens(c->llm, &in, out, e);
    json_decref(extra);
    return ok;
}

static bool opens_thinking(const chat *c, const token_list *prompt) { return c->llm->chat && reasoning_is_open(c->llm->tokenizer, prompt->ids, prompt->n); }

/* ---- showing ---- */

static void set_dim(turn *t, bool dim) {
    if (t->dimmed == dim || !t->c->fancy) return;
    out_puts(dim ? term_seq(1, TERM_DIM) : term_seq(1, TERM_PLAIN));
    t->dimmed = dim;
}

static void show_fold(turn *t, bool last) {
    double now = clock_seconds();
    if (!t->c->fancy || (!last && t->folded && now - t->folded_at < 0.1)) return;
    out_printf("\r%sthinking … (%zu tokens)%s%s", term_seq(1, TERM_DIM), t->thought_tokens, term_seq(1, TERM_PLAIN), last ? "\n" : "");
    t->folded = !last;
    t->folded_at = now;
}

static void show(void *ctx, bool thinking, const char *text, size_t n) {
    turn *t = ctx;
    int mode = t->c->think;
    if (thinking && mode == THINK_ON) {
        set_dim(t, true);
        out_answer(text, n);
    } else if (thinking) { /* off, and the model thinks all the same: that it does is seen */
        show_fold(t, false);
    } else if (!thinking) {
        if (t->folded) show_fold(t, true);
        if (t->dimmed) set_dim(t, false), out_puts("\n\n");
        out_answer(text, n);
    }
}

static bool on_text(void *ctx, const char *text, size_t n) {
    turn *t = ctx;
    think_put(&t->think, text, n);
    return !interrupt_seen() && !out_failed();
}

static void on_token(void *ctx, const sampled *s) {
    turn *t = ctx;
    (void)s;
    if (t->think.inside) t->thought_tokens++;
}

/* ---- keeping ---- */

static void keep(chat *c, const think_stream *t) {
    chat_add(c, "assistant", buf_str(&t->answer), t->answer.len);
    if (!t->thought.len) return;
    json_t *m = json_array_get(c->messages, json_array_size(c->messages) - 1);
    json_object_set_new(m, "reasoning_content", out_json_text(buf_str(&t->thought), t->thought.len));
}

static void count(chat *c, const generate_result *r) {
    c->last = *r;
    c->turns++;
    c->generated += r->usage.generated_tokens;
    c->generate_seconds += r->usage.generate_seconds;
}

static void tell(const chat *c, const generate_result *r) {
    const request_usage *u = &r->usage;
    size_t context = runner_plan(engine_runner(c->llm->engine))->context;
    char guesses[64] = "";
    if (u->guessed_tokens) snprintf(guesses, sizeof guesses, " (%zu of %zu guesses right)", u->accepted_tokens, u->guessed_tokens);
    double rate = u->generate_seconds > 0 && u->generated_tokens ? (double)(u->generated_tokens - 1) / u->generate_seconds : 0;
    if (!c->o->quiet)
        chat_note(c, "%zu tokens, %.1f t/s%s; prompt %zu (%zu cached) in %s%s", u->generated_tokens, rate, guesses, u->prompt_tokens, u->cached_tokens,
                  show_duration(u->prompt_seconds).text, r->finish == FINISH_CANCELLED ? "; stopped" : "");
    if (r->finish == FINISH_LENGTH && u->prompt_tokens + u->generated_tokens >= context)
        chat_note(c, "the context is full (%zu tokens) and the answer is cut: /clear starts over, /undo goes back, --ctx gives more room", context);
}

static void explain(err *e) {
    if (e->code == ERR_LIMIT) err_hint(e, "nothing was cut off: /clear starts over, /undo drops the last turn, --ctx gives more room");
    cli_fail(e);
}

static bool generate(chat *c, const token_list *prompt, turn *t, generate_result *r, err *e) {
    const sampling_options *s = &c->o->sampling;
    generate_options g = { .prompt = prompt->ids, .n_prompt = prompt->n, .max_tokens = (size_t)s->max_tokens, .stop = s->stop.items,
                           .n_stop = s->stop.n, .dry_breakers = s->dry_breakers.items, .n_dry_breakers = s->dry_breakers.n, .ignore_stop = s->ignore_eos, .no_prefix_cache = s->no_cache, .on_text = on_text,
                           .on_token = on_token, .ctx = t };
    logit_bias *bias = NULL;
    g.grammar = sampling_grammar(s, c->llm, e);
    bool ok = !e->code && sampling_params(s, c->options, &c->llm->defaults, &g.sample, &bias, e) && llm_generate(c->llm, &g, r, e);
    grammar_unref(g.grammar);
    free(bias);
    think_end(&t->think);
    if (t->folded) show_fold(t, true);
    set_dim(t, false);
    return ok;
}

bool chat_answer(chat *c) {
    err e = { 0 };
    token_list prompt = { 0 };
    generate_result r = { 0 };
    turn t = { .c = c };
    interrupt_clear();
    bool ok = chat_tokens(c, &prompt, &e) && (prompt.n || err_set(&e, ERR_USAGE, "there is nothing to continue"));
    if (ok) {
        t.think = (think_stream){ .inside = opens_thinking(c, &prompt), .show = show, .ctx = &t };
        ok = generate(c, &prompt, &t, &r, &e);
    }
    if (ok) {
        out_puts("\n");
        count(c, &r);
        tell(c, &r);
        if (t.think.answer.len || t.think.thought.len) keep(c, &t.think);
        else chat_note(c, "no answer came");
    } else explain(&e);
    think_free(&t.think);
    token_list_free(&prompt);
    return ok;
}
