/* Hash map from byte strings to int64 values. Keys are copied. The hash is seeded per process, so hostile keys cannot be
 * chosen to collide. One owner thread while it changes; any number of readers after. */
#ifndef PINGTI_BASE_MAP_H
#define PINGTI_BASE_MAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct map map;

map *map_new(size_t expected);
void map_free(map *m);
bool map_put(map *m, const char *key, size_t len, int64_t value);   /* false: the key was there and keeps its value */
void map_set(map *m, const char *key, size_t len, int64_t value);   /* replaces */
bool map_get(const map *m, const char *key, size_t len, int64_t *value); /* value may be NULL */
size_t map_count(const map *m);

/* The seeded 64-bit hash behind it (wyhash-style multiply-mix, after Wang Yi's public-domain wyhash). */
uint64_t map_hash(const void *data, size_t len);
#endif
