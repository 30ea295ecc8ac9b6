#include "cli/profile.h"

enum { TRACE_EVENTS = 1 << 20 }; /* some thousand passes of a large model; 64 MiB, touched as it fills */

profile profile_start(const engine_options *o) {
    if (!o->profile) return (profile){ NULL, NULL };
    const char *file = *o->profile ? o->profile : NULL;
    return (profile){ prof_new(op_names(), OP_COUNT, SPEC_MAX_LAYERS, file ? TRACE_EVENTS : 0), file };
}

int profile_end(profile *p, int status) {
    err e = { 0 };
    if (!p->prof) return status;
    prof_print(p->prof, stderr);
    bool ok = !p->file || prof_write_trace(p->prof, p->file, &e);
    if (ok && p->file && prof_lost_events(p->prof))
        fprintf(stderr, "the trace holds the last %d events; %llu before them were given up\n", TRACE_EVENTS, (unsigned long long)prof_lost_events(p->prof));
    prof_free(p->prof);
    *p = (profile){ NULL, NULL };
    return ok ? status : cli_fail(&e);
}
