/* CVE-2024-37032 (and 39722): a name from a downloaded file became a path outside the model's folder. Here: the shard
 * names of model.safetensors.index.json, and links that leave the folder. */
#include "unit/hostile/build_file.h"
#include <sys/stat.h>

static char dir[64];

static void put_index(const char *shard) {
    char text[512];
    snprintf(text, sizeof text, "{\"weight_map\":{\"w\":\"%s\"}}", shard);
    write_file(dir, "model.safetensors.index.json", text, strlen(text));
}

static void dir_refused(const char *part) {
    err e = { 0 };
    assert_null(safetensors_open_dir(dir, &e));
    check_message(&e, e.code, part);
}

static void cve_2024_37032(void **state) {
    (void)state;
    static const char *const names[] = { "../w.safetensors", "/etc/passwd", "sub/w.safetensors", "..", "", "w.bin", ".safetensors", "a\\\\w.safetensors", "w\\u0000.safetensors" };
    buf b = { 0 };
    char link[128];
    err e = { 0 };
    snprintf(dir, sizeof dir, "/tmp/pingti-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    put_safetensors(&b, "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    write_file(dir, "model-1.safetensors", b.data, b.len);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put_index(names[i]);
        dir_refused("name is not allowed");
    }
    snprintf(link, sizeof link, "%s/link.safetensors", dir);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    put_index("link.safetensors");
    dir_refused("leaves the model's folder");
    put_index("model-2.safetensors");
    dir_refused("fetch the missing one");
    write_file(dir, "model.safetensors.index.json", "{\"weight_map\":{\"v\":\"model-1.safetensors\"}}", 42);
    dir_refused("in none of the files");
    put_index("model-1.safetensors");
    safetensors *s = safetensors_open_dir(dir, &e);
    check_ok(s != NULL, &e);
    assert_int_equal(tensor_set_find(safetensors_tensors(s), "w")->bytes, 8);
    safetensors_close(s);
    buf_free(&b);
}

static int clean(void **state) {
    (void)state;
    static const char *const files[] = { "link.safetensors", "model-1.safetensors", "model.safetensors.index.json" };
    char path[128];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    return rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(cve_2024_37032) };
    return cmocka_run_group_tests(tests, NULL, clean);
}
