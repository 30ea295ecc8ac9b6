/* Metadata values of an opened GGUF file. */
#include "base/mem.h"
#include "format/gguf_bytes.h"
#include "format/gguf_impl.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
} scalars[GGUF_TYPE_COUNT] = {
    [GGUF_U8] = { "u8", 1 },     [GGUF_I8] = { "i8", 1 },       [GGUF_U16] = { "u16", 2 },   [GGUF_I16] = { "i16", 2 },
    [GGUF_U32] = { "u32", 4 },   [GGUF_I32] = { "i32", 4 },     [GGUF_F32] = { "f32", 4 },   [GGUF_BOOL] = { "bool", 1 },
    [GGUF_STRING] = { "string", 0 }, [GGUF_ARRAY] = { "array", 0 }, [GGUF_U64] = { "u64", 8 }, [GGUF_I64] = { "i64", 8 },
    [GGUF_F64] = { "f64", 8 },
};

size_t gguf_scalar_bytes(gguf_type t) { return scalars[t].bytes; }
const char *gguf_type_name(gguf_type t) { return scalars[t].name; }

const gguf_kv *gguf_part_find(const gguf_part *p, const char *key) {
    int64_t i;
    return p->keys && map_get(p->keys, key, strlen(key), &i) ? &p->kvs[i] : NULL;
}

static uint64_t little(const unsigned char *b, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) v |= (uint64_t)b[i] << (8 * i);
    return v;
}

static bool is_integer(gguf_type t) {
    return scalars[t].bytes && t != GGUF_F32 && t != GGUF_F64 && t != GGUF_BOOL;
}

/* false: beyond int64 (u64 only). */
static bool integer_at(gguf_type t, const unsigned char *b, int64_t *v) {
    uint64_t u = little(b, scalars[t].bytes);
    switch (t) {
    case GGUF_I8: *v = (int8_t)u; return true;
    case GGUF_I16: *v = (int16_t)u; return true;
    case GGUF_I32: *v = (int32_t)u; return true;
    case GGUF_I64: *v = (int64_t)u; return true;
    default: *v = (int64_t)u; return u <= INT64_MAX;
    }
}

static double real_at(gguf_type t, const unsigned char *b) {
    float f;
    double d;
    if (t == GGUF_F32) return memcpy(&f, b, sizeof f), (double)f;
    return memcpy(&d, b, sizeof d), d;
}

static bool wrong(const gguf_part *p, const gguf_kv *kv, const char *expected, err *e) {
    err_set(e, ERR_FORMAT, "key '%s' has the wrong type", kv->key);
    err_where(e, "%s, byte %zu", p->name, (size_t)(kv->at - p->data));
    err_expected(e, "%s", expected);
    if (kv->type == GGUF_ARRAY) err_got(e, "an array of %" PRIu64 " %s", kv->n, scalars[kv->of].name);
    else err_got(e, "%s", scalars[kv->type].name);
    return err_hint(e, "the file was written by a faulty converter: convert the model again");
}

bool gguf_part_int(const gguf_part *p, const char *key, int64_t min, int64_t max, int64_t *out, err *e) {
    const gguf_kv *kv = gguf_part_find(p, key);
    int64_t v = 0;
    if (!kv) return true;
    if (!is_integer(kv->type)) return wrong(p, kv, "an integer", e);
    bool fits = integer_at(kv->type, kv->at, &v);
    if (!fits || v < min || v > max) {
        err_set(e, ERR_FORMAT, "key '%s' is out of range", key);
        err_where(e, "%s, byte %zu", p->name, (size_t)(kv->at - p->data));
        err_expected(e, "%" PRId64 " to %" PRId64, min, max);
        return fits ? err_got(e, "%" PRId64, v) : err_got(e, "%" PRIu64, (uint64_t)v);
    }
    *out = v;
    return true;
}

bool gguf_int(const gguf *g, const char *key, int64_t min, int64_t max, int64_t *out, err *e) {
    return gguf_part_int(&g->parts[0], key, min, max, out, e);
}

bool gguf_real(const gguf *g, const char *key, double *out, err *e) {
    const gguf_part *p = &g->parts[0];
    const gguf_kv *kv = gguf_part_find(p, key);
    if (!kv) return true;
    if (kv->type != GGUF_F32 && kv->type != GGUF_F64) return wrong(p, kv, "a real number", e);
    double v = real_at(kv->type, kv->at);
    if (!isfinite(v))
        return err_set(e, ERR_FORMAT, "key '%s' is not a finite number", key) || err_where(e, "%s", p->name) || err_got(e, "%g", v);
    *out = v;
    return true;
}

bool gguf_bool(const gguf *g, const char *key, bool *out, err *e) {
    const gguf_kv *kv = gguf_part_find(&g->parts[0], key);
    if (!kv) return true;
    if (kv->type != GGUF_BOOL) return wrong(&g->parts[0], kv, "a truth value", e);
    *out = kv->at[0] != 0;
    return true;
}

bool gguf_str(const gguf *g, const char *key, gguf_text *out, err *e) {
    const gguf_kv *kv = gguf_part_find(&g->parts[0], key);
    if (!kv) return true;
    if (kv->type != GGUF_STRING) return wrong(&g->parts[0], kv, "a string", e);
    *out = (gguf_text){ (const char *)kv->at, (size_t)kv->n };
    return true;
}

/* The array under key, NULL with *ok true when absent. */
static const gguf_kv *find_array(const gguf *g, const char *key, const char *expected, bool (*fits)(gguf_type), bool *ok, err *e) {
    const gguf_kv *kv = gguf_part_find(&g->parts[0], key);
    *ok = !kv || (kv->type == GGUF_ARRAY && fits(kv->of)) || wrong(&g->parts[0], kv, expected, e);
    return *ok ? kv : NULL;
}

static bool is_string(gguf_type t) { return t == GGUF_STRING; }
static bool is_f32(gguf_type t) { return t == GGUF_F32; }
static bool is_integer_or_bool(gguf_type t) { return t == GGUF_BOOL || is_integer(t); }

bool gguf_strings(const gguf *g, const char *key, gguf_text **out, size_t *n, err *e) {
    bool ok = false;
    *out = NULL;
    *n = 0;
    const gguf_kv *kv = find_array(g, key, "an array of strings", is_string, &ok, e);
    if (!kv) return ok;
    gguf_text *all = mem_array((size_t)kv->n, sizeof *all, e);
    if (!all) return false;
    const unsigned char *at = kv->at;
    for (uint64_t i = 0; i < kv->n; i++) { /* lengths were checked when the file was opened */
        all[i] = (gguf_text){ (const char *)at + 8, (size_t)little(at, 8) };
        at += 8 + all[i].len;
    }
    *out = all;
    *n = (size_t)kv->n;
    return true;
}

bool gguf_f32s(const gguf *g, const char *key, float **out, size_t *n, err *e) {
    bool ok = false;
    *out = NULL;
    *n = 0;
    const gguf_kv *kv = find_array(g, key, "an array of f32", is_f32, &ok, e);
    if (!kv) return ok;
    float *all = mem_array((size_t)kv->n, sizeof *all, e);
    if (!all) return false;
    memcpy(all, kv->at, (size_t)kv->bytes);
    for (uint64_t i = 0; i < kv->n; i++)
        if (isnan(all[i])) {
            free(all);
            return err_set(e, ERR_FORMAT, "key '%s', element %" PRIu64 " is not a number", key, i) || err_where(e, "%s", g->parts[0].name);
        }
    *out = all;
    *n = (size_t)kv->n;
    return true;
}

bool gguf_i32s(const gguf *g, const char *key, int32_t **out, size_t *n, err *e) {
    bool ok = false;
    *out = NULL;
    *n = 0;
    const gguf_kv *kv = find_array(g, key, "an array of integers", is_integer_or_bool, &ok, e);
    if (!kv) return ok;
    int32_t *all = mem_array((size_t)kv->n, sizeof *all, e);
    if (!all) return false;
    for (uint64_t i = 0; i < kv->n; i++) {
        int64_t v = 0;
        if (!integer_at(kv->of, kv->at + i * scalars[kv->of].bytes, &v) || v < INT32_MIN || v > INT32_MAX) {
            free(all);
            return err_set(e, ERR_FORMAT, "key '%s', element %" PRIu64 " does not fit in 32 bits", key, i) || err_where(e, "%s", g->parts[0].name);
        }
        all[i] = (int32_t)v;
    }
    *out = all;
    *n = (size_t)kv->n;
    return true;
}

size_t gguf_n_keys(const gguf *g) { return g->parts[0].n_kvs; }
const char *gguf_key(const gguf *g, size_t i) { return g->parts[0].kvs[i].key; }
gguf_type gguf_key_type(const gguf *g, size_t i) { return g->parts[0].kvs[i].type; }
gguf_type gguf_key_array_type(const gguf *g, size_t i) { return g->parts[0].kvs[i].of; }

uint64_t gguf_key_array_len(const gguf *g, size_t i) {
    const gguf_kv *kv = &g->parts[0].kvs[i];
    return kv->type == GGUF_ARRAY ? kv->n : 0;
}

bool gguf_has(const gguf *g, const char *key) { return gguf_part_find(&g->parts[0], key) != NULL; }

gguf_text gguf_key_bytes(const gguf *g, size_t i) {
    const gguf_kv *kv = &g->parts[0].kvs[i];
    return (gguf_text){ (const char *)kv->at, (size_t)kv->bytes };
}

static size_t show_scalar(gguf_type t, const unsigned char *b, char *out, size_t cap) {
    int64_t v = 0;
    if (t == GGUF_F32) return (size_t)snprintf(out, cap, "%.9g", real_at(t, b));
    if (t == GGUF_F64) return (size_t)snprintf(out, cap, "%.17g", real_at(t, b));
    if (t == GGUF_BOOL) return (size_t)snprintf(out, cap, "%s", b[0] ? "true" : "false");
    return integer_at(t, b, &v) ? (size_t)snprintf(out, cap, "%" PRId64, v) : (size_t)snprintf(out, cap, "%" PRIu64, (uint64_t)v);
}

/* Control bytes are shown as \xNN so that a hostile value cannot drive a terminal; a cut is marked by "...". */
static void show_text(const gguf_kv *kv, char *out, size_t cap) {
    size_t at = 0;
    out[at++] = '"';
    for (uint64_t i = 0; i < kv->n; i++) {
        unsigned char c = kv->at[i];
        if (at + 9 > cap) {
            while (at > 1 && ((unsigned char)out[at - 1] & 0xc0) == 0x80) at--; /* not inside a character */
            if (at > 1 && (unsigned char)out[at - 1] >= 0xc0) at--;
            at += (size_t)snprintf(out + at, cap - at, "...");
            break;
        }
        if (c < 0x20 || c == 0x7f) at += (size_t)snprintf(out + at, cap - at, "\\x%02x", c);
        else out[at++] = (char)c;
    }
    snprintf(out + at, cap - at, "\"");
}

void gguf_key_show(const gguf *g, size_t i, char *out, size_t cap) {
    const gguf_kv *kv = &g->parts[0].kvs[i];
    if (cap == 0) return;
    if (kv->type == GGUF_STRING && cap >= 16) show_text(kv, out, cap);
    else if (kv->type == GGUF_STRING) snprintf(out, cap, "[text]");
    else if (kv->type == GGUF_ARRAY) snprintf(out, cap, "[%" PRIu64 " %s%s]", kv->n, scalars[kv->of].name, kv->of == GGUF_STRING ? "s" : "");
    else show_scalar(kv->type, kv->at, out, cap);
}

static bool check_length(const gguf *g, const char *key, uint64_t n_tokens, err *e) {
    const gguf_kv *kv = gguf_part_find(&g->parts[0], key);
    if (!kv || (kv->type == GGUF_ARRAY && kv->n == n_tokens)) return true;
    if (kv->type != GGUF_ARRAY) return wrong(&g->parts[0], kv, "an array", e);
    return err_set(e, ERR_FORMAT, "'%s' and tokenizer.ggml.tokens differ in length", key) || err_where(e, "%s", g->parts[0].name) ||
           err_expected(e, "%" PRIu64, n_tokens) || err_got(e, "%" PRIu64, kv->n) || err_hint(e, "convert the model again");
}

bool gguf_check_vocab(const gguf *g, err *e) {
    static const char prefix[] = "tokenizer.ggml.", suffix[] = "_token_id";
    const gguf_part *p = &g->parts[0];
    const gguf_kv *tokens = gguf_part_find(p, "tokenizer.ggml.tokens");
    if (!tokens) return true;
    if (tokens->type != GGUF_ARRAY || tokens->of != GGUF_STRING) return wrong(p, tokens, "an array of strings", e);
    if (tokens->n > INT32_MAX) return err_set(e, ERR_LIMIT, "the vocabulary is too large") || err_where(e, "%s", p->name);
    if (!check_length(g, "tokenizer.ggml.scores", tokens->n, e) || !check_length(g, "tokenizer.ggml.token_type", tokens->n, e)) return false;
    for (size_t i = 0; i < p->n_kvs; i++) {
        const char *key = p->kvs[i].key;
        size_t n = strlen(key);
        int64_t id = 0;
        if (n < sizeof prefix + sizeof suffix - 2 || strncmp(key, prefix, sizeof prefix - 1) != 0 || strcmp(key + n - (sizeof suffix - 1), suffix) != 0) continue;
        if (!gguf_part_int(p, key, -1, (int64_t)tokens->n - 1, &id, e)) /* -1: none */
            return err_context(e, "a vocabulary of %" PRIu64 " tokens", tokens->n);
    }
    return true;
}
