/* HTTP(S) requests over libcurl, several at once in one thread. Redirects are followed here, not by libcurl: at most a few,
 * to http and https alone, never from https down to http, and the token goes to the origin it was given for and nowhere
 * else. A body is never decoded. Owned by the caller; one owner thread. Callbacks run inside http_step. */
#ifndef PINGTI_NET_HTTP_H
#define PINGTI_NET_HTTP_H
#include "base/buf.h"
#include "base/err.h"
#include <stdint.h>

#define HTTP_UNKNOWN UINT64_MAX
enum { HTTP_URL_MAX = 8192, HTTP_ORIGIN_MAX = 280, HTTP_MAX_REDIRECTS = 8, HTTP_LONGEST_WAIT = 300 /* seconds that a server may ask for */ };

/* What the caller of anything that waits may want. */
typedef struct net_watch {
    void *ctx;
    bool (*stop)(void *ctx);                              /* true: give up, what came is kept */
    void (*say)(void *ctx, const char *text);             /* a line: a retry, a fresh start */
    void (*moved)(void *ctx, int64_t more, bool came);    /* bytes that came, or (not came) were here; negative: they are thrown away */
    int wake_fd;                                          /* readable when stop should be asked; -1: none */
} net_watch;

typedef struct http_settings {
    double connect_seconds, stall_seconds; /* longest wait for a connection; for an answer, or for bytes that do not come */
    int retries;                           /* attempts in a row that bring nothing before giving up */
    double pause_seconds;                  /* before the first retry; doubles up to 30 s */
} http_settings;

typedef struct http_auth {
    const char *token;                     /* NULL: none */
    char origin[HTTP_ORIGIN_MAX];
    bool cookie;                           /* also as ModelScope's m_session_id */
} http_auth;

typedef struct http_head {
    int status;
    uint64_t length;                       /* Content-Length, or HTTP_UNKNOWN */
    bool has_range;
    uint64_t first, last, total;           /* Content-Range; total HTTP_UNKNOWN for '*' */
    char etag[256], linked_etag[256], encoding[64], link[HTTP_URL_MAX], error_code[64], error_text[256];
    double retry_after;                    /* seconds; negative: not stated */
} http_head;

typedef enum http_end {
    HTTP_DONE,    /* 2xx and all of the body */
    HTTP_AGAIN,   /* may go better later */
    HTTP_REFUSED, /* will not go better */
    HTTP_STOPPED, /* a callback said so */
} http_end;

typedef struct http_request {
    const char *url, *range, *if_range;    /* "0-99"; NULL: none */
    const http_auth *auth;
    void *ctx;
    bool (*head)(void *ctx, const http_head *h, const char *url); /* of a 2xx answer, once; url: where it comes from in the end */
    bool (*body)(void *ctx, const void *bytes, size_t n);
    void (*done)(void *ctx, http_end end, const http_head *h, const err *why); /* the last call for this request */
} http_request;

typedef struct http_client http_client;
typedef struct http_call http_call;

http_client *http_new(const http_settings *s, err *e);
void http_free(http_client *c);                 /* drops calls that are still under way, without a word */
const http_settings *http_settings_of(const http_client *c);
http_call *http_start(http_client *c, const http_request *r, err *e); /* the request's texts are copied */
void http_drop(http_call *call);                /* no further callback; allowed inside callbacks */
/* Handles what has happened; when no request has ended, waits for more, at most so long. */
bool http_step(http_client *c, int milliseconds, int wake_fd, err *e);

/* The whole body of a small answer, with retries. head may be NULL; after a failure it is the last answer's, status 0 when there was none. */
bool http_get(http_client *c, const char *url, const http_auth *auth, size_t limit, const net_watch *w, buf *body, http_head *head, err *e);
/* Sleeps before attempt n (from 1) in a row, saying so; retry_after overrides. False: stopped, or asked to wait too long. */
bool http_pause(const http_settings *s, int n, double retry_after, const err *why, const net_watch *w, err *e);
double http_pause_seconds(const http_settings *s, int n, double retry_after);

/* "https://host:443" of an address; false: not http or https, or with a user's name in it. */
bool http_origin(const http_client *c, const char *url, char out[HTTP_ORIGIN_MAX], err *e);
/* An address in a message: without its query, which may be a signature that opens the file to whoever reads the log, and without a user's name. */
typedef struct shown_url {
    char text[192];
} shown_url;
shown_url http_shown(const char *url);
const char *http_library(err *e);               /* "libcurl/7.88.1 GnuTLS/3.7.9"; NULL: this build, or this machine, has none */
#endif
