/* Masks pass over plain text without looking at it (grammar/plain.h): they have to say, of every token of a vocabulary full of pieces of
 * words, broken characters and quotes, what following the token byte by byte says, on random grammars and on schemas with strings. */
#include "unit/grammar/words.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"

enum { PIECES = 1500, STEPS = 10, GRAMMARS = 120 };

static tokenizer *t;
static vocabulary *v;
static uint64_t draws;

static size_t below(size_t n) { return (size_t)(rng_uniform(11, draws++, 0) * (double)n); }

/* A byte as byte-level BPE spells it. */
static void put_byte(buf *out, uint8_t byte) {
    char spelled[4];
    uint32_t cp = byte;
    if (byte <= 32) cp = 256u + byte;
    else if (byte >= 127 && byte <= 160) cp = 256u + byte - 127u + 33u;
    else if (byte == 173) cp = 256u + 67u;
    buf_put(out, spelled, utf8_encode(cp, spelled));
}

/* Mostly text of words; now and then a quote, an escape, a control, a byte that belongs nowhere, an end in the middle of a character. */
static void put_piece(buf *out) {
    static const char *const parts[] = { "a", "b", "e", "th", "ing", "Z", "Q", "0", "7", "42", " ", "-", "_", ",", "\xc3\xa9", "\xe4\xb8\xad", "\xe2\x80\xa8", "\xf0\x9f\x98\x80", "\xc2", "\xe4\xb8",
                                         "\xf0\x9f", "\xed\x9f\xbf", "\xee\x80\x80" };
    static const char *const rare[] = { "\"", "\\", "\n", "\t", "\x7f", "\x01", "\\u00", "{", "}", "[", "]", ":", "\":", "\",", "\xb8", "\xad", "\xff", "\xc0", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80" };
    for (size_t i = 0, n = 1 + below(6); i < n; i++) {
        const char *s = below(7) ? parts[below(sizeof parts / sizeof *parts)] : rare[below(sizeof rare / sizeof *rare)];
        for (; *s; s++) put_byte(out, (uint8_t)*s);
    }
}

static tokenizer *pieces_tokenizer(void) {
    static vocab_text tokens[PIECES];
    static int32_t types[PIECES];
    static buf spelled[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        buf_clear(&spelled[i]);
        if (i < 256) put_byte(&spelled[i], (uint8_t)i);
        else if (i == 256) buf_puts(&spelled[i], "ab"); /* the one merge's */
        else put_piece(&spelled[i]);
        tokens[i] = (vocab_text){ buf_str(&spelled[i]), spelled[i].len };
        types[i] = TOKEN_NORMAL;
    }
    vocab_text merge = { "a b", 3 };
    vocab_source s = { .model = "gpt2", .pre = "qwen2", .tokens = tokens, .types = types, .n_tokens = PIECES, .merges = &merge, .n_merges = 1, .bos = -1, .eos = -1, .eot = -1, .eom = -1,
                       .unk = -1, .sep = -1, .pad = -1, .cls = -1, .mask = -1, .add_bos = -1, .add_eos = -1, .add_space_prefix = -1, .remove_extra_whitespaces = -1 };
    err e = { 0 };
    tokenizer *made = tokenizer_from_vocab(&s, &e);
    check_ok(made != NULL, &e);
    for (size_t i = 0; i < PIECES; i++) buf_free(&spelled[i]);
    return made;
}

static int set_up(void **state) {
    (void)state;
    err e = { 0 };
    t = pieces_tokenizer();
    v = vocabulary_new(t, NULL, 0, &e);
    check_ok(v != NULL, &e);
    return 0;
}

static int tear_down(void **state) { return (void)state, vocabulary_unref(v), tokenizer_free(t), 0; }

/* Every token by following it. The number that are allowed; 0 also when the grammar cannot be followed on from here. */
static size_t check_mask(grammar_state *s, uint64_t *bits, const char *source) {
    err e = { 0 };
    size_t allowed = 0;
    if (!grammar_state_mask(s, bits, &e)) return assert_int_equal(e.code, ERR_LIMIT), 0;
    for (int32_t id = 0; id < PIECES; id++) {
        bool may = grammar_state_advance(s, id, &e), said = grammar_mask_has(bits, id);
        if (may) grammar_state_rollback(s, 1);
        else if (said && e.code == ERR_LIMIT) continue;
        if (may != said) fail_msg("token %d after %zu tokens of %s: the mask says %d", id, grammar_state_length(s), source, said);
        allowed += said;
    }
    return allowed;
}

static size_t follow(grammar *g, const char *source) {
    uint64_t bits[PIECES / 64 + 1];
    size_t checked = 0;
    err e = { 0 };
    grammar_state *s = grammar_state_new(g);
    for (int i = 0; i < STEPS && !grammar_state_is_over(s); i++, checked++) {
        size_t allowed = check_mask(s, bits, source);
        if (!allowed) break;
        int32_t id = -1;
        for (size_t nth = below(allowed) + 1; nth; nth -= grammar_mask_has(bits, id)) id++;
        if (!grammar_state_advance(s, id, &e)) break;
    }
    grammar_state_free(s);
    return checked;
}

/* ---- random grammars ---- */

static void put_expression(buf *out, unsigned rule, unsigned depth) {
    static const char *const atoms[] = { "[a-z]", "[^\"\\\\]", ".", "[a-zA-Z0-9 ]", "[\\u4e00-\\u9fff]", "[^\\x00-\\x7f]", "[\\u0080-\\U0010ffff]", "\"a\"", "\"th\"", "\"\\\"\"", "\"\xe4\xb8\xad\"", "[^\\x00-\\x1f\"]",
                                         "[^,]", "[-_, ]", "\"\"" };
    static const char *const counts[] = { "*", "+", "?", "{3}", "{2,}", "{0,5}", "{1,12}", "{60}" };
    size_t kind = depth ? below(8) : 0;
    if (kind < 2) buf_printf(out, "%s", atoms[below(sizeof atoms / sizeof *atoms)]);
    else if (kind == 2 && rule < 3) buf_printf(out, "r%u", rule + 1 + (unsigned)below(3 - rule));
    else if (kind == 3) buf_printf(out, "\"(\" r%u", (unsigned)below(4));
    else {
        const char *between = kind == 4 ? " | " : " ";
        buf_puts(out, "(");
        for (size_t i = 0, n = 1 + below(3); i < n; i++) {
            if (i) buf_puts(out, between);
            put_expression(out, rule, depth - 1);
        }
        buf_printf(out, ")%s", kind == 5 ? "" : counts[below(sizeof counts / sizeof *counts)]);
    }
}

static void random_grammar(buf *out) {
    buf_clear(out);
    buf_puts(out, "root ::= r0\n");
    for (unsigned r = 0; r < 4; r++) {
        buf_printf(out, "r%u ::= ", r);
        put_expression(out, r, 3);
        buf_puts(out, r % 2 ? " | \"b\"\n" : "\n");
    }
}

static void random_grammars(void **state) {
    (void)state;
    size_t checked = 0;
    buf text = { 0 };
    for (int i = 0; i < GRAMMARS; i++) {
        err e = { 0 };
        random_grammar(&text);
        grammar *g = grammar_compile_gbnf(buf_str(&text), text.len, v, &(grammar_budget){ .prepare = -1 }, &e);
        if (g) checked += follow(g, buf_str(&text));
        grammar_unref(g);
    }
    buf_free(&text);
    assert_true(checked > GRAMMARS);
}

static void schemas(void **state) {
    static const char *const all[] = {
        "{}", "{\"type\":\"string\"}", "{\"type\":\"string\",\"maxLength\":30}", "{\"type\":\"string\",\"minLength\":3,\"maxLength\":9}", "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":2}}",
        "{\"type\":\"string\",\"pattern\":\"^[A-Za-z ]+$\"}", "{\"type\":\"string\",\"pattern\":\"^([A-Z][a-z]*|\\\\W{1,4})+$\"}", "{\"type\":\"string\",\"not\":{\"pattern\":\"th\"}}", "{\"enum\":[\"thing\",\"th\",\"\xe4\xb8\xad\"]}",
        "{\"type\":\"string\",\"pattern\":\"^[^e]{0,50}$\"}", "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\",\"maxLength\":4}},\"additionalProperties\":false}",
        "{\"type\":\"object\",\"patternProperties\":{\"^a\":{\"type\":\"string\"}},\"additionalProperties\":{\"type\":\"integer\"}}", "{\"anyOf\":[{\"type\":\"string\",\"maxLength\":5},{\"type\":\"string\",\"pattern\":\"^a+$\"},{\"type\":\"integer\"}]}" };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int round = 0; round < 3; round++) {
            err e = { 0 };
            grammar *g = grammar_compile_schema(all[i], strlen(all[i]), round == 1, v, &(grammar_budget){ .prepare = round == 2 ? 0.01 : -1 }, &e);
            check_ok(g != NULL, &e);
            assert_true(follow(g, all[i]) > 0);
            grammar_unref(g);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_grammars), cmocka_unit_test(schemas) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
