#include "model/place.h"
#include "base/mem.h"
#include "model/place_file.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGN = 64, TASK_BYTES = 1 << 20, LEAST_FILE = 32 << 20, LET_GO_BYTES = 256 << 20, READ_BYTES = 8 << 20 };

bool model_each_weight(const model *m, bool (*visit)(void *ctx, const weight *w, op_id op), void *ctx) {
    bool on = visit(ctx, &m->output, OP_ID_linear);
    for (uint32_t il = 0; on && il < m->spec.layers; il++) {
        const layer *l = &m->layers[il];
        const weight *dense[] = { &l->q, &l->k, &l->v, &l->o, &l->q_a, &l->q_b, &l->kv_a, &l->ffn.gate, &l->ffn.up, &l->ffn.down,
                                  &l->shared.gate, &l->shared.up, &l->shared.down };
        const weight *experts[] = { &l->experts.gate, &l->experts.up, &l->experts.down };
        for (size_t i = 0; on && i < sizeof dense / sizeof *dense; i++)
            if (dense[i]->w.data) on = visit(ctx, dense[i], OP_ID_linear);
        for (size_t i = 0; on && i < sizeof experts / sizeof *experts; i++)
            if (experts[i]->w.data) on = visit(ctx, experts[i], OP_ID_moe_linear);
    }
    return on;
}

/* The weights to place and where each begins. */
typedef struct place_list {
    const backend *b;
    struct place_item { tensor *w; uint64_t at, bytes, units; } *items;
    size_t n, cap;
    uint64_t bytes;
} place_list;

static bool add_item(void *ctx, const weight *w, op_id op) {
    place_list *l = ctx;
    uint64_t units = l->b->place_units ? l->b->place_units(&w->w) : 0;
    (void)op;
    if (!units) return true;
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 256;
        l->items = mem_must_grow(l->items, l->cap, sizeof *l->items);
    }
    uint64_t bytes = units * l->b->place_unit_bytes(&w->w);
    l->items[l->n++] = (struct place_item){ (tensor *)(uintptr_t)&w->w, l->bytes, bytes, units };
    l->bytes += (bytes + ALIGN - 1) / ALIGN * ALIGN;
    return true;
}

static place_list list_of(const model *m, const backend *b) {
    place_list l = { .b = b };
    model_each_weight(m, add_item, &l);
    return l;
}

uint64_t place_bytes(const model *m, const backend *b) {
    place_list l = list_of(m, b);
    free(l.items);
    return l.bytes;
}

bool place_copies(uint64_t bytes, uint64_t spare) { return bytes <= spare && mem_has_large_pages(); }

bool place_wants_file(const place_options *o, uint64_t bytes) { return *o->dir && bytes >= LEAST_FILE; }

typedef struct pack_job {
    const place_list *l;
    const struct place_item *item;
    char *to;
    uint64_t grain; /* units of a task */
} pack_job;

static void pack_task(void *ctx, size_t task, int worker) {
    const pack_job *j = ctx;
    uint64_t from = task * j->grain, to = from + j->grain < j->item->units ? from + j->grain : j->item->units;
    (void)worker;
    j->l->b->place(j->item->w, from, to, j->to + from * j->l->b->place_unit_bytes(j->item->w));
}

/* The pages of the model's own file: they come back from it when somebody reads them. Only tensors of the file are let go: a weight may
 * lie in other memory, which would be lost. */
static void let_go_of(const tensor_set *s) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < s->n; i++) {
        const named_tensor *t = &s->items[i];
        uintptr_t from = ((uintptr_t)t->data + page - 1) / page * page, to = ((uintptr_t)t->data + t->bytes) / page * page;
        if (from < to) madvise((void *)from, to - from, MADV_DONTNEED);
    }
}

static void let_go_of_file(const model *m) {
    let_go_of(m->source->tensors);
    if (m->source->weights) let_go_of(safetensors_others(m->source->weights));
}

/* Now and then, so that memory never holds much more than one copy. */
static void pack_all(const model *m, const place_list *l, pool *p, char *base, const place_options *o) {
    uint64_t done = 0, let_go = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct place_item *item = &l->items[i];
        uint64_t grain = TASK_BYTES / l->b->place_unit_bytes(item->w);
        pack_job j = { l, item, base + item->at, grain ? grain : 1 };
        pool_run(p, (item->units + j.grain - 1) / j.grain, pack_task, &j);
        done += item->bytes;
        if (done - let_go >= LET_GO_BYTES || i + 1 == l->n) {
            let_go_of_file(m);
            let_go = done;
        }
        if (o->progress) o->progress(o->progress_ctx, done, l->bytes);
    }
}

static void in_memory(placement *p, const place_list *l, pool *threads, const place_options *o, err *e) {
    if (!(p->memory = mem_large(l->bytes, e))) return;
    pack_all(p->m, l, threads, p->memory, o);
    p->kind = PLACE_MEMORY;
}

typedef struct read_job {
    const place_file *f;
    char *to;
    _Atomic bool failed;
} read_job;

static void read_task(void *ctx, size_t task, int worker) {
    read_job *j = ctx;
    uint64_t from = task * READ_BYTES, n = j->f->bytes - from < READ_BYTES ? j->f->bytes - from : READ_BYTES;
    (void)worker;
    if (!place_file_read(j->f, from, j->to + from, n)) j->failed = true;
}

/* NULL: not read, with the reason. */
static void *read_file(const place_file *f, pool *threads, err *e) {
    read_job j = { .f = f, .to = mem_large(f->bytes, e) };
    if (!j.to) return NULL;
    pool_run(threads, (f->bytes + READ_BYTES - 1) / READ_BYTES, read_task, &j);
    if (!j.failed) return j.to;
    mem_large_free(j.to, f->bytes);
    err_set(e, ERR_IO, "the file of packed weights cannot be read");
    err_where(e, "%s", f->path);
    return NULL;
}

/* A file that exists is mapped or read; otherwise it is written under another name and renamed when it is whole. */
static bool in_file(placement *p, const place_list *l, pool *threads, const place_options *o) {
    place_file f;
    if (place_file_find(&f, o->dir, p->digest, l->bytes)) {
        p->kind = PLACE_FILE_FOUND;
        let_go_of_file(p->m); /* the digest has looked into every tensor, and the system maps what lies around */
    } else {
        if (!place_file_make(&f, o->dir, p->digest, l->bytes, o->limit, &p->trouble)) return false;
        pack_all(p->m, l, threads, f.data, o);
        if (!place_file_finish(&f, &p->trouble)) return place_file_close(&f), false;
        p->kind = PLACE_FILE_MADE;
    }
    if (o->large_pages) p->copied = (p->memory = read_file(&f, threads, &p->trouble)) != NULL;
    else p->memory = place_file_map(&f, &p->trouble);
    if (p->memory) p->path = mem_must_copy(f.path, strlen(f.path));
    place_file_close(&f);
    return p->memory != NULL;
}

placement *place_weights(model *m, const backend *b, pool *threads, const unsigned char digest[32], const place_options *o, err *e) {
    placement *p = mem_must(1, sizeof *p);
    place_list l = list_of(m, b);
    p->m = m;
    p->bytes = l.bytes;
    place_file_digest(p->digest, digest, b->place_version ? b->place_version : "rows", l.bytes);
    if (l.bytes && !(place_wants_file(o, l.bytes) && in_file(p, &l, threads, o))) in_memory(p, &l, threads, o, e);
    for (size_t i = 0; p->memory && i < l.n; i++) l.items[i].w->packed = (char *)p->memory + l.items[i].at;
    bool failed = l.bytes && !p->memory;
    free(l.items);
    if (!failed) return p;
    place_free(p);
    return NULL;
}

static bool forget(void *ctx, const weight *w, op_id op) {
    (void)ctx, (void)op;
    ((weight *)(uintptr_t)w)->w.packed = NULL;
    return true;
}

void place_free(placement *p) {
    if (!p) return;
    model_each_weight(p->m, forget, NULL);
    if (p->memory) munmap(p->memory, p->bytes); /* a mapped file, or large pages */
    free(p->path);
    free(p);
}
