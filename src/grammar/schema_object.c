/* Objects: the keywords about them, and the rule of one case. Properties that the schema names are written in its order; then come
 * those that it does not name, by the regions into which its rules divide their names. */
#include "base/mem.h"
#include "grammar/ecma.h"
#include "grammar/schema_graph.h"
#include <stdio.h>
#include <string.h>

static bool is_schema(const json_t *v) { return json_is_object(v) || json_is_boolean(v); }

/* ---- keywords ---- */

typedef struct object_reading {
    translation *t;
    const json_t *s;
    uint32_t scope;
    object_case c;
    const lang *own; /* names that properties and patternProperties speak of */
} object_reading;

static bool put_prop(object_reading *r, const char *name, term value, presence presence) {
    object_prop p = { name, strlen(name), value, presence };
    object_prop *props = (object_prop *)(uintptr_t)r->c.props;
    for (size_t i = 0; i < r->c.n_props; i++)
        if (strcmp(props[i].name, name) == 0) return props[i].presence = presence, true;
    r->c.props = list_with(r->t->w, r->c.props, r->c.n_props, sizeof p, &p);
    return r->c.props && ++r->c.n_props;
}

static bool put_rule(object_reading *r, const lang *names, term value) {
    name_rule one = { names, value };
    if (!names) return false;
    r->c.rules = list_with(r->t->w, r->c.rules, r->c.n_rules, sizeof one, &one);
    return r->c.rules && ++r->c.n_rules;
}

static bool read_properties(object_reading *r) {
    const json_t *all = schema_object_of(r->t, r->s, "properties");
    const char *name;
    json_t *v;
    nfa a = { .w = r->t->w };
    uint32_t from = nfa_state(&a), to = nfa_state(&a);
    object_prop *props = effort_new(r->t->w, json_object_size(all), sizeof *props);
    bool ok = props && !r->t->w->failed;
    r->c.props = props;
    if (all && ok) json_object_foreach((json_t *)(uintptr_t)all, name, v) {
        size_t n;
        const uint32_t *symbols = schema_symbols(r->t->w, name, strlen(name), &n);
        ok = symbols && (is_schema(v) || schema_doc_invalid(&r->t->doc, r->s, "properties", "a schema for each name"));
        if (!ok) break;
        props[r->c.n_props++] = (object_prop){ name, strlen(name), term_schema(r->t, v, r->scope), PROP_OPTIONAL };
        uint32_t at = from;
        for (size_t i = 0; i < n; i++) {
            uint32_t next = nfa_state(&a);
            nfa_put(&a, at, symbols[i], symbols[i], next);
            at = next;
        }
        nfa_skip(&a, at, to);
    }
    r->own = ok ? lang_of_nfa(&a, from, to) : NULL;
    nfa_free(&a);
    return r->own != NULL;
}

static bool read_patterns(object_reading *r) {
    const json_t *all = schema_object_of(r->t, r->s, "patternProperties");
    const char *pattern;
    json_t *v;
    if (!all) return !r->t->w->failed;
    json_object_foreach((json_t *)(uintptr_t)all, pattern, v) {
        if (!is_schema(v)) return schema_doc_invalid(&r->t->doc, r->s, "patternProperties", "a schema for each pattern");
        const lang *names = ecma_search(r->t->w, pattern, strlen(pattern));
        if (!names) return r->t->w->e->where[0] || err_where(r->t->w->e, "#%s/patternProperties", schema_doc_part(&r->t->doc, r->s)->pointer);
        if (!put_rule(r, names, term_schema(r->t, v, r->scope))) return false;
        r->own = lang_or(r->t->w, r->own, names);
    }
    return r->own != NULL;
}

static bool read_others(object_reading *r) {
    const json_t *rest = json_object_get(r->s, "additionalProperties"), *names = json_object_get(r->s, "propertyNames");
    r->c.seen = rest ? r->t->all_text : r->own;
    if ((rest && !is_schema(rest)) || (names && !is_schema(names))) return schema_doc_invalid(&r->t->doc, r->s, rest && !is_schema(rest) ? "additionalProperties" : "propertyNames", "a schema");
    if (rest && !put_rule(r, lang_not(r->t->w, r->own), term_schema(r->t, rest, r->scope))) return false;
    if (!names) return true;
    const domain *d = term_domain(r->t, term_schema(r->t, names, r->scope), false);
    return d && (lang_is_all(d->strings) || put_rule(r, lang_not(r->t->w, d->strings), TERM_NONE));
}

static bool read_required(object_reading *r) {
    const json_t *list = json_object_get(r->s, "required");
    if (list && !json_is_array(list)) return schema_doc_invalid(&r->t->doc, r->s, "required", "a list of names");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name) return schema_doc_invalid(&r->t->doc, r->s, "required", "a list of names");
        if (!put_prop(r, name, TERM_ALL, PROP_REQUIRED)) return false;
    }
    return true;
}

static const domain *one_case(translation *t, const object_case *c, const domain *others) {
    object_case *kept = effort_new(t->w, 1, sizeof *kept);
    if (!kept || !others) return NULL;
    *kept = *c;
    const object_case *const one = kept, *const *list = list_with(t->w, NULL, 0, sizeof one, &one);
    return domain_and(t, t->everything, domain_with_objects(t, others, list, c->min <= c->max));
}

/* Everything but objects without the property; or objects with it alone. */
static const domain *has(translation *t, const char *name, bool it_has) {
    object_case c = object_any(t);
    object_prop p = { name, strlen(name), TERM_ALL, it_has ? PROP_REQUIRED : PROP_FORBIDDEN };
    c.props = list_with(t->w, NULL, 0, sizeof p, &p);
    c.n_props = 1;
    return c.props ? one_case(t, &c, it_has ? t->nothing : t->everything) : NULL;
}

/* Objects that have the property are also `then`. */
static const domain *depends(translation *t, const domain *d, const char *name, const domain *then) {
    return domain_and(t, d, domain_or(t, has(t, name, false), domain_and(t, has(t, name, true), then)));
}

static const domain *names_required(translation *t, const json_t *schema, const char *keyword, const json_t *list) {
    object_reading r = { .t = t, .s = schema, .c = object_any(t) };
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name) return schema_doc_invalid(&t->doc, schema, keyword, "lists of names"), NULL;
        if (!put_prop(&r, name, TERM_ALL, PROP_REQUIRED)) return NULL;
    }
    return one_case(t, &r.c, t->everything);
}

static const domain *read_dependencies(object_reading *r, const domain *d, const char *keyword) {
    const json_t *all = schema_object_of(r->t, r->s, keyword);
    const char *name;
    json_t *v;
    if (all) json_object_foreach((json_t *)(uintptr_t)all, name, v) {
        const domain *then = NULL;
        if (json_is_array(v)) then = names_required(r->t, r->s, keyword, v);
        else if (is_schema(v)) then = term_domain(r->t, term_schema(r->t, v, r->scope), true);
        else schema_doc_invalid(&r->t->doc, r->s, keyword, "schemas or lists of names");
        d = depends(r->t, d, name, then);
    }
    return r->t->w->failed ? NULL : d;
}

const domain *schema_objects(translation *t, const json_t *schema, uint32_t scope) {
    static const char *const about[] = { "properties", "patternProperties", "additionalProperties", "propertyNames", "required", "minProperties", "maxProperties", "dependentRequired", "dependentSchemas", "dependencies" };
    object_reading r = { .t = t, .s = schema, .scope = scope, .c = object_any(t) };
    bool any = false;
    for (size_t i = 0; i < sizeof about / sizeof *about; i++) any |= json_object_get(schema, about[i]) != NULL;
    if (!any) return t->everything;
    if (!schema_count(t, schema, "minProperties", &r.c.min) || !schema_count(t, schema, "maxProperties", &r.c.max)) return NULL;
    if (r.c.min || r.c.max != UNBOUNDED) r.c.counted = schema;
    if (!read_properties(&r) || !read_patterns(&r) || !read_others(&r) || !read_required(&r)) return effort_refuse(t->w), NULL;
    const domain *d = one_case(t, &r.c, t->everything);
    d = read_dependencies(&r, d, "dependentRequired");
    d = d ? read_dependencies(&r, d, "dependentSchemas") : NULL;
    return d ? read_dependencies(&r, d, "dependencies") : NULL;
}

/* Properties whose names nothing looked at are `values`. */
const domain *schema_unseen_properties(translation *t, const domain *d, term values) {
    const object_case **cases = effort_new(t->w, d->n_objects, sizeof *cases);
    for (size_t i = 0; cases && i < d->n_objects; i++) {
        object_reading r = { .t = t, .c = *d->objects[i] };
        object_case *c = effort_new(t->w, 1, sizeof *c);
        if (!c || !put_rule(&r, lang_not(t->w, r.c.seen), values)) return NULL;
        *c = r.c;
        c->seen = t->all_text;
        cases[i] = c;
    }
    return cases ? domain_with_objects(t, d, cases, d->n_objects) : NULL;
}

/* ---- the rule ---- */

enum { MAX_REGIONS = 32, MAX_SOME = 6, FEW_GROUPS = 9, CHEAP = 3 };

/* Names that the same rules speak of. */
typedef struct region {
    const lang *names;
    term value;
    uint32_t some; /* which of the case's `some` speak of them */
    const syn *written;
} region;

typedef struct object_key {
    uint32_t at;             /* properties decided */
    uint32_t named, others;  /* how many were written, as far as it is counted */
    uint32_t done;           /* `some` that are satisfied */
    uint32_t used, closed;   /* regions with a property; those that have to stay as they are, lest a name comes twice */
    uint32_t begun;
} object_key;

typedef struct object_graph {
    graph g;
    const object_case *c;
    region regions[MAX_REGIONS];
    size_t n_regions;
} object_graph;

static bool too_many(translation *t, const char *what, int most) {
    err_set(t->w->e, ERR_LIMIT, "the schema has too many %s for one object", what);
    err_expected(t->w->e, "at most %d", most);
    return effort_refuse(t->w);
}

/* The names of a rule divide each region in two. */
static bool divide(object_graph *o, const name_rule *r, uint32_t some) {
    translation *t = o->g.t;
    size_t n = o->n_regions;
    for (size_t i = 0; i < n; i++) {
        region *x = &o->regions[i];
        const lang *in = lang_and(t->w, x->names, r->names);
        if (!in) return false;
        if (lang_is_empty(in)) continue;
        const lang *out = lang_minus(t->w, x->names, r->names);
        if (!out) return false;
        if (!lang_is_empty(out)) {
            if (o->n_regions == MAX_REGIONS) return too_many(t, "overlapping patternProperties", MAX_REGIONS);
            o->regions[o->n_regions++] = (region){ .names = out, .value = x->value, .some = x->some };
        }
        x->names = in;
        if (some) x->some |= some;
        else x->value = term_and(t, x->value, r->value);
    }
    return true;
}

static bool find_regions(object_graph *o) {
    translation *t = o->g.t;
    const lang *others = t->all_text;
    for (size_t i = 0; i < o->c->n_props; i++) others = lang_minus(t->w, others, schema_name(t, o->c->props[i].name, o->c->props[i].n));
    if (!others) return false;
    o->regions[0] = (region){ .names = others, .value = TERM_ALL };
    o->n_regions = !lang_is_empty(others);
    for (size_t i = 0; i < o->c->n_rules; i++)
        if (!divide(o, &o->c->rules[i], 0)) return false;
    for (size_t i = 0; i < o->c->n_some; i++)
        if (!divide(o, &o->c->some[i], 1u << i)) return false;
    size_t n = 0;
    for (size_t i = 0; i < o->n_regions; i++)
        if (!term_is_empty(t, o->regions[i].value)) o->regions[n++] = o->regions[i];
    o->n_regions = n;
    return !t->w->failed;
}

/* Names whose first character lies in a range. */
static const lang *beginning(translation *t, uint32_t lo, uint32_t hi) {
    nfa a = { .w = t->w };
    uint32_t from = nfa_state(&a), rest = nfa_state(&a), end = nfa_state(&a);
    nfa_put(&a, from, lo, hi, rest);
    nfa_put(&a, rest, 0, LANG_LAST, rest);
    nfa_skip(&a, rest, end);
    const lang *l = lang_of_nfa(&a, from, end);
    nfa_free(&a);
    return lang_and(t->w, l, t->all_text);
}

/* A region becomes several, apart by how their names begin: each letter of `begins` begins a group. */
static bool spread(object_graph *o, size_t i, const char *begins) {
    translation *t = o->g.t;
    for (; *begins; begins++) {
        region *x = &o->regions[i];
        const lang *group = beginning(t, (uint32_t)begins[0], begins[1] ? (uint32_t)begins[1] - 1 : LANG_LAST);
        const lang *in = lang_and(t->w, x->names, group), *out = lang_minus(t->w, x->names, group);
        if (!in || !out) return false;
        if (lang_is_empty(in) || lang_is_empty(out)) continue;
        if (o->n_regions == MAX_REGIONS) return true;
        o->regions[o->n_regions++] = (region){ .names = in, .value = x->value, .some = x->some };
        x->names = out;
    }
    return true;
}

static size_t named_at_most(const object_case *c) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_props; i++) n += c->props[i].presence != PROP_FORBIDDEN;
    return n;
}

/* That names differ is certain of those in the schema, and of two in different regions: where more have to, there are more regions. */
static bool spread_regions(object_graph *o) {
    size_t named = named_at_most(o->c), need = o->c->min > named ? o->c->min - named : 0;
    bool many = need <= CHEAP; /* of all groups, every set of fewer than `need` is a state */
    for (size_t i = 0, n = o->n_regions; i < n && o->n_regions < need; i++)
        if (!spread(o, i, many ? "abcdefghilmnprst" : "acdfimps")) return false;
    return true;
}

/* The names of each region as text; of many regions as rules, since they are named in many places. */
static bool write_regions(object_graph *o) {
    translation *t = o->g.t;
    for (size_t i = 0; i < o->n_regions; i++) {
        region *r = &o->regions[i];
        r->written = rule_of_strings(t, r->names);
        if (o->n_regions < FEW_GROUPS || !r->written) continue;
        uint32_t rule = syntax_rule(t->out, "(a name)");
        t->out->rules[rule].body = r->written;
        r->written = syn_ref(t->w, rule);
    }
    return !t->w->failed;
}

/* "," "name": value */
static const syn *member(object_graph *o, bool begun, const syn *name, term value) {
    translation *t = o->g.t;
    const syn *parts[] = { syn_text(t->w, begun ? "," : ""), t->gap, name, t->after_colon, rule_of_term(t, value) };
    for (size_t i = 0; i < 5; i++)
        if (!parts[i]) return NULL;
    return syn_list(t->w, SYN_SEQ, parts, 5);
}

static const syn *written_name(translation *t, const object_prop *p) {
    json_t *s = json_stringn(p->name, p->n);
    char *text = s ? json_dumps(s, JSON_ENCODE_ANY) : NULL;
    const syn *name = text ? syn_text(t->w, text) : NULL;
    free(text);
    json_decref(s);
    return name;
}

static uint32_t capped(size_t n, size_t most) { return (uint32_t)(n < most ? n : most); }

/* An edge for each set of `some` out of `may` that the property satisfies by its value. */
static void member_edges(object_graph *o, uint32_t from, bool begun, const syn *name, term value, uint32_t may, const object_key *plain, const object_key *satisfying) {
    translation *t = o->g.t;
    for (uint32_t set = may;; set = (set - 1) & may) {
        object_key next = set ? *satisfying : *plain;
        term v = value;
        for (uint32_t k = 0; k < o->c->n_some; k++)
            if (set >> k & 1) v = term_and(t, v, o->c->some[k].value);
        next.done |= set;
        if (!term_is_empty(t, v)) graph_edge(&o->g, from, member(o, begun, name, v), graph_state(&o->g, &next));
        if (!set || t->w->failed) return;
    }
}

static void named_edges(object_graph *o, uint32_t state, const object_key *key) {
    translation *t = o->g.t;
    const object_prop *p = &o->c->props[key->at];
    object_key next = *key;
    size_t n, count_to = o->c->max != UNBOUNDED ? o->c->max : o->c->min;
    const uint32_t *symbols = schema_symbols(t->w, p->name, p->n, &n);
    uint32_t may = 0;
    term value = p->value;
    next.at++;
    if (p->presence != PROP_REQUIRED) graph_edge(&o->g, state, syn_text(t->w, ""), graph_state(&o->g, &next));
    if (p->presence == PROP_FORBIDDEN || !symbols) return;
    for (size_t i = 0; i < o->c->n_rules; i++)
        if (lang_has(o->c->rules[i].names, symbols, n)) value = term_and(t, value, o->c->rules[i].value);
    for (uint32_t k = 0; k < o->c->n_some; k++)
        if (!(key->done >> k & 1) && lang_has(o->c->some[k].names, symbols, n)) may |= 1u << k;
    if (o->c->max != UNBOUNDED && key->named == o->c->max) return;
    next.begun = 1;
    next.named = capped(key->named + 1u, count_to);
    member_edges(o, state, key->begun, written_name(t, p), value, may, &next, &next);
}

static bool has_enough(const object_case *c, const object_key *key) { return (size_t)key->named + (size_t)__builtin_popcount(key->used) >= c->min; }

static void other_edges(object_graph *o, uint32_t state, const object_key *key) {
    bool bounded = o->c->max != UNBOUNDED;
    if (bounded && (size_t)key->named + key->others >= o->c->max) return;
    for (uint32_t i = 0; i < o->n_regions; i++) {
        const region *r = &o->regions[i];
        object_key next = *key;
        if (key->closed >> i & 1) continue;
        next.begun = 1;
        if (bounded) next.others++;
        if (!has_enough(o->c, key)) next.used |= 1u << i;
        if (has_enough(o->c, &next)) next.used = UINT32_MAX;
        object_key last = next;
        last.closed |= 1u << i;
        member_edges(o, state, key->begun, r->written, r->value, r->some & ~key->done, &next, &last);
    }
}

/* Only names that must differ count for the minimum: those in the schema, and one of each region. */
static void object_edges(object_graph *o, uint32_t state) {
    object_key key = *(const object_key *)graph_key(&o->g, state);
    if (key.at < o->c->n_props) {
        named_edges(o, state, &key);
        return;
    }
    const syn *close[] = { o->g.t->gap, syn_text(o->g.t->w, "}") };
    bool enough = has_enough(o->c, &key) && key.done == (1u << o->c->n_some) - 1;
    if (enough && close[0] && close[1]) graph_edge(&o->g, state, syn_list(o->g.t->w, SYN_SEQ, close, 2), GRAPH_END);
    other_edges(o, state, &key);
}

static bool can_count(object_graph *o) {
    if (named_at_most(o->c) + o->n_regions >= o->c->min || !o->n_regions) return true;
    char why[160];
    snprintf(why, sizeof why, "beyond the properties that the schema names, at most %d different names can be asked for", FEW_GROUPS);
    return schema_doc_refuse(&o->g.t->doc, o->c->counted, "minProperties", why);
}

const syn *rule_of_object(translation *t, const object_case *c) {
    object_graph o = { .c = c };
    object_key start = { 0 };
    if (c->n_some > MAX_SOME) return too_many(t, "properties that some alternative demands", MAX_SOME), NULL;
    graph_open(&o.g, t, sizeof start);
    if (find_regions(&o) && spread_regions(&o) && can_count(&o) && write_regions(&o)) {
        graph_edge(&o.g, GRAPH_START, syn_text(t->w, "{"), graph_state(&o.g, &start));
        for (uint32_t s = GRAPH_FIRST; s < o.g.n && !t->w->failed; s++) object_edges(&o, s);
    }
    return graph_close(&o.g);
}
