/* pingti tokenize: text to ids, and ids back to text, byte for byte. */
#include "base/file.h"
#include "cli/common_options.h"
#include "cli/input.h"
#include "cli/out.h"
#include "cli/term.h"
#include <string.h>

typedef struct tokenize_options {
    model_choice choice;
    const char *file;
    bool ids, special, decode, json, count;
} tokenize_options;

#define AT(member) offsetof(tokenize_options, member)
static const opt_row rows[] = {
    { "ids", 0, OPT_FLAG, AT(ids), "off", NULL, NULL, 0, 0, "the ids alone, on one line" },
    { "special", 0, OPT_FLAG, AT(special), "on", NULL, NULL, 0, 0, "--no-special: no BOS or EOS is added, and text that spells a control token is plain text" },
    { "decode", 'd', OPT_FLAG, AT(decode), "off", NULL, NULL, 0, 0, "the other way: ids in, text out (control tokens left out with --no-special)" },
    { "count", 0, OPT_FLAG, AT(count), "off", NULL, NULL, 0, 0, "how many tokens, nothing else" },
    { "file", 'f', OPT_TEXT, AT(file), NULL, "FILE", NULL, 0, 0, "read the text from a file" },
    { "json", 0, OPT_FLAG, AT(json), "off", NULL, NULL, 0, 0, "ids and pieces as JSON" },
};
#undef AT
static const opt_table table = { "Text and output", ROWS(rows) };

static void put_ids(const token_list *l, buf *b) {
    for (size_t i = 0; i < l->n; i++) buf_printf(b, "%s%d", i ? " " : "", (int)l->ids[i]);
    buf_putc(b, '\n');
}

static json_t *pieces_json(const tokenizer *t, const token_list *l) {
    json_t *all = json_array();
    buf piece = { 0 };
    bool first = true; /* control tokens do not begin the text */
    for (size_t i = 0; i < l->n; i++) {
        buf_clear(&piece);
        tokenizer_piece(t, l->ids[i], first, true, &piece);
        first &= tokenizer_is_control(t, l->ids[i]);
        json_array_append_new(all, json_pack("{s:i, s:o, s:b}", "id", (int)l->ids[i], "text", out_json_text(buf_str(&piece), piece.len),
                                             "control", (int)tokenizer_is_control(t, l->ids[i])));
    }
    buf_free(&piece);
    return json_pack("{s:I, s:o}", "count", (json_int_t)l->n, "tokens", all);
}

/* A piece in one line: line ends and bytes that are no text show as escapes. */
static void put_visible(const char *s, size_t n, buf *b) {
    for (size_t i = 0, len; i < n; i += len ? len : 1) {
        uint32_t cp;
        len = input_printable(s + i, n - i, &cp);
        if (len) buf_put(b, s + i, len);
        else if (s[i] == '\n') buf_puts(b, "\\n");
        else if (s[i] == '\t') buf_puts(b, "\\t");
        else buf_printf(b, "\\x%02x", (unsigned char)s[i]);
    }
}

static void put_table(const tokenizer *t, const token_list *l, buf *b) {
    static const char *const shades[] = { "\x1b[36m", "\x1b[33m" };
    bool colour = term_colour(1);
    buf piece = { 0 };
    bool first = true; /* control tokens do not begin the text */
    for (size_t i = 0; i < l->n; i++) {
        bool control = tokenizer_is_control(t, l->ids[i]);
        buf_clear(&piece);
        tokenizer_piece(t, l->ids[i], first, true, &piece);
        first &= control;
        buf_printf(b, "%5zu  %8d  %s", i, (int)l->ids[i], !colour ? "" : control ? "\x1b[35m" : shades[i % 2]);
        buf_putc(b, '\'');
        put_visible(buf_str(&piece), piece.len, b);
        buf_printf(b, "'%s%s\n", colour ? TERM_PLAIN : "", control ? "  control" : "");
    }
    buf_printf(b, "%zu token%s\n", l->n, l->n == 1 ? "" : "s");
    buf_free(&piece);
}

static int encode(const tokenize_options *o, const tokenizer *t, const buf *text) {
    err e = { 0 };
    token_list ids = { 0 };
    buf b = { 0 };
    unsigned flags = o->special ? TOKENIZE_ADD_SPECIAL | TOKENIZE_PARSE_SPECIAL : 0;
    int status = tokenizer_encode(t, buf_str(text), text->len, flags, &ids, &e) ? EXIT_OK : cli_fail(&e);
    if (status == EXIT_OK && o->json) out_json(pieces_json(t, &ids), true);
    else if (status == EXIT_OK) {
        if (o->count) buf_printf(&b, "%zu\n", ids.n);
        else if (o->ids) put_ids(&ids, &b);
        else put_table(t, &ids, &b);
        out_write(buf_str(&b), b.len);
    }
    buf_free(&b);
    token_list_free(&ids);
    return status == EXIT_OK ? out_status() : status;
}

static bool read_ids(const tokenizer *t, const buf *text, token_list *ids, err *e) {
    const char *p = buf_str(text), *end = p + text->len;
    while (p < end) {
        size_t n = strcspn(p, " \t\r\n,[]");
        char word[24];
        int64_t id;
        if (n) {
            snprintf(word, sizeof word, "%.*s", (int)(n < 23 ? n : 23), p);
            if (!opt_parse_int(word, 0, (int64_t)tokenizer_n_tokens(t) - 1, &id))
                return err_set(e, ERR_USAGE, "this is not an id of the vocabulary") ||
                       err_expected(e, "numbers from 0 to %zu", tokenizer_n_tokens(t) - 1) || err_got(e, "'%s'", word);
            token_list_put(ids, (int32_t)id);
        }
        p += n < (size_t)(end - p) ? n + 1 : n;
    }
    return true;
}

static int decode(const tokenize_options *o, const tokenizer *t, const buf *text) {
    err e = { 0 };
    token_list ids = { 0 };
    buf b = { 0 };
    int status = EXIT_OK;
    if (!read_ids(t, text, &ids, &e)) status = cli_fail(&e);
    else {
        tokenizer_decode(t, ids.ids, ids.n, o->special, &b);
        if (o->json) out_json(json_pack("{s:o}", "text", out_json_text(buf_str(&b), b.len)), true);
        else out_write(buf_str(&b), b.len);
    }
    buf_free(&b);
    token_list_free(&ids);
    return status == EXIT_OK ? out_status() : status;
}

static int run(const void *options, opt_state *s) {
    const tokenize_options *o = options;
    err e = { 0 };
    buf text = { 0 };
    tokenizer *t = NULL;
    const char *path = choice_path(s, &o->choice, NULL, &e);
    bool ok = path && (t = llm_open_tokenizer(path, &e)) && input_text(o->file, opt_arg(s, 0), &text, &e);
    if (ok && !o->decode) input_note_broken(&text);
    int status = !ok ? cli_fail(&e) : o->decode ? decode(o, t, &text) : encode(o, t, &text);
    tokenizer_free(t);
    buf_free(&text);
    return status;
}

static const opt_part parts[] = { PART(model_choice_table, tokenize_options, choice), { &table, 0 } };

const command command_tokenize = {
    { "tokenize", "tokenize -m MODEL [options] [TEXT | -]",
      "Shows how a model's tokenizer cuts a text. The text is an argument, a file, or standard input, which is taken byte for byte (a "
      "final newline is part of it). MODEL may be any file with a vocabulary, weights or not: a .gguf, a Hugging Face directory, a "
      "tokenizer.json or a tokenizer.model.",
      "  pingti tokenize -m model.gguf \"Hello, 世界\"\n"
      "  printf %s \"Hello\" | pingti tokenize -m model.gguf --ids\n"
      "  echo 9906 11 220 | pingti tokenize -m model.gguf --decode\n",
      parts, sizeof parts / sizeof *parts, 0, 1 },
    sizeof(tokenize_options), run,
};
