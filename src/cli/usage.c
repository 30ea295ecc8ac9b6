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
                  { "PATH", USAGE_FILE },       { "MODEL", USAGE_MODEL }, { ".", USAGE_FILE } };
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
    usage_place more = *p;
    for (size_t i = 0, len; i <= n; i += len + 1) {
        const char *bar = memchr(s + i, '|', n - i);
        len = bar ? (size_t)(bar - s) - i : n - i;
        if (!is_word(s + i, len)) return false;
        add_word(&more, s + i, len);
    }
    *p = more;
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

/* A word of a usage line without its brackets and dots. */
typedef struct usage_word {
    const char *at;
    size_t n;
    bool opens, closes; /* a bracket before or after it */
} usage_word;

static usage_word next_word(const char **line) {
    usage_word w = { .at = *line, .n = strcspn(*line, " ") };
    *line += w.n + strspn(*line + w.n, " ");
    for (; w.n && strchr("[(", *w.at); w.at++, w.n--) w.opens = true;
    for (; w.n && strchr("])", w.at[w.n - 1]); w.n--) w.closes = true;
    while (w.n && w.at[w.n - 1] == '.') w.n--;
    return w;
}

static bool is(usage_word w, const char *text) { return w.n == strlen(text) && memcmp(w.at, text, w.n) == 0; }

usage_place usage_argument(const opt_spec *s, bool first) {
    usage_place words = { .kind = USAGE_NOTHING }, other = words;
    bool after_option = false; /* a word in capitals is its value then, as in "-m MODEL", but not in "[-m] MODEL" and "--kernels [REGEX]" */
    for (const char *line = s->usage; *line;) {
        usage_word w = next_word(&line);
        bool value = after_option && !w.opens && w.n && isupper((unsigned char)*w.at), option = w.n > 1 && *w.at == '-';
        after_option = option && !w.closes;
        if (value || option || !w.n || is(w, "|") || is(w, "-") || is(w, "options") || is(w, s->name)) continue;
        if (!add_words(&words, w.at, w.n) && other.kind == USAGE_NOTHING) other.kind = is(w, "NAME") ? USAGE_PULLED : kind_of(w.at, w.n);
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
