/* Character properties as the reference tokenizers mean them. */
#ifndef PINGTI_TEXT_UNICODE_H
#define PINGTI_TEXT_UNICODE_H
#include <stdbool.h>
#include <stdint.h>

bool unicode_is_space(uint32_t cp);       /* White_Space */
bool unicode_is_other(uint32_t cp);       /* categories Cc, Cf, Cn, Co */
bool unicode_is_punctuation(uint32_t cp); /* ASCII punctuation and symbols, and category P */
bool unicode_is_number(uint32_t cp);      /* category N */
bool unicode_is_word(uint32_t cp);        /* \w: letters, marks, decimal digits, connector punctuation, join controls */
/* GPT-2's alphabet: each byte as a printable letter (Radford et al. 2019, encoder.py's bytes_to_unicode). */
uint32_t unicode_byte_letter(unsigned char byte);
int unicode_letter_byte(uint32_t letter); /* -1: not of the alphabet */
#endif
