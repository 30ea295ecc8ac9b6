#include "infer/draft.h"
#include "infer/sched.h"
#include <assert.h>

/* Rows of text that the draft reads in a step beside others who wait for their tokens. */
enum { READ_BESIDE = 64 };
static const double LATELY = 0.2;

bool draft_init(draft *d, runner *r, size_t n_known, double (*clock)(void), err *e) {
    *d = (draft){ .r = r, .n_known = n_known, .clock = clock };
    assert(runner_model(r)->spec.vocab >= n_known);
    return sample_scratch_new(&d->scratch, n_known, e);
}

void draft_free(draft *d) {
    if (!d->r) return;
    sample_scratch_free(&d->scratch);
    runner_free(d->r);
    *d = (draft){ 0 };
}

void draft_forget(draft *d, request *r) {
    if (d->r && r->drafted.tokens) seq_free(&r->drafted, runner_kv(d->r));
}

/* The draft's copy of the text: what was guessed is kept as far as it came true. */
static void follow(draft *d, request *r) {
    seq *mine = &r->drafted;
    const seq *s = &r->s;
    if (!mine->tokens) {
        kv_name root = runner_root_name(d->r, runner_rope_choice(d->r, r->options.n_prompt + r->options.max_tokens), r->options.tenant, r->options.tenant_len);
        seq_init(mine, s->tokens, s->n, &root, runner_rope_choice(d->r, r->options.n_prompt + r->options.max_tokens), s->share);
        seq_adopt_prefix(mine, runner_kv(d->r));
    }
    size_t sure = mine->n - mine->n_proposed, right = 0;
    while (right < mine->n_proposed && sure + right + 1 < s->n && /* the last token is read once more, for its logits */
           mine->tokens[sure + right] == s->tokens[sure + right]) right++;
    seq_settle(mine, runner_kv(d->r), right);
    if (mine->n == s->n) seq_rewind(mine, runner_kv(d->r), s->n - 1);
    while (mine->n < s->n) seq_push(mine, s->tokens[mine->n]);
}

/* The next pass: what each text has not read yet. Texts without room, or beyond the draft's context, are left. */
static size_t choose_slices(draft *d, draft_job *jobs, size_t n, size_t done, run_slice *slices, draft_job **of) {
    size_t count = 0, budget = runner_plan(d->r)->batch_tokens;
    for (size_t i = 0; i < n && budget; i++) {
        seq *s = &jobs[i].of->drafted;
        size_t rows = s->n - s->n_cached, most = n > 1 && budget > READ_BESIDE ? READ_BESIDE : budget;
        if (done >= jobs[i].most || (done && !jobs[i].whole)) continue;
        if (rows > most) rows = most;
        if (s->n_cached + rows > runner_plan(d->r)->context || !seq_reserve(s, runner_kv(d->r), s->n_cached + rows)) continue;
        jobs[i].whole = s->n_cached + rows == s->n;
        of[count] = &jobs[i];
        slices[count++] = (run_slice){ s, s->n_cached, s->n_cached + rows, jobs[i].whole ? LOGITS_LAST : LOGITS_NONE };
        budget -= rows;
    }
    return count;
}

/* The sampler's state is of the tokens that were drawn; guesses use a copy. */
static void guess_next(draft *d, draft_job *j, const float *logits) {
    request *r = j->of;
    sample_state state = r->sampler;
    sample_params p = r->options.sample;
    p.want_logprob = false;
    p.n_logprobs = 0;
    int32_t id = sample_token(&p, &state, logits, d->n_known, d->n_known, r->drafted.tokens, r->drafted.n, r->options.n_prompt, &d->scratch).id;
    r->guesses.guesses[r->guesses.n++] = (guess){ .id = id, .kind = GUESS_DRAFTED };
    seq_propose(&r->drafted, &id, 1);
}

/* Reading a text, once, takes longer, and says nothing about what guessing takes. A text whose guesses all came true has two rows. */
static bool is_a_round(const run_slice *slices, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (slices[i].to - slices[i].from > 2) return false;
    return true;
}

static void note_round(draft *d, double seconds) {
    if (!(seconds > 0 && seconds < 1e6)) return; /* a clock that was set */
    d->round_seconds = d->round_seconds > 0 ? (1 - LATELY) * d->round_seconds + LATELY * seconds : seconds;
}

void draft_guess(draft *d, draft_job *jobs, size_t n) {
    run_slice slices[SCHED_MAX_RUNNING];
    draft_job *of[SCHED_MAX_RUNNING];
    for (size_t i = 0; i < n; i++) follow(d, jobs[i].of), jobs[i].whole = false;
    for (size_t done = 0;; done++) {
        double began = d->clock();
        size_t count = choose_slices(d, jobs, n, done, slices, of);
        if (!count) break;
        const float *logits = runner_step(d->r, slices, count, NULL);
        if (runner_gave_up(d->r)) break;
        for (size_t i = 0; i < count; i++) {
            if (!of[i]->whole) continue;
            if (!done) of[i]->of->guesses.n = 0; /* those that were there are not as good */
            guess_next(d, of[i], logits);
            logits += runner_model(d->r)->spec.vocab;
        }
        if (is_a_round(slices, count)) note_round(d, d->clock() - began);
    }
    for (size_t i = 0; i < n; i++) speculation_weigh(&jobs[i].of->guesses);
}
