/* Options as data. A table of rows says for each option its name, kind, place in a struct, default, bounds and help; the
 * same rows give the parser, the environment names, the config file, --help, man pages and shell completion. Values come from,
 * each over the one before: defaults < config file < environment (PINGTI_<NAME>) < command line.
 * Tables and specs are constant; an opt_state belongs to whoever made it and owns the text that values point to. */
#ifndef PINGTI_BASE_OPT_H
#define PINGTI_BASE_OPT_H
#include "base/buf.h"
#include "base/err.h"
#include <stdint.h>

typedef enum opt_kind {
    OPT_FLAG,   /* bool; --name, --no-name */
    OPT_INT,    /* int64_t */
    OPT_REAL,   /* double */
    OPT_SIZE,   /* uint64_t; k, M, G, T multiply by powers of 1024 */
    OPT_TEXT,   /* const char * */
    OPT_CHOICE, /* int: position in `choices` */
    OPT_LIST,   /* opt_list: may be given several times */
} opt_kind;

typedef struct opt_list {
    const char **items;
    size_t n;
} opt_list;

typedef struct opt_row {
    const char *name;     /* long name, without dashes */
    char letter;          /* 0: none */
    opt_kind kind;
    size_t offset;        /* of the value in the table's struct */
    const char *value;    /* default as text; NULL: zero, "not given" */
    const char *metavar;  /* "N", "FILE"; NULL for flags */
    const char *choices;  /* "f16|q8_0|f32"; of a TEXT: its value when the option stands alone (--name or --name=TEXT) */
    double min, max;      /* of INT, REAL and SIZE when min < max */
    const char *help;
} opt_row;

typedef struct opt_table {
    const char *title;    /* group in --help */
    const opt_row *rows;
    size_t n;
} opt_table;

typedef struct opt_part {
    const opt_table *table;
    size_t offset;        /* of the table's struct in the command's struct */
} opt_part;

/* All that a command takes. */
typedef struct opt_spec {
    const char *name;     /* "run"; also its section of the config file */
    const char *usage;    /* "run -m MODEL [options] [PROMPT]" */
    const char *about;    /* a paragraph that teaches */
    const char *examples; /* lines, or NULL */
    const opt_part *parts;
    size_t n_parts;
    size_t min_args, max_args; /* arguments that are not options; max SIZE_MAX: any number */
} opt_spec;

typedef enum opt_source { OPT_FROM_DEFAULT, OPT_FROM_CONFIG, OPT_FROM_ENV, OPT_FROM_ARGS } opt_source;

typedef struct opt_state opt_state;

/* values: the command's struct, zeroed; defaults are put in. The state borrows spec, values, argv and the environment. */
opt_state *opt_new(const opt_spec *spec, void *values);
void opt_free(opt_state *s);

/* A config file: `name = value` lines, # comments, [command] sections. Before the first section a name of another command
 * is skipped (known: whether any command has it); an unknown one is an error with its line. */
bool opt_read_config(opt_state *s, const char *text, size_t n, const char *path, bool (*known)(const char *name), err *e);
bool opt_read_env(opt_state *s, const char *(*get)(const char *name), err *e); /* NULL: getenv */
bool opt_read_args(opt_state *s, int argc, char **argv, err *e);               /* without program and command name */

/* One option later on, as if it came last on the command line ("/set temp 0.2"). */
bool opt_set(opt_state *s, const char *name, const char *value, err *e);

const char *opt_keep(opt_state *s, const char *text); /* a copy that lives as long as the values do */

bool opt_help_wanted(const opt_state *s);             /* --help or -h was among the arguments */
/* The value as it would be typed, "" when not given and without default. */
void opt_show(const opt_state *s, const char *name, buf *out);
opt_source opt_source_of(const opt_state *s, const char *name);
static inline bool opt_given(const opt_state *s, const char *name) { return opt_source_of(s, name) != OPT_FROM_DEFAULT; }
/* An option that does nothing without another one. */
typedef struct opt_need {
    const char *name, *needs;
    const char *why; /* a sentence for whoever gave the first alone */
} opt_need;
/* Refuses what was typed on the command line and could do nothing; what a config file says for all runs may rest. */
bool opt_check_needs(const opt_state *s, const opt_need *needs, size_t n, err *e);
size_t opt_n_args(const opt_state *s);
const char *opt_arg(const opt_state *s, size_t i);

const opt_row *opt_find(const opt_spec *spec, const char *name, size_t len);
const opt_row *opt_row_at(const opt_spec *spec, size_t i); /* over all tables; NULL after the last */
void opt_env_name(const char *name, char *out, size_t cap); /* "top-k" -> "PINGTI_TOP_K" */
void opt_help(const opt_spec *spec, bool colour, int width, buf *out);

/* One value as text, for options that hold more inside ("ID=BIAS"). */
bool opt_parse_int(const char *text, int64_t min, int64_t max, int64_t *out);
bool opt_parse_real(const char *text, double *out);
bool opt_parse_size(const char *text, uint64_t *out);
/* The candidate nearest to `word` by edits, or NULL when none is near. next(ctx, i) gives candidates until NULL. */
const char *opt_nearest(const char *word, const char *(*next)(const void *ctx, size_t i), const void *ctx);
#endif
