/* pingti COMMAND [options]: finds the command, gathers its options from everywhere, runs it. */
#include "cli/cli.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/common_options.h"
#include "cli/interrupt.h"
#include "cli/out.h"
#include "cli/term.h"
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CONFIG_LIMIT = 1 << 20, STACK_TAKEN = 512 << 10 };

static const struct {
    const command *command;
    const char *summary;
} commands[] = {
#define COMMAND(name, summary) { &command_##name, summary },
#include "cli/commands.def"
#undef COMMAND
};

size_t cli_n_commands(void) { return sizeof commands / sizeof *commands; }

const command *cli_command(size_t i, const char **summary) {
    if (summary) *summary = commands[i].summary;
    return commands[i].command;
}

bool cli_option_known(const char *name) {
    for (size_t i = 0; i < cli_n_commands(); i++)
        if (opt_find(&commands[i].command->spec, name, strlen(name))) return true;
    return false;
}

int cli_fail(const err *e) {
    char text[2048];
    err_format(e, text, sizeof text);
    const char *red = term_colour(2) ? "\x1b[31m" : "", *plain = term_colour(2) ? "\x1b[0m" : "";
    fprintf(stderr, "%spingti: error:%s %s\n", red, plain, text);
    return e->code == ERR_USAGE ? EXIT_WRONG_USE : e->code == ERR_CANCELLED ? EXIT_INTERRUPTED : EXIT_ERROR;
}

char *cli_xdg_dir(const char *variable, const char *under_home) {
    const char *base = getenv(variable), *home = getenv("HOME");
    if (base && *base == '/') return file_join(base, "pingti");
    if (!home || !*home) return NULL;
    char *dir = file_join(home, under_home), *ours = file_join(dir, "pingti");
    free(dir);
    return ours;
}

char *cli_config_path(void) {
    const char *given = getenv("PINGTI_CONFIG");
    if (given) return mem_must_copy(given, strlen(given));
    char *dir = cli_xdg_dir("XDG_CONFIG_HOME", ".config");
    char *path = dir ? file_join(dir, "config") : NULL;
    free(dir);
    return path;
}

/* A config file that was named must exist; the usual one may be absent. PINGTI_CONFIG= (empty) turns it off. */
static bool read_config(opt_state *s, err *e) {
    char *path = cli_config_path();
    size_t n = 0;
    bool named = getenv("PINGTI_CONFIG") != NULL, ok = true;
    if (path && *path && (named || file_exists(path))) {
        char *text = file_read(path, CONFIG_LIMIT, &n, e);
        ok = text && opt_read_config(s, text, n, path, cli_option_known, e);
        if (!text) err_hint(e, named ? "PINGTI_CONFIG names this file; unset it to do without" : "make it readable, or remove it");
        /* values point into copies that the state owns */
        free(text);
    }
    free(path);
    return ok;
}

static const command *find_command(const char *name) {
    for (size_t i = 0; i < cli_n_commands(); i++)
        if (strcmp(commands[i].command->spec.name, name) == 0) return commands[i].command;
    return NULL;
}

static const char *next_command(const void *ctx, size_t i) {
    (void)ctx;
    return i < cli_n_commands() ? commands[i].command->spec.name : NULL;
}

static int unknown_command(const char *name) {
    err e = { 0 };
    const char *near = opt_nearest(name, next_command, NULL);
    err_set(&e, ERR_USAGE, "there is no command '%s'", name);
    if (near) err_hint(&e, "did you mean `pingti %s`? `pingti help` lists all", near);
    else err_hint(&e, "`pingti help` lists all commands");
    return cli_fail(&e);
}

static int print_buf(buf *b) {
    int status = out_write(buf_str(b), b->len) ? EXIT_OK : out_status();
    buf_free(b);
    return status;
}

static int print_command_help(const command *c) {
    buf b = { 0 };
    opt_help(&c->spec, term_colour(1), term_width(1), &b);
    return print_buf(&b);
}

static int print_help(void) {
    const char *bold = term_colour(1) ? "\x1b[1m" : "", *plain = term_colour(1) ? "\x1b[0m" : "";
    buf b = { 0 };
    buf_printf(&b, "pingti runs open language models exactly, on hardware you own.\n\n%sUsage:%s pingti COMMAND [options]\n\n", bold, plain);
    for (size_t i = 0; i < cli_n_commands(); i++)
        buf_printf(&b, "  %s%-12s%s%s\n", bold, commands[i].command->spec.name, plain, commands[i].summary);
    buf_puts(&b, "\nA first answer from a model (a .gguf file or a Hugging Face directory):\n\n"
                 "  pingti run -m model.gguf --chat \"Why is the sky blue?\"\n\n"
                 "`pingti COMMAND --help` explains a command; `pingti doctor` says what this machine can do;\n"
                 "`pingti --version` names the build. Texts go to standard output, all else to standard error.\n");
    return print_buf(&b);
}

static int print_version(void) {
    buf b = { 0 };
    buf_printf(&b, "pingti %s (kernels: %s)\n", PINGTI_VERSION, cpu_isa_name(cpu_chosen_isa()));
    return print_buf(&b);
}

/* A name that is none would compute with another instruction set than its author believes. */
static bool check_isa(const command *c, err *e) {
    const char *asked = getenv("PINGTI_ISA");
    cpu_isa wanted;
    if (!asked || !*asked || c == &command_doctor) return true; /* doctor says it among the rest */
    if (cpu_isa_from_name(asked, &wanted)) {
        if (!cpu_has_isa(wanted)) log_warn("PINGTI_ISA=%s: this processor has no such instructions; using %s", asked, cpu_isa_name(cpu_chosen_isa()));
        return true;
    }
    buf names = { 0 };
    for (int i = 0; i < CPU_ISA_COUNT; i++) buf_printf(&names, "%s%s", i ? ", " : "", cpu_isa_name((cpu_isa)i));
    err_set(e, ERR_USAGE, "PINGTI_ISA names no instruction set");
    err_expected(e, "%s", buf_str(&names));
    err_got(e, "'%.60s'", asked);
    buf_free(&names);
    return err_hint(e, "unset it for the best that this processor has: %s", cpu_isa_name(cpu_best_isa()));
}

static int run_command(const command *c, int argc, char **argv) {
    err e = { 0 };
    void *options = mem_must(1, c->options_size);
    opt_state *s = opt_new(&c->spec, options);
    int status;
    /* --help works whatever the config file says */
    bool read = opt_read_args(s, argc, argv, &e);
    if (opt_help_wanted(s)) {
        status = print_command_help(c);
    } else {
        opt_free(s);
        memset(options, 0, c->options_size);
        s = opt_new(&c->spec, options);
        bool ok = read && read_config(s, &e) && opt_read_env(s, NULL, &e) && opt_read_args(s, argc, argv, &e) && check_isa(c, &e) && common_options_check(s, &e);
        status = ok ? c->run(options, s) : cli_fail(&e);
    }
    opt_free(s);
    free(options);
    return status;
}

static int help_for(int argc, char **argv) {
    if (argc < 3) return print_help();
    const command *c = find_command(argv[2]);
    return c ? print_command_help(c) : unknown_command(argv[2]);
}

/* Not exit(): another thread may hold what its handlers wait for. */
void mem_stop(void) { _exit(EXIT_FAILURE); }

static void touch_stack(void) {
    volatile char room[STACK_TAKEN];
    for (size_t i = 0; i < sizeof room; i += 1024) room[i] = 0;
}

/* The stack grows as it is used, and where address space has run out (ulimit -v) that kills without a word: its room is taken beforehand,
 * so that a later lack of memory shows where it can be reported. Without even that room the first allocation says so. A stack that may not
 * grow so far (ulimit -s) is left as it is. */
static void take_stack(void) {
    struct rlimit most;
    if (getrlimit(RLIMIT_STACK, &most) != 0 || most.rlim_cur < 4 * STACK_TAKEN) return;
    void *probe = mmap(NULL, 2 * STACK_TAKEN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED) return;
    munmap(probe, 2 * STACK_TAKEN);
    touch_stack();
}

int main(int argc, char **argv) {
    take_stack();
    setlocale(LC_CTYPE, ""); /* text input alone: numbers stay in the C form */
    interrupt_install();
    if (argc < 2) {
        print_help();
        return EXIT_WRONG_USE;
    }
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return help_for(argc, argv);
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) return print_version();
    const command *c = find_command(name);
    return c ? run_command(c, argc - 2, argv + 2) : unknown_command(name);
}
