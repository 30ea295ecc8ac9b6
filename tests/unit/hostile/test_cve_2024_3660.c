/* CVE-2024-3660 (and CVE-2025-1550, 8747, 9905, 49655, CVE-2026-12481, 12484): Keras files carry layers with code. They are named and refused. */
#include "unit/hostile/build_file.h"

static void cve_2024_3660(buf *b) {
    safetensors_bytes_refused("\x89HDF\r\n\x1a\n\0\0\0\0", 12, ERR_FORMAT, "carry code");
    buf_put(b, "\x89HDF\r\n\x1a\n\0\0\0\0", 12);
    gguf_refused(b, ERR_FORMAT, "Keras");
    gguf_head(b, 0, 0);
    gguf_accepted(b);
}

RUN_BYTES(cve_2024_3660)
