#include "tensor/dtype.h"
#include "base/mem.h"
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    int gguf;
    uint32_t elems, bytes;
} rows[DTYPE_COUNT] = {
#define QUANT(ENUM, file, name, gguf, elems, bytes, enc) [DTYPE_##ENUM] = { name, gguf, elems, bytes },
#include "tensor/quants.def"
#undef QUANT
};

const char *dtype_name(dtype t) { return t < DTYPE_COUNT ? rows[t].name : "unknown"; }

bool dtype_from_name(const char *name, dtype *t) {
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (strcasecmp(rows[i].name, name) == 0) return *t = (dtype)i, true;
    if (strcmp(name, "F8_E4M3FN") == 0) return *t = DTYPE_F8_E4M3, true;
    return false;
}

bool dtype_from_gguf(uint32_t id, dtype *t) {
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (rows[i].gguf >= 0 && (uint32_t)rows[i].gguf == id) return *t = (dtype)i, true;
    return false;
}

int dtype_to_gguf(dtype t) { return rows[t].gguf; }
uint64_t dtype_block_elems(dtype t) { return rows[t].elems; }
uint64_t dtype_block_bytes(dtype t) { return rows[t].bytes; }

bool dtype_row_bytes(dtype t, uint64_t cols, uint64_t *bytes) {
    return cols % rows[t].elems == 0 && mem_mul(cols / rows[t].elems, rows[t].bytes, bytes);
}
