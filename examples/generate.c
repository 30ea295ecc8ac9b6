/* Continues a text: cc generate.c $(pkg-config --cflags --libs pingti) -o generate && ./generate MODEL "Once upon a time" */
#include <pingti.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_text(void *user, const char *text, size_t n) {
    (void)user;
    fwrite(text, 1, n, stdout);
    fflush(stdout);
    return 0; /* anything else stops the generation */
}

static int fail(const pt_error *error) {
    fprintf(stderr, "error: %s\n", error->text);
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s MODEL PROMPT [TOKENS]\n", argv[0]);
        return 2;
    }
    pt_error error;
    pt_options options = { .exact = 1 };
    pt_engine *engine = pt_open(argv[1], &options, &error);
    if (!engine) return fail(&error);

    int status = 0;
    pt_tokens prompt = { 0 };
    pt_params params = { .max_tokens = argc > 3 ? (uint32_t)atoi(argv[3]) : 64 }; /* temperature 0: greedy */
    pt_result result;
    if (pt_tokenize(engine, argv[2], strlen(argv[2]), 1, &prompt, &error) != PT_OK ||
        pt_generate(engine, &prompt, &params, print_text, NULL, &result, &error) != PT_OK)
        status = fail(&error);
    else
        fprintf(stderr, "\n%zu tokens in %.2f s\n", result.generated_tokens, result.prompt_seconds + result.generate_seconds);

    pt_tokens_free(&prompt);
    pt_close(engine);
    return status;
}
