/* Requests with grammars: the same tokens alone and among others, sixteen grammars in one batch; an answer that is over ends by itself;
 * what cannot go on ends with a sentence and harms nobody else. */
#include "unit/check.h"
#include "base/mem.h"
#include "infer/engine.h"
#include "infer/grammars.h"
#include "unit/infer/models.h"

enum { N = 16, MOST = 60, END_OF_THINKING = 95 };

/* A golden model with an engine, and a tokenizer for its 97 tokens: three that are no text, and printable ASCII, but for '|', whose place
 * </think> has. */
typedef struct world {
    opened_model model;
    engine *en;
    tokenizer *t;
    grammars *grammars;
} world;

static const int32_t end_id = 2;

static tokenizer *ascii_tokenizer(void) {
    static vocab_text tokens[97] = { { "<unk>", 5 }, { "<s>", 3 }, { "</s>", 4 } };
    static int32_t types[97] = { TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_CONTROL };
    static float scores[97];
    static char bytes[97][8];
    for (int i = 3; i < 97; i++) {
        snprintf(bytes[i], sizeof bytes[i], "<0x%02X>", i + 0x1d);
        tokens[i] = (vocab_text){ bytes[i], 6 };
        types[i] = TOKEN_BYTE;
    }
    tokens[END_OF_THINKING] = (vocab_text){ "</think>", 8 };
    types[END_OF_THINKING] = TOKEN_USER;
    vocab_source v = { .model = "llama", .tokens = tokens, .scores = scores, .types = types, .n_tokens = 97, .bos = 1, .eos = 2, .eot = -1, .eom = -1, .unk = 0, .sep = -1, .pad = -1,
                       .cls = -1, .mask = -1, .add_bos = 0, .add_eos = 0, .add_space_prefix = 0, .remove_extra_whitespaces = 0 };
    err e = { 0 };
    tokenizer *t = tokenizer_from_vocab(&v, &e);
    check_ok(t != NULL, &e);
    return t;
}

static world *opened(void) {
    world *l = mem_must(1, sizeof *l);
    err e = { 0 };
    l->model = open_model(PINGTI_SOURCE_DIR "/tests/golden/models/qwen2");
    runner_options o = { .threads = 2, .context = 256, .cache_tokens = 8192, .batch_tokens = 64, .cache_type = DTYPE_F16, .precision = PRECISION_FAST };
    runner *r = runner_new(l->model.m, &o, &e);
    check_ok(r != NULL, &e);
    l->en = engine_start(r, l->model.m->spec.vocab, &e);
    check_ok(l->en != NULL, &e);
    l->t = ascii_tokenizer();
    l->grammars = grammars_new(l->t, &end_id, 1);
    return l;
}

static void closed(world *l) {
    engine_stop(l->en);
    grammars_free(l->grammars);
    tokenizer_free(l->t);
    close_model(&l->model);
    free(l);
}

static grammar *compiled(world *l, const char *gbnf, const char *schema) {
    err e = { 0 };
    grammar_source s = { .gbnf = gbnf, .schema = schema, .n = strlen(gbnf ? gbnf : schema) };
    grammar *g = grammars_get(l->grammars, &s, &e);
    check_ok(g != NULL, &e);
    return g;
}

typedef struct answer {
    int32_t ids[MOST];
    size_t n;
    finish_reason finish;
    request_usage usage;
} answer;

static request *ask(world *l, grammar *g, uint64_t seed, const logit_bias *bias, size_t n_bias) {
    static const int32_t prompt[] = { 1, 5, 9 };
    err e = { 0 };
    request_options o = { .prompt = prompt, .n_prompt = 3, .max_tokens = MOST, .stop_ids = &end_id, .n_stop_ids = 1, .grammar = g,
                          .sample = { .temperature = seed % 3 ? 1 : 0, .seed = seed, .bias = bias, .n_bias = n_bias, .top_p = seed % 2 ? 0.9f : 1 } };
    request *r = request_new(&o);
    check_ok(engine_submit(l->en, r, &e), &e);
    return r;
}

static void take(request *r, answer *a, err *e) {
    sampled t;
    *a = (answer){ 0 };
    while (request_next(r, &t)) a->ids[a->n++] = t.id;
    a->finish = request_finish(r);
    a->usage = request_usage_of(r);
    if (a->finish == FINISH_ERROR) *e = *request_error(r);
    request_unref(r);
}

static void batches_change_nothing(void **state) {
    (void)state;
    world *l = opened();
    grammar *g[N];
    answer alone[N], among;
    request *asked[N];
    err e = { 0 };
    for (int i = 0; i < N; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"type\":\"object\",\"properties\":{\"p%d\":{\"type\":\"string\",\"maxLength\":%d},\"q\":{\"type\":\"integer\",\"maximum\":%d}},\"required\":[\"q\"],\"additionalProperties\":false}", i, 3 + i, 10 * i);
        g[i] = compiled(l, NULL, text);
        take(ask(l, g[i], (uint64_t)i, NULL, 0), &alone[i], &e);
        assert_true(alone[i].finish == FINISH_STOP || alone[i].finish == FINISH_LENGTH);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) asked[i] = ask(l, g[(i + round) % N], (uint64_t)((i + round) % N), NULL, 0);
        for (int i = 0; i < N; i++) {
            const answer *want = &alone[(i + round) % N];
            take(asked[i], &among, &e);
            assert_int_equal(among.n, want->n);
            assert_memory_equal(among.ids, want->ids, want->n * sizeof *want->ids);
            assert_int_equal(among.finish, want->finish);
            assert_int_equal(among.usage.forced_tokens, want->usage.forced_tokens);
        }
    }
    for (int i = 0; i < N; i++) grammar_unref(g[i]);
    closed(l);
}

static void what_is_over_ends(void **state) {
    (void)state;
    world *l = opened();
    grammar *g = compiled(l, "root ::= \"xy\"", NULL);
    answer a;
    err e = { 0 };
    buf text = { 0 };
    take(ask(l, g, 1, NULL, 0), &a, &e);
    assert_int_equal(a.finish, FINISH_STOP);
    tokenizer_decode(l->t, a.ids, a.n, false, &text);
    assert_string_equal(buf_str(&text), "xy"); /* no end token was needed */
    grammar_unref(g);
    buf_free(&text);
    closed(l);
}

/* A bias that forbids all that the grammar allows: an error rather than an answer that breaks one of them. */
static void contradictions_end_with_a_sentence(void **state) {
    (void)state;
    world *l = opened();
    grammar *g = compiled(l, "root ::= \"x\"+ \"y\"", NULL), *free_one = compiled(l, "root ::= [a-z ]{5}", NULL);
    size_t n = 0, vocab = tokenizer_n_tokens(l->t);
    logit_bias bias[SAMPLE_MAX_BIAS];
    for (size_t id = 0; id < vocab && n < SAMPLE_MAX_BIAS; id++) {
        buf piece = { 0 };
        tokenizer_piece(l->t, (int32_t)id, false, false, &piece);
        if (piece.len && piece.data[0] == 'x') bias[n++] = (logit_bias){ (int32_t)id, -100 };
        buf_free(&piece);
    }
    answer a, b;
    err e = { 0 };
    request *bad = ask(l, g, 1, bias, n), *good = ask(l, free_one, 2, NULL, 0);
    take(bad, &a, &e);
    take(good, &b, &e);
    assert_int_equal(a.finish, FINISH_ERROR);
    assert_int_equal(a.n, 0);
    assert_non_null(strstr(e.what, "every token that the grammar allows here is forbidden"));
    assert_int_equal(b.finish, FINISH_STOP);
    grammar_unref(g);
    grammar_unref(free_one);
    closed(l);
}

/* ---- after a model's thinking ---- */

static answer think(world *l, grammar *g, uint64_t seed, logit_bias bias, err *e) {
    static const int32_t prompt[] = { 1, 5, 9 };
    reasoning thinking = reasoning_begin(l->t);
    answer a;
    request_options o = { .prompt = prompt, .n_prompt = 3, .max_tokens = MOST, .stop_ids = &end_id, .n_stop_ids = 1, .grammar = g, .thinking = &thinking,
                          .sample = { .temperature = 1, .seed = seed, .bias = &bias, .n_bias = 1 } };
    request *r = request_new(&o);
    check_ok(engine_submit(l->en, r, e), e);
    take(r, &a, e);
    return a;
}

static void a_grammar_waits_for_the_end_of_thinking(void **state) {
    (void)state;
    world *l = opened();
    grammar *g = compiled(l, "root ::= [a-c]{5}", NULL);
    size_t whole = 0, n_free = 0;
    err e = { 0 };
    for (uint64_t seed = 0; seed < 12; seed++) {
        answer a = think(l, g, seed, (logit_bias){ END_OF_THINKING, 4 }, &e);
        size_t at = 0;
        while (at < a.n && a.ids[at] != END_OF_THINKING) at++;
        if (a.finish != FINISH_STOP) continue; /* it thought too long, or ended on the way */
        buf text = { 0 };
        tokenizer_decode(l->t, a.ids + at + 1, a.n - at - 1, false, &text);
        assert_int_equal(text.len, 5);
        assert_int_equal(strspn(buf_str(&text), "abc"), 5);
        buf_free(&text);
        whole++;
        n_free += at;
    }
    assert_true(whole > 2 && n_free > 0);
    answer a = think(l, g, 1, (logit_bias){ end_id, 100 }, &e); /* an end while thinking is no answer */
    assert_int_equal(a.finish, FINISH_ERROR);
    assert_non_null(strstr(e.what, "while it was thinking"));
    grammar_unref(g);
    closed(l);
}

static reasoning_step put_text(reasoning *r, const vocabulary *v, const char *text) {
    reasoning_step s = REASONING_GOES_ON;
    for (; *text; text++) s = reasoning_put(r, v, *text == '\n' ? 3 : *text - 0x1d); /* ids of bytes; 3: a space */
    return s;
}

static bool opens(const world *l, const char *prompt) {
    token_list tokens = { 0 };
    for (; *prompt; prompt++) token_list_put(&tokens, *prompt - 0x1d);
    bool open = reasoning_is_open(l->t, tokens.ids, tokens.n);
    token_list_free(&tokens);
    return open;
}

static void thinking_is_told_by_its_tags(void **state) {
    (void)state;
    world *l = opened();
    err e = { 0 };
    vocabulary *v = vocabulary_new(l->t, &end_id, 1, &e);
    check_ok(v != NULL, &e);
    reasoning r = reasoning_begin(l->t);
    assert_int_equal(r.end_id, END_OF_THINKING);
    assert_int_equal(put_text(&r, v, "a </thin k> <</think"), REASONING_GOES_ON);
    assert_int_equal(put_text(&r, v, ">"), REASONING_ENDS);
    r = reasoning_begin(l->t);
    assert_int_equal(reasoning_put(&r, v, END_OF_THINKING), REASONING_ENDS);
    assert_true(opens(l, "<assistant><think> "));
    assert_false(opens(l, "<think>  </think> "));
    assert_false(opens(l, ""));
    vocabulary_unref(v);
    closed(l);
}

static void the_same_text_is_compiled_once(void **state) {
    (void)state;
    world *l = opened();
    grammar *a = compiled(l, "root ::= \"x\"", NULL), *b = compiled(l, "root ::= \"x\"", NULL), *c = compiled(l, "root ::= \"y\"", NULL);
    err e = { 0 };
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_null(grammars_get(l->grammars, &(grammar_source){ .gbnf = "root ::= ", .schema = "{}", .n = 2 }, &e));
    assert_int_equal(e.code, ERR_USAGE);
    grammar_unref(a);
    grammar_unref(b);
    grammar_unref(c);
    closed(l);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(batches_change_nothing), cmocka_unit_test(what_is_over_ends), cmocka_unit_test(contradictions_end_with_a_sentence),
                                        cmocka_unit_test(the_same_text_is_compiled_once), cmocka_unit_test(a_grammar_waits_for_the_end_of_thinking),
                                        cmocka_unit_test(thinking_is_told_by_its_tags) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
