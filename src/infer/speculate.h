/* Guesses at the next tokens of a sequence, whose rows are computed along with its next row. A row's result does not depend on its
 * neighbours and random numbers are keyed by position, so the token drawn from each row is the one that plain decoding draws; guesses
 * are right as far as they equal what was drawn, and wrong ones are forgotten (seq_settle). Nothing that comes out depends on what is
 * guessed, only how many tokens a step brings.
 *
 * A guess is worth the probability that it and all before it are right, learnt for each sequence and kind of guess. A row costs time,
 * learnt from the steps. Rows go to the best guesses of all sequences as long as they bring more tokens a second than are had without:
 * where guesses are wrong, or rows dear, there are none. Owned by the engine thread. */
#ifndef PINGTI_INFER_SPECULATE_H
#define PINGTI_INFER_SPECULATE_H
#include "infer/lookup.h"
#include <stdbool.h>

/* Kinds of guess: found in the text with so much in agreement before it; what a grammar leaves no choice about; its bytes as they are
 * usually spelled; what a draft model says. */
enum { SPECULATE_MOST = 16, GUESS_FOUND = 0, GUESS_FORCED = 6, GUESS_SPELLED, GUESS_DRAFTED, SPECULATE_KINDS };

typedef struct guess {
    int32_t id;
    uint8_t kind;
    float sure; /* that it and all before it are right */
} guess;

/* How often guesses of a kind are right: counts that fade with every token. */
typedef struct hit_rate {
    float right, tried;
} hit_rate;

typedef struct speculation {
    lookup lookup;
    hit_rate rates[SPECULATE_KINDS];
    size_t at; /* tokens when the rates last faded */
    guess guesses[SPECULATE_MOST];
    size_t n, taken; /* guesses; those whose rows are computed */
} speculation;

void speculation_free(speculation *s); /* a zeroed one is empty */
/* Guesses, at most `most`, at what follows tokens[0..n). */
void speculation_guess(speculation *s, const int32_t *tokens, size_t n, size_t most);
void speculation_weigh(speculation *s); /* says how sure each guess is, after some were put there by others */
/* Of the taken guesses the first n_right were right; refuted: the next one was seen to be wrong. */
void speculation_learn(speculation *s, size_t n_right, bool refuted);

/* What a step without prompts costs: base + row * rows seconds, fitted by least squares over fading steps. */
typedef struct row_price {
    double n, r, rr, t, rt; /* sums of 1, rows, rows^2, seconds, rows * seconds */
} row_price;

void row_price_note(row_price *p, size_t rows, double seconds);
float speculation_likelihood(const speculation *s, int kind); /* that a guess of this kind is right */
/* How many guesses a draft model should make for one of n sequences that decode, a pass of it taking round_seconds (0: not known yet). */
size_t speculate_depth(const row_price *p, double round_seconds, const speculation *s, size_t n_decodes, size_t most);
/* Shares at most `budget` rows among the guesses of n sequences that decode together (sets taken). */
void speculate_share(const row_price *p, speculation *const *s, size_t n, size_t n_decodes, size_t budget);
#endif
