/* CVE-2025-1975: a manifest of another form than expected crashed the program that pulled it. The manifest of a sharded model is
 * model.safetensors.index.json: everything that is not a map from names to file names is refused. */
#include "unit/hostile/build_file.h"

static const char *const files[] = { "model.safetensors.index.json", "w.safetensors" };
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

static void cve_2025_1975(void **state) {
    (void)state;
    static const char *const bad[] = { "", "null", "[]", "7", "{", "{}", "{\"weight_map\":null}", "{\"weight_map\":[]}", "{\"weight_map\":\"w\"}", "{\"weight_map\":{}}",
                                       "{\"weight_map\":{\"w\":null}}", "{\"weight_map\":{\"w\":7}}", "{\"weight_map\":{\"w\":[\"w.safetensors\"]}}",
                                       "{\"weight_map\":{\"w\":{}}}", "{\"weight_map\":{\"w\":\"w.safetensors\",\"w\":\"w.safetensors\"}}",
                                       "{\"weight_map\":{\"\":\"w.safetensors\"}}", "{\"weight_map\":{\"w\":\"w.safetensors\",\"x\":\"w.safetensors\"}}" };
    static const char good[] = "{\"metadata\":[1],\"weight_map\":{\"w\":\"w.safetensors\"}}";
    buf b = { 0 };
    put_safetensors(&b, "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    write_file(dir, "w.safetensors", b.data, b.len);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err e = { 0 };
        write_file(dir, files[0], bad[i], strlen(bad[i]));
        safetensors *s = safetensors_open_dir(dir, &e);
        if (s) fail_msg("accepted: %s", bad[i]);
        assert_int_equal(e.code, ERR_FORMAT);
        check_message(&e, ERR_FORMAT, dir); /* it says which file */
    }
    err e = { 0 };
    write_file(dir, files[0], good, sizeof good - 1);
    safetensors *s = safetensors_open_dir(dir, &e);
    check_ok(s != NULL, &e);
    safetensors_close(s);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(cve_2025_1975) };
    return cmocka_run_group_tests(tests, prepare, clean);
}
