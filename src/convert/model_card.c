#include "convert/model_card.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <string.h>

enum { MAX_CARD = 4 << 20, MAX_ENTRIES = 256, MAX_ITEMS = 4096 };

static void trim(const char **s, size_t *n) {
    while (*n && (**s == ' ' || **s == '\t')) ++*s, --*n;
    while (*n && ((*s)[*n - 1] == ' ' || (*s)[*n - 1] == '\t' || (*s)[*n - 1] == '\r')) --*n;
}

/* One scalar: quotes go, and a comment after a blank. */
static void add_item(card_entry *e, const char *s, size_t n) {
    trim(&s, &n);
    if (n >= 2 && (*s == '"' || *s == '\'') && s[n - 1] == *s) s++, n -= 2;
    else
        for (size_t i = 1; i < n; i++)
            if (s[i] == '#' && s[i - 1] == ' ') {
                n = i;
                trim(&s, &n);
            }
    if (!n || e->n == MAX_ITEMS || !utf8_valid(s, n) || memchr(s, 0, n)) return;
    e->items = mem_must_grow(e->items, e->n + 1, sizeof *e->items);
    e->items[e->n++] = mem_must_copy(s, n);
}

/* "[a, b]" */
static void add_flow(card_entry *e, const char *s, size_t n) {
    for (size_t from = 0, i = 0; i <= n; i++)
        if (i == n || s[i] == ',') {
            add_item(e, s + from, i - from);
            from = i + 1;
        }
}

static card_entry *add_entry(model_card *c, const char *key, size_t n) {
    c->entries = mem_must_grow(c->entries, c->n + 1, sizeof *c->entries);
    c->entries[c->n] = (card_entry){ .key = mem_must_copy(key, n) };
    return &c->entries[c->n++];
}

/* "key: value", "key:" with a list below, or an item of that list. */
static card_entry *take_line(model_card *c, card_entry *open, const char *s, size_t n) {
    bool indented = n && (*s == ' ' || *s == '\t');
    const char *line = s;
    trim(&s, &n);
    if (!n || *s == '#') return open;
    if (*s == '-' && (n == 1 || s[1] == ' ')) {
        const char *colon = memchr(s, ':', n);
        bool nested = colon && (size_t)(colon + 1 - s) < n && colon[1] == ' '; /* an item that is a mapping */
        if (open && !nested) add_item(open, s + 1, n - 1);
        return open;
    }
    const char *colon = memchr(s, ':', n);
    if (indented || line != s || !colon || c->n == MAX_ENTRIES) return open;
    card_entry *e = add_entry(c, s, (size_t)(colon - s));
    const char *value = colon + 1;
    size_t left = n - (size_t)(value - s);
    trim(&value, &left);
    if (left >= 2 && *value == '[' && value[left - 1] == ']') add_flow(e, value + 1, left - 2);
    else if (left && *value != '|' && *value != '>' && *value != '{') add_item(e, value, left);
    return e;
}

void model_card_parse(model_card *c, const char *text, size_t n) {
    card_entry *open = NULL;
    bool inside = false;
    *c = (model_card){ 0 };
    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t len = end ? (size_t)(end - (text + at)) : n - at;
        bool fence = len >= 3 && memcmp(text + at, "---", 3) == 0 && (len == 3 || (len == 4 && text[at + 3] == '\r'));
        if (!inside && !fence) return; /* no front matter */
        if (inside && fence) return;
        if (inside) open = take_line(c, open, text + at, len);
        inside = true;
        at += len + 1;
    }
}

void model_card_read(model_card *c, const char *dir) {
    char *path = file_join(dir, "README.md");
    size_t n = 0;
    char *text = file_exists(path) ? file_read(path, MAX_CARD, &n, NULL) : NULL;
    *c = (model_card){ 0 };
    if (text) model_card_parse(c, text, n);
    free(text);
    free(path);
}

void model_card_free(model_card *c) {
    for (size_t i = 0; i < c->n; i++) {
        for (size_t k = 0; k < c->entries[i].n; k++) free(c->entries[i].items[k]);
        free(c->entries[i].items);
        free(c->entries[i].key);
    }
    free(c->entries);
    *c = (model_card){ 0 };
}

const card_entry *model_card_find(const model_card *c, const char *key) {
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->entries[i].key, key) == 0) return &c->entries[i];
    return NULL;
}

const char *model_card_text(const model_card *c, const char *key) {
    const card_entry *e = model_card_find(c, key);
    return e && e->n ? e->items[0] : NULL;
}
