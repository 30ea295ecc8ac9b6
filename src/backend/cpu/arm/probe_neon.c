/* What every aarch64 has. */
#include "backend/cpu/probe_loops.h"
#include "backend/cpu/arm/probe_neon.inc"

static uint64_t neon_read(const void *memory, size_t bytes) {
    size_t part = bytes / PROBE_STREAMS;
    const uint8_t *p = memory, *q = p + part, *r = q + part, *s = r + part;
    uint8x16_t a = vdupq_n_u8(0), b = a, c = a, d = a;
    for (size_t i = 0; i < part; i += 128) {
        _Pragma("GCC unroll 8") for (size_t j = i; j < i + 128; j += 16) {
            a = vorrq_u8(a, vld1q_u8(p + j));
            b = vorrq_u8(b, vld1q_u8(q + j));
            c = vorrq_u8(c, vld1q_u8(r + j));
            d = vorrq_u8(d, vld1q_u8(s + j));
        }
    }
    return vgetq_lane_u64(vreinterpretq_u64_u8(vorrq_u8(vorrq_u8(a, b), vorrq_u8(c, d))), 0);
}

#define FMA(n) "fmla v" #n ".4s, %1.4s, %1.4s\n\t"
/* Without an instruction for it, bf16 weights are widened (an integer operation for each f32 one) and multiplied as f32. */
#define WIDE(n) "shll %0.4s, %1.4h, #16\n\tfmla v" #n ".4s, %0.4s, %1.4s\n\t"
#define DOT8(n) "smull %0.8h, %1.8b, %1.8b\n\tsmlal2 %0.8h, %1.16b, %1.16b\n\tsadalp v" #n ".4s, %0.8h\n\t"
CHAIN_LOOP(neon_f32, FMA)
CHAIN_LOOP(neon_bf16, WIDE)
CHAIN_LOOP(neon_int8, DOT8)

const probe_loops probe_neon_loops = {
    .read = neon_read,
    .f32 = { neon_f32, CHAINS * 4 * 2.0, "fmla" },
    .bf16 = { neon_bf16, CHAINS * 4 * 2.0, "widened, fmla" },
    .int8 = { neon_int8, CHAINS * 16 * 2.0, "smull, smlal2, sadalp" },
};
