/* A build without libcurl's headers: pulling says what is missing. Not compiled otherwise (cmake/rooms.cmake). */
#include "net/pull.h"

static bool absent(err *e) {
    err_set(e, ERR_UNSUPPORTED, "this build cannot pull models: libcurl was not there when it was configured");
    return err_hint(e, "install libcurl4-gnutls-dev, configure and build again; or fetch the file yourself and give its path to -m");
}

const char *http_library(err *e) { return absent(e), NULL; }

bool pull_model(const pull_job *job, pull_result *out, err *e) {
    (void)job;
    *out = (pull_result){ 0 };
    return absent(e);
}

void pull_result_free(pull_result *r) { (void)r; }
