/* One storage format as a filter, for tests/clients/quants.py: quant_driver FORMAT COUNT decode|encode, rows on standard input. */
#include "base/mem.h"
#include "tensor/quant.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    dtype t;
    uint64_t bytes;
    size_t n = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    if (!n || !dtype_from_name(argv[1], &t) || !dtype_row_bytes(t, n, &bytes)) return 2;
    void *stored = mem_must(bytes, 1);
    float *plain = mem_must(n, sizeof *plain);
    bool decode = strcmp(argv[3], "decode") == 0;
    if (!decode && !quant_of(t)->from_f32) return 3;
    if (fread(decode ? stored : (void *)plain, 1, decode ? bytes : n * sizeof *plain, stdin) != (decode ? bytes : n * sizeof *plain)) return 4;
    if (decode) quant_of(t)->to_f32(stored, plain, n);
    else quant_of(t)->from_f32(plain, stored, n);
    bool ok = fwrite(decode ? (void *)plain : stored, 1, decode ? n * sizeof *plain : bytes, stdout) == (decode ? n * sizeof *plain : bytes);
    free(stored);
    free(plain);
    return ok ? 0 : 5;
}
