/* Panels of formats whose quants are entries of a table: IQ1 to IQ3 (codebooks), TQ1_0 and TQ2_0 (ternary digits), NVFP4 (levels). They stay as
 * small as in the file; a tile looks their values up in registers (panel_codes.inc).
 *
 * A step is 256 elements (NVFP4: 64) of 16 rows r:
 *   NVFP4  E4M3 scales [4][16], then dwords of nibbles: vector 4b + 2h + i is dword i of the 8 bytes of part h of block b
 *   TQ2_0  f16 d [16], then vector j is dword j of the file's bytes; TQ1_0 the same
 *   IQ     f16 d [16]; scales, nibbles [4 or 8][16]; then, of index k = 16 * group + r: its low byte [k]; two bits more [k mod n/4] and one bit
 *          more [k mod n/8] in formats with 9 to 11 bits, those of higher k in higher bits; IQ1: bit r of [group] (u16), an eighth taken off;
 *          the others: bit 4r + i of [vector] (u64), byte i of row r is negative. */
#ifndef PINGTI_BACKEND_CPU_PANEL_CODES_H
#define PINGTI_BACKEND_CPU_PANEL_CODES_H
#include "tensor/dtype.h"

enum { CODES_D = 32, CODES_TERNARY = CODES_D /* where their digits begin */ };

static inline bool is_iq1(int t) { return t == DTYPE_IQ1_S || t == DTYPE_IQ1_M; }
static inline bool is_iq3(int t) { return t == DTYPE_IQ3_XXS || t == DTYPE_IQ3_S; } /* entries of four elements */
static inline bool is_iq(int t) { return is_iq1(t) || is_iq3(t) || t == DTYPE_IQ2_XXS || t == DTYPE_IQ2_XS || t == DTYPE_IQ2_S; }
static inline bool is_ternary(int t) { return t == DTYPE_TQ1_0 || t == DTYPE_TQ2_0; }
static inline bool has_codes(int t) { return is_iq(t) || is_ternary(t) || t == DTYPE_NVFP4; }

typedef struct iq_layout {
    bool fine, has_two, has_one; /* fine: a scale for 16 elements, not for 32 */
    int indices, low, two, one, down, signs, bytes;
} iq_layout;

static inline iq_layout iq_layout_of(int t) {
    iq_layout l = { .fine = t == DTYPE_IQ2_XS || t == DTYPE_IQ2_S || t == DTYPE_IQ1_M, .has_two = is_iq1(t) || t == DTYPE_IQ2_S,
                    .has_one = is_iq1(t) || t == DTYPE_IQ2_XS || t == DTYPE_IQ3_S, .indices = is_iq3(t) ? 1024 : 512 };
    l.low = CODES_D + (l.fine ? 128 : 64);
    l.two = l.low + l.indices;
    l.one = l.two + (l.has_two ? l.indices / 4 : 0);
    l.down = l.one + (l.has_one ? l.indices / 8 : 0);
    l.signs = l.down + (is_iq1(t) ? 64 : 0);
    l.bytes = l.signs + (is_iq1(t) ? 0 : 512);
    return l;
}

/* One block of row r of a panel into a step that was zero before. */
void panel_pack_codes(dtype t, uint8_t *step, int r, const uint8_t *block);
#endif
