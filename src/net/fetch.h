/* One file over HTTP: in parts side by side, taken up where an earlier attempt stopped, hashed while it comes, and there under
 * its name only when it is whole and its digest right. What a server states is held against what the hub's list said. One
 * owner thread. */
#ifndef PINGTI_NET_FETCH_H
#define PINGTI_NET_FETCH_H
#include "net/http.h"
#include "net/listing.h"

enum { FETCH_MAX_CONNECTIONS = 16 };

typedef struct fetch_job {
    const char *url, *path, *shown; /* shown: the file's name in messages */
    const http_auth *auth;
    uint64_t size;
    const char *sha256;             /* as the hub's list says; "": it does not */
    int connections;
} fetch_job;

/* sha256: of what came. An error leaves what came, except where it is known to be wrong. */
bool fetch_file(http_client *client, const fetch_job *job, const net_watch *w, char sha256[SHA256_HEX], err *e);
#endif
