#include "base/cgroup.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_CAP = 8192 };
static const uint64_t UNLIMITED = UINT64_C(1) << 60; /* version 1 says "no limit" by a number near 2^63 */

/* What the two versions call the same things. */
typedef struct names {
    const char *folder, *limit, *used, *inactive, *active;
} names;
static const names V2 = { "", "memory.max", "memory.current", "inactive_file", "active_file" };
static const names V2_BESIDE_V1 = { "/unified", "memory.max", "memory.current", "inactive_file", "active_file" };
static const names V1 = { "/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "total_active_file" };

static bool read_number(const char *dir, const char *name, uint64_t *out) {
    char path[PATH_CAP + 64];
    unsigned long long n;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    bool ok = f && fscanf(f, "%llu", &n) == 1; /* "max" is no number: no limit */
    if (f) fclose(f);
    if (ok) *out = n;
    return ok;
}

/* Pages of files that can be dropped when memory is wanted. */
static uint64_t droppable(const char *dir, const names *v) {
    char path[PATH_CAP + 64], line[256], key[64];
    unsigned long long n;
    uint64_t sum = 0;
    snprintf(path, sizeof path, "%s/memory.stat", dir);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%63s %llu", key, &n) == 2 && (strcmp(key, v->inactive) == 0 || strcmp(key, v->active) == 0)) sum += n;
    if (f) fclose(f);
    return sum;
}

static void look_at(const char *dir, const names *v, cgroup_memory *m) {
    uint64_t limit, used = 0;
    if (!read_number(dir, v->limit, &limit) || limit >= UNLIMITED) return;
    read_number(dir, v->used, &used);
    uint64_t files = droppable(dir, v);
    used = used > files ? used - files : 0;
    uint64_t left = limit > used ? limit - used : 0;
    if (limit < m->limit) m->limit = limit;
    if (left < m->available) m->available = left;
}

/* The group's own folder and those above it. Inside a container the path may be that of the host, where nothing lies here: the root then holds
 * the container's numbers. */
static void climb(const char *root, const names *v, const char *group, cgroup_memory *m) {
    char dir[PATH_CAP];
    size_t base = (size_t)snprintf(dir, sizeof dir, "%s%s", root, v->folder);
    if (base >= sizeof dir || (size_t)snprintf(dir + base, sizeof dir - base, "%s", group) >= sizeof dir - base) return;
    for (char *slash; (slash = strrchr(dir + base, '/')); *slash = 0)
        if (slash[1]) look_at(dir, v, m);
    look_at(dir, v, m);
}

cgroup_memory cgroup_memory_of(const char *membership, const char *root) {
    cgroup_memory m = { UINT64_MAX, UINT64_MAX };
    char line[PATH_CAP];
    FILE *f = fopen(membership, "r");
    while (f && fgets(line, sizeof line, f)) {
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = 0;
        controllers++;
        group[strcspn(group, "\n")] = 0;
        if (*controllers == 0) {
            climb(root, &V2, group, &m);
            climb(root, &V2_BESIDE_V1, group, &m);
        } else if (strcmp(controllers, "memory") == 0) climb(root, &V1, group, &m);
    }
    if (f) fclose(f);
    return m;
}

cgroup_memory cgroup_memory_now(void) { return cgroup_memory_of("/proc/self/cgroup", "/sys/fs/cgroup"); }
