/* A model from a hub into the store: list, choose, check the room, fetch, verify, and put in place in one step. */
#ifndef PINGTI_NET_PULL_H
#define PINGTI_NET_PULL_H
#include "net/hub.h"
#include "net/store.h"

typedef struct pull_job {
    const char *asked;              /* the name as it was given; parsed: */
    const repo_name *name;
    const char *root;               /* of the store */
    hub_kind hub;
    const char *endpoint, *token, *revision; /* NULL: see hub_open, hub_list */
    const char *const *include;     /* pick_files */
    size_t n_include;
    int connections;
    bool plan_only;                 /* list and choose alone */
    http_settings settings;
    net_watch watch;
    /* What will be fetched: `need` bytes into a place that has `room`. Called once, before the first byte comes. */
    void (*planned)(void *ctx, const hub *h, const pick *p, const char *commit, uint64_t need, uint64_t room);
} pull_job;

typedef struct pull_result {
    char *path;                     /* what -m takes */
    json_t *manifest;
    bool already;                   /* it was here, and is what the hub has */
    bool unreachable;               /* of a failure: the hub gave no list */
    char commit[SHA256_HEX];
} pull_result;

/* Errors leave what came, to go on from. */
bool pull_model(const pull_job *job, pull_result *out, err *e);
void pull_result_free(pull_result *r);
#endif
