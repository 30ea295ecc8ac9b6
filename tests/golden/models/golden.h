/* Reads a golden.bin of this directory (layout: oracle.py). The file is copied whole; every array points into the copy.
 * For tests alone: static inline, one owner, golden_close() frees. */
#ifndef PINGTI_TESTS_GOLDEN_MODELS_H
#define PINGTI_TESTS_GOLDEN_MODELS_H
#include "base/file.h"
#include <stdlib.h>
#include <string.h>

enum { GOLDEN_MAX_CASES = 16, GOLDEN_FILE_LIMIT = 64 << 20 };

typedef struct golden_case {
    uint32_t rope_long;        /* longrope: the long factors hold for all positions of this case */
    uint32_t n_session;        /* prompt and new tokens together: what a length-dependent rope is chosen by */
    uint32_t n_prompt, n_rows, n_vocab, n_greedy;
    const int32_t *prompt;     /* [n_prompt] */
    const uint32_t *row_pos;   /* [n_rows] ascending positions; the last is n_prompt - 1 */
    const float *logits;       /* [n_rows][n_vocab] */
    const int32_t *greedy;     /* [n_greedy] */
    const float *last_logits;  /* [n_vocab] those from which the last greedy token was taken */
} golden_case;

typedef struct golden {
    char *bytes;
    size_t n_cases;
    golden_case cases[GOLDEN_MAX_CASES];
} golden;

typedef struct golden_cursor {
    const char *at, *end;
    bool ok;
} golden_cursor;

/* n 4-byte values; NULL and ok = false when the file ends before. Little-endian hosts only, as everything here. */
static inline const void *golden_take(golden_cursor *c, uint64_t n) {
    if (!c->ok || n > (uint64_t)(c->end - c->at) / 4) {
        c->ok = false;
        return NULL;
    }
    const void *p = c->at;
    c->at += n * 4;
    return p;
}

static inline uint32_t golden_u32(golden_cursor *c) {
    uint32_t v = 0;
    const void *p = golden_take(c, 1);
    if (p) memcpy(&v, p, sizeof v);
    return v;
}

static inline void golden_read_case(golden_cursor *c, golden_case *g) {
    g->rope_long = golden_u32(c);
    g->n_session = golden_u32(c);
    g->n_prompt = golden_u32(c);
    g->prompt = golden_take(c, g->n_prompt);
    g->n_rows = golden_u32(c);
    g->row_pos = golden_take(c, g->n_rows);
    g->n_vocab = golden_u32(c);
    g->logits = golden_take(c, (uint64_t)g->n_rows * g->n_vocab);
    g->n_greedy = golden_u32(c);
    g->greedy = golden_take(c, g->n_greedy);
    g->last_logits = golden_take(c, g->n_vocab);
}

static inline void golden_close(golden *g) {
    free(g->bytes);
    memset(g, 0, sizeof *g);
}

static inline bool golden_open(golden *g, const char *path, err *e) {
    memset(g, 0, sizeof *g);
    size_t size = 0;
    g->bytes = file_read(path, GOLDEN_FILE_LIMIT, &size, e);
    if (!g->bytes) return false;
    golden_cursor c = {g->bytes + 8, g->bytes + size, size >= 12 && memcmp(g->bytes, "PTGOLD01", 8) == 0};
    g->n_cases = c.ok ? golden_u32(&c) : 0;
    if (g->n_cases == 0 || g->n_cases > GOLDEN_MAX_CASES) c.ok = false;
    for (size_t i = 0; c.ok && i < g->n_cases; i++) golden_read_case(&c, &g->cases[i]);
    if (c.ok && c.at == c.end) return true;
    golden_close(g);
    return err_set(e, ERR_FORMAT, "%s is not a golden file of this version: run make.py again", path);
}
#endif
