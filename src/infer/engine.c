#include "infer/engine.h"
#include "base/mem.h"
#include "infer/constrain.h"
#include "infer/request_impl.h"
#include "infer/sched.h"
#include <string.h>

struct engine {
    runner *r;
    size_t n_known;
    pthread_t thread;
    pthread_mutex_t lock;  /* inbox and stats only */
    pthread_cond_t wake;
    request *inbox;        /* newest first */
    _Atomic bool stop;
    _Atomic uint64_t submitted, cancelled_through; /* tickets */
    sched sched;
    double (*clock)(void);
    sample_scratch *scratch;                       /* [threads] */
    request *asking[SCHED_MAX_RUNNING];            /* whose logits this step computed */
    const float *logits;                           /* [rows asked for, vocab] */
    size_t first_row[SCHED_MAX_RUNNING];           /* of each asking */
    engine_stats stats;
};

static void finish(engine *e, request *r, finish_reason why, const err *error) {
    seq_free(&r->s, runner_kv(e->r));
    speculation_free(&r->guesses);
    draft_forget(&e->sched.draft, r);
    request_end(r, why, error);
    request_unref(r);
}

/* Requests submitted since the last step, oldest first, join the waiting line. */
static void drain_inbox(engine *e) {
    pthread_mutex_lock(&e->lock);
    request *list = e->inbox, *oldest = NULL;
    e->inbox = NULL;
    pthread_mutex_unlock(&e->lock);
    while (list) {
        request *next = list->next;
        list->next = oldest;
        oldest = list;
        list = next;
    }
    while (oldest) {
        request *r = oldest;
        oldest = r->next;
        sched_enqueue(&e->sched, r);
    }
}

static bool is_cancelled(const engine *e, const request *r) {
    return atomic_load(&r->cancelled) || r->ticket <= atomic_load(&e->cancelled_through) || atomic_load(&e->stop);
}

/* Nobody wants the step that is being computed any more: a long prompt must not hold up who leaves. */
static bool step_is_unwanted(void *ctx) {
    const engine *e = ctx;
    const sched_step *s = &e->sched.step;
    for (size_t i = 0; i < s->n; i++)
        if (!is_cancelled(e, s->requests[i])) return false;
    return true;
}

static bool drop_if_cancelled(void *ctx, request *r) {
    engine *e = ctx;
    if (!is_cancelled(e, r)) return false;
    finish(e, r, FINISH_CANCELLED, NULL);
    return true;
}

static bool is_stop(const request *r, int32_t id) {
    if (r->options.ignore_stop) return false;
    for (size_t i = 0; i < r->options.n_stop_ids; i++)
        if (r->stop_ids[i] == id) return true;
    return false;
}

/* Whether the request has all its tokens with this one. */
static finish_reason ends_with(const request *r, int32_t id) {
    if (is_stop(r, id) || constrain_is_over(r)) return FINISH_STOP;
    return r->answered == r->options.max_tokens ? FINISH_LENGTH : FINISH_NONE;
}

static void note_times(request *r) {
    double now = request_clock();
    if (!r->answered) {
        r->first_token = now;
        r->usage.prompt_seconds = now - r->began;
    }
    r->last_token = now;
    r->usage.generate_seconds = now - r->first_token;
    r->usage.generated_tokens = ++r->answered;
}

/* Sequences choose their tokens independently of one another: one task each. Handing the token over is part of it, since waking
 * a reader may cost as much as choosing. Touches nothing but the request. A guess that was drawn makes the next row's logits those of
 * the text as it goes on. */
static void answer_task(void *ctx, size_t i, int worker) {
    engine *e = ctx;
    request *r = e->asking[i];
    size_t vocab = runner_model(e->r)->spec.vocab, guesses = r->s.n_proposed, n = r->s.n - guesses;
    const float *logits = e->logits + e->first_row[i] * vocab;
    bool right = true;
    for (r->n_drawn = r->n_right = 0; right && r->n_drawn <= guesses; logits += vocab) {
        sampled t;
        r->failed = !constrain_token(r, logits, vocab, e->n_known, r->s.tokens, n + r->n_drawn, &e->scratch[worker], &t);
        if (r->failed) return;
        note_times(r);
        request_put(r, &t);
        r->drawn = t.id;
        right = r->n_drawn < guesses && r->s.tokens[n + r->n_drawn] == t.id;
        r->n_right += right;
        r->n_drawn++;
        if (ends_with(r, t.id)) return;
    }
}

/* Guesses become tokens as far as they were drawn. Whether the request has all its tokens; it ends then. */
static bool settle(engine *e, request *r) {
    size_t guesses = r->s.n_proposed;
    r->usage.guessed_tokens += guesses;
    r->usage.accepted_tokens += r->n_right;
    speculation_learn(&r->guesses, r->n_right, r->n_right < r->n_drawn && r->n_right < guesses);
    if (r->failed) return finish(e, r, FINISH_ERROR, &r->error), true;
    seq_settle(&r->s, runner_kv(e->r), r->n_drawn - 1);
    seq_push(&r->s, r->drawn);
    finish_reason why = ends_with(r, r->drawn);
    if (why) finish(e, r, why, NULL);
    return why != FINISH_NONE;
}

/* What a step has brought, while its requests still live. */
static void count_step(engine *e, const sched_step *s) {
    pthread_mutex_lock(&e->lock);
    e->stats.steps++;
    e->stats.guessed_tokens += s->guesses;
    for (size_t i = 0; i < s->n; i++) {
        const request *r = s->requests[i];
        bool asked = s->slices[i].logits != LOGITS_NONE, begins = r->answered == (asked ? r->n_drawn : 0);
        if (begins) e->stats.prompt_tokens += s->slices[i].to - s->slices[i].from - r->s.n_proposed;
        if (asked) e->stats.generated_tokens += r->n_drawn, e->stats.accepted_tokens += r->n_right;
    }
    e->stats.decode_steps += s->decodes > 0;
    e->stats.decode_rows += s->decodes;
    if (s->decodes && s->prompt_rows > e->stats.longest_chunk_beside_decodes) e->stats.longest_chunk_beside_decodes = s->prompt_rows;
    e->stats.preemptions = e->sched.preemptions;
    e->stats.cached_tokens = e->sched.cached_tokens;
    e->stats.running = (uint32_t)e->sched.n_running;
    e->stats.waiting = (uint32_t)e->sched.n_waiting;
    pthread_mutex_unlock(&e->lock);
}

/* Every sequence whose logits were computed gets its tokens. */
static void answer(engine *e, const sched_step *s) {
    size_t n = 0, row = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->slices[i].logits == LOGITS_NONE) continue;
        e->first_row[n] = row;
        row += 1 + s->slices[i].s->n_proposed;
        e->asking[n++] = s->requests[i];
    }
    pool_run(runner_pool(e->r), n, answer_task, e);
    count_step(e, s);
    for (size_t i = 0; i < n; i++)
        if (settle(e, e->asking[i])) sched_remove(&e->sched, e->asking[i]);
}

/* False: nothing could run (no pages for the waiting, every reader slow). */
static bool run_step(engine *e) {
    double began = e->clock();
    sched_step *s = sched_next(&e->sched);
    double chosen = e->clock();
    if (!s->n) return false;
    e->logits = runner_step(e->r, s->slices, s->n, NULL);
    if (runner_gave_up(e->r)) return true; /* all of them are cancelled, their guesses with them */
    answer(e, s);
    sched_took(&e->sched, e->clock() - began, chosen - began);
    return true;
}

/* Sleeps while there is nothing to compute: no request, or every ring full (a slow reader is looked at again soon). */
static void wait_for_work(engine *e) {
    pthread_mutex_lock(&e->lock);
    if (!e->inbox && !atomic_load(&e->stop)) {
        if (!e->sched.n_running && !e->sched.n_waiting) pthread_cond_wait(&e->wake, &e->lock);
        else {
            struct timespec until;
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_nsec += 2000000;
            if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
            pthread_cond_timedwait(&e->wake, &e->lock, &until);
        }
    }
    pthread_mutex_unlock(&e->lock);
}

static void *engine_main(void *arg) {
    engine *e = arg;
    while (true) {
        drain_inbox(e);
        sched_drop(&e->sched, drop_if_cancelled, e);
        if (atomic_load(&e->stop)) return NULL;
        if (!sched_ready(&e->sched) || !run_step(e)) wait_for_work(e);
    }
}

static void free_engine(engine *e) {
    sched_free(&e->sched);
    for (int i = 0; e->scratch && i < runner_threads(e->r); i++) sample_scratch_free(&e->scratch[i]);
    free(e->scratch);
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->wake);
    runner_free(e->r);
    free(e);
}

/* Memory that no thread draws with costs nothing: it is zeroed, and never touched. */
static bool make_scratch(engine *e, err *why) {
    int threads = runner_threads(e->r);
    e->scratch = mem_must((size_t)threads, sizeof *e->scratch);
    for (int i = 0; i < threads; i++)
        if (!sample_scratch_new(&e->scratch[i], runner_model(e->r)->spec.vocab, why)) return false;
    return true;
}

engine *engine_start_with(runner *r, size_t n_known, const engine_setup *o, err *e) {
    size_t most = o->most_guesses ? o->most_guesses : SPECULATE_MOST;
    engine *en = mem_must(1, sizeof *en);
    en->r = r;
    en->n_known = n_known;
    en->clock = o->clock ? o->clock : request_clock;
    pthread_mutex_init(&en->lock, NULL);
    pthread_cond_init(&en->wake, NULL);
    sched_init(&en->sched, runner_kv(r), r, o->no_guesses ? 0 : most < SPECULATE_MOST ? most : SPECULATE_MOST);
    en->sched.text = o->text;
    runner_set_stop(r, step_is_unwanted, en);
    if (o->draft) runner_set_stop(o->draft, step_is_unwanted, en);
    if ((!o->draft || draft_init(&en->sched.draft, o->draft, n_known, en->clock, e)) && make_scratch(en, e)) {
        if (pthread_create(&en->thread, NULL, engine_main, en) == 0) return en;
        err_set(e, ERR_IO, "the system refuses another thread");
        err_hint(e, "free memory, or raise the limits of this process (ulimit -u for threads, ulimit -v for memory)");
    }
    free_engine(en);
    return NULL;
}

engine *engine_start(runner *r, size_t n_known, err *e) { return engine_start_with(r, n_known, &(engine_setup){ 0 }, e); }

void engine_stop(engine *e) {
    if (!e) return;
    atomic_store(&e->stop, true);
    pthread_mutex_lock(&e->lock);
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    pthread_join(e->thread, NULL);
    free_engine(e);
}

static bool check_request(const engine *e, request *r, err *why) {
    const memory_plan *p = runner_plan(e->r);
    uint32_t vocab = runner_model(e->r)->spec.vocab;
    if (!r->options.n_prompt)
        return err_set(why, ERR_USAGE, "the prompt is empty") || err_hint(why, "give at least one token; models with a BOS token get it by themselves");
    for (size_t i = 0; i < r->options.n_prompt; i++)
        if (r->prompt[i] < 0 || (uint32_t)r->prompt[i] >= vocab)
            return err_set(why, ERR_USAGE, "token %zu of the prompt is not in the vocabulary", i) || err_expected(why, "0 to %u", vocab - 1) ||
                   err_got(why, "%d", r->prompt[i]);
    uint32_t room = p->context < p->cache_tokens ? p->context : p->cache_tokens;
    if (r->options.n_prompt >= room || (r->options.max_tokens && r->options.max_tokens > room - r->options.n_prompt))
        return err_set(why, ERR_LIMIT, "prompt and answer do not fit the context") || err_expected(why, "at most %u tokens together", room) ||
               err_got(why, "%zu in the prompt and %zu to generate", r->options.n_prompt, r->options.max_tokens) ||
               err_hint(why, "shorten the prompt, ask for fewer tokens (-n), or raise the context (--ctx, up to %u)", rope_longest_context(&runner_model(e->r)->spec));
    if (r->first_allowed && (r->options.grammar || r->options.n_first_allowed < (e->n_known + 63) / 64))
        return err_set(why, ERR_USAGE, "what the first token may be cannot be given %s", r->options.grammar ? "beside a grammar" : "for a part of the vocabulary");
    if (!r->options.max_tokens) r->options.max_tokens = room - r->options.n_prompt;
    return sample_check(&r->options.sample, vocab, why);
}

bool engine_submit(engine *e, request *r, err *why) {
    if (!check_request(e, r, why)) return false;
    atomic_fetch_add(&r->holders, 1);
    r->submitted = request_clock();
    pthread_mutex_lock(&e->lock);
    r->ticket = atomic_fetch_add(&e->submitted, 1) + 1;
    r->next = e->inbox;
    e->inbox = r;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    return true;
}

void engine_forget_longest_chunk(engine *e) {
    pthread_mutex_lock(&e->lock);
    e->stats.longest_chunk_beside_decodes = 0;
    pthread_mutex_unlock(&e->lock);
}

void engine_cancel_all(engine *e) { atomic_store(&e->cancelled_through, atomic_load(&e->submitted)); }
const runner *engine_runner(const engine *e) { return e->r; }

engine_stats engine_stats_now(const engine *e) {
    engine *mine = (engine *)(uintptr_t)e;
    pthread_mutex_lock(&mine->lock);
    engine_stats s = e->stats;
    pthread_mutex_unlock(&mine->lock);
    return s;
}
