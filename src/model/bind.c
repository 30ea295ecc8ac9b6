#include "model/bind.h"
#include <stdio.h>
#include <string.h>

static void name_of(const binder *b, tensor_names n, int il, char out[256]) {
    const char *pattern = b->gguf ? n.gguf : n.hf, *hole = pattern ? strstr(pattern, "%d") : NULL;
    if (!pattern) out[0] = 0;
    else if (!hole) snprintf(out, 256, "%s", pattern);
    else snprintf(out, 256, "%.*s%d%s", (int)(hole - pattern), pattern, il, hole + 2);
}

static const named_tensor *find_named(binder *b, const char *name) {
    const named_tensor *t = *name ? tensor_set_find(b->tensors, name) : NULL;
    if (t) b->used[t - b->tensors->items] = true;
    return t;
}

const named_tensor *bind_find(binder *b, tensor_names n, int il) {
    char name[256];
    name_of(b, n, il, name);
    return find_named(b, name);
}

bool bind_has(binder *b, tensor_names n, int il) {
    char name[256];
    name_of(b, n, il, name);
    return find_named(b, name) || bind_is_grouped(b, name);
}

static const named_tensor *require(binder *b, tensor_names n, int il) {
    const named_tensor *t = bind_find(b, n, il);
    if (t) return t;
    char name[256];
    name_of(b, n, il, name);
    err_set(b->e, ERR_FORMAT, "the model has no tensor '%s'", name);
    err_where(b->e, "%s", b->m->source->path);
    err_hint(b->e, "the file is incomplete, or its architecture is not what its metadata says");
    return NULL;
}

static bool wrong_shape(binder *b, const named_tensor *t, const char *expected) {
    char shape[96];
    return err_set(b->e, ERR_FORMAT, "tensor '%s' has the wrong shape", t->name) || err_where(b->e, "%s", b->m->source->path) ||
           err_expected(b->e, "%s", expected) || err_got(b->e, "%s", named_tensor_shape(t, shape)) ||
           err_hint(b->e, "the file does not fit its own metadata: fetch it again or report it");
}

static bool is_matrix(const named_tensor *t, uint64_t rows, uint64_t cols) {
    if (t->n_dims == 2) return t->dims[0] == rows && t->dims[1] == cols;
    return t->n_dims == 1 && rows == 1 && t->dims[0] == cols;
}

/* FP8 as DeepSeek-V3 publishes it: "<name>_scale_inv" f32 [ceil(rows/128), ceil(cols/128)]. */
static bool bind_block_scale(binder *b, const named_tensor *t, tensor *w) {
    char name[300];
    snprintf(name, sizeof name, "%.250s_scale_inv", t->name);
    const named_tensor *scale = find_named(b, name);
    if (!scale) {
        return err_set(b->e, ERR_FORMAT, "FP8 tensor '%s' has no block scales", t->name) || err_expected(b->e, "a tensor '%s'", name) ||
               err_hint(b->e, "only FP8 with 128x128 block scales, as DeepSeek-V3 and R1 are published, is computed");
    }
    uint64_t rows = (t->dims[0] + 127) / 128, cols = (t->dims[1] + 127) / 128;
    if (scale->type != DTYPE_F32 || !is_matrix(scale, rows, cols)) return wrong_shape(b, scale, "F32, one scale per 128x128 block");
    float *copy = arena_try(b->m->mem, rows * cols, sizeof *copy);
    if (!copy) return err_set(b->e, ERR_MEMORY, "out of memory for the scales of '%s'", t->name);
    memcpy(copy, scale->data, rows * cols * sizeof *copy);
    w->block_scale = copy;
    w->scale_rows = (uint32_t)rows;
    w->scale_cols = (uint32_t)cols;
    b->m->weight_bytes += scale->bytes;
    return true;
}

static bool copy_f32(binder *b, const named_tensor *t, uint64_t total, uint64_t from, const float **out);

/* GGUF: beside "X.weight" an "X.scale", f32 [n], multiplies each of n matrices' products (NVFP4, whose own scales are E4M3). "X.input_scale" is
 * for processors that multiply FP4 activations: these here keep their own precisions. */
static bool bind_factor(binder *b, const named_tensor *t, uint64_t n, tensor *w) {
    char name[256];
    if (!b->gguf) return true;
    if (tensor_name_beside(t->name, ".weight", ".input_scale", name)) find_named(b, name);
    const named_tensor *factor = tensor_name_beside(t->name, ".weight", ".scale", name) ? find_named(b, name) : NULL;
    return !factor || copy_f32(b, factor, n, 0, &w->factor);
}

static bool as_tensor(binder *b, const named_tensor *t, uint64_t rows, uint64_t cols, tensor *w) {
    *w = (tensor){ .type = t->type, .n = 1, .rows = rows, .cols = cols, .data = (void *)(uintptr_t)t->data };
    if (!dtype_row_bytes(t->type, cols, &w->stride))
        return err_set(b->e, ERR_FORMAT, "rows of tensor '%s' are not whole blocks", t->name) ||
               err_expected(b->e, "a multiple of %llu columns for %s", (unsigned long long)dtype_block_elems(t->type), dtype_name(t->type)) ||
               err_got(b->e, "%llu", (unsigned long long)cols);
    b->m->weight_bytes += t->bytes;
    b->m->parameters += rows * cols;
    return t->type != DTYPE_F8_E4M3 || bind_block_scale(b, t, w);
}

bool bind_weight(binder *b, tensor_names n, int il, uint64_t rows, uint64_t cols, weight *w) {
    return bind_weight_rows(b, n, il, rows, 0, rows, cols, w);
}

bool bind_weight_rows(binder *b, tensor_names n, int il, uint64_t total, uint64_t row0, uint64_t rows, uint64_t cols, weight *w) {
    char name[256], expected[64];
    name_of(b, n, il, name);
    if (bind_is_grouped(b, name)) return bind_grouped(b, name, total, row0, rows, cols, w);
    const named_tensor *t = require(b, n, il);
    if (!t) return false;
    snprintf(expected, sizeof expected, "[%llu, %llu]", (unsigned long long)total, (unsigned long long)cols);
    if (!is_matrix(t, total, cols)) return wrong_shape(b, t, expected);
    uint64_t bytes = b->m->weight_bytes, parameters = b->m->parameters;
    if (!as_tensor(b, t, total, cols, &w->w)) return false;
    if (row0) { /* the tensor was counted with its first rows */
        b->m->weight_bytes = bytes;
        b->m->parameters = parameters;
    }
    if (w->w.block_scale && row0 % 128)
        return err_set(b->e, ERR_UNSUPPORTED, "FP8 tensor '%s' is split inside a 128-row block", t->name);
    if (w->w.block_scale) w->w.block_scale += row0 / 128 * w->w.scale_cols;
    w->w.data = (char *)w->w.data + row0 * w->w.stride;
    w->w.rows = rows;
    w->name = t->name;
    return bind_factor(b, t, 1, &w->w);
}

static bool copy_f32(binder *b, const named_tensor *t, uint64_t total, uint64_t from, const float **out) {
    char expected[64];
    snprintf(expected, sizeof expected, "[%llu]", (unsigned long long)total);
    if (!is_matrix(t, 1, total)) return wrong_shape(b, t, expected);
    tensor view;
    if (!as_tensor(b, t, 1, total, &view)) return false;
    float *all = arena_try(b->m->mem, total, sizeof *all);
    if (!all) return err_set(b->e, ERR_MEMORY, "out of memory for '%s'", t->name);
    tensor_row_to_f32(&view, 0, 0, all);
    b->m->copied_bytes += total * sizeof *all;
    *out = all + from;
    return true;
}

bool bind_norm(binder *b, tensor_names n, int il, uint64_t n_elems, tensor *t) {
    const named_tensor *found = require(b, n, il);
    const float *data;
    if (!found || !copy_f32(b, found, n_elems, 0, &data)) return false;
    *t = tensor_view_f32((float *)(uintptr_t)data, 1, n_elems);
    return true;
}

bool bind_bias(binder *b, tensor_names n, int il, uint64_t n_elems, const float **bias) {
    return bind_bias_rows(b, n, il, n_elems, 0, bias);
}

bool bind_bias_rows(binder *b, tensor_names n, int il, uint64_t total, uint64_t row0, const float **bias) {
    const named_tensor *t = require(b, n, il);
    return t && copy_f32(b, t, total, row0, bias);
}

bool bind_matrices(binder *b, const named_tensor *t, uint64_t n, uint64_t rows, uint64_t cols, weight *w) {
    char expected[64];
    snprintf(expected, sizeof expected, "[%llu, %llu, %llu]", (unsigned long long)n, (unsigned long long)rows, (unsigned long long)cols);
    if (t->n_dims != 3 || t->dims[0] != n || t->dims[1] != rows || t->dims[2] != cols) return wrong_shape(b, t, expected);
    if (t->type == DTYPE_F8_E4M3) return err_set(b->e, ERR_UNSUPPORTED, "stacked FP8 tensor '%s'", t->name);
    if (!as_tensor(b, t, n * rows, cols, &w->w)) return false;
    w->w.n = (uint32_t)n;
    w->w.rows = rows;
    w->name = t->name;
    return bind_factor(b, t, n, &w->w);
}
