/* Pulled models on disk: ROOT/<hub>/<owner>/<repository>/<variant>/ with the files and manifest.json. A folder of that name
 * is whole, always: what is coming lies in <variant>.part beside it and takes its place by one rename. <variant>.lock keeps
 * two pulls (or a pull and an rm) of the same model apart. */
#ifndef PINGTI_NET_STORE_H
#define PINGTI_NET_STORE_H
#include "net/manifest.h"
#include "net/pick.h"

typedef struct stored {
    char *dir;
    manifest m;    /* doc is NULL when it cannot be read: */
    err trouble;
} stored;

typedef struct store_list {
    stored *items;
    size_t n;
} store_list;

/* All models under root, sorted by name; a root that is not there has none. */
bool store_read(const char *root, store_list *out, err *e);
void store_list_free(store_list *l);
/* The one that a name means ("qwen2.5:0.5b", owner/name, owner/name:Q4_K_M, or the name it was pulled by). found NULL and true: none.
 * Several that fit are an error that lists them. */
bool store_find(const store_list *l, const char *name, const stored **found, err *e);
char *store_path(const stored *s);  /* what -m takes: the main file or the folder; free() */
/* The shortest name that says which of the list it is: "owner/name:Q4_K_M", or "owner/name:FILE" where that names several. free() */
char *store_name(const store_list *l, const stored *s);

/* One model's place while it is pulled or removed. */
typedef struct store_slot {
    char *parent, *dir, *staging; /* .../<repository>, its <variant>, and <variant>.part */
    char *lock_path;
    int lock;
} store_slot;

/* The folder that a pick is kept in: that of the same file where an earlier pull (under another rule of naming) put it, else the one of its own
 * name. */
void store_variant(const char *root, const char *hub, const repo_name *name, const pick *p, char variant[PICK_VARIANT_MAX]);
/* Makes the folders, takes the lock, and makes the staging folder; refused while another process has it. */
bool store_begin(store_slot *s, const char *root, const char *hub, const repo_name *name, const char *variant, err *e);
/* Writes the manifest into the staging folder, throws out what it does not name, and puts the folder in place of the old one. */
bool store_commit(store_slot *s, const json_t *manifest, err *e);
void store_end(store_slot *s);
/* Deletes the files that the manifest names, then the folders that are empty. Other files there are left, and said. */
bool store_remove(const stored *s, err *e);

/* Bytes that a user may still write where path lies (or its nearest folder that is there). */
bool store_room(const char *path, uint64_t *bytes, err *e);
/* Bytes of room that a file of a staging folder holds already, whole or partial. */
uint64_t store_held(const char *path);
#endif
