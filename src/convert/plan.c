#include "convert/plan.h"
#include "base/mem.h"
#include "tensor/quant.h"
#include <assert.h>
#include <string.h>

enum { FP8_BLOCK = 128 };

void plan_init(plan *p, const model_source *s) { *p = (plan){ .source = s, .keys = gguf_writer_new(), .mem = arena_new(0) }; }

void plan_free(plan *p) {
    gguf_writer_free(p->keys);
    free(p->tensors);
    if (p->mem) arena_free(p->mem);
    *p = (plan){ 0 };
}

static plan_tensor *add(plan *p, const char *name) {
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        p->tensors = mem_must_grow(p->tensors, p->cap, sizeof *p->tensors);
    }
    plan_tensor *t = &p->tensors[p->n++];
    *t = (plan_tensor){ .name = arena_must_copy(p->mem, name, strlen(name)) };
    return t;
}

plan_tensor *plan_add(plan *p, const char *name, const named_tensor *t) {
    plan_tensor *out = add(p, name);
    plan_part *part = arena_must(p->mem, 1, sizeof *part);
    *part = (plan_part){ .from = t };
    out->n_dims = t->n_dims ? t->n_dims : 1;
    memcpy(out->dims, t->dims, sizeof out->dims);
    if (!t->n_dims) out->dims[0] = 1;
    out->cols = out->dims[out->n_dims - 1];
    out->rows = 1;
    for (uint32_t i = 0; i + 1 < out->n_dims; i++) out->rows *= out->dims[i];
    out->from = out->to = t->type;
    out->parts = part;
    out->n_parts = 1;
    out->part_rows = out->rows;
    return out;
}

plan_tensor *plan_add_parts(plan *p, const char *name, const plan_part *parts, size_t n_parts, uint64_t part_rows, uint64_t cols) {
    plan_tensor *out = add(p, name);
    plan_part *copy = arena_must(p->mem, n_parts, sizeof *copy);
    memcpy(copy, parts, n_parts * sizeof *copy);
    *out = (plan_tensor){ .name = out->name, .n_dims = 3, .dims = { n_parts, part_rows, cols }, .rows = n_parts * part_rows, .cols = cols,
                          .from = parts->from->type, .to = parts->from->type, .parts = copy, .n_parts = n_parts, .part_rows = part_rows };
    return out;
}

plan_tensor *plan_add_values(plan *p, const char *name, const float *values, uint64_t n) {
    plan_tensor *out = add(p, name);
    float *copy = arena_must(p->mem, n, sizeof *copy);
    memcpy(copy, values, n * sizeof *copy);
    *out = (plan_tensor){ .name = out->name, .n_dims = 1, .dims = { n }, .rows = 1, .cols = n, .from = DTYPE_F32, .to = DTYPE_F32, .values = copy };
    return out;
}

const plan_tensor *plan_find(const plan *p, const char *name) {
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->tensors[i].name, name) == 0) return &p->tensors[i];
    return NULL;
}

/* Where row r lies within its part. PAIRED: rows 2i and 2i+1 of a head are its rows i and i + head/2 (the rotation of Su et al. 2021
 * over neighbours instead of halves). */
static uint64_t place(const plan_tensor *t, uint64_t r) {
    uint64_t h = t->head ? r - r % t->head : 0, i = r - h, half = t->head / 2;
    if (t->order == PLAN_PAIRED) return h + i % 2 * half + i / 2;
    if (t->order == PLAN_HALVED) return h + i % half * 2 + i / half;
    return r;
}

static const char *stored(const plan_part *part, uint64_t row, uint64_t cols) {
    uint64_t bytes;
    bool fits = dtype_row_bytes(part->from->type, cols, &bytes);
    assert(fits);
    return (const char *)part->from->data + (part->first + row) * bytes;
}

bool plan_copies(const plan_tensor *t) { return t->from == t->to && t->order != PLAN_ACROSS && t->order != PLAN_ROWS && !t->factored && (t->values || !t->parts->scale); }

const void *plan_row_bytes(const plan_tensor *t, uint64_t row) {
    if (t->values) return t->values + row * t->cols;
    return stored(&t->parts[row / t->part_rows], place(t, row % t->part_rows), t->cols);
}

/* FP8 as published for DeepSeek-V3: value = stored * scale of its 128x128 block. */
static void apply_scale(const plan_part *part, uint64_t row, float *x, uint64_t cols) {
    if (!part->scale) return;
    uint64_t wide = (cols + FP8_BLOCK - 1) / FP8_BLOCK, from = row / FP8_BLOCK * wide;
    for (uint64_t c = 0; c < cols; c++) {
        float s;
        memcpy(&s, (const char *)part->scale->data + (from + c / FP8_BLOCK) * sizeof s, sizeof s);
        x[c] *= s;
    }
}

static void apply_factor(const plan_part *part, uint64_t row, float *x, uint64_t cols) {
    if (!part->factor) return;
    float factor = part->factor[part->from->n_dims == 3 ? row / part->from->dims[1] : 0];
    for (uint64_t c = 0; c < cols; c++) x[c] *= factor;
}

static void part_row(const plan_part *part, uint64_t row, uint64_t cols, float *out) {
    quant_of(part->from->type)->to_f32(stored(part, row, cols), out, cols);
    apply_scale(part, part->first + row, out, cols);
    apply_factor(part, part->first + row, out, cols);
}

/* Element c of the result is element `row` of the part's row c. */
static void row_across(const plan_tensor *t, const plan_part *part, uint64_t row, float *out, float *spare) {
    uint64_t wide = part->from->dims[part->from->n_dims - 1];
    bool plain = dtype_block_elems(part->from->type) == 1 && !part->scale && !part->factor;
    for (uint64_t c = 0; c < t->cols; c++) {
        if (plain) quant_of(part->from->type)->to_f32(stored(part, c, wide) + row * dtype_block_bytes(part->from->type), &out[c], 1);
        else {
            part_row(part, c, wide, spare);
            out[c] = spare[row];
        }
    }
}

uint64_t plan_spare(const plan_tensor *t) {
    bool turns = t->order == PLAN_ACROSS || t->order == PLAN_ROWS;
    return turns ? t->parts->from->dims[t->parts->from->n_dims - 1] : 0; /* the first part is one that turns */
}

void plan_row_f32(const plan_tensor *t, uint64_t row, float *out, float *spare) {
    if (t->values) {
        memcpy(out, t->values + row * t->cols, t->cols * sizeof *out);
        return;
    }
    const plan_part *part = &t->parts[row / t->part_rows];
    uint64_t r = row % t->part_rows;
    if (t->order == PLAN_ACROSS || part->is_column) row_across(t, part, t->order == PLAN_ACROSS ? r : part->column, out, spare);
    else part_row(part, place(t, r), t->cols, out);
}

bool plan_from_gguf(plan *p, const model_source *s, err *e) {
    (void)e;
    plan_init(p, s);
    for (size_t i = 0; i < gguf_n_keys(s->gguf); i++) {
        const char *key = gguf_key(s->gguf, i);
        if (strncmp(key, "split.", 6) != 0 && strcmp(key, "general.alignment") != 0) gguf_set_copy(p->keys, s->gguf, i);
    }
    for (size_t i = 0; i < s->tensors->n; i++) plan_add(p, s->tensors->items[i].name, &s->tensors->items[i]);
    return true;
}
