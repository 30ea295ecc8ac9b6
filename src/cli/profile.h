/* --profile: times the passes of a command that runs a model, and reports at the end. Main thread; what is timed must have
 * stopped before profile_end. */
#ifndef PINGTI_CLI_PROFILE_H
#define PINGTI_CLI_PROFILE_H
#include "cli/common_options.h"

typedef struct profile {
    prof *prof; /* NULL: not asked for; give it to what runs the model */
    const char *file;
} profile;

profile profile_start(const engine_options *o);
/* The exit status: `status`, or that of a trace that could not be written. */
int profile_end(profile *p, int status);
#endif
