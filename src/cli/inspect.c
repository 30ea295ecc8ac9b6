/* pingti inspect: a model as a person wants to see it. What a file does not tell, or what this build cannot read, is said
 * and the rest shown. */
#include "cli/common_options.h"
#include "cli/inspect_facts.h"
#include "cli/input.h"
#include "cli/out.h"
#include "cli/term.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct inspect_options {
    model_choice choice;
    engine_options engine;
    bool tensors, metadata, json;
} inspect_options;

#define AT(member) offsetof(inspect_options, member)
static const opt_row rows[] = {
    { "tensors", 0, OPT_FLAG, AT(tensors), "off", NULL, NULL, 0, 0, "list every tensor: format, shape, bytes" },
    { "metadata", 0, OPT_FLAG, AT(metadata), "off", NULL, NULL, 0, 0, "list every key of the file's metadata (or of config.json)" },
    { "json", 0, OPT_FLAG, AT(json), "off", NULL, NULL, 0, 0, "all of it as JSON" },
};
#undef AT
static const opt_table table = { "What to show", ROWS(rows) };

/* Text from a file on a terminal: what could drive the terminal shows as an escape. */
static void put_safe(buf *b, const char *s) {
    for (size_t i = 0, n = strlen(s), len; i < n; i += len ? len : 1) {
        uint32_t cp = 0;
        len = input_printable(s + i, n - i, &cp);
        if (len) buf_put(b, s + i, len);
        else buf_printf(b, "\\x%02x", (unsigned char)s[i]);
    }
}

static void field(buf *b, const char *label, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void field(buf *b, const char *label, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_printf(b, "  %s%-13s%s ", term_seq(1, TERM_CYAN), label, term_seq(1, TERM_PLAIN));
    put_safe(b, text);
    buf_putc(b, '\n');
}

static void title(buf *b, const char *text) { buf_printf(b, "%s%s%s\n", term_seq(1, TERM_BOLD), text, term_seq(1, TERM_PLAIN)); }

static void put_attention(buf *b, const model_spec *s) {
    if (spec_is_mla(s))
        field(b, "attention", "%u heads, latent (MLA): key/value rank %u, query rank %u, rotary %u", s->heads, s->kv_lora, s->q_lora, s->rope_dim);
    else
        field(b, "attention", "%u heads of %u, %u key/value heads%s%s", s->heads, s->head_dim, s->kv_heads, s->qkv_bias ? ", biases" : "",
              s->qk_norm ? ", query and key norms" : "");
    if (s->window) field(b, "window", "%u tokens", s->window);
}

static void put_rope(buf *b, const rope_spec *r) {
    static const char *const kinds[] = { "plain", "linear", "dynamic", "llama3", "yarn", "longrope" };
    buf t = { 0 };
    buf_printf(&t, "%s, theta %.9g, %u of a head", kinds[r->kind], r->theta, r->dims);
    if (r->factor > 1) buf_printf(&t, ", factor %g", r->factor);
    if (r->original > 0 && r->factor > 1) buf_printf(&t, ", first made for %.0f tokens", r->original);
    field(b, "rotary", "%s", buf_str(&t));
    buf_free(&t);
}

static void put_spec(buf *b, const model_facts *f) {
    const model_spec *s = &f->spec;
    if (!f->has_spec) {
        field(b, "family", "%s: %s", f->source->arch[0] ? f->source->arch : "not stated", f->spec_error.what);
        return;
    }
    field(b, "family", "%s", s->family);
    field(b, "size", "%u layers, width %u, feed-forward %u, vocabulary %u", s->layers, s->d, s->ff, s->vocab);
    put_attention(b, s);
    if (s->router.experts)
        field(b, "experts", "%u, %u used per token, width %u%s", s->router.experts, s->router.top_k, s->expert_ff, s->shared_ff ? ", and a shared one" : "");
    if (rope_longest_context(s) > s->context) field(b, "context", "%u tokens; scaled rope allows --ctx up to %u", s->context, rope_longest_context(s));
    else field(b, "context", "%u tokens", s->context);
    put_rope(b, &s->rope);
}

static void put_file(buf *b, const model_facts *f) {
    const model_source *s = f->source;
    field(b, "path", "%s", s->path);
    if (f->name[0]) field(b, "name", "%s", f->name);
    if (s->gguf) field(b, "file", "GGUF v%u, %zu part%s, %s", gguf_version(s->gguf), gguf_n_parts(s->gguf), gguf_n_parts(s->gguf) == 1 ? "" : "s", show_bytes(s->file_bytes).text);
    else field(b, "file", "Hugging Face directory, %s of weights", show_bytes(s->file_bytes).text);
    if (!f->parameters) field(b, "weights", f->tokenizer ? "none: a vocabulary alone" : "none that can be read");
    else field(b, "parameters", "%s, %.2f bits each", show_count(f->parameters).text, 8.0 * (double)f->tensor_bytes / (double)f->parameters);
}

static void put_formats(buf *b, const model_facts *f) {
    if (!f->n_formats) return;
    title(b, "\nTensor formats");
    for (size_t i = 0; i < f->n_formats; i++) {
        const format_use *u = &f->formats[i];
        buf_printf(b, "  %-10s %6zu tensor%s %12s%s\n", u->name, u->count, u->count == 1 ? " " : "s", show_bytes(u->bytes).text,
                   u->known ? "" : "  this build cannot compute with it");
    }
}

static void put_special(buf *b, const tokenizer *t, const char *label, int32_t id) {
    size_t n = 0;
    const char *s = id >= 0 ? tokenizer_spelling(t, id, &n) : NULL;
    if (s) field(b, label, "%.*s (%d)", (int)n, s, (int)id);
}

static void put_text_side(buf *b, const model_facts *f) {
    title(b, "\nText");
    if (!f->tokenizer) field(b, "tokenizer", "none that can be used: %s", f->tokenizer_error.what);
    else {
        const char *pre = tokenizer_pre_name(f->tokenizer);
        field(b, "tokenizer", "%s%s%s, %zu tokens%s%s", tokenizer_kind(f->tokenizer), *pre ? ", cut as " : "", pre,
              tokenizer_n_tokens(f->tokenizer), tokenizer_adds_bos(f->tokenizer) ? ", adds BOS" : "", tokenizer_adds_eos(f->tokenizer) ? ", adds EOS" : "");
        put_special(b, f->tokenizer, "bos", tokenizer_bos(f->tokenizer));
        put_special(b, f->tokenizer, "eos", tokenizer_eos(f->tokenizer));
        put_special(b, f->tokenizer, "pad", tokenizer_pad(f->tokenizer));
        put_special(b, f->tokenizer, "unk", tokenizer_unk(f->tokenizer));
    }
    if (f->chat_template) field(b, "chat template", "%zu bytes%s%s", strlen(f->chat_template), f->chat_error.code ? ", cannot be used: " : "", f->chat_error.code ? f->chat_error.what : "");
    else field(b, "chat template", "none");
    if (f->has_sampling)
        field(b, "generation", "temperature %.4g, top-k %u, top-p %.4g, repeat penalty %.4g", (double)f->sampling.temperature, f->sampling.top_k,
              (double)f->sampling.top_p, (double)f->sampling.repeat_penalty);
}

static void put_memory(buf *b, const model_facts *f) {
    title(b, "\nMemory");
    if (!f->n_plans) {
        field(b, "plan", "none: %s", f->plan_error.what);
        return;
    }
    buf_printf(b, "  %10s %14s %14s %14s\n", "context", "weights (map)", "cache", "to allocate");
    for (size_t i = 0; i < f->n_plans; i++) {
        const plan_line *p = &f->plans[i];
        if (p->error.code) buf_printf(b, "  %10u does not fit: %s, %s\n", p->context, p->error.got, p->error.expected);
        else buf_printf(b, "  %10u %14s %14s %14s\n", p->context, show_bytes(p->plan.weights_mapped).text, show_bytes(p->plan.kv_bytes).text, show_bytes(p->plan.total).text);
    }
}

static void put_tensors(buf *b, const model_facts *f) {
    title(b, "\nTensors");
    char shape[96];
    for (size_t i = 0; f->source->tensors && i < f->source->tensors->n; i++) {
        const named_tensor *t = &f->source->tensors->items[i];
        buf_printf(b, "  %-8s %12s  %-22s ", facts_type_name(f->source, i), show_bytes(t->bytes).text, named_tensor_shape(t, shape));
        put_safe(b, t->name);
        buf_putc(b, '\n');
    }
}

static void put_metadata(buf *b, const model_facts *f) {
    title(b, "\nMetadata");
    const model_source *s = f->source;
    char value[400];
    for (size_t i = 0; s->gguf && i < gguf_n_keys(s->gguf); i++) {
        gguf_key_show(s->gguf, i, value, sizeof value);
        buf_puts(b, "  ");
        put_safe(b, gguf_key(s->gguf, i));
        buf_puts(b, " = ");
        put_safe(b, value);
        buf_putc(b, '\n');
    }
    const char *key;
    json_t *v;
    if (s->gguf || !s->hf.config) return;
    json_object_foreach(s->hf.config, key, v) {
        char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        buf_printf(b, "  %s = ", key);
        put_safe(b, text ? text : "");
        buf_putc(b, '\n');
        free(text);
    }
}

static int run(const void *options, opt_state *s) {
    const inspect_options *o = options;
    err e = { 0 };
    model_facts f;
    runner_options ro;
    const char *path = choice_path(&o->choice, opt_arg(s, 0), &e);
    if (!path || !engine_runner_options(&o->engine, &ro, &e) || !facts_open(&f, path, &ro, &e)) return cli_fail(&e);
    if (o->json) out_json(facts_json(&f, o->tensors, o->metadata), true);
    else {
        buf b = { 0 };
        title(&b, "Model");
        put_file(&b, &f);
        put_spec(&b, &f);
        put_formats(&b, &f);
        put_text_side(&b, &f);
        put_memory(&b, &f);
        if (o->tensors) put_tensors(&b, &f);
        if (o->metadata) put_metadata(&b, &f);
        out_write(buf_str(&b), b.len);
        buf_free(&b);
    }
    facts_close(&f);
    return out_status();
}

static const opt_part parts[] = { PART(model_choice_table, inspect_options, choice), { &table, 0 }, PART(engine_table, inspect_options, engine) };

const command command_inspect = {
    { "inspect", "inspect [-m] MODEL [options]",
      "Shows what a model is: family, sizes, tensor formats, tokenizer, chat template, generation defaults, and what it would take in "
      "memory at several contexts (with the cache format and limit given). Works on files of unknown architecture and on vocabularies "
      "without weights: it shows what there is and says what is missing. Nothing is loaded.",
      "  pingti inspect model.gguf\n"
      "  pingti inspect model.gguf --tensors --metadata\n"
      "  pingti inspect --json model-directory | jq .parameters\n",
      parts, sizeof parts / sizeof *parts, 0, 1 },
    sizeof(inspect_options), run,
};
