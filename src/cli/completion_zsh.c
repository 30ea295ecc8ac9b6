#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/usage.h"
#include <string.h>

/* Text within single quotes, where _arguments gives brackets and colons a meaning. */
static void put_quoted(const char *text, size_t n, const char *special, buf *out) {
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\'') buf_puts(out, "'\\''");
        else {
            if (strchr(special, text[i])) buf_putc(out, '\\');
            buf_putc(out, text[i]);
        }
    }
}

static void put_action(const usage_place *p, buf *out) {
    switch (p->kind) {
    case USAGE_FILE: buf_puts(out, "_files"); break;
    case USAGE_DIR: buf_puts(out, "_files -/"); break;
    case USAGE_MODEL: buf_puts(out, "_pingti_models"); break;
    case USAGE_PULLED: buf_puts(out, "_pingti_pulled"); break;
    case USAGE_COMMAND: buf_puts(out, "_pingti_commands"); break;
    case USAGE_WORDS: buf_printf(out, "(%s)", p->words); break;
    default: buf_puts(out, " "); break;
    }
}

/* '[help]:what:action' after the option's name. */
static void put_rest(const opt_row *r, const usage_place *p, buf *out) {
    buf_putc(out, '[');
    put_quoted(r->help, usage_short_help(r->help), "\\[]:", out);
    buf_putc(out, ']');
    if (p->kind != USAGE_NOTHING) {
        const char *what = r->metavar ? r->metavar : r->name;
        buf_puts(out, p->optional ? "::" : ":");
        put_quoted(what, strlen(what), "\\:", out);
        buf_putc(out, ':');
        put_action(p, out);
    }
    buf_puts(out, "'");
}

static void put_option(const opt_row *r, buf *out) {
    usage_place p = usage_value(r);
    const char *value = p.kind == USAGE_NOTHING ? "" : p.optional ? "=-" : "=";
    bool many = r->kind == OPT_LIST;
    buf_puts(out, " \\\n            ");
    if (!r->letter) buf_printf(out, "'%s--%s%s", many ? "*" : "", r->name, value);
    else if (many) buf_printf(out, "'*'{-%c+,--%s=}'", r->letter, r->name);
    else if (p.optional) buf_printf(out, "'(-%c)--%s=-", r->letter, r->name);
    else buf_printf(out, "'(-%c --%s)'{-%c%s,--%s%s}'", r->letter, r->name, r->letter, *value ? "+" : "", r->name, value);
    put_rest(r, &p, out);
    if (usage_negatable(r)) buf_printf(out, " '!--no-%s'", r->name);
}

static void put_command(const opt_spec *s, buf *out) {
    const opt_row *r;
    usage_place one = usage_argument(s, true), more = usage_argument(s, false);
    buf_printf(out, "        %s)\n            _arguments -s -S '(-h --help)'{-h,--help}'[explain the command]'", s->name);
    for (size_t i = 0; (r = opt_row_at(s, i)); i++) put_option(r, out);
    if (one.kind != USAGE_NOTHING) {
        buf_puts(out, " \\\n            '1:argument:");
        put_action(&one, out);
        buf_putc(out, '\'');
    }
    if (more.kind != USAGE_NOTHING && s->max_args > 1) {
        buf_puts(out, " '*:argument:");
        put_action(&more, out);
        buf_putc(out, '\'');
    }
    buf_puts(out, "\n            ;;\n");
}

void completion_zsh(buf *out) {
    buf_puts(out, "#compdef pingti\n# Completion for pingti in zsh; written by `pingti completion zsh`.\n\n_pingti_commands() {\n    local -a commands=(\n");
    for (size_t i = 0; i < cli_n_commands(); i++) {
        const char *summary, *name = cli_command(i, &summary)->spec.name;
        buf_printf(out, "        '%s:", name);
        put_quoted(summary, strlen(summary), "\\:", out);
        buf_puts(out, "'\n");
    }
    buf_puts(out, "    )\n    _describe -t commands 'command' commands \"$@\"\n}\n\n"
                  "_pingti_pulled() {\n    local -a names=(${(f)\"$(command pingti models names 2>/dev/null)\"})\n    compadd \"$@\" -a names\n}\n\n"
                  "_pingti_models() {\n    local found=1\n    _files && found=0\n    _pingti_pulled && found=0\n    return found\n}\n\n"
                  "_pingti() {\n    local curcontext=$curcontext state line\n"
                  "    _arguments -C '(- : *)'{-h,--help}'[list the commands]' '(- : *)'{-V,--version}'[name the build]' \\\n"
                  "        '1: :->command' '*:: :->rest'\n"
                  "    case $state in\n    command) _pingti_commands ;;\n    rest)\n        case $words[1] in\n");
    for (size_t i = 0; i < cli_n_commands(); i++) put_command(&cli_command(i, NULL)->spec, out);
    buf_puts(out, "        help) _arguments '1:command:_pingti_commands' ;;\n        esac\n        ;;\n    esac\n}\n\n"
                  "if [[ $funcstack[1] = _pingti ]]; then\n    _pingti \"$@\"\nelse\n    compdef _pingti pingti\nfi\n");
}
