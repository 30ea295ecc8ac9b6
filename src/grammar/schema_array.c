/* Arrays: the keywords about them, and the rule of one case. */
#include "base/mem.h"
#include "grammar/number.h"
#include "grammar/schema_impl.h"
#include "grammar/schema_graph.h"
#include <string.h>

static bool is_schema(const json_t *v) { return json_is_object(v) || json_is_boolean(v); }

static const domain *with_one(translation *t, const array_case *c) {
    array_case *kept = effort_new(t->w, 1, sizeof *kept);
    if (!kept) return NULL;
    *kept = *c;
    const array_case *const one = kept, *const *list = list_with(t->w, NULL, 0, sizeof one, &one);
    return c->min <= c->max ? domain_with_arrays(t, t->everything, list, 1) : domain_with_arrays(t, t->everything, NULL, 0);
}

/* ---- keywords ---- */

static bool read_prefix(translation *t, const json_t *schema, uint32_t scope, array_case *c) {
    const json_t *items = json_object_get(schema, "items"), *list = json_object_get(schema, "prefixItems"), *rest = items;
    if (json_is_array(items)) list = items, rest = json_object_get(schema, "additionalItems"); /* as drafts before 2020-12 have it */
    if (list && !json_is_array(list)) return schema_doc_invalid(&t->doc, schema, "prefixItems", "a list of schemas");
    if (rest && !is_schema(rest)) return schema_doc_invalid(&t->doc, schema, "items", "a schema");
    c->n_prefix = c->seen_prefix = json_array_size(list);
    term *prefix = effort_new(t->w, c->n_prefix, sizeof *prefix);
    for (size_t i = 0; prefix && i < c->n_prefix; i++) {
        if (!is_schema(json_array_get(list, i))) return schema_doc_invalid(&t->doc, schema, "prefixItems", "a list of schemas");
        prefix[i] = term_schema(t, json_array_get(list, i), scope);
    }
    c->prefix = prefix;
    c->seen_all = rest != NULL;
    if (rest) c->rest = term_schema(t, rest, scope);
    return prefix != NULL;
}

static bool read_contains(translation *t, const json_t *schema, uint32_t scope, array_case *c) {
    const json_t *what = json_object_get(schema, "contains");
    contains_rule r = { .min = 1, .max = UNBOUNDED };
    if (!what) return true;
    if (!is_schema(what)) return schema_doc_invalid(&t->doc, schema, "contains", "a schema");
    if (!schema_count(t, schema, "minContains", &r.min) || !schema_count(t, schema, "maxContains", &r.max)) return false;
    c->seen_match = r.what = term_schema(t, what, scope);
    if (r.min > r.max) c->max = 0, c->min = 1;
    c->contains = list_with(t->w, NULL, 0, sizeof r, &r);
    c->n_contains = 1;
    return c->contains != NULL;
}

const domain *schema_arrays(translation *t, const json_t *schema, uint32_t scope) {
    static const char *const about[] = { "items", "prefixItems", "additionalItems", "contains", "minItems", "maxItems", "uniqueItems" };
    array_case c = array_any();
    bool any = false;
    for (size_t i = 0; i < sizeof about / sizeof *about; i++) any |= json_object_get(schema, about[i]) != NULL;
    if (!any) return t->everything;
    if (!schema_count(t, schema, "minItems", &c.min) || !schema_count(t, schema, "maxItems", &c.max)) return NULL;
    if (json_is_true(json_object_get(schema, "uniqueItems"))) c.unique = schema;
    if (!read_prefix(t, schema, scope, &c) || !read_contains(t, schema, scope, &c)) return NULL;
    return domain_and(t, t->everything, with_one(t, &c));
}

/* Items that nothing looked at are `items`. */
const domain *schema_unseen_items(translation *t, const domain *d, term items) {
    const array_case **cases = effort_new(t->w, d->n_arrays, sizeof *cases);
    if (!cases) return NULL;
    for (size_t i = 0; i < d->n_arrays; i++) {
        array_case *c = effort_new(t->w, 1, sizeof *c);
        if (!c) return NULL;
        *c = *d->arrays[i];
        cases[i] = c;
        if (c->seen_all) continue;
        term allowed = term_or(t, c->seen_match, items);
        size_t n = c->n_prefix > c->seen_prefix ? c->n_prefix : c->seen_prefix;
        term *prefix = effort_new(t->w, n, sizeof *prefix);
        if (!prefix) return NULL;
        for (size_t k = 0; k < n; k++) {
            prefix[k] = k < c->n_prefix ? c->prefix[k] : c->rest;
            if (k >= c->seen_prefix) prefix[k] = term_and(t, prefix[k], allowed);
        }
        c->prefix = prefix;
        c->n_prefix = n;
        c->rest = term_and(t, c->rest, allowed);
        c->seen_all = true;
    }
    return domain_with_arrays(t, d, cases, d->n_arrays);
}

/* ---- unique items: where they are few, or cannot be equal anyway ---- */

enum { MAX_VALUES = 12, MAX_PAIRS = 8, MAX_LENGTH = 2000 };

/* The values that items may have, and for each place which of them. */
typedef struct values {
    translation *t;
    const syn *text[MAX_VALUES];
    char *key[MAX_VALUES];
    size_t n;
    bool too_many;
    uint32_t *at; /* [places] bits */
    size_t place;
    const char *kind;
} values;

static void put_value(values *v, const char *key, size_t n, const syn *text) {
    size_t i = 0;
    while (i < v->n && (strlen(v->key[i]) != n || memcmp(v->key[i], key, n) != 0)) i++;
    if (i == MAX_VALUES) {
        v->too_many = true;
        return;
    }
    if (i == v->n) {
        v->key[v->n] = mem_must_copy(key, n);
        v->text[v->n++] = text;
    }
    v->at[v->place] |= 1u << i;
}

static void put_symbols(void *ctx, const uint32_t *symbols, size_t n) {
    values *v = ctx;
    buf key = { 0 };
    const lang *one = lang_literal(v->t->w, symbols, n);
    buf_puts(&key, v->kind);
    for (size_t i = 0; i < n; i++) buf_printf(&key, " %x", symbols[i]);
    put_value(v, buf_str(&key), key.len, v->kind[0] == 's' ? rule_of_strings(v->t, one) : syn_language(v->t->w, SYN_TEXT, one));
    buf_free(&key);
}

static bool few_words(const lang *l) { return l->n_states <= MAX_LENGTH && lang_count(l, MAX_VALUES + 1) <= MAX_VALUES; }

static bool collect_values(values *v, term a) {
    const domain *d = term_domain(v->t, a, false);
    const lang *numbers = d ? lang_and(v->t->w, d->numbers, number_shortest(v->t->w)) : NULL;
    static const char *const scalars[] = { "null", "true", "false" };
    if (!numbers) return false;
    if (d->n_arrays || d->n_objects || !few_words(numbers) || !few_words(d->strings)) return v->too_many = true;
    for (int i = 0; i < 3; i++)
        if (d->scalars >> i & 1) put_value(v, scalars[i], strlen(scalars[i]), syn_text(v->t->w, scalars[i]));
    v->kind = "number";
    lang_words(numbers, put_symbols, v, numbers->n_states);
    v->kind = "string";
    lang_words(d->strings, put_symbols, v, d->strings->n_states);
    return !v->t->w->failed;
}

static term item_term(const array_case *c, size_t i) { return i < c->n_prefix ? c->prefix[i] : c->rest; }

/* Items that are of different kinds by what they have to be. */
static bool differ_anyway(translation *t, const array_case *c) {
    if (c->max == UNBOUNDED || c->max > MAX_PAIRS) return c->max <= 1;
    for (size_t i = 0; i < c->max; i++)
        for (size_t k = 0; k < i; k++)
            if (!term_is_empty(t, term_and(t, item_term(c, i), item_term(c, k)))) return false;
    return true;
}

static const syn *unique_array(translation *t, const array_case *c) {
    size_t places = c->n_prefix + 1;
    values v = { .t = t, .at = mem_must(places, sizeof *v.at) };
    const syn *s = NULL;
    for (v.place = 0; v.place < places && !v.too_many && !t->w->failed; v.place++)
        if (v.place < c->n_prefix || c->max > c->n_prefix) collect_values(&v, item_term(c, v.place));
    if (v.too_many || c->n_contains)
        schema_doc_refuse(&t->doc, c->unique, "uniqueItems", "that items differ can be said when there are at most 12 values, or when no two items can be equal");
    else if (!t->w->failed) s = graph_of_values(t, &(value_choice){ v.text, v.n, v.at, c->n_prefix, c->min, c->max });
    for (size_t i = 0; i < v.n; i++) free(v.key[i]);
    free(v.at);
    return s;
}

/* ---- the rule ---- */

const syn *rule_of_array(translation *t, const array_case *c) {
    array_case whole = *c;
    if (whole.unique && !differ_anyway(t, c)) return unique_array(t, c);
    return graph_of_array(t, &whole);
}
