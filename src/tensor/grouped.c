#include "tensor/grouped.h"
#include "tensor/quant.h"
#include "tensor/quant/fp4.h"
#include "base/mem.h"
#include <string.h>

enum { BLOCK = 32, CHUNK = 512 /* columns that are turned at once; a multiple of 32, so that a dense run begins a word there */ };

static uint32_t word_at(const void *base, uint64_t i) {
    uint32_t v;
    memcpy(&v, (const char *)base + 4 * i, sizeof v);
    return v;
}

/* Field i of a dense run whose words are `step` apart. */
static uint32_t dense_field(const void *base, uint64_t first, uint64_t step, uint64_t i, uint32_t bits) {
    uint64_t bit = i * bits, at = first + bit / 32 * step;
    uint32_t shift = bit % 32, v = word_at(base, at) >> shift;
    if (shift + bits > 32) v |= word_at(base, at + step) << (32 - shift);
    return v & ((1u << bits) - 1);
}

/* Fields 0, 1, ... of a dense run, n of them. */
static void dense_fields(const void *base, uint64_t first, uint64_t step, uint64_t n, uint32_t bits, int16_t *out) {
    uint64_t have = 0, mask = (1u << bits) - 1;
    uint32_t held = 0;
    for (uint64_t k = 0; k < n; k++) {
        if (held < bits) {
            have |= (uint64_t)word_at(base, first) << held;
            first += step;
            held += 32;
        }
        out[k] = (int16_t)(have & mask);
        have >>= bits;
        held -= bits;
    }
}

/* AWQ's order puts even columns of eight into the lower half of a word. */
static uint32_t awq_field(const void *base, uint64_t words, uint64_t line, uint64_t column) {
    uint32_t c = column % 8;
    return word_at(base, line * words + column / 8) >> (4 * ((c & 1) * 4 + c / 2)) & 15;
}

/* Columns [from, from + n) of a row, from a multiple of 32. */
static void fields_of(const grouped *g, uint64_t row, uint64_t from, uint64_t n, int16_t *out) {
    const uint8_t *bytes = g->q;
    uint64_t words = from * g->bits / 32;
    switch (g->layout) {
    case GROUPED_DOWN: dense_fields(g->q, words * g->rows + row, g->rows, n, g->bits, out); break;
    case GROUPED_ALONG: dense_fields(g->q, row * (g->cols * g->bits / 32) + words, 1, n, g->bits, out); break;
    case GROUPED_AWQ:
        for (uint64_t k = 0; k < n; k++) out[k] = (int16_t)awq_field(g->q, g->rows / 8, from + k, row);
        break;
    case GROUPED_BYTES:
        for (uint64_t k = 0; k < n; k++) out[k] = (int8_t)bytes[row * g->cols + from + k];
        break;
    case GROUPED_FP4:
        for (uint64_t k = from; k < from + n; k++) out[k - from] = bytes[(row * g->cols + k) / 2] >> (k % 2 * 4) & 15;
        break;
    case GROUPED_FP8:
        for (uint64_t k = 0; k < n; k++) out[k] = bytes[row * g->cols + from + k];
    }
}

static float e8m0_to_f32(uint8_t e) {
    uint32_t bits = e ? (uint32_t)e << 23 : 0x400000u; /* 2^-127 is subnormal; 255 is no number */
    float f;
    memcpy(&f, &bits, sizeof f);
    return e == 255 ? NAN : f; /* as the specification says, not as GGUF reads it */
}

static float scale_of(const grouped *g, uint64_t row, uint64_t group) {
    uint64_t i = row / g->scale_rows * g->scale_row_step + group * g->scale_group_step;
    const uint8_t *p = g->scale;
    float f;
    switch (g->scale_type) {
    case SCALE_F16: return f16_to_f32(load_u16(p + 2 * i));
    case SCALE_BF16: return bf16_to_f32(load_u16(p + 2 * i));
    case SCALE_E4M3: return f8_e4m3_to_f32(p[i]) / g->divisor;
    case SCALE_E8M0: return e8m0_to_f32(p[i]);
    default: memcpy(&f, p + 4 * i, sizeof f); return f;
    }
}

static int32_t zero_of(const grouped *g, uint64_t row, uint64_t group) {
    switch (g->zero_kind) {
    case ZEROS_ACROSS: return g->zero_base + (int32_t)dense_field(g->zeros, group * (g->rows * g->bits / 32), 1, row, g->bits);
    case ZEROS_AWQ: return g->zero_base + (int32_t)awq_field(g->zeros, g->rows / 8, group, row);
    case ZEROS_DOWN: return g->zero_base + (int32_t)dense_field(g->zeros, group, g->groups, row, g->bits);
    case ZEROS_BYTES: return g->zero_base + ((const int8_t *)g->zeros)[row * g->groups + group];
    default: return g->zero_base;
    }
}

static uint64_t group_of(const grouped *g, uint64_t k) { return g->group_of ? (uint64_t)g->group_of[k] : k / g->group; }

static float value_of(const grouped *g, int16_t field, float scale, int32_t zero) {
    if (g->layout == GROUPED_FP8) return scale * f8_e4m3_to_f32((uint8_t)field);
    if (g->layout == GROUPED_FP4) return scale * 0.5f * (float)fp4_levels[field];
    return scale * (float)(field - zero);
}

void grouped_row_to_f32(const grouped *g, uint64_t row, float *out) {
    int16_t field[CHUNK];
    uint64_t at = UINT64_MAX;
    float scale = 0;
    int32_t zero = 0;
    row += g->row0;
    for (uint64_t from = 0; from < g->cols; from += CHUNK) {
        uint64_t n = g->cols - from < CHUNK ? g->cols - from : CHUNK;
        fields_of(g, row, from, n, field);
        for (uint64_t k = 0; k < n; k++) {
            uint64_t group = group_of(g, from + k);
            if (group != at) {
                scale = scale_of(g, row, group);
                zero = zero_of(g, row, group);
                at = group;
            }
            out[from + k] = value_of(g, field[k], scale, zero);
        }
    }
}

/* One block of 32 values v under scale d. */
static void put_block(dtype type, float d, const int *v, uint8_t *out) {
    uint32_t fifth = 0;
    uint8_t *q = out + (type == DTYPE_Q5_0 ? 6 : 2);
    store_u16(out, f32_to_f16(d));
    for (int i = 0; i < BLOCK; i++) {
        if (type == DTYPE_Q8_0) q[i] = (uint8_t)(int8_t)v[i];
        else if (type == DTYPE_Q5_0) fifth |= (uint32_t)(v[i] + 16) >> 4 << i;
    }
    if (type == DTYPE_Q5_0) memcpy(out + 2, &fifth, sizeof fifth);
    int above = type == DTYPE_Q5_0 ? 16 : 8;
    for (int i = 0; type != DTYPE_Q8_0 && i < BLOCK / 2; i++) q[i] = (uint8_t)(((v[i] + above) & 15) | ((v[i + BLOCK / 2] + above) & 15) << 4);
}

static void put_mxfp4(const grouped *g, uint64_t row, uint64_t group, const int16_t *field, uint8_t *out) {
    out[0] = ((const uint8_t *)g->scale)[row * g->scale_row_step + group * g->scale_group_step];
    for (int i = 0; i < BLOCK / 2; i++) out[1 + i] = (uint8_t)(field[i] | field[i + BLOCK / 2] << 4);
}

/* Blocks of 16 under f32 scales. */
static void put_q8_s(const grouped *g, uint64_t row, const int16_t *field, uint8_t *out) {
    for (uint64_t k = 0; k < g->cols; k += 16, out += 20) {
        uint64_t group = group_of(g, g->order ? g->order[k] : k);
        bool fp4 = g->layout == GROUPED_FP4;
        float d = scale_of(g, row, group) * (fp4 ? 0.5f : 1.0f);
        int32_t zero = fp4 ? 0 : zero_of(g, row, group);
        memcpy(out, &d, sizeof d);
        for (uint64_t i = 0; i < 16; i++) {
            int v = field[g->order ? g->order[k + i] : k + i];
            out[4 + i] = (uint8_t)(int8_t)(fp4 ? fp4_levels[v] : v - zero);
        }
    }
}

void grouped_row_blocks(const grouped *g, uint64_t row, dtype type, void *out) {
    int16_t *field = mem_must(g->cols, sizeof *field);
    uint8_t *p = out;
    int v[BLOCK];
    row += g->row0;
    fields_of(g, row, 0, g->cols, field);
    if (type == DTYPE_Q8_S) put_q8_s(g, row, field, out);
    for (uint64_t k = 0; type != DTYPE_Q8_S && k < g->cols; k += BLOCK, p += dtype_block_bytes(type)) {
        uint64_t group = group_of(g, g->order ? g->order[k] : k);
        if (type == DTYPE_MXFP4) {
            put_mxfp4(g, row, group, field + k, p);
            continue;
        }
        int32_t zero = zero_of(g, row, group);
        for (int i = 0; i < BLOCK; i++) v[i] = field[g->order ? g->order[k + (uint64_t)i] : k + (uint64_t)i] - zero;
        put_block(type, scale_of(g, row, group), v, p);
    }
    free(field);
}

void grouped_reorder(const grouped *g, const float *x, float *out) {
    for (uint64_t k = 0; k < g->cols; k++) out[k] = x[g->order[k]];
}

bool grouped_order(const grouped *g, uint32_t *order) {
    uint64_t *count = mem_must(g->groups + 1, sizeof *count);
    bool whole = true;
    for (uint64_t k = 0; k < g->cols; k++) count[g->group_of[k] + 1]++;
    for (uint64_t i = 0; i < g->groups; i++) {
        whole = whole && count[i + 1] % BLOCK == 0;
        count[i + 1] += count[i];
    }
    for (uint64_t k = 0; k < g->cols; k++) order[count[g->group_of[k]]++] = (uint32_t)k;
    free(count);
    return whole;
}

typedef struct scale_facts {
    bool halves;   /* every scale is an f16 number */
    bool numbers;  /* none is NaN */
    bool centred;  /* every zero point is in the middle of the fields */
} scale_facts;

static scale_facts facts_of(const grouped *g) {
    scale_facts f = { true, true, true };
    int32_t middle = g->layout == GROUPED_DOWN || g->layout == GROUPED_AWQ || g->layout == GROUPED_ALONG ? 1 << (g->bits - 1) : 0;
    for (uint64_t row = 0; row < g->rows; row++)
        for (uint64_t i = 0; i < g->groups; i++) {
            float s = scale_of(g, row, i);
            f.numbers = f.numbers && s == s;
            f.halves = f.halves && f16_to_f32(f32_to_f16(s)) == s;
            f.centred = f.centred && zero_of(g, row, i) == middle;
        }
    return f;
}

dtype grouped_type(const grouped *g) {
    if (g->layout == GROUPED_FP8) return DTYPE_F8_E4M3;
    if (g->cols % BLOCK || (g->group % 16 && g->groups > 1) || (g->group_of && !g->order)) return DTYPE_F32;
    scale_facts f = facts_of(g);
    if (g->layout == GROUPED_FP4 && g->scale_type == SCALE_E8M0 && g->group == BLOCK && f.numbers) return DTYPE_MXFP4;
    if (g->bits == 8 && !f.centred) return DTYPE_F32; /* nine bits */
    if (g->layout == GROUPED_FP4 || !f.halves || (g->group % BLOCK && g->groups > 1)) return DTYPE_Q8_S;
    if (g->bits == 4) return f.centred ? DTYPE_Q4_0 : DTYPE_Q5_0;
    if (g->bits < 4) return DTYPE_Q4_0; /* at most [-8, 7] whatever the zero point */
    return DTYPE_Q8_0;
}

/* Integers all fit Q8_S, whose blocks are the smallest. */
dtype grouped_common_type(dtype a, dtype b) {
    bool plain = a != DTYPE_F32 && a != DTYPE_F8_E4M3 && b != DTYPE_F32 && b != DTYPE_F8_E4M3;
    bool four = (a == DTYPE_Q4_0 || a == DTYPE_Q5_0) && (b == DTYPE_Q4_0 || b == DTYPE_Q5_0);
    return a == b ? a : four ? DTYPE_Q5_0 : plain ? DTYPE_Q8_S : DTYPE_F32;
}
