/* CVE-2025-46560: tokenizing took time that grew with the square of the text. Here twice the text takes about twice as long for every
 * kind of model, on the texts that are worst for it; and a regular expression from a file that backtracks without end is stopped. */
#include "unit/hostile/build_file.h"
#include "text/tokenizer.h"
#include <time.h>

enum { SHORT = 100000, LONG = 8 * SHORT };

static double seconds_for(const tokenizer *t, const char *pattern, size_t n) {
    err e = { 0 };
    token_list ids = { 0 };
    buf text = { 0 };
    while (text.len < n) buf_puts(&text, pattern);
    clock_t began = clock();
    check_ok(tokenizer_encode(t, text.data, text.len, TOKENIZE_PARSE_SPECIAL, &ids, &e), &e);
    double took = (double)(clock() - began) / CLOCKS_PER_SEC;
    token_list_free(&ids);
    buf_free(&text);
    return took;
}

static void check_linear(const char *json) {
    static const char *const patterns[] = { "a", "ab", " ", "<s", "<s>", "\n", "a ", "\xe2\x96\x81", "e\xcc\x81", "'" };
    err e = { 0 };
    tokenizer *t = tokenizer_from_bytes(json, strlen(json), "test", &e);
    check_ok(t != NULL, &e);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        double one = seconds_for(t, patterns[i], SHORT), eight = seconds_for(t, patterns[i], LONG);
        /* 8 would be linear, 64 the square; a coarse clock and a busy machine are allowed for */
        if (eight > 24 * (one + 0.01)) fail_msg("'%s': %g s for %d bytes, %g s for %d", patterns[i], one, SHORT, eight, LONG);
    }
    tokenizer_free(t);
}

#define ADDED "\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true,\"lstrip\":true,\"rstrip\":true}],"
#define BPE "\"model\":{\"type\":\"BPE\",\"vocab\":{\"<s>\":0,\"a\":1,\"b\":2,\"aa\":3,\"ab\":4,\"aaaa\":5,\"\u0120\":6},\"merges\":[\"a a\",\"a b\",\"aa aa\"]}}"

static void cve_2025_46560(void **state) {
    (void)state;
    check_linear("{" ADDED "\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\"}," BPE);
    check_linear("{" ADDED BPE); /* the whole text is one piece */
    check_linear("{" ADDED "\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"<s>\",0],[\"a\",-1],[\"ab\",-1.5],[\"aa\",-1.2],[\"aaaaaaaa\",-3]]}}");
    check_linear("{" ADDED "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"<s>\","
                 "\"vocab\":{\"<s>\":0,\"a\":1,\"##a\":2,\"b\":3}}}");
    err e = { 0 };
    token_list ids = { 0 };
    static const char slow[] = "{\"pre_tokenizer\":{\"type\":\"Split\",\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":\"(?:a+)+$|(a|aa)+b\"}}," BPE;
    tokenizer *t = tokenizer_from_bytes(slow, sizeof slow - 1, "test", &e);
    check_ok(t != NULL, &e);
    buf text = { 0 };
    for (int i = 0; i < 5000; i++) buf_putc(&text, 'a');
    buf_putc(&text, 'c');
    assert_false(tokenizer_encode(t, text.data, text.len, 0, &ids, &e));
    check_message(&e, ERR_LIMIT, "takes too long");
    token_list_free(&ids);
    buf_free(&text);
    tokenizer_free(t);
}

RUN_ONE(cve_2025_46560)
