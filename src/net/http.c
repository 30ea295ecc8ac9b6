#include "net/http.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "net/curl.h"
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { HEADER_BYTES = 1 << 18, ERROR_BODY = 4096, SLOWEST_BYTES = 100 };

struct http_client {
    http_settings settings;
    curl_library curl;
    CURLM *multi;
    http_call **calls; /* under way, or dropped and not yet swept */
    size_t n, cap;
};

struct http_call {
    http_client *client;
    const curl_library *curl; /* the client's */
    http_request r;
    char *url, *range, *if_range;
    CURL *easy;
    struct curl_slist *headers;
    http_head head;
    size_t header_bytes;
    char location[HTTP_URL_MAX];
    buf error_body;
    int redirects;
    double started;
    bool head_seen, dropped, stopped, finished;
    err trouble; /* set inside a callback of libcurl, reported at the end */
    char words[CURL_ERROR_SIZE]; /* libcurl's, about what went wrong */
};

const char *http_library(err *e) {
    curl_library curl;
    return curl_open(&curl, e) ? curl.version() : NULL;
}

static double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- addresses ---- */

shown_url http_shown(const char *url) {
    shown_url s;
    const char *host = strstr(url, "://"), *user = NULL;
    host = host ? host + 3 : url;
    for (const char *p = host; *p && !strchr("/?#", *p); p++)
        if (*p == '@') user = p;
    size_t scheme = user ? (size_t)(host - url) : 0;
    const char *rest = user ? user : url;
    size_t n = strcspn(rest, "?#");
    snprintf(s.text, sizeof s.text, "%.*s%s%.*s%s", (int)(scheme < 16 ? scheme : 16), url, user ? "..." : "", (int)(n < 150 ? n : 150), rest, n > 150 || rest[n] ? "..." : "");
    return s;
}

static bool url_refused(err *e, const char *url, const char *why) {
    return err_set(e, ERR_FORMAT, "an address is not allowed: %s", why) || err_got(e, "%s", http_shown(url).text) || err_expected(e, "http://HOST/... or https://HOST/...");
}

bool http_origin(const http_client *client, const char *url, char out[HTTP_ORIGIN_MAX], err *e) {
    const curl_library *curl = &client->curl;
    CURLU *u = curl->url();
    char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
    bool ok = u && curl->url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK && curl->url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
    if (!ok) url_refused(e, url, "it cannot be read");
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) ok = url_refused(e, url, "neither http nor https");
    else if (curl->url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK) ok = url_refused(e, url, "it has a user's name in it");
    else if (curl->url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK || curl->url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK || !*host) ok = url_refused(e, url, "it has no host");
    else {
        for (char *p = host; *p; p++) *p = (char)tolower((unsigned char)*p);
        ok = snprintf(out, HTTP_ORIGIN_MAX, "%s://%s:%s", scheme, host, port) < HTTP_ORIGIN_MAX || url_refused(e, url, "its host is too long");
    }
    curl->free(scheme);
    curl->free(host);
    curl->free(port);
    curl->free(user);
    curl->url_cleanup(u);
    return ok;
}

/* ---- headers ---- */

static bool header_is(const char *line, size_t n, const char *name, char *out, size_t cap) {
    size_t k = strlen(name);
    if (n <= k || line[k] != ':' || strncasecmp(line, name, k) != 0) return false;
    const char *p = line + k + 1, *end = line + n;
    while (p < end && (*p == ' ' || *p == '\t')) p++;
    while (end > p && isspace((unsigned char)end[-1])) end--;
    size_t len = (size_t)(end - p);
    if (len >= cap) len = 0; /* too long to mean anything here */
    memcpy(out, p, len);
    out[len] = 0;
    return true;
}

static bool read_number(const char **p, uint64_t *out) {
    *out = 0;
    if (!isdigit((unsigned char)**p)) return false;
    for (; isdigit((unsigned char)**p); (*p)++)
        if (!mem_mul(*out, 10, out) || !mem_add(*out, (uint64_t)(**p - '0'), out)) return false;
    return true;
}

/* "bytes 0-99/1234", "bytes 0-99/\*"; anything else is no range. */
static void read_content_range(http_head *h, const char *text) {
    h->has_range = false;
    if (strncasecmp(text, "bytes ", 6) != 0) return;
    const char *p = text + 6;
    if (!read_number(&p, &h->first) || *p++ != '-' || !read_number(&p, &h->last) || *p++ != '/' || h->last < h->first) return;
    h->total = HTTP_UNKNOWN;
    if (strcmp(p, "*") != 0 && (!read_number(&p, &h->total) || *p || h->last >= h->total)) return;
    h->has_range = true;
}

static void read_header(http_call *c, const char *line, size_t n) {
    http_head *h = &c->head;
    char text[256];
    if (header_is(line, n, "etag", h->etag, sizeof h->etag)) {
        if (!utf8_valid(h->etag, strlen(h->etag))) h->etag[0] = 0; /* allowed (RFC 9110, 8.8.3), and nothing that JSON could keep */
        return;
    }
    if (header_is(line, n, "location", c->location, sizeof c->location) || header_is(line, n, "link", h->link, sizeof h->link) ||
        header_is(line, n, "x-linked-etag", h->linked_etag, sizeof h->linked_etag) || header_is(line, n, "content-encoding", h->encoding, sizeof h->encoding) ||
        header_is(line, n, "x-error-code", h->error_code, sizeof h->error_code) || header_is(line, n, "x-error-message", h->error_text, sizeof h->error_text))
        return;
    const char *p = text;
    uint64_t seconds;
    if (header_is(line, n, "content-length", text, sizeof text) && (!read_number(&p, &h->length) || *p)) h->length = HTTP_UNKNOWN;
    else if (header_is(line, n, "content-range", text, sizeof text)) read_content_range(h, text);
    else if (header_is(line, n, "retry-after", text, sizeof text) && read_number(&p, &seconds) && !*p) h->retry_after = (double)seconds; /* a date is passed over */
}

static void clear_head(http_call *c) {
    c->head = (http_head){ .length = HTTP_UNKNOWN, .total = HTTP_UNKNOWN, .retry_after = -1 };
    c->location[0] = 0;
}

/* Too many headers, or what a callback refused: the transfer ends here. */
static size_t give_up(http_call *c) { return c->stopped = true, 0; }

static size_t on_header(char *line, size_t size, size_t count, void *ctx) {
    http_call *c = ctx;
    size_t n = size * count;
    if (c->dropped) return 0;
    if ((c->header_bytes += n) > HEADER_BYTES) {
        err_set(&c->trouble, ERR_LIMIT, "the server sends headers without an end");
        err_expected(&c->trouble, "at most %d bytes", HEADER_BYTES);
        return 0;
    }
    if (c->head_seen) return n; /* trailers */
    if (n >= 5 && strncmp(line, "HTTP/", 5) == 0) {
        clear_head(c);
        return n;
    }
    if (n > 2) return read_header(c, line, n), n;
    long status = 0;
    c->curl->easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    c->head.status = (int)status;
    if (status / 100 == 1) return n;
    c->head_seen = true;
    if (status / 100 == 2 && c->r.head && !c->r.head(c->r.ctx, &c->head, c->url)) return give_up(c);
    return n;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx) {
    http_call *c = ctx;
    size_t n = size * count;
    if (c->dropped) return 0;
    if (c->head.status / 100 == 2) return !c->r.body || c->r.body(c->r.ctx, bytes, n) ? n : give_up(c);
    if (c->error_body.len + n <= ERROR_BODY) buf_put(&c->error_body, bytes, n); /* the rest of a long one is read and dropped */
    return n;
}

/* ---- one request ---- */

static const char *certificates(void) {
    static const char *const names[] = { "CURL_CA_BUNDLE", "SSL_CERT_FILE" };
    for (size_t i = 0; i < 2; i++) {
        const char *path = getenv(names[i]);
        if (path && *path) return path;
    }
    return NULL;
}

static void set_headers(http_call *c, const char *origin) {
    buf line = { 0 };
    c->curl->slist_free_all(c->headers);
    c->headers = c->curl->slist_append(NULL, "Accept-Encoding: identity"); /* ranges and digests are of the plain bytes */
    if (c->if_range) {
        buf_printf(&line, "If-Range: %s", c->if_range);
        c->headers = c->curl->slist_append(c->headers, buf_str(&line));
    }
    bool told = c->r.auth && c->r.auth->token && strcmp(origin, c->r.auth->origin) == 0;
    if (told) {
        buf_clear(&line);
        buf_printf(&line, "Authorization: Bearer %s", c->r.auth->token);
        c->headers = c->curl->slist_append(c->headers, buf_str(&line));
        buf_clear(&line);
        buf_printf(&line, "Cookie: m_session_id=%s", c->r.auth->token);
        if (c->r.auth->cookie) c->headers = c->curl->slist_append(c->headers, buf_str(&line));
    }
    buf_free(&line);
    c->curl->easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
    /* a token without https stays on this machine (net/hub.c): a proxy would carry it off */
    c->curl->easy_setopt(c->easy, CURLOPT_PROXY, told && strncmp(origin, "http:", 5) == 0 ? "" : NULL);
}

static bool begin(http_call *c, err *e) {
    char origin[HTTP_ORIGIN_MAX];
    if (!http_origin(c->client, c->url, origin, e)) return false;
    clear_head(c);
    buf_clear(&c->error_body);
    c->header_bytes = 0;
    c->words[0] = 0;
    c->head_seen = false;
    c->started = now_seconds();
    set_headers(c, origin);
    c->curl->easy_setopt(c->easy, CURLOPT_URL, c->url);
    return c->curl->multi_add_handle(c->client->multi, c->easy) == CURLM_OK || err_set(e, ERR_MEMORY, "libcurl takes no further request");
}

static void set_options(http_call *c) {
    const http_settings *s = &c->client->settings;
    const curl_library *curl = c->curl;
    CURL *h = c->easy;
    curl->easy_setopt(h, CURLOPT_PRIVATE, c);
    curl->easy_setopt(h, CURLOPT_ERRORBUFFER, c->words);
    curl->easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2); /* at least */
    curl->easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl->easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
    curl->easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(h, CURLOPT_USERAGENT, "pingti/" PINGTI_VERSION);
    curl->easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* parts side by side want connections of their own */
    curl->easy_setopt(h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl->easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)(s->connect_seconds * 1000));
    curl->easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, (long)SLOWEST_BYTES);
    curl->easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (long)(s->stall_seconds < 1 ? 1 : s->stall_seconds));
    curl->easy_setopt(h, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl->easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    curl->easy_setopt(h, CURLOPT_HEADERDATA, c);
    curl->easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl->easy_setopt(h, CURLOPT_WRITEDATA, c);
    if (c->range) curl->easy_setopt(h, CURLOPT_RANGE, c->range);
    if (certificates()) curl->easy_setopt(h, CURLOPT_CAINFO, certificates());
}

static char *copy(const char *text) { return text ? mem_must_copy(text, strlen(text)) : NULL; }

static void free_call(http_call *c) {
    if (c->easy) {
        c->curl->multi_remove_handle(c->client->multi, c->easy);
        c->curl->easy_cleanup(c->easy);
    }
    c->curl->slist_free_all(c->headers);
    buf_free(&c->error_body);
    free(c->url);
    free(c->range);
    free(c->if_range);
    free(c);
}

http_call *http_start(http_client *client, const http_request *r, err *e) {
    http_call *c = mem_must(1, sizeof *c);
    *c = (http_call){ .client = client, .r = *r, .url = copy(r->url), .range = copy(r->range), .if_range = copy(r->if_range), .curl = &client->curl, .easy = client->curl.easy_init() };
    if (c->easy) set_options(c);
    else err_set(e, ERR_MEMORY, "libcurl gives no handle");
    if (!c->easy || !begin(c, e)) {
        free_call(c);
        return NULL;
    }
    if (client->n == client->cap) {
        client->cap = client->cap ? 2 * client->cap : 8;
        client->calls = mem_must_grow(client->calls, client->cap, sizeof *client->calls);
    }
    return client->calls[client->n++] = c;
}

void http_drop(http_call *call) { call->dropped = true; }

/* ---- how it ended ---- */

static http_end again(err *e, const char *what) { return err_set(e, ERR_IO, "%s", what), HTTP_AGAIN; }

static http_end from_curl(const http_call *c, CURLcode code, err *e) {
    if (c->trouble.code) return *e = c->trouble, HTTP_REFUSED;
    if (c->stopped) return HTTP_STOPPED;
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return again(e, c->head_seen ? "the server stalls" : "the server does not answer in time");
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING: return again(e, "the connection broke off");
    case CURLE_COULDNT_RESOLVE_HOST: again(e, "the host's name is not known here"); break;
    case CURLE_COULDNT_RESOLVE_PROXY: again(e, "the proxy's name is not known here"); break;
    case CURLE_COULDNT_CONNECT: again(e, "no connection to the server"); break;
    case CURLE_PEER_FAILED_VERIFICATION:
        err_set(e, ERR_IO, "the server's certificate does not prove who it is");
        err_got(e, "%s", c->words);
        err_hint(e, "is this machine's clock right? A company's proxy, or a site of your own: SSL_CERT_FILE names further certificates");
        return HTTP_REFUSED;
    case CURLE_SSL_CONNECT_ERROR: /* GnuTLS's words, OpenSSL's: they will not be others the next time */
        again(e, "no TLS connection to the server");
        err_got(e, "%s", c->words);
        if (!strstr(c->words, "unexpected TLS packet") && !strstr(c->words, "wrong version number")) return HTTP_AGAIN;
        err_hint(e, "what answers there speaks no TLS: is the address an http:// one?");
        return HTTP_REFUSED;
    case CURLE_SSL_CACERT_BADFILE:
        err_set(e, ERR_IO, "the certificates to check servers by cannot be read");
        err_got(e, "'%.180s'", certificates() ? certificates() : "those of the system");
        err_hint(e, "install ca-certificates, or set SSL_CERT_FILE");
        return HTTP_REFUSED;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return err_set(e, ERR_FORMAT, "%s", c->curl->easy_strerror(code)), HTTP_REFUSED;
    default: return again(e, c->curl->easy_strerror(code));
    }
    err_hint(e, "is there a network? A proxy is named by https_proxy; HF_ENDPOINT or --endpoint names another site");
    return HTTP_AGAIN;
}

/* What the server says about it: a header of Hugging Face, or a JSON body {"error": ...} or {"Message": ...}. */
static void server_words(const http_call *c, char *out, size_t cap) {
    snprintf(out, cap, "%.150s", c->head.error_text);
    if (*out || !c->error_body.len) return;
    json_t *doc = js_parse(buf_str(&c->error_body), c->error_body.len, "error", NULL);
    const char *text = "";
    js_str(doc, "error", &text, NULL);
    if (!*text) js_str(doc, "Message", &text, NULL);
    snprintf(out, cap, "%s", text);
    json_decref(doc);
}

static http_end from_status(const http_call *c, err *e) {
    char words[160];
    int s = c->head.status;
    server_words(c, words, sizeof words);
    if (s == 401) err_set(e, ERR_IO, "the hub wants a token, or there is no such repository"), err_hint(e, "check the name; for a private or gated model set HF_TOKEN (MODELSCOPE_API_TOKEN) or --token");
    else if (s == 403) err_set(e, ERR_IO, "the hub does not allow it: a gated model, or a token without the right"), err_hint(e, "accept the model's terms on its page, and set HF_TOKEN (MODELSCOPE_API_TOKEN) to a token of that account");
    else if (s == 404 || s == 410) err_set(e, ERR_IO, "the hub does not have it"), err_hint(e, "check owner, name and revision on the hub's page");
    else if (s == 416) err_set(e, ERR_IO, "the server has no such part of the file");
    else if (s == 429) err_set(e, ERR_IO, "the hub has had too many requests from here"), err_hint(e, "wait; a token (HF_TOKEN) raises the limit, --connections 1 asks for less at once");
    else err_set(e, ERR_IO, "the server answers with an error");
    err_got(e, "HTTP %d%s%s%s%s", s, *c->head.error_code ? " " : "", c->head.error_code, *words ? ": " : "", words);
    return s == 408 || s == 425 || s == 429 || s == 500 || s == 502 || s == 503 || s == 504 ? HTTP_AGAIN : HTTP_REFUSED;
}

static bool is_redirect(const http_call *c) {
    int s = c->head.status;
    return (s == 301 || s == 302 || s == 303 || s == 307 || s == 308) && c->location[0];
}

/* The next address: resolved against this one, checked, and begun. */
static bool follow(http_call *c, err *e) {
    char *next = NULL, from[HTTP_ORIGIN_MAX], to[HTTP_ORIGIN_MAX];
    if (++c->redirects > HTTP_MAX_REDIRECTS)
        return err_set(e, ERR_LIMIT, "the server sends from address to address without an end") || err_expected(e, "at most %d redirects", HTTP_MAX_REDIRECTS) || err_where(e, "%s", http_shown(c->url).text);
    c->curl->easy_getinfo(c->easy, CURLINFO_REDIRECT_URL, &next);
    if (!next || strlen(next) >= HTTP_URL_MAX) return err_set(e, ERR_FORMAT, "the server sends to an address that cannot be read") || err_got(e, "%s", http_shown(c->location).text);
    if (!http_origin(c->client, c->url, from, e) || !http_origin(c->client, next, to, e)) return err_context(e, "the server sends elsewhere");
    if (strncmp(from, "https:", 6) == 0 && strncmp(to, "http:", 5) == 0)
        return err_set(e, ERR_FORMAT, "the server sends from https down to http") || err_got(e, "%s", http_shown(next).text) || err_hint(e, "somebody may be in between: do not trust it");
    char *kept = copy(next);
    c->curl->multi_remove_handle(c->client->multi, c->easy);
    free(c->url);
    c->url = kept;
    return begin(c, e);
}

static void finish(http_call *c, http_end end, const err *why) {
    c->finished = true;
    if (!c->dropped) c->r.done(c->r.ctx, end, &c->head, why);
    c->dropped = true;
}

static void ended(http_call *c, CURLcode code) {
    err why = { 0 };
    http_end end = HTTP_DONE;
    if (c->dropped) return;
    if (code != CURLE_OK) end = from_curl(c, code, &why);
    else if (is_redirect(c)) {
        if (follow(c, &why)) return;
        end = HTTP_REFUSED;
    } else if (c->head.status / 100 != 2) end = from_status(c, &why);
    if (why.code && !why.where[0]) err_where(&why, "%s", http_shown(c->url).text);
    finish(c, end, &why);
}

/* libcurl counts the body's speed alone: a server that drips headers is stopped here. */
static void check_patience(http_client *client) {
    double now = now_seconds(), most = client->settings.connect_seconds + client->settings.stall_seconds;
    for (size_t i = 0; i < client->n; i++) {
        http_call *c = client->calls[i];
        err why = { 0 };
        if (c->dropped || c->head_seen || now - c->started < most) continue;
        again(&why, "the server does not answer in time");
        err_where(&why, "%s", http_shown(c->url).text);
        finish(c, HTTP_AGAIN, &why);
    }
}

static void sweep(http_client *client) {
    size_t kept = 0;
    for (size_t i = 0; i < client->n; i++) {
        if (client->calls[i]->dropped) free_call(client->calls[i]);
        else client->calls[kept++] = client->calls[i];
    }
    client->n = kept;
}

bool http_step(http_client *client, int milliseconds, int wake_fd, err *e) {
    int running = 0, queued;
    bool happened = false;
    struct curl_waitfd wake = { wake_fd, CURL_WAIT_POLLIN, 0 };
    sweep(client);
    if (client->curl.multi_perform(client->multi, &running) != CURLM_OK) return err_set(e, ERR_MEMORY, "libcurl cannot go on");
    for (CURLMsg *m; (m = client->curl.multi_info_read(client->multi, &queued));) {
        http_call *c = NULL;
        if (m->msg != CURLMSG_DONE) continue;
        happened = true;
        CURLcode code = m->data.result;
        client->curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        ended(c, code);
    }
    check_patience(client);
    sweep(client);
    if (!happened) client->curl.multi_poll(client->multi, wake_fd >= 0 ? &wake : NULL, wake_fd >= 0, milliseconds, NULL);
    return true;
}

/* ---- the client ---- */

http_client *http_new(const http_settings *s, err *e) {
    http_client *c = mem_must(1, sizeof *c);
    c->settings = *s;
    bool ok = curl_open(&c->curl, e);
    if (ok && (c->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(c->multi = c->curl.multi_init()))) ok = err_set(e, ERR_MEMORY, "libcurl does not start");
    if (!ok) {
        free(c);
        return NULL;
    }
    return c;
}

void http_free(http_client *c) {
    if (!c) return;
    for (size_t i = 0; i < c->n; i++) free_call(c->calls[i]);
    free(c->calls);
    c->curl.multi_cleanup(c->multi);
    c->curl.global_cleanup();
    free(c);
}

const http_settings *http_settings_of(const http_client *c) { return &c->settings; }

/* ---- small answers, and patience ---- */

double http_pause_seconds(const http_settings *s, int n, double retry_after) {
    double wait = s->pause_seconds;
    for (int i = 1; i < n && wait < 30; i++) wait *= 2;
    if (wait > 30) wait = 30;
    return retry_after > wait ? retry_after : wait;
}

bool http_pause(const http_settings *s, int n, double retry_after, const err *why, const net_watch *w, err *e) {
    double wait = http_pause_seconds(s, n, retry_after), until = now_seconds() + wait, left;
    char text[512];
    if (retry_after > HTTP_LONGEST_WAIT) return *e = *why, err_expected(e, "a wait of at most %d s; the server asks for %.0f s", HTTP_LONGEST_WAIT, retry_after);
    snprintf(text, sizeof text, "%.200s%s%.150s: attempt %d of %d in %.3g s", why->what, why->got[0] ? ": " : "", why->got, n, s->retries, wait);
    if (w->say) w->say(w->ctx, text);
    while ((left = until - now_seconds()) > 0) {
        if (w->stop && w->stop(w->ctx)) return err_set(e, ERR_CANCELLED, "interrupted");
        poll(&(struct pollfd){ w->wake_fd, POLLIN, 0 }, 1, left > 0.5 ? 500 : (int)(left * 1000) + 1);
    }
    return true;
}

typedef struct small_answer {
    buf *body;
    http_head head;
    err why;
    http_end end;
    bool done, too_large;
} small_answer;

static bool small_head(void *ctx, const http_head *h, const char *url) {
    small_answer *a = ctx;
    buf_clear(a->body);
    if (!h->encoding[0] || strcasecmp(h->encoding, "identity") == 0) return true;
    err_set(&a->why, ERR_UNSUPPORTED, "the server sends encoded bytes, which was not asked for");
    err_got(&a->why, "Content-Encoding: %s", h->encoding);
    return err_where(&a->why, "%s", http_shown(url).text);
}

static bool small_body(void *ctx, const void *bytes, size_t n) {
    small_answer *a = ctx;
    if (buf_put(a->body, bytes, n) && !a->body->full) return true;
    err_set(&a->why, ERR_LIMIT, "the server's answer is too large");
    return err_expected(&a->why, "at most %zu bytes", a->body->limit);
}

static void small_done(void *ctx, http_end end, const http_head *h, const err *why) {
    small_answer *a = ctx;
    a->end = end == HTTP_STOPPED ? HTTP_REFUSED : end;
    a->head = *h;
    if (end != HTTP_STOPPED) a->why = *why;
    a->done = true;
}

static bool wait_for(http_client *c, http_call *call, small_answer *a, const net_watch *w, err *e) {
    while (!a->done) {
        bool stop = w->stop && w->stop(w->ctx);
        if (stop) err_set(e, ERR_CANCELLED, "interrupted");
        if (stop || !http_step(c, 200, w->wake_fd, e)) return http_drop(call), false;
    }
    return true;
}

bool http_get(http_client *c, const char *url, const http_auth *auth, size_t limit, const net_watch *w, buf *body, http_head *head, err *e) {
    body->limit = limit;
    if (head) *head = (http_head){ 0 };
    for (int attempt = 1;; attempt++) {
        small_answer a = { .body = body };
        http_request r = { .url = url, .auth = auth, .ctx = &a, .head = small_head, .body = small_body, .done = small_done };
        http_call *call = http_start(c, &r, e);
        if (!call || !wait_for(c, call, &a, w, e)) return false;
        if (head) *head = a.head;
        if (a.end == HTTP_DONE) return true;
        if (a.end == HTTP_REFUSED || attempt > c->settings.retries) return *e = a.why, false;
        if (!http_pause(&c->settings, attempt, a.head.retry_after, &a.why, w, e)) return false;
    }
}
