/* The inside of the translation from JSON Schema, in three steps:
 *   terms    what a value has to be: a place in the schema, a constant, or "and", "or", "not" of such. Equal terms are one.
 *   domains  a term's values by JSON type: which of null, true, false; a language of numbers; one of strings; cases of arrays; cases
 *            of objects. Domains have and, or, not; values within arrays and objects stay terms, so recursive schemas are no matter.
 *   rules    a domain as grammar rules, one for each term that is needed (schema_rules.c, schema_array.c, schema_object.c).
 * Everything lies in the effort's arena. NULL stands for a failure that the effort knows of (while probing, also for
 * what is not known yet). */
#ifndef PINGTI_GRAMMAR_SCHEMA_IMPL_H
#define PINGTI_GRAMMAR_SCHEMA_IMPL_H
#include "grammar/schema_doc.h"
#include "grammar/syntax.h"

typedef uint32_t term;
enum { TERM_ALL, TERM_NONE, TERM_FIRST }; /* every value; none */
typedef enum term_kind { TERM_SCHEMA = TERM_FIRST, TERM_CONST, TERM_NOT, TERM_AND, TERM_OR } term_kind;

enum { VALUE_NULL = 1, VALUE_TRUE = 2, VALUE_FALSE = 4, VALUE_SCALARS = 7 };
#define UNBOUNDED SIZE_MAX

typedef struct contains_rule { /* of the items from index `from` on, min to max are `what` */
    term what;
    size_t from, min, max;
} contains_rule;

typedef struct array_case {
    const term *prefix; /* the first items, one by one */
    size_t n_prefix;
    term rest;          /* each of the others */
    size_t min, max;
    const contains_rule *contains;
    size_t n_contains;
    const json_t *unique; /* the schema that wants all items different, or NULL */
    /* what adjacent keywords have looked at, for unevaluatedItems: the first items, all, those that are seen_match */
    size_t seen_prefix;
    bool seen_all;
    term seen_match;
} array_case;

typedef enum presence { PROP_OPTIONAL, PROP_REQUIRED, PROP_FORBIDDEN } presence;

typedef struct object_prop {
    const char *name;
    size_t n;
    term value;
    presence presence;
} object_prop;

typedef struct name_rule {
    const lang *names;
    term value;
} name_rule;

typedef struct object_case {
    const object_prop *props; /* in the order in which they are written */
    size_t n_props;
    const name_rule *rules;   /* every property with such a name is that */
    size_t n_rules;
    const name_rule *some;    /* at least one property has such a name and is that */
    size_t n_some;
    size_t min, max;
    const lang *seen;         /* names that adjacent keywords have looked at, for unevaluatedProperties */
    const json_t *counted;    /* the schema that counts properties, for messages */
} object_case;

typedef struct domain {
    unsigned scalars;
    const lang *numbers, *strings;
    const array_case *const *arrays;
    size_t n_arrays;
    const object_case *const *objects;
    size_t n_objects;
} domain;

typedef struct term_entry {
    term_kind kind;
    const json_t *json;       /* TERM_SCHEMA, TERM_CONST */
    uint32_t scope;           /* TERM_SCHEMA: the resources entered so far, for $dynamicRef */
    term a, b;
    const domain *domain[2];  /* plain; with what each case has looked at */
    bool busy, empty_known, empty;
    uint32_t rule;            /* UINT32_MAX: none yet */
} term_entry;

typedef struct scope_entry {
    uint32_t outer, resource; /* outer: index + 1 of the scope around it */
} scope_entry;

typedef struct translation {
    effort *w;
    schema_doc doc;
    syntax *out;
    bool compact;
    term_entry *terms;
    size_t n_terms, cap_terms;
    map *known;               /* of terms */
    scope_entry *scopes;
    size_t n_scopes, cap_scopes;
    unsigned depth, probing;  /* of expansions; of emptiness tests within each other */
    const lang *all_text, *no_text, *all_numbers, *no_numbers, *integers;
    const domain *everything, *nothing;
    /* rules */
    uint32_t *todo;           /* terms whose rule has no body yet */
    size_t n_todo, cap_todo;
    struct language_rule *languages;
    size_t n_languages, cap_languages;
    const syn *gap, *after_colon;
} translation;

/* ---- terms ---- */
term term_schema(translation *t, const json_t *schema, uint32_t scope);
term term_const(translation *t, const json_t *value);
term term_not(translation *t, term a);
term term_and(translation *t, term a, term b);
term term_or(translation *t, term a, term b);
bool term_is_empty(translation *t, term a);                 /* certainly no value; false: there may be one */
const domain *term_domain(translation *t, term a, bool seen); /* seen: each case says what it looked at */

/* ---- domains ---- */
const domain *domain_and(translation *t, const domain *a, const domain *b);
const domain *domain_or(translation *t, const domain *a, const domain *b);
const domain *domain_not(translation *t, const domain *a);
const domain *domain_with_arrays(translation *t, const domain *d, const array_case *const *arrays, size_t n);
const domain *domain_with_objects(translation *t, const domain *d, const object_case *const *objects, size_t n);
domain *domain_copy(translation *t, const domain *d);
array_case array_any(void);
object_case object_any(const translation *t);
const domain *domain_of_const(translation *t, const json_t *value);

/* ---- keywords ---- */
const domain *schema_domain(translation *t, const json_t *schema, uint32_t scope, bool seen);
const domain *schema_arrays(translation *t, const json_t *schema, uint32_t scope);   /* by the keywords about arrays */
const domain *schema_objects(translation *t, const json_t *schema, uint32_t scope);
const domain *schema_unseen_items(translation *t, const domain *d, term items);
const domain *schema_unseen_properties(translation *t, const domain *d, term values);
bool schema_count(translation *t, const json_t *schema, const char *keyword, size_t *out); /* a whole number >= 0, left alone when absent */
const json_t *schema_object_of(translation *t, const json_t *schema, const char *keyword); /* an object, or NULL */
const lang *schema_name(translation *t, const char *name, size_t n);   /* the language of one name */
uint32_t *schema_symbols(effort *w, const char *text, size_t n, size_t *count);

/* ---- rules ---- */
const syn *rule_of_term(translation *t, term a);
const syn *rule_of_strings(translation *t, const lang *l); /* with its quotes */
const syn *rule_of_array(translation *t, const array_case *c);
const syn *rule_of_object(translation *t, const object_case *c);

/* Grows a list in the arena by copying: for lists that are short. */
void *list_with(effort *w, const void *items, size_t n, size_t size, const void *one);
#endif
