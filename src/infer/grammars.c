#include "infer/grammars.h"
#include "base/log.h"
#include "base/mem.h"
#include <pthread.h>
#include <string.h>

enum { KEPT = 16 };

typedef struct kept {
    char *text;
    size_t n;
    bool schema, compact;
    grammar *g;
    uint64_t used;
} kept;

struct grammars {
    const tokenizer *t;
    const int32_t *end_ids;
    size_t n_end_ids;
    pthread_mutex_t turn; /* held while compiling; it guards the vocabulary */
    vocabulary *v;
    pthread_mutex_t lock; /* what is kept; never held for long */
    kept kept[KEPT];
    uint64_t uses;
};

grammars *grammars_new(const tokenizer *t, const int32_t *end_ids, size_t n_end_ids) {
    grammars *g = mem_must(1, sizeof *g);
    g->t = t;
    g->end_ids = end_ids;
    g->n_end_ids = n_end_ids;
    pthread_mutex_init(&g->turn, NULL);
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

static void forget(kept *k) {
    grammar_unref(k->g);
    free(k->text);
    *k = (kept){ 0 };
}

void grammars_free(grammars *g) {
    if (!g) return;
    for (int i = 0; i < KEPT; i++) forget(&g->kept[i]);
    vocabulary_unref(g->v);
    pthread_mutex_destroy(&g->turn);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static const char *text_of(const grammar_source *s) { return s->schema ? s->schema : s->gbnf; }

/* With a count of the caller's, or NULL. */
static grammar *find(grammars *g, const grammar_source *s) {
    grammar *found = NULL;
    pthread_mutex_lock(&g->lock);
    for (int i = 0; i < KEPT && !found; i++) {
        kept *k = &g->kept[i];
        if (k->g && k->n == s->n && k->schema == (s->schema != NULL) && k->compact == s->compact && memcmp(k->text, text_of(s), s->n) == 0) {
            k->used = ++g->uses;
            found = grammar_ref(k->g);
        }
    }
    pthread_mutex_unlock(&g->lock);
    return found;
}

static kept *oldest(grammars *g) {
    kept *old = &g->kept[0];
    for (int i = 1; i < KEPT; i++)
        if (g->kept[i].used < old->used) old = &g->kept[i];
    return old;
}

static void keep(grammars *g, const grammar_source *s, grammar *made) {
    pthread_mutex_lock(&g->lock);
    kept *k = oldest(g);
    forget(k);
    *k = (kept){ mem_must_copy(text_of(s), s->n), s->n, s->schema != NULL, s->compact, grammar_ref(made), ++g->uses };
    pthread_mutex_unlock(&g->lock);
}

static grammar *compile(grammars *g, const grammar_source *s, err *e) {
    if (!g->v && !(g->v = vocabulary_new(g->t, g->end_ids, g->n_end_ids, e))) return NULL;
    grammar *made = s->schema ? grammar_compile_schema(s->schema, s->n, s->compact, g->v, NULL, e) : grammar_compile_gbnf(s->gbnf, s->n, g->v, NULL, e);
    if (!made) return NULL;
    grammar_facts f = grammar_facts_of(made);
    log_info("%s of %zu bytes compiled in %.1f ms: %zu rules, %zu nodes", s->schema ? "schema" : "grammar", s->n, f.seconds * 1e3, f.rules, f.nodes);
    keep(g, s, made);
    return made;
}

grammar *grammars_get(grammars *g, const grammar_source *s, err *e) {
    if (!s->schema == !s->gbnf) {
        err_set(e, ERR_USAGE, s->gbnf ? "a grammar and a schema are given" : "no grammar is given");
        err_expected(e, "either GBNF or a JSON Schema");
        return NULL;
    }
    grammar *found = find(g, s);
    if (found) return found;
    pthread_mutex_lock(&g->turn);
    if (!(found = find(g, s))) found = compile(g, s, e); /* somebody may have compiled it meanwhile */
    pthread_mutex_unlock(&g->turn);
    return found;
}
