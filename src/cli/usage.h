/* What may stand at a place of a command line, for completion and man pages: read from the option tables and from usage lines, so that a
 * new command or option has both by itself. Pure functions. */
#ifndef PINGTI_CLI_USAGE_H
#define PINGTI_CLI_USAGE_H
#include "base/opt.h"

typedef enum usage_kind {
    USAGE_NOTHING, /* no value: a flag, a command without arguments */
    USAGE_TEXT,    /* a value that cannot be foreseen */
    USAGE_FILE, USAGE_DIR,
    USAGE_MODEL,   /* a file, a folder, or the name of a pulled model */
    USAGE_PULLED,  /* the name of a pulled model, or another one */
    USAGE_COMMAND, /* the name of a command of pingti */
    USAGE_WORDS,   /* one of `words` */
} usage_kind;

typedef struct usage_place {
    usage_kind kind;
    char words[256]; /* with blanks between them */
    bool optional;   /* of an option: given after '=' or not at all */
} usage_place;

/* What the option takes: its choices, or what its metavar says (FILE, PATH, DIR, MODEL; else a text). */
usage_place usage_value(const opt_row *r);
/* What arguments the usage line names beside options. Words in small letters are words to choose from: "completion bash|zsh|fish",
 * "models list | rm NAME"; FILE, DIR, MODEL, COMMAND, NAME (of a model) and the like say what they are. first: the first argument, else a later one. */
usage_place usage_argument(const opt_spec *s, bool first);
/* A flag that is not itself a negation can be turned off by --no-NAME. */
bool usage_negatable(const opt_row *r);
/* The help up to its first semicolon, colon or full stop: what a list of candidates has room for. */
size_t usage_short_help(const char *help);
#endif
