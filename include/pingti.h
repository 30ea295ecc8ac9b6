/* pingti: run open language models exactly, on your own hardware. The only public header of libpingti.
 *
 * Ownership: what pt_*_open and pt_*_new return is yours to close or free. Text and arrays handed to a callback are borrowed
 * for the call. Threads: an engine may be used by any number of threads at once (their generations share the machine in one
 * batch, and none changes another's result); a tokens value belongs to one thread.
 * Errors are values: functions that can fail take a pt_error (may be NULL) and return NULL or a code other than PT_OK.
 * A result is a function of model, build, instruction set, prompt, parameters and seed alone, whatever else runs. */
#ifndef PINGTI_H
#define PINGTI_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PT_API __attribute__((visibility("default")))
#else
#define PT_API
#endif

typedef enum pt_code {
    PT_OK = 0,
    PT_IO,          /* the operating system refused */
    PT_FORMAT,      /* a file does not follow its format */
    PT_UNSUPPORTED, /* well-formed, but this build cannot compute it */
    PT_LIMIT,       /* too long, too deep, beyond the context */
    PT_MEMORY,      /* does not fit in memory */
    PT_USAGE,       /* an argument is wrong */
    PT_CANCELLED,   /* pt_cancel, or the callback asked to stop */
} pt_code;

/* What went wrong, where, what was expected, what came and what to do, as text for a person. */
typedef struct pt_error {
    pt_code code;
    char text[1024];
} pt_error;

typedef struct pt_engine pt_engine;

/* Zero means the default everywhere: start from `pt_options o = {0};`. */
typedef struct pt_options {
    int threads;             /* 0: the processors of this machine */
    uint32_t context;        /* tokens a sequence may have; 0: the model's own, as far as memory allows */
    const char *cache_type;  /* "f16" (default), "q8_0", "f32" */
    int exact;               /* 1: f32 activations, held against other implementations; 0: int8 activations, faster */
    const char *backend;     /* "cpu" (default), "cpu_ref" */
    const char *draft;       /* a smaller model with the same vocabulary, that guesses tokens ahead: never another result; NULL: none */
    int guesses;             /* tokens guessed ahead and computed together, at most so many a step: faster, never another result; 0: 16; -1: none */
} pt_options;

/* path: a .gguf file or a Hugging Face directory. */
PT_API pt_engine *pt_open(const char *path, const pt_options *options, pt_error *error);
PT_API void pt_close(pt_engine *engine); /* cancels what still runs; NULL is allowed */

typedef struct pt_tokens {
    int32_t *ids;
    size_t n;
} pt_tokens;

/* text[0..n) to ids. add_special: BOS and the like where the model wants them. Control tokens spelled in the text are plain text. */
PT_API pt_code pt_tokenize(const pt_engine *engine, const char *text, size_t n, int add_special, pt_tokens *out, pt_error *error);
PT_API void pt_tokens_free(pt_tokens *tokens);
/* Ids to text, control tokens left out. NUL-terminated; pt_text_free. */
PT_API char *pt_detokenize(const pt_engine *engine, const int32_t *ids, size_t n, pt_error *error);
PT_API void pt_text_free(char *text);

/* messages_json: [{"role":"user","content":"..."}, ...]. The model's own chat template, rendered and tokenized; text inside
 * messages can never become a control token. */
PT_API pt_code pt_chat_tokens(const pt_engine *engine, const char *messages_json, pt_tokens *out, pt_error *error);

typedef struct pt_params {
    uint32_t max_tokens;         /* 0: until the model ends or the context is full */
    float temperature;           /* 0: greedy */
    uint32_t top_k;              /* 0: off */
    float top_p, min_p;          /* 0: off (top_p 1 likewise) */
    float repeat_penalty;        /* 0 or 1: off */
    float presence_penalty, frequency_penalty;
    uint64_t seed;               /* the same seed, the same text */
    const char *const *stop;     /* n_stop strings that end the text (not part of it) */
    size_t n_stop;
    /* One of: what the text must follow, to its end. A grammar that cannot be compiled is an error (PT_FORMAT, PT_UNSUPPORTED,
     * PT_LIMIT), never ignored; PT_FINISH_LENGTH says that the text was cut before the grammar was complete.
     * Where the prompt leaves <think> open, the model thinks first and the grammar holds from </think> on; an answer that ends while
     * it still thinks is an error (PT_FORMAT). */
    const char *grammar;         /* GBNF */
    const char *json_schema;     /* JSON Schema, draft 2020-12 */
    /* More ways to choose; 0 is off, or the usual value of a number that belongs to another. Order: docs/sampling.md. */
    float typical_p;             /* locally typical; 1 is off too */
    float xtc_probability, xtc_threshold;      /* leave out the top choices; 0.1 */
    float dynamic_range, dynamic_exponent;     /* temperature +- range by entropy; 1 */
    int temperature_last;        /* 1: after the cuts, not before them */
    int mirostat;                /* 1 or 2, in place of top_k, top_p, min_p, typical_p, xtc */
    float mirostat_tau, mirostat_eta;          /* 5 bits, 0.1 */
    float dry_multiplier, dry_base;            /* against repetition; 1.75 */
    uint32_t dry_allowed_length, dry_last;     /* 2; tokens looked at, 0: all */
    const char *const *dry_breakers;           /* n_dry_breakers texts; none: line end, colon, quote, star */
    size_t n_dry_breakers;
    int heal;                    /* 1: the prompt may end within a word: the answer begins with any token that goes on from its last */
} pt_params;

typedef enum pt_finish { PT_FINISH_STOP, PT_FINISH_LENGTH, PT_FINISH_CANCELLED } pt_finish;

typedef struct pt_result {
    pt_finish finish;
    size_t prompt_tokens, cached_tokens, generated_tokens;
    double prompt_seconds, generate_seconds;
    size_t guessed_tokens, accepted_tokens; /* guessed ahead; those that were right: each saved a step */
    size_t forced_tokens;        /* of the generated ones, those that were the only one the grammar allowed */
} pt_result;

/* Whole code points of text as they come. Return 0 to go on, anything else to stop. Runs in the thread that called pt_generate. */
typedef int (*pt_callback)(void *user, const char *text, size_t n);

PT_API pt_code pt_generate(pt_engine *engine, const pt_tokens *prompt, const pt_params *params, pt_callback on_text, void *user,
                           pt_result *result, pt_error *error);
/* Ends every generation of the engine within one step; async-signal-safe. */
PT_API void pt_cancel(pt_engine *engine);

/* "0.1.0" and the instruction set in use. */
PT_API const char *pt_version(void);
PT_API const char *pt_kernels(void);

#ifdef __cplusplus
}
#endif
#endif
