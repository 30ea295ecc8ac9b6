/* Plain text: stretches of it that a node of a program takes whatever they say, such as letters within a string. A walk of the
 * vocabulary passes over everything that is plain where it stands (mask.c), so that masks of strings cost what their exceptions cost.
 *
 * Characters are told apart by class: punctuation, digits and groups of letters one by one, all beyond ASCII together. What is no whole
 * character, or the beginning of one at a text's end, is in no class. */
#ifndef PINGTI_GRAMMAR_PLAIN_H
#define PINGTI_GRAMMAR_PLAIN_H
#include "grammar/program.h"

#define PLAIN_BEYOND (1ull << 61) /* a character beyond ASCII */
#define PLAIN_BROKEN (1ull << 62) /* a byte that does not belong there in UTF-8 */
#define PLAIN_INSIDE (1ull << 63) /* the text begins within a character */

enum { PLAIN_ENDLESS = 255 };

/* From the node on, any characters of these classes can be taken: at most `longest` of them, and `silent` of them without the rule
 * being able to end on the way. PLAIN_ENDLESS: any number. */
typedef struct plain_run {
    uint64_t classes;
    uint32_t next;           /* the node after each of them */
    uint8_t longest, silent;
    uint8_t known;           /* 0: nothing; 1: all but the lengths; 2 */
} plain_run;

uint64_t plain_class(uint8_t byte); /* of an ASCII character */
/* known[p->n_nodes]: zeroed at first, filled on the way. */
const plain_run *plain_run_of(plain_run *known, const program *p, uint32_t node);

/* Reading UTF-8 byte by byte: which bytes may come next within a character. */
typedef struct plain_reader {
    uint8_t left, lo, hi; /* bytes that are missing; the range of the next one */
} plain_reader;
uint64_t plain_read(plain_reader *r, uint8_t byte); /* the class of a byte: 0 | PLAIN_INSIDE for the later ones of a character */
#endif
