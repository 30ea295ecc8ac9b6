/* JSON configs: arbitrary bytes as config.json, read as the model loader does. */
#include "format/hfconfig.h"
#include "format/hfquant.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hfconfig c;
    char text[2048];
    err e = { 0 };
    if (!hfconfig_from_text(&c, (const char *)data, size, (const char *)data, size, &e)) {
        if (e.code == ERR_NONE) abort();
        err_format(&e, text, sizeof text);
        return 0;
    }
    json_t *rope = hfconfig_rope(c.config, &e);
    int64_t i = 0;
    double r = 0;
    const char *s = NULL;
    js_int(c.config, "hidden_size", 1, 1 << 20, &i, NULL);
    js_real(c.config, "rms_norm_eps", &r, NULL);
    js_str(c.config, "model_type", &s, NULL);
    hfquant q;
    err why = { 0 };
    if (!hfquant_read(c.config, &q, &why) && why.code == ERR_NONE) abort();
    if (rope && !json_is_string(js_get(rope, "rope_type"))) abort();
    json_decref(rope);
    hfconfig_close(&c);
    return 0;
}
