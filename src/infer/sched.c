#include "infer/sched.h"
#include "base/mem.h"
#include "infer/jump.h"
#include "infer/plan.h"
#include <math.h>
#include <string.h>

/* Between two tokens a reader notices 100 ms. */
static const double STEP_LIMIT = 0.1;

void sched_init(sched *s, kv *k, const runner *r, size_t most_guesses) {
    *s = (sched){ .kv = k, .r = r, .most_guesses = most_guesses };
    pace_init(&s->pace, STEP_LIMIT);
}

void sched_free(sched *s) {
    free(s->waiting);
    s->waiting = NULL;
    draft_free(&s->draft);
}

static void insert_waiting(sched *s, request *r, size_t at) {
    if (s->n_waiting == s->cap_waiting) {
        s->cap_waiting = s->cap_waiting ? 2 * s->cap_waiting : 64;
        s->waiting = mem_must_grow(s->waiting, s->cap_waiting, sizeof *s->waiting);
    }
    memmove(s->waiting + at + 1, s->waiting + at, (s->n_waiting - at) * sizeof *s->waiting);
    s->waiting[at] = r;
    s->n_waiting++;
}

void sched_enqueue(sched *s, request *r) { insert_waiting(s, r, s->n_waiting); }

static void remove_at(request **list, size_t *n, size_t i) {
    memmove(list + i, list + i + 1, (*n - i - 1) * sizeof *list);
    --*n;
}

void sched_remove(sched *s, request *r) {
    for (size_t i = 0; i < s->n_running; i++)
        if (s->running[i] == r) return remove_at(s->running, &s->n_running, i);
}

void sched_drop(sched *s, bool (*drop)(void *ctx, request *r), void *ctx) {
    for (size_t i = s->n_running; i-- > 0;)
        if (drop(ctx, s->running[i])) remove_at(s->running, &s->n_running, i);
    for (size_t i = s->n_waiting; i-- > 0;)
        if (drop(ctx, s->waiting[i])) remove_at(s->waiting, &s->n_waiting, i);
}

bool sched_ready(const sched *s) {
    if (s->n_waiting && s->n_running < SCHED_MAX_RUNNING) return true;
    for (size_t i = 0; i < s->n_running; i++)
        if (!request_ring_full(s->running[i])) return true;
    return false;
}

static void take_out_of_step(sched *s, const request *r) {
    sched_step *p = &s->step;
    for (size_t i = 0; i < p->n; i++) {
        if (p->requests[i] != r) continue;
        memmove(p->slices + i, p->slices + i + 1, (p->n - i - 1) * sizeof *p->slices);
        remove_at(p->requests, &p->n, i);
        return;
    }
}

/* The youngest goes back to the head of the line. */
static void preempt(sched *s) {
    request *r = s->running[--s->n_running];
    take_out_of_step(s, r);
    seq_drop_pages(&r->s, s->kv);
    draft_forget(&s->draft, r);
    r->usage.preemptions++;
    s->preemptions++;
    insert_waiting(s, r, 0);
}

/* Pages for the first `to` tokens of running[i], at the cost of younger ones. False: it was itself the youngest and waits. */
static bool make_room(sched *s, size_t i, size_t to) {
    request *r = s->running[i];
    while (!seq_reserve(&r->s, s->kv, to)) {
        bool own = s->n_running - 1 == i;
        preempt(s);
        if (own) return false;
    }
    return true;
}

static void add_slice(sched *s, request *r, size_t to) {
    sched_step *p = &s->step;
    p->slices[p->n] = (run_slice){ &r->s, r->s.n_cached, to, to == r->s.n ? LOGITS_LAST : LOGITS_NONE };
    p->requests[p->n++] = r;
    r->in_step = true;
}

static void count_rows(sched_step *p) {
    p->decodes = p->prompt_rows = p->guesses = 0;
    p->prompt_keys = 0;
    for (size_t i = 0; i < p->n; i++) {
        size_t from = p->slices[i].from, guesses = p->slices[i].s->n_proposed, rows = p->slices[i].to - from - guesses;
        p->guesses += guesses;
        if (rows == 1 && p->slices[i].logits != LOGITS_NONE) {
            p->decodes++;
            continue;
        }
        p->prompt_rows += rows;
        p->prompt_keys += (double)rows * ((double)from + (double)rows / 2);
    }
}

static void begin(sched *s, request *r) {
    if (!r->started) {
        uint8_t rope = runner_rope_choice(s->r, r->options.n_prompt + r->options.max_tokens);
        kv_name root = runner_root_name(s->r, rope, r->options.tenant, r->options.tenant_len);
        seq_init(&r->s, r->prompt, r->options.n_prompt, &root, rope, !r->options.no_prefix_cache);
        r->started = true;
        r->began = request_clock();
        r->usage.queued_seconds = r->began - r->submitted;
    }
    seq_adopt_prefix(&r->s, s->kv);
}

/* A waiting request starts when its whole prompt and the next token have pages, or when it would run alone. */
static bool admit(sched *s) {
    if (!s->n_waiting || s->n_running == SCHED_MAX_RUNNING) return false;
    request *r = s->waiting[0];
    begin(s, r);
    r->in_step = false;
    size_t missing = (r->s.n + KV_PAGE_TOKENS) / KV_PAGE_TOKENS - r->s.n_pages;
    if (s->n_running && kv_n_usable(s->kv) < missing) {
        seq_drop_pages(&r->s, s->kv);
        return false;
    }
    if (!r->usage.preemptions) r->usage.cached_tokens = r->s.n_cached;
    s->cached_tokens += r->s.n_cached;
    remove_at(s->waiting, &s->n_waiting, 0);
    s->running[s->n_running++] = r;
    return true;
}

static bool is_decoding(const request *r) { return r->s.n_cached + 1 == r->s.n; }

static size_t add_decodes(sched *s, size_t budget) {
    for (size_t i = 0; i < s->n_running && budget; i++) {
        request *r = s->running[i];
        if (!is_decoding(r) || request_ring_full(r) || !make_room(s, i, r->s.n)) continue;
        add_slice(s, r, r->s.n);
        budget--;
    }
    return budget;
}

/* Beside decoding sequences the prompts of a step share the time that it may take: share is what is left of it. */
static size_t add_prompts(sched *s, size_t budget, bool beside_decodes) {
    double share = 1;
    for (size_t i = 0; budget && share > 0 && (i < s->n_running || admit(s)); i++) {
        request *r = s->running[i];
        if (r->in_step || request_ring_full(r)) continue;
        size_t left = r->s.n - r->s.n_cached, whole = beside_decodes ? pace_rows(&s->pace, r->s.n_cached, budget) : budget;
        size_t most = (size_t)ceil(share * (double)whole), rows = left < most ? left : most;
        if (!make_room(s, i, r->s.n_cached + rows)) return budget;
        add_slice(s, r, r->s.n_cached + rows);
        if (beside_decodes) share -= (double)rows / (double)whole;
        budget -= rows;
    }
    return budget;
}

/* How many guesses a decoding sequence may have: as many tokens as are still wanted, and as its reader has room for. */
static size_t most_guesses(const sched *s, const request *r) {
    size_t room = request_ring_room(r), left = r->options.max_tokens - r->answered, most = room < left ? room : left;
    return most - 1 < s->most_guesses ? most - 1 : s->most_guesses;
}

static void compute_guesses(sched *s, run_slice *slice, speculation *g) {
    int32_t ids[SPECULATE_MOST];
    for (size_t i = 0; i < g->taken; i++) ids[i] = g->guesses[i].id;
    if (!g->taken || !seq_reserve(slice->s, s->kv, slice->to + g->taken)) {
        g->taken = 0;
        return;
    }
    seq_propose(slice->s, ids, g->taken);
    slice->to += g->taken;
    slice->logits = LOGITS_ALL;
}

/* Many sequences fill a step by themselves: their guesses would be judged for nothing. So many rows of logits are planned for, too. */
enum { GUESSERS = PLAN_LOGITS_ROWS };

/* The draft model guesses where nothing better was found. */
static void add_drafts(sched *s, request *const *r, size_t n) {
    draft_job jobs[GUESSERS];
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        const speculation *g = &r[i]->guesses;
        if (g->n && g->guesses[0].sure >= speculation_likelihood(g, GUESS_DRAFTED)) continue;
        size_t most = speculate_depth(&s->price, s->draft.round_seconds, g, s->step.decodes, most_guesses(s, r[i]));
        if (most) jobs[k++] = (draft_job){ .of = r[i], .most = most };
    }
    if (k) draft_guess(&s->draft, jobs, k);
}

static void add_guesses(sched *s, size_t budget) {
    sched_step *p = &s->step;
    speculation *all[GUESSERS];
    run_slice *slices[GUESSERS];
    request *r[GUESSERS];
    size_t n = 0;
    if (!s->most_guesses || !budget || !p->decodes || p->n >= GUESSERS) return;
    if (budget > GUESSERS - p->n) budget = GUESSERS - p->n;
    for (size_t i = 0; i < p->n; i++) {
        if (!is_decoding(p->requests[i]) || p->requests[i]->options.no_speculation) continue;
        r[n] = p->requests[i];
        slices[n] = &p->slices[i];
        all[n] = &r[n]->guesses;
        speculation_guess(all[n], r[n]->s.tokens, r[n]->s.n, most_guesses(s, r[n]));
        n++;
    }
    if (draft_is_on(&s->draft)) add_drafts(s, r, n);
    for (size_t i = 0; i < n; i++)
        if (r[i]->grammar) jump_guess(r[i]->grammar, s->text, all[i], most_guesses(s, r[i]));
    speculate_share(&s->price, all, n, p->decodes, budget);
    for (size_t i = 0; i < n; i++) compute_guesses(s, slices[i], all[i]);
}

sched_step *sched_next(sched *s) {
    s->step.n = 0;
    for (size_t i = 0; i < s->n_running; i++) s->running[i]->in_step = false;
    size_t budget = add_decodes(s, runner_plan(s->r)->batch_tokens);
    budget = add_prompts(s, budget, s->step.n > 0);
    count_rows(&s->step);
    add_guesses(s, budget);
    count_rows(&s->step);
    return &s->step;
}

void sched_took(sched *s, double seconds, double choosing) {
    const sched_step *p = &s->step;
    pace_note(&s->pace, p->decodes, p->prompt_rows, p->prompt_keys, seconds);
    if (p->decodes && !p->prompt_rows) row_price_note(&s->price, p->decodes + p->guesses, seconds - choosing);
}
