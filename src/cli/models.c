/* pingti models: what was pulled. list, path, verify, rm. */
#include "base/file.h"
#include "cli/common_options.h"
#include "cli/interrupt.h"
#include "cli/model_path.h"
#include "cli/out.h"
#include "cli/term.h"
#include "model/model.h"
#include "net/sha256.h"
#include "net/store.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct models_options {
    const char *models;
    bool json, yes, quiet;
} models_options;

#define AT(member) offsetof(models_options, member)
static const opt_row rows[] = {
    { "models", 0, OPT_TEXT, AT(models), NULL, "DIR", NULL, 0, 0, "where pulled models lie; not given: ~/.local/share/pingti/models" },
    { "json", 0, OPT_FLAG, AT(json), "off", NULL, NULL, 0, 0, "list and verify as JSON" },
    { "yes", 'y', OPT_FLAG, AT(yes), "off", NULL, NULL, 0, 0, "rm does not ask" },
    { "quiet", 'q', OPT_FLAG, AT(quiet), "off", NULL, NULL, 0, 0, "no progress" },
};
#undef AT
static const opt_table table = { "Pulled models", ROWS(rows) };

/* ---- list ---- */

typedef struct model_line {
    char *name;
    char format[24], family[64], context[24];
    uint64_t bytes;
    const char *date, *trouble;
} model_line;

/* What the model's own files say; "?" where this build cannot tell. */
static void read_spec(const char *path, model_line *l) {
    model_spec spec;
    const arch *a;
    err ignored = { 0 };
    model_source *s = model_source_open_metadata(path, &ignored);
    if (s && model_read_spec(s, &spec, &a, &ignored)) {
        snprintf(l->family, sizeof l->family, "%s", spec.family);
        snprintf(l->context, sizeof l->context, "%u", spec.context);
    } else if (s && *s->arch) snprintf(l->family, sizeof l->family, "%.50s (?)", s->arch);
    term_tame(l->family);
    model_source_close(s);
}

static model_line line_of(const store_list *all, const stored *s) {
    model_line l = { .format = "?", .family = "?", .context = "?", .date = "?" };
    char quant[REPO_QUANT_MAX], *path = store_path(s);
    if (!s->m.doc) {
        l.name = mem_must_copy(s->dir, strlen(s->dir));
        l.trouble = s->trouble.what;
    } else {
        l.name = store_name(all, s);
        l.bytes = s->m.bytes;
        l.date = s->m.date;
        if (!*s->m.main) snprintf(l.format, sizeof l.format, "safetensors");
        else if (repo_file_quant(manifest_main_path(&s->m), quant)) snprintf(l.format, sizeof l.format, "%s", quant);
        read_spec(path, &l);
    }
    free(path);
    return l;
}

static json_t *line_json(const stored *s, const model_line *l) {
    char *path = store_path(s);
    json_t *j = json_pack("{s:s, s:o, s:I, s:s, s:o, s:s, s:s}", "name", l->name, "path", out_json_text(path, strlen(path)), "bytes", (json_int_t)l->bytes, "format", l->format, "family",
                          out_json_text(l->family, strlen(l->family)), "context", l->context, "date", l->date);
    free(path);
    if (l->trouble) json_object_set_new(j, "trouble", out_json_text(l->trouble, strlen(l->trouble)));
    else {
        json_object_set_new(j, "pulled_as", json_string(s->m.asked));
        json_object_set_new(j, "hub", json_string(s->m.hub));
        json_object_set_new(j, "commit", json_string(s->m.commit));
    }
    return j;
}

static void print_line(const model_line *l, int width) {
    if (l->trouble) out_printf("%-*s  damaged: %s\n", width, l->name, l->trouble);
    else out_printf("%-*s  %10s  %-11s  %-12s  %8s  %.10s\n", width, l->name, show_bytes(l->bytes).text, l->format, l->family, l->context, l->date);
}

static int list(const models_options *o, const store_list *all, const char *root) {
    int width = 4;
    json_t *array = json_array();
    model_line *lines = mem_must(all->n + 1, sizeof *lines);
    for (size_t i = 0; i < all->n; i++) {
        lines[i] = line_of(all, &all->items[i]);
        if ((int)strlen(lines[i].name) > width) width = (int)strlen(lines[i].name);
    }
    if (!o->json && all->n)
        out_printf("%s%-*s  %10s  %-11s  %-12s  %8s  %s%s\n", term_seq(1, TERM_BOLD), width, "name", "size", "format", "family", "context", "pulled", term_seq(1, TERM_PLAIN));
    for (size_t i = 0; i < all->n; i++) {
        if (o->json) json_array_append_new(array, line_json(&all->items[i], &lines[i]));
        else print_line(&lines[i], width);
        free(lines[i].name);
    }
    if (o->json) out_json(json_incref(array), true);
    else if (!all->n) fprintf(stderr, "No model was pulled into %s yet: `pingti pull qwen2.5:0.5b` fetches a small one.\n", root);
    json_decref(array);
    free(lines);
    return out_status();
}

/* ---- one by its name ---- */

static const stored *need(const store_list *all, const char *name, const char *root, err *e) {
    const stored *found = NULL;
    if (!store_find(all, name, &found, e)) return NULL;
    if (!found) err_set(e, ERR_USAGE, "no model '%.150s' was pulled", name), err_where(e, "%s", root), err_hint(e, "`pingti models list` shows those that were");
    return found;
}

/* What -m takes, for completion: the name that it was pulled by, and the one that says which it is; without those that mean several. */
static int names(const store_list *all) {
    for (size_t i = 0; i < all->n; i++) {
        const stored *s = &all->items[i], *found;
        if (!s->m.doc) continue;
        char *own = store_name(all, s);
        const char *both[] = { s->m.asked, own };
        for (size_t k = 0; k < 2; k++) {
            err ignored = { 0 };
            if (k && strcmp(own, s->m.asked) == 0) break;
            if (repo_name_likely(both[k]) && store_find(all, both[k], &found, &ignored) && found == s) out_printf("%s\n", both[k]);
        }
        free(own);
    }
    return out_status();
}

static int show_path(const store_list *all, const char *name, const char *root) {
    err e = { 0 };
    const stored *s = need(all, name, root, &e);
    if (!s) return cli_fail(&e);
    char *path = store_path(s);
    out_printf("%s\n", path);
    free(path);
    return out_status();
}

/* At a terminal; elsewhere nobody can answer, and --yes must say it. */
static bool agreed(const models_options *o, const stored *s, const char *name, err *e) {
    char answer[16] = "";
    if (o->yes) return true;
    if (!term_is(STDIN_FILENO) || !term_is(STDERR_FILENO)) return err_set(e, ERR_USAGE, "rm would ask first, and there is no terminal") || err_hint(e, "say it with --yes");
    fprintf(stderr, "Remove %s (%s, %s)? [y/N] ", name, show_bytes(s->m.bytes).text, s->dir);
    if (fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y')) return true;
    return err_set(e, ERR_CANCELLED, "nothing was removed");
}

static int remove_one(const models_options *o, const store_list *all, const char *name, const char *root) {
    err e = { 0 };
    const stored *s = need(all, name, root, &e);
    if (!s || !agreed(o, s, name, &e) || !store_remove(s, &e)) return cli_fail(&e);
    if (!o->quiet) fprintf(stderr, "Removed %s: %s.\n", name, show_bytes(s->m.bytes).text);
    return EXIT_OK;
}

/* ---- verify ---- */

typedef struct verifying {
    progress bar;
    double done;
    json_t *findings;
    size_t bad;
} verifying;

static bool hashed(void *ctx, uint64_t more) {
    verifying *v = ctx;
    v->done += (double)more / 1048576;
    progress_step(&v->bar, v->done);
    return !interrupt_seen();
}

static void note_bad(verifying *v, const char *path, const char *why) {
    json_array_append_new(v->findings, json_pack("{s:o, s:o}", "path", out_json_text(path, strlen(path)), "why", out_json_text(why, strlen(why))));
    v->bad++;
}

static bool verify_file(verifying *v, const stored *s, const manifest_file *f, err *e) {
    char sha256[SHA256_HEX], *path = file_join(s->dir, f->name);
    uint64_t size = 0;
    err why = { 0 };
    if (!sha256_file(path, hashed, v, sha256, &size, &why)) {
        if (why.code == ERR_CANCELLED) *e = why;
        else note_bad(v, path, why.got[0] ? why.got : why.what);
    } else if (size != f->size || strcmp(sha256, f->sha256) != 0) {
        char text[300];
        if (size != f->size) snprintf(text, sizeof text, "%llu bytes instead of %llu", (unsigned long long)size, (unsigned long long)f->size);
        else snprintf(text, sizeof text, "SHA-256 %s instead of %s", sha256, f->sha256);
        note_bad(v, path, text);
    }
    free(path);
    return e->code == ERR_NONE;
}

static void report_verified(const models_options *o, const verifying *v, size_t n_files) {
    size_t i;
    json_t *f;
    if (o->json) {
        out_json(json_pack("{s:I, s:I, s:O}", "files", (json_int_t)n_files, "bad", (json_int_t)v->bad, "findings", v->findings), true);
        return;
    }
    json_array_foreach(v->findings, i, f) out_printf("differs: %s: %s\n", json_string_value(js_get(f, "path")), json_string_value(js_get(f, "why")));
    if (!v->bad) out_printf("%zu file%s: all as they were pulled.\n", n_files, n_files == 1 ? "" : "s");
    else out_puts("`pingti models rm NAME` and `pingti pull NAME` fetch it anew.\n");
}

static int verify(const models_options *o, const store_list *all, const char *name, const char *root) {
    err e = { 0 };
    const stored *one = name ? need(all, name, root, &e) : NULL;
    verifying v = { .findings = json_array() };
    uint64_t total = 0;
    size_t n_files = 0;
    for (size_t i = 0; i < all->n; i++)
        if (!one || one == &all->items[i]) total += all->items[i].m.bytes, n_files += all->items[i].m.n;
    interrupt_soft(true);
    progress_start(&v.bar, "verifying", "MiB", (double)total / 1048576, o->quiet);
    for (size_t i = 0; i < all->n && !e.code; i++) {
        const stored *s = &all->items[i];
        if (one && one != s) continue;
        if (!s->m.doc) note_bad(&v, s->dir, s->trouble.what);
        for (size_t k = 0; k < s->m.n && verify_file(&v, s, &s->m.files[k], &e); k++) {
        }
    }
    progress_end(&v.bar);
    if (!e.code) report_verified(o, &v, n_files);
    json_decref(v.findings);
    return e.code ? cli_fail(&e) : v.bad ? EXIT_ERROR : out_status();
}

static int wrong_action(const char *action, const char *what) {
    err e = { 0 };
    err_set(&e, ERR_USAGE, "'models %.50s' %s", action, what);
    err_expected(&e, "list, names, path NAME, verify [NAME] or rm NAME");
    return cli_fail(&e);
}

static int act(const models_options *o, const char *action, const char *name, const store_list *all, const char *root) {
    bool is_rm = strcmp(action, "rm") == 0, is_path = strcmp(action, "path") == 0;
    if ((is_rm || is_path) && !name) return wrong_action(action, "lacks a name");
    if (is_rm) return remove_one(o, all, name, root);
    if (is_path) return show_path(all, name, root);
    if (strcmp(action, "verify") == 0) return verify(o, all, name, root);
    if (strcmp(action, "names") == 0) return name ? wrong_action(action, "takes no name") : names(all);
    if (strcmp(action, "list") != 0) return wrong_action(action, "is not known");
    return name ? wrong_action(action, "takes no name") : list(o, all, root);
}

static int run(const void *options, opt_state *s) {
    const models_options *o = options;
    err e = { 0 };
    store_list all = { 0 };
    char *root = models_dir(o->models, &e);
    int status = root && store_read(root, &all, &e) ? act(o, opt_arg(s, 0) ? opt_arg(s, 0) : "list", opt_arg(s, 1), &all, root) : cli_fail(&e);
    store_list_free(&all);
    free(root);
    return status;
}

static const opt_part parts[] = { { &table, 0 } };

const command command_models = {
    { "models", "models [list | names | path NAME | verify [NAME] | rm NAME] [options]",
      "Shows what `pingti pull` has fetched: name, size, format, family, context and when. names writes what -m takes, one a line; path writes what -m NAME opens; verify reads every file again and compares its SHA-256 "
      "with that of the pull (exit status 1 when one differs, which is named); rm removes a model, asking first at a terminal.",
      "  pingti models\n"
      "  pingti models list --json\n"
      "  pingti models verify qwen2.5:0.5b\n"
      "  pingti models rm qwen2.5:0.5b --yes\n",
      parts, sizeof parts / sizeof *parts, 0, 2 },
    sizeof(models_options), run,
};
