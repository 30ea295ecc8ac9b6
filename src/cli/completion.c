/* pingti completion: a script for a shell. */
#include "cli/completion.h"
#include "cli/common_options.h"
#include "cli/out.h"
#include <string.h>

static const struct {
    const char *shell;
    void (*write)(buf *out);
} shells[] = { { "bash", completion_bash }, { "zsh", completion_zsh }, { "fish", completion_fish } };

static int run(const void *options, opt_state *s) {
    (void)options;
    const char *name = opt_arg(s, 0);
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].shell, name) != 0) continue;
        buf b = { 0 };
        shells[i].write(&b);
        out_write(buf_str(&b), b.len);
        buf_free(&b);
        return out_status();
    }
    err e = { 0 };
    err_set(&e, ERR_USAGE, "there is no completion for this shell");
    err_expected(&e, "bash, zsh or fish");
    err_got(&e, "'%s'", name);
    return cli_fail(&e);
}

const command command_completion = {
    { "completion", "completion bash|zsh|fish",
      "Prints a script that completes pingti's commands, options, choices and files in a shell. Packages and `cmake --install` put it where "
      "the shell finds it; without them, one of the lines below, in the shell's own start-up file.",
      "  source <(pingti completion bash)       # ~/.bashrc\n"
      "  source <(pingti completion zsh)        # ~/.zshrc, after compinit\n"
      "  pingti completion fish | source        # ~/.config/fish/config.fish\n",
      NULL, 0, 1, 1 },
    0, run,
};
