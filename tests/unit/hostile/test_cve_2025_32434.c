/* CVE-2025-32434 (GHSA-53q9-r3pm-6pq6): pickled weights run code even when loaded as weights only. They are never opened. */
#include "unit/hostile/build_file.h"

static void cve_2025_32434(buf *b) {
    safetensors_bytes_refused("\x80\x02}q\x01.", 6, ERR_FORMAT, "never opened");
    safetensors_bytes_refused("\x80\x04\x95\x0a\0\0\0\0\0\0\0\x8c\x02os.", 16, ERR_FORMAT, "runs code");
    safetensors_bytes_refused("PK\x03\x04\x14\0\0\0\0\0archive/data.pkl", 26, ERR_FORMAT, "pickle");
    buf_put(b, "PK\x03\x04\x14\0\0\0\0\0archive/data.pkl", 26);
    gguf_refused(b, ERR_FORMAT, "convert the model as safetensors or GGUF");
    safetensors_accepted("{}", 0);
}

RUN_BYTES(cve_2025_32434)
