/* Reads a long.bin of this directory (layout: oracle_long.py) and computes its cases: pieces of a sequence at true positions, the pages
 * between them standing for earlier ones. For tests alone: static inline, one owner, long_close() frees. */
#ifndef PINGTI_TESTS_GOLDEN_LONG_H
#define PINGTI_TESTS_GOLDEN_LONG_H
#include "golden/models/golden.h"
#include "golden/models/run.h"

enum { LONG_MAX_CASES = 8, LONG_MAX_PIECES = 8 };

typedef struct long_piece {
    uint32_t start, n;
    const int32_t *tokens;
} long_piece;

typedef struct long_case {
    uint32_t n_session, rope_table, n_pieces, n_rows, n_vocab;
    long_piece pieces[LONG_MAX_PIECES];
    const uint32_t *row_pos;
    const float *logits; /* [n_rows][n_vocab] */
} long_case;

typedef struct long_file {
    char *bytes;
    size_t n_cases;
    long_case cases[LONG_MAX_CASES];
} long_file;

static inline void long_close(long_file *g) {
    free(g->bytes);
    *g = (long_file){ 0 };
}

static inline bool long_read_case(golden_cursor *c, long_case *g) {
    g->n_session = golden_u32(c);
    g->rope_table = golden_u32(c);
    g->n_pieces = golden_u32(c);
    if (!g->n_pieces || g->n_pieces > LONG_MAX_PIECES) return false;
    for (uint32_t i = 0; i < g->n_pieces; i++) {
        g->pieces[i].start = golden_u32(c);
        g->pieces[i].n = golden_u32(c);
        g->pieces[i].tokens = golden_take(c, g->pieces[i].n);
    }
    g->n_rows = golden_u32(c);
    g->row_pos = golden_take(c, g->n_rows);
    g->n_vocab = golden_u32(c);
    g->logits = golden_take(c, (uint64_t)g->n_rows * g->n_vocab);
    return c->ok && g->n_vocab;
}

static inline bool long_open(long_file *g, const char *path, err *e) {
    size_t n = 0;
    *g = (long_file){ 0 };
    if (!(g->bytes = file_read(path, GOLDEN_FILE_LIMIT, &n, e))) return false;
    golden_cursor c = { g->bytes + 8, g->bytes + n, n >= 8 && memcmp(g->bytes, "PTLONG01", 8) == 0 };
    uint32_t cases = golden_u32(&c);
    bool ok = c.ok && cases && cases <= LONG_MAX_CASES;
    while (ok && g->n_cases < cases) ok = long_read_case(&c, &g->cases[g->n_cases++]);
    if (ok && c.at == c.end) return true;
    long_close(g);
    return err_set(e, ERR_FORMAT, "not a long.bin of this version") || err_where(e, "%s", path);
}

/* Tokens up to the piece: those of gaps are never looked at. Pages of the gap hold what page p % Q holds, Q pages being there before it. */
static inline bool long_skip_to(seq *s, kv *k, uint32_t start) {
    uint32_t have = (uint32_t)(s->n_cached / KV_PAGE_TOKENS), upto = start / KV_PAGE_TOKENS;
    if (s->n_cached % KV_PAGE_TOKENS || start % KV_PAGE_TOKENS || (start && !have)) return false;
    if (s->cap_pages < upto) {
        s->pages = realloc(s->pages, upto * sizeof *s->pages);
        s->cap_pages = upto;
    }
    while (s->n < start) seq_push(s, 0);
    for (uint32_t p = have; p < upto; p++) {
        s->pages[s->n_pages++] = s->pages[p % have];
        kv_hold(k, s->pages[p % have]);
    }
    s->n_cached = start;
    return true;
}

/* The largest error of a piece's rows as a share of the largest |logit|; INFINITY when it could not be computed. */
static inline double long_run_piece(runner *r, seq *s, const long_case *c, const long_piece *p, size_t chunk) {
    double worst = 0;
    if (s->n_cached != p->start && !long_skip_to(s, runner_kv(r), p->start)) return INFINITY;
    for (uint32_t i = 0; i < p->n; i++) seq_push(s, p->tokens[i]);
    for (size_t from = p->start, to, n_rows; from < p->start + p->n; from = to) {
        to = from + chunk < p->start + p->n ? from + chunk : p->start + p->n;
        if (!seq_reserve(s, runner_kv(r), to)) return INFINITY;
        run_slice slice = { s, from, to, LOGITS_ALL };
        const float *y = runner_step(r, &slice, 1, &n_rows);
        for (uint32_t i = 0; i < c->n_rows; i++) {
            if (c->row_pos[i] < from || c->row_pos[i] >= to) continue;
            double error = golden_row_error(y + (c->row_pos[i] - from) * c->n_vocab, c->logits + (size_t)i * c->n_vocab, c->n_vocab);
            if (!(error <= worst)) worst = error;
        }
    }
    return worst;
}

typedef struct long_result {
    double error;
    bool table_as_asked;
} long_result;

static inline long_result long_run_case(runner *r, const long_case *c, size_t chunk) {
    uint8_t rope = runner_rope_choice(r, c->n_session);
    kv_name root = runner_root_name(r, rope, NULL, 0);
    long_result out = { 0, rope == c->rope_table };
    seq s;
    seq_init(&s, c->pieces[0].tokens, 0, &root, rope, false); /* empty: pieces are pushed as they come */
    for (uint32_t i = 0; i < c->n_pieces; i++) {
        double error = long_run_piece(r, &s, c, &c->pieces[i], chunk);
        if (!(error <= out.error)) out.error = error;
    }
    seq_free(&s, runner_kv(r));
    return out;
}

/* A runner whose cache is addressed over the longest session; pages that no piece fills cost nothing. */
static inline runner *long_runner(model *m, const long_file *g, err *e) {
    runner_options o = { .threads = 2, .batch_tokens = 512, .cache_type = DTYPE_F32, .precision = PRECISION_EXACT };
    for (size_t i = 0; i < g->n_cases; i++) {
        const long_case *c = &g->cases[i];
        const long_piece *last = &c->pieces[c->n_pieces - 1];
        if (c->n_session > o.context) o.context = c->n_session;
        if (c->n_vocab != m->spec.vocab || last->start + last->n > c->n_session) {
            err_set(e, ERR_FORMAT, "case %zu is not of this model", i);
            return NULL;
        }
    }
    return runner_new(m, &o, e);
}
#endif
