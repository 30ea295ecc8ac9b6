/* The arguments of each op. Shapes: T rows of the batch, d model width, E experts, k experts per token.
 * All activations are f32; tensors may be column views (stride larger than cols). Outputs come first. */
#ifndef PINGTI_OP_OP_ARGS_H
#define PINGTI_OP_OP_ARGS_H
#include "op/batch.h"
#include "op/kv_view.h"
#include "op/rope_table.h"
#include "op/weight.h"

typedef struct embed_args { tensor *y; const weight *w; const int32_t *id; } embed_args; /* w[V,d] -> y[T,d] */

/* y = x / sqrt(mean(x^2) + eps) * w, over each group of w->cols consecutive elements of a row: w[1,g], x[T, m*g] (Zhang,
 * Sennrich 2019). One group: the usual norm; several: a norm per head. */
typedef struct rmsnorm_args { tensor *y; tensor *x; const tensor *w; float eps; } rmsnorm_args;

/* x[T,in] w[i][out_i,in] -> y[i][T,out_i], i < n: products that share their input are one op, so that it is prepared once. */
enum { LINEAR_MAX = 3 };
typedef struct linear_args { tensor *y[LINEAR_MAX]; tensor *x; const weight *w[LINEAR_MAX]; uint32_t n; } linear_args;

/* One matrix per head: for head h, rows [row0, row0+n_rows) of w's matrix h (w.n = heads).
 * plain:      y[t, h*y_step + y_off + r] = sum_i w[h, row0+r, i] * x[t, h*x_step + x_off + i], r < n_rows, i < w.cols
 * transposed: y[t, h*y_step + y_off + i] = sum_r w[h, row0+r, i] * x[t, h*x_step + x_off + r] */
typedef struct linear_heads_args {
    tensor *y; tensor *x; const weight *w;
    uint32_t row0, n_rows, y_step, y_off, x_step, x_off;
    bool transposed;
} linear_heads_args;

/* In place on x[T, heads*step]: rotates 2*pairs elements from column h*step + off. tables[batch rope choice of the row]. */
typedef struct rope_args { tensor *x; const batch *b; const rope_table *tables; uint32_t heads, step, off, n_tables; /* 0: one */ } rope_args;

/* y[t, h*y_step + y_off + i] = x[t, h*x_step + x_off + i] for i < width: moves parts of heads side by side. */
typedef struct pack_args { tensor *y; tensor *x; uint32_t heads, width, y_step, y_off, x_step, x_off; } pack_args;

/* Causal attention, grouped queries: q[T, heads*k_head], k[T, kv_heads*k_head], v[T, kv_heads*v_head] -> y[T, heads*v_head].
 * With a cache, this batch's K and V are first written in the cache's format and all keys are read back from it.
 * With shared_v (MLA) v is NULL and V is the first v_head elements of K.
 * window > 0: a row at position p sees keys at positions > p - window.
 * Keys are taken in order of position in steps of ATTN_SPLIT absolute positions (a page) with a running maximum (Milakov, Gimelshein
 * 2018), steps in segments of ATTN_SEGMENT positions, each with a result of its own; those are then added in order. A thread may
 * take a part of the segments: the split never moves with batch, chunk or threads.
 * Fast, with a cache: scores count powers of two (q scale log2(e)), and what is multiplied (q so scaled, K, the weights 2^(s - max), V) is
 * rounded to bfloat16 first; sums of products and of weights are f32, chains as in exact mode. A processor's own bfloat16 products
 * take sums below 2^-126 for zero. */
enum { ATTN_SPLIT = 64, ATTN_SEGMENT = 512, ATTN_LANES = 16 };
typedef struct attn_args {
    tensor *y; tensor *q; tensor *k; tensor *v;
    const batch *b; const kv_view *kv;
    uint32_t layer, heads, kv_heads, k_head, v_head, window;
    bool shared_v;
    float scale;
} attn_args;

typedef struct swiglu_args { tensor *y; tensor *gate; tensor *up; } swiglu_args; /* y = silu(gate) * up; without a gradient y may be either */
typedef struct add_args { tensor *y; tensor *a; tensor *b; } add_args; /* y = a + b; without a gradient y may be either */
typedef struct gather_args { tensor *y; tensor *x; const int32_t *rows; } gather_args; /* y[i] = x[rows[i]] */

/* How a router turns scores into experts and their weights. Order: scoring, selection (groups), weights. */
enum { ROUTER_MAX_GROUPS = 256 };
typedef struct router_spec {
    uint32_t experts, top_k;
    uint32_t groups, top_groups;   /* 0 or 1: no groups; at most ROUTER_MAX_GROUPS */
    bool sigmoid;                  /* DeepSeek-V3; otherwise softmax over all experts */
    bool group_top2;               /* group score: sum of its two best (V3), otherwise its best (V2) */
    bool normalize;                /* weights divided by their sum (+1e-20 for sigmoid, as published) */
    float scale;                   /* then multiplied by this */
} router_spec;
/* logits[T,E], bias f32[E] or NULL (added for the selection alone) -> ids[T,k], weight[T,k]; ties go to the lower expert. */
typedef struct moe_route_args { tensor *weight; int32_t *ids; tensor *logits; const float *bias; const router_spec *spec; } moe_route_args;

/* y[i][t*k+j] = W[i][ids[t*k+j]] x[...], i < n: x has T rows (shared by the k experts) or T*k rows (one each). */
typedef struct moe_linear_args { tensor *y[LINEAR_MAX]; tensor *x; const weight *w[LINEAR_MAX]; const int32_t *ids; uint32_t top_k, n; } moe_linear_args;
/* y[t] = sum_j weight[t,j] * x[t*k+j], in order of j. */
typedef struct moe_combine_args { tensor *y; tensor *x; tensor *weight; } moe_combine_args;

/* loss[t] = -log softmax(x[t])[target[t]] (targets < 0 give 0), accumulated in double. loss[T,1]. */
typedef struct xent_args { tensor *loss; tensor *x; const int32_t *target; } xent_args;
#endif
