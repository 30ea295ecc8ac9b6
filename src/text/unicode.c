#include "text/unicode.h"
#include <utf8proc.h>

bool unicode_is_space(uint32_t c) {
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

bool unicode_is_other(uint32_t cp) {
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return c == UTF8PROC_CATEGORY_CC || c == UTF8PROC_CATEGORY_CF || c == UTF8PROC_CATEGORY_CN || c == UTF8PROC_CATEGORY_CO;
}

bool unicode_is_punctuation(uint32_t cp) {
    if (cp < 0x80) return (cp >= 33 && cp <= 47) || (cp >= 58 && cp <= 64) || (cp >= 91 && cp <= 96) || (cp >= 123 && cp <= 126);
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return (c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO) || cp == 0x166d; /* a symbol since Unicode 12, not in the references' tables */
}

bool unicode_is_number(uint32_t cp) {
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}

bool unicode_is_word(uint32_t cp) {
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_ME) || c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_PC ||
           cp == 0x200c || cp == 0x200d || (cp >= 0x24b6 && cp <= 0x24e9) || (cp >= 0x1f130 && cp <= 0x1f149) || (cp >= 0x1f150 && cp <= 0x1f169) ||
           (cp >= 0x1f170 && cp <= 0x1f189); /* circled and squared letters are Alphabetic */
}

static bool printable(unsigned b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; }

/* The 68 bytes that are not printable have the letters from U+0100 on, in order: 0 to 32, 127 to 160, 173. */
enum { FIRST_LETTER = 256, LOW = 33, HIGH_FROM = 127, HIGH = 34 };

uint32_t unicode_byte_letter(unsigned char byte) {
    if (printable(byte)) return byte;
    return FIRST_LETTER + (byte < LOW ? byte : byte < HIGH_FROM + HIGH ? byte - HIGH_FROM + LOW : LOW + HIGH);
}

int unicode_letter_byte(uint32_t letter) {
    if (letter < FIRST_LETTER) return printable(letter) ? (int)letter : -1;
    uint32_t n = letter - FIRST_LETTER;
    return n < LOW ? (int)n : n < LOW + HIGH ? (int)n - LOW + HIGH_FROM : n == LOW + HIGH ? 173 : -1;
}
