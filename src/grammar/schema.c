#include "grammar/schema.h"
#include "base/mem.h"
#include "grammar/number.h"
#include "grammar/schema_impl.h"
#include <string.h>

/* Languages of strings that have a rule already. */
typedef struct language_rule {
    const lang *l;
    uint32_t rule;
} language_rule;

enum { MAX_COMPARED = 64, SMALL_LANGUAGE = 48 };

static const syn *quoted(translation *t, const lang *l) {
    const syn *parts[] = { syn_text(t->w, "\""), syn_language(t->w, SYN_JSON, l), syn_text(t->w, "\"") };
    return parts[0] && parts[1] && parts[2] ? syn_list(t->w, SYN_SEQ, parts, 3) : NULL;
}

/* One rule for all strings of a language, so that its masks are made once. */
const syn *rule_of_strings(translation *t, const lang *l) {
    if (!l) return NULL;
    if (l->n_edges <= SMALL_LANGUAGE && !lang_is_all(l)) return quoted(t, l);
    size_t from = t->n_languages > MAX_COMPARED ? t->n_languages - MAX_COMPARED : 0;
    for (size_t i = from; i < t->n_languages; i++)
        if (t->languages[i].l == l || lang_equal(t->languages[i].l, l)) return syn_ref(t->w, t->languages[i].rule);
    language_rule r = { l, syntax_rule(t->out, "(a string)") };
    t->out->rules[r.rule].body = quoted(t, l);
    if (t->n_languages == t->cap_languages) t->languages = mem_must_grow(t->languages, t->cap_languages = t->cap_languages ? 2 * t->cap_languages : 16, sizeof *t->languages);
    t->languages[t->n_languages++] = r;
    return syn_ref(t->w, r.rule);
}

const syn *rule_of_term(translation *t, term a) {
    if (t->w->failed) return NULL;
    if (a == TERM_NONE) return syn_never(t->w);
    if (t->terms[a].rule == UINT32_MAX) {
        t->terms[a].rule = syntax_rule(t->out, "(a value)");
        if (t->n_todo == t->cap_todo) t->todo = mem_must_grow(t->todo, t->cap_todo = t->cap_todo ? 2 * t->cap_todo : 32, sizeof *t->todo);
        t->todo[t->n_todo++] = a;
    }
    return syn_ref(t->w, t->terms[a].rule);
}

/* Whole numbers alone are written without a point; any number at all also with an exponent. */
static const syn *number_rule(translation *t, const lang *numbers) {
    const syn *s = NULL;
    if (numbers == t->all_numbers || lang_equal(numbers, t->all_numbers)) {
        static const syn_range e[] = { { 'E', 'E' }, { 'e', 'e' } }, sign[] = { { '+', '+' }, { '-', '-' } }, digit[] = { { '0', '9' } };
        const syn *exponent[] = { syn_chars(t->w, e, 2), syn_repeat(t->w, syn_chars(t->w, sign, 2), 0, 1), syn_repeat(t->w, syn_chars(t->w, digit, 1), 1, 2) };
        const syn *parts[] = { syn_language(t->w, SYN_TEXT, t->all_numbers), syn_repeat(t->w, syn_list(t->w, SYN_SEQ, exponent, 3), 0, 1) };
        return t->w->failed ? NULL : syn_list(t->w, SYN_SEQ, parts, 2);
    }
    const lang *fractions = lang_minus(t->w, numbers, t->integers);
    if (fractions && lang_is_empty(fractions)) numbers = lang_and(t->w, numbers, number_without_point(t->w));
    if (fractions) s = syn_language(t->w, SYN_TEXT, numbers);
    return s;
}

static const syn *value_body(translation *t, const domain *d) {
    static const char *const scalars[] = { "null", "true", "false" };
    syn_kids kids = { 0 };
    if (!d) return NULL;
    for (int i = 0; i < 3; i++)
        if (d->scalars >> i & 1) syn_kids_put(&kids, syn_text(t->w, scalars[i]));
    if (!lang_is_empty(d->numbers)) syn_kids_put(&kids, number_rule(t, d->numbers));
    if (!lang_is_empty(d->strings)) syn_kids_put(&kids, rule_of_strings(t, d->strings));
    for (size_t i = 0; i < d->n_arrays && !t->w->failed; i++) syn_kids_put(&kids, rule_of_array(t, d->arrays[i]));
    for (size_t i = 0; i < d->n_objects && !t->w->failed; i++) syn_kids_put(&kids, rule_of_object(t, d->objects[i]));
    return syn_kids_take(t->w, &kids, SYN_ALT);
}

/* White space as models write it: none, a space, or a line with its indentation. */
static const syn *make_gap(translation *t) {
    static const syn_range space = { ' ', ' ' };
    if (t->compact) return syn_text(t->w, "");
    const syn *line[] = { syn_text(t->w, "\n"), syn_repeat(t->w, syn_chars(t->w, &space, 1), 0, 40) };
    const syn *kinds[] = { syn_text(t->w, ""), syn_text(t->w, " "), line[0] && line[1] ? syn_list(t->w, SYN_SEQ, line, 2) : NULL };
    uint32_t rule = syntax_rule(t->out, "(white space)");
    t->out->rules[rule].body = t->w->failed ? NULL : syn_list(t->w, SYN_ALT, kinds, 3);
    return syn_ref(t->w, rule);
}

static const syn *make_colon(translation *t) {
    const syn *kinds[] = { syn_text(t->w, ":"), syn_text(t->w, ": ") };
    return t->w->failed ? NULL : syn_list(t->w, SYN_ALT, kinds, t->compact ? 1 : 2);
}

static bool make_constants(translation *t) {
    array_case *array = effort_new(t->w, 1, sizeof *array);
    object_case *object = effort_new(t->w, 1, sizeof *object);
    domain *everything = effort_new(t->w, 1, sizeof *everything), *nothing = effort_new(t->w, 1, sizeof *nothing);
    const array_case **arrays = effort_new(t->w, 1, sizeof *arrays);
    const object_case **objects = effort_new(t->w, 1, sizeof *objects);
    t->all_text = lang_all(t->w);
    t->no_text = lang_none(t->w);
    t->all_numbers = number_all(t->w);
    t->integers = number_integers(t->w);
    if (t->w->failed) return false;
    *array = array_any();
    *object = object_any(t);
    arrays[0] = array;
    objects[0] = object;
    *everything = (domain){ VALUE_SCALARS, t->all_numbers, t->all_text, arrays, 1, objects, 1 };
    *nothing = (domain){ .numbers = t->no_text, .strings = t->no_text };
    t->everything = everything;
    t->nothing = nothing;
    t->gap = make_gap(t);
    t->after_colon = make_colon(t);
    t->terms = mem_must_grow(t->terms, t->cap_terms = 64, sizeof *t->terms);
    while (t->n_terms < TERM_FIRST) t->terms[t->n_terms++] = (term_entry){ .rule = UINT32_MAX };
    return !t->w->failed;
}

static bool translate(translation *t) {
    term root = json_is_boolean(t->doc.root) || json_is_object(t->doc.root) ? term_schema(t, t->doc.root, 0) : TERM_NONE;
    if (!json_is_boolean(t->doc.root) && !json_is_object(t->doc.root)) return schema_doc_invalid(&t->doc, NULL, "(root)", "an object, true or false");
    if (root == TERM_NONE && !t->w->failed) {
        err_set(t->w->e, ERR_FORMAT, "no value is valid under the schema");
        return effort_refuse(t->w);
    }
    if (!rule_of_term(t, root)) return false;
    t->out->root = t->terms[root].rule;
    for (size_t i = 0; i < t->n_todo && !t->w->failed; i++) {
        uint32_t rule = t->terms[t->todo[i]].rule;
        const syn *body = value_body(t, term_domain(t, t->todo[i], false));
        t->out->rules[rule].body = body;
    }
    return !t->w->failed;
}

bool schema_translate(const char *text, size_t n, bool compact, syntax *s) {
    translation t = { .w = s->w, .out = s, .compact = compact, .known = map_new(64) };
    bool ok = schema_doc_open(&t.doc, text, n, s->w) && make_constants(&t) && translate(&t);
    schema_doc_close(&t.doc);
    map_free(t.known);
    free(t.terms);
    free(t.todo);
    free(t.languages);
    return ok;
}
