/* --grammar and --json-schema: a file, or the text itself. */
#include "base/file.h"
#include "cli/common_options.h"
#include <string.h>

enum { GRAMMAR_LIMIT = 1 << 20 };

static bool looks_like_schema(const char *text) {
    text += strspn(text, " \t\r\n");
    return *text == '{' || strcmp(text, "true") == 0;
}

bool sampling_grammar_source(const sampling_options *o, grammar_source *s, char **memory, err *e) {
    const char *given = o->grammar ? o->grammar : o->json_schema;
    *s = (grammar_source){ .compact = o->json_compact };
    *memory = NULL;
    if (!given) return true;
    if (o->grammar && o->json_schema) return err_set(e, ERR_USAGE, "the answer cannot follow two things") || err_expected(e, "either --grammar or --json-schema");
    s->n = strlen(given);
    bool is_text = o->grammar ? strstr(given, "::=") != NULL : looks_like_schema(given);
    if (!is_text && !(*memory = file_read(given, GRAMMAR_LIMIT, &s->n, e))) return false;
    const char *text = is_text ? given : *memory;
    if (o->grammar) s->gbnf = text;
    else s->schema = text;
    return true;
}

bool sampling_grammar_compile(const sampling_options *o, const llm *l, const grammar_source *s, grammar **out, err *e) {
    *out = s->gbnf || s->schema ? grammars_get(l->grammars, s, e) : NULL;
    if (*out || !(s->gbnf || s->schema)) return true;
    const char *given = o->grammar ? o->grammar : o->json_schema;
    if (s->gbnf != given && s->schema != given) err_context(e, "in %s", given);
    return false;
}

grammar *sampling_grammar(const sampling_options *o, const llm *l, err *e) {
    grammar_source s;
    char *memory;
    grammar *g = NULL;
    if (sampling_grammar_source(o, &s, &memory, e)) sampling_grammar_compile(o, l, &s, &g, e);
    free(memory);
    return g;
}
