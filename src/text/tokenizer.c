/* The pipeline from text to ids, and what the vocabulary is. Loading is in tokenizer_json.c, tokenizer_vocab.c, spm_file.c. */
#include "base/mem.h"
#include "base/utf8.h"
#include "text/tokenizer_impl.h"
#include "text/unicode.h"
#include <string.h>

void token_list_put(token_list *l, int32_t id) {
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 64;
        l->ids = mem_must_grow(l->ids, l->cap, sizeof *l->ids);
    }
    l->ids[l->n++] = id;
}

void token_list_free(token_list *l) {
    free(l->ids);
    *l = (token_list){ 0 };
}

/* One encoding under way. */
typedef struct encoding {
    const tokenizer *t;
    token_list *out;
    pieces pieces;
    bool specials;
    bool first;  /* nothing of the text has been encoded yet */
    err *e;
} encoding;

static bool encode_piece(encoding *x, const char *text, size_t n) {
    if (n >= INT32_MAX) /* models count symbols in 32 bit (CVE-2025-52566) */
        return err_set(x->e, ERR_LIMIT, "the text is too long for one word") || err_expected(x->e, "less than 2 GiB") || err_got(x->e, "%zu bytes", n);
    switch (x->t->model) {
    case MODEL_BPE: return bpe_encode(x->t, text, n, x->out, x->e);
    case MODEL_SCORED_BPE: return scored_bpe_encode(x->t, text, n, x->out, x->e);
    case MODEL_UNIGRAM: return unigram_encode(x->t, text, n, x->out, x->e);
    default: return wordpiece_encode(x->t, text, n, x->out, x->e);
    }
}

/* Text without added tokens, normalized. */
static bool encode_plain(encoding *x, const char *text, size_t n) {
    if (!n) return true;
    if (!pretokenize(&x->t->pre, text, n, x->first, &x->pieces, x->e)) return false;
    x->first = false;
    for (size_t i = 0; i < x->pieces.n; i++)
        if (!encode_piece(x, buf_str(&x->pieces.text) + x->pieces.items[i].from, x->pieces.items[i].to - x->pieces.items[i].from)) return false;
    return true;
}

static size_t space_back(const char *text, size_t from, size_t floor) {
    uint32_t cp;
    while (from > floor) {
        size_t back = 1;
        while (back < 4 && back < from - floor && ((unsigned char)text[from - back] & 0xc0) == 0x80) back++;
        if (utf8_decode(text + from - back, back, &cp) != back || !unicode_is_space(cp)) break;
        from -= back;
    }
    return from;
}

static size_t space_ahead(const char *text, size_t n, size_t to) {
    uint32_t cp;
    size_t len;
    while (to < n && (len = utf8_decode(text + to, n - to, &cp)) && unicode_is_space(cp)) to += len;
    return to;
}

typedef bool (*plain_fn)(encoding *x, const char *text, size_t n);

/* Splits at the set's tokens; what lies between goes to `plain`. */
static bool split_added(encoding *x, const added_set *set, const char *text, size_t n, plain_fn plain) {
    size_t done = 0;
    for (size_t at = 0; at < n && set->n;) {
        const added_token *a = added_find(set, text, n, at, x->specials);
        if (!a) {
            at++;
            continue;
        }
        size_t start = at;
        at += a->len; /* matches do not overlap; the space that one of them takes may reach into the next */
        if (!added_stands_alone(a, text, n, start)) continue;
        size_t from = a->lstrip ? space_back(text, start, done < start ? done : start) : start;
        if (from > done && !plain(x, text + done, from - done)) return false;
        token_list_put(x->out, a->id);
        x->first = false;
        done = a->rstrip ? space_ahead(text, n, at) : at;
    }
    return done >= n || plain(x, text + done, n - done);
}

static bool encode_raw(encoding *x, const char *text, size_t n) {
    buf b = { 0 };
    if (!n) return true;
    bool ok = normalize(&x->t->norm, text, n, &b, x->e) && split_added(x, &x->t->normalized, buf_str(&b), b.len, encode_plain);
    buf_free(&b);
    return ok;
}

/* Bytes that are not UTF-8 are read as U+FFFD, one for each byte, as no reference takes them at all. */
static const char *valid_text(const char *text, size_t *n, buf *copy) {
    if (utf8_valid(text, *n)) return text;
    norm_put_valid(text, *n, copy);
    *n = copy->len;
    return buf_str(copy);
}

static bool encode_text(encoding *x, const char *text, size_t n) {
    buf copy = { 0 };
    const char *valid = valid_text(text, &n, &copy);
    bool ok = split_added(x, &x->t->raw, valid, n, encode_raw);
    buf_free(&copy);
    return ok;
}

static void put_template(const tokenizer *t, token_list *out, bool after) {
    size_t i = 0;
    while (i < t->n_post && t->post[i].id >= 0) {
        if (!after) token_list_put(out, t->post[i].id);
        i++;
    }
    for (i++; after && i < t->n_post; i++)
        if (t->post[i].id >= 0) token_list_put(out, t->post[i].id);
}

bool tokenizer_encode(const tokenizer *t, const char *text, size_t n, unsigned flags, token_list *out, err *e) {
    return tokenizer_encode_marked(t, text, n, flags, NULL, 0, out, e);
}

/* Like tokenizer_encode, except that a control token's spelling counts only where none of its bytes came from outside: the text
 * is cut at the control tokens the template wrote, and what lies between is encoded with specials off. So apart from forged
 * tokens the ids are those of the plain encoding. */
static bool touches(const text_span *s, size_t n, size_t from, size_t to, size_t *at) {
    while (*at < n && s[*at].to <= from) ++*at;
    return *at < n && s[*at].from < to;
}

static bool encode_spans(encoding *x, const char *text, size_t n, const text_span *spans, size_t n_spans) {
    size_t done = 0, span = 0;
    for (size_t at = 0; at < n;) {
        const added_token *a = added_find(&x->t->raw, text, n, at, true);
        if (!a || !a->special || touches(spans, n_spans, at, at + a->len, &span)) {
            at++;
            continue;
        }
        size_t start = at;
        at += a->len;
        if (!added_stands_alone(a, text, n, start)) continue;
        size_t from = a->lstrip ? space_back(text, start, done < start ? done : start) : start;
        if (from > done && !encode_text(x, text + done, from - done)) return false;
        token_list_put(x->out, a->id);
        x->first = false;
        done = a->rstrip ? space_ahead(text, n, at) : at;
    }
    return done >= n || encode_text(x, text + done, n - done);
}

bool tokenizer_encode_marked(const tokenizer *t, const char *text, size_t n, unsigned flags, const text_span *untrusted, size_t n_untrusted,
                             token_list *out, err *e) {
    encoding x = { .t = t, .out = out, .first = true, .e = e };
    bool ok = true, parse = flags & TOKENIZE_PARSE_SPECIAL;
    if (flags & TOKENIZE_ADD_SPECIAL) put_template(t, out, false);
    if (!parse || !n_untrusted) {
        x.specials = parse;
        ok = encode_text(&x, text, n);
    } else ok = encode_spans(&x, text, n, untrusted, n_untrusted);
    if (ok && (flags & TOKENIZE_ADD_SPECIAL)) put_template(t, out, true);
    pieces_free(&x.pieces);
    return ok;
}

size_t tokenizer_n_tokens(const tokenizer *t) { return t->n; }
const char *tokenizer_kind(const tokenizer *t) { return t->kind_name; }
const char *tokenizer_pre_name(const tokenizer *t) { return t->pre_name; }
int32_t tokenizer_bos(const tokenizer *t) { return t->bos; }
int32_t tokenizer_eos(const tokenizer *t) { return t->eos; }
int32_t tokenizer_pad(const tokenizer *t) { return t->pad; }
int32_t tokenizer_unk(const tokenizer *t) { return t->unk; }
bool tokenizer_adds_bos(const tokenizer *t) { return t->adds_bos; }
bool tokenizer_adds_eos(const tokenizer *t) { return t->adds_eos; }

static bool known(const tokenizer *t, int32_t id) { return id >= 0 && (size_t)id < t->n; }

bool tokenizer_is_eog(const tokenizer *t, int32_t id) { return known(t, id) && t->eog[id]; }
bool tokenizer_is_control(const tokenizer *t, int32_t id) { return known(t, id) && (t->tokens[id].type == TOKEN_CONTROL || t->tokens[id].type == TOKEN_UNKNOWN); }
int tokenizer_type_of(const tokenizer *t, int32_t id) { return known(t, id) ? t->tokens[id].type : 0; }

int32_t tokenizer_find(const tokenizer *t, const char *text, size_t len) {
    int64_t id;
    return vocab_find(t, text, len, &id) ? (int32_t)id : -1;
}

float tokenizer_score_of(const tokenizer *t, int32_t id) { return known(t, id) && t->scores ? (float)t->scores[id] : 0; }

const char *tokenizer_spelling(const tokenizer *t, int32_t id, size_t *len) {
    if (!known(t, id)) return NULL;
    *len = t->tokens[id].len;
    return t->tokens[id].text ? t->tokens[id].text : "";
}

bool tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t n, bool show_control, buf *out) {
    for (size_t i = 0; i < n; i++)
        if (!known(t, ids[i])) return false;
    return decode_all(t, ids, n, show_control, out);
}
