/* CVE-2025-1716 and the scanner bypasses after it (CVE-2025-1889, 1944, 1945, 10155 to 10157, CVE-2026-3490), nullifAI: a pickle under another name or inside an archive. */
#include "unit/hostile/build_file.h"

static void cve_2025_1716(void **state) {
    (void)state;
    safetensors_bytes_refused("7z\xbc\xaf\x27\x1c\0\x04 and more", 17, ERR_FORMAT, "pickled weights may hide inside");
    safetensors_bytes_refused("\x1f\x8b\x08\0\0\0\0\0\0\x03 gzip", 15, ERR_FORMAT, "gzip");
    safetensors_bytes_refused("cos\nsystem\n(S echo\ntR.", 22, ERR_FORMAT, "not a safetensors file"); /* protocol 0 */
    safetensors_bytes_refused("version https://git-lfs.github.com/spec/v1\n", 43, ERR_FORMAT, "git lfs pull");
    safetensors_accepted("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4);
}

RUN_ONE(cve_2025_1716)
