/* CVE-2025-66448: a config that names code (auto_map) had it fetched and run. Here a config is data: the key is read past,
 * and nothing of another type than expected gets further. */
#include "unit/hostile/build_file.h"
#include "format/hfconfig.h"

static char dir[64];

static bool open_config(const char *text, hfconfig *c, err *e) {
    write_file(dir, "config.json", text, strlen(text));
    return hfconfig_open(c, dir, e);
}

static void cve_2025_66448(void **state) {
    (void)state;
    static const char *const bad[] = { "[]", "{", "{\"text_config\":7}", "\"x\"", "{\"a\":1,\"a\":2}" };
    static const char *const bad_rope[] = { "{\"rope_scaling\":[1]}", "{\"rope_scaling\":{\"type\":7}}", "{\"rope_theta\":\"1e4\"}", "{\"rope_theta\":-1}",
                                            "{\"rope_scaling\":{\"type\":\"linear\",\"factor\":0}}", "{\"rope_scaling\":{\"type\":\"magic\"}}",
                                            "{\"rope_parameters\":{\"a\":{\"rope_theta\":1},\"b\":{\"rope_theta\":2}}}" };
    hfconfig c;
    err e = { 0 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(open_config(bad[i], &c, &e));
        assert_int_equal(e.code, ERR_FORMAT);
        hfconfig_close(&c);
    }
    for (size_t i = 0; i < sizeof bad_rope / sizeof *bad_rope; i++) {
        check_ok(open_config(bad_rope[i], &c, &e), &e);
        assert_null(hfconfig_rope(c.config, &e));
        assert_true(e.code == ERR_FORMAT || e.code == ERR_UNSUPPORTED);
        hfconfig_close(&c);
    }
    check_ok(open_config("{\"auto_map\":{\"AutoModel\":\"evil--evil.Model\"},\"model_type\":\"llama\"}", &c, &e), &e);
    json_t *rope = hfconfig_rope(c.config, &e);
    assert_string_equal(json_string_value(json_object_get(rope, "rope_type")), "default");
    json_decref(rope);
    hfconfig_close(&c);
}

static int prepare(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/pingti-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int clean(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/config.json", dir);
    unlink(path);
    return rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(cve_2025_66448) };
    return cmocka_run_group_tests(tests, prepare, clean);
}
