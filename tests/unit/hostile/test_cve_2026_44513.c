/* CVE-2026-44513 (and 44827, 45804): a pipeline's model_index.json named the class to import. Here it is not a model: refused with the
 * reason, and class names of a config choose nothing but a family that is compiled in. */
#include "unit/hostile/build_file.h"
#include "model/model.h"
#include "model/source.h"

static const char *const files[] = { "model_index.json", "config.json", "model.safetensors" };
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

static void cve_2026_44513(void **state) {
    (void)state;
    static const char index[] = "{\"_class_name\":[\"evil.module\",\"Pipeline\"],\"unet\":[\"os\",\"system\"]}";
    static const char config[] = "{\"_class_name\":\"evil.Pipeline\",\"architectures\":[\"os.system\"],\"model_type\":\"../evil\"}";
    buf b = { 0 };
    err e = { 0 };
    write_file(dir, files[0], index, sizeof index - 1);
    assert_null(model_source_open(dir, &e));
    check_message(&e, ERR_IO, "has no config.json");
    check_message(&e, ERR_IO, "pipeline");
    put_safetensors(&b, "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    write_file(dir, files[1], config, sizeof config - 1);
    write_file(dir, files[2], b.data, b.len);
    model_source *s = model_source_open(dir, &e);
    check_ok(s != NULL, &e);
    assert_null(model_open(s, &e));
    check_message(&e, ERR_UNSUPPORTED, "unknown model family");
    model_source_close(s);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(cve_2026_44513) };
    return cmocka_run_group_tests(tests, prepare, clean);
}
