#include "backend/backend.h"
#include "backend/cpu/cpu.h"
#include "backend/cpu/ref/ref.h"
#include <string.h>

static const backend *const all[] = {
#define BACKEND(symbol) &symbol,
#include "backend/backends.def"
#undef BACKEND
};

size_t backend_count(void) { return sizeof all / sizeof *all; }
const backend *backend_at(size_t i) { return i < backend_count() ? all[i] : NULL; }

const backend *backend_find(const char *name) {
    for (size_t i = 0; i < backend_count(); i++)
        if (strcmp(all[i]->name, name) == 0) return all[i];
    return NULL;
}

const char *backend_kernels_name(void) { return cpu_isa_name(cpu_chosen_isa()); }
