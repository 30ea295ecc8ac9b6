#include "net/fetch.h"
#include "base/mem.h"
#include "net/sha256.h"
#include "net/part.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { SMALL = 4 << 20, LEAST_PIECE = 8 << 20, MOST_PIECE = 256 << 20, HASHED_AT_ONCE = 4 << 20, MOST_FRESH_STARTS = 3 };

typedef struct fetch fetch;

/* One request under way: [at, end) of the file is still to come by it. */
typedef struct lane {
    fetch *f;
    http_call *call; /* NULL: idle */
    uint64_t at, end;
    bool direct;     /* asked the address that the hub had sent to, not the hub */
    bool ranged;
} lane;

struct fetch {
    const fetch_job *job;
    const net_watch *w;
    http_client *client;
    part part;
    sha256 sum;                  /* of the part's beginning */
    lane lanes[FETCH_MAX_CONNECTIONS];
    int allowed;                 /* lanes in use: 1 until the server has shown that it sends parts */
    char direct[HTTP_URL_MAX];   /* where the hub sent us: later parts ask there, until that fails */
    bool no_parts;               /* the server sends whole files alone */
    bool meek;                   /* it had too many requests: one at a time from now on */
    int failures, fresh_starts;
    uint64_t best;               /* most bytes there so far: what counts as headway */
    double wait_until, saved_at;
    err fatal;
};

static double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void say(const fetch *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(const fetch *f, const char *fmt, ...) {
    char text[600], line[800];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(line, sizeof line, "%.150s: %s", f->job->shown, text);
    if (f->w->say) f->w->say(f->w->ctx, line);
}

static void moved(const fetch *f, int64_t more, bool came) {
    if (f->w->moved && more) f->w->moved(f->w->ctx, more, came);
}

/* ---- starting over ---- */

static void drop_others(fetch *f, const lane *kept) {
    for (int i = 0; i < FETCH_MAX_CONNECTIONS; i++) {
        if (&f->lanes[i] == kept || !f->lanes[i].call) continue;
        http_drop(f->lanes[i].call);
        f->lanes[i].call = NULL;
    }
}

/* Nothing of what is there counts any more. False: it happened too often. */
static bool start_over(fetch *f, const lane *kept, const char *why) {
    moved(f, -(int64_t)ranges_total(&f->part.there), false);
    drop_others(f, kept);
    part_clear(&f->part);
    sha256_start(&f->sum);
    if (++f->fresh_starts > MOST_FRESH_STARTS)
        return err_set(&f->fatal, ERR_IO, "'%.150s' had to be started over %d times", f->job->shown, f->fresh_starts - 1) || err_got(&f->fatal, "%s", why) ||
               err_hint(&f->fatal, "the file may be changing on the hub: try later");
    say(f, "%s; from the start", why);
    return true;
}

/* ---- what an answer's head says ---- */

static bool lies(fetch *f, const char *what, uint64_t expected, uint64_t got, const char *url) {
    err_set(&f->fatal, ERR_FORMAT, "the server's answer for '%.150s' does not fit: %s", f->job->shown, what);
    err_where(&f->fatal, "%s", http_shown(url).text);
    err_expected(&f->fatal, "%llu", (unsigned long long)expected);
    err_got(&f->fatal, "%llu", (unsigned long long)got);
    return err_hint(&f->fatal, "the file may have changed on the hub: pull again; otherwise the site is not to be trusted");
}

static bool head_names_another(fetch *f, const http_head *h, const char *url) {
    char linked[SHA256_HEX];
    if (!f->job->sha256[0] || !listing_read_sha256(h->linked_etag, linked) || strcmp(linked, f->job->sha256) == 0) return false;
    err_set(&f->fatal, ERR_FORMAT, "'%.150s' has changed on the hub since it was listed", f->job->shown);
    err_where(&f->fatal, "%s", http_shown(url).text);
    err_expected(&f->fatal, "SHA-256 %s", f->job->sha256);
    err_got(&f->fatal, "X-Linked-Etag %s", linked);
    err_hint(&f->fatal, "pull again");
    return true;
}

/* The same server must go on naming the same version; another server (of the same hub) names it in its own way. */
static bool head_is_of_another_version(fetch *f, const http_head *h, const char *origin) {
    part *p = &f->part;
    bool known = p->etag[0] && strcmp(p->origin, origin) == 0;
    bool differs = known && h->etag[0] && strcmp(p->etag, h->etag) != 0;
    if (!known || differs) {
        snprintf(p->etag, sizeof p->etag, "%s", h->etag);
        snprintf(p->origin, sizeof p->origin, "%s", origin);
    }
    return differs;
}

/* 200: the whole file comes, whatever part was asked for. */
static bool whole_comes(lane *l, const http_head *h, const char *url, bool changed) {
    fetch *f = l->f;
    char etag[PART_ETAG_MAX], origin[PART_ETAG_MAX];
    if (h->length != HTTP_UNKNOWN && h->length != f->job->size) return lies(f, "its length", f->job->size, h->length, url);
    if (l->at == 0 && !l->ranged) return true;
    if (!changed) f->no_parts = true;
    f->allowed = 1;
    memcpy(etag, f->part.etag, sizeof etag);
    memcpy(origin, f->part.origin, sizeof origin);
    if (ranges_total(&f->part.there) == 0) drop_others(f, l);
    else if (!start_over(f, l, changed ? "the file has changed on the server" : "the server sends no parts")) return false;
    memcpy(f->part.etag, etag, sizeof etag);
    memcpy(f->part.origin, origin, sizeof origin);
    l->at = 0;
    l->end = f->job->size;
    return true;
}

static bool part_comes(lane *l, const http_head *h, const char *url) {
    fetch *f = l->f;
    if (!l->ranged || !h->has_range) return lies(f, "it sends a part, and not which", l->at, h->has_range ? h->first : 0, url);
    if (h->total != HTTP_UNKNOWN && h->total != f->job->size) return lies(f, "the length of the whole file", f->job->size, h->total, url);
    if (h->first != l->at) return lies(f, "where its part begins", l->at, h->first, url);
    if (h->last >= l->end) return lies(f, "where its part ends", l->end - 1, h->last, url);
    if (h->length != HTTP_UNKNOWN && h->length != h->last - h->first + 1) return lies(f, "the length of its part", h->last - h->first + 1, h->length, url);
    l->end = h->last + 1; /* it may send less than was asked for */
    if (!f->no_parts && !f->meek) f->allowed = f->job->connections;
    return true;
}

static bool lane_head(void *ctx, const http_head *h, const char *url) {
    lane *l = ctx;
    fetch *f = l->f;
    char origin[HTTP_ORIGIN_MAX];
    if (!http_origin(f->client, url, origin, &f->fatal)) return false;
    if (h->encoding[0] && strcasecmp(h->encoding, "identity") != 0) {
        err_set(&f->fatal, ERR_UNSUPPORTED, "the server sends '%.150s' encoded, which was not asked for", f->job->shown);
        err_where(&f->fatal, "%s", http_shown(url).text);
        return err_got(&f->fatal, "Content-Encoding: %s", h->encoding);
    }
    if (head_names_another(f, h, url)) return false;
    bool changed = head_is_of_another_version(f, h, origin);
    snprintf(f->direct, sizeof f->direct, "%s", url);
    if (h->status == 206 && changed) {
        char etag[PART_ETAG_MAX];
        memcpy(etag, f->part.etag, sizeof etag);
        if (start_over(f, l, "the file has changed on the server")) memcpy(f->part.etag, etag, sizeof etag);
        return false; /* this part is of the new version, but nothing before it is */
    }
    return h->status == 206 ? part_comes(l, h, url) : whole_comes(l, h, url, changed);
}

static bool lane_body(void *ctx, const void *bytes, size_t n) {
    lane *l = ctx;
    fetch *f = l->f;
    if (n > l->end - l->at) return lies(f, "it sends more bytes than it said", l->end, l->at + n, f->direct);
    uint64_t before = ranges_total(&f->part.there);
    if (!part_write(&f->part, l->at, bytes, n, &f->fatal)) return false;
    l->at += n;
    uint64_t total = ranges_total(&f->part.there);
    moved(f, (int64_t)(total - before), true);
    if (total <= f->best) return true;
    f->best = total;
    f->failures = 0;
    return true;
}

/* ---- how a request ended ---- */

static void failed(fetch *f, const http_head *h, const err *why) {
    const http_settings *s = http_settings_of(f->client);
    f->direct[0] = 0; /* a signed address may have run out: ask the hub again */
    if (h->status == 429 || h->status == 503) f->meek = true, f->allowed = 1;
    if (now_seconds() < f->wait_until) return; /* several lanes fail together: one failure, one pause, said once */
    if (++f->failures > s->retries) {
        f->fatal = *why;
        err_context(&f->fatal, "'%.100s': gave up after %d attempts in a row that brought nothing", f->job->shown, f->failures);
        return;
    }
    double wait = http_pause_seconds(s, f->failures, h->retry_after);
    if (h->retry_after > HTTP_LONGEST_WAIT) {
        f->fatal = *why;
        err_expected(&f->fatal, "a wait of at most %d s; the server asks for %.0f s", HTTP_LONGEST_WAIT, h->retry_after);
        return;
    }
    f->wait_until = now_seconds() + wait;
    say(f, "%.200s%s%.150s; attempt %d of %d in %.3g s", why->what, why->got[0] ? ": " : "", why->got, f->failures, s->retries, wait);
}

static void lane_done(void *ctx, http_end end, const http_head *h, const err *why) {
    lane *l = ctx;
    fetch *f = l->f;
    l->call = NULL;
    if (end == HTTP_STOPPED || f->fatal.code) return; /* whoever stopped it has said why */
    if (end == HTTP_DONE && l->at == l->end) return;
    err short_of = { 0 };
    if (end == HTTP_DONE) {
        err_set(&short_of, ERR_IO, "the server ended before the end");
        err_got(&short_of, "%llu bytes too few", (unsigned long long)(l->end - l->at));
        failed(f, h, &short_of);
    } else if (h->status == 416 && f->part.there.n) start_over(f, NULL, "the server's file is shorter than what is here");
    else if (end == HTTP_AGAIN || (l->direct && h->status / 100 == 4)) failed(f, h, why);
    else f->fatal = *why;
}

/* ---- handing out work ---- */

/* The next bytes that nobody has or fetches. */
static bool next_gap(const fetch *f, range *gap) {
    uint64_t at = 0;
    while (ranges_gap(&f->part.there, at, f->job->size, gap)) {
        bool taken = false;
        for (int i = 0; i < FETCH_MAX_CONNECTIONS; i++) {
            const lane *l = &f->lanes[i];
            if (!l->call || l->end <= gap->from || l->at >= gap->to) continue;
            if (l->at <= gap->from) taken = true, at = l->end;
            else gap->to = l->at;
        }
        if (!taken) return true;
    }
    return false;
}

static uint64_t piece_size(const fetch *f) {
    uint64_t n = f->job->size / (uint64_t)(4 * f->job->connections);
    return n < LEAST_PIECE ? LEAST_PIECE : n > MOST_PIECE ? MOST_PIECE : n;
}

static bool start_lane(fetch *f, lane *l, range gap) {
    char text[64];
    bool parallel = f->job->connections > 1 && f->job->size > SMALL && !f->no_parts;
    const part *p = &f->part;
    if (f->no_parts && p->there.n && !start_over(f, NULL, "the server cannot go on from there")) return false;
    if (f->no_parts) gap = (range){ 0, f->job->size };
    if (parallel && gap.to - gap.from > piece_size(f)) gap.to = gap.from + piece_size(f);
    *l = (lane){ .f = f, .at = gap.from, .end = gap.to, .direct = f->direct[0] != 0 };
    l->ranged = gap.from > 0 || gap.to < f->job->size;
    char origin[HTTP_ORIGIN_MAX];
    const char *url = l->direct ? f->direct : f->job->url;
    /* a weak ETag does not say that bytes are the same, and that of another server says nothing (RFC 9110, 13.1.5) */
    bool conditional = l->ranged && p->there.n && p->etag[0] == '"' && http_origin(f->client, url, origin, NULL) && strcmp(origin, p->origin) == 0;
    snprintf(text, sizeof text, "%llu-%llu", (unsigned long long)gap.from, (unsigned long long)gap.to - 1);
    http_request r = { .url = url, .range = l->ranged ? text : NULL, .if_range = conditional ? p->etag : NULL, .auth = f->job->auth,
                       .ctx = l, .head = lane_head, .body = lane_body, .done = lane_done };
    l->call = http_start(f->client, &r, &f->fatal);
    return l->call != NULL;
}

static int busy(const fetch *f) {
    int n = 0;
    for (int i = 0; i < FETCH_MAX_CONNECTIONS; i++) n += f->lanes[i].call != NULL;
    return n;
}

static bool hand_out(fetch *f) {
    range gap;
    if (now_seconds() < f->wait_until) return true;
    while (busy(f) < f->allowed && next_gap(f, &gap)) {
        lane *l = f->lanes;
        while (l->call) l++;
        if (!start_lane(f, l, gap)) return false;
        if (f->allowed == 1) break;
    }
    return true;
}

/* ---- the whole ---- */

/* Hashes what has come without a gap: the disk's cache still has it. */
static bool hash_some(fetch *f, bool *more) {
    uint64_t n = ranges_prefix(&f->part.there) - f->sum.bytes;
    *more = n > 0;
    if (n > HASHED_AT_ONCE) n = HASHED_AT_ONCE;
    if (sha256_add_file(&f->sum, f->part.fd, n)) return true;
    err_set(&f->fatal, ERR_IO, "cannot read '%.200s' back", f->part.data_path);
    return err_got(&f->fatal, "%s", errno == ERANGE ? "it became shorter" : strerror(errno));
}

static bool save_now_and_then(fetch *f) {
    double now = now_seconds();
    if (now - f->saved_at < 1) return true;
    f->saved_at = now;
    return part_save(&f->part, &f->fatal);
}

static bool run(fetch *f) {
    bool more = true;
    while (more || ranges_total(&f->part.there) < f->job->size) {
        if (f->w->stop && f->w->stop(f->w->ctx)) return err_set(&f->fatal, ERR_CANCELLED, "interrupted");
        if (!hand_out(f) || !http_step(f->client, more ? 0 : 100, f->w->wake_fd, &f->fatal) || f->fatal.code) return false;
        if (!hash_some(f, &more) || !save_now_and_then(f)) return false;
    }
    return true;
}

static bool wrong_digest(fetch *f, const char *got) {
    part_drop(&f->part);
    moved(f, -(int64_t)f->job->size, false);
    err_set(&f->fatal, ERR_FORMAT, "'%.150s' came whole, and is not what the hub lists", f->job->shown);
    err_where(&f->fatal, "%s", http_shown(f->job->url).text);
    err_expected(&f->fatal, "SHA-256 %s", f->job->sha256);
    err_got(&f->fatal, "SHA-256 %s", got);
    return err_hint(&f->fatal, "it was deleted; pull again. If it happens twice, the site or something in between changes files");
}

bool fetch_file(http_client *client, const fetch_job *job, const net_watch *w, char sha256[SHA256_HEX], err *e) {
    char fresh[160];
    fetch *f = mem_must(1, sizeof *f);
    *f = (fetch){ .job = job, .w = w, .client = client, .allowed = 1, .saved_at = now_seconds() };
    bool ok = part_open(&f->part, job->path, job->size, job->sha256, fresh, &f->fatal);
    if (ok) {
        uint64_t there = f->best = ranges_total(&f->part.there);
        sha256_start(&f->sum);
        if (fresh[0]) say(f, "%s; from the start", fresh);
        else if (there) say(f, "going on after %llu of %llu bytes", (unsigned long long)there, (unsigned long long)job->size);
        moved(f, (int64_t)there, false);
        ok = run(f);
        drop_others(f, NULL);
        http_step(client, 0, -1, NULL); /* lets go of them: their callbacks point here */
    }
    if (ok) {
        sha256_end(&f->sum, sha256);
        ok = (!job->sha256[0] || strcmp(sha256, job->sha256) == 0 || wrong_digest(f, sha256)) && part_finish(&f->part, &f->fatal);
    } else if (f->part.fd >= 0 && f->part.there.n) part_save(&f->part, NULL);
    else if (f->part.fd >= 0) part_drop(&f->part); /* nothing came: the room that was taken for it is given back */
    part_close(&f->part);
    if (!ok && e) *e = f->fatal;
    free(f);
    return ok;
}
