#include "base/map.h"
#include "base/mem.h"
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

typedef struct slot {
    uint64_t hash;
    uint32_t key_len;
    bool used;
    const char *key;
    int64_t value;
} slot;

/* Keys live in blocks that never move, so a slot may point into them. */
typedef struct key_block {
    struct key_block *next;
    size_t used, size;
    char data[];
} key_block;

struct map {
    slot *slots;
    size_t mask, count;
    key_block *keys;
};

static uint64_t seed;
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void make_seed(void) {
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        seed = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u ^ (uint64_t)now.tv_sec;
    }
}

static uint64_t mix(uint64_t a, uint64_t b) {
    unsigned __int128 p = (unsigned __int128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint32_t four_at(const unsigned char *p) {
    uint32_t w;
    memcpy(&w, p, 4);
    return w;
}

/* Fewer than 8 bytes as one word, by loads of fixed size; bytes that are taken twice do no harm, the length is in the hash. */
static uint64_t tail_of(const unsigned char *p, size_t len) {
    if (len >= 4) return (uint64_t)four_at(p) << 32 | four_at(p + len - 4);
    return len ? (uint64_t)p[0] << 16 | (uint64_t)p[len / 2] << 8 | p[len - 1] : 0;
}

uint64_t map_hash(const void *data, size_t len) {
    pthread_once(&seed_once, make_seed);
    const unsigned char *p = data;
    uint64_t h = seed ^ mix(len ^ 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu);
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        h = mix(h ^ w, 0x8ebc6af09c88c6e3u);
    }
    return mix(h ^ tail_of(p, len), 0x589965cc75374cc3u);
}

map *map_new(size_t expected) {
    map *m = mem_must(1, sizeof *m);
    size_t cap = 16;
    while (cap < expected + expected / 2) cap *= 2;
    m->slots = mem_must(cap, sizeof *m->slots);
    m->mask = cap - 1;
    return m;
}

void map_free(map *m) {
    if (!m) return;
    for (key_block *b = m->keys, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(m->slots);
    free(m);
}

static slot *find(const map *m, const char *key, size_t len, uint64_t hash) {
    for (size_t i = hash & m->mask;; i = (i + 1) & m->mask) {
        slot *s = &m->slots[i];
        if (!s->used || (s->hash == hash && s->key_len == len && (!len || memcmp(s->key, key, len) == 0))) return s;
    }
}

static void grow(map *m) {
    map bigger = { mem_must((m->mask + 1) * 2, sizeof(slot)), (m->mask + 1) * 2 - 1, m->count, m->keys };
    for (size_t i = 0; i <= m->mask; i++)
        if (m->slots[i].used) *find(&bigger, m->slots[i].key, m->slots[i].key_len, m->slots[i].hash) = m->slots[i];
    free(m->slots);
    *m = bigger;
}

static const char *keep_key(map *m, const char *key, size_t len) {
    key_block *b = m->keys;
    if (!b || b->size - b->used < len) {
        size_t size = len > 65536 ? len : 65536;
        b = mem_must(1, sizeof *b + size);
        b->size = size;
        b->next = m->keys;
        m->keys = b;
    }
    char *at = b->data + b->used;
    if (len) memcpy(at, key, len);
    b->used += len;
    return at;
}

bool map_put(map *m, const char *key, size_t len, int64_t value) {
    if (len > UINT32_MAX) return false;
    if ((m->count + 1) * 3 > (m->mask + 1) * 2) grow(m);
    uint64_t hash = map_hash(key, len);
    slot *s = find(m, key, len, hash);
    if (s->used) return false;
    *s = (slot){ hash, (uint32_t)len, true, keep_key(m, key, len), value };
    m->count++;
    return true;
}

void map_set(map *m, const char *key, size_t len, int64_t value) {
    if (!map_put(m, key, len, value)) find(m, key, len, map_hash(key, len))->value = value;
}

bool map_get(const map *m, const char *key, size_t len, int64_t *value) {
    if (len > UINT32_MAX) return false;
    const slot *s = find(m, key, len, map_hash(key, len));
    if (s->used && value) *value = s->value;
    return s->used;
}

size_t map_count(const map *m) { return m->count; }
