#include "format/safetensors_write.h"
#include "base/json.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool safetensors_has(dtype t) { return t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16 || t == DTYPE_F8_E4M3; }

static void put_string(buf *out, const char *s) {
    json_t *j = json_string(s);
    char *text = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
    buf_puts(out, text ? text : "\"\"");
    free(text);
    json_decref(j);
}

bool safetensors_header(const safetensors_entry *entries, size_t n, buf *out) {
    buf json = { 0 };
    buf_puts(&json, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < n; i++) {
        const safetensors_entry *t = &entries[i];
        if (!safetensors_has(t->type)) return buf_free(&json), false;
        buf_putc(&json, ',');
        put_string(&json, t->name);
        buf_printf(&json, ":{\"dtype\":\"%s\",\"shape\":[", dtype_name(t->type));
        for (uint32_t d = 0; d < t->n_dims; d++) buf_printf(&json, "%s%" PRIu64, d ? "," : "", t->dims[d]);
        buf_printf(&json, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", t->at, t->at + t->bytes);
    }
    buf_putc(&json, '}');
    while (json.len % 8) buf_putc(&json, ' ');
    uint64_t len = json.len;
    buf_put(out, &len, sizeof len);
    buf_put(out, json.data, json.len);
    buf_free(&json);
    return true;
}

void safetensors_shard_name(size_t i, size_t n, char out[64]) {
    if (n == 1) snprintf(out, 64, "model.safetensors");
    else snprintf(out, 64, "model-%05zu-of-%05zu.safetensors", i + 1, n);
}

void safetensors_index(const safetensors_entry *entries, const size_t *shard, size_t n, size_t n_shards, uint64_t total, buf *out) {
    buf_printf(out, "{\n  \"metadata\": {\n    \"total_size\": %" PRIu64 "\n  },\n  \"weight_map\": {", total);
    for (size_t i = 0; i < n; i++) {
        char name[64];
        safetensors_shard_name(shard[i], n_shards, name);
        buf_printf(out, "%s\n    ", i ? "," : "");
        put_string(out, entries[i].name);
        buf_printf(out, ": \"%s\"", name);
    }
    buf_puts(out, "\n  }\n}\n");
}
