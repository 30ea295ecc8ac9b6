#include "format/tensor_set.h"
#include "base/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const named_tensor *tensor_set_find(const tensor_set *s, const char *name) {
    int64_t i;
    return s->index && map_get(s->index, name, strlen(name), &i) ? &s->items[i] : NULL;
}

bool tensor_set_add(tensor_set *s, const named_tensor *t, err *e) {
    if (!s->index) s->index = map_new(64);
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->items = mem_must_grow(s->items, s->cap, sizeof *s->items);
    }
    if (!map_put(s->index, t->name, strlen(t->name), (int64_t)s->n))
        return err_set(e, ERR_FORMAT, "tensor '%s' appears twice", t->name) || err_expected(e, "each name once") ||
               err_hint(e, "the file was written by a faulty converter: convert the model again");
    s->items[s->n++] = *t;
    return true;
}

void tensor_set_free(tensor_set *s) {
    free(s->items);
    map_free(s->index);
    *s = (tensor_set){ 0 };
}

const char *named_tensor_shape(const named_tensor *t, char out[96]) {
    size_t at = 0;
    out[at++] = '[';
    for (uint32_t i = 0; i < t->n_dims && i < TENSOR_MAX_DIMS; i++)
        at += (size_t)snprintf(out + at, 96 - at, "%s%" PRIu64, i ? ", " : "", t->dims[i]);
    snprintf(out + at, 96 - at, "]");
    return out;
}
