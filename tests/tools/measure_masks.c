/* measure_masks TOKENIZER [TOKENS 4000]: what the mask of one token takes, with 16 JSON Schemas in one batch that write random texts token
 * by token. Cold: nothing was computed before the token (the grammar had no time to prepare); warm: the same texts once more. Also
 * what compiling each schema takes, and making the vocabulary. TOKENIZER: a directory, .gguf or tokenizer.json. */
#include "base/mem.h"
#include "base/rng.h"
#include "grammar/effort.h"
#include "grammar/grammar.h"
#include "infer/llm.h"
#include <stdio.h>
#include <string.h>

enum { SCHEMAS = 16 };

static const char *const shapes[SCHEMAS] = {
    "{}", "{\"type\":\"object\"}", "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", "{\"type\":\"string\",\"maxLength\":200}",
    "{\"type\":\"string\",\"pattern\":\"^[A-Z][a-z]+( [A-Z][a-z]+)*$\"}", "{\"type\":\"array\",\"items\":{\"type\":\"number\",\"minimum\":0,\"maximum\":100},\"minItems\":3}",
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":150}},\"required\":[\"name\",\"age\"],\"additionalProperties\":false}",
    "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"},\"unit\":{\"enum\":[\"celsius\",\"fahrenheit\"]},\"days\":{\"type\":\"integer\"}},\"required\":[\"city\"],\"additionalProperties\":false}",
    "{\"type\":\"object\",\"properties\":{\"mail\":{\"type\":\"string\",\"format\":\"email\"},\"at\":{\"type\":\"string\",\"format\":\"date-time\"},\"id\":{\"type\":\"string\",\"format\":\"uuid\"}},\"required\":[\"mail\",\"at\",\"id\"],\"additionalProperties\":false}",
    "{\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"string\"},\"l\":{\"$ref\":\"#/$defs/n\"},\"r\":{\"$ref\":\"#/$defs/n\"}},\"required\":[\"v\"],\"additionalProperties\":false}},\"$ref\":\"#/$defs/n\"}",
    "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}]}", "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}}}",
    "{\"type\":\"object\",\"patternProperties\":{\"^x-\":{\"type\":\"string\"}},\"additionalProperties\":{\"type\":\"integer\"}}",
    "{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"t\":{\"const\":\"a\"},\"x\":{\"type\":\"string\"}},\"required\":[\"t\",\"x\"]},{\"type\":\"object\",\"properties\":{\"t\":{\"const\":\"b\"},\"y\":{\"type\":\"number\"}},\"required\":[\"t\",\"y\"]}]}",
    "{\"type\":\"array\",\"prefixItems\":[{\"type\":\"string\"},{\"type\":\"integer\"}],\"items\":false,\"minItems\":2}", "{\"type\":\"string\",\"minLength\":20}",
};

/* Times of a phase, in microseconds. */
typedef struct times {
    double *us;
    size_t n;
    double slowest; /* of them, and whose it was */
    size_t whose;
} times;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_times(const char *name, times *t) {
    double sum = 0;
    qsort(t->us, t->n, sizeof *t->us, by_value);
    for (size_t i = 0; i < t->n; i++) sum += t->us[i];
    printf("%-22s n %6zu  mean %8.1f  p50 %8.1f  p99 %8.1f  largest %8.1f us\n", name, t->n, sum / (double)t->n, t->us[t->n / 2], t->us[t->n * 99 / 100], t->us[t->n - 1]);
}

static int32_t nth_allowed(const uint64_t *bits, size_t words, size_t k) {
    for (size_t i = 0; i < words; i++)
        for (uint64_t b = bits[i]; b; b &= b - 1)
            if (k-- == 0) return (int32_t)(i * 64 + (size_t)__builtin_ctzll(b));
    return -1;
}

/* One token of each text in turn. */
static void write_texts(grammar *const *g, size_t tokens, times *t) {
    grammar_state *s[SCHEMAS] = { 0 };
    size_t words = grammar_mask_words(g[0]);
    uint64_t *bits = mem_must(words, sizeof *bits), draws = 0;
    err e = { 0 };
    for (size_t i = 0; i < tokens; i++) {
        size_t k = i % SCHEMAS, allowed = 0;
        if (s[k] && (grammar_state_is_over(s[k]) || grammar_state_length(s[k]) > 200)) grammar_state_free(s[k]), s[k] = NULL;
        if (!s[k]) s[k] = grammar_state_new(g[k]);
        double began = effort_clock();
        if (!grammar_state_mask(s[k], bits, &e)) break;
        t->us[t->n++] = (effort_clock() - began) * 1e6;
        if (t->us[t->n - 1] > t->slowest) t->slowest = t->us[t->n - 1], t->whose = k;
        for (size_t w = 0; w < words; w++) allowed += (size_t)__builtin_popcountll(bits[w]);
        size_t pick = (size_t)(rng_uniform(3, draws++, 0) * (double)allowed);
        int32_t id = allowed ? nth_allowed(bits, words, pick) : -1;
        if (id < 0 || !grammar_state_advance(s[k], id, &e)) break;
    }
    for (size_t k = 0; k < SCHEMAS; k++) grammar_state_free(s[k]);
    free(bits);
}

static bool measure(vocabulary *v, size_t tokens, double prepare, const char *first, const char *again, err *e) {
    grammar *g[SCHEMAS] = { 0 };
    times compile = { .us = mem_must(SCHEMAS, sizeof(double)) }, cold = { .us = mem_must(tokens, sizeof(double)) }, warm = { .us = mem_must(tokens, sizeof(double)) };
    grammar_budget b = { .prepare = prepare };
    bool ok = true;
    for (size_t i = 0; i < SCHEMAS && ok; i++) {
        ok = (g[i] = grammar_compile_schema(shapes[i], strlen(shapes[i]), false, v, &b, e)) != NULL;
        if (ok) compile.us[compile.n++] = grammar_facts_of(g[i]).seconds * 1e6;
    }
    if (ok) {
        write_texts(g, tokens, &cold);
        write_texts(g, tokens, &warm);
        print_times(prepare > 0 ? "compile, prepared" : "compile", &compile);
        print_times(first, &cold);
        printf("  the largest: %s\n", shapes[cold.whose]);
        print_times(again, &warm);
    }
    for (size_t i = 0; i < SCHEMAS; i++) grammar_unref(g[i]);
    free(compile.us);
    free(cold.us);
    free(warm.us);
    return ok;
}

int main(int argc, char **argv) {
    err e = { 0 };
    if (argc < 2) return fprintf(stderr, "usage: measure_masks TOKENIZER [TOKENS]\n"), 2;
    size_t tokens = argc > 2 ? strtoul(argv[2], NULL, 10) : 4000;
    tokenizer *t = llm_open_tokenizer(argv[1], &e);
    if (!t) t = tokenizer_from_dir(argv[1], &e);
    int32_t end = t ? tokenizer_eos(t) : -1;
    double began = effort_clock();
    vocabulary *v = t ? vocabulary_new(t, &end, 1, &e) : NULL;
    if (v) printf("%zu tokens, %zu trie nodes, made in %.0f ms\n", vocabulary_n_tokens(v), vocabulary_trie(v, false)->n, (effort_clock() - began) * 1e3);
    bool ok = v && measure(v, tokens, -1, "mask, cold", "mask, again", &e) && measure(v, tokens, 0.25, "mask, prepared", "mask, again", &e);
    vocabulary_unref(v);
    tokenizer_free(t);
    if (ok) return 0;
    char shown[2048];
    err_format(&e, shown, sizeof shown);
    return fprintf(stderr, "%s\n", shown), 1;
}
