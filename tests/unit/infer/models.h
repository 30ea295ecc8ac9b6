/* The models that the engine's tests run: tests/golden/models, and real ones where they lie beside the checkout. */
#ifndef PINGTI_TESTS_MODELS_H
#define PINGTI_TESTS_MODELS_H
#include "unit/check.h"
#include "base/file.h"
#include "model/model.h"
#include <dirent.h>

typedef struct opened_model {
    model_source *source;
    model *m;
} opened_model;

static inline opened_model open_model(const char *path) {
    err e = { 0 };
    opened_model o = { model_source_open(path, &e), NULL };
    check_ok(o.source != NULL, &e);
    o.m = model_open(o.source, &e);
    check_ok(o.m != NULL, &e);
    return o;
}

static inline void close_model(opened_model *o) {
    model_close(o->m);
    model_source_close(o->source);
}

/* Directories under dir that hold a config.json. */
static inline size_t models_under(const char *dir, char (*paths)[512], size_t cap) {
    DIR *d = opendir(dir);
    size_t n = 0;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        char config[640];
        if (entry->d_name[0] == '.' || n == cap) continue;
        snprintf(paths[n], sizeof *paths, "%.200s/%.200s", dir, entry->d_name);
        snprintf(config, sizeof config, "%s/config.json", paths[n]);
        n += file_exists(config);
    }
    if (d) closedir(d);
    return n;
}
#endif
