/* pingti template: what a model is really given for a conversation. */
#include "base/file.h"
#include "cli/common_options.h"
#include "cli/input.h"
#include "cli/out.h"
#include "cli/term.h"
#include <string.h>

enum { TEMPLATE_LIMIT = 4 << 20 };

typedef struct template_options {
    model_choice choice;
    const char *source, *bos, *eos;
    opt_list set;
    bool show_trust, ids, generation_prompt, json;
} template_options;

#define AT(member) offsetof(template_options, member)
static const opt_row rows[] = {
    { "template", 0, OPT_TEXT, AT(source), NULL, "FILE", NULL, 0, 0, "a Jinja file in place of the model's template" },
    { "add-generation-prompt", 0, OPT_FLAG, AT(generation_prompt), "on", NULL, NULL, 0, 0, "end with the beginning of an answer; --no-add-generation-prompt leaves it out" },
    { "set", 0, OPT_LIST, AT(set), NULL, "NAME=VALUE", NULL, 0, 0, "a further variable, such as enable_thinking=false; VALUE is JSON, or else text; may be given several times" },
    { "bos", 0, OPT_TEXT, AT(bos), NULL, "TEXT", NULL, 0, 0, "bos_token when there is no model (--template alone)" },
    { "eos", 0, OPT_TEXT, AT(eos), NULL, "TEXT", NULL, 0, 0, "eos_token when there is no model" },
    { "show-trust", 0, OPT_FLAG, AT(show_trust), "off", NULL, NULL, 0, 0, "mark what came from the conversation: control tokens spelled there stay plain text" },
    { "ids", 0, OPT_FLAG, AT(ids), "off", NULL, NULL, 0, 0, "token ids instead of text" },
    { "json", 0, OPT_FLAG, AT(json), "off", NULL, NULL, 0, 0, "text and untrusted byte ranges as JSON" },
};
#undef AT
static const opt_table table = { "Rendering", ROWS(rows) };

/* What is rendered: everything here is owned. */
typedef struct rendering {
    const char *model; /* its path; NULL: none given */
    char *source;
    tokenizer *tokenizer;
    chat_template *chat;
    json_t *conversation, *extra;
    template_output out;
    char bos[256], eos[256];
} rendering;

static void rendering_free(rendering *r) {
    template_output_free(&r->out);
    chat_template_free(r->chat);
    tokenizer_free(r->tokenizer);
    json_decref(r->conversation);
    json_decref(r->extra);
    free(r->source);
}

static void spelling(const tokenizer *t, int32_t id, char out[256]) {
    size_t n = 0;
    const char *s = id >= 0 ? tokenizer_spelling(t, id, &n) : NULL;
    snprintf(out, 256, "%.*s", (int)(s ? n : 0), s ? s : "");
}

static bool open_template(const template_options *o, bool tools, rendering *r, err *e) {
    size_t n;
    const char *model = r->model;
    if (!model && !o->source)
        return err_set(e, ERR_USAGE, "no template was given") || err_expected(e, "-m MODEL for the model's own, or --template FILE");
    if (model && (!o->source || o->ids) && !(r->tokenizer = llm_open_tokenizer(model, e))) return false;
    if (r->tokenizer) {
        spelling(r->tokenizer, tokenizer_bos(r->tokenizer), r->bos);
        spelling(r->tokenizer, tokenizer_eos(r->tokenizer), r->eos);
    }
    if (o->bos) snprintf(r->bos, sizeof r->bos, "%s", o->bos);
    if (o->eos) snprintf(r->eos, sizeof r->eos, "%s", o->eos);
    r->source = o->source ? file_read(o->source, TEMPLATE_LIMIT, &n, e) : llm_open_template(model, tools, e);
    return r->source && (r->chat = chat_template_parse(r->source, strlen(r->source), e));
}

static bool read_conversation(const opt_state *s, rendering *r, err *e) {
    buf text = { 0 };
    const char *path = opt_arg(s, 0);
    bool from_file = path && strcmp(path, "-") != 0;
    bool ok = input_text(from_file ? path : NULL, from_file ? NULL : path, &text, e);
    r->conversation = ok ? js_parse(buf_str(&text), text.len, from_file ? path : "standard input", e) : NULL;
    buf_free(&text);
    if (!r->conversation) return ok ? err_hint(e, "a conversation is JSON: [{\"role\": \"user\", \"content\": \"...\"}], in a file or on standard input") : false;
    if (json_is_array(r->conversation)) r->conversation = json_pack("{s:o}", "messages", r->conversation);
    if (json_is_array(js_get(r->conversation, "messages"))) return true;
    return err_set(e, ERR_USAGE, "this is not a conversation") ||
           err_expected(e, "[{\"role\": \"user\", \"content\": \"...\"}, ...] or {\"messages\": [...], \"tools\": [...]}");
}

/* What the conversation holds beside messages and tools, then --set. */
static bool read_extra(const template_options *o, rendering *r, err *e) {
    const char *key;
    json_t *value;
    r->extra = json_object();
    json_object_foreach(r->conversation, key, value) {
        bool own = strcmp(key, "messages") == 0 || strcmp(key, "tools") == 0 || strcmp(key, "documents") == 0;
        if (!own && strcmp(key, "chat_template_kwargs") != 0) json_object_set(r->extra, key, value);
    }
    json_t *kwargs = js_get(r->conversation, "chat_template_kwargs");
    if (json_is_object(kwargs)) json_object_update(r->extra, kwargs);
    for (size_t i = 0; i < o->set.n; i++) {
        const char *eq = strchr(o->set.items[i], '=');
        if (!eq || eq == o->set.items[i])
            return err_set(e, ERR_USAGE, "--set does not take this value") || err_expected(e, "NAME=VALUE") || err_got(e, "'%s'", o->set.items[i]);
        json_t *v = json_loads(eq + 1, JSON_DECODE_ANY, NULL);
        char *name = strndup(o->set.items[i], (size_t)(eq - o->set.items[i]));
        json_object_set_new(r->extra, name, v ? v : out_json_text(eq + 1, strlen(eq + 1)));
        free(name);
    }
    return true;
}

static bool render(const template_options *o, rendering *r, err *e) {
    json_t *prompt = js_get(r->conversation, "add_generation_prompt");
    template_input in = { .messages = js_get(r->conversation, "messages"), .tools = js_get(r->conversation, "tools"),
                          .documents = js_get(r->conversation, "documents"), .extra = r->extra, .bos_token = r->bos, .eos_token = r->eos,
                          .add_generation_prompt = o->generation_prompt && !json_is_false(prompt) };
    json_object_del(r->extra, "add_generation_prompt");
    return chat_template_render(r->chat, &in, &r->out, e);
}

static void put_trust(const template_output *t, buf *b) {
    bool colour = term_colour(1);
    size_t at = 0;
    const char *text = buf_str(&t->text);
    for (size_t i = 0; i < t->n_untrusted; i++) {
        const text_span *u = &t->untrusted[i];
        buf_put(b, text + at, u->from - at);
        buf_puts(b, colour ? "\x1b[33m" : "⟦");
        buf_put(b, text + u->from, u->to - u->from);
        buf_puts(b, colour ? TERM_PLAIN : "⟧");
        at = u->to;
    }
    buf_put(b, text + at, t->text.len - at);
}

static bool put_ids(rendering *r, buf *b, err *e) {
    token_list ids = { 0 };
    if (!r->tokenizer) return err_set(e, ERR_USAGE, "--ids needs a vocabulary") || err_expected(e, "-m MODEL");
    bool has_bos = r->bos[0] && r->out.text.len >= strlen(r->bos) && memcmp(buf_str(&r->out.text), r->bos, strlen(r->bos)) == 0;
    unsigned flags = TOKENIZE_PARSE_SPECIAL | (has_bos ? 0 : TOKENIZE_ADD_SPECIAL);
    bool ok = tokenizer_encode_marked(r->tokenizer, buf_str(&r->out.text), r->out.text.len, flags, r->out.untrusted, r->out.n_untrusted, &ids, e);
    for (size_t i = 0; ok && i < ids.n; i++) buf_printf(b, "%s%d", i ? " " : "", (int)ids.ids[i]);
    if (ok) buf_putc(b, '\n');
    token_list_free(&ids);
    return ok;
}

static json_t *output_json(const template_output *t) {
    json_t *spans = json_array();
    for (size_t i = 0; i < t->n_untrusted; i++)
        json_array_append_new(spans, json_pack("[I, I]", (json_int_t)t->untrusted[i].from, (json_int_t)t->untrusted[i].to));
    return json_pack("{s:o, s:o}", "text", out_json_text(buf_str(&t->text), t->text.len), "untrusted", spans);
}

static bool show(const template_options *o, rendering *r, err *e) {
    buf b = { 0 };
    bool ok = true;
    if (o->json) out_json(output_json(&r->out), true);
    else if (o->ids) ok = put_ids(r, &b, e);
    else if (o->show_trust) put_trust(&r->out, &b);
    else buf_put(&b, buf_str(&r->out.text), r->out.text.len);
    if (ok && b.len) out_write(b.data, b.len);
    buf_free(&b);
    return ok;
}

static int run(const void *options, opt_state *s) {
    const template_options *o = options;
    err e = { 0 };
    rendering r = { 0 };
    bool ok = !o->choice.model || (r.model = choice_path(s, &o->choice, NULL, &e));
    ok = ok && (r.model || o->source || open_template(o, false, &r, &e)) && read_conversation(s, &r, &e) &&
              open_template(o, json_array_size(js_get(r.conversation, "tools")) > 0, &r, &e) && read_extra(o, &r, &e) && render(o, &r, &e) &&
              show(o, &r, &e);
    rendering_free(&r);
    return ok ? out_status() : cli_fail(&e);
}

static const opt_part parts[] = { PART(model_choice_table, template_options, choice), { &table, 0 } };

const command command_template = {
    { "template", "template -m MODEL [options] [CONVERSATION.json | -]",
      "Renders a conversation as the model is given it: the chat template of the model, byte for byte as transformers renders it. The "
      "conversation is a JSON array of messages, or an object with messages, tools, documents and further variables. Templates run in a "
      "sandbox: no file or network is reachable, and steps, depth and output are bounded.",
      "  echo '[{\"role\":\"user\",\"content\":\"Hi\"}]' | pingti template -m model.gguf\n"
      "  pingti template -m model.gguf --set enable_thinking=false chat.json\n"
      "  pingti template --template chat.jinja --bos '<s>' --show-trust chat.json\n",
      parts, sizeof parts / sizeof *parts, 0, 1 },
    sizeof(template_options), run,
};
