#include "convert/write.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "tensor/quant.h"
#include <assert.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    PIECE = 1 << 18,      /* elements of a piece of work, about; its size never depends on the threads */
    ROUND = 64,           /* pieces between two looks at the clock */
    HASH = 16, HEX = PLAN_NAME,
};

/* Rows [first, first + rows) of a tensor: read, stored, written and hashed by one thread. */
typedef struct piece {
    size_t tensor; /* of the layout */
    uint64_t first, rows;
    bool done;
    unsigned char hash[HASH];
} piece;

typedef struct job {
    const plan *p;
    const plan_layout *l;
    const plan_write_options *o;
    outfile file;
    piece *pieces;
    size_t n, *todo, n_todo, from;
    float **x, **spare; /* per worker */
    char **stored;
    err *errors;        /* per worker */
    atomic_bool failed;
    bool drop;
    char name[HEX];     /* what is written, for going on */
} job;

uint64_t plan_tensor_bytes(const plan_tensor *t, dtype type) {
    uint64_t bytes;
    bool fits = dtype_row_bytes(type, t->n_dims == 1 ? t->dims[0] : t->cols, &bytes);
    assert(fits);
    return t->n_dims == 1 ? bytes : bytes * t->rows;
}

static uint64_t piece_rows(const plan_tensor *t) {
    uint64_t rows = PIECE / (t->cols ? t->cols : 1);
    return rows ? rows : 1;
}

static uint64_t stored_row(const plan_tensor *t) { return plan_tensor_bytes(t, t->to) / t->rows; }
static uint64_t source_row(const plan_tensor *t) { return t->values ? t->cols * sizeof(float) : t->cols * dtype_block_bytes(t->from) / dtype_block_elems(t->from); }
static const plan_tensor *tensor_of(const job *j, const piece *k) { return &j->p->tensors[j->l->tensors[k->tensor]]; }
static uint64_t place_of(const job *j, const piece *k) { return j->l->n_head + j->l->at[k->tensor] + k->first * stored_row(tensor_of(j, k)); }

static bool cut(job *j, err *e) {
    for (size_t i = 0; i < j->l->n; i++) {
        const plan_tensor *t = &j->p->tensors[j->l->tensors[i]];
        j->n += (t->rows + piece_rows(t) - 1) / piece_rows(t);
    }
    if (!(j->pieces = mem_array(j->n, sizeof *j->pieces, e)) || !(j->todo = mem_array(j->n, sizeof *j->todo, e))) return false;
    size_t n = 0;
    for (size_t i = 0; i < j->l->n; i++) {
        const plan_tensor *t = &j->p->tensors[j->l->tensors[i]];
        for (uint64_t at = 0; at < t->rows; at += piece_rows(t))
            j->pieces[n++] = (piece){ .tensor = i, .first = at, .rows = t->rows - at < piece_rows(t) ? t->rows - at : piece_rows(t) };
    }
    return true;
}

static bool make_room(job *j, err *e) {
    int threads = pool_threads(j->o->pool);
    uint64_t most = 1, spare = 1, stored = 1;
    for (size_t i = 0; i < j->l->n; i++) {
        const plan_tensor *t = &j->p->tensors[j->l->tensors[i]];
        uint64_t rows = piece_rows(t) < t->rows ? piece_rows(t) : t->rows;
        if (rows * t->cols > most) most = rows * t->cols;
        if (rows * stored_row(t) > stored) stored = rows * stored_row(t);
        if (plan_spare(t) > spare) spare = plan_spare(t);
    }
    j->x = mem_must((size_t)threads, sizeof *j->x);
    j->spare = mem_must((size_t)threads, sizeof *j->spare);
    j->stored = mem_must((size_t)threads, sizeof *j->stored);
    j->errors = mem_must((size_t)threads, sizeof *j->errors);
    for (int i = 0; i < threads; i++)
        if (!(j->x[i] = mem_array(most, sizeof(float), e)) || !(j->spare[i] = mem_array(spare, sizeof(float), e)) || !(j->stored[i] = mem_array(stored, 1, e)))
            return false;
    return true;
}

static void drop_room(job *j) {
    for (int i = 0; j->x && i < pool_threads(j->o->pool); i++) free(j->x[i]), free(j->spare[i]), free(j->stored[i]);
    free(j->x);
    free(j->spare);
    free(j->stored);
    free(j->errors);
    free(j->pieces);
    free(j->todo);
}

static void hash_piece(const void *bytes, uint64_t n, unsigned char out[HASH]) { crypto_generichash(out, HASH, bytes, n, NULL, 0); }

static void encode(const job *j, const plan_tensor *t, const piece *k, float *x, float *spare, char *out) {
    for (uint64_t r = 0; r < k->rows; r++) plan_row_f32(t, k->first + r, x + r * t->cols, spare);
    if (j->o->encode) j->o->encode(j->o->ctx, t, k->first, k->rows, x, out);
    else quant_of(t->to)->from_f32(x, out, k->rows * t->cols);
}

static void run_piece(void *ctx, size_t task, int worker) {
    job *j = ctx;
    piece *k = &j->pieces[j->todo[j->from + task]];
    const plan_tensor *t = tensor_of(j, k);
    uint64_t row = stored_row(t);
    if (atomic_load(&j->failed)) return;
    char *out = j->stored[worker];
    if (plan_copies(t))
        for (uint64_t r = 0; r < k->rows; r++) memcpy(out + r * row, plan_row_bytes(t, k->first + r), row);
    else encode(j, t, k, j->x[worker], j->spare[worker], out);
    hash_piece(out, k->rows * row, k->hash);
    if (outfile_write(&j->file, place_of(j, k), out, k->rows * row, &j->errors[worker])) k->done = true;
    else atomic_store(&j->failed, true);
}

static void hash_source(crypto_generichash_state *s, const model_source *source) {
    for (size_t i = 0; i < source->tensors->n; i++) {
        const named_tensor *t = &source->tensors->items[i];
        uint64_t part = t->bytes < 4096 ? t->bytes : 4096;
        crypto_generichash_update(s, (const unsigned char *)t->name, strlen(t->name) + 1);
        crypto_generichash_update(s, (const unsigned char *)t->dims, sizeof t->dims);
        crypto_generichash_update(s, t->data, part);
        crypto_generichash_update(s, (const unsigned char *)t->data + (t->bytes - part), part);
    }
}

void plan_source_name(const model_source *source, char out[PLAN_NAME]) {
    crypto_generichash_state s;
    unsigned char hash[HASH];
    crypto_generichash_init(&s, NULL, 0, HASH);
    hash_source(&s, source);
    crypto_generichash_final(&s, hash, HASH);
    sodium_bin2hex(out, PLAN_NAME, hash, HASH);
}

/* What decides the bytes: the header, the salt, and a fingerprint of the source. */
static void name_work(job *j) {
    crypto_generichash_state s;
    unsigned char out[HASH];
    crypto_generichash_init(&s, NULL, 0, HASH);
    crypto_generichash_update(&s, (const unsigned char *)PINGTI_VERSION, sizeof PINGTI_VERSION);
    crypto_generichash_update(&s, j->l->head, j->l->n_head);
    if (j->o->n_salt) crypto_generichash_update(&s, j->o->salt, j->o->n_salt);
    hash_source(&s, j->p->source);
    crypto_generichash_final(&s, out, HASH);
    sodium_bin2hex(j->name, sizeof j->name, out, HASH);
}

static bool note_pieces(job *j, size_t n, err *e) {
    buf text = { 0 };
    char hex[HEX];
    for (size_t i = j->from; i < j->from + n; i++) {
        const piece *k = &j->pieces[j->todo[i]];
        buf_printf(&text, "%zu %s\n", j->todo[i], sodium_bin2hex(hex, sizeof hex, k->hash, HASH));
    }
    bool ok = outfile_note(&j->file, buf_str(&text), e);
    buf_free(&text);
    return ok;
}

/* A piece counts as written when its bytes have the hash that was noted. */
static void believe(job *j, const char *line) {
    size_t at;
    char hex[HEX];
    unsigned char hash[HASH], now[HASH];
    if (sscanf(line, "%zu %32[0-9a-f]", &at, hex) != 2 || at >= j->n || sodium_hex2bin(hash, HASH, hex, HEX - 1, NULL, NULL, NULL) != 0) return;
    piece *k = &j->pieces[at];
    uint64_t bytes = k->rows * stored_row(tensor_of(j, k));
    if (k->done || !outfile_read(&j->file, place_of(j, k), j->stored[0], bytes, NULL)) return;
    hash_piece(j->stored[0], bytes, now);
    k->done = memcmp(hash, now, HASH) == 0;
    memcpy(k->hash, hash, HASH);
}

static bool start(job *j, bool resumed, plan_written *w, err *e) {
    char first[HEX + 16];
    snprintf(first, sizeof first, "pingti %s\n", j->name);
    char *notes = resumed ? outfile_notes(&j->file) : NULL, *save = NULL;
    bool same = notes && strncmp(notes, first, strlen(first)) == 0;
    if (same)
        for (char *line = strtok_r(notes + strlen(first), "\n", &save); line; line = strtok_r(NULL, "\n", &save)) believe(j, line);
    free(notes);
    for (size_t i = 0; i < j->n; i++)
        if (j->pieces[i].done) w->resumed_bytes += j->pieces[i].rows * stored_row(tensor_of(j, &j->pieces[i]));
        else j->todo[j->n_todo++] = i;
    return same || (outfile_forget(&j->file, e) && outfile_note(&j->file, first, e));
}

/* Between tensors lie up to 31 bytes of padding: zeros, also in a part file that held other work. */
static bool write_head(job *j, err *e) {
    static const char zeros[64];
    for (size_t i = 0; i < j->l->n; i++) {
        uint64_t end = j->l->at[i] + plan_tensor_bytes(&j->p->tensors[j->l->tensors[i]], j->p->tensors[j->l->tensors[i]].to);
        uint64_t next = i + 1 < j->l->n ? j->l->at[i + 1] : j->l->data_bytes;
        assert(next >= end && next - end < sizeof zeros);
        if (next > end && !outfile_write(&j->file, j->l->n_head + end, zeros, next - end, e)) return false;
    }
    return outfile_write(&j->file, 0, j->l->head, j->l->n_head, e);
}

static bool worker_failed(job *j, err *e) {
    for (int i = 0; i < pool_threads(j->o->pool); i++)
        if (j->errors[i].code && e) *e = j->errors[i];
    return false;
}

static bool goes_on(job *j, err *e) {
    plan_stop stop = j->o->stop ? j->o->stop(j->o->progress_ctx) : PLAN_GO_ON;
    j->drop = stop == PLAN_STOP_DROP;
    if (stop == PLAN_GO_ON) return true;
    return err_set(e, ERR_CANCELLED, "interrupted") || err_hint(e, "the same command goes on where this one stopped ('%s' is kept)", j->file.part);
}

static bool write_pieces(job *j, const plan_written *w, uint64_t done, err *e) {
    for (; goes_on(j, e); j->from += ROUND) {
        size_t n = j->n_todo - j->from < ROUND ? j->n_todo - j->from : ROUND;
        if (j->from >= j->n_todo) return true;
        pool_run(j->o->pool, n, run_piece, j);
        if (atomic_load(&j->failed)) return worker_failed(j, e);
        if (!note_pieces(j, n, e)) return false;
        for (size_t i = j->from; i < j->from + n; i++) done += j->pieces[j->todo[i]].rows * source_row(tensor_of(j, &j->pieces[j->todo[i]]));
        if (j->o->progress) j->o->progress(j->o->progress_ctx, done, w->source_bytes);
    }
    return false;
}

bool plan_write_file(const plan *p, const plan_layout *l, const char *path, const plan_write_options *o, plan_written *w, err *e) {
    job j = { .p = p, .l = l, .o = o, .file = { .fd = -1, .notes = -1 } };
    bool resumed = false, ok = cut(&j, e) && make_room(&j, e);
    uint64_t already = 0;
    *w = (plan_written){ .bytes = l->n_head + l->data_bytes };
    name_work(&j);
    ok = ok && outfile_open(&j.file, path, w->bytes, !o->fresh, &resumed, e) && start(&j, resumed, w, e);
    for (size_t i = 0; ok && i < j.n; i++) {
        uint64_t bytes = j.pieces[i].rows * source_row(tensor_of(&j, &j.pieces[i]));
        w->source_bytes += bytes;
        already += j.pieces[i].done ? bytes : 0;
    }
    ok = ok && write_head(&j, e) && write_pieces(&j, w, already, e) && outfile_finish(&j.file, e);
    outfile_close(&j.file, (resumed || j.from > 0) && !j.drop);
    drop_room(&j);
    return ok;
}

bool plan_write_gguf(const plan *p, const char *path, const plan_write_options *o, plan_written *w, err *e) {
    buf head = { 0 };
    size_t *tensors = mem_must(p->n, sizeof *tensors);
    uint64_t *at = mem_must(p->n, sizeof *at);
    for (size_t i = 0; i < p->n; i++) {
        size_t k = gguf_add_tensor(p->keys, p->tensors[i].name, p->tensors[i].to, p->tensors[i].n_dims, p->tensors[i].dims);
        tensors[i] = i;
        at[i] = gguf_tensor_at(p->keys, k);
    }
    gguf_header(p->keys, &head);
    plan_layout l = { head.data, head.len, tensors, at, p->n, gguf_data_bytes(p->keys) };
    bool ok = plan_write_file(p, &l, path, o, w, e);
    buf_free(&head);
    free(tensors);
    free(at);
    return ok;
}
