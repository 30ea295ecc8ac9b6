/* What every subcommand is: a row of commands.def and this descriptor. A command gets its options as a filled struct of its
 * own and returns the process's exit status. */
#ifndef PINGTI_CLI_CLI_H
#define PINGTI_CLI_CLI_H
#include "base/opt.h"

enum { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_WRONG_USE = 2, EXIT_INTERRUPTED = 130, EXIT_PIPE = 141 };

typedef struct command {
    opt_spec spec;
    size_t options_size; /* of the struct that the parts fill */
    int (*run)(const void *options, opt_state *state);
} command;

#define COMMAND(name, summary) extern const command command_##name;
#include "cli/commands.def"
#undef COMMAND

/* In order of commands.def. */
size_t cli_n_commands(void);
const command *cli_command(size_t i, const char **summary);
bool cli_option_known(const char *name); /* some command has it */

/* The config file in effect: $PINGTI_CONFIG, else $XDG_CONFIG_HOME or ~/.config + /pingti/config. free(); NULL: no home. */
char *cli_config_path(void);
/* A directory of ours under an XDG base: "XDG_STATE_HOME", ".local/state" -> ".../pingti". free(); NULL: no home. */
char *cli_xdg_dir(const char *variable, const char *under_home);

/* Prints the error for a person to standard error; the exit status that fits it. */
int cli_fail(const err *e);
#endif
