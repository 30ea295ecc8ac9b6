/* Names from people and from hubs. A person's name of a model: a short one of names.def ("qwen2.5:0.5b-q8_0"), or
 * "owner/name" with, after a colon, a quantization ("Q4_K_M") or a file. A hub's name of a file: hostile until it is checked.
 * Plain values; any thread. */
#ifndef PINGTI_NET_REPO_H
#define PINGTI_NET_REPO_H
#include "base/buf.h"
#include "base/err.h"

enum { REPO_PART_MAX = 96, REPO_FILE_MAX = 512, REPO_NAME_MAX = 200, REPO_QUANT_MAX = 24 };

typedef struct repo_name {
    char owner[REPO_PART_MAX + 1], name[REPO_PART_MAX + 1];
    char quant[REPO_QUANT_MAX]; /* upper case; "": not asked for */
    char file[REPO_FILE_MAX];   /* its path in the repository; "": not asked for */
    bool on_both;               /* the same publisher has it on Hugging Face and on ModelScope */
} repo_name;

/* Errors say what a name looks like, and name the nearest short one. */
bool repo_name_parse(const char *text, repo_name *out, err *e);
/* Could be a model's name rather than a path: a short one, or owner/name of allowed characters. */
bool repo_name_likely(const char *text);

/* A path as a hub lists it: relative, no "..", no empty part, no backslash, no control character, UTF-8, parts of at most
 * REPO_NAME_MAX bytes. The error shows the name. */
bool repo_file_check(const char *path, err *e);
const char *repo_file_base(const char *path); /* after the last slash */

/* "model-Q4_K_M-00001-of-00003.gguf" -> "Q4_K_M", "Q4_K_M/model.gguf" -> the same: the name says it, else the folder. False: neither does. */
bool repo_file_quant(const char *path, char out[REPO_QUANT_MAX]);
/* Length of the path before "-00001-of-00003.gguf", and those numbers; false: not a part of several. */
bool repo_file_shard(const char *path, size_t *stem, unsigned *part, unsigned *parts);

/* Bytes of a path as a URL takes them; slashes stay when `slashes`. */
void repo_url_encode(const char *text, bool slashes, buf *out);
#endif
