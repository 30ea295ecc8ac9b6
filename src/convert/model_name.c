#include "convert/model_name.h"
#include <ctype.h>
#include <math.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_PARTS = 24, PART_BYTES = 64 };
enum { IS_BASE = 1, IS_SIZE = 2, IS_TUNE = 4, IS_VERSION = 8, IS_TYPE = 16 };

static bool fits(const char *s, const char *pattern) {
    regex_t re;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0) return false;
    bool yes = regexec(&re, s, 0, NULL, 0) == 0;
    regfree(&re);
    return yes;
}

typedef struct parts {
    char text[MAX_PARTS][PART_BYTES];
    unsigned kind[MAX_PARTS];
    int n;
} parts;

static void split(const char *name, parts *p) {
    *p = (parts){ .n = 0 };
    while (*name && p->n < MAX_PARTS) {
        size_t n = strcspn(name, "-");
        if (n && n < PART_BYTES) memcpy(p->text[p->n++], name, n);
        name += n + (name[n] == '-');
    }
}

static int scale_of(char unit) {
    static const char units[] = " KMBT";
    const char *at = strchr(units, unit);
    return at ? (int)(at - units) : -1;
}

/* "7b" -> "7B", bloom's "7b1" -> "7.1B"; far from the number of weights it is a context length, "128k". */
static unsigned size_part(char *s, uint64_t parameters) {
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if (s[i] == '_') s[i] = '.';
    if (n > 2 && isdigit((unsigned char)s[n - 1])) {
        char unit = s[n - 2], digit = s[n - 1];
        if (n + 1 >= PART_BYTES) return IS_SIZE;
        s[n - 2] = '.', s[n - 1] = digit, s[n] = unit, s[n + 1] = 0;
        n++;
    }
    if (n > 1 && isdigit((unsigned char)s[n - 2])) s[n - 1] = (char)toupper((unsigned char)s[n - 1]);
    char *end;
    double v = strtod(s, &end);
    int scale = scale_of(s[n - 1]);
    if (!parameters || end != s + n - 1 || scale < 0) return IS_SIZE;
    if (fabs(v * pow(1000, scale) - (double)parameters) <= floor(7.0 * (double)parameters / 8)) return IS_SIZE;
    s[n - 1] = (char)tolower((unsigned char)s[n - 1]);
    return IS_TUNE;
}

static void annotate(parts *p, uint64_t parameters) {
    for (int i = 0; i < p->n; i++) {
        char *s = p->text[i];
        if (fits(s, "^(v|iter)?[0-9]+([.][0-9]+)*$")) p->kind[i] = IS_VERSION;
        else if (fits(s, "^(i?q[0-9](_[0-9a-z_])*|b?fp?(16|32))$")) {
            p->kind[i] = IS_TYPE;
            for (char *c = s; *c; c++) *c = (char)toupper((unsigned char)*c);
        } else if (i > 0 && fits(s, "^((a|[0-9]+x)?[0-9]+([._][0-9]+)?[kmbt][0-9]?|small|mini|medium|large|x?xl)$")) p->kind[i] = size_part(s, parameters);
        else if (i > 0 && fits(s, "^(chat|instruct|vision|lora)$")) p->kind[i] = IS_TUNE;
    }
}

/* A size in words counts only where none is in numbers. */
static void drop_word_sizes(parts *p) {
    bool numbers = false;
    for (int i = 0; i < p->n; i++) numbers = numbers || ((p->kind[i] & IS_SIZE) && strpbrk(p->text[i], "0123456789"));
    for (int i = 0; numbers && i < p->n; i++)
        if ((p->kind[i] & IS_SIZE) && !strpbrk(p->text[i], "0123456789.")) p->kind[i] &= ~(unsigned)IS_SIZE;
}

/* The base name is what comes first; versions at its end are no part of it. */
static void find_base(parts *p) {
    bool start = true;
    for (int i = 0; i < p->n; i++) {
        if (start && ((!p->kind[i] && isalpha((unsigned char)p->text[i][0])) || (p->kind[i] & IS_VERSION))) p->kind[i] |= IS_BASE;
        else {
            start = false;
            if (!p->kind[i]) p->kind[i] = IS_TUNE;
        }
    }
    for (int i = p->n; i-- > 0 && (p->kind[i] & IS_BASE) && p->kind[i] != IS_BASE;) p->kind[i] &= ~(unsigned)IS_BASE;
}

static void join(const parts *p, unsigned kind, unsigned without, bool once, char *out, size_t cap) {
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < p->n; i++) {
        if (!(p->kind[i] & kind) || (p->kind[i] & without)) continue;
        bool seen = false;
        for (int k = 0; once && k < i; k++) seen = seen || ((p->kind[k] & kind) && strcmp(p->text[k], p->text[i]) == 0);
        if (!seen && n < cap) n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? "-" : "", p->text[i]);
    }
}

void model_name_split(const char *id, uint64_t parameters, model_name *out) {
    const char *slash = strchr(id, '/');
    parts p;
    *out = (model_name){ 0 };
    if (strchr(id, ' ')) slash = NULL;
    if (slash && *id != '.') snprintf(out->organization, sizeof out->organization, "%.*s", (int)(slash - id < 127 ? slash - id : 127), id);
    snprintf(out->full, sizeof out->full, "%s", slash ? slash + 1 : id);
    if (strchr(id, ' ')) return; /* a sentence, no name */
    split(out->full, &p);
    annotate(&p, parameters);
    drop_word_sizes(&p);
    find_base(&p);
    join(&p, IS_BASE, 0, false, out->base, sizeof out->base);
    join(&p, IS_SIZE, 0, true, out->size, sizeof out->size);
    join(&p, IS_TUNE, 0, false, out->tune, sizeof out->tune);
    join(&p, IS_VERSION, IS_BASE, false, out->version, sizeof out->version);
    if (!out->size[0] && !out->tune[0] && !out->version[0]) out->base[0] = 0; /* could be anything */
}

static bool is_lower(const char *s, size_t n) {
    bool some = false;
    for (size_t i = 0; i < n; i++) {
        if (isupper((unsigned char)s[i])) return false;
        some = some || islower((unsigned char)s[i]);
    }
    return some;
}

void model_name_title(const char *name, char *out, size_t cap) {
    size_t at = 0;
    while (*name && at + 2 < cap) {
        size_t n = strcspn(name, "- \t");
        char word[128] = "";
        if (n) memcpy(word, name, n < 127 ? n : 127);
        bool up = is_lower(word, strlen(word)) && !fits(word, "^(v[0-9]+([.][0-9]+)*|[0-9].*)$"), fresh = true;
        if (n && at) out[at++] = ' ';
        for (size_t i = 0; word[i] && at + 1 < cap; i++) {
            out[at++] = up && fresh ? (char)toupper((unsigned char)word[i]) : word[i];
            fresh = !isalpha((unsigned char)word[i]);
        }
        name += n + (name[n] != 0);
    }
    out[at] = 0;
}

static void rounded(double v, char *out, size_t cap) {
    static const char units[] = "KMBT";
    int u = v > 1e12 ? 3 : v > 1e9 ? 2 : v > 1e6 ? 1 : 0;
    double scaled = v / pow(1000, u + 1);
    char whole[32];
    snprintf(whole, sizeof whole, "%.0f", scaled);
    int digits = strcmp(whole, "0") == 0 ? 0 : (int)strlen(whole);
    snprintf(out, cap, "%.*f%c", digits < 2 ? 2 - digits : 0, scaled, units[u]);
}

void model_size_label(uint64_t shared, uint64_t expert, uint32_t experts, char *out, size_t cap) {
    char size[64];
    rounded((double)shared + (double)expert, size, sizeof size);
    if (experts) snprintf(out, cap, "%ux%s", experts, size);
    else snprintf(out, cap, "%s", size);
}
