#include "net/pull.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/sha256.h"
#include "net/fetch.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* One pull under way. */
typedef struct pulling {
    const pull_job *job;
    hub hub;
    http_client *client;
    listing files;
    pick pick;
    char commit[SHA256_HEX];
    char variant[PICK_VARIANT_MAX];
    store_slot slot;
    manifest old;       /* of the model as it is here now; doc NULL: none */
} pulling;

static const manifest_file *same_in_old(const pulling *p, size_t i) {
    const listed_file *f = p->pick.files[i];
    const manifest_file *m = p->old.doc ? manifest_find(&p->old, p->pick.names[i]) : NULL;
    if (!m || m->size != f->size) return NULL;
    if (f->sha256[0]) return strcmp(m->sha256, f->sha256) == 0 ? m : NULL;
    return strcmp(p->old.commit, p->commit) == 0 && strcmp(m->path, f->path) == 0 && p->hub.kind == HUB_HUGGINGFACE ? m : NULL; /* a commit does not change */
}

static bool has_size(const char *path, uint64_t size) {
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

/* The hub has what is here: same files, and they are all there. */
static bool up_to_date(const pulling *p) {
    bool same = p->old.doc && p->old.n == p->pick.n;
    for (size_t i = 0; same && i < p->pick.n; i++) {
        char *path = file_join(p->slot.dir, p->pick.names[i]);
        same = same_in_old(p, i) && has_size(path, p->pick.files[i]->size);
        free(path);
    }
    return same;
}

/* ---- room ---- */

static uint64_t bytes_needed(const pulling *p, const char *staging) {
    uint64_t need = 0;
    for (size_t i = 0; i < p->pick.n; i++) {
        const listed_file *f = p->pick.files[i];
        char *path = file_join(staging, p->pick.names[i]);
        uint64_t held = store_held(path);
        if (!same_in_old(p, i)) need += held < f->size ? f->size - held : 0;
        free(path);
    }
    return need;
}

static bool check_room(pulling *p, const char *staging, err *e) {
    pick_say_left_out(&p->pick, &p->files);
    uint64_t need = bytes_needed(p, staging), room;
    if (!store_room(staging, &room, e)) return false;
    if (p->job->planned) p->job->planned(p->job->watch.ctx, &p->hub, &p->pick, p->commit, need, room);
    if (need <= room || p->job->plan_only) return true;
    err_set(e, ERR_LIMIT, "there is not enough room on the disk for the model");
    err_where(e, "%s", p->job->root);
    err_expected(e, "%.2f GiB free (%llu bytes)", (double)need / (1 << 30), (unsigned long long)need);
    err_got(e, "%.2f GiB free (%llu bytes)", (double)room / (1 << 30), (unsigned long long)room);
    return err_hint(e, "`pingti models rm NAME` makes room; PINGTI_MODELS or --models names another place; a smaller quantization takes less");
}

/* ---- one file ---- */

static bool rehash_moved(void *ctx, uint64_t more) {
    const net_watch *w = ctx;
    (void)more;
    return !w->stop || !w->stop(w->ctx);
}

/* A file that is here already, from an attempt before this one or from the version that is replaced: only its digest decides. */
static bool is_here(const pulling *p, const listed_file *f, const char *path, const char *wanted, char sha256[SHA256_HEX]) {
    uint64_t size;
    if (!has_size(path, f->size) || !sha256_file(path, rehash_moved, (void *)(uintptr_t)&p->job->watch, sha256, &size, NULL)) return false;
    return strcmp(sha256, wanted) == 0;
}

static bool stage_file(pulling *p, size_t i, char sha256[SHA256_HEX], const char *url, err *e) {
    const listed_file *f = p->pick.files[i];
    const char *name = p->pick.names[i];
    const net_watch *w = &p->job->watch;
    const manifest_file *old = same_in_old(p, i);
    char *path = file_join(p->slot.staging, name), *before = file_join(p->slot.dir, name);
    bool here = f->sha256[0] && is_here(p, f, path, f->sha256, sha256);
    bool stopped = !here && w->stop && w->stop(w->ctx); /* what is here whole is not thrown away for that */
    if (!here && !stopped) {
        unlink(path);
        here = old && link(before, path) == 0 && is_here(p, f, path, old->sha256, sha256);
        if (!here) unlink(path);
    }
    bool ok = !stopped || err_set(e, ERR_CANCELLED, "interrupted");
    if (here && w->moved) w->moved(w->ctx, (int64_t)f->size, false);
    if (!here && ok) {
        fetch_job job = { .url = url, .path = path, .shown = name, .auth = &p->hub.auth, .size = f->size, .sha256 = f->sha256, .connections = p->job->connections };
        ok = fetch_file(p->client, &job, w, sha256, e);
    }
    free(path);
    free(before);
    return ok;
}

/* ---- all of it ---- */

static json_t *new_manifest(const pulling *p) {
    char date[32];
    time_t now = time(NULL);
    struct tm t;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &t));
    manifest m = { .asked = p->job->asked, .hub = p->hub.name, .endpoint = p->hub.endpoint, .owner = p->job->name->owner, .repo = p->job->name->name,
                   .revision = p->job->revision ? p->job->revision : "", .commit = p->commit, .date = date, .main = p->pick.main ? repo_file_base(p->pick.main->path) : "" };
    return manifest_make(&m);
}

static bool fetch_all(pulling *p, json_t *doc, err *e) {
    for (size_t i = 0; i < p->pick.n; i++) {
        const listed_file *f = p->pick.files[i];
        char sha256[SHA256_HEX], *url = hub_file_url(&p->hub, p->job->name, p->commit, f->path);
        bool ok = stage_file(p, i, sha256, url, e);
        if (ok && !manifest_add(doc, p->pick.names[i], f->path, url, f->size, sha256)) ok = err_set(e, ERR_MEMORY, "no memory for the manifest");
        free(url);
        if (!ok) return false;
    }
    return true;
}

/* What is here of this model; files that an earlier pull took in addition (--include) stay in it. False: the folder is another's, as when a
 * repository has both x.gguf and x-00001-of-00002.gguf; one that the hub has no more is replaced. */
static bool read_old(pulling *p, err *e) {
    char *path = file_join(p->slot.dir, MANIFEST_NAME);
    err ignored = { 0 };
    if (file_exists(path)) manifest_read(&p->old, path, &ignored); /* a damaged one is as good as none: all is fetched again */
    free(path);
    if (!p->old.doc) return true;
    const char *main = p->pick.main ? p->pick.main->path : "", *old = manifest_main_path(&p->old);
    if (strcmp(old, main) != 0 && (!*old || listing_find(&p->files, old)))
        return err_set(e, ERR_USAGE, "another model of the repository has the folder already") || err_where(e, "%s", p->slot.dir) || err_expected(e, "'%.150s'", *main ? main : "config.json and its safetensors") ||
               err_got(e, "'%.150s'", *old ? old : "config.json and its safetensors") || err_hint(e, "`pingti models rm` it first, or pull into another folder: --models");
    for (size_t i = 0; i < p->old.n; i++) pick_keep(&p->pick, &p->files, p->old.files[i].path);
    return true;
}

static bool take_place(pulling *p, pull_result *out, err *e) {
    if (!read_old(p, e)) return false;
    if (up_to_date(p)) {
        out->already = true;
        out->manifest = json_incref(p->old.doc);
        return true;
    }
    if (!check_room(p, p->slot.staging, e)) return false;
    out->manifest = new_manifest(p);
    if (!out->manifest) return err_set(e, ERR_USAGE, "the name is not UTF-8");
    return fetch_all(p, out->manifest, e) && store_commit(&p->slot, out->manifest, e);
}

static bool plan(pulling *p, err *e) {
    buf at = { 0 };
    buf_printf(&at, "%s/%s/%s/%s/%s", p->job->root, p->hub.name, p->job->name->owner, p->job->name->name, p->variant);
    p->slot.dir = mem_must_copy(at.data, at.len);
    buf_puts(&at, ".part");
    bool ok = read_old(p, e) && check_room(p, at.data, e);
    free(p->slot.dir);
    p->slot.dir = NULL;
    buf_free(&at);
    return ok;
}

static bool pull_it(pulling *p, pull_result *out, err *e) {
    const pull_job *job = p->job;
    if (!hub_list(p->client, &p->hub, job->name, job->revision, &job->watch, &p->files, p->commit, &out->unreachable, e)) return false;
    if (!pick_files(&p->pick, &p->files, job->name, job->include, job->n_include, e)) return err_context(e, "%s/%s", job->name->owner, job->name->name);
    snprintf(out->commit, sizeof out->commit, "%s", p->commit);
    store_variant(job->root, p->hub.name, job->name, &p->pick, p->variant);
    if (job->plan_only) return plan(p, e);
    if (!store_begin(&p->slot, job->root, p->hub.name, job->name, p->variant, e)) return false;
    bool ok = take_place(p, out, e);
    if (ok) out->path = p->pick.main ? file_join(p->slot.dir, repo_file_base(p->pick.main->path)) : mem_must_copy(p->slot.dir, strlen(p->slot.dir));
    store_end(&p->slot);
    return ok;
}

bool pull_model(const pull_job *job, pull_result *out, err *e) {
    pulling p = { .job = job, .slot.lock = -1 };
    *out = (pull_result){ 0 };
    if (sodium_init() < 0) return err_set(e, ERR_IO, "libsodium does not start");
    bool ok = (p.client = http_new(&job->settings, e)) && hub_open(&p.hub, p.client, job->hub, job->endpoint, job->token, e) && pull_it(&p, out, e);
    http_free(p.client);
    pick_free(&p.pick);
    listing_free(&p.files);
    manifest_free(&p.old);
    if (!ok) pull_result_free(out);
    return ok;
}

void pull_result_free(pull_result *r) {
    free(r->path);
    json_decref(r->manifest);
    r->path = NULL;
    r->manifest = NULL;
}
