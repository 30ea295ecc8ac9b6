/* How code points are spelled in bytes: UTF-8, and the inside of JSON strings. */
#ifndef PINGTI_GRAMMAR_SPELL_H
#define PINGTI_GRAMMAR_SPELL_H
#include "grammar/lang.h"

/* Adds paths from -> to for each code point of lo..hi (surrogates left out). */
void spell_utf8(nfa *a, uint32_t from, uint32_t lo, uint32_t hi, uint32_t to);
void spell_bytes(nfa *a, uint32_t from, const char *bytes, size_t n, uint32_t to);
/* Adds paths for every text of a language. json: as it stands within the quotes of a JSON string; each character has one spelling,
 * except where every text is allowed: then all of JSON's escapes are, surrogates in pairs. */
void spell_language(nfa *a, uint32_t from, const lang *l, bool json, uint32_t to);
#endif
