/* And, or, not of domains. */
#include "base/mem.h"
#include "grammar/number.h"
#include "grammar/schema_impl.h"
#include <string.h>

enum { MAX_CASES = 2000 };

domain *domain_copy(translation *t, const domain *d) {
    domain *c = d ? effort_new(t->w, 1, sizeof *c) : NULL;
    if (c) *c = *d;
    return c;
}

array_case array_any(void) { return (array_case){ .rest = TERM_ALL, .max = UNBOUNDED, .seen_match = TERM_NONE }; }
object_case object_any(const translation *t) { return (object_case){ .max = UNBOUNDED, .seen = t->no_text }; }

const domain *domain_with_arrays(translation *t, const domain *d, const array_case *const *arrays, size_t n) {
    domain *c = domain_copy(t, d);
    if (c) c->arrays = arrays, c->n_arrays = n;
    return c;
}

const domain *domain_with_objects(translation *t, const domain *d, const object_case *const *objects, size_t n) {
    domain *c = domain_copy(t, d);
    if (c) c->objects = objects, c->n_objects = n;
    return c;
}

/* A growing list of cases of either kind. within: whether every value of one is one of another, as far as that is plain to see; then
 * the other alone is kept. */
typedef struct cases {
    const void **items;
    size_t n, cap;
    bool (*within)(const void *one, const void *other);
} cases;

static bool is_covered(cases *c, const void *one) {
    size_t n = 0;
    if (!c->within) return false;
    for (size_t i = 0; i < c->n; i++)
        if (c->within(one, c->items[i])) return true;
    for (size_t i = 0; i < c->n; i++)
        if (!c->within(c->items[i], one)) c->items[n++] = c->items[i];
    c->n = n;
    return false;
}

static bool put_case(translation *t, cases *c, const void *one) {
    if (t->w->failed) return false;
    if (!one || is_covered(c, one)) return true; /* no value is like that, or none that is not there */
    if (c->n == MAX_CASES) {
        err_set(t->w->e, ERR_LIMIT, "the schema combines too many alternatives");
        err_expected(t->w->e, "at most %d cases of one value", MAX_CASES);
        err_hint(t->w->e, "combine fewer of anyOf, oneOf, not and if, or let a property tell the alternatives apart");
        return effort_refuse(t->w);
    }
    if (c->n == c->cap) c->items = mem_must_grow(c->items, c->cap = c->cap ? 2 * c->cap : 8, sizeof *c->items);
    c->items[c->n++] = one;
    return true;
}

/* Into the arena; frees the list. */
static const void *const *take_cases(translation *t, cases *c) {
    const void **kept = effort_new(t->w, c->n, sizeof *kept);
    if (kept && c->n) memcpy(kept, c->items, c->n * sizeof *kept);
    free(c->items);
    c->items = NULL;
    return kept;
}

static const void *keep(translation *t, const void *value, size_t size) {
    void *c = effort_new(t->w, 1, size);
    if (c) memcpy(c, value, size);
    return c;
}

/* ---- arrays ---- */

static term item_at(const array_case *c, size_t i) { return i < c->n_prefix ? c->prefix[i] : c->rest; }

/* The longest that an array can be: where an item can be nothing, it ends. */
static void cut_impossible(translation *t, array_case *c) {
    for (size_t i = 0; i < c->n_prefix && i < c->max; i++)
        if (term_is_empty(t, c->prefix[i])) c->max = i;
    if (c->max > c->n_prefix && term_is_empty(t, c->rest)) c->max = c->n_prefix;
    if (c->max < c->n_prefix) c->n_prefix = c->max;
}

static const array_case *array_and(translation *t, const array_case *a, const array_case *b) {
    array_case c = { .rest = term_and(t, a->rest, b->rest), .min = a->min > b->min ? a->min : b->min, .max = a->max < b->max ? a->max : b->max,
                     .unique = a->unique ? a->unique : b->unique, .n_prefix = a->n_prefix > b->n_prefix ? a->n_prefix : b->n_prefix,
                     .n_contains = a->n_contains + b->n_contains, .seen_prefix = a->seen_prefix > b->seen_prefix ? a->seen_prefix : b->seen_prefix,
                     .seen_all = a->seen_all || b->seen_all, .seen_match = term_or(t, a->seen_match, b->seen_match) };
    term *prefix = effort_new(t->w, c.n_prefix, sizeof *prefix);
    contains_rule *contains = effort_new(t->w, c.n_contains, sizeof *contains);
    if (!prefix || !contains || !effort_spend(t->w, 1)) return NULL;
    for (size_t i = 0; i < c.n_prefix; i++) prefix[i] = term_and(t, item_at(a, i), item_at(b, i));
    if (a->n_contains) memcpy(contains, a->contains, a->n_contains * sizeof *contains);
    if (b->n_contains) memcpy(contains + a->n_contains, b->contains, b->n_contains * sizeof *contains);
    c.prefix = prefix;
    c.contains = contains;
    cut_impossible(t, &c);
    return c.min <= c.max ? keep(t, &c, sizeof c) : NULL;
}

static bool put_array(translation *t, cases *out, array_case c) { return put_case(t, out, keep(t, &c, sizeof c)); }

/* An array is not like the case where one of its conditions fails. */
static bool array_not(translation *t, const array_case *a, cases *out) {
    array_case any = array_any(), c;
    if (a->unique) return schema_doc_refuse(&t->doc, a->unique, "uniqueItems", "it stands under not, or under oneOf or if");
    for (size_t i = 0; i < a->n_prefix; i++) {
        if (a->prefix[i] == TERM_ALL) continue;
        term *prefix = effort_new(t->w, i + 1, sizeof *prefix);
        if (!prefix) return false;
        prefix[i] = term_not(t, a->prefix[i]);
        c = any;
        c.prefix = prefix;
        c.n_prefix = c.min = i + 1;
        if (!term_is_empty(t, prefix[i]) && !put_array(t, out, c)) return false;
    }
    c = any;
    contains_rule other = { term_not(t, a->rest), a->n_prefix, 1, UNBOUNDED };
    c.contains = list_with(t->w, NULL, 0, sizeof other, &other);
    c.n_contains = 1;
    if (a->rest != TERM_ALL && !put_array(t, out, c)) return false;
    c = any;
    c.max = a->min - 1;
    if (a->min && !put_array(t, out, c)) return false;
    c = any;
    c.min = a->max + 1;
    if (a->max != UNBOUNDED && !put_array(t, out, c)) return false;
    for (size_t i = 0; i < a->n_contains; i++) {
        contains_rule r = a->contains[i], few = { r.what, r.from, 0, r.min - 1 }, many = { r.what, r.from, r.max + 1, UNBOUNDED };
        c = any;
        c.n_contains = 1;
        c.contains = list_with(t->w, NULL, 0, sizeof few, &few);
        if (r.min && !put_array(t, out, c)) return false;
        c.contains = list_with(t->w, NULL, 0, sizeof many, &many);
        if (r.max != UNBOUNDED && !put_array(t, out, c)) return false;
    }
    return !t->w->failed;
}

/* ---- objects ---- */

static object_prop *find_prop(object_prop *props, size_t n, const object_prop *p) {
    for (size_t i = 0; i < n; i++)
        if (props[i].n == p->n && memcmp(props[i].name, p->name, p->n) == 0) return &props[i];
    return NULL;
}

/* Both demands on one property; false: they contradict each other. */
static bool prop_and(translation *t, object_prop *p, const object_prop *q) {
    presence x = p->presence, y = q->presence;
    p->value = term_and(t, p->value, q->value);
    if ((x == PROP_FORBIDDEN && y == PROP_REQUIRED) || (x == PROP_REQUIRED && y == PROP_FORBIDDEN)) return false;
    p->presence = x != PROP_OPTIONAL ? x : y;
    return true;
}

/* A property that can have no value is not there. */
static bool prune_props(translation *t, object_prop *props, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (props[i].presence == PROP_FORBIDDEN || !term_is_empty(t, props[i].value)) continue;
        if (props[i].presence == PROP_REQUIRED) return false;
        props[i].presence = PROP_FORBIDDEN;
    }
    return true;
}

static const name_rule *both_lists(translation *t, const name_rule *a, size_t n, const name_rule *b, size_t m) {
    name_rule *all = effort_new(t->w, n + m, sizeof *all);
    if (!all) return NULL;
    if (n) memcpy(all, a, n * sizeof *all);
    if (m) memcpy(all + n, b, m * sizeof *all);
    return all;
}

/* ---- objects that are also of another case ---- */

static bool prop_within(const object_case *c, const object_prop *q) {
    const object_prop *p = find_prop((object_prop *)(uintptr_t)c->props, c->n_props, q);
    if (q->presence == PROP_FORBIDDEN) return p && p->presence == PROP_FORBIDDEN;
    if (q->presence == PROP_REQUIRED && (!p || p->presence != PROP_REQUIRED)) return false;
    return q->value == TERM_ALL || (p && (p->presence == PROP_FORBIDDEN || p->value == q->value));
}

static bool has_rule(const name_rule *list, size_t n, const name_rule *r) {
    for (size_t i = 0; i < n; i++)
        if (list[i].value == r->value && (list[i].names == r->names || lang_equal(list[i].names, r->names))) return true;
    return false;
}

static bool object_within(const void *one, const void *other) {
    const object_case *a = one, *b = other;
    if (a->min < b->min || a->max > b->max) return false;
    for (size_t i = 0; i < b->n_props; i++)
        if (!prop_within(a, &b->props[i])) return false;
    for (size_t i = 0; i < b->n_rules; i++)
        if (b->rules[i].value != TERM_ALL && !has_rule(a->rules, a->n_rules, &b->rules[i])) return false;
    for (size_t i = 0; i < b->n_some; i++)
        if (!has_rule(a->some, a->n_some, &b->some[i])) return false;
    return a->seen == b->seen || lang_equal(a->seen, b->seen);
}

static const object_case *object_and(translation *t, const object_case *a, const object_case *b) {
    object_case c = { .min = a->min > b->min ? a->min : b->min, .max = a->max < b->max ? a->max : b->max, .n_rules = a->n_rules + b->n_rules,
                      .n_some = a->n_some + b->n_some, .seen = a->seen == b->seen ? a->seen : lang_or(t->w, a->seen, b->seen),
                      .counted = a->counted ? a->counted : b->counted };
    object_prop *props = effort_new(t->w, a->n_props + b->n_props, sizeof *props);
    if (!props || !effort_spend(t->w, 1 + a->n_props + b->n_props)) return NULL;
    if (a->n_props) memcpy(props, a->props, a->n_props * sizeof *props);
    c.n_props = a->n_props;
    for (size_t i = 0; i < b->n_props; i++) {
        object_prop *p = find_prop(props, a->n_props, &b->props[i]);
        if (!p) props[c.n_props++] = b->props[i];
        else if (!prop_and(t, p, &b->props[i])) return NULL;
    }
    if (c.min > c.max || !prune_props(t, props, c.n_props)) return NULL;
    c.props = props;
    c.rules = both_lists(t, a->rules, a->n_rules, b->rules, b->n_rules);
    c.some = both_lists(t, a->some, a->n_some, b->some, b->n_some);
    return c.rules && c.some ? keep(t, &c, sizeof c) : NULL;
}

static bool put_object(translation *t, cases *out, object_case c) { return put_case(t, out, keep(t, &c, sizeof c)); }

static bool put_prop(translation *t, cases *out, object_prop p) {
    object_case c = object_any(t);
    c.props = list_with(t->w, NULL, 0, sizeof p, &p);
    c.n_props = 1;
    return put_object(t, out, c);
}

static bool put_names(translation *t, cases *out, name_rule r, bool some) {
    object_case c = object_any(t);
    const name_rule *one = list_with(t->w, NULL, 0, sizeof r, &r);
    if (some) c.some = one, c.n_some = 1;
    else c.rules = one, c.n_rules = 1;
    return put_object(t, out, c);
}

static bool object_not(translation *t, const object_case *a, cases *out) {
    object_case c = object_any(t);
    for (size_t i = 0; i < a->n_props; i++) {
        object_prop p = a->props[i];
        term other = term_not(t, p.value);
        if (p.presence == PROP_FORBIDDEN) {
            if (!put_prop(t, out, (object_prop){ p.name, p.n, TERM_ALL, PROP_REQUIRED })) return false;
            continue;
        }
        if (!term_is_empty(t, other) && !put_prop(t, out, (object_prop){ p.name, p.n, other, PROP_REQUIRED })) return false;
        if (p.presence == PROP_REQUIRED && !put_prop(t, out, (object_prop){ p.name, p.n, TERM_ALL, PROP_FORBIDDEN })) return false;
    }
    for (size_t i = 0; i < a->n_rules; i++) {
        term other = term_not(t, a->rules[i].value);
        if (!term_is_empty(t, other) && !put_names(t, out, (name_rule){ a->rules[i].names, other }, true)) return false;
    }
    for (size_t i = 0; i < a->n_some; i++)
        if (!put_names(t, out, (name_rule){ a->some[i].names, term_not(t, a->some[i].value) }, false)) return false;
    c.counted = a->counted;
    c.max = a->min - 1;
    if (a->min && !put_object(t, out, c)) return false;
    c = object_any(t);
    c.counted = a->counted;
    c.min = a->max + 1;
    return a->max == UNBOUNDED || put_object(t, out, c);
}

/* ---- domains ---- */

typedef const void *(*case_and)(translation *t, const void *a, const void *b);

static const void *array_and_any(translation *t, const void *a, const void *b) { return array_and(t, a, b); }
static const void *object_and_any(translation *t, const void *a, const void *b) { return object_and(t, a, b); }

static bool cross(translation *t, const void *const *a, size_t n, const void *const *b, size_t m, case_and both, cases *out) {
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m; k++)
            if (!put_case(t, out, both(t, a[i], b[k]))) return false;
    return !t->w->failed;
}

const domain *domain_and(translation *t, const domain *a, const domain *b) {
    if (!a || !b) return NULL;
    if (a == b || b == t->everything) return a;
    if (a == t->everything) return b;
    cases arrays = { 0 }, objects = { .within = object_within };
    domain c = { .scalars = a->scalars & b->scalars, .numbers = a->numbers == b->numbers ? a->numbers : lang_and(t->w, a->numbers, b->numbers),
                 .strings = a->strings == b->strings ? a->strings : lang_and(t->w, a->strings, b->strings) };
    bool ok = cross(t, (const void *const *)a->arrays, a->n_arrays, (const void *const *)b->arrays, b->n_arrays, array_and_any, &arrays) &&
              cross(t, (const void *const *)a->objects, a->n_objects, (const void *const *)b->objects, b->n_objects, object_and_any, &objects);
    c.n_arrays = arrays.n;
    c.n_objects = objects.n;
    c.arrays = (const array_case *const *)take_cases(t, &arrays);
    c.objects = (const object_case *const *)take_cases(t, &objects);
    return ok && c.numbers && c.strings ? keep(t, &c, sizeof c) : NULL;
}

static bool append(translation *t, const void *const *a, size_t n, cases *out) {
    for (size_t i = 0; i < n; i++) {
        bool there = false;
        for (size_t k = 0; k < out->n && !there; k++) there = out->items[k] == a[i];
        if (!there && !put_case(t, out, a[i])) return false;
    }
    return !t->w->failed;
}

const domain *domain_or(translation *t, const domain *a, const domain *b) {
    if (!a || !b) return NULL;
    if (a == b || b == t->nothing) return a;
    if (a == t->nothing) return b;
    cases arrays = { 0 }, objects = { .within = object_within };
    domain c = { .scalars = a->scalars | b->scalars, .numbers = a->numbers == b->numbers ? a->numbers : lang_or(t->w, a->numbers, b->numbers),
                 .strings = a->strings == b->strings ? a->strings : lang_or(t->w, a->strings, b->strings) };
    bool ok = append(t, (const void *const *)a->arrays, a->n_arrays, &arrays) && append(t, (const void *const *)b->arrays, b->n_arrays, &arrays) &&
              append(t, (const void *const *)a->objects, a->n_objects, &objects) && append(t, (const void *const *)b->objects, b->n_objects, &objects);
    c.n_arrays = arrays.n;
    c.n_objects = objects.n;
    c.arrays = (const array_case *const *)take_cases(t, &arrays);
    c.objects = (const object_case *const *)take_cases(t, &objects);
    return ok && c.numbers && c.strings ? keep(t, &c, sizeof c) : NULL;
}

/* Not any of the cases: each denied, all at once. */
static bool deny_arrays(translation *t, const domain *a, cases *all) {
    bool ok = put_array(t, all, array_any());
    for (size_t i = 0; i < a->n_arrays && ok; i++) {
        cases other = { 0 }, both = { 0 };
        ok = array_not(t, a->arrays[i], &other) && cross(t, all->items, all->n, other.items, other.n, array_and_any, &both);
        free(other.items);
        free(all->items);
        *all = both;
    }
    return ok;
}

static bool deny_objects(translation *t, const domain *a, cases *all) {
    bool ok = put_object(t, all, object_any(t));
    for (size_t i = 0; i < a->n_objects && ok; i++) {
        cases other = { .within = object_within }, both = { .within = object_within };
        ok = object_not(t, a->objects[i], &other) && cross(t, all->items, all->n, other.items, other.n, object_and_any, &both);
        free(other.items);
        free(all->items);
        *all = both;
    }
    return ok;
}

const domain *domain_not(translation *t, const domain *a) {
    if (!a) return NULL;
    if (a == t->everything) return t->nothing;
    if (a == t->nothing) return t->everything;
    cases arrays = { 0 }, objects = { .within = object_within };
    domain c = { .scalars = a->scalars ^ VALUE_SCALARS, .numbers = lang_minus(t->w, t->all_numbers, a->numbers), .strings = lang_minus(t->w, t->all_text, a->strings) };
    bool ok = deny_arrays(t, a, &arrays) && deny_objects(t, a, &objects);
    c.n_arrays = arrays.n;
    c.n_objects = objects.n;
    c.arrays = (const array_case *const *)take_cases(t, &arrays);
    c.objects = (const object_case *const *)take_cases(t, &objects);
    return ok && c.numbers && c.strings ? keep(t, &c, sizeof c) : NULL;
}

/* ---- constants ---- */

static const domain *const_array(translation *t, const json_t *value) {
    array_case c = array_any();
    size_t n = json_array_size(value);
    term *prefix = effort_new(t->w, n, sizeof *prefix);
    if (!prefix) return NULL;
    for (size_t i = 0; i < n; i++) prefix[i] = term_const(t, json_array_get(value, i));
    c.prefix = prefix;
    c.n_prefix = c.min = c.max = n;
    const array_case *kept = keep(t, &c, sizeof c), *const *list = list_with(t->w, NULL, 0, sizeof kept, &kept);
    return domain_with_arrays(t, t->nothing, list, 1);
}

static const domain *const_object(translation *t, const json_t *value) {
    object_case c = object_any(t);
    object_prop *props = effort_new(t->w, json_object_size(value), sizeof *props);
    const char *key;
    json_t *v;
    if (!props) return NULL;
    json_object_foreach((json_t *)(uintptr_t)value, key, v) props[c.n_props++] = (object_prop){ key, strlen(key), term_const(t, v), PROP_REQUIRED };
    c.props = props;
    c.max = c.n_props;
    const object_case *kept = keep(t, &c, sizeof c), *const *list = list_with(t->w, NULL, 0, sizeof kept, &kept);
    return domain_with_objects(t, t->nothing, list, 1);
}

const domain *domain_of_const(translation *t, const json_t *value) {
    domain *d = domain_copy(t, t->nothing);
    if (!d) return NULL;
    switch (json_typeof(value)) {
    case JSON_NULL: d->scalars = VALUE_NULL; break;
    case JSON_TRUE: d->scalars = VALUE_TRUE; break;
    case JSON_FALSE: d->scalars = VALUE_FALSE; break;
    case JSON_STRING: d->strings = schema_name(t, json_string_value(value), json_string_length(value)); break;
    case JSON_ARRAY: return const_array(t, value);
    case JSON_OBJECT: return const_object(t, value);
    default: d->numbers = number_equal(t->w, value);
    }
    return t->w->failed ? NULL : d;
}
