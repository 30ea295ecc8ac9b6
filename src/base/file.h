/* Files as bytes: a read-only memory map (model weights) or a bounded copy (configs). Owned by the caller. */
#ifndef PINGTI_BASE_FILE_H
#define PINGTI_BASE_FILE_H
#include "base/err.h"
#include <stdint.h>

typedef struct file_map {
    const unsigned char *data; /* NULL when size is 0 */
    size_t size;
    char *path;
} file_map;

bool file_map_open(file_map *m, const char *path, err *e);
void file_map_close(file_map *m);

/* The whole file as NUL-terminated bytes, refused above `limit`. free(). NULL on error. */
char *file_read(const char *path, size_t limit, size_t *size, err *e);
bool file_exists(const char *path);
bool file_is_dir(const char *path);
char *file_join(const char *dir, const char *name); /* "dir/name"; free() */
#endif
