/* CVE-2024-39721: a device given as a model was read for ever. */
#include "unit/hostile/build_file.h"

static void cve_2024_39721(void **state) {
    (void)state;
    static const char *const paths[] = { "/dev/zero", "/dev/random", "/tmp", "/nonexistent/model.gguf" };
    for (size_t i = 0; i < 4; i++) {
        err e = { 0 };
        assert_null(gguf_open(paths[i], false, &e));
        check_message(&e, ERR_IO, i < 3 ? "not a regular file" : "check the path");
        assert_null(safetensors_open(paths[i], &e));
        check_message(&e, ERR_IO, i < 3 ? "not a regular file" : "check the path");
    }
    buf b = { 0 };
    gguf_head(&b, 0, 0);
    gguf_accepted(&b);
    buf_free(&b);
}

RUN_ONE(cve_2024_39721)
