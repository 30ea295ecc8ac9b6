/* pingti man: the manual pages, pingti(1) and one for each command, written from the option tables. */
#include "cli/common_options.h"
#include "cli/out.h"
#include <ctype.h>
#include <string.h>

/* ---- text as man(7) has it ---- */

/* A line must not begin with a control character, and - and \ are not what they seem. */
static void put_text(const char *text, size_t n, buf *out) {
    for (size_t i = 0; i < n; i++) {
        bool begins = i == 0 || text[i - 1] == '\n';
        if (begins && (text[i] == '.' || text[i] == '\'')) buf_puts(out, "\\&");
        if (text[i] == '\\') buf_puts(out, "\\e");
        else if (text[i] == '-') buf_puts(out, "\\-");
        else if (text[i] == '\'') buf_puts(out, "\\(aq");
        else if (text[i] == '`') buf_puts(out, "\\(ga");
        else if (text[i] == '^') buf_puts(out, "\\(ha");
        else if (text[i] == '~') buf_puts(out, "\\(ti");
        else buf_putc(out, text[i]);
    }
}

static void put_string(const char *text, buf *out) { put_text(text, strlen(text), out); }

static void put_bold(const char *text, buf *out) {
    buf_puts(out, "\\fB");
    put_string(text, out);
    buf_puts(out, "\\fR");
}

/* `code` in a sentence in bold. */
static void put_prose(const char *text, buf *out) {
    for (const char *tick, *end; *text; text = end + 1) {
        tick = strchr(text, '`');
        end = tick ? strchr(tick + 1, '`') : NULL;
        if (!end) break;
        put_text(text, (size_t)(tick - text), out);
        buf_puts(out, "\\fB");
        put_text(tick + 1, (size_t)(end - tick - 1), out);
        buf_puts(out, "\\fR");
    }
    put_string(text, out);
}

static void put_sentence(const char *text, buf *out) {
    size_t n = strlen(text);
    put_prose(text, out);
    buf_puts(out, n && text[n - 1] == '.' ? "\n" : ".\n");
}

/* Capitals in a usage line stand for something: in italics. */
static void put_usage(const char *text, buf *out) {
    while (*text) {
        size_t n = 0;
        while (isupper((unsigned char)text[n])) n++;
        if (n > 1 || (n == 1 && !isalnum((unsigned char)text[n]))) {
            while (isalnum((unsigned char)text[n]) || text[n] == '.' || text[n] == '_') n++;
            buf_puts(out, "\\fI");
            put_text(text, n, out);
            buf_puts(out, "\\fR");
        } else {
            n = n ? n : 1;
            put_text(text, n, out);
        }
        text += n;
    }
}

static void put_title(const char *name, buf *out) {
    buf_puts(out, ".TH ");
    for (const char *p = name; *p; p++) *p == '-' ? buf_puts(out, "\\-") : buf_putc(out, (char)toupper((unsigned char)*p));
    buf_printf(out, " 1 \"\" \"pingti %s\" \"pingti manual\"\n.SH NAME\n", PINGTI_VERSION);
    put_string(name, out);
}

static void put_examples(const char *lines, buf *out) {
    buf_puts(out, ".SH EXAMPLES\n.EX\n");
    for (size_t n; *lines; lines += n + (lines[n] == '\n')) {
        n = strcspn(lines, "\n");
        size_t blank = strspn(lines, " ");
        put_text(lines + blank, n > blank ? n - blank : 0, out);
        buf_putc(out, '\n');
    }
    buf_puts(out, ".EE\n");
}

/* ---- options ---- */

static void put_option(const opt_row *r, buf *out) {
    char env[80];
    bool alone = r->kind == OPT_TEXT && r->choices, has_default = r->value && strcmp(r->value, "off") != 0;
    const char *shown = r->metavar ? r->metavar : r->choices;
    buf_puts(out, ".TP\n");
    if (r->letter) buf_printf(out, "\\fB\\-%c\\fR, ", r->letter);
    buf_puts(out, "\\fB\\-\\-");
    put_string(r->name, out);
    buf_puts(out, "\\fR");
    if (r->kind != OPT_FLAG) {
        buf_puts(out, alone ? "[=" : " ");
        if (r->metavar) buf_puts(out, "\\fI");
        put_string(shown, out);
        if (r->metavar) buf_puts(out, "\\fR");
        if (alone) buf_putc(out, ']');
    }
    buf_putc(out, '\n');
    put_sentence(r->help, out);
    if (has_default) {
        buf_puts(out, "Default: ");
        put_bold(r->value, out);
        buf_puts(out, ".\n");
    }
    opt_env_name(r->name, env, sizeof env);
    buf_puts(out, "Environment: ");
    put_bold(env, out);
    buf_puts(out, ".\n");
}

static void put_options(const opt_spec *s, buf *out) {
    buf_puts(out, ".SH OPTIONS\n");
    if (s->n_parts)
        buf_puts(out, "A flag \\fB\\-\\-\\fIname\\fR is turned off again by \\fB\\-\\-no\\-\\fIname\\fR; a value follows as the next word or after an equals sign.\n");
    for (size_t p = 0; p < s->n_parts; p++) {
        const opt_table *t = s->parts[p].table;
        buf_puts(out, ".SS ");
        put_string(t->title, out);
        buf_putc(out, '\n');
        for (size_t i = 0; i < t->n; i++) put_option(&t->rows[i], out);
    }
    buf_puts(out, ".SS Help\n.TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nExplain the command and its options.\n");
}

/* ---- pages ---- */

static const char surroundings[] =
    ".SH ENVIRONMENT\n"
    "Every option can also stand in the environment, as \\fBPINGTI_\\fINAME\\fR with capitals and underscores.\n"
    "The command line wins over the environment, and that over the config file.\n"
    ".TP\n\\fBPINGTI_CONFIG\\fR\nAnother config file; empty: none.\n"
    ".TP\n\\fBPINGTI_ISA\\fR\nLowers the instruction set that is used (\\fBscalar\\fR, \\fBavx2\\fR, \\fBneon\\fR and others, as \\fBpingti doctor\\fR lists them).\n"
    ".SH FILES\n"
    ".TP\n\\fI\\(ti/.config/pingti/config\\fR\nOptions as lines \\fIname\\fR \\fB=\\fR \\fIvalue\\fR; a line \\fB[\\fIcommand\\fB]\\fR begins what counts for one command.\n"
    ".SH EXIT STATUS\n"
    "0: done. 1: something failed. 2: wrong use. 130: interrupted. 141: nobody read the output.\n";

static void put_see_also(const opt_spec *self, buf *out) {
    buf_puts(out, ".SH SEE ALSO\n");
    if (self) buf_puts(out, "\\fBpingti\\fR(1)");
    for (size_t i = 0; i < cli_n_commands(); i++) {
        const opt_spec *s = &cli_command(i, NULL)->spec;
        if (s == self) continue;
        buf_puts(out, self || i ? ",\n" : "");
        buf_puts(out, "\\fBpingti\\-");
        put_string(s->name, out);
        buf_puts(out, "\\fR(1)");
    }
    buf_putc(out, '\n');
}

static void program_page(buf *out) {
    put_title("pingti", out);
    buf_puts(out, " \\- run open language models exactly, on hardware you own\n"
                  ".SH SYNOPSIS\n\\fBpingti\\fR \\fICOMMAND\\fR [\\fIoptions\\fR]\n.br\n\\fBpingti \\-\\-help\\fR | \\fBpingti help\\fR \\fICOMMAND\\fR | \\fBpingti \\-\\-version\\fR\n"
                  ".SH DESCRIPTION\n"
                  "pingti reads a language model as it is published (a \\fI.gguf\\fR file, or a Hugging Face directory) and computes with it on the processors of this machine.\n"
                  "The same model, instruction set, prompt, options and seed give the same bytes on any number of threads.\n"
                  "Texts go to standard output, all else to standard error.\n"
                  ".SH COMMANDS\n");
    for (size_t i = 0; i < cli_n_commands(); i++) {
        const char *summary, *name = cli_command(i, &summary)->spec.name;
        buf_puts(out, ".TP\n\\fBpingti\\-");
        put_string(name, out);
        buf_puts(out, "\\fR(1)\n");
        put_sentence(summary, out);
    }
    put_examples("  pingti run -m model.gguf --chat \"Why is the sky blue?\"\n  pingti chat -m model.gguf\n", out);
    buf_puts(out, surroundings);
    put_see_also(NULL, out);
}

static void command_page(size_t i, buf *out) {
    const char *summary;
    const opt_spec *s = &cli_command(i, &summary)->spec;
    buf name = { 0 };
    buf_printf(&name, "pingti-%s", s->name);
    put_title(buf_str(&name), out);
    buf_puts(out, " \\- ");
    put_string(summary, out);
    buf_puts(out, "\n.SH SYNOPSIS\n\\fBpingti\\fR ");
    put_usage(s->usage, out);
    buf_puts(out, "\n.SH DESCRIPTION\n");
    put_prose(s->about, out);
    buf_putc(out, '\n');
    put_options(s, out);
    if (s->examples) put_examples(s->examples, out);
    buf_puts(out, surroundings);
    put_see_also(s, out);
    buf_free(&name);
}

static const char *next_command(const void *ctx, size_t i) {
    (void)ctx;
    return i < cli_n_commands() ? cli_command(i, NULL)->spec.name : NULL;
}

static bool page(const char *name, buf *out, err *e) {
    if (!name) return program_page(out), true;
    for (size_t i = 0; i < cli_n_commands(); i++)
        if (strcmp(cli_command(i, NULL)->spec.name, name) == 0) return command_page(i, out), true;
    const char *near = opt_nearest(name, next_command, NULL);
    err_set(e, ERR_USAGE, "there is no command '%s' to write a page about", name);
    if (near) return err_hint(e, "did you mean `pingti man %s`?", near);
    return err_hint(e, "`pingti help` lists all commands");
}

static int run(const void *options, opt_state *s) {
    (void)options;
    buf b = { 0 };
    err e = { 0 };
    if (!page(opt_arg(s, 0), &b, &e)) return cli_fail(&e);
    out_write(buf_str(&b), b.len);
    buf_free(&b);
    return out_status();
}

const command command_man = {
    { "man", "man [COMMAND]",
      "Prints a manual page in the form that man(1) reads: of pingti, or of one command. Packages and `cmake --install` put all of them where "
      "man finds them (`man pingti`, `man pingti-run`).",
      "  pingti man run | man -l -\n"
      "  pingti man > /usr/local/share/man/man1/pingti.1\n",
      NULL, 0, 0, 1 },
    0, run,
};
