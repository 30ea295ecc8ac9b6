/* From Hugging Face's tokenizer.json. A component that is not computed here is an error that names it. */
#include "base/mem.h"
#include "text/tokenizer_impl.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct loader {
    tokenizer *t;
    err *e;
} loader;

static const char *type_of(const json_t *v) {
    const char *s = json_string_value(json_object_get(v, "type"));
    return s ? s : "";
}

static bool unsupported(loader *l, const char *what, const char *type) {
    return err_set(l->e, ERR_UNSUPPORTED, "the tokenizer's %s '%s' is not computed", what, type) || err_hint(l->e, "please report the model");
}

static const char *keep(loader *l, const json_t *s, size_t *n) {
    size_t len = json_string_length(s);
    if (n) *n = len;
    return json_is_string(s) ? arena_copy(l->t->mem, json_string_value(s), len) : NULL;
}

static bool flag(const json_t *v, const char *key, bool otherwise) {
    const json_t *b = json_object_get(v, key);
    return json_is_boolean(b) ? json_is_true(b) : otherwise;
}

/* {"String": s} or {"Regex": s}. */
static bool pattern_of(loader *l, const json_t *v, const char **literal, size_t *n, regex **re) {
    const json_t *p = json_object_get(v, "pattern"), *rx = json_object_get(p, "Regex"), *s = json_object_get(p, "String");
    if (json_is_string(p)) s = p;
    if (json_is_string(rx)) return (*re = regex_new(json_string_value(rx), json_string_length(rx), l->e)) != NULL;
    if (!json_is_string(s)) return err_set(l->e, ERR_FORMAT, "a pattern of the tokenizer is neither String nor Regex");
    *literal = keep(l, s, n);
    return true;
}

static bool charsmap_of(loader *l, const json_t *v, norm_step *s) {
    const json_t *text = json_object_get(v, "precompiled_charsmap");
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = json_string_length(text), out = 0;
    if (!json_is_string(text) || !n) return err_set(l->e, ERR_FORMAT, "a Precompiled normalizer has no charsmap");
    unsigned char *data = arena_try(l->t->mem, n, 1);
    if (!data) return err_set(l->e, ERR_MEMORY, "out of memory for the charsmap");
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < n && json_string_value(text)[i] != '='; i++) {
        const char *p = strchr(alphabet, json_string_value(text)[i]);
        if (!p) return err_set(l->e, ERR_FORMAT, "the charsmap is not base64");
        bits = bits << 6 | (uint32_t)(p - alphabet);
        if ((have += 6) >= 8) data[out++] = (unsigned char)(bits >> (have -= 8));
    }
    s->by_grapheme = true;
    return norm_set_charsmap(s, (const char *)data, out, l->e);
}

static bool read_normalizer(loader *l, const json_t *v);

static bool fill_normalizer(loader *l, const json_t *v, const char *type, norm_step *s) {
    if (s->kind == NORM_PREPEND) {
        s->content = keep(l, json_object_get(v, "prepend"), &s->n_content);
        return s->content || err_set(l->e, ERR_FORMAT, "a %s normalizer has no text", type);
    }
    if (s->kind == NORM_REPLACE) {
        s->content = keep(l, json_object_get(v, "content"), &s->n_content);
        return s->content ? pattern_of(l, v, &s->pattern, &s->n_pattern, &s->re) : err_set(l->e, ERR_FORMAT, "a Replace normalizer has no content");
    }
    if (s->kind == NORM_PRECOMPILED) return charsmap_of(l, v, s);
    s->left = flag(v, "strip_left", true);
    s->right = flag(v, "strip_right", true);
    s->clean = flag(v, "clean_text", true);
    s->chinese = flag(v, "handle_chinese_chars", true);
    s->lower = flag(v, "lowercase", true);
    s->strip_accents = json_is_boolean(json_object_get(v, "strip_accents")) ? flag(v, "strip_accents", false) : -1;
    return true;
}

static bool each_of(loader *l, const json_t *list, bool (*read)(loader *, const json_t *)) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!read(l, json_array_get(list, i))) return false;
    return true;
}

static bool read_normalizer(loader *l, const json_t *v) {
    static const struct { const char *type; norm_kind kind; } kinds[] = {
        { "NFC", NORM_NFC }, { "NFD", NORM_NFD }, { "NFKC", NORM_NFKC }, { "NFKD", NORM_NFKD }, { "Lowercase", NORM_LOWERCASE },
        { "StripAccents", NORM_STRIP_ACCENTS }, { "BertNormalizer", NORM_BERT }, { "Prepend", NORM_PREPEND }, { "Replace", NORM_REPLACE },
        { "Precompiled", NORM_PRECOMPILED }, { "Strip", NORM_STRIP }, { "Nmt", NORM_NMT }, { "ByteLevel", NORM_BYTE_LEVEL },
    };
    const char *type = type_of(v);
    if (!v || json_is_null(v)) return true;
    if (strcmp(type, "Sequence") == 0) return each_of(l, json_object_get(v, "normalizers"), read_normalizer);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].type, type) != 0) continue;
        if (l->t->norm.n == NORM_MAX_STEPS) return err_set(l->e, ERR_LIMIT, "the tokenizer has too many normalizers");
        norm_step *s = &l->t->norm.steps[l->t->norm.n++];
        *s = (norm_step){ .kind = kinds[i].kind };
        return fill_normalizer(l, v, type, s);
    }
    return unsupported(l, "normalizer", type);
}

static bool behavior_of(loader *l, const json_t *v, split_behavior *b) {
    static const char *const names[] = { "Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous" };
    const char *s = json_string_value(json_object_get(v, "behavior"));
    for (int i = 0; s && i < 5; i++)
        if (strcmp(s, names[i]) == 0) return *b = (split_behavior)i, true;
    return unsupported(l, "split behavior", s ? s : "");
}

static bool fill_metaspace(loader *l, const json_t *v, pretok_step *s) {
    const json_t *mark = json_object_get(v, "replacement");
    const char *scheme = json_string_value(json_object_get(v, "prepend_scheme"));
    s->literal = json_is_string(mark) ? keep(l, mark, &s->n_literal) : "\xe2\x96\x81";
    if (!json_is_string(mark)) s->n_literal = 3;
    s->split = flag(v, "split", true);
    s->behavior = SPLIT_MERGED_WITH_NEXT;
    bool old = flag(v, "add_prefix_space", true);
    s->prepend = scheme && strcmp(scheme, "first") == 0 ? PREPEND_FIRST : scheme && strcmp(scheme, "never") == 0 ? PREPEND_NEVER : scheme || old ? PREPEND_ALWAYS : PREPEND_NEVER;
    return true;
}

static bool fill_byte_level(loader *l, const json_t *v, pretok_step *s) {
    static const char gpt2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
    l->t->byte_level = true;
    s->add_prefix_space = flag(v, "add_prefix_space", true);
    s->behavior = SPLIT_ISOLATED;
    return !flag(v, "use_regex", true) || (s->re = regex_new(gpt2, sizeof gpt2 - 1, l->e));
}

static bool fill_pretok(loader *l, const json_t *v, pretok_step *s) {
    switch (s->kind) {
    case PRETOK_REGEX:
        if (!behavior_of(l, v, &s->behavior) || !pattern_of(l, v, &s->literal, &s->n_literal, &s->re)) return false;
        s->invert = flag(v, "invert", false);
        if (!s->re) s->kind = PRETOK_LITERAL;
        return true;
    case PRETOK_LITERAL: /* CharDelimiterSplit */
        s->literal = keep(l, json_object_get(v, "delimiter"), &s->n_literal);
        s->behavior = SPLIT_REMOVED;
        return s->literal || err_set(l->e, ERR_FORMAT, "a CharDelimiterSplit has no delimiter");
    case PRETOK_BYTE_LEVEL: return fill_byte_level(l, v, s);
    case PRETOK_METASPACE: return fill_metaspace(l, v, s);
    case PRETOK_PUNCTUATION: s->behavior = SPLIT_ISOLATED; return !json_object_get(v, "behavior") || behavior_of(l, v, &s->behavior);
    case PRETOK_DIGITS: s->behavior = flag(v, "individual_digits", false) ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS; return true;
    default: s->behavior = SPLIT_REMOVED; return true;
    }
}

static bool read_pretok(loader *l, const json_t *v) {
    static const struct { const char *type; pretok_kind kind; } kinds[] = {
        { "Split", PRETOK_REGEX }, { "ByteLevel", PRETOK_BYTE_LEVEL }, { "Metaspace", PRETOK_METASPACE }, { "BertPreTokenizer", PRETOK_BERT },
        { "Whitespace", PRETOK_WHITESPACE }, { "WhitespaceSplit", PRETOK_WHITESPACE_SPLIT }, { "Digits", PRETOK_DIGITS },
        { "Punctuation", PRETOK_PUNCTUATION }, { "CharDelimiterSplit", PRETOK_LITERAL },
    };
    const char *type = type_of(v);
    if (!v || json_is_null(v)) return true;
    if (strcmp(type, "Sequence") == 0) return each_of(l, json_object_get(v, "pretokenizers"), read_pretok);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].type, type) != 0) continue;
        if (l->t->pre.n == PRETOK_MAX_STEPS) return err_set(l->e, ERR_LIMIT, "the tokenizer has too many pre-tokenizers");
        pretok_step *s = &l->t->pre.steps[l->t->pre.n++];
        *s = (pretok_step){ .kind = kinds[i].kind, .on_letters = l->t->pre.n > 1 && (s[-1].kind == PRETOK_BYTE_LEVEL || s[-1].on_letters) };
        return fill_pretok(l, v, s);
    }
    return unsupported(l, "pre-tokenizer", type);
}

static bool read_vocab_object(loader *l, const json_t *vocab) {
    const char *key;
    json_t *id;
    json_object_foreach((json_t *)(uintptr_t)vocab, key, id) {
        if (!json_is_integer(id)) return err_set(l->e, ERR_FORMAT, "the id of token '%.60s' is not an integer", key);
        if (!tokenizer_set_token(l->t, json_integer_value(id), key, strlen(key), TOKEN_NORMAL, l->e)) return false;
    }
    return true;
}

static bool read_vocab_list(loader *l, const json_t *vocab) { /* Unigram: [[piece, score], ...] */
    for (size_t i = 0; i < json_array_size(vocab); i++) {
        const json_t *row = json_array_get(vocab, i), *piece = json_array_get(row, 0), *score = json_array_get(row, 1);
        if (!json_is_string(piece) || !json_is_number(score)) return err_set(l->e, ERR_FORMAT, "entry %zu of the vocabulary is not [piece, score]", i);
        if (!tokenizer_set_token(l->t, (int64_t)i, json_string_value(piece), json_string_length(piece), TOKEN_NORMAL, l->e)) return false;
        l->t->scores[i] = json_number_value(score);
    }
    return true;
}

static bool read_merge(loader *l, size_t rank, const json_t *m) {
    if (json_is_string(m)) {
        const char *s = json_string_value(m), *space = strchr(s, ' ');
        if (!space) return err_set(l->e, ERR_FORMAT, "merge %zu is not two pieces", rank);
        return bpe_add_merge(l->t, rank, s, (size_t)(space - s), space + 1, strlen(space + 1), l->e);
    }
    const json_t *a = json_array_get(m, 0), *b = json_array_get(m, 1);
    if (!json_is_string(a) || !json_is_string(b)) return err_set(l->e, ERR_FORMAT, "merge %zu is not two pieces", rank);
    return bpe_add_merge(l->t, rank, json_string_value(a), json_string_length(a), json_string_value(b), json_string_length(b), l->e);
}

static int32_t find_string(const tokenizer *t, const json_t *s) {
    return json_is_string(s) ? tokenizer_find(t, json_string_value(s), json_string_length(s)) : -1;
}

static bool read_bpe(loader *l, const json_t *m) {
    tokenizer *t = l->t;
    const json_t *merges = json_object_get(m, "merges");
    t->model = MODEL_BPE;
    t->byte_fallback = flag(m, "byte_fallback", false);
    t->fuse_unk = flag(m, "fuse_unk", false);
    t->ignore_merges = flag(m, "ignore_merges", false);
    t->prefix = keep(l, json_object_get(m, "continuing_subword_prefix"), NULL);
    t->suffix = keep(l, json_object_get(m, "end_of_word_suffix"), NULL);
    if (json_is_number(json_object_get(m, "dropout")) && json_number_value(json_object_get(m, "dropout")) > 0) return unsupported(l, "option", "dropout");
    if (!read_vocab_object(l, json_object_get(m, "vocab"))) return false;
    for (size_t i = 0; i < json_array_size(merges); i++)
        if (!read_merge(l, i, json_array_get(merges, i))) return false;
    t->unk = find_string(t, json_object_get(m, "unk_token"));
    return true;
}

static bool read_unigram(loader *l, const json_t *m) {
    const json_t *unk = json_object_get(m, "unk_id");
    l->t->model = MODEL_UNIGRAM;
    l->t->fuse_unk = true;
    l->t->byte_fallback = flag(m, "byte_fallback", false);
    if (!read_vocab_list(l, json_object_get(m, "vocab"))) return false;
    l->t->unk = json_is_integer(unk) ? (int32_t)json_integer_value(unk) : -1;
    return true;
}

static bool read_words(loader *l, const json_t *m, model_kind kind) {
    const json_t *max = json_object_get(m, "max_input_chars_per_word");
    l->t->model = kind;
    l->t->max_chars = json_is_integer(max) && json_integer_value(max) > 0 && json_integer_value(max) < 4096 ? (uint32_t)json_integer_value(max) : 100;
    l->t->prefix = keep(l, json_object_get(m, "continuing_subword_prefix"), NULL);
    if (!l->t->prefix && kind == MODEL_WORDPIECE) l->t->prefix = "##";
    if (!read_vocab_object(l, json_object_get(m, "vocab"))) return false;
    l->t->unk = find_string(l->t, json_object_get(m, "unk_token"));
    return true;
}

static bool read_model(loader *l, const json_t *m) {
    const char *type = type_of(m);
    if (!*type) type = json_object_get(m, "merges") ? "BPE" : json_is_array(json_object_get(m, "vocab")) ? "Unigram" : "WordPiece";
    if (strcmp(type, "BPE") == 0) return read_bpe(l, m);
    if (strcmp(type, "Unigram") == 0) return read_unigram(l, m);
    if (strcmp(type, "WordPiece") == 0) return read_words(l, m, MODEL_WORDPIECE);
    if (strcmp(type, "WordLevel") == 0) return read_words(l, m, MODEL_WORDLEVEL);
    return unsupported(l, "model", type);
}

static bool read_added(loader *l, const json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i), *text = json_object_get(v, "content"), *id = json_object_get(v, "id");
        if (!json_is_string(text) || !json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= MAX_VOCAB)
            return err_set(l->e, ERR_FORMAT, "added token %zu has no content or no id", i);
        bool special = flag(v, "special", false);
        added_token a = { json_string_value(text), (uint32_t)json_string_length(text), (int32_t)json_integer_value(id), special, flag(v, "normalized", !special),
                          flag(v, "lstrip", false), flag(v, "rstrip", false), flag(v, "single_word", false) };
        if (!tokenizer_set_token(l->t, a.id, a.text, a.len, special ? TOKEN_CONTROL : TOKEN_USER, l->e) || !tokenizer_add_special(l->t, &a, l->e)) return false;
    }
    return true;
}

/* TemplateProcessing's "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": ...}]. */
static bool read_template(loader *l, const json_t *v) {
    const json_t *single = json_object_get(v, "single");
    size_t before = l->t->n_post;
    l->t->n_post = 0;
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *special = json_object_get(json_array_get(single, i), "SpecialToken"), *name = json_object_get(special, "id");
        const json_t *ids = json_object_get(json_object_get(json_object_get(v, "special_tokens"), json_is_string(name) ? json_string_value(name) : ""), "ids");
        if (l->t->n_post + json_array_size(ids) + 1 >= MAX_TEMPLATE) return err_set(l->e, ERR_LIMIT, "the post-processor's template is too long");
        if (!special) l->t->post[l->t->n_post++].id = -1;
        for (size_t k = 0; special && k < json_array_size(ids); k++) {
            json_int_t id = json_integer_value(json_array_get(ids, k));
            if (id < 0 || (size_t)id >= l->t->n) return err_set(l->e, ERR_FORMAT, "the post-processor's token is not in the vocabulary");
            l->t->post[l->t->n_post++].id = (int32_t)id;
        }
    }
    if (!l->t->n_post) l->t->n_post = before;
    return true;
}

static bool pair_id(loader *l, const json_t *pair, int32_t *id) {
    const json_t *n = json_array_get(pair, 1);
    *id = (int32_t)json_integer_value(n);
    return (json_is_integer(n) && json_integer_value(n) >= 0 && (size_t)json_integer_value(n) < l->t->n) || err_set(l->e, ERR_FORMAT, "the post-processor's token is not in the vocabulary");
}

static bool read_post(loader *l, const json_t *v) {
    const char *type = type_of(v);
    if (!v || json_is_null(v) || strcmp(type, "ByteLevel") == 0) return true;
    if (strcmp(type, "Sequence") == 0) return each_of(l, json_object_get(v, "processors"), read_post);
    if (strcmp(type, "TemplateProcessing") == 0) return read_template(l, v);
    if (strcmp(type, "BertProcessing") != 0 && strcmp(type, "RobertaProcessing") != 0) return unsupported(l, "post-processor", type);
    int32_t cls, sep;
    if (!pair_id(l, json_object_get(v, "cls"), &cls) || !pair_id(l, json_object_get(v, "sep"), &sep)) return false;
    l->t->post[0].id = cls;
    l->t->post[1].id = -1;
    l->t->post[2].id = sep;
    l->t->n_post = 3;
    return true;
}

static bool fill_decoder(loader *l, const json_t *v, decode_step *d) {
    const json_t *p = json_object_get(v, "pattern");
    d->cleanup = flag(v, "cleanup", true);
    switch (d->kind) {
    case DECODE_BYTE_LEVEL: return l->t->byte_level = true;
    case DECODE_REPLACE:
        d->pattern = keep(l, json_is_string(p) ? p : json_object_get(p, "String"), NULL);
        d->content = keep(l, json_object_get(v, "content"), NULL);
        return (d->pattern && d->content) || unsupported(l, "decoder", "Replace with a regex");
    case DECODE_METASPACE: {
        const char *scheme = json_string_value(json_object_get(v, "prepend_scheme"));
        d->pattern = keep(l, json_object_get(v, "replacement"), NULL);
        d->prepend = scheme ? strcmp(scheme, "never") != 0 : flag(v, "add_prefix_space", true);
        return d->pattern || err_set(l->e, ERR_FORMAT, "a Metaspace decoder has no replacement");
    }
    case DECODE_WORDPIECE: d->pattern = keep(l, json_object_get(v, "prefix"), NULL); return d->pattern || (d->pattern = "##");
    case DECODE_BPE: d->pattern = keep(l, json_object_get(v, "suffix"), NULL); return d->pattern || (d->pattern = "</w>");
    case DECODE_STRIP:
        d->start = (int)json_integer_value(json_object_get(v, "start"));
        if (d->start == 1 && json_integer_value(json_object_get(v, "stop")) == 0 && strcmp(json_string_value(json_object_get(v, "content")) ? json_string_value(json_object_get(v, "content")) : "", " ") == 0)
            return l->t->drop_first_space = true;
        return d->start == 0 || unsupported(l, "decoder", "Strip");
    default: return true;
    }
}

static bool read_decoder(loader *l, const json_t *v) {
    static const struct { const char *type; decode_step_kind kind; } kinds[] = {
        { "ByteLevel", DECODE_BYTE_LEVEL }, { "ByteFallback", DECODE_BYTE_FALLBACK }, { "Fuse", DECODE_FUSE }, { "Strip", DECODE_STRIP }, { "Replace", DECODE_REPLACE },
        { "Metaspace", DECODE_METASPACE }, { "WordPiece", DECODE_WORDPIECE }, { "BPEDecoder", DECODE_BPE },
    };
    const char *type = type_of(v);
    if (!v || json_is_null(v)) return true;
    if (strcmp(type, "Sequence") == 0) return each_of(l, json_object_get(v, "decoders"), read_decoder);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].type, type) != 0) continue;
        if (l->t->n_decode == MAX_STEPS) return err_set(l->e, ERR_LIMIT, "the tokenizer has too many decoders");
        decode_step *d = &l->t->decode[l->t->n_decode++];
        *d = (decode_step){ .kind = kinds[i].kind };
        return fill_decoder(l, v, d);
    }
    return unsupported(l, "decoder", type);
}

bool tokenizer_read_json(tokenizer *t, const json_t *doc, err *e) {
    loader l = { t, e };
    if (!json_is_object(json_object_get(doc, "model"))) return err_set(e, ERR_FORMAT, "tokenizer.json has no model");
    return read_normalizer(&l, json_object_get(doc, "normalizer")) && read_pretok(&l, json_object_get(doc, "pre_tokenizer")) &&
           read_model(&l, json_object_get(doc, "model")) && read_added(&l, json_object_get(doc, "added_tokens")) &&
           read_post(&l, json_object_get(doc, "post_processor")) && read_decoder(&l, json_object_get(doc, "decoder"));
}
