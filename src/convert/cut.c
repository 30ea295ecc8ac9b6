#include "convert/cut.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/safetensors_write.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_INDEX = 128 << 20 };

static bool drop(const char *dir, const char *name, err *e) {
    char *path = file_join(dir, name);
    bool ok = unlink(path) == 0 || errno == ENOENT || err_set(e, ERR_IO, "a file of an earlier cut cannot be removed") || err_where(e, "%s", path) || err_got(e, "%s", strerror(errno)) ||
              err_hint(e, "remove it by hand: readers would take it for a part of this model");
    free(path);
    return ok;
}

bool cut_drop_index(const char *dir, const buf *index, err *e) {
    char *path = file_join(dir, SAFETENSORS_INDEX);
    size_t n = 0;
    char *then = file_exists(path) ? file_read(path, MAX_INDEX, &n, NULL) : NULL;
    bool same = then && index && n == index->len && memcmp(then, index->data, n) == 0, there = file_exists(path);
    free(then);
    free(path);
    return !there || same || drop(dir, SAFETENSORS_INDEX, e);
}

static bool ends(const char *name, size_t n, const char *with) {
    size_t m = strlen(with);
    return n >= m && memcmp(name + n - m, with, m) == 0;
}

/* How many shards there are where a file has this name; 0: it is no shard. A part file counts as what it was to become. */
static size_t shards_of(const char *name) {
    static const char *const begun[] = { "", ".part", ".part.done" };
    size_t n = strlen(name), i, all;
    char own[64];
    for (size_t k = 0; k < sizeof begun / sizeof *begun; k++) {
        if (!ends(name, n, begun[k])) continue;
        size_t m = n - strlen(begun[k]);
        if (m == strlen("model.safetensors") && memcmp(name, "model.safetensors", m) == 0) return 1;
        if (sscanf(name, "model-%5zu-of-%5zu.", &i, &all) != 2 || i < 1 || all < 2) continue;
        safetensors_shard_name(i - 1, all, own);
        if (strlen(own) == m && memcmp(name, own, m) == 0) return all;
    }
    return 0;
}

bool cut_drop_others(const char *dir, size_t n, size_t *removed, err *e) {
    DIR *d = opendir(dir);
    bool ok = d || err_set(e, ERR_IO, "the directory '%s' cannot be read", dir) || err_got(e, "%s", strerror(errno));
    *removed = 0;
    for (struct dirent *entry; d && ok && (entry = readdir(d));) {
        size_t all = shards_of(entry->d_name);
        if (!all || all == n) continue;
        ok = drop(dir, entry->d_name, e);
        *removed += ok;
    }
    if (d) closedir(d);
    return ok;
}
