#include "base/cache.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool cache_line(int index, const char *what, char *out, size_t cap) {
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, what);
    FILE *f = fopen(path, "r");
    bool ok = f && fgets(out, (int)cap, f);
    if (ok) out[strcspn(out, "\n")] = 0;
    if (f) fclose(f);
    return ok;
}

/* "0-3,8-11" -> 8 */
static int count_list(const char *list) {
    int n = 0, from, to, used;
    for (const char *p = list; sscanf(p, "%d%n", &from, &used) == 1; p += *p == ',') {
        p += used;
        to = from;
        if (*p == '-' && sscanf(p + 1, "%d%n", &to, &used) == 1) p += used + 1;
        n += to - from + 1;
    }
    return n > 0 ? n : 1;
}

/* What the C library knows where the system has no files about it (some virtual machines, containers without /sys). */
static size_t from_libc(int level) {
#if defined(_SC_LEVEL1_DCACHE_SIZE)
    static const int names[CACHE_LEVELS] = { _SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE };
    long n = sysconf(names[level - 1]);
    return n > 0 ? (size_t)n : 0;
#else
    return (void)level, 0;
#endif
}

cache_level cache_of_level(int level) {
    char text[256];
    for (int i = 0; i < 8; i++) {
        int at;
        size_t n;
        char unit = 0;
        if (!cache_line(i, "level", text, sizeof text) || sscanf(text, "%d", &at) != 1 || at != level) continue;
        if (!cache_line(i, "type", text, sizeof text) || strcmp(text, "Instruction") == 0) continue;
        if (!cache_line(i, "size", text, sizeof text) || sscanf(text, "%zu%c", &n, &unit) < 1) continue;
        n *= unit == 'K' ? 1024u : unit == 'M' ? 1024u * 1024u : 1u;
        return (cache_level){ n, cache_line(i, "shared_cpu_list", text, sizeof text) ? count_list(text) : 1 };
    }
    return (cache_level){ from_libc(level), 1 };
}
