#include "quantize/imatrix.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "format/gguf_bytes.h"
#include "format/gguf_write.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEGACY_TOKENS = 512, MAX_ENTRIES = 1 << 20, MAX_NAME = 1024 };

void imatrix_free(imatrix *m) {
    for (size_t i = 0; i < m->n; i++) free(m->entries[i].name), free(m->entries[i].sums), free(m->entries[i].counts);
    for (size_t i = 0; i < m->n_datasets; i++) free(m->datasets[i]);
    free(m->entries);
    free(m->datasets);
    map_free(m->index);
    *m = (imatrix){ 0 };
}

void imatrix_add_dataset(imatrix *m, const char *name) {
    m->datasets = mem_must_grow(m->datasets, m->n_datasets + 1, sizeof *m->datasets);
    m->datasets[m->n_datasets++] = mem_must_copy(name, strlen(name));
}

const imatrix_entry *imatrix_find(const imatrix *m, const char *name) {
    int64_t i;
    return m->index && map_get(m->index, name, strlen(name), &i) ? &m->entries[i] : NULL;
}

imatrix_entry *imatrix_entry_for(imatrix *m, const char *name, uint64_t cols, uint64_t matrices, uint64_t n_counts, err *e) {
    imatrix_entry *x = (imatrix_entry *)(uintptr_t)imatrix_find(m, name);
    uint64_t all;
    if (x && (x->cols != cols || x->matrices != matrices || x->n_counts != n_counts)) {
        err_set(e, ERR_FORMAT, "the importance of '%s' has another shape", name);
        err_expected(e, "%llu columns, %llu matrices", (unsigned long long)cols, (unsigned long long)matrices);
        err_got(e, "%llu columns, %llu matrices", (unsigned long long)x->cols, (unsigned long long)x->matrices);
        err_hint(e, "it was computed for another model");
        return NULL;
    }
    if (x) return x;
    double *sums = mem_mul(cols, matrices, &all) ? mem_array(all, sizeof *sums, e) : NULL, *counts = sums ? mem_array(n_counts, sizeof *counts, e) : NULL;
    if (!counts) return free(sums), NULL;
    if (!m->index) m->index = map_new(64);
    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 64;
        m->entries = mem_must_grow(m->entries, m->cap, sizeof *m->entries);
    }
    map_put(m->index, name, strlen(name), (int64_t)m->n);
    x = &m->entries[m->n++];
    *x = (imatrix_entry){ mem_must_copy(name, strlen(name)), cols, matrices, sums, n_counts, counts };
    return x;
}

bool imatrix_merge(imatrix *m, const imatrix *other, err *e) {
    for (size_t k = 0; k < other->n; k++) {
        const imatrix_entry *from = &other->entries[k];
        imatrix_entry *to = imatrix_entry_for(m, from->name, from->cols, from->matrices, from->n_counts, e);
        if (!to) return false;
        /* rounded as a file holds them: going on with a file gives the same bytes as not having stopped */
        for (uint64_t i = 0; i < from->cols * from->matrices; i++) to->sums[i] = (double)(float)(to->sums[i] + from->sums[i]);
        for (uint64_t i = 0; i < from->n_counts; i++) to->counts[i] += from->counts[i];
    }
    for (size_t i = 0; i < other->n_datasets; i++) imatrix_add_dataset(m, other->datasets[i]);
    m->chunks += other->chunks;
    if (!m->chunk_tokens) m->chunk_tokens = other->chunk_tokens;
    return true;
}

void imatrix_weights(const imatrix_entry *x, uint64_t i, float *out) {
    double count = x->counts[x->n_counts == x->matrices ? i : 0];
    for (uint64_t c = 0; c < x->cols; c++) out[c] = count > 0 ? (float)(x->sums[i * x->cols + c] / count) : 1;
}

static bool all_usable(const float *v, uint64_t n, const char *name, err *e) {
    for (uint64_t i = 0; i < n; i++)
        if (!(v[i] >= 0) || v[i] - v[i] != 0)
            return err_set(e, ERR_FORMAT, "the importance of '%.200s' is not a sum of squares", name) || err_expected(e, "finite numbers of at least 0") ||
                   err_got(e, "%g for column %llu", (double)v[i], (unsigned long long)i) || err_hint(e, "compute the matrix again");
    return true;
}

static bool take_entry(imatrix *m, const named_tensor *sums, const named_tensor *counts, err *e) {
    char name[MAX_NAME + 1];
    uint64_t cols = sums->n_dims ? sums->dims[sums->n_dims - 1] : 1, matrices = sums->n_dims == 2 ? sums->dims[0] : 1, n_counts = counts->bytes / sizeof(float);
    snprintf(name, sizeof name, "%.*s", (int)(strlen(sums->name) - strlen(".in_sum2")), sums->name);
    if (sums->type != DTYPE_F32 || counts->type != DTYPE_F32 || sums->n_dims < 1 || sums->n_dims > 2 || (n_counts != 1 && n_counts != matrices))
        return err_set(e, ERR_FORMAT, "the importance of '%.200s' does not fit its counts", name) || err_expected(e, "F32, one count or one for each matrix");
    if (imatrix_find(m, name)) return err_set(e, ERR_FORMAT, "the importance of '%.200s' is given twice", name);
    imatrix_entry *x = imatrix_entry_for(m, name, cols, matrices, n_counts, e);
    const float *v = sums->data, *c = counts->data;
    if (!x || !all_usable(v, cols * matrices, name, e) || !all_usable(c, n_counts, name, e)) return false;
    for (uint64_t i = 0; i < cols * matrices; i++) x->sums[i] = v[i];
    for (uint64_t i = 0; i < n_counts; i++) x->counts[i] = c[i];
    return true;
}

static bool take_datasets(imatrix *m, const gguf *g, err *e) {
    gguf_text *texts;
    size_t n;
    if (!gguf_strings(g, "imatrix.datasets", &texts, &n, e)) return false;
    for (size_t i = 0; i < n; i++) {
        char *copy = mem_must_copy(texts[i].data, texts[i].len);
        imatrix_add_dataset(m, copy);
        free(copy);
    }
    free(texts);
    return true;
}

static bool read_gguf(imatrix *m, const gguf *g, const char *name, err *e) {
    gguf_text type = { "", 0 };
    int64_t chunks = 0, tokens = 0;
    const tensor_set *set = gguf_tensors(g);
    if (!gguf_str(g, "general.type", &type, e)) return false;
    if (type.len != 7 || memcmp(type.data, "imatrix", 7) != 0)
        return err_set(e, ERR_FORMAT, "the file is no importance matrix") || err_where(e, "%s", name) || err_expected(e, "general.type 'imatrix'") ||
               err_hint(e, "`pingti imatrix` computes one");
    if (!gguf_int(g, "imatrix.chunk_count", 0, INT32_MAX, &chunks, e) || !gguf_int(g, "imatrix.chunk_size", 0, INT32_MAX, &tokens, e) || !take_datasets(m, g, e)) return false;
    m->chunks = (uint32_t)chunks;
    m->chunk_tokens = (uint32_t)tokens;
    for (size_t i = 0; i < set->n; i++) {
        char counts[MAX_NAME + 16];
        size_t n = strlen(set->items[i].name), end = strlen(".in_sum2");
        if (n <= end || strcmp(set->items[i].name + n - end, ".in_sum2") != 0) continue;
        snprintf(counts, sizeof counts, "%.*s.counts", (int)(n - end), set->items[i].name);
        const named_tensor *c = tensor_set_find(set, counts);
        if (!c) return err_set(e, ERR_FORMAT, "the importance of '%.200s' has no counts", set->items[i].name) || err_where(e, "%s", name);
        if (!take_entry(m, &set->items[i], c, e)) return e->where[0] ? false : err_where(e, "%s", name);
    }
    return m->n || err_set(e, ERR_FORMAT, "the importance matrix is empty") || err_where(e, "%s", name);
}

/* The older form: i32 entries; each i32 length, name, i32 calls, i32 values, f32 values (mean times calls); then i32 calls, i32 length,
 * name of the text, both of which may be missing. */
typedef struct bytes {
    const unsigned char *at;
    size_t left;
} bytes;

static bool take(bytes *b, void *out, size_t n) {
    if (b->left < n) return false;
    memcpy(out, b->at, n);
    b->at += n;
    b->left -= n;
    return true;
}

static bool legacy_entry(imatrix *m, bytes *b, err *e) {
    int32_t length, calls, values;
    char name[MAX_NAME + 1];
    if (!take(b, &length, 4) || length < 1 || length > MAX_NAME || !take(b, name, (size_t)length)) return err_set(e, ERR_FORMAT, "an entry's name is damaged");
    name[length] = 0;
    if (!take(b, &calls, 4) || !take(b, &values, 4) || values < 1 || b->left / sizeof(float) < (size_t)values || memchr(name, 0, (size_t)length))
        return err_set(e, ERR_FORMAT, "the entry of '%.200s' is damaged", name);
    if (imatrix_find(m, name)) return err_set(e, ERR_FORMAT, "the importance of '%.200s' is given twice", name);
    imatrix_entry *x = imatrix_entry_for(m, name, (uint64_t)values, 1, 1, e);
    if (!x) return false;
    for (int32_t i = 0; i < values; i++) {
        float v;
        take(b, &v, sizeof v);
        if (!all_usable(&v, 1, name, e)) return false;
        x->sums[i] = (double)v * (calls > 0 ? LEGACY_TOKENS : 1);
    }
    x->counts[0] = calls > 0 ? (double)calls * LEGACY_TOKENS : 1;
    return true;
}

static bool read_legacy(imatrix *m, const unsigned char *data, size_t n, const char *name, err *e) {
    bytes b = { data, n };
    int32_t entries = 0, chunks = 0, length = 0;
    char text[MAX_NAME + 1];
    if (!take(&b, &entries, 4) || entries < 1 || entries > MAX_ENTRIES)
        return err_set(e, ERR_FORMAT, "the file is no importance matrix") || err_where(e, "%s", name) ||
               err_expected(e, "a GGUF file of `pingti imatrix` or llama-imatrix, or the older .dat form") || err_hint(e, "`pingti imatrix` computes one");
    for (int32_t i = 0; i < entries; i++)
        if (!legacy_entry(m, &b, e)) return err_where(e, "%s, entry %d, byte %zu", name, i, n - b.left);
    if (take(&b, &chunks, 4) && chunks > 0) m->chunks = (uint32_t)chunks;
    m->chunk_tokens = LEGACY_TOKENS;
    if (take(&b, &length, 4) && length > 0 && length <= MAX_NAME && take(&b, text, (size_t)length)) {
        text[length] = 0;
        imatrix_add_dataset(m, text);
    }
    return true;
}

bool imatrix_from_bytes(imatrix *m, const void *data, size_t n, const char *name, err *e) {
    bool ok;
    *m = (imatrix){ 0 };
    if (n >= 4 && memcmp(data, "GGUF", 4) == 0) {
        gguf *g = gguf_from_bytes(data, n, name, false, e);
        ok = g && read_gguf(m, g, name, e);
        gguf_close(g);
    } else ok = read_legacy(m, data, n, name, e);
    if (!ok) imatrix_free(m);
    return ok;
}

bool imatrix_read(imatrix *m, const char *path, err *e) {
    file_map f;
    *m = (imatrix){ 0 };
    if (!file_map_open(&f, path, e)) return false;
    bool ok = imatrix_from_bytes(m, f.data ? (const void *)f.data : "", f.size, path, e);
    file_map_close(&f);
    return ok;
}

static int by_name(const void *a, const void *b) {
    const imatrix_entry *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static void add_pair(gguf_writer *w, const imatrix_entry *x, buf *data) {
    char name[MAX_NAME + 16];
    snprintf(name, sizeof name, "%.*s.in_sum2", MAX_NAME, x->name);
    size_t sums = x->matrices > 1 ? gguf_add_tensor(w, name, DTYPE_F32, 2, (uint64_t[]){ x->matrices, x->cols }) : gguf_add_tensor(w, name, DTYPE_F32, 1, &x->cols);
    while (data->len < gguf_tensor_at(w, sums)) buf_putc(data, 0);
    for (uint64_t i = 0; i < x->cols * x->matrices; i++) {
        float v = (float)x->sums[i];
        buf_put(data, &v, sizeof v);
    }
    snprintf(name, sizeof name, "%.*s.counts", MAX_NAME, x->name);
    size_t counts = x->n_counts > 1 ? gguf_add_tensor(w, name, DTYPE_F32, 2, (uint64_t[]){ x->n_counts, 1 }) : gguf_add_tensor(w, name, DTYPE_F32, 1, &x->n_counts);
    while (data->len < gguf_tensor_at(w, counts)) buf_putc(data, 0);
    for (uint64_t i = 0; i < x->n_counts; i++) {
        float v = (float)x->counts[i];
        buf_put(data, &v, sizeof v);
    }
}

bool imatrix_write(const imatrix *m, const char *path, err *e) {
    gguf_writer *w = gguf_writer_new();
    gguf_text *texts = mem_must(m->n_datasets ? m->n_datasets : 1, sizeof *texts);
    const imatrix_entry **order = mem_must(m->n ? m->n : 1, sizeof *order);
    buf head = { 0 }, data = { 0 };
    for (size_t i = 0; i < m->n_datasets; i++) texts[i] = (gguf_text){ m->datasets[i], strlen(m->datasets[i]) };
    for (size_t i = 0; i < m->n; i++) order[i] = &m->entries[i];
    qsort(order, m->n, sizeof *order, by_name);
    gguf_set_str(w, "general.type", "imatrix");
    gguf_set_texts(w, "imatrix.datasets", texts, m->n_datasets);
    gguf_set_u32(w, "imatrix.chunk_count", m->chunks);
    gguf_set_u32(w, "imatrix.chunk_size", m->chunk_tokens);
    for (size_t i = 0; i < m->n; i++) add_pair(w, order[i], &data);
    while (data.len < gguf_data_bytes(w)) buf_putc(&data, 0);
    gguf_header(w, &head);
    bool ok = buf_put(&head, data.data, data.len) && outfile_put(path, head.data, head.len, e);
    buf_free(&head);
    buf_free(&data);
    free(order);
    free(texts);
    gguf_writer_free(w);
    return ok;
}
