/* --grammar and --json-schema: a file, or the text itself. */
#include "base/file.h"
#include "cli/common_options.h"
#include <string.h>

enum { GRAMMAR_LIMIT = 1 << 20 };

static bool looks_like_schema(const char *text) {
    text += strspn(text, " \t\r\n");
    return *text == '{' || strcmp(text, "true") == 0;
}

grammar *sampling_grammar(const sampling_options *o, const llm *l, err *e) {
    const char *given = o->grammar ? o->grammar : o->json_schema;
    char *read = NULL;
    if (!given) return NULL;
    if (o->grammar && o->json_schema) {
        err_set(e, ERR_USAGE, "the answer cannot follow two things");
        err_expected(e, "either --grammar or --json-schema");
        return NULL;
    }
    size_t n = strlen(given);
    bool is_text = o->grammar ? strstr(given, "::=") != NULL : looks_like_schema(given);
    if (!is_text && !(read = file_read(given, GRAMMAR_LIMIT, &n, e))) return NULL;
    const char *text = read ? read : given;
    grammar_source s = { .gbnf = o->grammar ? text : NULL, .schema = o->grammar ? NULL : text, .n = n, .compact = o->json_compact };
    grammar *g = grammars_get(l->grammars, &s, e);
    if (!g && read) err_context(e, "in %s", given);
    free(read);
    return g;
}
