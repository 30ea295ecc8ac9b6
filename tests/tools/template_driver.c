/* Renders chat templates for tests/clients/templates.py: a JSON object a line (template, messages, tools, documents, extra, bos, eos, agp);
 * answers {"text", "spans"} or {"error"} a line. */
#include "text/template.h"
#include <stdio.h>
#include <stdlib.h>

static json_t *spans_of(const template_output *o) {
    json_t *list = json_array();
    for (size_t i = 0; i < o->n_untrusted; i++) json_array_append_new(list, json_pack("[ii]", (int)o->untrusted[i].from, (int)o->untrusted[i].to));
    return list;
}

static json_t *render(const json_t *request) {
    err e = { 0 };
    const json_t *source = json_object_get(request, "template");
    chat_template *t = chat_template_parse(json_string_value(source), json_string_length(source), &e);
    template_input in = { .messages = json_object_get(request, "messages"), .tools = js_get(request, "tools"), .documents = js_get(request, "documents"),
                          .extra = js_get(request, "extra"), .bos_token = json_string_value(json_object_get(request, "bos")),
                          .eos_token = json_string_value(json_object_get(request, "eos")), .add_generation_prompt = json_is_true(json_object_get(request, "agp")) };
    template_output out = { 0 };
    json_t *answer = json_object();
    if (t && chat_template_render(t, &in, &out, &e)) {
        json_object_set_new(answer, "text", json_stringn_nocheck(buf_str(&out.text), out.text.len));
        json_object_set_new(answer, "spans", spans_of(&out));
    } else json_object_set_new(answer, "error", json_string(e.what));
    template_output_free(&out);
    chat_template_free(t);
    return answer;
}

int main(void) {
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        err e;
        json_t *request = js_parse(line, (size_t)n, "request", &e), *answer = request ? render(request) : json_pack("{ss}", "error", e.what);
        char *text = json_dumps(answer, 0);
        puts(text ? text : "{\"error\": \"not UTF-8\"}");
        free(text);
        json_decref(answer);
        json_decref(request);
    }
    free(line);
    return 0;
}
