#include "base/mem.h"
#include "grammar/schema_impl.h"
#include <string.h>

enum { MAX_EXPANSION = 400, MAX_PROBING = 4 };

void *list_with(effort *w, const void *items, size_t n, size_t size, const void *one) {
    char *list = effort_spend(w, 1) ? effort_new(w, n + 1, size) : NULL;
    if (!list) return NULL;
    if (n) memcpy(list, items, n * size);
    memcpy(list + n * size, one, size);
    return list;
}

static term intern(translation *t, const term_entry *e, const char *key, size_t n) {
    int64_t id;
    if (map_get(t->known, key, n, &id)) return (term)id;
    if (!effort_spend(t->w, 1)) return TERM_NONE;
    if (t->n_terms == t->cap_terms) t->terms = mem_must_grow(t->terms, t->cap_terms = t->cap_terms ? 2 * t->cap_terms : 64, sizeof *t->terms);
    while (t->n_terms < TERM_FIRST) t->terms[t->n_terms++] = (term_entry){ .rule = UINT32_MAX };
    id = (int64_t)t->n_terms++;
    t->terms[id] = *e;
    t->terms[id].rule = UINT32_MAX;
    map_put(t->known, key, n, id);
    return (term)id;
}

term term_schema(translation *t, const json_t *schema, uint32_t scope) {
    struct { const json_t *json; uint32_t scope, kind; } key = { schema, scope, TERM_SCHEMA };
    if (json_is_true(schema)) return TERM_ALL;
    if (json_is_false(schema)) return TERM_NONE;
    return intern(t, &(term_entry){ .kind = TERM_SCHEMA, .json = schema, .scope = scope }, (char *)&key, sizeof key);
}

term term_const(translation *t, const json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (!text) return effort_spend(t->w, SIZE_MAX / 2), TERM_NONE;
    term id = intern(t, &(term_entry){ .kind = TERM_CONST, .json = value }, text, strlen(text));
    free(text);
    return id;
}

static term pair(translation *t, term_kind kind, term a, term b) {
    uint32_t key[3] = { a < b ? a : b, a < b ? b : a, kind };
    return intern(t, &(term_entry){ .kind = kind, .a = key[0], .b = key[1] }, (char *)key, sizeof key);
}

static bool opposite(const translation *t, term a, term b) {
    return (a >= TERM_FIRST && t->terms[a].kind == TERM_NOT && t->terms[a].a == b) || (b >= TERM_FIRST && t->terms[b].kind == TERM_NOT && t->terms[b].a == a);
}

term term_not(translation *t, term a) {
    if (a == TERM_ALL) return TERM_NONE;
    if (a == TERM_NONE) return TERM_ALL;
    return t->terms[a].kind == TERM_NOT ? t->terms[a].a : pair(t, TERM_NOT, a, a);
}

term term_and(translation *t, term a, term b) {
    if (a == b || b == TERM_ALL) return a;
    if (a == TERM_ALL) return b;
    if (a == TERM_NONE || b == TERM_NONE || opposite(t, a, b)) return TERM_NONE;
    return pair(t, TERM_AND, a, b);
}

term term_or(translation *t, term a, term b) {
    if (a == b || b == TERM_NONE) return a;
    if (a == TERM_NONE) return b;
    if (a == TERM_ALL || b == TERM_ALL || opposite(t, a, b)) return TERM_ALL;
    return pair(t, TERM_OR, a, b);
}

/* Where it was only asked whether there may be values (probing), not knowing is no failure: NULL alone says so. */
static const domain *too_deep(translation *t, const char *what) {
    if (t->probing) return NULL;
    if (!t->w->failed) {
        err_set(t->w->e, ERR_LIMIT, "the schema %s", what);
        err_hint(t->w->e, "a reference has to lead through a property or an item before it comes back");
    }
    return effort_refuse(t->w), NULL;
}

static const domain *expand(translation *t, term a, bool seen) {
    term_entry e = t->terms[a];
    switch (e.kind) {
    case TERM_SCHEMA: return schema_domain(t, e.json, e.scope, seen);
    case TERM_CONST: return domain_of_const(t, e.json);
    case TERM_NOT: return domain_not(t, term_domain(t, e.a, false));
    case TERM_AND: {
        const domain *x = term_domain(t, e.a, seen), *y = term_domain(t, e.b, seen);
        return domain_and(t, x, y);
    }
    default: {
        const domain *x = term_domain(t, e.a, seen), *y = term_domain(t, e.b, seen);
        return domain_or(t, x, y);
    }
    }
}

const domain *term_domain(translation *t, term a, bool seen) {
    if (t->w->failed) return NULL;
    if (a == TERM_ALL) return t->everything;
    if (a == TERM_NONE) return t->nothing;
    if (t->terms[a].domain[seen]) return t->terms[a].domain[seen];
    if (t->terms[a].busy) return too_deep(t, "refers to itself without end");
    if (t->depth >= MAX_EXPANSION) return too_deep(t, "refers from one place to the next too often");
    if (!effort_spend(t->w, 1)) return NULL; /* what lies too deep is not remembered: probing may come here again and again */
    t->depth++;
    t->terms[a].busy = true;
    const domain *d = expand(t, a, seen);
    t->terms[a].busy = false;
    t->terms[a].domain[seen] = d;
    t->depth--;
    return d;
}

/* Looks a few levels deep; what is being expanded already, or lies deeper, may have values. */
bool term_is_empty(translation *t, term a) {
    if (a == TERM_ALL || a == TERM_NONE) return a == TERM_NONE;
    if (t->terms[a].empty_known) return t->terms[a].empty;
    if (t->terms[a].busy || t->probing >= MAX_PROBING || t->depth >= MAX_EXPANSION / 2) return false;
    t->probing++;
    const domain *d = term_domain(t, a, false);
    t->probing--;
    if (!d) return false;
    t->terms[a].empty_known = true;
    return t->terms[a].empty = !d->scalars && lang_is_empty(d->numbers) && lang_is_empty(d->strings) && !d->n_arrays && !d->n_objects;
}
