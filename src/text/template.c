#include "text/template.h"
#include "base/mem.h"
#include "text/jinja.h"
#include <string.h>

struct chat_template {
    arena *mem;
    node_list body;
};

static const size_t MAX_STEPS = 10000000, MAX_OUTPUT = 64u << 20, MAX_MEMORY = 512u << 20;

chat_template *chat_template_parse(const char *source, size_t n, err *e) {
    chat_template *t = mem_must(1, sizeof *t);
    if (n > JINJA_MAX_SOURCE) {
        err_set(e, ERR_LIMIT, "the chat template is too long");
        err_expected(e, "at most %d bytes", JINJA_MAX_SOURCE);
        free(t);
        return NULL;
    }
    t->mem = arena_new(0);
    if (jinja_parse(t->mem, source, n, &t->body, e)) return t;
    chat_template_free(t);
    return NULL;
}

void chat_template_free(chat_template *t) {
    if (!t) return;
    arena_free(t->mem);
    free(t);
}

static void set(run *r, const char *name, value v) { frame_set(r, r->globals, name, v); }

static void set_inputs(run *r, const template_input *in) {
    const char *key;
    json_t *v;
    set(r, "messages", v_from_json(r, in->messages));
    set(r, "tools", in->tools ? v_from_json(r, in->tools) : v_none());
    set(r, "documents", in->documents ? v_from_json(r, in->documents) : v_none());
    set(r, "add_generation_prompt", v_bool(in->add_generation_prompt));
    if (in->bos_token) set(r, "bos_token", v_string(r, in->bos_token, strlen(in->bos_token), false));
    if (in->eos_token) set(r, "eos_token", v_string(r, in->eos_token, strlen(in->eos_token), false));
    for (const char *const *s = in->special_names; s && s[0]; s += 2) set(r, s[0], v_string(r, s[1], strlen(s[1]), false));
    json_object_foreach((json_t *)(uintptr_t)in->extra, key, v) set(r, key, v_from_json(r, v));
}

bool chat_template_render(const chat_template *t, const template_input *in, template_output *out, err *e) {
    const template_limits *l = &in->limits;
    run r = { .mem = arena_new(l->max_memory ? l->max_memory : MAX_MEMORY), .max_steps = l->max_steps ? l->max_steps : MAX_STEPS, .now = in->now, .e = e };
    frame globals = { 0 };
    r.out.limit = l->max_output ? l->max_output : MAX_OUTPUT;
    r.globals = &globals;
    set_inputs(&r, in);
    if (!r.failed) exec_list(&r, &globals, &t->body);
    *out = (template_output){ 0 };
    if (r.failed) {
        buf_free(&r.out);
        free(r.spans);
    } else *out = (template_output){ r.out, r.spans, r.n_spans };
    out->text.limit = 0;
    arena_free(r.mem);
    return !r.failed;
}

void template_output_free(template_output *o) {
    buf_free(&o->text);
    free(o->untrusted);
    *o = (template_output){ 0 };
}
