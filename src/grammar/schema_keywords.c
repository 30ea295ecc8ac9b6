/* From the keywords of one schema to a domain: those about every value, numbers, strings, and those that combine schemas. */
#include "base/utf8.h"
#include "grammar/ecma.h"
#include "grammar/format.h"
#include "grammar/number.h"
#include "grammar/schema_impl.h"
#include "grammar/spell.h"
#include <math.h>
#include <string.h>

/* One schema being read. */
typedef struct reading {
    translation *t;
    const json_t *s;
    uint32_t scope;
    bool seen;
} reading;

static term kid(const reading *r, const json_t *schema) { return term_schema(r->t, schema, r->scope); }
static const json_t *get(const reading *r, const char *keyword) { return json_object_get(r->s, keyword); }
static bool invalid(const reading *r, const char *keyword, const char *expected) { return schema_doc_invalid(&r->t->doc, r->s, keyword, expected); }
static bool is_schema(const json_t *v) { return json_is_object(v) || json_is_boolean(v); }

/* ---- values by type ---- */

uint32_t *schema_symbols(effort *w, const char *text, size_t n, size_t *count) {
    uint32_t *symbols = effort_new(w, n, sizeof *symbols);
    *count = 0;
    for (size_t i = 0, len; symbols && i < n; i += len)
        if (!(len = utf8_decode(text + i, n - i, &symbols[(*count)++]))) return NULL; /* jansson has checked */
    return symbols;
}

const lang *schema_name(translation *t, const char *name, size_t n) {
    size_t count;
    const uint32_t *symbols = schema_symbols(t->w, name, n, &count);
    return symbols ? lang_literal(t->w, symbols, count) : NULL;
}

static bool add_type(const reading *r, const char *name, domain *d) {
    const domain *all = r->t->everything;
    if (strcmp(name, "null") == 0) d->scalars |= VALUE_NULL;
    else if (strcmp(name, "boolean") == 0) d->scalars |= VALUE_TRUE | VALUE_FALSE;
    else if (strcmp(name, "number") == 0) d->numbers = all->numbers;
    else if (strcmp(name, "integer") == 0) d->numbers = d->numbers == all->numbers ? all->numbers : r->t->integers;
    else if (strcmp(name, "string") == 0) d->strings = all->strings;
    else if (strcmp(name, "array") == 0) d->arrays = all->arrays, d->n_arrays = all->n_arrays;
    else if (strcmp(name, "object") == 0) d->objects = all->objects, d->n_objects = all->n_objects;
    else return invalid(r, "type", "null, boolean, number, integer, string, array or object");
    return true;
}

static const domain *of_types(const reading *r, const json_t *type) {
    domain *d = domain_copy(r->t, r->t->nothing);
    bool ok = d && (json_is_string(type) || json_is_array(type) || invalid(r, "type", "a name or a list of names"));
    if (ok && json_is_string(type)) ok = add_type(r, json_string_value(type), d);
    for (size_t i = 0; ok && i < json_array_size(type); i++) {
        const char *name = json_string_value(json_array_get(type, i));
        ok = name ? add_type(r, name, d) : invalid(r, "type", "a name or a list of names");
    }
    return ok ? d : NULL;
}

/* Many strings at once: their union as one automaton, rather than one after another. */
static const domain *of_enum(const reading *r, const json_t *list) {
    nfa a = { .w = r->t->w };
    uint32_t from = nfa_state(&a), to = nfa_state(&a);
    const domain *d = r->t->nothing;
    if (!json_is_array(list)) d = (invalid(r, "enum", "a list of values"), NULL);
    for (size_t i = 0; d && i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        size_t n;
        if (!json_is_string(v)) {
            d = domain_or(r->t, d, term_domain(r->t, term_const(r->t, v), false));
            continue;
        }
        const uint32_t *symbols = schema_symbols(r->t->w, json_string_value(v), json_string_length(v), &n);
        uint32_t at = from;
        if (!symbols || !effort_spend(r->t->w, n)) break;
        for (size_t k = 0; k < n; k++) {
            uint32_t next = nfa_state(&a);
            nfa_put(&a, at, symbols[k], symbols[k], next);
            at = next;
        }
        nfa_skip(&a, at, to);
    }
    domain *all = d ? domain_copy(r->t, d) : NULL;
    if (all) all->strings = lang_of_nfa(&a, from, to);
    nfa_free(&a);
    return all && all->strings ? all : NULL;
}

/* Everything, with another language for one type. */
static const domain *of_numbers(const reading *r, const lang *l) {
    domain *d = l ? domain_copy(r->t, r->t->everything) : NULL;
    if (d) d->numbers = l;
    return d;
}

static const domain *of_strings(const reading *r, const lang *l) {
    domain *d = l ? domain_copy(r->t, r->t->everything) : NULL;
    if (d) d->strings = l;
    return d;
}

typedef const lang *(*number_keyword)(effort *w, const json_t *value, bool or_equal);
static const lang *multiple(effort *w, const json_t *value, bool unused) { return (void)unused, number_multiple(w, value); }

static const domain *by_number(const reading *r, const domain *d) {
    static const struct { const char *name; number_keyword make; bool or_equal; } keywords[] = {
        { "minimum", number_above, true }, { "maximum", number_below, true }, { "exclusiveMinimum", number_above, false }, { "exclusiveMaximum", number_below, false }, { "multipleOf", multiple, false } };
    for (size_t i = 0; d && i < sizeof keywords / sizeof *keywords; i++) {
        const json_t *v = get(r, keywords[i].name);
        if (!v) continue;
        if (!json_is_number(v)) return invalid(r, keywords[i].name, "a number"), NULL;
        if (keywords[i].make == multiple && json_number_value(v) <= 0) return invalid(r, "multipleOf", "a number above 0"), NULL;
        const domain *only = of_numbers(r, keywords[i].make(r->t->w, v, keywords[i].or_equal));
        if (!only && r->t->w->failed && !r->t->w->e->where[0] && schema_doc_part(&r->t->doc, r->s))
            err_where(r->t->w->e, "#%s/%s", schema_doc_part(&r->t->doc, r->s)->pointer, keywords[i].name);
        d = domain_and(r->t, d, only);
    }
    return d;
}

bool schema_count(translation *t, const json_t *schema, const char *keyword, size_t *out) {
    const json_t *v = json_object_get(schema, keyword);
    if (!v) return true;
    double x = json_number_value(v);
    if (!json_is_number(v) || x < 0 || x != floor(x)) return schema_doc_invalid(&t->doc, schema, keyword, "a whole number, 0 or more");
    *out = x > 1e15 ? UNBOUNDED : (size_t)x;
    return true;
}

const json_t *schema_object_of(translation *t, const json_t *schema, const char *keyword) {
    const json_t *v = json_object_get(schema, keyword);
    if (v && !json_is_object(v)) schema_doc_invalid(&t->doc, schema, keyword, "an object");
    return json_is_object(v) ? v : NULL;
}

static const lang *pattern_of(const reading *r, const json_t *v) {
    if (!json_is_string(v)) return invalid(r, "pattern", "a regular expression"), NULL;
    const lang *l = ecma_search(r->t->w, json_string_value(v), json_string_length(v));
    const schema_part *p = schema_doc_part(&r->t->doc, r->s);
    if (!l && p && !r->t->w->e->where[0]) err_where(r->t->w->e, "#%s/pattern", p->pointer);
    return l;
}

static const domain *by_string(const reading *r, const domain *d) {
    translation *t = r->t;
    size_t min = 0, max = UNBOUNDED;
    bool known;
    if (!schema_count(t, r->s, "minLength", &min) || !schema_count(t, r->s, "maxLength", &max)) return NULL;
    if (min > max) d = domain_and(t, d, of_strings(r, t->no_text));
    else if (min || max != UNBOUNDED) d = domain_and(t, d, of_strings(r, lang_lengths(t->w, min, max)));
    if (get(r, "pattern")) d = domain_and(t, d, of_strings(r, pattern_of(r, get(r, "pattern"))));
    const char *format = json_string_value(get(r, "format"));
    const lang *texts = format ? format_texts(t->w, format, &known) : NULL;
    return format && known ? domain_and(t, d, of_strings(r, texts)) : d;
}

/* ---- combining schemas ---- */

static const domain *domain_of(const reading *r, term a) { return term_domain(r->t, a, r->seen); }

static const json_t *schema_list(const reading *r, const char *keyword) {
    const json_t *list = get(r, keyword);
    bool ok = !list || (json_is_array(list) && json_array_size(list));
    for (size_t i = 0; ok && i < json_array_size(list); i++) ok = is_schema(json_array_get(list, i));
    if (!ok) invalid(r, keyword, "a list of schemas");
    return ok ? list : NULL;
}

static const domain *all_of(const reading *r, const json_t *list) {
    const domain *d = r->t->everything;
    for (size_t i = 0; d && i < json_array_size(list); i++) d = domain_and(r->t, d, domain_of(r, kid(r, json_array_get(list, i))));
    return d;
}

/* Where it matters which of them a value is like, each combination is its own case. */
static const domain *any_of_apart(const reading *r, const json_t *list) {
    const domain *some = r->t->nothing, *none = r->t->everything;
    for (size_t i = 0; some && none && i < json_array_size(list); i++) {
        const domain *is = domain_of(r, kid(r, json_array_get(list, i))), *is_not = domain_not(r->t, is);
        const domain *too = domain_and(r->t, some, is), *still = domain_and(r->t, some, is_not), *first = domain_and(r->t, none, is);
        some = domain_or(r->t, domain_or(r->t, too, still), first);
        none = domain_and(r->t, none, is_not);
    }
    return some;
}

static const domain *any_of(const reading *r, const json_t *list) {
    const domain *d = r->t->nothing;
    if (r->seen) return any_of_apart(r, list);
    for (size_t i = 0; d && i < json_array_size(list); i++) d = domain_or(r->t, d, domain_of(r, kid(r, json_array_get(list, i))));
    return d;
}

/* -1: a failure. */
static int all_apart(const reading *r, const json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++)
        for (size_t k = 0; k < i; k++) {
            term both = term_and(r->t, kid(r, json_array_get(list, i)), kid(r, json_array_get(list, k)));
            if (!term_is_empty(r->t, both)) return r->t->w->failed ? -1 : 0;
        }
    return r->t->w->failed ? -1 : 1;
}

static const domain *one_of(const reading *r, const json_t *list) {
    const domain *one = r->t->nothing, *none = r->t->everything;
    int apart = all_apart(r, list);
    if (apart < 0) return NULL;
    for (size_t i = 0; one && none && i < json_array_size(list); i++) {
        const domain *is = domain_of(r, kid(r, json_array_get(list, i)));
        if (apart) {
            one = domain_or(r->t, one, is);
            continue;
        }
        const domain *is_not = domain_not(r->t, is);
        one = domain_or(r->t, domain_and(r->t, one, is_not), domain_and(r->t, none, is));
        none = domain_and(r->t, none, is_not);
    }
    return one;
}

static const domain *if_then_else(const reading *r) {
    const json_t *then = get(r, "then"), *otherwise = get(r, "else");
    if (!is_schema(get(r, "if")) || (then && !is_schema(then)) || (otherwise && !is_schema(otherwise))) return invalid(r, "if", "schemas in if, then and else"), NULL;
    const domain *is = domain_of(r, kid(r, get(r, "if"))), *is_not = domain_not(r->t, is);
    const domain *yes = domain_and(r->t, is, then ? domain_of(r, kid(r, then)) : r->t->everything);
    return domain_or(r->t, yes, domain_and(r->t, is_not, otherwise ? domain_of(r, kid(r, otherwise)) : r->t->everything));
}

static const domain *by_combination(const reading *r, const domain *d) {
    const json_t *all = schema_list(r, "allOf"), *any = schema_list(r, "anyOf"), *one = schema_list(r, "oneOf"), *not = get(r, "not");
    if (r->t->w->failed) return NULL;
    if (all) d = domain_and(r->t, d, all_of(r, all));
    if (any) d = domain_and(r->t, d, any_of(r, any));
    if (one) d = domain_and(r->t, d, one_of(r, one));
    if (not && !is_schema(not)) return invalid(r, "not", "a schema"), NULL;
    if (not) d = domain_and(r->t, d, domain_not(r->t, term_domain(r->t, kid(r, not), false)));
    if (get(r, "if") && (get(r, "then") || get(r, "else") || r->seen)) d = domain_and(r->t, d, if_then_else(r));
    return d;
}

/* ---- references ---- */

/* The outermost of the resources entered that has the dynamic anchor. */
static const json_t *outermost(const translation *t, uint32_t scope, const char *name, const json_t *found) {
    for (uint32_t i = scope; i; i = t->scopes[i - 1].outer) {
        const json_t *there = schema_doc_dynamic(&t->doc, t->scopes[i - 1].resource, name);
        if (there) found = there;
    }
    return found;
}

static const domain *by_reference(const reading *r, const domain *d, const char *keyword) {
    const json_t *v = get(r, keyword);
    const char *anchor;
    if (!v || !d) return d;
    if (!json_is_string(v)) return invalid(r, keyword, "a reference"), NULL;
    const json_t *to = schema_doc_resolve(&r->t->doc, r->s, keyword, json_string_value(v), &anchor);
    if (to && anchor && strcmp(keyword, "$dynamicRef") == 0) to = outermost(r->t, r->scope, anchor, to);
    if (to && !is_schema(to)) return invalid(r, keyword, "a schema where it leads"), NULL;
    return to ? domain_and(r->t, d, domain_of(r, kid(r, to))) : NULL;
}

/* ---- all together ---- */

static const domain *by_keywords(const reading *r) {
    const domain *d = r->t->everything;
    d = by_reference(r, d, "$ref");
    d = by_reference(r, d, "$dynamicRef");
    if (d && get(r, "type")) d = domain_and(r->t, d, of_types(r, get(r, "type")));
    if (d && get(r, "enum")) d = domain_and(r->t, d, of_enum(r, get(r, "enum")));
    if (d && get(r, "const")) d = domain_and(r->t, d, term_domain(r->t, term_const(r->t, get(r, "const")), false));
    if (d) d = by_number(r, d);
    if (d) d = by_string(r, d);
    if (d) d = domain_and(r->t, d, schema_arrays(r->t, r->s, r->scope));
    if (d) d = domain_and(r->t, d, schema_objects(r->t, r->s, r->scope));
    return d ? by_combination(r, d) : NULL;
}

/* The resources entered on the way, each once: only the outermost matters. Without dynamic anchors there is nothing to remember. */
static uint32_t enter(translation *t, uint32_t scope, const json_t *schema) {
    const schema_part *p = schema_doc_part(&t->doc, schema);
    if (!p || !map_count(t->doc.dynamic)) return 0;
    for (uint32_t i = scope; i; i = t->scopes[i - 1].outer)
        if (t->scopes[i - 1].resource == p->resource) return scope;
    for (uint32_t i = 0; i < t->n_scopes; i++)
        if (t->scopes[i].outer == scope && t->scopes[i].resource == p->resource) return i + 1;
    scope_entry e = { scope, p->resource };
    scope_entry *more = list_with(t->w, t->scopes, t->n_scopes, sizeof e, &e);
    if (!more) return scope;
    t->scopes = more;
    return (uint32_t)++t->n_scopes;
}

const domain *schema_domain(translation *t, const json_t *schema, uint32_t scope, bool seen) {
    if (!json_is_object(schema)) return schema_doc_invalid(&t->doc, NULL, "(schema)", "an object, true or false"), NULL;
    reading r = { t, schema, enter(t, scope, schema), seen };
    const json_t *items = get(&r, "unevaluatedItems"), *properties = get(&r, "unevaluatedProperties");
    r.seen = seen || items || properties;
    if ((items && !is_schema(items)) || (properties && !is_schema(properties))) return invalid(&r, items ? "unevaluatedItems" : "unevaluatedProperties", "a schema"), NULL;
    const domain *d = by_keywords(&r);
    if (d && items) d = schema_unseen_items(t, d, kid(&r, items));
    if (d && properties) d = schema_unseen_properties(t, d, kid(&r, properties));
    return t->w->failed ? NULL : d;
}
