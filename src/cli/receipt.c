#include "cli/receipt.h"
#include "base/outfile.h"
#include "cli/out.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define AT(member) offsetof(receipt_options, member)
static const opt_row rows[] = {
    { "receipt", 0, OPT_TEXT, AT(file), NULL, "FILE", NULL, 0, 0, "write what the answer was made of (digests, parameters, seed): `pingti replay FILE` computes it again" },
    { "receipt-private", 0, OPT_FLAG, AT(private), "off", NULL, NULL, 0, 0, "the receipt holds a digest of the prompt alone; replay must be given the prompt" },
    { "receipt-text", 0, OPT_FLAG, AT(text), "off", NULL, NULL, 0, 0, "the receipt holds the answer too, not only its digests" },
};
#undef AT
const opt_table receipt_table = { "Receipt", ROWS(rows) };

void receipt_notes_begin(receipt_notes *n, bool keep_text) {
    *n = (receipt_notes){ .keep_text = keep_text };
    digest_begin(&n->text);
}

void receipt_note_token(receipt_notes *n, int32_t id) { token_list_put(&n->tokens, id); }

void receipt_note_text(receipt_notes *n, const char *text, size_t len) {
    digest_put(&n->text, text, len);
    n->bytes += len;
    if (n->keep_text) buf_put(&n->kept, text, len);
}

void receipt_notes_free(receipt_notes *n) {
    token_list_free(&n->tokens);
    buf_free(&n->kept);
    *n = (receipt_notes){ 0 };
}

const char *receipt_finish_name(finish_reason f) {
    static const char *const names[] = { "none", "stop", "length", "cancelled", "error" };
    return names[f];
}

json_t *receipt_output(receipt_notes *n, finish_reason finish) {
    digest tokens = receipt_token_digest(n->tokens.ids, n->tokens.n), text = digest_end(&n->text);
    json_t *j = json_pack("{s:s, s:I, s:s, s:I, s:s}", "finish", receipt_finish_name(finish), "n", (json_int_t)n->tokens.n, "digest", tokens.text, "bytes",
                          (json_int_t)n->bytes, "text_digest", text.text);
    if (!n->keep_text) return j;
    json_object_set_new(j, "tokens", receipt_tokens(n->tokens.ids, n->tokens.n));
    json_object_set_new(j, "text", out_json_text(buf_str(&n->kept), n->kept.len));
    return j;
}

json_t *receipt_model(const char *path, const model_files *f) {
    json_t *files = json_array();
    bool remembered = false;
    for (size_t i = 0; i < f->n; i++) {
        const model_file *m = &f->items[i];
        remembered |= m->remembered;
        json_array_append_new(files, json_pack("{s:o, s:I, s:s}", "name", out_json_text(m->name, strlen(m->name)), "bytes", (json_int_t)m->bytes, "digest", m->digest.text));
    }
    return json_pack("{s:o, s:s, s:o, s:b}", "path", out_json_text(path, strlen(path)), "digest", f->digest.text, "files", files, "remembered", (int)remembered);
}

json_t *receipt_build(err *e) {
    digest program;
    uint64_t bytes;
    if (!digest_file("/proc/self/exe", NULL, NULL, &program, &bytes, e)) return NULL;
    return json_pack("{s:s, s:s, s:s}", "version", PINGTI_VERSION, "compiler", __VERSION__, "program", program.text);
}

json_t *receipt_template(const llm *l) {
    return l->template_source ? json_string(digest_of(l->template_source, strlen(l->template_source)).text) : json_null();
}

static bool cannot_write(const char *path, err *e) { return err_set(e, ERR_IO, "cannot write the receipt: %s", strerror(errno)) || err_where(e, "%s", path); }

/* It gets its name by rename: what counts is the folder. */
static bool folder_takes(const char *path, err *e) {
    const char *slash = strrchr(path, '/');
    buf folder = { 0 };
    buf_printf(&folder, "%.*s.", slash ? (int)(slash + 1 - path) : 0, path); /* "DIR/." is no file's name */
    bool ok = access(buf_str(&folder), W_OK | X_OK) == 0 || cannot_write(path, e) || err_hint(e, "give a file in a folder that is there and can be written to");
    buf_free(&folder);
    return ok;
}

bool receipt_possible(const receipt_options *o, const generate_options *g, const grammar_source *grammar, err *e) {
    if (!o->file) return (!o->private && !o->text) || err_set(e, ERR_USAGE, "no receipt is written") || err_hint(e, "--receipt FILE says where to");
    if (!outfile_may_take(o->file, e) || !folder_takes(o->file, e)) return false;
    json_t *parameters = receipt_parameters(g, grammar, e);
    json_decref(parameters);
    return parameters != NULL;
}

static json_t *prompt_json(const receipt_options *o, const generate_options *g, const prompt_form *form) {
    json_t *j = json_pack("{s:s, s:b, s:I, s:s}", "form", form->chat ? "chat" : "text", "special", (int)form->special, "n", (json_int_t)g->n_prompt, "digest",
                          receipt_token_digest(g->prompt, g->n_prompt).text);
    if (!o->private) json_object_set_new(j, "tokens", receipt_tokens(g->prompt, g->n_prompt));
    return j;
}

/* Under its name only when it is whole. Readable by its owner alone: it may hold the prompt. */
static bool write_file(const char *path, const char *text, err *e) {
    buf part = { 0 };
    buf_printf(&part, "%s.part%ld", path, (long)getpid());
    int fd = open(buf_str(&part), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0;
    for (size_t done = 0, n = strlen(text); ok && done < n;) {
        ssize_t w = write(fd, text + done, n - done);
        if (w < 0 && errno == EINTR) continue;
        ok = w > 0;
        done += ok ? (size_t)w : 0;
    }
    ok = ok && fsync(fd) == 0;
    if (!ok) cannot_write(path, e);
    if (fd >= 0 && close(fd) != 0 && ok) ok = cannot_write(path, e);
    if (ok && rename(buf_str(&part), path) != 0) ok = cannot_write(path, e);
    if (!ok && fd >= 0) unlink(buf_str(&part));
    buf_free(&part);
    return ok;
}

static json_t *whole_receipt(const receipt_options *o, const llm *l, const generate_options *g, const grammar_source *grammar, const prompt_form *form, const generate_result *r, receipt_notes *n, bool quiet, err *e) {
    model_files files;
    if (!model_files_digest(&files, l->source, true, quiet, e)) return NULL;
    json_t *build = receipt_build(e), *j = NULL;
    if (build)
        j = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "model", receipt_model(l->source->path, &files), "template", receipt_template(l), "build", build, "engine",
                      receipt_engine(engine_runner(l->engine)), "parameters", receipt_parameters(g, grammar, e), "prompt", prompt_json(o, g, form), "output", receipt_output(n, r->finish));
    model_files_free(&files);
    if (j) receipt_seal(j);
    return j;
}

bool receipt_write(const receipt_options *o, const llm *l, const generate_options *g, const grammar_source *grammar, const prompt_form *form, const generate_result *r, receipt_notes *n, bool quiet, err *e) {
    if (r->finish == FINISH_CANCELLED) return err_set(e, ERR_CANCELLED, "no receipt is written: the answer was cancelled") || err_where(e, "%s", o->file);
    json_t *j = whole_receipt(o, l, g, grammar, form, r, n, quiet, e);
    if (!j) return false;
    char *text = json_dumps(j, JSON_INDENT(1) | JSON_SORT_KEYS);
    bool ok = text ? write_file(o->file, text, e) : err_set(e, ERR_MEMORY, "no memory for the receipt");
    free(text);
    json_decref(j);
    return ok;
}
