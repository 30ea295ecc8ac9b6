#include "cli/model_path.h"
#include "base/file.h"
#include "convert/carried.h"
#include "net/store.h"
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

char *models_dir(const char *given, err *e) {
    if (given && *given) return mem_must_copy(given, strlen(given));
    char *data = cli_xdg_dir("XDG_DATA_HOME", ".local/share"), *dir = data ? file_join(data, "models") : NULL;
    free(data);
    if (!dir) err_set(e, ERR_USAGE, "there is no place for models: HOME is not set"), err_hint(e, "set PINGTI_MODELS to a folder, or give --models");
    return dir;
}

static const char *pulled_path(opt_state *s, const char *root, const char *name, err *e) {
    store_list all;
    const stored *found = NULL;
    const char *kept = NULL;
    if (store_read(root, &all, e) && store_find(&all, name, &found, e)) {
        char *path = found ? store_path(found) : NULL;
        if (path) kept = opt_keep(s, path);
        else {
            err_set(e, ERR_IO, "there is no file '%.150s', and no pulled model of that name", name);
            err_where(e, "%s", root);
            err_hint(e, "`pingti pull %.100s` fetches it; `pingti models list` shows what is here", name);
        }
        free(path);
    }
    store_list_free(&all);
    return kept;
}

const char *model_path(opt_state *s, const model_choice *c, const char *given, err *e) {
    if (file_exists(given) || !repo_name_likely(given)) return given;
    char *root = models_dir(c->models, e);
    const char *path = root ? pulled_path(s, root, given, e) : NULL;
    free(root);
    return path;
}

static bool same_file(const char *a, const char *b, mode_t kind) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino && (x.st_mode & S_IFMT) == kind;
}

/* Any file of a directory but .gguf can be part of the model there. */
static bool may_be_part(const char *name) {
    size_t n = strlen(name);
    return n <= 5 || strcmp(name + n - 5, ".gguf") != 0 || strcmp(name, CARRIED_NAME) == 0;
}

bool model_spared(const char *model, const char *output, err *e) {
    if (same_file(model, output, S_IFREG))
        return err_set(e, ERR_USAGE, "'%s' is the model itself", output) || err_hint(e, "give another name with -o: what is lost on the way does not come back");
    char *a = mem_must_copy(output, strlen(output)), *b = mem_must_copy(output, strlen(output));
    bool inside = *output && same_file(model, dirname(a), S_IFDIR) && may_be_part(basename(b));
    free(a);
    free(b);
    if (!inside) return true;
    return err_set(e, ERR_USAGE, "'%s' lies among the files of the model that is read", output) || err_expected(e, "a place outside '%s', or a .gguf file that is not " CARRIED_NAME, model);
}
