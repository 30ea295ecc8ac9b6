/* From the name in a GGUF file to splitting steps. */
#include "base/mem.h"
#include "text/pretok.h"
#include <stdio.h>
#include <string.h>

enum { MAX_REGEXES = 6 };

static const struct {
    const char *names;
    unsigned flags;
    const char *regexes[MAX_REGEXES];
} known[] = {
#define PRE(names, flags, ...) { names, flags, { __VA_ARGS__ } },
#include "text/pretok_names.def"
#undef PRE
};

static bool listed(const char *names, const char *name) {
    size_t n = strlen(name);
    for (const char *p = names; (p = strstr(p, name)); p += n)
        if ((p == names || p[-1] == ' ') && (p[n] == ' ' || p[n] == 0)) return true;
    return false;
}

bool pretok_from_gguf_name(pretok *p, const char *name, unsigned *flags, err *e) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!*name || strchr(name, ' ') || !listed(known[i].names, name)) continue;
        *flags = known[i].flags;
        if (*flags & PRE_NO_SPACES) p->steps[p->n++] = (pretok_step){ .kind = PRETOK_WHITESPACE_SPLIT, .behavior = SPLIT_REMOVED };
        bool letters = false;
        for (size_t k = 0; k < MAX_REGEXES && known[i].regexes[k]; k++) {
            const char *pattern = known[i].regexes[k];
            letters |= !*pattern; /* R_BYTE_LETTERS */
            if (!*pattern) continue;
            pretok_step s = { .kind = PRETOK_REGEX, .behavior = SPLIT_ISOLATED, .on_letters = letters, .re = regex_new(pattern, strlen(pattern), e) };
            if (!s.re) return false;
            p->steps[p->n++] = s;
        }
        return true;
    }
    return err_set(e, ERR_UNSUPPORTED, "the file's pre-tokenizer '%s' is not known", name) ||
           err_hint(e, "its text would be split wrongly; use the model's Hugging Face directory, or report the name");
}

bool pretok_gguf_name_known(const char *name) {
    for (size_t i = 0; *name && !strchr(name, ' ') && i < sizeof known / sizeof *known; i++)
        if (listed(known[i].names, name)) return true;
    return false;
}

const char *pretok_gguf_name_at(size_t i, char out[64]) {
    if (i >= sizeof known / sizeof *known) return NULL;
    snprintf(out, 64, "%.*s", (int)strcspn(known[i].names, " "), known[i].names);
    return out;
}

const char *pretok_gguf_regex(const char *name, size_t k, unsigned *flags) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!*name || strchr(name, ' ') || !listed(known[i].names, name)) continue;
        *flags = known[i].flags;
        if (k >= MAX_REGEXES || (*flags & (PRE_CHARACTERS | PRE_NO_SPACES))) return NULL;
        for (size_t j = 0; j <= k; j++)
            if (!known[i].regexes[j] || !*known[i].regexes[j]) return NULL; /* the end, or R_BYTE_LETTERS */
        return known[i].regexes[k];
    }
    return NULL;
}
