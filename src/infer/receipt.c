#include "infer/receipt.h"
#include "backend/backend.h"
#include "base/mem.h"
#include <errno.h>
#include <math.h>
#include <string.h>

static const char VERSION_KEY[] = "pingti_receipt", SEAL_KEY[] = "digest", PARTS_KEY[] = "parts";

/* ---- parameters: one row a member, so that writing and reading cannot disagree ---- */

typedef enum member_kind { MEMBER_REAL, MEMBER_U32, MEMBER_INT, MEMBER_BOOL, MEMBER_SEED } member_kind;
typedef struct member {
    const char *name;
    member_kind kind;
    size_t offset; /* in sample_params */
} member;

#define AT(name) offsetof(sample_params, name)
static const member members[] = {
    { "temperature", MEMBER_REAL, AT(temperature) },
    { "dynamic_range", MEMBER_REAL, AT(dynamic_range) },
    { "dynamic_exponent", MEMBER_REAL, AT(dynamic_exponent) },
    { "temperature_last", MEMBER_BOOL, AT(temperature_last) },
    { "top_k", MEMBER_U32, AT(top_k) },
    { "top_p", MEMBER_REAL, AT(top_p) },
    { "min_p", MEMBER_REAL, AT(min_p) },
    { "typical_p", MEMBER_REAL, AT(typical_p) },
    { "xtc_probability", MEMBER_REAL, AT(xtc_probability) },
    { "xtc_threshold", MEMBER_REAL, AT(xtc_threshold) },
    { "mirostat", MEMBER_INT, AT(mirostat) },
    { "mirostat_tau", MEMBER_REAL, AT(mirostat_tau) },
    { "mirostat_eta", MEMBER_REAL, AT(mirostat_eta) },
    { "dry_multiplier", MEMBER_REAL, AT(dry.multiplier) },
    { "dry_base", MEMBER_REAL, AT(dry.base) },
    { "dry_allowed", MEMBER_U32, AT(dry.allowed) },
    { "dry_last", MEMBER_U32, AT(dry.last) },
    { "repeat_penalty", MEMBER_REAL, AT(repeat_penalty) },
    { "repeat_last", MEMBER_U32, AT(repeat_last) },
    { "presence_penalty", MEMBER_REAL, AT(presence_penalty) },
    { "frequency_penalty", MEMBER_REAL, AT(frequency_penalty) },
    { "seed", MEMBER_SEED, AT(seed) },
};
#undef AT
enum { N_MEMBERS = sizeof members / sizeof *members };

/* What sample_params holds beside the rows: the bias and what is only shown. A new parameter that changes answers must get a row, or receipts
 * would leave it out: this stops the build until somebody has looked. */
typedef struct known_params {
    float temperature, dynamic_range, dynamic_exponent;
    bool temperature_last;
    uint32_t top_k;
    float top_p, min_p, typical_p, xtc_probability, xtc_threshold;
    int mirostat;
    float mirostat_tau, mirostat_eta;
    struct {
        float multiplier, base;
        uint32_t allowed, last;
        const dry_breakers *breakers;
    } dry;
    float repeat_penalty, presence_penalty, frequency_penalty;
    uint32_t repeat_last;
    uint64_t seed;
    const logit_bias *bias;
    size_t n_bias;
    uint32_t n_logprobs;
    bool want_logprob;
} known_params;
_Static_assert(sizeof(sample_params) == sizeof(known_params), "sample_params changed: does infer/receipt.c tell all of it?");

static json_t *member_json(const member *m, const sample_params *p) {
    const char *at = (const char *)p + m->offset;
    if (m->kind == MEMBER_REAL) return json_real(*(const float *)(const void *)at);
    if (m->kind == MEMBER_U32) return json_integer(*(const uint32_t *)(const void *)at);
    if (m->kind == MEMBER_INT) return json_integer(*(const int *)(const void *)at);
    if (m->kind == MEMBER_BOOL) return json_boolean(*(const bool *)at);
    return json_sprintf("%llu", (unsigned long long)*(const uint64_t *)(const void *)at); /* text: JSON's integers end at 2^63 here */
}

static bool read_seed(const json_t *j, const char *name, uint64_t *out, err *e) {
    const char *text = NULL;
    if (!js_str(j, name, &text, e)) return false;
    size_t n = text ? strlen(text) : 0;
    char *end = NULL;
    errno = 0;
    *out = n && strspn(text, "0123456789") == n ? strtoull(text, &end, 10) : 0;
    return (end && !errno) || err_set(e, ERR_FORMAT, "the receipt's '%s' is no seed", name) || err_expected(e, "a whole number from 0 to %llu, as text", (unsigned long long)UINT64_MAX) ||
           err_got(e, "'%.40s'", text ? text : "");
}

static bool read_member(const member *m, const json_t *j, sample_params *p, err *e) {
    char *at = (char *)p + m->offset;
    double real = 0;
    int64_t whole = 0;
    if (!js_get(j, m->name)) return err_set(e, ERR_FORMAT, "a parameter is missing") || err_expected(e, "'%s'", m->name);
    if (m->kind == MEMBER_SEED) return read_seed(j, m->name, (uint64_t *)(void *)at, e);
    if (m->kind == MEMBER_BOOL) return js_bool(j, m->name, (bool *)at, e);
    if (m->kind == MEMBER_INT) {
        if (!js_int(j, m->name, INT32_MIN, INT32_MAX, &whole, e)) return false;
        *(int *)(void *)at = (int)whole;
        return true;
    }
    if (m->kind == MEMBER_U32) {
        if (!js_int(j, m->name, 0, UINT32_MAX, &whole, e)) return false;
        *(uint32_t *)(void *)at = (uint32_t)whole;
        return true;
    }
    if (!js_real(j, m->name, &real, e)) return false;
    *(float *)(void *)at = (float)real;
    return true;
}

static json_t *grammar_json(const grammar_source *s) {
    const char *text = s->gbnf ? s->gbnf : s->schema;
    return text ? json_pack("{s:s, s:s%, s:b}", "kind", s->gbnf ? "gbnf" : "json_schema", "text", text, s->n, "compact", (int)s->compact) : json_null();
}

/* NULL: not all are UTF-8, or there are too many. */
static json_t *texts_json(const char *const *texts, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, json_string(texts[i]));
    if (json_array_size(list) == n && n <= RECEIPT_MAX_STOPS) return list;
    json_decref(list);
    return NULL;
}

json_t *receipt_parameters(const generate_options *o, const grammar_source *grammar, err *e) {
    json_t *j = json_object(), *bias = json_array(), *stop = texts_json(o->stop, o->n_stop), *breakers = texts_json(o->dry_breakers, o->n_dry_breakers), *follows = grammar_json(grammar);
    for (size_t i = 0; i < N_MEMBERS; i++) json_object_set_new(j, members[i].name, member_json(&members[i], &o->sample));
    for (size_t i = 0; i < o->sample.n_bias; i++) json_array_append_new(bias, json_pack("[i, f]", (int)o->sample.bias[i].id, (double)o->sample.bias[i].bias));
    bool whole = stop && breakers && follows;
    json_object_set_new(j, "logit_bias", bias);
    json_object_set_new(j, "stop", stop);
    json_object_set_new(j, "dry_breakers", breakers);
    json_object_set_new(j, "grammar", follows);
    json_object_set_new(j, "heal", json_boolean(o->heal));
    json_object_set_new(j, "max_tokens", json_integer((json_int_t)o->max_tokens));
    json_object_set_new(j, "ignore_eos", json_boolean(o->ignore_stop));
    json_object_set_new(j, "show_special", json_boolean(o->show_control));
    if (whole) return j;
    json_decref(j);
    err_set(e, ERR_USAGE, "a receipt cannot hold these stop texts, breakers or this grammar");
    err_expected(e, "at most %d texts, all in UTF-8", RECEIPT_MAX_STOPS);
    return NULL;
}

static const char *const PRECISIONS[] = { [PRECISION_EXACT] = "exact", [PRECISION_FAST] = "fast" };
static const dtype CACHE_TYPES[] = { DTYPE_F16, DTYPE_Q8_0, DTYPE_F32 };

json_t *receipt_engine(const runner *r) {
    const memory_plan *p = runner_plan(r);
    uint32_t room = p->context < p->cache_tokens ? p->context : p->cache_tokens;
    return json_pack("{s:s, s:s, s:s, s:s, s:I}", "backend", runner_backend_name(r), "kernels", backend_kernels_name(), "precision", PRECISIONS[runner_precision(r)],
                     "cache_type", dtype_name(kv_view_of(runner_kv((runner *)(uintptr_t)r))->type), "context", (json_int_t)room);
}

/* ---- tokens and the seal ---- */

digest receipt_token_digest(const int32_t *ids, size_t n) {
    digest_state s;
    digest_begin(&s);
    for (size_t i = 0; i < n; i++) {
        unsigned char four[4] = { (unsigned char)ids[i], (unsigned char)(ids[i] >> 8), (unsigned char)(ids[i] >> 16), (unsigned char)(ids[i] >> 24) };
        digest_put(&s, four, sizeof four);
    }
    return digest_end(&s);
}

json_t *receipt_tokens(const int32_t *ids, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, json_integer(ids[i]));
    return list;
}

static digest json_digest(const json_t *v) {
    char *text = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    digest d = digest_of(text ? text : "", text ? strlen(text) : 0);
    free(text);
    return d;
}

static digest seal_of(const json_t *receipt) {
    json_t *rest = json_copy((json_t *)(uintptr_t)receipt);
    json_object_del(rest, SEAL_KEY);
    digest d = json_digest(rest);
    json_decref(rest);
    return d;
}

/* A digest of each part, so that a change can be told where it was made. */
static json_t *parts_of(const json_t *receipt) {
    json_t *parts = json_object(), *v;
    const char *name;
    json_object_foreach((json_t *)(uintptr_t)receipt, name, v) {
        if (strcmp(name, VERSION_KEY) == 0 || strcmp(name, SEAL_KEY) == 0 || strcmp(name, PARTS_KEY) == 0) continue;
        json_object_set_new(parts, name, json_string(json_digest(v).text));
    }
    return parts;
}

void receipt_seal(json_t *receipt) {
    json_object_set_new(receipt, VERSION_KEY, json_integer(RECEIPT_VERSION));
    json_object_set_new(receipt, PARTS_KEY, parts_of(receipt));
    json_object_set_new(receipt, SEAL_KEY, json_string(seal_of(receipt).text));
}

/* ---- reading ---- */

typedef struct field {
    const char *part, *name; /* part NULL: of the receipt itself */
    json_type type;
    bool is_digest, optional;
} field;

static const field fields[] = {
    { NULL, "model", JSON_OBJECT, 0, 0 },          { NULL, "build", JSON_OBJECT, 0, 0 },           { NULL, "engine", JSON_OBJECT, 0, 0 },
    { NULL, "parameters", JSON_OBJECT, 0, 0 },     { NULL, "prompt", JSON_OBJECT, 0, 0 },          { NULL, "output", JSON_OBJECT, 0, 0 },
    { NULL, "template", JSON_STRING, 1, 1 },       { "model", "path", JSON_STRING, 0, 0 },         { "model", "files", JSON_ARRAY, 0, 0 },
    { "model", "digest", JSON_STRING, 1, 0 },      { "build", "version", JSON_STRING, 0, 0 },      { "build", "compiler", JSON_STRING, 0, 0 },
    { "build", "program", JSON_STRING, 1, 0 },     { "engine", "backend", JSON_STRING, 0, 0 },     { "engine", "kernels", JSON_STRING, 0, 0 },
    { "engine", "precision", JSON_STRING, 0, 0 },  { "engine", "cache_type", JSON_STRING, 0, 0 },  { "prompt", "form", JSON_STRING, 0, 0 },
    { "prompt", "special", JSON_TRUE, 0, 0 },      { "prompt", "n", JSON_INTEGER, 0, 0 },          { "prompt", "digest", JSON_STRING, 1, 0 },
    { "prompt", "tokens", JSON_ARRAY, 0, 1 },      { "parameters", "stop", JSON_ARRAY, 0, 0 },     { "parameters", "logit_bias", JSON_ARRAY, 0, 0 },
    { "parameters", "dry_breakers", JSON_ARRAY, 0, 0 }, { "parameters", "heal", JSON_TRUE, 0, 0 }, { "parameters", "grammar", JSON_OBJECT, 0, 1 },
    { "parameters", "ignore_eos", JSON_TRUE, 0, 0 }, { "parameters", "show_special", JSON_TRUE, 0, 0 }, { "output", "finish", JSON_STRING, 0, 0 },
    { "parameters", "max_tokens", JSON_INTEGER, 0, 0 }, { "engine", "context", JSON_INTEGER, 0, 0 },
    { "output", "n", JSON_INTEGER, 0, 0 },         { "output", "digest", JSON_STRING, 1, 0 },      { "output", "bytes", JSON_INTEGER, 0, 0 },
    { "output", "text_digest", JSON_STRING, 1, 0 }, { "output", "tokens", JSON_ARRAY, 0, 1 },      { "output", "text", JSON_STRING, 0, 1 },
};

static bool has_field(const json_t *receipt, const field *f, err *e) {
    const json_t *v = js_get(f->part ? js_get(receipt, f->part) : receipt, f->name);
    const char *dot = f->part ? "." : "", *part = f->part ? f->part : "";
    if (!v && f->optional) return true;
    if (!v) return err_set(e, ERR_FORMAT, "a field of the receipt is missing") || err_expected(e, "'%s%s%s'", part, dot, f->name);
    bool fits = f->type == JSON_TRUE ? json_is_boolean(v) : json_typeof(v) == f->type;
    if (fits && f->type == JSON_STRING && strlen(json_string_value(v)) != json_string_length(v)) fits = f->part && strcmp(f->name, "text") == 0;
    if (fits && (!f->is_digest || digest_valid(json_string_value(v)))) return true;
    return err_set(e, ERR_FORMAT, "a field of the receipt is not what it should be") || err_where(e, "'%s%s%s'", part, dot, f->name) || (f->is_digest && err_expected(e, "%s and 64 hexadecimal digits", DIGEST_PREFIX));
}

void receipt_digest_file(digest_state *s, const char *name, const char *of_file) {
    digest_put(s, name, strlen(name) + 1);
    digest_put(s, of_file, strlen(of_file) + 1);
}

/* out_json_text put it where something was not UTF-8: what the digest is of cannot be had back. */
static bool is_marked(const char *text) { return strstr(text, "\xef\xbf\xbd") != NULL; }

static bool check_files(const json_t *model, err *e) {
    size_t i;
    const json_t *f, *files = js_get(model, "files");
    const char *said = json_string_value(js_get(model, "digest"));
    bool marked = false;
    digest_state s;
    digest_begin(&s);
    json_array_foreach(files, i, f) {
        const char *name = NULL, *d = NULL;
        int64_t bytes = 0;
        if (!js_str(f, "name", &name, e) || !js_str(f, "digest", &d, e) || !js_int(f, "bytes", 0, INT64_MAX, &bytes, e)) return false;
        if (!json_is_object(f) || !name || !d || !digest_valid(d)) return err_set(e, ERR_FORMAT, "file %zu of the receipt's model has no name, or no digest", i);
        receipt_digest_file(&s, name, d);
        marked |= is_marked(name);
    }
    digest all = digest_end(&s);
    return marked || strcmp(all.text, said) == 0 || err_set(e, ERR_FORMAT, "the files of the receipt's model are not what their digest says") || err_expected(e, "%s", said) || err_got(e, "%s", all.text);
}

static int32_t *ids_of(const json_t *list, const char *name, err *e) {
    size_t n = json_array_size(list);
    int32_t *ids = mem_must(n + 1, sizeof *ids);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(list, i);
        bool id = json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= INT32_MAX;
        if (!id) return free(ids), err_set(e, ERR_FORMAT, "token %zu of the receipt's %s is not an id", i, name), NULL;
        ids[i] = (int32_t)json_integer_value(v);
    }
    return ids;
}

/* Tokens that the receipt holds are as many as it says, and what their digest says. */
static bool check_kept(const json_t *part, const char *name, err *e) {
    const json_t *list = js_get(part, "tokens"), *said = js_get(part, "digest");
    size_t n = json_array_size(list);
    int32_t *ids = list ? ids_of(list, name, e) : NULL;
    if (!ids) return !list;
    digest d = receipt_token_digest(ids, n);
    free(ids);
    if (json_integer_value(js_get(part, "n")) != (json_int_t)n)
        return err_set(e, ERR_FORMAT, "the receipt's %s is not as long as it says", name) || err_expected(e, "%lld tokens", (long long)json_integer_value(js_get(part, "n"))) || err_got(e, "%zu", n);
    return strcmp(d.text, json_string_value(said)) == 0 || err_set(e, ERR_FORMAT, "the receipt's %s is not what its digest says", name) ||
           err_expected(e, "%s", json_string_value(said)) || err_got(e, "%s", d.text);
}

static bool check_text(const json_t *output, err *e) {
    const json_t *text = js_get(output, "text");
    size_t n = json_string_length(text);
    if (!text) return true;
    digest d = digest_of(json_string_value(text), n);
    const char *said = json_string_value(js_get(output, "text_digest"));
    return strcmp(d.text, said) == 0 || is_marked(json_string_value(text)) || err_set(e, ERR_FORMAT, "the receipt's text is not what its digest says") || err_expected(e, "%s", said) || err_got(e, "%s", d.text);
}

static void name_part(buf *out, const char *name) { buf_printf(out, "%s'%.40s'", out->len ? ", " : "", name); }

/* The parts that are not what their digests say, that came or that went. */
static void changed_parts(const json_t *receipt, buf *out) {
    json_t *here = parts_of(receipt), *said = (json_t *)(uintptr_t)js_get(receipt, PARTS_KEY), *v;
    const char *name;
    json_object_foreach(here, name, v)
        if (!json_equal(v, js_get(said, name))) name_part(out, name);
    json_object_foreach(said, name, v)
        if (!js_get(here, name)) name_part(out, name);
    json_decref(here);
}

static bool check_sealed(const json_t *receipt, err *e) {
    const char *seal = json_string_value(js_get(receipt, SEAL_KEY));
    digest d = seal_of(receipt);
    buf parts = { 0 };
    bool has_parts = json_is_object(js_get(receipt, PARTS_KEY)), same = seal && strcmp(seal, d.text) == 0;
    if (has_parts) changed_parts(receipt, &parts);
    if (!same || parts.len) {
        err_set(e, ERR_FORMAT, "the receipt was changed after it was written, or is damaged%s%s", parts.len ? ": " : has_parts ? ": its digests" : "", buf_str(&parts));
        if (!same) err_expected(e, "%s", seal ? seal : "a field 'digest'"), err_got(e, "%s", d.text);
        err_hint(e, "nothing was computed; get the receipt from where it was made");
        same = false;
    }
    buf_free(&parts);
    return same;
}

static bool check_receipt(const json_t *r, err *e) {
    int64_t version = 0;
    if (!json_is_object(r) || !js_get(r, VERSION_KEY)) return err_set(e, ERR_FORMAT, "this is no receipt: it has no '%s'", VERSION_KEY) || err_hint(e, "`pingti run --receipt FILE` writes one");
    if (!js_int(r, VERSION_KEY, INT64_MIN, INT64_MAX, &version, e)) return false;
    if (version != RECEIPT_VERSION)
        return err_set(e, ERR_UNSUPPORTED, "the receipt is of another version") || err_expected(e, "%d", RECEIPT_VERSION) || err_got(e, "%lld", (long long)version) || err_hint(e, "use the pingti that wrote it, or a newer one");
    if (!check_sealed(r, e)) return false;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!has_field(r, &fields[i], e)) return false;
    return check_files(js_get(r, "model"), e) && check_kept(js_get(r, "prompt"), "prompt", e) && check_kept(js_get(r, "output"), "output", e) && check_text(js_get(r, "output"), e);
}

json_t *receipt_read(const char *text, size_t n, const char *where, err *e) {
    json_t *r = js_parse(text, n, where, e);
    if (!r && e && e->code == ERR_FORMAT) err_hint(e, "a receipt is a file of JSON that `pingti run --receipt FILE` writes: is this one, and whole?");
    if (!r) return NULL;
    receipt_request q;
    if (check_receipt(r, e) && receipt_request_of(r, &q, e)) {
        receipt_request_free(&q);
        return r;
    }
    if (e && !e->where[0]) err_where(e, "%s", where);
    json_decref(r);
    return NULL;
}

/* ---- what is to be computed again ---- */

static bool read_prompt(const json_t *receipt, receipt_request *q, err *e) {
    const json_t *list = js_get(js_get(receipt, "prompt"), "tokens");
    if (list && !(q->prompt = ids_of(list, "prompt", e))) return false;
    q->generate.prompt = q->prompt;
    q->generate.n_prompt = json_array_size(list);
    return true;
}

static bool read_bias(const json_t *parameters, receipt_request *q, err *e) {
    const json_t *list = js_get(parameters, "logit_bias");
    size_t n = json_array_size(list);
    q->bias = mem_must(n ? n : 1, sizeof *q->bias);
    for (size_t i = 0; i < n; i++) {
        const json_t *pair = json_array_get(list, i), *id = json_array_get(pair, 0), *x = json_array_get(pair, 1);
        if (json_array_size(pair) != 2 || !json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX || !json_is_number(x))
            return err_set(e, ERR_FORMAT, "logit bias %zu of the receipt is not [id, bias]", i);
        q->bias[i] = (logit_bias){ (int32_t)json_integer_value(id), (float)json_number_value(x) };
    }
    q->generate.sample.bias = q->bias;
    q->generate.sample.n_bias = n;
    return true;
}

static bool read_texts(const json_t *parameters, const char *name, const char **out, size_t *n, err *e) {
    const json_t *list = js_get(parameters, name);
    *n = json_array_size(list);
    for (size_t i = 0; i < *n; i++) {
        const json_t *v = json_array_get(list, i);
        if (i == RECEIPT_MAX_STOPS || !json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
            return err_set(e, ERR_FORMAT, "the receipt's '%s' are not a list of up to %d texts", name, RECEIPT_MAX_STOPS);
        out[i] = json_string_value(v);
    }
    return true;
}

static bool read_grammar(const json_t *parameters, grammar_source *s, err *e) {
    const json_t *g = js_get(parameters, "grammar"), *text = js_get(g, "text");
    const char *kind = NULL;
    if (!g) return true;
    if (!js_str(g, "kind", &kind, e) || !js_bool(g, "compact", &s->compact, e)) return false;
    bool gbnf = kind && strcmp(kind, "gbnf") == 0, schema = kind && strcmp(kind, "json_schema") == 0;
    if (!json_is_string(text) || (!gbnf && !schema))
        return err_set(e, ERR_FORMAT, "the receipt's grammar is not what it should be") || err_expected(e, "kind gbnf or json_schema, and a text");
    if (gbnf) s->gbnf = json_string_value(text);
    else s->schema = json_string_value(text);
    s->n = json_string_length(text);
    return true;
}

static bool read_engine(const json_t *engine, receipt_request *q, err *e) {
    const char *precision = json_string_value(js_get(engine, "precision")), *cache = json_string_value(js_get(engine, "cache_type"));
    int64_t context = 0;
    if (!js_int(engine, "context", 1, UINT32_MAX, &context, e)) return false;
    q->runner.context = (uint32_t)context;
    q->runner.backend = json_string_value(js_get(engine, "backend"));
    q->runner.cache_type = DTYPE_COUNT;
    for (size_t i = 0; i < sizeof CACHE_TYPES / sizeof *CACHE_TYPES; i++)
        if (strcmp(dtype_name(CACHE_TYPES[i]), cache) == 0) q->runner.cache_type = CACHE_TYPES[i];
    q->runner.precision = strcmp(precision, "exact") == 0 ? PRECISION_EXACT : PRECISION_FAST;
    if (q->runner.cache_type == DTYPE_COUNT || strcmp(precision, PRECISIONS[q->runner.precision]) != 0)
        return err_set(e, ERR_UNSUPPORTED, "the receipt names a precision or cache format that this build does not have") || err_got(e, "%.40s, %.40s", precision, cache);
    return true;
}

bool receipt_request_of(const json_t *receipt, receipt_request *q, err *e) {
    const json_t *p = js_get(receipt, "parameters");
    int64_t most = 0;
    *q = (receipt_request){ 0 };
    bool ok = js_int(p, "max_tokens", 0, INT64_MAX, &most, e) && js_bool(p, "ignore_eos", &q->generate.ignore_stop, e) && js_bool(p, "show_special", &q->generate.show_control, e) &&
              js_bool(p, "heal", &q->generate.heal, e);
    q->generate.max_tokens = (size_t)most;
    for (size_t i = 0; ok && i < N_MEMBERS; i++) ok = read_member(&members[i], p, &q->generate.sample, e);
    ok = ok && read_bias(p, q, e) && read_texts(p, "stop", q->stop, &q->generate.n_stop, e) && read_texts(p, "dry_breakers", q->breakers, &q->generate.n_dry_breakers, e) &&
         read_grammar(p, &q->grammar, e) && read_prompt(receipt, q, e) && read_engine(js_get(receipt, "engine"), q, e);
    q->generate.stop = q->stop;
    q->generate.dry_breakers = q->breakers;
    if (!ok) receipt_request_free(q);
    return ok;
}

void receipt_request_free(receipt_request *q) {
    free(q->prompt);
    free(q->bias);
    *q = (receipt_request){ 0 };
}
