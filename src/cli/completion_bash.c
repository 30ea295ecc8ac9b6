#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/usage.h"

static const char head[] =
    "# Completion for pingti in bash; written by `pingti completion bash`.\n"
    "\n"
    "_pingti_words() {\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$word\")\n"
    "}\n"
    "\n"
    "_pingti_files() {   # -f: files and folders, -d: folders\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$word\")\n"
    "}\n"
    "\n"
    "_pingti_pulled() {   # names come from hubs: no shell reads them (compgen -W would), and those that one would read are not offered\n"
    "    local name quoted\n"
    "    while IFS= read -r name; do\n"
    "        printf -v quoted %q \"$name\"\n"
    "        [[ $name != \"$word\"* || $name != \"$quoted\" ]] || COMPREPLY+=(\"$name\")\n"
    "    done < <(command -- \"${COMP_WORDS[0]}\" models names 2>/dev/null)\n"
    "    COMPREPLY=(\"${COMPREPLY[@]#\"$colon\"}\")   # names have a colon, where readline cuts words: what stands before it is there already\n"
    "}\n"
    "\n"
    "_pingti_models() {\n"
    "    _pingti_files -f\n"
    "    _pingti_pulled\n"
    "}\n"
    "\n"
    "_pingti() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before command=${COMP_WORDS[1]} colon='' at=$COMP_CWORD i\n"
    "    COMPREPLY=()\n"
    "    if [ \"$word\" = : ] && [ \"$at\" -gt 2 ]; then   # name: is two words, name:x three\n"
    "        at=$((at - 1)) colon=${COMP_WORDS[COMP_CWORD - 1]}: word=$colon\n"
    "    elif [ \"${COMP_WORDS[at - 1]}\" = : ] && [ \"$at\" -gt 3 ]; then\n"
    "        at=$((at - 2)) colon=${COMP_WORDS[COMP_CWORD - 2]}: word=$colon$word\n"
    "    fi\n"
    "    before=${COMP_WORDS[at - 1]}\n"
    "    if [ \"$word\" = = ]; then   # bash cuts --name=value into three words\n"
    "        word='' before+==\n"
    "    elif [ \"$before\" = = ] && [ \"$at\" -gt 2 ]; then\n"
    "        before=${COMP_WORDS[at - 2]}=\n"
    "    fi\n"
    "    for ((i = 2; i < COMP_CWORD; i++)); do   # what follows -- is no option's value\n"
    "        [ \"${COMP_WORDS[i]}\" != -- ] || before=''\n"
    "    done\n";

/* "-m|--model|--model=": how the option may stand before its value. */
static void put_names(const opt_row *r, const usage_place *p, buf *out) {
    if (r->letter && !p->optional) buf_printf(out, "-%c|", r->letter);
    if (!p->optional) buf_printf(out, "--%s|", r->name);
    buf_printf(out, "--%s=", r->name);
}

static void put_candidates(const usage_place *p, buf *out) {
    switch (p->kind) {
    case USAGE_FILE: buf_puts(out, "_pingti_files -f"); break;
    case USAGE_DIR: buf_puts(out, "_pingti_files -d"); break;
    case USAGE_MODEL: buf_puts(out, "_pingti_models"); break;
    case USAGE_PULLED: buf_puts(out, "_pingti_pulled"); break;
    case USAGE_COMMAND: buf_puts(out, "_pingti_words \"$commands\""); break;
    case USAGE_WORDS: buf_printf(out, "_pingti_words '%s'", p->words); break;
    default: buf_puts(out, ":"); break;
    }
}

static void put_values(const opt_spec *s, buf *out) {
    const opt_row *r;
    buf texts = { 0 };
    buf_puts(out, "        case $before in\n");
    for (size_t i = 0; (r = opt_row_at(s, i)); i++) {
        usage_place p = usage_value(r);
        if (p.kind == USAGE_NOTHING) continue;
        if (p.kind == USAGE_TEXT) {
            if (texts.len) buf_putc(&texts, '|');
            put_names(r, &p, &texts);
            continue;
        }
        buf_puts(out, "        ");
        put_names(r, &p, out);
        buf_puts(out, ") ");
        put_candidates(&p, out);
        buf_puts(out, "; return ;;\n");
    }
    if (texts.len) buf_printf(out, "        %s) return ;;\n", buf_str(&texts));
    buf_puts(out, "        esac\n");
    buf_free(&texts);
}

static void put_options(const opt_spec *s, bool negated, buf *out) {
    const opt_row *r;
    if (!negated) buf_puts(out, "-h --help");
    for (size_t i = 0; (r = opt_row_at(s, i)); i++) {
        if (!negated && r->letter) buf_printf(out, " -%c", r->letter);
        if (!negated) buf_printf(out, " --%s", r->name);
        else if (r->kind == OPT_FLAG) buf_printf(out, " --%s%s", usage_negatable(r) ? "no-" : "", r->name);
    }
}

static void put_command(const opt_spec *s, buf *out) {
    usage_place one = usage_argument(s, true), more = usage_argument(s, false);
    buf_printf(out, "    %s)\n", s->name);
    if (s->n_parts) put_values(s, out);
    buf_puts(out, "        case $word in\n        --no-*) _pingti_words '");
    put_options(s, true, out);
    buf_puts(out, "' ;;\n        -*) _pingti_words '");
    put_options(s, false, out);
    buf_puts(out, "' ;;\n        *) if [ \"$at\" = 2 ]; then ");
    put_candidates(&one, out);
    buf_puts(out, "; else ");
    put_candidates(&more, out);
    buf_puts(out, "; fi ;;\n        esac\n        ;;\n");
}

void completion_bash(buf *out) {
    buf_puts(out, head);
    buf_puts(out, "    local commands='");
    for (size_t i = 0; i < cli_n_commands(); i++) buf_printf(out, "%s%s", i ? " " : "", cli_command(i, NULL)->spec.name);
    buf_puts(out, "'\n    if [ \"$COMP_CWORD\" = 1 ]; then\n        _pingti_words \"$commands help --help --version\"\n        return\n    fi\n    case $command in\n");
    for (size_t i = 0; i < cli_n_commands(); i++) put_command(&cli_command(i, NULL)->spec, out);
    buf_puts(out, "    help) _pingti_words \"$commands\" ;;\n    esac\n} && complete -F _pingti pingti\n");
}
