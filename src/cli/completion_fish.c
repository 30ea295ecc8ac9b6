#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/usage.h"
#include <string.h>

static const char head[] = "# Completion for pingti in fish; written by `pingti completion fish`.\n"
                           "\n"
                           "function __pingti_command_is\n"
                           "    set -l words (commandline -opc)\n"
                           "    test (count $words) -gt 1; and contains -- $words[2] $argv\n"
                           "end\n"
                           "function __pingti_no_command\n"
                           "    test (count (commandline -opc)) -eq 1\n"
                           "end\n"
                           "function __pingti_first_argument\n"
                           "    test (count (commandline -opc)) -eq 2; and __pingti_command_is $argv\n"
                           "end\n"
                           "\n"
                           "complete -c pingti -f\n"
                           "complete -c pingti -n __pingti_no_command -s h -l help -d 'list the commands'\n"
                           "complete -c pingti -n __pingti_no_command -s V -l version -d 'name the build'\n";

#define PULLED "(command pingti models names 2>/dev/null)"

static void put_quoted(const char *text, size_t n, buf *out) {
    buf_putc(out, '\'');
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\'' || text[i] == '\\') buf_putc(out, '\\');
        buf_putc(out, text[i]);
    }
    buf_putc(out, '\'');
}

static void put_names_of_commands(buf *out) {
    for (size_t i = 0; i < cli_n_commands(); i++) buf_printf(out, "%s%s", i ? " " : "", cli_command(i, NULL)->spec.name);
}

/* -r: the next word is its value, and -x: the same, and no file; without them a value comes after '=' alone. */
static void put_values(const usage_place *p, buf *out) {
    const char *only = p->optional ? "" : " -x";
    switch (p->kind) {
    case USAGE_NOTHING: break;
    case USAGE_TEXT: buf_puts(out, only); break;
    case USAGE_FILE: buf_puts(out, p->optional ? " -F" : " -r -F"); break;
    case USAGE_DIR: buf_printf(out, "%s -a '(__fish_complete_directories (commandline -ct))'", only); break;
    case USAGE_MODEL: buf_printf(out, "%s -a '" PULLED "'", p->optional ? " -F" : " -r -F"); break;
    case USAGE_PULLED: buf_printf(out, "%s -a '" PULLED "'", only); break;
    case USAGE_COMMAND:
        buf_printf(out, "%s -a '", only);
        put_names_of_commands(out);
        buf_putc(out, '\'');
        break;
    case USAGE_WORDS: buf_printf(out, "%s -a '%s'", only, p->words); break;
    }
}

static void put_option(const char *command, const opt_row *r, buf *out) {
    usage_place p = usage_value(r);
    buf_printf(out, "complete -c pingti -n '__pingti_command_is %s' -l %s", command, r->name);
    if (r->letter) buf_printf(out, " -s %c", r->letter);
    put_values(&p, out);
    buf_puts(out, " -d ");
    put_quoted(r->help, usage_short_help(r->help), out);
    buf_putc(out, '\n');
}

static void put_arguments(const opt_spec *s, bool first, buf *out) {
    usage_place p = usage_argument(s, first);
    if (p.kind == USAGE_NOTHING || p.kind == USAGE_TEXT) return;
    p.optional = true; /* an argument is no option's value */
    buf_printf(out, "complete -c pingti -n '%s %s'", first ? "__pingti_first_argument" : "__pingti_command_is", s->name);
    put_values(&p, out);
    buf_putc(out, '\n');
}

static void put_command(size_t i, buf *out) {
    const char *summary;
    const opt_spec *s = &cli_command(i, &summary)->spec;
    const opt_row *r;
    buf_printf(out, "\ncomplete -c pingti -n __pingti_no_command -a %s -d ", s->name);
    put_quoted(summary, strlen(summary), out);
    buf_printf(out, "\ncomplete -c pingti -n '__pingti_command_is %s' -s h -l help -d 'explain the command'\n", s->name);
    for (size_t k = 0; (r = opt_row_at(s, k)); k++) put_option(s->name, r, out);
    put_arguments(s, true, out);
    if (usage_argument(s, false).kind != usage_argument(s, true).kind || s->max_args > 1) put_arguments(s, false, out);
}

void completion_fish(buf *out) {
    buf_puts(out, head);
    for (size_t i = 0; i < cli_n_commands(); i++) put_command(i, out);
    buf_puts(out, "\ncomplete -c pingti -n __pingti_no_command -a help -d 'explain a command'\ncomplete -c pingti -n '__pingti_first_argument help' -a '");
    put_names_of_commands(out);
    buf_puts(out, "'\n");
}
