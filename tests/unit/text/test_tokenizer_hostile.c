/* Vocabularies that a stranger made: each once reached past a buffer, hung, or let text become a control token. */
#include "unit/check.h"
#include "base/buf.h"
#include "text/detok.h"
#include "text/tokenizer.h"

static tokenizer *from(const char *data, size_t n, err *e) { return tokenizer_from_bytes(data, n, "test", e); }

static tokenizer *from_json(const char *json) {
    err e = { 0 };
    tokenizer *t = from(json, strlen(json), &e);
    check_ok(t != NULL, &e);
    return t;
}

static token_list encode(const tokenizer *t, const char *text, unsigned flags) {
    token_list ids = { 0 };
    err e = { 0 };
    check_ok(tokenizer_encode(t, text, strlen(text), flags, &ids, &e), &e);
    return ids;
}

static void never_control(const tokenizer *t, const char *text) {
    token_list ids = encode(t, text, 0);
    for (size_t i = 0; i < ids.n; i++)
        if (tokenizer_is_control(t, ids.ids[i]) && ids.ids[i] != tokenizer_unk(t)) fail_msg("'%s' became control token %d", text, ids.ids[i]);
    token_list_free(&ids);
}

/* One protobuf field that holds bytes. */
static void put_field(buf *b, int number, const void *data, size_t n) {
    buf_putc(b, (char)(number << 3 | 2));
    assert_true(n < 128);
    buf_putc(b, (char)n);
    buf_put(b, data, n);
}

static void put_piece(buf *model, const char *text, size_t n, int type) {
    buf b = { 0 };
    put_field(&b, 1, text, n);
    buf_put(&b, "\x15\0\0\x80\xbf", 5); /* score -1 */
    buf_putc(&b, 3 << 3);
    buf_putc(&b, (char)type);
    put_field(model, 1, b.data, b.len);
    buf_free(&b);
}

static buf spm_model(void) {
    buf m = { 0 };
    put_piece(&m, "<unk>", 5, TOKEN_UNKNOWN);
    put_piece(&m, "a", 1, TOKEN_NORMAL);
    return m;
}

static void encode_anything(const buf *model) {
    err e = { 0 };
    tokenizer *t = from(model->data, model->len, &e);
    if (!t) {
        assert_int_not_equal(e.code, ERR_NONE);
        return;
    }
    token_list ids = encode(t, "a\xe4\xbd\xa0 aa \xe5\xa5\xbd", TOKENIZE_PARSE_SPECIAL);
    token_list_free(&ids);
    tokenizer_free(t);
}

/* A user-defined piece may end inside a code point; the rest of that code point is then no UTF-8. */
static void test_spm_piece_of_half_a_code_point(void **state) {
    (void)state;
    for (int type = TOKEN_NORMAL; type <= TOKEN_BYTE; type++) {
        buf m = spm_model();
        put_piece(&m, "\xe4", 1, type);
        encode_anything(&m);
        buf_free(&m);
    }
}

/* A character map that turns 'a' into a lone continuation byte: darts units for the root, 'a' and its leaf. */
static void test_charsmap_that_writes_broken_utf8(void **state) {
    (void)state;
    uint32_t units[512] = { 0 };
    for (int i = 0; i < 512; i++) units[i] = 0x80000000u;
    units[0] = 1u << 10;                         /* root at offset 1 */
    units['a' ^ 1] = 1u << 10 | 1u << 8 | 'a';   /* has a leaf, at its own index ^ 1 */
    units[('a' ^ 1) ^ 1] = 0x80000000u;          /* value 0: the string at 0 */
    buf map = { 0 }, m = spm_model(), spec = { 0 };
    uint32_t bytes = sizeof units;
    buf_put(&map, &bytes, 4);
    buf_put(&map, units, sizeof units);
    buf_put(&map, "\xbd\0", 2);
    char head[4] = { 2 << 3 | 2, (char)(0x80 | (map.len & 127)), (char)(map.len >> 7), 0 };
    buf_put(&spec, head, 3);
    buf_put(&spec, map.data, map.len);
    char outer[4] = { 3 << 3 | 2, (char)(0x80 | (spec.len & 127)), (char)(spec.len >> 7), 0 };
    buf_put(&m, outer, 3);
    buf_put(&m, spec.data, spec.len);
    encode_anything(&m);
    buf_free(&map);
    buf_free(&spec);
    buf_free(&m);
}

static void test_wordpiece_prefix_longer_than_any_word(void **state) {
    (void)state;
    buf json = { 0 };
    buf_puts(&json, "{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"a\":1},\"continuing_subword_prefix\":\"");
    for (int i = 0; i < 5000; i++) buf_putc(&json, '#');
    buf_puts(&json, "\"}}");
    err e = { 0 };
    assert_null(from(json.data, json.len, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    buf_free(&json);
}

static vocab_source tiny_bpe(vocab_text *tokens, size_t n, const vocab_text *merges, const int32_t *types) {
    return (vocab_source){ .model = "gpt2", .pre = "qwen2", .tokens = tokens, .n_tokens = n, .merges = merges, .n_merges = 1, .types = types,
                           .bos = -1, .eos = -1, .eot = -1, .eom = -1, .unk = -1, .sep = -1, .pad = -1, .cls = -1, .mask = -1,
                           .add_bos = -1, .add_eos = -1, .add_space_prefix = -1, .remove_extra_whitespaces = -1 };
}

/* PCRE2 is told that its subject is UTF-8: an added token must not cut a code point. */
static void test_added_token_of_half_a_code_point(void **state) {
    (void)state;
    vocab_text tokens[] = { { "a", 1 }, { "b", 1 }, { "ab", 2 }, { "\xbd", 1 } }, merges[] = { { "a b", 3 } };
    for (int type = TOKEN_NORMAL; type <= TOKEN_BYTE; type++) {
        int32_t types[] = { 1, 1, 1, type };
        vocab_source v = tiny_bpe(tokens, 4, merges, types);
        err e = { 0 };
        tokenizer *t = tokenizer_from_vocab(&v, &e);
        if (!t) {
            assert_int_not_equal(e.code, ERR_NONE);
            continue;
        }
        token_list ids = encode(t, "ab\xe4\xbd\xa0" "ab", TOKENIZE_PARSE_SPECIAL);
        token_list_free(&ids);
        tokenizer_free(t);
    }
}

static void test_vocab_without_model_or_with_ids_out_of_range(void **state) {
    (void)state;
    vocab_text tokens[] = { { "a", 1 }, { "b", 1 }, { "ab", 2 } }, merges[] = { { "a b", 3 } };
    err e = { 0 };
    vocab_source v = tiny_bpe(tokens, 3, merges, NULL);
    v.model = NULL;
    assert_null(tokenizer_from_vocab(&v, &e));
    assert_int_not_equal(e.code, ERR_NONE);
    for (int64_t bad = 3; bad < INT64_MAX / 4; bad = bad * 3 + 1) {
        v = tiny_bpe(tokens, 3, merges, NULL);
        v.bos = bad;
        assert_null(tokenizer_from_vocab(&v, &e)); /* GHSA-g4cc-763q-h9h6 */
    }
    v = tiny_bpe(tokens, 3, merges, NULL);
    v.eot = -2;
    assert_null(tokenizer_from_vocab(&v, &e));
}

/* Models that look whole words up in the vocabulary find control tokens there too; text must not. */
static void test_text_never_becomes_control(void **state) {
    (void)state;
    static const char *const models[] = {
        "{\"type\":\"WordLevel\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"a\":1,\"<s>\":2}}",
        "{\"type\":\"WordPiece\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"a\":1,\"<s>\":2,\"##<s>\":3}}",
        "{\"type\":\"BPE\",\"unk_token\":\"?\",\"ignore_merges\":true,\"merges\":[\"< s\",\"<s >\"],\"vocab\":{\"?\":0,\"a\":1,\"<s>\":2,\"<\":3,\"s\":4,\">\":5,\"<s\":6}}",
        "{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"?\",0],[\"a\",-1],[\"<s>\",0],[\"<\",-2],[\"s\",-2],[\">\",-2]]}",
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char json[600];
        snprintf(json, sizeof json, "{\"normalizer\":{\"type\":\"NFKC\"},\"added_tokens\":[{\"id\":2,\"content\":\"<s>\",\"special\":true}],\"model\":%s}", models[i]);
        tokenizer *t = from_json(json);
        never_control(t, "<s>");
        never_control(t, "a<s>");
        never_control(t, "\xef\xbc\x9cs\xef\xbc\x9e"); /* full-width: <s> only after NFKC */
        token_list ids = encode(t, "<s>", TOKENIZE_PARSE_SPECIAL);
        assert_int_equal(ids.n, 1);
        assert_int_equal(ids.ids[0], 2);
        token_list_free(&ids);
        tokenizer_free(t);
    }
}

static void test_damaged_files_are_refused(void **state) {
    (void)state;
    static const char *const files[] = { "", "{", "{}", "[]", "{\"model\":{}}", "{\"model\":{\"type\":\"Neural\"}}", "\x0a\x7f", "\x0a",
                                         "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1}}}", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":99999999}}}",
                                         "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}}",
                                         "{\"normalizer\":{\"type\":\"Magic\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}}}" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        err e = { 0 };
        tokenizer *t = from(files[i], strlen(files[i]), &e);
        if (t) fail_msg("file %zu was taken: '%s'", i, files[i]);
        assert_int_not_equal(e.code, ERR_NONE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spm_piece_of_half_a_code_point),
        cmocka_unit_test(test_charsmap_that_writes_broken_utf8),
        cmocka_unit_test(test_wordpiece_prefix_longer_than_any_word),
        cmocka_unit_test(test_added_token_of_half_a_code_point),
        cmocka_unit_test(test_vocab_without_model_or_with_ids_out_of_range),
        cmocka_unit_test(test_text_never_becomes_control),
        cmocka_unit_test(test_damaged_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
