/* The safetensors format: u64 length N, N bytes of JSON, data (github.com/huggingface/safetensors, "Format"). */
#include "format/safetensors.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "format/foreign.h"
#include "format/safetensors_bytes.h"
#include <inttypes.h>
#include <string.h>

enum {
    MAX_HEADER = 100 * 1000 * 1000, /* the format's own bound */
    MAX_VALUES = 8 << 20,           /* JSON values in a header: bounds the memory that parsing takes */
    MAX_INDEX = 32 << 20,           /* of model.safetensors.index.json: some 300000 tensors */
    MAX_NAME = 4096,
    MAX_SHARDS = 9999,
    NAMES_BUDGET = 512 << 20,
};

typedef struct shard {
    file_map map; /* empty when the bytes are the caller's */
    const unsigned char *data;
    uint64_t size;
    char *name;
} shard;

struct safetensors {
    shard *shards;
    size_t n_shards;
    tensor_set tensors, others;
    const char **other_types; /* [others.cap] */
    arena *names;
    map *seen; /* every tensor name, also the skipped ones -> shard number */
};

static safetensors *safetensors_new(size_t n_shards, err *e) {
    shard *shards = mem_array(n_shards, sizeof *shards, e);
    if (!shards) return NULL;
    safetensors *s = mem_must(1, sizeof *s);
    s->shards = shards;
    s->n_shards = n_shards;
    s->names = arena_new(NAMES_BUDGET);
    s->seen = map_new(64);
    return s;
}

void safetensors_close(safetensors *s) {
    if (!s) return;
    for (size_t i = 0; i < s->n_shards; i++) {
        file_map_close(&s->shards[i].map);
        free(s->shards[i].name);
    }
    free(s->shards);
    free(s->other_types);
    tensor_set_free(&s->tensors);
    tensor_set_free(&s->others);
    arena_free(s->names);
    map_free(s->seen);
    free(s);
}

static bool bad(const shard *f, const char *tensor, const char *what, err *e) {
    return err_set(e, ERR_FORMAT, "tensor '%s' %s", tensor, what) || err_where(e, "%s", f->name) ||
           err_hint(e, "the file is damaged or was written by a faulty program: fetch it again");
}

static const struct {
    const char *name;
    uint32_t bits;
} types[] = {
    { "F64", 64 }, { "F32", 32 }, { "F16", 16 }, { "BF16", 16 }, { "I64", 64 }, { "I32", 32 }, { "I16", 16 }, { "I8", 8 }, { "U64", 64 },
    { "U32", 32 }, { "U16", 16 }, { "U8", 8 },   { "BOOL", 8 },  { "F8_E4M3", 8 }, { "F8_E4M3FN", 8 }, { "F8_E5M2", 8 }, { "F8_E8M0", 8 },
    { "F8_E4M3FNUZ", 8 }, { "F8_E5M2FNUZ", 8 }, { "C64", 64 }, { "F4", 4 }, { "F6_E2M3", 6 }, { "F6_E3M2", 6 },
};

static uint32_t type_bits(const char *name) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) return types[i].bits;
    return 0;
}

/* Of the known types, those that weights and activations have; tensors of the others are kept apart. */
static bool type_held(const char *name, dtype *t) {
    static const struct {
        const char *name;
        dtype type;
    } held[] = { { "F32", DTYPE_F32 }, { "F16", DTYPE_F16 }, { "BF16", DTYPE_BF16 }, { "F8_E4M3", DTYPE_F8_E4M3 }, { "F8_E4M3FN", DTYPE_F8_E4M3 } };
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        if (strcmp(held[i].name, name) == 0) return *t = held[i].type, true;
    return false;
}

typedef struct extent {
    uint64_t start, end;
    const char *name;
} extent;

static int by_start(const void *a, const void *b) {
    const extent *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static bool take_whole(const json_t *v, uint64_t *out) {
    if (!json_is_integer(v) || json_integer_value(v) < 0) return false;
    *out = (uint64_t)json_integer_value(v);
    return true;
}

static bool take_offsets(const shard *f, const char *name, const json_t *entry, uint64_t space, extent *x, err *e) {
    const json_t *offsets = json_object_get(entry, "data_offsets");
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 || !take_whole(json_array_get(offsets, 0), &x->start) ||
        !take_whole(json_array_get(offsets, 1), &x->end) || x->start > x->end)
        return bad(f, name, "has no usable data_offsets", e) || err_expected(e, "[start, end] with 0 <= start <= end");
    if (x->end > space) {
        bad(f, name, "has data past the end of the file", e);
        err_expected(e, "%" PRIu64 " bytes of data", x->end);
        err_got(e, "%" PRIu64 " bytes of data", space);
        return err_hint(e, "the file is truncated: %" PRIu64 " of %" PRIu64 " bytes; fetch it again", f->size, f->size - space + x->end);
    }
    x->name = name;
    return true;
}

/* Any rank, since a tensor may be skipped; *count is the product of the dimensions. */
static bool take_shape(const shard *f, const char *name, const json_t *entry, named_tensor *t, uint64_t *count, size_t *rank, err *e) {
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape)) return bad(f, name, "has no shape", e) || err_expected(e, "an array of integers");
    *rank = json_array_size(shape);
    *count = 1;
    for (size_t i = 0; i < *rank; i++) {
        uint64_t dim = 0;
        if (!take_whole(json_array_get(shape, i), &dim)) return bad(f, name, "has a dimension that is not a whole number", e) || err_expected(e, "0 to %" PRId64, INT64_MAX);
        if (!mem_mul(*count, dim, count)) return bad(f, name, "has a size that overflows", e);
        if (i < TENSOR_MAX_DIMS) t->dims[i] = dim;
    }
    t->n_dims = (uint32_t)(*rank < TENSOR_MAX_DIMS ? *rank : TENSOR_MAX_DIMS);
    return true;
}

static bool check_bytes(const shard *f, const named_tensor *t, const char *type, uint64_t count, const extent *x, err *e) {
    uint64_t bits = 0;
    if (!mem_mul(count, type_bits(type), &bits) || bits % 8) return bad(f, t->name, "has a size that overflows or is not whole bytes", e);
    if (bits / 8 == x->end - x->start) return true;
    char shape[96];
    return bad(f, t->name, "has another number of bytes than its shape and type need", e) ||
           err_expected(e, "%" PRIu64 " bytes for %s of %s", bits / 8, named_tensor_shape(t, shape), type) || err_got(e, "%" PRIu64 " bytes", x->end - x->start);
}

static bool keep_other(safetensors *s, named_tensor *t, size_t rank, const char *type, err *e) {
    t->type = DTYPE_COUNT;
    t->n_dims = (uint32_t)(rank < TENSOR_MAX_DIMS + 1 ? rank : TENSOR_MAX_DIMS + 1); /* nobody takes one of more dimensions for his own */
    if (!tensor_set_add(&s->others, t, e)) return false;
    s->other_types = mem_must_grow(s->other_types, s->others.cap, sizeof *s->other_types);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, type) == 0) s->other_types[s->others.n - 1] = types[i].name;
    return true;
}

static bool take_tensor(safetensors *s, size_t no, const json_t *entry, uint64_t data_at, extent *x, const char *key, size_t len, err *e) {
    const shard *f = &s->shards[no];
    const char *type = NULL;
    named_tensor t = { 0 };
    uint64_t count = 0;
    size_t rank = 0;
    if (len == 0 || len > MAX_NAME || memchr(key, 0, len))
        return err_set(e, ERR_FORMAT, "a tensor's name is empty, too long or contains a NUL byte") || err_where(e, "%s", f->name) || err_got(e, "%zu bytes", len);
    if (!(t.name = arena_copy(s->names, key, len))) return err_set(e, ERR_LIMIT, "the names of the tensors need more memory than allowed") || err_where(e, "%s", f->name);
    if (!json_is_object(entry)) return bad(f, t.name, "is not described by an object", e);
    if (!js_str(entry, "dtype", &type, e)) return err_context(e, "tensor '%s'", t.name);
    if (!type) return bad(f, t.name, "has no dtype", e);
    if (!type_bits(type)) return bad(f, t.name, "has an unknown dtype", e) || err_got(e, "%.40s", type);
    if (!take_offsets(f, t.name, entry, f->size - data_at, x, e) || !take_shape(f, t.name, entry, &t, &count, &rank, e) ||
        !check_bytes(f, &t, type, count, x, e))
        return false;
    if (!map_put(s->seen, t.name, len, (int64_t)no)) return bad(f, t.name, "appears twice", e);
    t.bytes = x->end - x->start;
    t.data = f->data + data_at + x->start;
    if (!type_held(type, &t.type)) return keep_other(s, &t, rank, type, e);
    if (rank > TENSOR_MAX_DIMS) return bad(f, t.name, "has too many dimensions", e) || err_expected(e, "at most %d", TENSOR_MAX_DIMS) || err_got(e, "%zu", rank);
    return tensor_set_add(&s->tensors, &t, e);
}

/* The whole data section belongs to tensors, each byte to one. */
static bool check_contiguous(const shard *f, extent *all, size_t n, uint64_t space, err *e) {
    uint64_t at = 0;
    qsort(all, n, sizeof *all, by_start);
    for (size_t i = 0; i < n; i++) {
        if (all[i].start < at) return bad(f, all[i].name, "overlaps the one before it", e) || err_expected(e, "start at %" PRIu64, at) || err_got(e, "%" PRIu64, all[i].start);
        if (all[i].start > at) return bad(f, all[i].name, "leaves unused bytes before it", e) || err_expected(e, "start at %" PRIu64, at) || err_got(e, "%" PRIu64, all[i].start);
        at = all[i].end;
    }
    if (at == space) return true;
    return err_set(e, ERR_FORMAT, "bytes after the last tensor belong to none") || err_where(e, "%s", f->name) || err_expected(e, "%" PRIu64 " bytes of data", at) ||
           err_got(e, "%" PRIu64 " bytes of data", space) || err_hint(e, "the file is damaged: fetch it again");
}

static bool check_metadata(const shard *f, const json_t *meta, err *e) {
    const char *key;
    const json_t *value;
    if (!json_is_object(meta)) return err_set(e, ERR_FORMAT, "__metadata__ is not an object of strings") || err_where(e, "%s", f->name);
    json_object_foreach((json_t *)(uintptr_t)meta, key, value)
        if (!json_is_string(value)) return err_set(e, ERR_FORMAT, "__metadata__ key '%s' is not a string", key) || err_where(e, "%s", f->name);
    return true;
}

static bool take_tensors(safetensors *s, size_t no, json_t *header, uint64_t data_at, err *e) {
    const shard *f = &s->shards[no];
    bool ok = false;
    size_t n = 0, len;
    const char *key;
    json_t *entry;
    extent *all = mem_array(json_object_size(header), sizeof *all, e);
    if (!all) return false;
    json_object_keylen_foreach(header, key, len, entry) {
        bool meta = len == 12 && memcmp(key, "__metadata__", 12) == 0;
        if (meta ? !check_metadata(f, entry, e) : !take_tensor(s, no, entry, data_at, &all[n], key, len, e)) goto done;
        n += !meta;
    }
    ok = check_contiguous(f, all, n, f->size - data_at, e);
done:
    free(all);
    return ok;
}

static bool few_values(const char *text, uint64_t n) {
    uint64_t values = 0;
    for (uint64_t i = 0; i < n; i++) values += text[i] == ',' || text[i] == '[' || text[i] == '{';
    return values <= MAX_VALUES;
}

static bool header_length(const shard *f, uint64_t *n, err *e) {
    if (f->size < 8) return foreign_refuse(f->data, (size_t)f->size, "safetensors", f->name, e);
    *n = 0;
    for (int i = 0; i < 8; i++) *n |= (uint64_t)f->data[i] << (8 * i);
    if (f->size > 8 && *n <= MAX_HEADER && *n <= f->size - 8 && *n >= 2 && f->data[8] == '{') return true;
    /* Only now: a valid length may begin like a pickle (0x80 0x02) or a zip archive. */
    if (*n > MAX_HEADER || (f->size > 8 && f->data[8] != '{') || foreign_is_pickle(f->data, (size_t)f->size)) {
        foreign_refuse(f->data, (size_t)f->size, "safetensors", f->name, e);
        return err_expected(e, "a header of at most %d bytes, starting with '{'", MAX_HEADER);
    }
    return err_set(e, ERR_FORMAT, "the safetensors header does not fit in the file") || err_where(e, "%s, byte 0", f->name) ||
           err_expected(e, "2 to %" PRIu64 " bytes", f->size - 8) || err_got(e, "%" PRIu64 " bytes", *n) ||
           err_hint(e, "the file is truncated at %" PRIu64 " bytes: fetch it again", f->size);
}

static bool read_shard(safetensors *s, size_t no, err *e) {
    shard *f = &s->shards[no];
    uint64_t n = 0;
    if (!header_length(f, &n, e)) return false;
    const char *text = (const char *)f->data + 8;
    if (!few_values(text, n))
        return err_set(e, ERR_LIMIT, "the safetensors header has too many values") || err_where(e, "%s", f->name) || err_expected(e, "at most %d", MAX_VALUES);
    json_t *header = js_parse(text, (size_t)n, f->name, e);
    if (!header) return err_context(e, "the safetensors header");
    bool ok = json_is_object(header) ? take_tensors(s, no, header, 8 + n, e)
                                     : err_set(e, ERR_FORMAT, "the safetensors header is not an object") || err_where(e, "%s", f->name);
    json_decref(header);
    return ok;
}

static bool open_shard(safetensors *s, size_t no, const char *path, err *e) {
    shard *f = &s->shards[no];
    if (!file_map_open(&f->map, path, e)) return false;
    f->data = f->map.data;
    f->size = f->map.size;
    f->name = mem_must_copy(path, strlen(path));
    return read_shard(s, no, e);
}

safetensors *safetensors_open(const char *path, err *e) {
    safetensors *s = safetensors_new(1, e);
    if (s && open_shard(s, 0, path, e)) return s;
    safetensors_close(s);
    return NULL;
}

safetensors *safetensors_from_bytes(const void *data, size_t size, const char *name, err *e) {
    safetensors *s = safetensors_new(1, e);
    if (!s) return NULL;
    s->shards[0].data = data;
    s->shards[0].size = size;
    s->shards[0].name = mem_must_copy(name, strlen(name));
    if (read_shard(s, 0, e)) return s;
    safetensors_close(s);
    return NULL;
}

const tensor_set *safetensors_tensors(const safetensors *s) { return &s->tensors; }
const tensor_set *safetensors_others(const safetensors *s) { return &s->others; }
const char *safetensors_other_type(const safetensors *s, size_t i) { return s->other_types[i]; }

uint64_t safetensors_file_bytes(const safetensors *s) {
    uint64_t sum = 0;
    for (size_t i = 0; i < s->n_shards; i++) sum += s->shards[i].size;
    return sum;
}

/* Where a shard may lie: in the directory itself, or, for a snapshot of the Hugging Face cache (models--x/snapshots/rev),
 * in the blobs/ that its links point to. */
static bool lies_within(const char *dir, const char *path) {
    bool ok = false;
    char *real_dir = realpath(dir, NULL), *real_path = realpath(path, NULL);
    if (real_dir && real_path) {
        size_t n = strlen(real_dir);
        ok = strncmp(real_path, real_dir, n) == 0 && real_path[n] == '/';
        char *snapshots = strstr(real_dir, "/snapshots/");
        if (!ok && snapshots && !strchr(snapshots + 11, '/')) {
            n = (size_t)(snapshots - real_dir);
            ok = strncmp(real_path, real_dir, n) == 0 && strncmp(real_path + n, "/blobs/", 7) == 0;
        }
    }
    free(real_dir);
    free(real_path);
    return ok;
}

static bool plain_name(const json_t *v) {
    const char *name = json_string_value(v);
    if (!name || strlen(name) != json_string_length(v) || !*name || *name == '.' || strlen(name) > 255 || strpbrk(name, "/\\")) return false;
    const char *end = strrchr(name, '.');
    return end && strcmp(end, ".safetensors") == 0;
}

/* File names of the weight map in the order in which they appear, each once; shard_of: name -> position. */
static bool list_shards(const json_t *weights, const char *where, map *shard_of, const char **names, size_t *n, err *e) {
    const char *tensor;
    const json_t *v;
    json_object_foreach((json_t *)(uintptr_t)weights, tensor, v) {
        if (!plain_name(v))
            return err_set(e, ERR_FORMAT, "the index places tensor '%s' in a file whose name is not allowed", tensor) || err_where(e, "%s", where) ||
                   err_expected(e, "a plain file name ending in .safetensors, without a path") ||
                   err_got(e, "%s", json_is_string(v) ? json_string_value(v) : "not a string") || err_hint(e, "do not use this model: its index points outside its folder");
        if (!map_put(shard_of, json_string_value(v), json_string_length(v), (int64_t)*n)) continue;
        if (*n == MAX_SHARDS) return err_set(e, ERR_LIMIT, "the index names too many files") || err_where(e, "%s", where) || err_expected(e, "at most %d", MAX_SHARDS);
        names[(*n)++] = json_string_value(v);
    }
    if (*n) return true;
    return err_set(e, ERR_FORMAT, "the index names no tensors") || err_where(e, "%s", where) || err_hint(e, "fetch model.safetensors.index.json again");
}

static bool open_listed(safetensors *s, const char *dir, const char **names, err *e) {
    bool ok = true;
    for (size_t i = 0; i < s->n_shards && ok; i++) {
        char *path = file_join(dir, names[i]);
        if (file_exists(path) && !lies_within(dir, path))
            ok = err_set(e, ERR_FORMAT, "'%s' is a link that leaves the model's folder", path) || err_hint(e, "put the file itself there");
        else if (!open_shard(s, i, path, e)) {
            ok = false;
            if (e && e->code == ERR_IO) err_hint(e, "the index names %zu files, which must all lie in '%s': fetch the missing one", s->n_shards, dir);
        }
        free(path);
    }
    return ok;
}

/* Each tensor of the index is in the shard that it says, and the shards hold no others. */
static bool check_index(const safetensors *s, const json_t *weights, const map *shard_of, const char **names, const char *where, err *e) {
    const char *tensor;
    const json_t *v;
    json_object_foreach((json_t *)(uintptr_t)weights, tensor, v) {
        int64_t want = 0, got = 0;
        bool there = map_get(s->seen, tensor, strlen(tensor), &got);
        if (there && map_get(shard_of, json_string_value(v), json_string_length(v), &want) && want == got) continue;
        return err_set(e, ERR_FORMAT, "tensor '%s' is not in the file that the index says", tensor) || err_where(e, "%s", where) ||
               err_expected(e, "in %s", json_string_value(v)) || err_got(e, "%s", there ? names[got] : "in none of the files") ||
               err_hint(e, "the index and the files are of different versions: fetch all of them again");
    }
    if (map_count(s->seen) == json_object_size(weights)) return true;
    return err_set(e, ERR_FORMAT, "the files hold tensors that the index does not name") || err_where(e, "%s", where) ||
           err_expected(e, "%zu tensors", json_object_size(weights)) || err_got(e, "%zu tensors", map_count(s->seen)) ||
           err_hint(e, "the index and the files are of different versions: fetch all of them again");
}

static safetensors *open_index(const char *dir, const char *path, err *e) {
    safetensors *s = NULL;
    const char **names = NULL;
    size_t n = 0;
    bool ok = false;
    map *shard_of = map_new(16);
    json_t *index = js_read(path, MAX_INDEX, e);
    const json_t *weights = index ? json_object_get(index, "weight_map") : NULL;
    if (!index) goto done;
    if (!json_is_object(weights)) {
        err_set(e, ERR_FORMAT, "the index has no weight_map");
        err_where(e, "%s", path);
        err_hint(e, "fetch model.safetensors.index.json again");
        goto done;
    }
    names = mem_must(MAX_SHARDS, sizeof *names);
    ok = list_shards(weights, path, shard_of, names, &n, e) && (s = safetensors_new(n, e)) && open_listed(s, dir, names, e) &&
         check_index(s, weights, shard_of, names, path, e);
done:
    if (!ok) {
        safetensors_close(s);
        s = NULL;
    }
    free(names);
    map_free(shard_of);
    json_decref(index);
    return s;
}

static bool has_file(const char *dir, const char *name) {
    char *path = file_join(dir, name);
    bool there = file_exists(path);
    free(path);
    return there;
}

static bool no_weights(const char *dir, err *e) {
    static const char *const pickles[] = { "pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.00.pth", "model.pt", "model.pth", "model.bin", "model.ckpt" };
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++)
        if (has_file(dir, pickles[i]))
            return err_set(e, ERR_UNSUPPORTED, "'%s' has only pickled weights (%s)", dir, pickles[i]) || err_expected(e, "model.safetensors") ||
                   err_hint(e, "loading a pickle runs code of whoever made it, so it is never opened: get or convert the model as safetensors or GGUF");
    return err_set(e, ERR_IO, "no weights in '%s'", dir) || err_expected(e, "model.safetensors or model.safetensors.index.json") ||
           err_hint(e, "fetch the model's .safetensors files into this folder");
}

safetensors *safetensors_open_dir(const char *dir, err *e) {
    bool one = has_file(dir, "model.safetensors"), index = has_file(dir, "model.safetensors.index.json");
    if (!one && !index) return no_weights(dir, e), NULL;
    char *path = file_join(dir, one ? "model.safetensors" : "model.safetensors.index.json");
    safetensors *s = one ? safetensors_open(path, e) : open_index(dir, path, e);
    free(path);
    return s;
}
