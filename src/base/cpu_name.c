#include "base/cpu_name.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Part numbers as their makers document them for the main identification register (MIDR_EL1). */
typedef struct core_name {
    unsigned implementer, part;
    const char *name;
} core_name;

static const core_name cores[] = {
    { 0x41, 0xd03, "Cortex-A53" },   { 0x41, 0xd04, "Cortex-A35" },   { 0x41, 0xd05, "Cortex-A55" },   { 0x41, 0xd07, "Cortex-A57" },
    { 0x41, 0xd08, "Cortex-A72" },   { 0x41, 0xd09, "Cortex-A73" },   { 0x41, 0xd0a, "Cortex-A75" },   { 0x41, 0xd0b, "Cortex-A76" },
    { 0x41, 0xd0c, "Neoverse-N1" },  { 0x41, 0xd0d, "Cortex-A77" },   { 0x41, 0xd40, "Neoverse-V1" },  { 0x41, 0xd41, "Cortex-A78" },
    { 0x41, 0xd44, "Cortex-X1" },    { 0x41, 0xd46, "Cortex-A510" },  { 0x41, 0xd47, "Cortex-A710" },  { 0x41, 0xd48, "Cortex-X2" },
    { 0x41, 0xd49, "Neoverse-N2" },  { 0x41, 0xd4a, "Neoverse-E1" },  { 0x41, 0xd4b, "Cortex-A78C" },  { 0x41, 0xd4d, "Cortex-A715" },
    { 0x41, 0xd4e, "Cortex-X3" },    { 0x41, 0xd4f, "Neoverse-V2" },  { 0x41, 0xd80, "Cortex-A520" },  { 0x41, 0xd81, "Cortex-A720" },
    { 0x41, 0xd82, "Cortex-X4" },    { 0x41, 0xd84, "Neoverse-V3" },  { 0x41, 0xd85, "Cortex-X925" },  { 0x41, 0xd87, "Cortex-A725" },
    { 0x41, 0xd8e, "Neoverse-N3" },  { 0x43, 0x0af, "ThunderX2" },    { 0x46, 0x001, "A64FX" },        { 0x48, 0xd01, "TaiShan v110" },
    { 0x4e, 0x004, "Carmel" },       { 0x51, 0x001, "Oryon" },        { 0xc0, 0xac3, "Ampere-1" },     { 0xc0, 0xac4, "Ampere-1a" },
};

static void show_core(unsigned implementer, unsigned part, char *out, size_t cap) {
    for (size_t i = 0; i < sizeof cores / sizeof *cores; i++)
        if (cores[i].implementer == implementer && cores[i].part == part) {
            snprintf(out, cap, "%s", cores[i].name);
            return;
        }
    snprintf(out, cap, "aarch64, implementer 0x%02x, part 0x%03x", implementer, part);
}

/* "name : value" -> the value without blanks around it. */
static char *value_of(char *line, const char *name) {
    size_t n = strlen(name);
    char *colon = strchr(line, ':');
    if (strncmp(line, name, n) != 0 || !colon) return NULL;
    for (const char *p = line + n; p < colon; p++)
        if (!isspace((unsigned char)*p)) return NULL;
    char *v = colon + 1;
    while (isspace((unsigned char)*v)) v++;
    for (size_t end = strlen(v); end && isspace((unsigned char)v[end - 1]); end--) v[end - 1] = 0;
    return v;
}

/* Adds the core unless it is there. */
static void add_core(char *list, size_t cap, const char *core) {
    size_t n = strlen(list);
    for (const char *at = list; (at = strstr(at, core)); at++) { /* "Cortex-A78" is not "Cortex-A78C" */
        const char *after = at + strlen(core);
        if (!*after || strncmp(after, " + ", 3) == 0) return;
    }
    if (n + strlen(core) + 4 < cap) snprintf(list + n, cap - n, "%s%s", n ? " + " : "", core);
}

bool cpu_name_read(FILE *cpuinfo, char *out, size_t cap) {
    char line[4096], core[64], found[128] = "", *v; /* a line of flags can be long */
    unsigned implementer = 0;
    while (fgets(line, sizeof line, cpuinfo)) {
        if ((v = value_of(line, "model name")) && *v) {
            snprintf(out, cap, "%s", v);
            return true;
        }
        if ((v = value_of(line, "CPU implementer"))) implementer = (unsigned)strtoul(v, NULL, 0);
        if (!(v = value_of(line, "CPU part"))) continue;
        show_core(implementer, (unsigned)strtoul(v, NULL, 0), core, sizeof core);
        add_core(found, sizeof found, core);
    }
    if (*found) snprintf(out, cap, "%s", found);
    return *found;
}
