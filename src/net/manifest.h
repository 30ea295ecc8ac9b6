/* manifest.json of a pulled model: where it came from and what every file's bytes are. Read as bytes from outside: names are
 * checked, so that no manifest leads out of its folder. Strings are borrowed from the document; manifest_free. */
#ifndef PINGTI_NET_MANIFEST_H
#define PINGTI_NET_MANIFEST_H
#include "net/listing.h"
#include "base/json.h"

enum { MANIFEST_MAX_BYTES = 32 << 20, MANIFEST_MAX_FILES = 10000 };
#define MANIFEST_NAME "manifest.json"

typedef struct manifest_file {
    const char *name, *path, *url; /* in the folder; in the repository; where it came from */
    uint64_t size;
    char sha256[SHA256_HEX];
} manifest_file;

typedef struct manifest {
    json_t *doc;
    const char *asked;    /* the name it was pulled by */
    const char *hub, *endpoint, *owner, *repo, *revision, *commit, *date;
    const char *main;     /* the file that is opened; "": the folder */
    manifest_file *files;
    size_t n;
    uint64_t bytes;
} manifest;

bool manifest_parse(manifest *m, const char *json, size_t n, const char *where, err *e);
bool manifest_read(manifest *m, const char *path, err *e);
void manifest_free(manifest *m);
const manifest_file *manifest_find(const manifest *m, const char *name);
/* Of the file that is opened: its path in the repository; "" for a folder. */
const char *manifest_main_path(const manifest *m);
/* The document that manifest_parse reads, without files; NULL: a text is not UTF-8. */
json_t *manifest_make(const manifest *m);
bool manifest_add(json_t *doc, const char *name, const char *path, const char *url, uint64_t size, const char *sha256);
#endif
