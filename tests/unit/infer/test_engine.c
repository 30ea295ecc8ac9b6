/* The engine thread: many requests from many threads say what each says alone, under too little cache, slow readers, cancels. */
#include "unit/infer/models.h"
#include "base/rng.h"
#include "infer/engine.h"
#include <pthread.h>
#include <unistd.h>

enum { CLIENTS = 6, ROUNDS = 4, ANSWER = 40, PROMPT = 90 };

static opened_model om;

static engine *start(uint32_t cache_tokens, int threads) {
    err e = { 0 };
    runner_options o = { .threads = threads, .context = 256, .cache_tokens = cache_tokens, .batch_tokens = 64, .cache_type = DTYPE_F16, .precision = PRECISION_FAST };
    runner *r = runner_new(om.m, &o, &e);
    check_ok(r != NULL, &e);
    engine *en = engine_start(r, om.m->spec.vocab, &e);
    check_ok(en != NULL, &e);
    return en;
}

typedef struct client {
    engine *en;
    int number;
    bool slow;
    int32_t answer[ANSWER];
    size_t n;
    request_usage usage;
} client;

static void ask(client *c) {
    int32_t prompt[PROMPT];
    err e = { 0 };
    for (int i = 0; i < PROMPT; i++) prompt[i] = (i < 70 ? i * 5 : i * c->number * 3 + 1) % (int32_t)om.m->spec.vocab;
    request_options o = { .prompt = prompt, .n_prompt = PROMPT, .max_tokens = ANSWER, .sample = { .temperature = 1.2f, .seed = (uint64_t)c->number, .frequency_penalty = 0.1f } };
    request *r = request_new(&o);
    check_ok(engine_submit(c->en, r, &e), &e);
    sampled t;
    for (c->n = 0; request_next(r, &t); c->n++) {
        assert_true(c->n < ANSWER);
        c->answer[c->n] = t.id;
        if (c->slow && c->n % 8 == 0) usleep(3000);
    }
    assert_int_equal(request_finish(r), FINISH_LENGTH);
    c->usage = request_usage_of(r);
    request_unref(r);
}

static void *client_main(void *arg) {
    for (int i = 0; i < ROUNDS; i++) ask(arg);
    return NULL;
}

static void answers_do_not_depend_on_company(void **state) {
    (void)state;
    client alone[CLIENTS], together[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        engine *en = start(256, 1);
        alone[i] = (client){ .en = en, .number = i };
        ask(&alone[i]);
        engine_stop(en);
    }
    const uint32_t caches[] = { 1024, 192, 256 }; /* room for all; for one and a half; for barely two */
    for (int k = 0; k < 3; k++) {
        pthread_t threads[CLIENTS];
        engine *en = start(caches[k], 2);
        for (int i = 0; i < CLIENTS; i++) {
            together[i] = (client){ .en = en, .number = i, .slow = i % 2 };
            pthread_create(&threads[i], NULL, client_main, &together[i]);
        }
        for (int i = 0; i < CLIENTS; i++) pthread_join(threads[i], NULL);
        for (int i = 0; i < CLIENTS; i++) {
            assert_int_equal(together[i].n, ANSWER);
            assert_memory_equal(together[i].answer, alone[i].answer, sizeof alone[i].answer);
        }
        engine_stats s = engine_stats_now(en);
        assert_true(s.cached_tokens >= 64); /* the common prefix was shared */
        printf("cache %u tokens: %llu steps, %llu preemptions, %llu tokens from shared pages\n", caches[k], (unsigned long long)s.steps,
               (unsigned long long)s.preemptions, (unsigned long long)s.cached_tokens);
        if (caches[k] < 1024) assert_true(s.preemptions > 0 || s.steps > 0);
        engine_stop(en);
    }
}

/* Seconds that jump back and forth: the scheduler makes chunks of every size beside decoding sequences. */
static double wild_clock(void) {
    static uint64_t calls; /* the engine thread's alone */
    calls++;
    return rng_uniform(5, calls / 7, 3) * (calls % 3 ? 0.2 : 1e-4) + (double)(calls % 11);
}

static void answers_do_not_depend_on_the_clock(void **state) {
    (void)state;
    client alone[CLIENTS], together[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        engine *en = start(256, 1);
        alone[i] = (client){ .en = en, .number = i };
        ask(&alone[i]);
        engine_stop(en);
    }
    for (int round = 0; round < 3; round++) {
        pthread_t threads[CLIENTS];
        err e = { 0 };
        runner_options o = { .threads = 2, .context = 256, .cache_tokens = 1024, .batch_tokens = 64, .cache_type = DTYPE_F16, .precision = PRECISION_FAST };
        engine *en = engine_start_with(runner_new(om.m, &o, &e), om.m->spec.vocab, &(engine_setup){ .clock = wild_clock }, &e);
        for (int i = 0; i < CLIENTS; i++) {
            together[i] = (client){ .en = en, .number = i };
            pthread_create(&threads[i], NULL, client_main, &together[i]);
        }
        for (int i = 0; i < CLIENTS; i++) pthread_join(threads[i], NULL);
        for (int i = 0; i < CLIENTS; i++) assert_memory_equal(together[i].answer, alone[i].answer, sizeof alone[i].answer);
        engine_stats s = engine_stats_now(en);
        assert_true(s.decode_steps > 0 && s.decode_rows >= s.decode_steps && s.longest_chunk_beside_decodes > 0);
        engine_stop(en);
    }
}

static request *long_request(engine *en) {
    int32_t prompt[3] = { 1, 2, 3 };
    err e = { 0 };
    request *r = request_new(&(request_options){ .prompt = prompt, .n_prompt = 3, .max_tokens = 250 });
    check_ok(engine_submit(en, r, &e), &e);
    return r;
}

static void cancel_ends_only_what_was_there(void **state) {
    (void)state;
    engine *en = start(512, 1);
    sampled t;
    request *a = long_request(en), *b = long_request(en);
    assert_true(request_next(a, &t));
    request_cancel(a);
    while (request_next(a, &t)) {}
    assert_int_equal(request_finish(a), FINISH_CANCELLED);
    engine_cancel_all(en);
    while (request_next(b, &t)) {}
    assert_true(request_finish(b) == FINISH_CANCELLED || request_finish(b) == FINISH_LENGTH);
    engine_cancel_all(en); /* nothing runs: the next request must not be touched */
    request *c = long_request(en);
    size_t n = 0;
    while (request_next(c, &t)) n++;
    assert_int_equal(n, 250);
    assert_int_equal(request_finish(c), FINISH_LENGTH);
    request_unref(a);
    request_unref(b);
    request_unref(c);
    engine_stop(en);
}

static void stopping_the_engine_ends_its_requests(void **state) {
    (void)state;
    engine *en = start(512, 2);
    request *r[4];
    for (int i = 0; i < 4; i++) r[i] = long_request(en);
    engine_stop(en);
    sampled t;
    for (int i = 0; i < 4; i++) {
        while (request_next(r[i], &t)) {}
        request_unref(r[i]);
    }
}

static void impossible_requests_are_refused_with_numbers(void **state) {
    (void)state;
    engine *en = start(256, 1);
    err e = { 0 };
    int32_t prompt[300] = { 0 }, bad[1] = { -1 };
    request *r = request_new(&(request_options){ .prompt = prompt, .n_prompt = 300, .max_tokens = 1 });
    assert_false(engine_submit(en, r, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_non_null(strstr(e.expected, "256"));
    assert_non_null(strstr(e.got, "300"));
    request_unref(r);
    r = request_new(&(request_options){ .prompt = bad, .n_prompt = 1 });
    assert_false(engine_submit(en, r, &e));
    request_unref(r);
    r = request_new(&(request_options){ .n_prompt = 0 });
    assert_false(engine_submit(en, r, &e));
    request_unref(r);
    engine_stop(en);
}

static int open_one(void **state) {
    (void)state;
    om = open_model(PINGTI_SOURCE_DIR "/tests/golden/models/qwen2");
    return 0;
}

static int close_one(void **state) {
    (void)state;
    close_model(&om);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_do_not_depend_on_company),
        cmocka_unit_test(answers_do_not_depend_on_the_clock),
        cmocka_unit_test(cancel_ends_only_what_was_there),
        cmocka_unit_test(stopping_the_engine_ends_its_requests),
        cmocka_unit_test(impossible_requests_are_refused_with_numbers),
    };
    return cmocka_run_group_tests(tests, open_one, close_one);
}
