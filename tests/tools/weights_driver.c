/* weights_driver MODEL: the matrices of a model's linear layers as pingti reads them, for scripts that compare them with other readers'. To
 * standard output, for each matrix: its name and a newline; u32 rows, u32 columns, u32 length of the format's name, that name; the rows as
 * f32, and the same rows once more as fast products see them (blocks of that format, columns in their own order again). */
#include "base/mem.h"
#include "model/place.h"
#include "tensor/quant.h"
#include <stdio.h>
#include <string.h>

static void write_u32(uint64_t v) {
    uint32_t n = (uint32_t)v;
    fwrite(&n, sizeof n, 1, stdout);
}

static void write_blocks(const tensor *t, uint64_t i, uint64_t row, float *out, void *memory, float *ordered) {
    const uint32_t *order = tensor_order(t, i);
    if (t->type == DTYPE_F8_E4M3) {
        tensor_row_to_f32(t, i, row, out);
        return;
    }
    quant_of(t->type)->to_f32(tensor_row_blocks(t, i, row, memory), ordered, t->cols);
    for (uint64_t k = 0; k < t->cols; k++) out[order ? order[k] : k] = ordered[k];
}

static bool write_matrix(void *ctx, const weight *w, op_id op) {
    const tensor *t = &w->w;
    float *row = mem_must(t->cols, sizeof *row), *ordered = mem_must(t->cols, sizeof *ordered);
    void *memory = mem_must(t->cols, sizeof *row);
    (void)ctx, (void)op;
    for (uint64_t i = 0; i < t->n; i++) {
        printf("%s\n", w->name);
        write_u32(t->rows);
        write_u32(t->cols);
        write_u32(strlen(dtype_name(t->type)));
        fputs(dtype_name(t->type), stdout);
        for (int blocks = 0; blocks < 2; blocks++)
            for (uint64_t r = 0; r < t->rows; r++) {
                if (blocks) write_blocks(t, i, r, row, memory, ordered);
                else tensor_row_to_f32(t, i, r, row);
                fwrite(row, sizeof *row, t->cols, stdout);
            }
    }
    free(row);
    free(ordered);
    free(memory);
    return true;
}

int main(int argc, char **argv) {
    err e = { 0 };
    char text[2048];
    model_source *s = argc == 2 ? model_source_open(argv[1], &e) : NULL;
    model *m = s ? model_open(s, &e) : NULL;
    if (m) model_each_weight(m, write_matrix, NULL);
    else if (argc == 2) err_format(&e, text, sizeof text), fprintf(stderr, "%s\n", text);
    int status = m ? fflush(stdout) != 0 : 2;
    model_close(m);
    model_source_close(s);
    return status;
}
