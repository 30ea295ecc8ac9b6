#include "grammar/schema_doc.h"
#include "base/buf.h"
#include "base/mem.h"
#include <string.h>

enum { MAX_PARTS = 100000 };

static const char *keep(schema_doc *d, const char *text, size_t n) {
    char *copy = effort_new(d->w, n + 1, 1);
    if (copy && n) memcpy(copy, text, n);
    return copy;
}

static bool complain(const schema_doc *d, const json_t *schema, err_code code, const char *keyword, const char *what, const char *more) {
    const schema_part *p = schema_doc_part(d, schema);
    if (d->w->failed) return false;
    err_set(d->w->e, code, "the schema%s '%s'%s", code == ERR_FORMAT ? "'s" : " uses", keyword, what);
    err_where(d->w->e, "#%s%s%s", p ? p->pointer : "", p ? "/" : "", p ? keyword : "");
    if (code == ERR_FORMAT) err_expected(d->w->e, "%s", more);
    else if (more) err_hint(d->w->e, "%s", more);
    return effort_refuse(d->w);
}

bool schema_doc_refuse(const schema_doc *d, const json_t *schema, const char *keyword, const char *why) {
    return complain(d, schema, ERR_UNSUPPORTED, keyword, ", which cannot constrain text", why);
}

bool schema_doc_invalid(const schema_doc *d, const json_t *schema, const char *keyword, const char *expected) {
    return complain(d, schema, ERR_FORMAT, keyword, " is not valid", expected);
}

const schema_part *schema_doc_part(const schema_doc *d, const json_t *object) {
    int64_t id;
    return object && d->places && map_get(d->places, (const char *)&object, sizeof object, &id) ? &d->parts[id] : NULL;
}

/* ---- URIs (RFC 3986, as far as identifiers need it) ---- */

static size_t scheme_length(const char *s) {
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    return n && s[n] == ':' ? n + 1 : 0;
}

static size_t authority_end(const char *s) {
    size_t n = scheme_length(s);
    if (strncmp(s + n, "//", 2) != 0) return n;
    return n + 2 + strcspn(s + n + 2, "/?#");
}

/* "a/./b/../c" -> "a/c", from `from` on. */
static void remove_dots(buf *b, size_t from) {
    buf out = { 0 };
    const char *p = buf_str(b) + from;
    while (*p) {
        size_t n = strcspn(p + 1, "/") + 1; /* a segment with its slash */
        bool last = !p[n], up = n == 3 && memcmp(p, "/..", 3) == 0, here = n == 2 && memcmp(p, "/.", 2) == 0;
        if (up)
            while (out.len && out.data[--out.len] != '/') continue;
        if (!up && !here) buf_put(&out, p, n);
        else if (last) buf_putc(&out, '/');
        p += n;
    }
    b->len = from;
    buf_put(b, buf_str(&out), out.len);
    buf_free(&out);
}

/* ref without its fragment, relative to base. */
static void resolve_uri(const char *base, const char *ref, size_t n, buf *out) {
    size_t start = authority_end(base), query = strcspn(base, "?");
    if (!n) buf_puts(out, base);
    else if (scheme_length(ref)) buf_put(out, ref, n);
    else if (strncmp(ref, "//", 2) == 0) buf_put(out, base, scheme_length(base)), buf_put(out, ref, n);
    else {
        buf_put(out, base, start);
        if (*ref != '/') {
            size_t last = query;
            while (last > start && base[last - 1] != '/') last--;
            if (last > start) buf_put(out, base + start, last - start);
            else buf_putc(out, '/');
        }
        buf_put(out, ref, n);
        remove_dots(out, start);
    }
}

/* ---- reading the document ---- */

typedef enum place_kind { PLACE_SCHEMA, PLACE_LIST, PLACE_MAP, PLACE_OTHER } place_kind;

static place_kind kind_of(const char *keyword) {
    static const struct { const char *names; place_kind kind; } kinds[] = {
        { " additionalProperties items additionalItems contains propertyNames not if then else unevaluatedItems unevaluatedProperties contentSchema ", PLACE_SCHEMA },
        { " allOf anyOf oneOf prefixItems ", PLACE_LIST },
        { " properties patternProperties $defs definitions dependentSchemas dependencies ", PLACE_MAP } };
    char name[40];
    if (strlen(keyword) > 36) return PLACE_OTHER;
    snprintf(name, sizeof name, " %s ", keyword);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strstr(kinds[i].names, name)) return kinds[i].kind;
    return PLACE_OTHER;
}

static size_t add_part(schema_doc *d, const json_t *json, const buf *pointer, uint32_t resource) {
    if (d->n_parts == d->cap_parts) d->parts = mem_must_grow(d->parts, d->cap_parts = d->cap_parts ? 2 * d->cap_parts : 64, sizeof *d->parts);
    d->parts[d->n_parts] = (schema_part){ json, keep(d, buf_str(pointer), pointer->len), resource };
    map_set(d->places, (const char *)&json, sizeof json, (int64_t)d->n_parts);
    return d->n_parts++;
}

static uint32_t add_resource(schema_doc *d, const json_t *root, const char *base, const char *id) {
    buf uri = { 0 };
    if (d->n_resources == d->cap_resources) d->resources = mem_must_grow(d->resources, d->cap_resources = d->cap_resources ? 2 * d->cap_resources : 8, sizeof *d->resources);
    resolve_uri(base, id, strcspn(id, "#"), &uri);
    d->resources[d->n_resources] = (schema_resource){ keep(d, buf_str(&uri), uri.len), root };
    buf_free(&uri);
    return (uint32_t)d->n_resources++;
}

static void anchor_key(buf *key, uint32_t resource, const char *name) {
    buf_clear(key);
    buf_printf(key, "%u#%s", resource, name);
}

static void note_anchor(map *in, const json_t *json, const char *keyword, size_t part, uint32_t resource) {
    const char *name = json_string_value(json_object_get(json, keyword));
    buf key = { 0 };
    if (!name) return;
    anchor_key(&key, resource, name);
    map_put(in, buf_str(&key), key.len, (int64_t)part);
    buf_free(&key);
}

static bool visit(schema_doc *d, const json_t *json, place_kind kind, buf *pointer, uint32_t resource);

static void put_segment(buf *pointer, const char *key) {
    buf_putc(pointer, '/');
    for (; *key; key++) {
        if (*key == '~') buf_puts(pointer, "~0");
        else if (*key == '/') buf_puts(pointer, "~1");
        else buf_putc(pointer, *key);
    }
}

static bool visit_member(schema_doc *d, const json_t *value, const char *key, place_kind kind, buf *pointer, uint32_t resource) {
    size_t len = pointer->len;
    put_segment(pointer, key);
    bool ok = visit(d, value, kind, pointer, resource);
    pointer->len = len;
    if (pointer->data) pointer->data[len] = 0;
    return ok;
}

/* js_parse has bounded the depth. */
static bool visit(schema_doc *d, const json_t *json, place_kind kind, buf *pointer, uint32_t resource) {
    if (json_is_array(json)) {
        bool ok = true;
        for (size_t i = 0; ok && i < json_array_size(json); i++) {
            char index[24];
            snprintf(index, sizeof index, "%zu", i);
            ok = visit_member(d, json_array_get(json, i), index, kind == PLACE_LIST || kind == PLACE_SCHEMA ? PLACE_SCHEMA : PLACE_OTHER, pointer, resource);
        }
        return ok;
    }
    if (!json_is_object(json)) return true;
    if (d->n_parts >= MAX_PARTS || !effort_spend(d->w, 0)) return d->w->failed ? false : effort_spend(d->w, SIZE_MAX / 2);
    const char *id = kind == PLACE_SCHEMA ? json_string_value(json_object_get(json, "$id")) : NULL;
    if (id && json != d->root && *id != '#') resource = add_resource(d, json, d->resources[resource].uri, id);
    size_t part = add_part(d, json, pointer, resource);
    if (kind == PLACE_SCHEMA) {
        note_anchor(d->anchors, json, "$anchor", part, resource);
        note_anchor(d->anchors, json, "$dynamicAnchor", part, resource);
        note_anchor(d->dynamic, json, "$dynamicAnchor", part, resource);
    }
    bool ok = true;
    for (void *it = json_object_iter((json_t *)(uintptr_t)json); it && ok; it = json_object_iter_next((json_t *)(uintptr_t)json, it)) {
        place_kind within = kind == PLACE_SCHEMA ? kind_of(json_object_iter_key(it)) : kind == PLACE_MAP ? PLACE_SCHEMA : PLACE_OTHER;
        ok = visit_member(d, json_object_iter_value(it), json_object_iter_key(it), within, pointer, resource);
    }
    return ok;
}

static bool known_dialect(const schema_doc *d) {
    static const char *const known[] = { "json-schema.org/draft/2020-12/schema", "json-schema.org/draft/2019-09/schema", "json-schema.org/draft-07/schema",
                                         "json-schema.org/draft-06/schema" };
    const char *s = json_is_object(d->root) ? json_string_value(json_object_get(d->root, "$schema")) : NULL;
    for (size_t i = 0; s && i < sizeof known / sizeof *known; i++)
        if (strstr(s, known[i])) return true;
    if (!s) return true;
    complain(d, d->root, ERR_UNSUPPORTED, "$schema", ", which names a dialect that is not known", NULL);
    err_expected(d->w->e, "draft 2020-12, 2019-09, 07 or 06 of json-schema.org");
    err_got(d->w->e, "%.200s", s);
    return false;
}

bool schema_doc_open(schema_doc *d, const char *text, size_t n, effort *w) {
    *d = (schema_doc){ .w = w, .places = map_new(64), .anchors = map_new(8), .dynamic = map_new(8) };
    buf pointer = { 0 };
    d->root = js_parse(text, n, "the schema", w->e);
    if (!d->root) {
        err_hint(w->e, "a JSON Schema is a JSON object, or true or false");
        return effort_refuse(w);
    }
    const char *id = json_is_object(d->root) ? json_string_value(json_object_get(d->root, "$id")) : NULL;
    add_resource(d, d->root, "", id ? id : "");
    bool ok = visit(d, d->root, PLACE_SCHEMA, &pointer, 0);
    buf_free(&pointer);
    return ok && !w->failed && known_dialect(d);
}

void schema_doc_close(schema_doc *d) {
    json_decref(d->root);
    map_free(d->places);
    map_free(d->anchors);
    map_free(d->dynamic);
    free(d->parts);
    free(d->resources);
}

/* ---- references ---- */

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

static void percent_decode(const char *s, buf *out) {
    for (; *s; s++) {
        int hi = *s == '%' ? hex_digit(s[1]) : -1, lo = hi >= 0 ? hex_digit(s[2]) : -1;
        buf_putc(out, lo >= 0 ? (char)(hi * 16 + lo) : *s);
        if (lo >= 0) s += 2;
    }
}

static const json_t *follow_pointer(const json_t *at, const char *p) {
    buf key = { 0 };
    while (at && *p == '/') {
        size_t n = strcspn(++p, "/");
        buf_clear(&key);
        for (size_t i = 0; i < n; i++) {
            bool escaped = p[i] == '~' && i + 1 < n && (p[i + 1] == '0' || p[i + 1] == '1');
            buf_putc(&key, escaped ? (p[i + 1] == '0' ? '~' : '/') : p[i]);
            i += escaped;
        }
        char *end;
        unsigned long index = strtoul(buf_str(&key), &end, 10);
        if (json_is_array(at)) at = key.len && !*end ? json_array_get(at, index) : NULL;
        else at = json_object_get(at, buf_str(&key));
        p += n;
    }
    buf_free(&key);
    return at;
}

static int64_t find_resource(const schema_doc *d, const char *uri) {
    size_t n = strlen(uri);
    if (n && uri[n - 1] == '#') n--;
    for (size_t i = 0; i < d->n_resources; i++)
        if (strlen(d->resources[i].uri) == n && memcmp(d->resources[i].uri, uri, n) == 0) return (int64_t)i;
    return -1;
}

const json_t *schema_doc_dynamic(const schema_doc *d, uint32_t resource, const char *name) {
    buf key = { 0 };
    int64_t part;
    anchor_key(&key, resource, name);
    bool found = map_get(d->dynamic, buf_str(&key), key.len, &part);
    buf_free(&key);
    return found ? d->parts[part].json : NULL;
}

static const json_t *within_resource(const schema_doc *d, uint32_t resource, const char *fragment) {
    buf key = { 0 };
    int64_t part;
    if (!*fragment) return d->resources[resource].root;
    if (*fragment == '/') return follow_pointer(d->resources[resource].root, fragment);
    anchor_key(&key, resource, fragment);
    bool found = map_get(d->anchors, buf_str(&key), key.len, &part);
    buf_free(&key);
    return found ? d->parts[part].json : NULL;
}

static void is_outside(const schema_doc *d, const json_t *from, const char *keyword, const char *uri) {
    if (d->w->failed) return;
    complain(d, from, ERR_UNSUPPORTED, keyword, ", which names a document that is not in the schema", "nothing is fetched: put that document into $defs, with its $id");
    err_got(d->w->e, "%.200s", uri);
}

const json_t *schema_doc_resolve(schema_doc *d, const json_t *from, const char *keyword, const char *ref, const char **dynamic) {
    const schema_part *p = schema_doc_part(d, from);
    buf uri = { 0 }, fragment = { 0 };
    size_t n = strcspn(ref, "#");
    const json_t *found = NULL;
    *dynamic = NULL;
    resolve_uri(p ? d->resources[p->resource].uri : "", ref, n, &uri);
    if (ref[n]) percent_decode(ref + n + 1, &fragment);
    int64_t resource = n ? find_resource(d, buf_str(&uri)) : p ? (int64_t)p->resource : 0;
    if (resource >= 0) found = within_resource(d, (uint32_t)resource, buf_str(&fragment));
    if (found && fragment.len && fragment.data[0] != '/' && schema_doc_dynamic(d, (uint32_t)resource, fragment.data)) *dynamic = keep(d, fragment.data, fragment.len);
    if (resource < 0) is_outside(d, from, keyword, buf_str(&uri));
    else if (!found) schema_doc_invalid(d, from, keyword, "a place that exists in the schema");
    buf_free(&uri);
    buf_free(&fragment);
    return found;
}
