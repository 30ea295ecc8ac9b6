/* Binding of GPTQ, AWQ and compressed-tensors weights: the tensors that stand for "<base>.weight", each shape and type checked, become a
 * `grouped` matrix (tensor/grouped.h), which stays in the mapped file as it is. */
#include "model/bind.h"
#include <stdio.h>
#include <string.h>

/* One weight that is being put together. */
typedef struct parts {
    binder *b;
    char base[256];      /* "model.layers.0.mlp.up_proj" */
    uint64_t rows, cols; /* as the spec says */
    grouped g;
    uint64_t bytes;      /* of all tensors found */
} parts;

typedef struct part {
    const named_tensor *t; /* NULL: absent */
    const char *type;      /* safetensors' name */
} part;

static part find_part(parts *p, const char *suffix) {
    char name[320];
    const safetensors *file = p->b->m->source->weights;
    snprintf(name, sizeof name, "%s.%s", p->base, suffix);
    const named_tensor *t = tensor_set_find(p->b->tensors, name);
    const tensor_set *others = safetensors_others(file);
    if (t) {
        p->b->used[t - p->b->tensors->items] = true;
        p->bytes += t->bytes;
        return (part){ t, dtype_name(t->type) };
    }
    if (!(t = tensor_set_find(others, name))) return (part){ NULL, "" };
    p->b->used_others[t - others->items] = true;
    p->bytes += t->bytes;
    return (part){ t, safetensors_other_type(file, (size_t)(t - others->items)) };
}

static bool missing(const parts *p, const char *suffix) {
    return err_set(p->b->e, ERR_FORMAT, "the quantized weight '%s' has no tensor '%s'", p->base, suffix) || err_where(p->b->e, "%s", p->b->m->source->path) ||
           err_hint(p->b->e, "the files are incomplete: fetch the model again");
}

/* A part of this type and shape (cols 0: one dimension). */
static bool check_part(const parts *p, part x, const char *type, uint64_t rows, uint64_t cols) {
    char shape[96], want[96];
    bool flat = !cols, fits = flat ? (x.t->n_dims == 1 && x.t->dims[0] == rows) || (x.t->n_dims == 0 && rows == 1) : x.t->n_dims == 2 && x.t->dims[0] == rows && x.t->dims[1] == cols;
    if (fits && strcmp(x.type, type) == 0) return true;
    if (flat) snprintf(want, sizeof want, "[%llu]", (unsigned long long)rows);
    else snprintf(want, sizeof want, "[%llu, %llu]", (unsigned long long)rows, (unsigned long long)cols);
    return err_set(p->b->e, ERR_FORMAT, "tensor '%s' does not fit its weight", x.t->name) || err_where(p->b->e, "%s", p->b->m->source->path) ||
           err_expected(p->b->e, "%s of %s", want, type) || err_got(p->b->e, "%s of %s", named_tensor_shape(x.t, shape), x.type) ||
           err_hint(p->b->e, "quantization_config and the files do not belong together, or the files are damaged");
}

static bool bad_value(const parts *p, part x, const char *expected, long long got) {
    return err_set(p->b->e, ERR_FORMAT, "tensor '%s' holds a value that cannot be used", x.t->name) || err_where(p->b->e, "%s", p->b->m->source->path) ||
           err_expected(p->b->e, "%s", expected) || err_got(p->b->e, "%lld", got);
}

static bool scale_type_of(const parts *p, part x, grouped_scale_type *type) {
    static const struct { const char *name; grouped_scale_type type; } types[] = { { "F16", SCALE_F16 }, { "BF16", SCALE_BF16 }, { "F32", SCALE_F32 } };
    for (size_t i = 0; i < 3; i++)
        if (strcmp(types[i].name, x.type) == 0) return *type = types[i].type, true;
    return err_set(p->b->e, ERR_FORMAT, "the scales '%s' have the wrong type", x.t->name) || err_expected(p->b->e, "F16, BF16 or F32") || err_got(p->b->e, "%s", x.type);
}

/* Fields of how many bits make lines of `words` words for `n` values; 0: none do. */
static uint32_t bits_of(uint64_t words, uint64_t n) { return n && words && words < 1u << 30 && words * 32 % n == 0 && words * 32 / n <= 8 ? (uint32_t)(words * 32 / n) : 0; }

static bool outputs_fill_words(const parts *p) {
    if (p->rows * p->g.bits % 32 == 0) return true;
    return err_set(p->b->e, ERR_UNSUPPORTED, "the outputs of '%s' do not fill whole words", p->base) || err_expected(p->b->e, "a multiple of 32 bits a row of zero points") ||
           err_got(p->b->e, "%llu outputs of %u bits", (unsigned long long)p->rows, p->g.bits);
}

static bool inputs_fill_words(const parts *p) {
    if (p->cols * p->g.bits % 32 == 0) return true;
    return err_set(p->b->e, ERR_UNSUPPORTED, "the inputs of '%s' do not fill whole words", p->base) || err_expected(p->b->e, "a multiple of 32 bits a row of fields") ||
           err_got(p->b->e, "%llu inputs of %u bits", (unsigned long long)p->cols, p->g.bits);
}

/* Groups by the configuration, or by the scales where modules differ. */
static bool count_groups(parts *p, part scales) {
    const hfquant *q = &p->b->m->quant;
    uint64_t per = q->group < 0 ? p->cols : (uint64_t)q->group, here = scales.t->n_dims == 2 ? scales.t->dims[0] : 0;
    if (q->mixed && here && p->cols % here == 0) per = p->cols / here;
    p->g.group = per < p->cols ? per : p->cols;
    p->g.groups = (p->cols + p->g.group - 1) / p->g.group;
    return check_part(p, scales, scales.type, p->g.groups, p->rows) && scale_type_of(p, scales, &p->g.scale_type);
}

/* Scales [groups, out], as GPTQ and AWQ have them. */
static bool take_scales(parts *p) {
    part scales = find_part(p, "scales");
    if (!scales.t) return missing(p, "scales");
    p->g.scale = scales.t->data;
    p->g.scale_rows = p->g.scale_row_step = 1;
    p->g.scale_group_step = p->rows;
    return count_groups(p, scales);
}

/* q, k and v, gate and up: what reads the same input mostly has the same order; equal ones are one array, so that activations are turned once. */
static const uint32_t *shared_order(binder *b, uint32_t *order, uint64_t cols) {
    if (b->order && b->order_cols == cols && memcmp(b->order, order, cols * sizeof *order) == 0) return b->order;
    b->order = order;
    b->order_cols = cols;
    return order;
}

/* Which group each column belongs to; columns of a group in one piece are the usual case and need no list. */
static bool take_group_index(parts *p, const char *suffix) {
    part x = find_part(p, suffix);
    if (!x.t) return true;
    if (!check_part(p, x, "I32", p->cols, 0)) return false;
    arena *mem = p->b->m->mem;
    int32_t *group = arena_try(mem, p->cols, sizeof *group);
    uint32_t *order = arena_try(mem, p->cols, sizeof *order);
    if (!group || !order) return err_set(p->b->e, ERR_MEMORY, "out of memory for the column order of '%s'", p->base);
    memcpy(group, x.t->data, p->cols * sizeof *group);
    bool plain = true;
    for (uint64_t k = 0; k < p->cols; k++) {
        if (group[k] < 0 || (uint64_t)group[k] >= p->g.groups) {
            char expected[64];
            snprintf(expected, sizeof expected, "groups 0 to %llu", (unsigned long long)p->g.groups - 1);
            return bad_value(p, x, expected, group[k]);
        }
        plain = plain && (uint64_t)group[k] == k / p->g.group;
    }
    if (plain) return true;
    p->g.group_of = group;
    if (grouped_order(&p->g, order)) p->g.order = shared_order(p->b, order, p->cols);
    return true;
}

/* A file of the second format (zero points as they are) that says it is of the first: all of a symmetric model's would be off by one. */
static bool check_symmetric(const parts *p, part zeros) {
    const hfquant *q = &p->b->m->quant;
    if (!q->symmetric || !q->zeros_stored_less_one || q->mixed) return true;
    static const struct { uint32_t first, second; } middles[9] = { [2] = { 0x55555555u, 0xaaaaaaaau }, [4] = { 0x77777777u, 0x88888888u }, [8] = { 0x7f7f7f7fu, 0x80808080u } };
    uint32_t middle = middles[p->g.bits].second;
    uint64_t same = 0, n = zeros.t->bytes / 4;
    for (uint64_t i = 0; middle && i < n; i++) {
        uint32_t word;
        memcpy(&word, (const char *)zeros.t->data + 4 * i, sizeof word);
        same += word == middle;
    }
    if (!n || same < n) return true;
    return err_set(p->b->e, ERR_FORMAT, "the zero points '%s' are those of gptq_v2", zeros.t->name) || err_where(p->b->e, "%s", p->b->m->source->path) ||
           err_expected(p->b->e, "words 0x%08x, as checkpoint_format gptq with sym stores them", middles[p->g.bits].first) ||
           err_got(p->b->e, "0x%08x throughout", middle) || err_hint(p->b->e, "if the model was saved as gptq_v2, say so in config.json: \"checkpoint_format\": \"gptq_v2\"");
}

static bool take_gptq(parts *p, part q) {
    const hfquant *c = &p->b->m->quant;
    uint64_t words = q.t->n_dims == 2 ? q.t->dims[0] : 0;
    p->g.layout = GROUPED_DOWN;
    p->g.bits = c->mixed ? bits_of(words, p->cols) : c->bits;
    if (p->g.bits != 2 && p->g.bits != 3 && p->g.bits != 8) p->g.bits = 4;
    if (!check_part(p, q, "I32", p->cols * p->g.bits / 32, p->rows) || !outputs_fill_words(p)) return false;
    if (p->cols % 32) return err_set(p->b->e, ERR_UNSUPPORTED, "the inputs of '%s' do not fill whole words", p->base) || err_expected(p->b->e, "a multiple of 32");
    if (!take_scales(p)) return false;
    part zeros = find_part(p, "qzeros");
    if (!zeros.t) return missing(p, "qzeros");
    p->g.zero_kind = ZEROS_ACROSS;
    p->g.zero_base = c->zeros_stored_less_one;
    p->g.zeros = zeros.t->data;
    return check_part(p, zeros, "I32", p->g.groups, p->rows * p->g.bits / 32) && check_symmetric(p, zeros) && take_group_index(p, "g_idx");
}

static bool take_awq(parts *p, part q) {
    p->g.layout = GROUPED_AWQ;
    p->g.bits = 4;
    if (!outputs_fill_words(p) || !check_part(p, q, "I32", p->cols, p->rows / 8) || !take_scales(p)) return false;
    part zeros = find_part(p, "qzeros");
    if (!zeros.t) return missing(p, "qzeros");
    p->g.zero_kind = ZEROS_AWQ;
    p->g.zeros = zeros.t->data;
    return check_part(p, zeros, "I32", p->g.groups, p->rows / 8);
}

/* Scales of compressed-tensors: one for all, [out] or [out, groups], or [blocks of rows, blocks of columns]. */
static bool take_weight_scale(parts *p) {
    part s = find_part(p, "weight_scale");
    if (!s.t) return missing(p, "weight_scale");
    const uint64_t *d = s.t->dims;
    const uint32_t *block = p->b->m->quant.block;
    bool one = s.t->n_dims == 0 || (d[0] == 1 && (s.t->n_dims == 1 || (s.t->n_dims == 2 && d[1] == 1))), blocks = block[0] && s.t->n_dims == 2 && (p->g.layout == GROUPED_FP8 || p->g.layout == GROUPED_BYTES);
    p->g.scale = s.t->data;
    p->g.scale_rows = one ? p->rows : blocks ? block[0] : 1;
    p->g.group = one ? p->cols : blocks ? block[1] : s.t->n_dims == 2 && d[1] && p->cols % d[1] == 0 ? p->cols / d[1] : p->cols;
    if (p->g.group > p->cols) p->g.group = p->cols;
    p->g.groups = (p->cols + p->g.group - 1) / p->g.group;
    p->g.scale_row_step = p->g.groups;
    p->g.scale_group_step = 1;
    uint64_t lines = (p->rows + p->g.scale_rows - 1) / p->g.scale_rows;
    bool flat = one || (s.t->n_dims == 1 && d[0] == p->rows);
    if (!flat && !check_part(p, s, s.type, lines, p->g.groups)) return false;
    if (p->g.layout != GROUPED_FP4) return scale_type_of(p, s, &p->g.scale_type);
    bool e4m3 = strcmp(s.type, "F8_E4M3") == 0;
    p->g.scale_type = e4m3 ? SCALE_E4M3 : SCALE_E8M0;
    return check_part(p, s, e4m3 ? "F8_E4M3" : strcmp(s.type, "F8_E8M0") == 0 ? "F8_E8M0" : "U8", p->rows, p->cols / (e4m3 ? 16 : 32));
}

static bool take_packed_integers(parts *p, part q) {
    p->g.layout = GROUPED_ALONG;
    p->g.bits = bits_of(q.t->n_dims == 2 ? q.t->dims[1] : 0, p->cols);
    if (!p->g.bits || p->cols % 32) p->g.bits = 4; /* and the shape is refused */
    if (!check_part(p, q, "I32", p->rows, (p->cols * p->g.bits + 31) / 32) || !inputs_fill_words(p) || !take_weight_scale(p)) return false;
    p->g.zero_base = 1 << (p->g.bits - 1);
    part zeros = find_part(p, "weight_zero_point"), shape = find_part(p, "weight_shape");
    uint64_t stored[2];
    if (shape.t) {
        bool wide = strcmp(shape.type, "I64") == 0;
        if (!check_part(p, shape, wide ? "I64" : "I32", 2, 0)) return false;
        for (int i = 0; i < 2; i++) stored[i] = 0, memcpy(&stored[i], (const char *)shape.t->data + i * (wide ? 8 : 4), wide ? 8 : 4);
        if (stored[0] != p->rows || stored[1] != p->cols) return bad_value(p, shape, "the weight's own shape", (long long)stored[stored[0] == p->rows]);
    }
    if (zeros.t) {
        p->g.zero_kind = ZEROS_DOWN;
        p->g.zero_base = 0;
        p->g.zeros = zeros.t->data;
        if (!outputs_fill_words(p) || !check_part(p, zeros, "I32", p->rows * p->g.bits / 32, p->g.groups)) return false;
    }
    return take_group_index(p, "weight_g_idx");
}

static bool take_fp4(parts *p, part q) {
    p->g.layout = GROUPED_FP4;
    p->g.bits = 4;
    if (p->cols % 32) return err_set(p->b->e, ERR_UNSUPPORTED, "the inputs of '%s' are not whole groups", p->base) || err_expected(p->b->e, "a multiple of 32");
    if (!check_part(p, q, "U8", p->rows, p->cols / 2) || !take_weight_scale(p)) return false;
    part divisor = find_part(p, "weight_global_scale");
    if (p->g.scale_type == SCALE_E8M0) return true;
    if (!divisor.t) return missing(p, "weight_global_scale");
    if (!check_part(p, divisor, "F32", 1, 0)) return false;
    memcpy(&p->g.divisor, divisor.t->data, sizeof p->g.divisor);
    return p->g.divisor > 0 || bad_value(p, divisor, "a positive number", (long long)p->g.divisor);
}

static bool take_plain(parts *p, part q) {
    bool fp8 = strcmp(q.type, "F8_E4M3") == 0;
    p->g.layout = fp8 ? GROUPED_FP8 : GROUPED_BYTES;
    p->g.bits = 8;
    if (!check_part(p, q, fp8 ? "F8_E4M3" : "I8", p->rows, p->cols) || !take_weight_scale(p)) return false;
    part zeros = find_part(p, "weight_zero_point");
    if (!zeros.t || fp8) return true;
    p->g.zero_kind = ZEROS_BYTES;
    p->g.zeros = zeros.t->data;
    return check_part(p, zeros, "I8", p->rows, p->g.groups);
}

/* The tensor with the fields, and what takes it; NULL: the weight is not quantized. */
static bool (*find_fields(parts *p, part *q))(parts *, part) {
    hfquant_method method = p->b->m->quant.method;
    if (method == HFQUANT_GPTQ || method == HFQUANT_AWQ) {
        *q = find_part(p, "qweight");
        return !q->t ? NULL : method == HFQUANT_GPTQ ? take_gptq : take_awq;
    }
    if (method != HFQUANT_COMPRESSED) return NULL;
    *q = find_part(p, "weight_packed");
    if (q->t) return strcmp(q->type, "U8") == 0 ? take_fp4 : take_packed_integers;
    *q = find_part(p, "weight");
    return q->t && (strcmp(q->type, "I8") == 0 || strcmp(q->type, "F8_E4M3") == 0) ? take_plain : NULL;
}

static parts parts_of(binder *b, const char *name, uint64_t rows, uint64_t cols) {
    parts p = { .b = b, .rows = rows, .cols = cols, .g = { .rows = rows, .cols = cols, .divisor = 1 } };
    size_t n = strlen(name), end = sizeof ".weight" - 1;
    bool weight = n > end && strcmp(name + n - end, ".weight") == 0;
    snprintf(p.base, sizeof p.base, "%.*s", (int)(weight ? n - end : 0), name);
    return p;
}

bool bind_is_grouped(binder *b, const char *name) {
    parts p = parts_of(b, name, 0, 0);
    part q;
    return !b->gguf && p.base[0] && find_fields(&p, &q);
}

bool bind_grouped(binder *b, const char *name, uint64_t total, uint64_t row0, uint64_t rows, uint64_t cols, weight *w) {
    parts p = parts_of(b, name, total, cols);
    part q = { 0 };
    bool (*take)(parts *, part) = find_fields(&p, &q);
    if (!take || !take(&p, q)) return false;
    p.g.q = q.t->data;
    p.g.row0 = row0;
    grouped *kept = arena_try(b->m->mem, 1, sizeof *kept);
    if (!kept) return err_set(b->e, ERR_MEMORY, "out of memory for '%s'", name);
    *kept = p.g;
    w->w = (tensor){ .type = grouped_type(kept), .n = 1, .rows = rows, .cols = cols, .data = (void *)(uintptr_t)p.g.q, .grouped = kept };
    w->name = q.t->name;
    if (!dtype_row_bytes(w->w.type, cols, &w->w.stride)) return err_set(b->e, ERR_LIMIT, "rows of '%s' are too long", name);
    if (row0) return true; /* counted with its first rows */
    b->m->weight_bytes += p.bytes;
    b->m->parameters += total * cols;
    return true;
}

bool bind_grouped_stack(binder *b, weight *w, const weight *one, uint32_t n, uint32_t i, uint64_t row_step) {
    grouped *all = i ? (grouped *)(uintptr_t)w->w.grouped : arena_try(b->m->mem, n, sizeof *all);
    if (!all) return err_set(b->e, ERR_MEMORY, "out of memory for %u matrices", n);
    dtype a = i ? w->w.type : one->w.type, c = one->w.type;
    all[i] = *one->w.grouped;
    all[i].row0 += i * row_step;
    w->w.grouped = all;
    if (a != c) w->w.type = grouped_common_type(a, c);
    return dtype_row_bytes(w->w.type, w->w.cols, &w->w.stride);
}
