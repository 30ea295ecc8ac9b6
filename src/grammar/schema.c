#include "grammar/schema.h"
bool schema_translate(const char *text, size_t n, bool compact, syntax *s) {
    (void)text; (void)n; (void)compact;
    err_set(s->w->e, ERR_UNSUPPORTED, "not yet");
    return effort_refuse(s->w);
}
