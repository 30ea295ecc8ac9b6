/* Holds grammars against another implementation (tests/clients/grammar.py): reads one JSON object a line,
 *     {"schema": TEXT or "gbnf": TEXT, "times": 200, "most": 300, "texts": ["...", ...]}
 * and writes one a line: {"error": "..."}, or {"matches": [whether each text follows the grammar], "answers": [texts that were generated
 * to their end], "cut": how many were not ended within `most` tokens, "seconds": compiling}. Answers are generated at temperature 1,
 * until `times` have come to their end, or MOST_DRAWS times as many were begun. */
#include "infer/llm.h"
#include "base/json.h"
#include "base/mem.h"
#include <stdio.h>
#include <string.h>

enum { AT_ONCE = 32, MOST_DRAWS = 10 };

typedef struct driver {
    llm *l;
    uint64_t seed;
} driver;

static request *ask(driver *d, grammar *g, size_t most, err *e) {
    int32_t bos = tokenizer_bos(d->l->tokenizer), prompt = bos < 0 ? 0 : bos;
    request_options o = { .prompt = &prompt, .n_prompt = 1, .max_tokens = most, .sample = { .temperature = 1, .seed = ++d->seed },
                          .stop_ids = d->l->stop_ids, .n_stop_ids = d->l->n_stop_ids, .grammar = g };
    request *r = request_new(&o);
    if (engine_submit(d->l->engine, r, e)) return r;
    request_unref(r);
    return NULL;
}

/* The text of one answer into the list, or one more that was cut. False: the request failed. */
static bool take(driver *d, request *r, json_t *answers, json_int_t *cut, err *e) {
    detok t;
    buf text = { 0 };
    sampled token;
    detok_init(&t, d->l->tokenizer, false);
    while (request_next(r, &token)) detok_put(&t, token.id, &text);
    detok_finish(&t, &text);
    finish_reason why = request_finish(r);
    if (why == FINISH_STOP) json_array_append_new(answers, json_stringn(buf_str(&text), text.len));
    else ++*cut;
    if (why == FINISH_ERROR) *e = *request_error(r);
    buf_free(&text);
    request_unref(r);
    return why != FINISH_ERROR;
}

static bool generate(driver *d, grammar *g, size_t times, size_t most, json_t *answers, json_int_t *cut, err *e) {
    bool ok = true;
    for (size_t begun = 0; begun < MOST_DRAWS * times && json_array_size(answers) < times && ok;) {
        request *asked[AT_ONCE];
        size_t n = 0, missing = times - json_array_size(answers);
        while (n < AT_ONCE && n < missing && (asked[n] = ask(d, g, most, e))) n++;
        for (size_t i = 0; i < n; i++) ok &= take(d, asked[i], answers, cut, e);
        begun += n;
        ok &= !e->code;
    }
    return ok;
}

static json_t *answer(driver *d, const json_t *in) {
    err e = { 0 };
    const char *schema = json_string_value(json_object_get(in, "schema")), *gbnf = json_string_value(json_object_get(in, "gbnf"));
    grammar_source s = { .schema = schema, .gbnf = gbnf, .n = schema || gbnf ? strlen(schema ? schema : gbnf) : 0, .compact = json_is_true(json_object_get(in, "compact")) };
    grammar *g = grammars_get(d->l->grammars, &s, &e);
    json_t *matches = json_array(), *answers = json_array(), *text;
    json_int_t cut = 0, times = json_integer_value(json_object_get(in, "times")), most = json_integer_value(json_object_get(in, "most"));
    size_t i;
    json_array_foreach(json_object_get(in, "texts"), i, text)
        json_array_append_new(matches, json_boolean(g && grammar_matches(g, json_string_value(text), json_string_length(text))));
    if (!g || !generate(d, g, (size_t)times, (size_t)most, answers, &cut, &e)) {
        char shown[2048];
        err_format(&e, shown, sizeof shown);
        json_decref(matches);
        json_decref(answers);
        grammar_unref(g);
        return json_pack("{s:s, s:s}", "error", shown, "code", err_code_name(e.code));
    }
    double seconds = grammar_facts_of(g).seconds;
    grammar_unref(g);
    return json_pack("{s:o, s:o, s:I, s:f}", "matches", matches, "answers", answers, "cut", cut, "seconds", seconds);
}

int main(int argc, char **argv) {
    err e = { 0 };
    char *line = NULL;
    size_t cap = 0;
    llm_options o = { .run = { .threads = 2, .context = 2048, .cache_tokens = 65536, .place.dir = "", .precision = PRECISION_FAST, .cache_type = DTYPE_F16 } };
    if (argc != 2) return fprintf(stderr, "usage: grammar_driver MODEL < REQUESTS\n"), 2;
    driver d = { .l = llm_open(argv[1], &o, &e) };
    if (!d.l) {
        char shown[2048];
        err_format(&e, shown, sizeof shown);
        return fprintf(stderr, "%s\n", shown), 1;
    }
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        json_t *in = js_parse(line, (size_t)n, "a line", &e), *out = in ? answer(&d, in) : json_pack("{s:s}", "error", "the line is not JSON");
        char *text = json_dumps(out, JSON_COMPACT);
        puts(text ? text : "{\"error\":\"not UTF-8\"}");
        fflush(stdout);
        free(text);
        json_decref(in);
        json_decref(out);
    }
    free(line);
    llm_close(d.l);
    return 0;
}
