#include "net/hub.h"
#include "base/file.h"
#include "base/mem.h"
#include <stdio.h>
#include <string.h>

enum { MAX_PAGES = 100 };

static const struct hub_facts {
    const char *name, *shown, *site, *revision, *endpoint_env;
} facts[] = {
    { "huggingface", "Hugging Face", "https://huggingface.co", "main", "HF_ENDPOINT" },
    { "modelscope", "ModelScope", "https://modelscope.cn", "master", "MODELSCOPE_ENDPOINT" },
};

/* ---- address and token ---- */

static const char *environment(const char *name) {
    const char *text = getenv(name);
    return text && *text ? text : NULL;
}

static bool set_endpoint(hub *h, const http_client *c, const char *given, err *e) {
    const char *text = given ? given : environment(facts[h->kind].endpoint_env);
    int n = snprintf(h->endpoint, sizeof h->endpoint, "%s", text ? text : facts[h->kind].site);
    if (n >= (int)sizeof h->endpoint) return err_set(e, ERR_USAGE, "the hub's address is too long") || err_expected(e, "less than %zu bytes", sizeof h->endpoint);
    while (n > 0 && h->endpoint[n - 1] == '/') h->endpoint[--n] = 0;
    bool ok = strstr(h->endpoint, "://") && !strpbrk(h->endpoint, "?#") && http_origin(c, h->endpoint, h->auth.origin, e);
    if (ok) return true;
    err_set(e, ERR_USAGE, "the hub's address is not usable");
    err_where(e, "%s", given ? "--endpoint" : facts[h->kind].endpoint_env);
    err_expected(e, "https://HOST or http://HOST, as %s", facts[h->kind].site);
    err_got(e, "'%s'", http_shown(h->endpoint).text);
    return err_hint(e, strstr(h->endpoint, "://") ? "give the site's address alone, without a user, a query or a page" : "write https:// before it (http:// for a site of your own without TLS)");
}

/* The file that Hugging Face's own programs keep their token in. */
static char *token_file(void) {
    const char *path = environment("HF_TOKEN_PATH"), *home = environment("HF_HOME"), *cache = environment("XDG_CACHE_HOME"), *user = environment("HOME");
    buf b = { 0 };
    if (path) buf_puts(&b, path);
    else if (home) buf_printf(&b, "%s/token", home);
    else if (cache) buf_printf(&b, "%s/huggingface/token", cache);
    else if (user) buf_printf(&b, "%s/.cache/huggingface/token", user);
    char *text = b.len && file_exists(b.data) ? file_read(b.data, 4096, NULL, NULL) : NULL;
    buf_free(&b);
    return text;
}

/* Tokens go only where they cannot be overheard: https, or this machine. */
static bool private_line(const char *origin) {
    return strncmp(origin, "https://", 8) == 0 || strncmp(origin, "http://127.0.0.1:", 17) == 0 || strncmp(origin, "http://localhost:", 17) == 0 || strncmp(origin, "http://[::1]:", 13) == 0;
}

static bool set_token(hub *h, const char *given, err *e) {
    const char *text = given;
    char *kept = NULL;
    if (!text && h->kind == HUB_MODELSCOPE) text = environment("MODELSCOPE_API_TOKEN");
    else if (!text && !(text = environment("HF_TOKEN")) && !(text = environment("HUGGING_FACE_HUB_TOKEN"))) text = kept = token_file();
    text = text ? text + strspn(text, " \t\r\n") : "";
    size_t n = strlen(text);
    while (n && strchr(" \t\r\n", text[n - 1])) n--;
    bool ok = n < sizeof h->token;
    for (size_t i = 0; ok && i < n; i++) ok = text[i] > 0x20 && text[i] < 0x7f && text[i] != ';' && text[i] != ',';
    if (ok) memcpy(h->token, text, n);
    else ok = err_set(e, ERR_USAGE, "the %s token cannot be one", facts[h->kind].shown) || err_expected(e, "less than %zu printable characters", sizeof h->token);
    free(kept);
    if (!ok || !n) return ok;
    if (private_line(h->auth.origin)) h->auth.token = h->token;
    else h->token_kept = true;
    return true;
}

bool hub_open(hub *h, const http_client *c, hub_kind kind, const char *endpoint, const char *token, err *e) {
    *h = (hub){ .kind = kind, .name = facts[kind].name, .shown = facts[kind].shown };
    h->auth.cookie = kind == HUB_MODELSCOPE;
    return set_endpoint(h, c, endpoint, e) && set_token(h, token, e);
}

/* ---- lists ---- */

bool hub_revision_ok(const char *revision, err *e) {
    size_t n = strlen(revision);
    if (n > 0 && n < SHA256_HEX && repo_file_check(revision, NULL)) return true;
    return err_set(e, ERR_USAGE, "'%.100s' is no revision", revision) || err_expected(e, "a branch, a tag or a commit of less than %d bytes", SHA256_HEX);
}

static void put_repo(buf *b, const repo_name *n) {
    repo_url_encode(n->owner, false, b);
    buf_putc(b, '/');
    repo_url_encode(n->name, false, b);
}

static bool get(http_client *c, const hub *h, const char *url, const net_watch *w, buf *body, http_head *head, bool *unreachable, err *e) {
    bool ok = http_get(c, url, &h->auth, LISTING_PAGE_BYTES, w, body, head, e);
    *unreachable = !ok && (head->status == 0 || head->status == 429 || head->status >= 500);
    return ok;
}

/* The branch may move while files come: everything is asked for by the commit that it stands for now. */
static bool pin_commit(http_client *c, const hub *h, const repo_name *n, const char *revision, const net_watch *w, char commit[SHA256_HEX], bool *unreachable, err *e) {
    buf url = { 0 }, body = { 0 };
    http_head head;
    buf_printf(&url, "%s/api/models/", h->endpoint);
    put_repo(&url, n);
    buf_puts(&url, "/revision/");
    repo_url_encode(revision, false, &url);
    bool ok = get(c, h, url.data, w, &body, &head, unreachable, e) && listing_read_commit(buf_str(&body), body.len, commit, e);
    if (!ok && !(e && e->where[0])) err_where(e, "%s", http_shown(url.data).text);
    buf_free(&url);
    buf_free(&body);
    return ok;
}

/* The next page must be on the same site, and another than all before: their number is bounded. */
static bool next_page(const http_client *c, const char *link, buf *url, size_t page, err *e) {
    char next[HTTP_URL_MAX], here[HTTP_ORIGIN_MAX], there[HTTP_ORIGIN_MAX];
    if (!listing_next_page(link, next, sizeof next)) return buf_clear(url), true;
    if (!http_origin(c, url->data, here, e) || !http_origin(c, next, there, e) || strcmp(here, there) != 0)
        return err_set(e, ERR_FORMAT, "the hub's list goes on at another site") || err_got(e, "%s", http_shown(next).text) || err_expected(e, "an address at %.150s", here);
    if (strcmp(next, url->data) == 0 || page >= MAX_PAGES)
        return err_set(e, ERR_LIMIT, "the hub's list has no end") || err_got(e, "after %zu pages, %s", page, http_shown(next).text) || err_expected(e, "at most %d pages, each another one", MAX_PAGES);
    buf_clear(url);
    return buf_puts(url, next);
}

static bool list_huggingface(http_client *c, const hub *h, const repo_name *n, const char *commit, const net_watch *w, listing *out, bool *unreachable, err *e) {
    buf url = { 0 }, body = { 0 };
    http_head head;
    bool ok = true;
    buf_printf(&url, "%s/api/models/", h->endpoint);
    put_repo(&url, n);
    buf_puts(&url, "/tree/");
    repo_url_encode(commit, false, &url);
    buf_puts(&url, "?recursive=true");
    for (size_t page = 1; ok && url.len; page++) {
        size_t before = out->n;
        ok = get(c, h, url.data, w, &body, &head, unreachable, e) && listing_add_huggingface(out, buf_str(&body), body.len, e);
        if (!ok && !(e && e->where[0])) err_where(e, "%s", http_shown(url.data).text);
        ok = ok && next_page(c, out->n == before ? "" : head.link, &url, page, e); /* an empty page is the last */
    }
    buf_free(&url);
    buf_free(&body);
    return ok;
}

static bool list_modelscope(http_client *c, const hub *h, const repo_name *n, const char *revision, const net_watch *w, listing *out, bool *unreachable, err *e) {
    buf url = { 0 }, body = { 0 };
    http_head head;
    buf_printf(&url, "%s/api/v1/models/", h->endpoint);
    put_repo(&url, n);
    buf_puts(&url, "/repo/files?Recursive=true&Revision=");
    repo_url_encode(revision, false, &url);
    bool ok = get(c, h, url.data, w, &body, &head, unreachable, e) && listing_add_modelscope(out, buf_str(&body), body.len, e);
    if (!ok && !(e && e->where[0])) err_where(e, "%s", http_shown(url.data).text);
    buf_free(&url);
    buf_free(&body);
    return ok;
}

bool hub_list(http_client *c, const hub *h, const repo_name *n, const char *revision, const net_watch *w, listing *out, char commit[SHA256_HEX], bool *unreachable, err *e) {
    bool ok;
    *unreachable = false;
    if (!revision) revision = facts[h->kind].revision;
    if (!hub_revision_ok(revision, e)) return false;
    snprintf(commit, SHA256_HEX, "%s", revision);
    if (h->kind == HUB_HUGGINGFACE) ok = pin_commit(c, h, n, revision, w, commit, unreachable, e) && list_huggingface(c, h, n, commit, w, out, unreachable, e);
    else ok = list_modelscope(c, h, n, revision, w, out, unreachable, e);
    if (!ok) return err_context(e, "%s, %s/%s", h->shown, n->owner, n->name);
    return out->n > 0 || err_set(e, ERR_FORMAT, "%s/%s is empty on %s", n->owner, n->name, h->shown);
}

char *hub_file_url(const hub *h, const repo_name *n, const char *commit, const char *path) {
    buf url = { 0 };
    buf_printf(&url, "%s/%s", h->endpoint, h->kind == HUB_MODELSCOPE ? "models/" : "");
    put_repo(&url, n);
    buf_puts(&url, "/resolve/");
    repo_url_encode(commit, false, &url);
    buf_putc(&url, '/');
    repo_url_encode(path, true, &url);
    return buf_take(&url);
}
