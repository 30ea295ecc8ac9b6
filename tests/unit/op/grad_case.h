/* An op, or a network of them, held against finite differences: random inputs in strided views, weights in any storage format, and as loss a
 * random linear functional of the output, sum dy * y, added up in double.
 *
 * What is stored in blocks cannot be moved by a small step; its gradient is that of the f32 values it decodes to. So each
 * weight has a twin in f32: the recorded pass uses what is stored, the differences move the twin, and both passes must
 * give the same bits. One thread. */
#ifndef PINGTI_TESTS_GRAD_CASE_H
#define PINGTI_TESTS_GRAD_CASE_H
#include "unit/check.h"
#include "backend/backend.h"
#include "base/rng.h"
#include "op/tape.h"
#include "tensor/quant.h"
#include <math.h>

enum { CASE_INPUTS = 40, CASE_WEIGHTS = 30 };

/* Values and gradient lie alike: element (r, c) at r * width + off + c; the rest belongs to others and must stay. */
typedef struct grad_input {
    const char *name;
    float *x, *drawn;       /* as an op may leave it (in place); as it was drawn */
    float *grad, *before;   /* what backward adds to; what was there before */
    float **slot;           /* where the op finds the gradient */
    uint64_t rows, cols, width, off;
} grad_input;

typedef struct stored_weight {
    weight *w;
    tensor stored, twin;
} stored_weight;

typedef struct grad_case {
    arena *mem, *scratch;   /* of the case; of one pass */
    uint64_t seed, draws;
    grad_input in[CASE_INPUTS];
    stored_weight w[CASE_WEIGHTS];
    size_t n_in, n_w;
    const tensor *y;
    float *y_whole;         /* y's buffer, of y_rows * y_width */
    uint64_t y_width, y_off;
    float *dy;              /* the gradient of y's buffer */
    bool in_place;          /* y is in[0]: its gradient is replaced, not added to */
    const int32_t *choice;  /* what the op chose: a step that moves it says nothing of the gradient */
    int32_t *first_choice;
    size_t n_choice;
    bool moved;
    size_t compared, skipped; /* elements of the inputs; skipped: those whose step moved the choice */
    float scale, step;      /* of weights; of the differences */
    size_t records, every;  /* ops on the tape; every how many-th element is compared */
    void (*run)(const fwd *f, const void *args);
    const void *args;
} grad_case;

static inline double case_unit(grad_case *c) { return rng_uniform(c->seed, 7, c->draws++); }
static inline float case_value(grad_case *c) { return (float)(2 * case_unit(c) - 1); }
static inline uint32_t case_count(grad_case *c, uint32_t least, uint32_t most) {
    return least + (uint32_t)(case_unit(c) * (most - least + 1));
}
static inline bool case_coin(grad_case *c) { return case_unit(c) < 0.5; }

static inline float *case_values(grad_case *c, size_t n) {
    float *x = arena_must(c->mem, n, sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = case_value(c);
    return x;
}

static inline float *case_copy(grad_case *c, const float *x, size_t n) {
    return memcpy(arena_must(c->mem, n, sizeof *x), x, n * sizeof *x);
}

static inline void case_watch(grad_case *c, grad_input in) {
    size_t n = in.rows * in.width;
    assert_true(c->n_in < CASE_INPUTS);
    in.drawn = case_copy(c, in.x, n);
    in.before = case_copy(c, in.grad, n);
    c->in[c->n_in++] = in;
}

/* [rows, cols] somewhere in a wider buffer; off of the view is returned through it. */
static inline tensor *case_view(grad_case *c, uint64_t rows, uint64_t cols, uint64_t *width, uint64_t *off) {
    *off = case_coin(c) ? case_count(c, 1, 5) : 0;
    *width = *off + cols + (case_coin(c) ? case_count(c, 1, 7) : 0);
    tensor *t = arena_must(c->mem, 1, sizeof *t);
    *t = tensor_view_f32(case_values(c, rows * *width) + *off, rows, cols);
    t->stride = *width * sizeof(float);
    t->grad = case_values(c, rows * *width) + *off;
    return t;
}

static inline tensor *case_input(grad_case *c, const char *name, uint64_t rows, uint64_t cols) {
    uint64_t width, off;
    tensor *t = case_view(c, rows, cols, &width, &off);
    case_watch(c, (grad_input){ .name = name, .x = (float *)t->data - off, .grad = t->grad - off, .slot = &t->grad,
                                .rows = rows, .cols = cols, .width = width, .off = off });
    return t;
}

static inline void case_set_output(grad_case *c, tensor *t, uint64_t width, uint64_t off) {
    c->y = t;
    c->y_width = width;
    c->y_off = off;
    c->y_whole = (float *)t->data - off;
    c->dy = case_copy(c, t->grad - off, t->rows * width);
}

static inline tensor *case_output(grad_case *c, uint64_t rows, uint64_t cols) {
    uint64_t width, off;
    tensor *t = case_view(c, rows, cols, &width, &off);
    case_set_output(c, t, width, off);
    return t;
}

static inline dtype case_format(grad_case *c) {
    static const dtype formats[] = { DTYPE_F32, DTYPE_Q8_0, DTYPE_BF16 };
    return formats[case_count(c, 0, 2)];
}

/* A width that this format can store. */
static inline uint64_t case_cols(grad_case *c, dtype type) {
    uint64_t block = dtype_block_elems(type);
    return block > 1 ? block * case_count(c, 1, 2) : case_count(c, 1, 37);
}

/* The FP8 of DeepSeek-V3 comes with a scale for each 128 x 128. */
static inline void case_block_scales(grad_case *c, tensor *t) {
    t->scale_rows = (uint32_t)((t->rows + 127) / 128);
    t->scale_cols = (uint32_t)((t->cols + 127) / 128);
    float *scale = case_values(c, (size_t)t->n * t->scale_rows * t->scale_cols);
    for (size_t i = 0; i < (size_t)t->n * t->scale_rows * t->scale_cols; i++) scale[i] = 0.5f + fabsf(scale[i]);
    t->block_scale = scale;
}

static inline tensor case_encode(grad_case *c, dtype type, const float *x, uint32_t n, uint64_t rows, uint64_t cols) {
    tensor t = { .type = type, .n = n, .rows = rows, .cols = cols };
    assert_true(dtype_row_bytes(type, cols, &t.stride));
    t.data = arena_must(c->mem, n * rows, t.stride);
    for (uint64_t r = 0; r < n * rows; r++) quant_of(type)->from_f32(x + r * cols, (char *)t.data + r * t.stride, cols);
    if (type == DTYPE_F8_E4M3) case_block_scales(c, &t);
    return t;
}

static inline weight *case_weight(grad_case *c, const char *name, dtype type, uint32_t n, uint64_t rows, uint64_t cols) {
    size_t count = n * rows * cols;
    float *twin = case_values(c, count);
    for (size_t i = 0; i < count; i++) twin[i] *= c->scale;
    weight *w = arena_must(c->mem, 1, sizeof *w);
    w->w = case_encode(c, type, twin, n, rows, cols);
    for (uint64_t r = 0; r < n * rows; r++) tensor_row_to_f32(&w->w, r / rows, r % rows, twin + r * cols);
    w->w.grad = case_values(c, count);
    tensor in_f32 = tensor_view_f32(twin, rows, cols);
    in_f32.n = n;
    assert_true(c->n_w < CASE_WEIGHTS);
    c->w[c->n_w++] = (stored_weight){ w, w->w, in_f32 };
    case_watch(c, (grad_input){ .name = name, .x = twin, .grad = w->w.grad, .slot = &w->w.grad, .rows = n * rows, .cols = cols, .width = cols });
    return w;
}

static inline void case_bias(grad_case *c, weight *w) {
    uint64_t n = w->w.n * w->w.rows;
    float *bias = case_values(c, n);
    w->bias = bias;
    w->bias_grad = case_values(c, n);
    case_watch(c, (grad_input){ .name = "bias", .x = bias, .grad = w->bias_grad, .slot = &w->bias_grad, .rows = 1, .cols = n, .width = n });
}

/* The matrices of w lie apart, as the experts of a file of single tensors do. */
static inline void case_scatter(grad_case *c, weight *w) {
    const void **parts = arena_must(c->mem, w->w.n, sizeof *parts);
    size_t bytes = w->w.rows * w->w.stride;
    for (uint32_t i = w->w.n; i-- > 0;) parts[i] = memcpy(arena_must(c->mem, bytes, 1), (char *)w->w.data + i * bytes, bytes);
    w->w.data = NULL;
    w->w.parts = parts;
    c->w[c->n_w - 1].stored = w->w;
}

static inline void case_use_twins(grad_case *c, bool twins) {
    for (size_t i = 0; i < c->n_w; i++) {
        float *grad = c->w[i].w->w.grad;
        c->w[i].w->w = twins ? c->w[i].twin : c->w[i].stored;
        c->w[i].w->w.grad = grad;
    }
}

static inline fwd case_fwd(grad_case *c, tape *t) {
    arena_reset(c->scratch);
    return (fwd){ .backend = backend_find("cpu_ref"), .mem = c->scratch, .tape = t };
}

static inline double case_loss(grad_case *c) {
    fwd f = case_fwd(c, NULL);
    double loss = 0;
    if (c->in_place) memcpy(c->in[0].x, c->in[0].drawn, c->in[0].rows * c->in[0].width * sizeof(float));
    c->run(&f, c->args);
    for (uint64_t r = 0; r < c->y->rows; r++)
        for (uint64_t i = 0; i < c->y->cols; i++) {
            uint64_t at = r * c->y_width + c->y_off + i;
            loss += (double)c->dy[at] * c->y_whole[at];
        }
    if (c->n_choice && memcmp(c->choice, c->first_choice, c->n_choice * sizeof *c->choice) != 0) c->moved = true;
    return loss;
}

/* (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h: the error is of order h^4, so that h can stay far above f32's rounding. */
static inline double case_difference(grad_case *c, grad_input *in, uint64_t at) {
    const float h = c->step, was = in->drawn[at], step[4] = { h, -h, 2 * h, -2 * h };
    double f[4];
    c->moved = false;
    for (int i = 0; i < 4; i++) {
        in->drawn[at] = in->x[at] = was + step[i];
        f[i] = case_loss(c);
    }
    in->drawn[at] = in->x[at] = was;
    return (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * (double)h);
}

/* One recorded pass and its way back; gradients are left in the inputs. */
static inline void case_backward(grad_case *c) {
    tape t = { 0 };
    for (size_t i = 0; i < c->n_in; i++) memcpy(c->in[i].grad, c->in[i].before, c->in[i].rows * c->in[i].width * sizeof(float));
    if (c->in_place) memcpy(c->in[0].x, c->in[0].drawn, c->in[0].rows * c->in[0].width * sizeof(float));
    fwd f = case_fwd(c, &t);
    c->run(&f, c->args);
    assert_int_equal(t.n, c->records);
    tape_backward(&f, &t);
    assert_int_equal(t.n, 0);
    tape_free(&t);
    if (!c->in_place) assert_memory_equal(c->y->grad - c->y_off, c->dy, c->y->rows * c->y_width * sizeof(float));
}

static inline bool case_inside(const grad_input *in, uint64_t at) {
    return at % in->width >= in->off && at % in->width < in->off + in->cols;
}

static inline double case_largest(const grad_case *c, const grad_input *in) {
    double largest = 0;
    for (uint64_t at = 0; at < in->rows * in->width; at++)
        if (case_inside(in, at)) largest = fmax(largest, fabs((double)in->grad[at] - (c->in_place ? 0 : in->before[at])));
    return largest;
}

/* Largest |difference - gradient| over one input, relative to the gradient; those below a twentieth of the input's largest
 * are measured against that. What lies outside the view must be as it was. */
static inline double case_input_error(grad_case *c, grad_input *in) {
    double worst = 0, floor = 0.05 * case_largest(c, in) + 1e-3;
    for (uint64_t at = 0; at < in->rows * in->width; at++) {
        if (!case_inside(in, at)) {
            assert_memory_equal(&in->grad[at], &in->before[at], sizeof(float));
            continue;
        }
        if (at % c->every) continue;
        double gradient = (double)in->grad[at] - (c->in_place ? 0 : in->before[at]), by_steps = case_difference(c, in, at);
        c->compared++;
        c->skipped += c->moved;
        if (c->moved) continue;
        double error = fabs(by_steps - gradient) / fmax(floor, fabs(by_steps));
        if (!(error <= worst)) worst = error; /* a NaN too */
    }
    return worst;
}

/* Without the gradient of one input, all others are the same to the bit. */
static inline void case_unwanted(grad_case *c) {
    float *wanted[CASE_INPUTS];
    for (size_t k = 0; k < c->n_in; k++) {
        for (size_t i = 0; i < c->n_in; i++) wanted[i] = case_copy(c, c->in[i].grad, c->in[i].rows * c->in[i].width);
        float *slot = *c->in[k].slot;
        *c->in[k].slot = NULL;
        case_backward(c);
        *c->in[k].slot = slot;
        for (size_t i = 0; i < c->n_in; i++)
            assert_memory_equal(c->in[i].grad, i == k ? c->in[i].before : wanted[i], c->in[i].rows * c->in[i].width * sizeof(float));
        case_backward(c);
    }
}

/* What is stored and its twin in f32 give the same output. */
static inline void case_twins_agree(grad_case *c) {
    size_t n = c->y->rows * c->y_width;
    case_loss(c);
    float *stored = case_copy(c, c->y_whole, n);
    case_use_twins(c, true);
    case_loss(c);
    assert_memory_equal(stored, c->y_whole, n * sizeof(float));
}

/* The worst relative error over all inputs, and in which. */
static inline double case_error(grad_case *c, const char **where) {
    double worst = 0;
    case_backward(c);
    case_unwanted(c);
    if (c->n_choice) c->first_choice = memcpy(arena_must(c->mem, c->n_choice, sizeof(int32_t)), c->choice, c->n_choice * sizeof(int32_t));
    case_twins_agree(c);
    for (size_t i = 0; i < c->n_in; i++) {
        double error = case_input_error(c, &c->in[i]);
        if (error <= worst) continue; /* a NaN is kept */
        worst = error;
        *where = c->in[i].name;
    }
    case_use_twins(c, false);
    return worst;
}

static inline grad_case case_new(uint64_t seed) {
    return (grad_case){ .mem = arena_new(0), .scratch = arena_new(0), .seed = seed, .scale = 1, .step = 0x1p-5f, .records = 1, .every = 1 };
}

static inline void case_free(grad_case *c) {
    arena_free(c->mem);
    arena_free(c->scratch);
}
#endif
