#include "cli/usage.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What a word in capitals stands for. A usage line may add to it: FILE.gguf, CONVERSATION.json, OUT-DIR. */
static usage_kind kind_of(const char *name, size_t n) {
    static const struct {
        const char *part;
        usage_kind kind;
    } parts[] = { { "COMMAND", USAGE_COMMAND }, { "DIR", USAGE_DIR },   { "FOLDER", USAGE_DIR }, { "FILE", USAGE_FILE },
                  { "PATH", USAGE_FILE },       { "MODEL", USAGE_FILE }, { ".", USAGE_FILE } };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (memmem(name, n, parts[i].part, strlen(parts[i].part))) return parts[i].kind;
    return USAGE_TEXT;
}

/* Small letters, digits and - alone, as subcommands and choices are written. */
static bool is_word(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!islower((unsigned char)s[i]) && !isdigit((unsigned char)s[i]) && !(i && (s[i] == '-' || s[i] == '_'))) return false;
    return n > 0;
}

static void add_word(usage_place *p, const char *s, size_t n) {
    size_t used = strlen(p->words);
    if (used + n + 2 > sizeof p->words) return;
    snprintf(p->words + used, sizeof p->words - used, "%s%.*s", used ? " " : "", (int)n, s);
    p->kind = USAGE_WORDS;
}

/* Every part of "a|b|c"; false, and nothing added, where one is no word. */
static bool add_words(usage_place *p, const char *s, size_t n) {
    for (size_t i = 0, len; i <= n; i += len + 1) {
        len = strcspn(s + i, "|");
        if (len > n - i) len = n - i;
        if (!is_word(s + i, len)) return false;
    }
    for (size_t i = 0, len; i <= n; i += len + 1) {
        len = strcspn(s + i, "|");
        if (len > n - i) len = n - i;
        add_word(p, s + i, len);
    }
    return true;
}

usage_place usage_value(const opt_row *r) {
    usage_place p = { .kind = USAGE_TEXT, .optional = r->kind == OPT_TEXT && r->choices };
    if (r->kind == OPT_FLAG) p.kind = USAGE_NOTHING;
    else if (r->kind == OPT_CHOICE) {
        for (const char *c = r->choices; *c; c += strcspn(c, "|"), c += *c == '|') add_word(&p, c, strcspn(c, "|"));
    } else if (r->metavar && (r->kind == OPT_TEXT || r->kind == OPT_LIST)) p.kind = kind_of(r->metavar, strlen(r->metavar));
    return p;
}

usage_place usage_argument(const opt_spec *s, bool first) {
    usage_place words = { .kind = USAGE_NOTHING }, other = words;
    bool value = false; /* the last word was an option that takes the next one */
    const char *u = s->usage;
    for (size_t n; *u; u += n + strspn(u + n, " ")) {
        n = strcspn(u, " ");
        const char *w = u;
        size_t len = n;
        bool closed = len && w[len - 1] == ']';
        while (len && strchr("[(", *w)) w++, len--;
        while (len && strchr("])", w[len - 1])) len--;
        if (len > 3 && memcmp(w + len - 3, "...", 3) == 0) len -= 3;
        if (len > 1 && *w == '-') {
            value = !closed;
            continue;
        }
        bool taken = value && len && isupper((unsigned char)*w) && *u != '[';
        value = false;
        if (taken || !len || *w == '|' || *w == '-' || (len == strlen(s->name) && memcmp(w, s->name, len) == 0) || (len == 7 && memcmp(w, "options", 7) == 0)) continue;
        if (!add_words(&words, w, len) && other.kind == USAGE_NOTHING) other.kind = kind_of(w, len);
    }
    return first && words.kind == USAGE_WORDS ? words : other;
}

bool usage_negatable(const opt_row *r) { return r->kind == OPT_FLAG && strncmp(r->name, "no-", 3) != 0; }

size_t usage_short_help(const char *help) {
    for (size_t n = 0; help[n]; n++)
        if (strchr(";:.(", help[n]) && (help[n] == '(' ? n > 1 : !help[n + 1] || isspace((unsigned char)help[n + 1]))) {
            while (n && isspace((unsigned char)help[n - 1])) n--;
            return n;
        }
    return strlen(help);
}
