#include "base/opt.h"
#include "base/arena.h"
#include "base/mem.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { OPT_MAX_ROWS = 128 };

struct opt_state {
    const opt_spec *spec;
    char *values;
    arena *mem;
    opt_source source[OPT_MAX_ROWS]; /* by position over all parts */
    const char **args;
    size_t n_args;
    bool help;
};

/* ---- rows ---- */

typedef struct row_at {
    const opt_row *row;
    size_t index;  /* over all parts */
    size_t offset; /* of the value in the command's struct */
} row_at;

static bool row_by_index(const opt_spec *spec, size_t index, row_at *out) {
    size_t base = 0;
    for (size_t p = 0; p < spec->n_parts; base += spec->parts[p++].table->n) {
        const opt_table *t = spec->parts[p].table;
        if (index - base >= t->n) continue;
        *out = (row_at){ &t->rows[index - base], index, spec->parts[p].offset + t->rows[index - base].offset };
        return true;
    }
    return false;
}

static bool row_by_name(const opt_spec *spec, const char *name, size_t len, row_at *out) {
    for (size_t i = 0; row_by_index(spec, i, out); i++)
        if (strlen(out->row->name) == len && memcmp(out->row->name, name, len) == 0) return true;
    return false;
}

static bool row_by_letter(const opt_spec *spec, char letter, row_at *out) {
    for (size_t i = 0; row_by_index(spec, i, out); i++)
        if (out->row->letter == letter) return true;
    return false;
}

const opt_row *opt_find(const opt_spec *spec, const char *name, size_t len) {
    row_at at;
    return row_by_name(spec, name, len, &at) ? at.row : NULL;
}

const opt_row *opt_row_at(const opt_spec *spec, size_t i) {
    row_at at;
    return row_by_index(spec, i, &at) ? at.row : NULL;
}

void opt_env_name(const char *name, char *out, size_t cap) {
    snprintf(out, cap, "PINGTI_%s", name);
    for (char *p = out; *p; p++) *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
}

/* ---- suggestions ---- */

/* Edits from a to b (Levenshtein), both short; one row of the table at a time. */
static size_t edit_distance(const char *a, const char *b) {
    size_t row[64], n = strlen(b);
    if (n >= 64 || strlen(a) >= 64) return 64;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; *a; a++, i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = corner + (*a != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            corner = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

const char *opt_nearest(const char *word, const char *(*next)(const void *ctx, size_t i), const void *ctx) {
    size_t best = strlen(word) / 3 + 2;
    const char *found = NULL, *c;
    for (size_t i = 0; (c = next(ctx, i)); i++) {
        size_t d = edit_distance(word, c);
        if (strlen(word) >= 3 && strncmp(c, word, strlen(word)) == 0) d = 1; /* the beginning of a longer name */
        if (d >= best) continue;
        best = d;
        found = c;
    }
    return found;
}

static const char *next_name(const void *ctx, size_t i) {
    const opt_row *r = opt_row_at(ctx, i);
    return r ? r->name : NULL;
}

static bool unknown(const opt_state *s, const char *shown, const char *name, err *e) {
    const char *near = opt_nearest(name, next_name, s->spec);
    err_set(e, ERR_USAGE, "'%s' has no option %s", s->spec->name, shown);
    if (near) return err_hint(e, "did you mean --%s? `pingti %s --help` lists all", near, s->spec->name);
    return err_hint(e, "`pingti %s --help` lists all options", s->spec->name);
}

/* ---- one value ---- */

bool opt_parse_int(const char *text, int64_t min, int64_t max, int64_t *out) {
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end || errno || isspace((unsigned char)*text) || v < min || v > max) return false;
    *out = v;
    return true;
}

bool opt_parse_real(const char *text, double *out) {
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v) || isspace((unsigned char)*text)) return false;
    *out = v;
    return true;
}

bool opt_parse_size(const char *text, uint64_t *out) {
    static const char units[] = "kMGT";
    char *end;
    double v = strtod(text, &end);
    if (end == text || !(v >= 0) || !isdigit((unsigned char)*text)) return false;
    double unit = 1;
    if (*end) {
        const char *u = strchr(units, *end == 'K' ? 'k' : *end == 'm' || *end == 'g' || *end == 't' ? toupper(*end) : *end);
        if (!u) return false;
        for (end++; u >= units; u--) unit *= 1024;
        if (strcmp(end, "iB") == 0 || strcmp(end, "B") == 0) end = (char *)"";
    }
    v *= unit;
    if (*end || v >= 9e18 || v != floor(v)) return false;
    *out = (uint64_t)v;
    return true;
}

static bool parse_flag(const char *text, bool *out) {
    static const char *const words[] = { "0", "1", "false", "true", "no", "yes", "off", "on" };
    for (size_t i = 0; i < 8; i++)
        if (strcmp(text, words[i]) == 0) return *out = i % 2, true;
    return false;
}

static bool parse_choice(const char *text, const char *choices, int *out) {
    size_t n = strlen(text);
    for (int i = 0; choices; i++) {
        const char *bar = strchr(choices, '|');
        size_t len = bar ? (size_t)(bar - choices) : strlen(choices);
        if (len == n && memcmp(choices, text, n) == 0) return *out = i, true;
        choices = bar ? bar + 1 : NULL;
    }
    return false;
}

static void list_put(opt_state *s, opt_list *l, const char *text, bool fresh) {
    const char **grown = arena_must(s->mem, l->n + 1, sizeof *grown);
    if (fresh) l->n = 0;
    if (l->n) memcpy(grown, l->items, l->n * sizeof *grown);
    grown[l->n++] = text;
    l->items = grown;
}

static bool in_bounds(const opt_row *r, double v) { return !(r->min < r->max) || (v >= r->min && v <= r->max); }

static void describe(const opt_row *r, char *out, size_t cap) {
    static const char *const kinds[] = { "yes or no", "a whole number", "a number", "a size such as 4096, 8k or 2G", "text", "", "text" };
    if (r->kind == OPT_CHOICE) snprintf(out, cap, "one of %s", r->choices);
    else if (r->min < r->max && r->kind == OPT_SIZE && r->max >= 1e15) snprintf(out, cap, "%s, at least %.6g", kinds[r->kind], r->min);
    else if (r->min < r->max) snprintf(out, cap, "%s from %.6g to %.15g", kinds[r->kind], r->min, r->max);
    else snprintf(out, cap, "%s", kinds[r->kind]);
}

static bool parse_number(const opt_row *r, const char *text, void *to) {
    int64_t i;
    double d;
    uint64_t u;
    if (r->kind == OPT_INT) {
        if (!opt_parse_int(text, INT64_MIN, INT64_MAX, &i) || !in_bounds(r, (double)i)) return false;
        memcpy(to, &i, sizeof i);
    } else if (r->kind == OPT_REAL) {
        if (!opt_parse_real(text, &d) || !in_bounds(r, d)) return false;
        memcpy(to, &d, sizeof d);
    } else {
        if (!opt_parse_size(text, &u) || !in_bounds(r, (double)u)) return false;
        memcpy(to, &u, sizeof u);
    }
    return true;
}

/* Puts one value; a list from a stronger source replaces what weaker ones gave. */
static bool put_value(opt_state *s, row_at at, const char *text, opt_source from, const char *where, err *e) {
    void *to = s->values + at.offset;
    bool ok = true;
    switch (at.row->kind) {
    case OPT_FLAG: ok = parse_flag(text, to); break;
    case OPT_CHOICE: ok = parse_choice(text, at.row->choices, to); break;
    case OPT_TEXT: *(const char **)to = text; break;
    case OPT_LIST: list_put(s, to, text, s->source[at.index] != from); break;
    default: ok = parse_number(at.row, text, to);
    }
    if (ok) return s->source[at.index] = from, true;
    char expected[160];
    describe(at.row, expected, sizeof expected);
    return err_set(e, ERR_USAGE, "--%s does not take this value", at.row->name) || err_where(e, "%s", where) ||
           err_expected(e, "%s", expected) || err_got(e, "'%s'", text);
}

opt_state *opt_new(const opt_spec *spec, void *values) {
    opt_state *s = mem_must(1, sizeof *s);
    s->spec = spec;
    s->values = values;
    s->mem = arena_new(0);
    row_at at;
    for (size_t i = 0; row_by_index(spec, i, &at); i++) {
        err e = { 0 };
        bool fits = i < OPT_MAX_ROWS && (!at.row->value || put_value(s, at, at.row->value, OPT_FROM_DEFAULT, "", &e));
        if (!fits) {
            fprintf(stderr, "pingti: the default of --%s is not a value of its kind\n", at.row->name);
            abort();
        }
    }
    return s;
}

void opt_free(opt_state *s) {
    if (!s) return;
    arena_free(s->mem);
    free(s);
}

const char *opt_keep(opt_state *s, const char *text) { return arena_must_copy(s->mem, text, strlen(text)); }

bool opt_help_wanted(const opt_state *s) { return s->help; }
size_t opt_n_args(const opt_state *s) { return s->n_args; }
const char *opt_arg(const opt_state *s, size_t i) { return i < s->n_args ? s->args[i] : NULL; }

opt_source opt_source_of(const opt_state *s, const char *name) {
    row_at at;
    return row_by_name(s->spec, name, strlen(name), &at) ? s->source[at.index] : OPT_FROM_DEFAULT;
}

/* ---- environment ---- */

bool opt_read_env(opt_state *s, const char *(*get)(const char *name), err *e) {
    row_at at;
    for (size_t i = 0; row_by_index(s->spec, i, &at); i++) {
        char name[80];
        opt_env_name(at.row->name, name, sizeof name);
        const char *text = get ? get(name) : getenv(name);
        if (text && !put_value(s, at, text, OPT_FROM_ENV, name, e)) return false;
    }
    return true;
}

/* ---- config file ---- */

typedef struct config_line {
    const char *name, *value;
    size_t name_len, value_len;
} config_line;

static const char *trim(const char *s, size_t *n) {
    while (*n && isspace((unsigned char)s[0])) s++, --*n;
    while (*n && isspace((unsigned char)s[*n - 1])) --*n;
    return s;
}

static bool split_line(const char *s, size_t n, config_line *l) {
    const char *eq = memchr(s, '=', n);
    if (!eq) return false;
    l->name_len = (size_t)(eq - s);
    l->value_len = n - l->name_len - 1;
    l->name = trim(s, &l->name_len);
    l->value = trim(eq + 1, &l->value_len);
    const char *v = l->value;
    if (l->value_len >= 2 && v[0] == '"' && v[l->value_len - 1] == '"') l->value++, l->value_len -= 2;
    return l->name_len > 0;
}

static bool config_put(opt_state *s, const config_line *l, bool own, const char *where, bool (*known)(const char *), err *e) {
    char *name = arena_must_copy(s->mem, l->name, l->name_len), *value = arena_must_copy(s->mem, l->value, l->value_len);
    row_at at;
    if (row_by_name(s->spec, name, l->name_len, &at)) return put_value(s, at, value, OPT_FROM_CONFIG, where, e);
    if (!own && known && known(name)) return true;
    return unknown(s, name, name, e) || err_where(e, "%s", where);
}

/* The section [name] a line opens: 1 this command's, 0 another's, -1 not a section line. */
static int config_section(const opt_state *s, const char *line, size_t n) {
    if (n < 2 || line[0] != '[' || line[n - 1] != ']') return -1;
    return strlen(s->spec->name) == n - 2 && memcmp(line + 1, s->spec->name, n - 2) == 0;
}

/* What every command shares, then (second pass) what its own section says: the section wins wherever it stands. */
static bool config_pass(opt_state *s, const char *text, size_t n, const char *path, bool own, bool (*known)(const char *), err *e) {
    int section = -1;
    const char *end = text + n;
    for (unsigned number = 1; text < end; number++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t len = (size_t)((stop ? stop : end) - text);
        const char *line = trim(text, &len);
        text = stop ? stop + 1 : end;
        if (!len || *line == '#') continue;
        if (*line == '[') {
            section = config_section(s, line, len);
            if (section >= 0) continue;
        } else if (own != (section == 1) || section == 0) continue;
        char where[300];
        snprintf(where, sizeof where, "%s, line %u", path, number);
        config_line l;
        if (!split_line(line, len, &l))
            return err_set(e, ERR_USAGE, "the config file has a line that is not 'name = value'") || err_where(e, "%s", where) ||
                   err_expected(e, "name = value, [command] or # a comment") || err_got(e, "%.*s", (int)(len < 80 ? len : 80), line);
        if (!config_put(s, &l, own, where, known, e)) return false;
    }
    return true;
}

bool opt_read_config(opt_state *s, const char *text, size_t n, const char *path, bool (*known)(const char *name), err *e) {
    return config_pass(s, text, n, path, false, known, e) && config_pass(s, text, n, path, true, known, e);
}

/* ---- command line ---- */

typedef struct arg_walk {
    int argc, i;
    char **argv;
} arg_walk;

static bool needs_value(const opt_row *r, err *e) {
    char expected[160];
    describe(r, expected, sizeof expected);
    return err_set(e, ERR_USAGE, "--%s needs a value", r->name) || err_expected(e, "%s", expected) ||
           err_got(e, "the end of the command line");
}

/* The option's value: after '=' or glued to the letter, else what it means alone, else the next argument. */
static bool take_value(opt_state *s, row_at at, const char *glued, arg_walk *w, err *e) {
    if (!glued && at.row->kind == OPT_TEXT && at.row->choices) return put_value(s, at, at.row->choices, OPT_FROM_ARGS, "command line", e);
    if (!glued && w->i + 1 >= w->argc) return needs_value(at.row, e);
    return put_value(s, at, glued ? glued : w->argv[++w->i], OPT_FROM_ARGS, "command line", e);
}

static bool long_option(opt_state *s, const char *arg, arg_walk *w, err *e) {
    const char *name = arg + 2, *eq = strchr(name, '=');
    size_t len = eq ? (size_t)(eq - name) : strlen(name);
    row_at at;
    if (len == 4 && memcmp(name, "help", 4) == 0) return s->help = true;
    if (row_by_name(s->spec, name, len, &at)) {
        if (at.row->kind != OPT_FLAG) return take_value(s, at, eq ? eq + 1 : NULL, w, e);
        return put_value(s, at, eq ? eq + 1 : "on", OPT_FROM_ARGS, "command line", e);
    }
    bool negated = len > 3 && memcmp(name, "no-", 3) == 0 && row_by_name(s->spec, name + 3, len - 3, &at);
    if (negated && at.row->kind == OPT_FLAG && !eq) return put_value(s, at, "off", OPT_FROM_ARGS, "command line", e);
    char shown[80];
    snprintf(shown, sizeof shown, "%.*s", (int)(len < 70 ? len : 70), name);
    char dashed[84];
    snprintf(dashed, sizeof dashed, "--%s", shown);
    return unknown(s, dashed, shown, e);
}

static bool short_options(opt_state *s, const char *arg, arg_walk *w, err *e) {
    for (const char *p = arg + 1; *p; p++) {
        row_at at;
        if (*p == 'h' && !row_by_letter(s->spec, 'h', &at)) {
            s->help = true;
            continue;
        }
        if (!row_by_letter(s->spec, *p, &at)) {
            char shown[8] = { '-', *p, 0 };
            return unknown(s, (unsigned char)*p < 0x80 ? shown : arg, arg + 1, e) ||
                   (err_hint(e, "an argument that begins with '-' goes after --; `pingti %s --help` lists all options", s->spec->name));
        }
        if (at.row->kind != OPT_FLAG) {
            const char *glued = p[1] == '=' ? p + 2 : p[1] ? p + 1 : NULL;
            return take_value(s, at, glued, w, e);
        }
        if (!put_value(s, at, "on", OPT_FROM_ARGS, "command line", e)) return false;
    }
    return true;
}

bool opt_read_args(opt_state *s, int argc, char **argv, err *e) {
    arg_walk w = { argc, 0, argv };
    s->args = arena_must(s->mem, (size_t)argc + 1, sizeof *s->args);
    bool only_args = false;
    for (; w.i < argc; w.i++) {
        const char *a = argv[w.i];
        if (only_args || a[0] != '-' || a[1] == 0) s->args[s->n_args++] = a;
        else if (strcmp(a, "--") == 0) only_args = true;
        else if (!(a[1] == '-' ? long_option(s, a, &w, e) : short_options(s, a, &w, e))) return false;
        if (s->help) return true;
    }
    if (s->n_args > s->spec->max_args)
        return err_set(e, ERR_USAGE, "'%s' does not know what to do with '%s'", s->spec->name, s->args[s->spec->max_args]) ||
               err_expected(e, "pingti %s", s->spec->usage) ||
               err_hint(e, s->spec->max_args ? "quote an argument that has spaces" : "what it works on is said by options: see the line above");
    if (s->n_args < s->spec->min_args)
        return err_set(e, ERR_USAGE, "'%s' lacks an argument", s->spec->name) || err_expected(e, "pingti %s", s->spec->usage);
    return true;
}

bool opt_set(opt_state *s, const char *name, const char *value, err *e) {
    row_at at;
    if (!row_by_name(s->spec, name, strlen(name), &at)) return unknown(s, name, name, e);
    return put_value(s, at, arena_must_copy(s->mem, value, strlen(value)), OPT_FROM_ARGS, "here", e);
}

static void show_choice(const opt_row *r, int chosen, buf *out) {
    const char *p = r->choices;
    while (chosen-- > 0 && strchr(p, '|')) p = strchr(p, '|') + 1;
    buf_put(out, p, strcspn(p, "|"));
}

void opt_show(const opt_state *s, const char *name, buf *out) {
    row_at at;
    if (!row_by_name(s->spec, name, strlen(name), &at) || (s->source[at.index] == OPT_FROM_DEFAULT && !at.row->value)) return;
    const void *v = s->values + at.offset;
    const opt_list *list = v;
    switch (at.row->kind) {
    case OPT_FLAG: buf_puts(out, *(const bool *)v ? "on" : "off"); break;
    case OPT_INT: buf_printf(out, "%lld", (long long)*(const int64_t *)v); break;
    case OPT_REAL: buf_printf(out, "%g", *(const double *)v); break;
    case OPT_SIZE: buf_printf(out, "%llu", (unsigned long long)*(const uint64_t *)v); break;
    case OPT_TEXT: buf_puts(out, *(const char *const *)v ? *(const char *const *)v : ""); break;
    case OPT_CHOICE: show_choice(at.row, *(const int *)v, out); break;
    case OPT_LIST:
        for (size_t i = 0; i < list->n; i++) buf_printf(out, "%s\"%s\"", i ? " " : "", list->items[i]);
    }
}

/* Whether an option asks for something: neither absent nor off. */
static bool is_on(const opt_state *s, const char *name) {
    buf shown = { 0 };
    opt_show(s, name, &shown);
    bool on = shown.len && strcmp(buf_str(&shown), "off") != 0 && strcmp(buf_str(&shown), "0") != 0;
    buf_free(&shown);
    return on;
}

bool opt_check_needs(const opt_state *s, const opt_need *needs, size_t n, err *e) {
    for (size_t i = 0; i < n; i++) {
        buf own = { 0 };
        opt_show(s, needs[i].name, &own);
        bool typed = opt_source_of(s, needs[i].name) == OPT_FROM_ARGS && strcmp(buf_str(&own), "off") != 0;
        buf_free(&own);
        if (typed && !is_on(s, needs[i].needs)) return err_set(e, ERR_USAGE, "--%s does nothing without --%s", needs[i].name, needs[i].needs) || err_hint(e, "%s", needs[i].why);
    }
    return true;
}

/* ---- help ---- */

/* Words of `text` at `indent`, wrapped; the cursor stands at column `at`. */
static void put_wrapped(buf *out, const char *text, int indent, int at, int width) {
    bool space = false;
    while (*text) {
        size_t n = strcspn(text, " \n");
        if (at > indent && at + (int)n + space > width) {
            buf_printf(out, "\n%*s", indent, "");
            at = indent;
        } else if (space) {
            buf_putc(out, ' ');
            at++;
        }
        buf_put(out, text, n);
        at += (int)n;
        text += n;
        if ((space = *text == ' ')) text++;
        if (*text != '\n') continue;
        buf_printf(out, "\n%*s", text[1] ? indent : 0, "");
        at = indent;
        space = false;
        text++;
    }
}

static void help_row(const opt_row *r, int width, buf *out) {
    char left[96], env[80], tail[200];
    const char *shown = r->kind == OPT_CHOICE && !r->metavar ? r->choices : r->metavar;
    bool alone = r->kind == OPT_TEXT && r->choices; /* its value may be left out */
    snprintf(left, sizeof left, "  %c%c%s --%s%s%s%s", r->letter ? '-' : ' ', r->letter ? r->letter : ' ', r->letter ? "," : " ",
             r->name, alone ? "[=" : shown ? " " : "", shown ? shown : "", alone ? "]" : "");
    opt_env_name(r->name, env, sizeof env);
    bool has_default = r->value && strcmp(r->value, "off") != 0;
    snprintf(tail, sizeof tail, " [%s%s%s%s]", has_default ? "default " : "", has_default ? r->value : "", has_default ? "; " : "", env);
    int column = 30, at = (int)strlen(left);
    buf_puts(out, left);
    if (at >= column - 1) buf_printf(out, "\n%*s", column, "");
    else buf_printf(out, "%*s", column - at, "");
    buf b = { 0 };
    buf_printf(&b, "%s%s", r->help, tail);
    put_wrapped(out, buf_str(&b), column, column, width);
    buf_putc(out, '\n');
    buf_free(&b);
}

void opt_help(const opt_spec *spec, bool colour, int width, buf *out) {
    const char *bold = colour ? "\x1b[1m" : "", *plain = colour ? "\x1b[0m" : "";
    buf_printf(out, "%sUsage:%s pingti %s\n\n", bold, plain, spec->usage);
    put_wrapped(out, spec->about, 0, 0, width);
    buf_putc(out, '\n');
    if (spec->examples) buf_printf(out, "\n%sExamples%s\n%s", bold, plain, spec->examples);
    for (size_t p = 0; p < spec->n_parts; p++) {
        const opt_table *t = spec->parts[p].table;
        buf_printf(out, "\n%s%s%s\n", bold, t->title, plain);
        for (size_t i = 0; i < t->n; i++) help_row(&t->rows[i], width, out);
    }
    buf_printf(out, "\n%sElsewhere%s\n", bold, plain);
    buf_puts(out, "  ");
    put_wrapped(out,
                "Every option can also stand in the environment (the name in brackets) or, as `name = value`, in the config file "
                "(~/.config/pingti/config; PINGTI_CONFIG names another). The command line wins over the environment, and that over the config file.",
                2, 2, width);
    buf_putc(out, '\n');
}
