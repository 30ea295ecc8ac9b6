/* GBNF from outside: compiled within a small budget, then followed by what it allows. */
#include "fuzz_grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    err e;
    fuzz_follow(grammar_compile_gbnf((const char *)data, n, fuzz_vocabulary(), &fuzz_budget, &e));
    return 0;
}
