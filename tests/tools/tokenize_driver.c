/* Ids of many texts, for tests/clients/vocabularies.py: tokenize_driver MODEL FLAGS; reads u32 length and bytes from standard input, writes a
 * line of ids for each, or "ERR" and the reason. */
#include "infer/llm.h"
#include <stdio.h>
#include <stdlib.h>

enum { MAX_TEXT = 64 << 20 };

static void answer(const tokenizer *t, const char *text, size_t n, unsigned flags) {
    token_list ids = { 0 };
    err e;
    if (tokenizer_encode(t, text, n, flags, &ids, &e))
        for (size_t i = 0; i < ids.n; i++) printf("%d ", ids.ids[i]);
    else printf("ERR %s", e.what);
    putchar('\n');
    token_list_free(&ids);
}

int main(int argc, char **argv) {
    err e = { 0 };
    char shown[2048], *text = malloc(MAX_TEXT);
    tokenizer *t = argc > 2 ? llm_open_tokenizer(argv[1], &e) : NULL;
    unsigned n;
    if (!t || !text) {
        err_format(&e, shown, sizeof shown);
        fprintf(stderr, "%s\n", shown);
        return 1;
    }
    while (fread(&n, sizeof n, 1, stdin) == 1 && n <= MAX_TEXT && fread(text, 1, n, stdin) == n) answer(t, text, n, (unsigned)atoi(argv[2]));
    tokenizer_free(t);
    free(text);
    return 0;
}
