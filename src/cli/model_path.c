#include "cli/model_path.h"
#include "base/file.h"
#include "net/store.h"
#include <string.h>

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
