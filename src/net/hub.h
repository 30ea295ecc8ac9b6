/* The two hubs: their addresses, tokens and lists of files. Hugging Face: /api/models/REPO/tree/REV and /REPO/resolve/REV/FILE
 * (and everything that speaks so: HF_ENDPOINT). ModelScope: /api/v1/models/REPO/repo/files and /models/REPO/resolve/REV/FILE. */
#ifndef PINGTI_NET_HUB_H
#define PINGTI_NET_HUB_H
#include "net/http.h"
#include "net/listing.h"

typedef enum hub_kind { HUB_HUGGINGFACE, HUB_MODELSCOPE } hub_kind;

typedef struct hub {
    hub_kind kind;
    const char *name, *shown;     /* "huggingface", "Hugging Face" */
    char endpoint[HTTP_ORIGIN_MAX + 256];
    char token[512];
    http_auth auth;               /* points into this struct: do not copy it */
    bool token_kept;              /* there is a token, and the endpoint is not https: it is not sent */
} hub;

/* endpoint and token NULL: from the environment (HF_ENDPOINT, HF_TOKEN and its file, MODELSCOPE_ENDPOINT,
 * MODELSCOPE_API_TOKEN), else the hub's own site and none. */
bool hub_open(hub *h, const http_client *c, hub_kind kind, const char *endpoint, const char *token, err *e);
/* All files of a revision (NULL: main or master); commit: what it stands for now, where the hub tells, else the revision.
 * unreachable: no answer came, or one that says to come later. */
bool hub_list(http_client *c, const hub *h, const repo_name *n, const char *revision, const net_watch *w, listing *out, char commit[SHA256_HEX], bool *unreachable, err *e);
/* Address of a file; free() */
char *hub_file_url(const hub *h, const repo_name *n, const char *commit, const char *path);
bool hub_revision_ok(const char *revision, err *e);
#endif
