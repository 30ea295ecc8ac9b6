/* CVE-2025-24357: a server opened pickled weights (torch.load) of a fetched model. A directory that holds only such is refused by
 * name, whatever ending they have; beside safetensors they are not looked at. */
#include "unit/hostile/build_file.h"
#include "model/source.h"

static const char *const files[] = { "pytorch_model.bin", "model.pt", "model.pth", "consolidated.00.pth", "model.ckpt", "pytorch_model.bin.index.json", "config.json", "model.safetensors" };
static char dir[64];

static int prepare(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/pingti-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int clean(void **state) {
    (void)state;
    char path[512];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    return rmdir(dir);
}

static void cve_2025_24357(void **state) {
    (void)state;
    static const char pickle[] = "\x80\x02cposix\nsystem\nq\0X\x04\0\0\0true\x85R.";
    char path[512];
    buf b = { 0 };
    write_file(dir, "config.json", "{\"model_type\":\"llama\"}", 22);
    for (size_t i = 0; i < 6; i++) {
        err e = { 0 };
        write_file(dir, files[i], pickle, sizeof pickle - 1);
        assert_null(model_source_open(dir, &e));
        check_message(&e, ERR_UNSUPPORTED, files[i]);
        check_message(&e, ERR_UNSUPPORTED, "never opened");
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    put_safetensors(&b, "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    write_file(dir, "model.safetensors", b.data, b.len);
    err e = { 0 };
    model_source *s = model_source_open(dir, &e);
    check_ok(s != NULL, &e);
    model_source_close(s);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(cve_2025_24357) };
    return cmocka_run_group_tests(tests, prepare, clean);
}
