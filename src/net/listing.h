/* What a repository holds, as a hub lists it: bounded readers of the hubs' JSON, page by page. Every name is checked here,
 * so that no other code meets an unchecked one. Owned by the caller; zero-initialise, listing_free. */
#ifndef PINGTI_NET_LISTING_H
#define PINGTI_NET_LISTING_H
#include "net/repo.h"
#include <stdint.h>

enum { LISTING_MAX_FILES = 100000, LISTING_PAGE_BYTES = 32 << 20, SHA256_HEX = 65 };

typedef struct listed_file {
    char *path;              /* in the repository; allowed (repo_file_check) */
    uint64_t size;
    char sha256[SHA256_HEX]; /* lower case; "": the hub does not say */
} listed_file;

typedef struct listing {
    listed_file *files;
    size_t n, cap;
} listing;

/* One page of /api/models/.../tree/... */
bool listing_add_huggingface(listing *l, const char *json, size_t n, err *e);
/* /api/v1/models/.../repo/files: all of it; refused where it may have been cut (its server cuts at 3000 in silence). */
bool listing_add_modelscope(listing *l, const char *json, size_t n, err *e);
void listing_free(listing *l);
const listed_file *listing_find(const listing *l, const char *path);

/* The commit that /api/models/.../revision/... names; false: none, or not one. */
bool listing_read_commit(const char *json, size_t n, char commit[SHA256_HEX], err *e);
/* The address of rel="next" in a Link header; false: the last page. */
bool listing_next_page(const char *link, char *out, size_t cap);
/* 64 hexadecimal digits, quotes around them allowed, as lower case. */
bool listing_read_sha256(const char *text, char out[SHA256_HEX]);
#endif
