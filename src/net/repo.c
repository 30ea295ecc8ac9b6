#include "net/repo.h"
#include "base/opt.h"
#include "base/utf8.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct short_name {
    const char *name, *size, *owner, *repo, *quant;
    bool on_both;
} short_names[] = {
#define MODEL(name, size, owner, repo, quant, on_both) { name, size, owner, repo, quant, on_both },
#include "net/names.def"
#undef MODEL
};
enum { N_SHORT = sizeof short_names / sizeof *short_names };

/* ---- a person's name ---- */

static const char *next_short(const void *ctx, size_t i) { return (void)ctx, i < N_SHORT ? short_names[i].name : NULL; }

static bool how_named(err *e, const char *text) {
    err_expected(e, "a short name (qwen2.5:0.5b), owner/name, owner/name:Q4_K_M or owner/name:file.gguf");
    const char *near = opt_nearest(text, next_short, NULL);
    return near ? err_hint(e, "did you mean %s?", near) : err_hint(e, "docs/models.md lists the short names");
}

/* The hubs' own rule: letters, digits, '-', '_', '.', neither first nor last a dot or dash, no ".." . */
static bool part_ok(const char *s, size_t n) {
    if (n == 0 || n > REPO_PART_MAX || strchr("-.", s[0]) || strchr("-.", s[n - 1])) return false;
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)s[i]) && !strchr("-_.", s[i])) return false;
        if (i && s[i] == '.' && s[i - 1] == '.') return false;
    }
    return true;
}

static bool is_quant(const char *s, size_t n, char out[REPO_QUANT_MAX]) {
    static const char *const whole[] = { "F16", "F32", "BF16", "FP16", "FP32", "FP8", "MXFP4", "NVFP4" };
    if (n < 2 || n >= REPO_QUANT_MAX) return false;
    for (size_t i = 0; i < n; i++) out[i] = (char)toupper((unsigned char)s[i]);
    out[n] = 0;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(out, whole[i]) == 0) return true;
    const char *p = out + (*out == 'I' || *out == 'T');
    if (p[0] != 'Q' || !isdigit((unsigned char)p[1])) return false;
    for (p += 2; *p == '_' && isalnum((unsigned char)p[1]);)
        for (p++; isalnum((unsigned char)*p);) p++;
    return *p == 0;
}

/* After the colon of a short name: SIZE, or SIZE-QUANT. */
static bool short_tag(const struct short_name *s, const char *tag, repo_name *out) {
    size_t n = strlen(s->size);
    if (strncasecmp(tag, s->size, n) != 0) return false;
    if (!tag[n]) return snprintf(out->quant, sizeof out->quant, "%s", s->quant) > 0;
    return tag[n] == '-' && is_quant(tag + n + 1, strlen(tag + n + 1), out->quant);
}

static bool parse_short(const char *text, repo_name *out, err *e) {
    size_t n = strcspn(text, ":");
    const char *tag = text[n] ? text + n + 1 : NULL;
    buf sizes = { 0 };
    for (size_t i = 0; i < N_SHORT; i++) {
        const struct short_name *s = &short_names[i];
        if (strlen(s->name) != n || strncasecmp(text, s->name, n) != 0) continue;
        buf_printf(&sizes, "%s%s:%s", sizes.len ? ", " : "", s->name, s->size);
        if (!short_tag(s, tag ? tag : s->size, out)) continue;
        snprintf(out->owner, sizeof out->owner, "%s", s->owner);
        snprintf(out->name, sizeof out->name, "%s", s->repo);
        out->on_both = s->on_both;
        buf_free(&sizes);
        return true;
    }
    err_set(e, ERR_USAGE, sizes.len ? "'%.150s' has no such size or quantization" : "'%.150s' names no model", text);
    if (!sizes.len) how_named(e, text);
    else err_expected(e, "%s, with -q8_0 and the like after it where another quantization is wanted", buf_str(&sizes));
    buf_free(&sizes);
    return false;
}

bool repo_name_parse(const char *text, repo_name *out, err *e) {
    *out = (repo_name){ 0 };
    const char *slash = strchr(text, '/'), *colon = strchr(text, ':');
    if (!slash || (colon && colon < slash)) return parse_short(text, out, e);
    const char *name = slash + 1, *end = strchr(name, ':'), *tag = end ? end + 1 : NULL;
    if (!end) end = name + strlen(name);
    if (!part_ok(text, (size_t)(slash - text)) || !part_ok(name, (size_t)(end - name)))
        return err_set(e, ERR_USAGE, "'%.150s' names no model", text) || how_named(e, text);
    memcpy(out->owner, text, (size_t)(slash - text));
    memcpy(out->name, name, (size_t)(end - name));
    if (!tag) return true;
    if (is_quant(tag, strlen(tag), out->quant)) return true;
    out->quant[0] = 0;
    if (!repo_file_check(tag, e)) return err_context(e, "after the colon of '%.100s'", text);
    return snprintf(out->file, sizeof out->file, "%s", tag) > 0;
}

bool repo_name_likely(const char *text) {
    repo_name n;
    return repo_name_parse(text, &n, NULL);
}

/* ---- a hub's name of a file ---- */

static bool refused(err *e, const char *path, const char *why) {
    return err_set(e, ERR_FORMAT, "a file's name is not allowed: '%.200s'", path) || err_got(e, "%s", why) ||
           err_expected(e, "a relative path of plain names inside the repository") ||
           err_hint(e, "no honest repository has such a name: do not use it");
}

static const char *part_fault(const char *s, size_t n) {
    if (n == 0) return "an empty part, or a leading or trailing slash";
    if (n > REPO_NAME_MAX) return "a part that is too long";
    if (n == 1 && *s == '.') return "a '.' part";
    if (n == 2 && memcmp(s, "..", 2) == 0) return "a '..' part";
    if (s[n - 1] == '.' || s[n - 1] == ' ' || *s == ' ') return "a part that begins or ends with a blank, or ends with a dot";
    return NULL;
}

/* Control characters, and what changes how a name looks: direction marks, zero widths, the byte order mark. */
static bool is_invisible(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c >= 0xe0000;
}

bool repo_file_check(const char *path, err *e) {
    size_t n = strlen(path), len;
    uint32_t cp = 0;
    if (n >= REPO_FILE_MAX) return refused(e, path, "too long");
    for (size_t i = 0; i < n; i += len) {
        if (!(len = utf8_decode(path + i, n - i, &cp))) return refused(e, path, "not valid UTF-8");
        if (is_invisible(cp)) return refused(e, path, "a control or invisible character");
        if (cp == '\\' || cp == ':') return refused(e, path, "a backslash or colon");
    }
    for (const char *p = path;; p++) {
        size_t part = strcspn(p, "/");
        const char *fault = part_fault(p, part);
        if (fault) return refused(e, path, fault);
        p += part;
        if (!*p) return true;
    }
}

const char *repo_file_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool repo_file_shard(const char *path, size_t *stem, unsigned *part, unsigned *parts) {
    static const char form[] = "-00000-of-00000.gguf";
    size_t n = strlen(path), k = sizeof form - 1;
    if (n <= k) return false;
    const char *tail = path + n - k;
    for (size_t i = 0; i < k; i++)
        if (form[i] == '0' ? !isdigit((unsigned char)tail[i]) : tolower((unsigned char)tail[i]) != form[i]) return false;
    unsigned a = 0, b = 0;
    if (sscanf(tail, "-%5u-of-%5u", &a, &b) != 2 || a < 1 || a > b) return false;
    *stem = n - k;
    *part = a;
    *parts = b;
    return true;
}

/* The last one that stands alone: sizes and versions come before it. */
static bool part_quant(const char *s, size_t len, char out[REPO_QUANT_MAX]) {
    bool found = false;
    char q[REPO_QUANT_MAX];
    for (size_t i = 0; i < len; i++) {
        if (i && !strchr("-._", s[i - 1])) continue;
        size_t n = strcspn(s + i, "-./");
        if (n && is_quant(s + i, n, q)) {
            memcpy(out, q, sizeof q);
            found = true;
            i += n - 1;
        }
    }
    return found;
}

bool repo_file_quant(const char *path, char out[REPO_QUANT_MAX]) {
    const char *base = repo_file_base(path), *folder = base;
    if (part_quant(base, strlen(base), out)) return true;
    if (base == path) return false;
    for (folder--; folder > path && folder[-1] != '/'; folder--) {
    }
    return part_quant(folder, (size_t)(base - 1 - folder), out);
}

void repo_url_encode(const char *text, bool slashes, buf *out) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~", c) || (c == '/' && slashes)) buf_putc(out, (char)c);
        else buf_printf(out, "%%%02X", c);
    }
}
