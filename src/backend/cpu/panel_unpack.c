/* Rows of Q8_S as panels of integers and f32 scales (panel.h). */
#include "backend/cpu/panel.h"
#include "tensor/quant/formats.h"
#include <string.h>

enum { STEP = 64, PARTS = STEP / ACT_SUB, QUANTS = PARTS * PANEL_ROWS * sizeof(float) };

static uint64_t steps_of(const tensor *w) { return (w->cols + STEP - 1) / STEP; }

uint64_t panel_unpacked_bytes(const tensor *w) { return steps_of(w) * panel_shape_of(DTYPE_UNPACKED).step_bytes; }

/* The rows' bytes, their scales, and one row's blocks where they have to be made. */
uint64_t panel_unpack_bytes(const tensor *w) {
    return PANEL_ROWS * steps_of(w) * (STEP + PARTS * sizeof(float)) + (w->grouped ? w->cols * sizeof(float) : 0);
}

static void put_step(uint8_t *step, const uint8_t *q, const float *scale, uint64_t row_q, uint64_t row_scales) {
    for (int part = 0; part < PARTS; part++)
        for (int r = 0; r < PANEL_ROWS; r++) memcpy(step + (part * PANEL_ROWS + r) * (int)sizeof(float), scale + (uint64_t)r * row_scales + (uint64_t)part, sizeof(float));
    uint8_t *out = step + QUANTS;
    for (int j = 0; j < STEP / 4; j++)
        for (int r = 0; r < PANEL_ROWS; r++, out += 4) {
            uint32_t four;
            memcpy(&four, q + (uint64_t)r * row_q + (uint64_t)(4 * j), sizeof four);
            four ^= 0x80808080u; /* stored + 128 */
            memcpy(out, &four, sizeof four);
        }
}

void panel_unpack(const tensor *w, uint64_t i, uint64_t p, void *dst, void *memory) {
    uint64_t steps = steps_of(w), row_q = steps * STEP, row_scales = steps * PARTS;
    float *scale = memory;
    uint8_t *q = (uint8_t *)(scale + PANEL_ROWS * row_scales), *made = q + PANEL_ROWS * row_q, *step = dst;
    for (uint64_t r = 0; r < PANEL_ROWS; r++) {
        int8_t *row = (int8_t *)q + r * row_q;
        bool there = p * PANEL_ROWS + r < w->rows;
        if (there) quant_q8_s_unpack_row(tensor_row_blocks(w, i, p * PANEL_ROWS + r, made), w->cols, row, scale + r * row_scales);
        uint64_t have = there ? w->cols : 0;
        memset(row + have, 0, row_q - have);
        memset(scale + r * row_scales + have / ACT_SUB, 0, (row_scales - have / ACT_SUB) * sizeof *scale);
    }
    for (uint64_t k = 0; k < steps; k++, step += panel_shape_of(DTYPE_UNPACKED).step_bytes) put_step(step, q + k * STEP, scale + k * PARTS, row_q, row_scales);
}
