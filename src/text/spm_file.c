/* SentencePiece's tokenizer.model: a protobuf (sentencepiece_model.proto). Only the fields that decide ids are read; unknown
 * ones are passed over by their wire type. */
#include "base/mem.h"
#include "text/tokenizer_impl.h"
#include <math.h>
#include <string.h>

typedef struct reader {
    const unsigned char *at, *end;
    bool bad;
} reader;

typedef struct field {
    uint32_t number, wire;
    uint64_t value;  /* varint, or the bits of fixed32 */
    reader inside;   /* length-delimited */
} field;

static uint64_t varint(reader *r) {
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (r->at == r->end) break;
        unsigned char b = *r->at++;
        v |= (uint64_t)(b & 127) << shift;
        if (!(b & 128)) return v;
    }
    r->bad = true;
    return 0;
}

static bool next_field(reader *r, field *f) {
    if (r->bad || r->at == r->end) return false;
    uint64_t key = varint(r), n;
    *f = (field){ .number = (uint32_t)(key >> 3), .wire = key & 7 };
    size_t left = (size_t)(r->end - r->at);
    switch (f->wire) {
    case 0: f->value = varint(r); break;
    case 1: n = 8; goto skip;
    case 5:
        n = 4;
        if (left >= 4) {
            uint32_t bits;
            memcpy(&bits, r->at, 4);
            f->value = bits;
        }
        goto skip;
    case 2:
        n = varint(r);
        left = (size_t)(r->end - r->at);
        if (n <= left) f->inside = (reader){ r->at, r->at + n, false };
    skip:
        if (n > left) r->bad = true;
        else r->at += n;
        break;
    default: r->bad = true;
    }
    return !r->bad;
}

typedef struct spm_spec {
    int type, unk, bos, eos, pad;
    bool byte_fallback, dummy_prefix, remove_extra, escape;
    reader charsmap;
} spm_spec;

static bool read_piece(tokenizer *t, reader r, int64_t id, err *e) {
    field f;
    reader text = { 0 };
    float score = 0;
    int type = TOKEN_NORMAL;
    while (next_field(&r, &f)) {
        uint32_t bits = (uint32_t)f.value;
        if (f.number == 1 && f.wire == 2) text = f.inside;
        else if (f.number == 2 && f.wire == 5) memcpy(&score, &bits, 4);
        else if (f.number == 3 && f.wire == 0) type = (int)(f.value & 15);
    }
    if (r.bad || !isfinite(score)) return err_set(e, ERR_FORMAT, "piece %lld of tokenizer.model is damaged", (long long)id);
    if (!tokenizer_set_token(t, id, (const char *)text.at, (size_t)(text.end - text.at), type, e)) return false;
    t->scores[id] = score;
    return true;
}

static void read_trainer(reader r, spm_spec *s) {
    field f;
    while (next_field(&r, &f)) {
        if (f.wire != 0) continue;
        if (f.number == 3) s->type = (int)f.value;
        else if (f.number == 35) s->byte_fallback = f.value;
        else if (f.number == 40) s->unk = (int)(int32_t)f.value;
        else if (f.number == 41) s->bos = (int)(int32_t)f.value;
        else if (f.number == 42) s->eos = (int)(int32_t)f.value;
        else if (f.number == 43) s->pad = (int)(int32_t)f.value;
    }
}

static void read_normalizer(reader r, spm_spec *s) {
    field f;
    while (next_field(&r, &f)) {
        if (f.number == 2 && f.wire == 2) s->charsmap = f.inside;
        else if (f.number == 3 && f.wire == 0) s->dummy_prefix = f.value;
        else if (f.number == 4 && f.wire == 0) s->remove_extra = f.value;
        else if (f.number == 5 && f.wire == 0) s->escape = f.value;
    }
}

static bool set_normalizer(tokenizer *t, const spm_spec *s, err *e) {
    size_t n = (size_t)(s->charsmap.end - s->charsmap.at);
    if (n) {
        norm_step step = { .kind = NORM_PRECOMPILED };
        const char *copy = arena_copy(t->mem, (const char *)s->charsmap.at, n);
        if (!copy || !norm_set_charsmap(&step, copy, n, e)) return false;
        t->norm.steps[t->norm.n++] = step;
    }
    t->norm.steps[t->norm.n++] = (norm_step){ .kind = NORM_SPM_SPACES, .add_prefix = s->dummy_prefix, .remove_extra = s->remove_extra, .escape = s->escape };
    t->decode[t->n_decode++] = (decode_step){ .kind = DECODE_REPLACE, .pattern = "\xe2\x96\x81", .content = " " };
    t->drop_first_space = s->dummy_prefix;
    return true;
}

static bool add_controls(tokenizer *t, err *e) {
    for (size_t i = 0; i < t->n; i++) {
        bool control = t->tokens[i].type == TOKEN_CONTROL || t->tokens[i].type == TOKEN_UNKNOWN;
        added_token a = { t->tokens[i].text, t->tokens[i].len, (int32_t)i, true, false, false, false, false };
        if (control && !tokenizer_add_special(t, &a, e)) return false;
    }
    return true;
}

bool tokenizer_read_spm(tokenizer *t, const char *data, size_t n, err *e) {
    reader r = { (const unsigned char *)data, (const unsigned char *)data + n, false };
    spm_spec s = { .type = 1, .unk = 0, .bos = 1, .eos = 2, .pad = -1, .dummy_prefix = true, .remove_extra = true, .escape = true };
    field f;
    int64_t id = 0;
    while (next_field(&r, &f)) {
        if (f.wire != 2) continue;
        if (f.number == 1 && !read_piece(t, f.inside, id++, e)) return false;
        if (f.number == 2) read_trainer(f.inside, &s);
        if (f.number == 3) read_normalizer(f.inside, &s);
    }
    if (r.bad || !id) return err_set(e, ERR_FORMAT, "tokenizer.model is not a SentencePiece model") || err_hint(e, "the file is damaged: fetch it again");
    if (s.type != 1 && s.type != 2 && s.type != 4)
        return err_set(e, ERR_UNSUPPORTED, "SentencePiece model type %d is not read", s.type) || err_expected(e, "unigram, bpe or char");
    t->model = s.type == 1 ? MODEL_UNIGRAM : MODEL_SCORED_BPE;
    t->byte_fallback = s.byte_fallback;
    t->fuse_unk = true;
    t->float_sums = true;
    t->unk = s.unk;
    t->bos = s.bos < (int)t->n ? s.bos : -1;
    t->eos = s.eos < (int)t->n ? s.eos : -1;
    t->pad = s.pad < (int)t->n ? s.pad : -1;
    return set_normalizer(t, &s, e) && add_controls(t, e);
}
