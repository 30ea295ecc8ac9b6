#include "model/names.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TENSOR(NAME, hf, gguf) const tensor_names NAME_##NAME = { hf, gguf };
#include "model/names.def"
#undef TENSOR

static const tensor_names *const all[] = {
#define TENSOR(NAME, hf, gguf) &NAME_##NAME,
#include "model/names.def"
#undef TENSOR
};

size_t tensor_names_count(void) { return sizeof all / sizeof *all; }
const tensor_names *tensor_names_at(size_t i) { return i < tensor_names_count() ? all[i] : NULL; }

void tensor_name_fill(const char *pattern, int layer, int expert, char out[256]) {
    size_t n = 0;
    int numbers[2] = { layer, expert }, i = 0;
    for (const char *p = pattern; *p && n < 255;) {
        if (p[0] == '%' && p[1] == 'd' && i < 2) {
            int w = snprintf(out + n, 256 - n, "%d", numbers[i++]);
            n = n + (size_t)w < 255 ? n + (size_t)w : 255;
            p += 2;
        } else out[n++] = *p++;
    }
    out[n] = 0;
}

bool tensor_name_fits(const char *pattern, const char *name, int *layer, int *expert) {
    int *numbers[2] = { layer, expert }, i = 0;
    *layer = *expert = -1;
    if (!pattern) return false;
    while (*pattern) {
        if (pattern[0] == '%' && pattern[1] == 'd' && i < 2) {
            char *end;
            if (*name < '0' || *name > '9') return false;
            long v = strtol(name, &end, 10);
            if (v > 1 << 20) return false;
            *numbers[i++] = (int)v;
            name = end;
            pattern += 2;
        } else if (*pattern++ != *name++) return false;
    }
    return *name == 0;
}

bool tensor_name_beside(const char *name, const char *from, const char *to, char out[256]) {
    size_t n = strlen(name), end = strlen(from);
    if (n < end || strcmp(name + n - end, from) != 0 || n - end + strlen(to) > 255) return false;
    snprintf(out, 256, "%.*s%s", (int)(n - end), name, to);
    return true;
}
