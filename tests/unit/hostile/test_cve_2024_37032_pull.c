/* CVE-2024-37032 (and 39719, 39722, 45436): a server's digest or file name became a path outside the models' folder when a model
 * was pulled. Here no name of a hub reaches the disk before it is checked, and a digest never becomes a name. */
#include "net/listing.h"
#include "net/manifest.h"
#include "net/pick.h"
#include "unit/check.h"

static const char *const hostile[] = {
    "../../../../etc/ld.so.preload", "/etc/passwd", "..", ".", "", "a/../b.gguf", "a/./b.gguf", "a//b.gguf", "a/", "\\\\..\\\\x.gguf", "C:\\\\x.gguf", "c:x", "x\\u0000.gguf", "x\\u0001.gguf", "x\\u007f.gguf",
    "x\\u0085.gguf", "\\u202exfugg.", "x\\u200d.gguf", "x\\ufeff.gguf", "end.", "end ", " x", "sub/.. /x",
};

static void names_in_both_lists(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        char text[600];
        listing l = { 0 };
        err e = { 0 };
        snprintf(text, sizeof text, "[{\"type\":\"file\",\"size\":1,\"path\":\"%s\"}]", hostile[i]);
        if (listing_add_huggingface(&l, text, strlen(text), &e)) fail_msg("Hugging Face's '%s' was taken", hostile[i]);
        assert_int_equal(e.code, ERR_FORMAT);
        snprintf(text, sizeof text, "{\"Data\":{\"Files\":[{\"Type\":\"blob\",\"Size\":1,\"Path\":\"%s\"}]}}", hostile[i]);
        if (listing_add_modelscope(&l, text, strlen(text), &e)) fail_msg("ModelScope's '%s' was taken", hostile[i]);
        assert_int_equal(l.n, 0);
        listing_free(&l);
    }
}

static void digests(void **state) {
    (void)state;
    static const char *const bad[] = { "../../../../etc/passwd", "sha256:../x", "sha256-0000", "0000000000000000000000000000000000000000000000000000000000000000/../x", "zz" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[400];
        listing l = { 0 };
        err e = { 0 };
        snprintf(text, sizeof text, "[{\"type\":\"file\",\"size\":1,\"path\":\"a\",\"lfs\":{\"oid\":\"%s\",\"size\":1}}]", bad[i]);
        assert_false(listing_add_huggingface(&l, text, strlen(text), &e));
        assert_non_null(strstr(e.what, "SHA-256"));
        listing_free(&l);
    }
}

/* All that is chosen lies in one folder: such names may neither meet nor be ours. */
static void what_is_chosen(void **state) {
    (void)state;
    static const char *const pairs[][2] = { { "x.txt", "X.TXT" }, { "ok.txt", "sub/manifest.json" }, { "ok.txt", "sub/.ssh" }, { "ok.txt", "sub/y.part" } };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char text[400];
        listing l = { 0 };
        pick p = { 0 };
        err e = { 0 };
        repo_name n = { .owner = "o", .name = "n" };
        const char *all = "*";
        snprintf(n.file, sizeof n.file, "%s", pairs[i][0]);
        snprintf(text, sizeof text, "[{\"type\":\"file\",\"size\":1,\"path\":\"%s\"},{\"type\":\"file\",\"size\":1,\"path\":\"%s\"}]", pairs[i][0], pairs[i][1]);
        check_ok(listing_add_huggingface(&l, text, strlen(text), &e), &e);
        if (pick_files(&p, &l, &n, &all, 1, &e)) fail_msg("'%s' and '%s' were taken", pairs[i][0], pairs[i][1]);
        assert_int_equal(e.code, ERR_FORMAT);
        pick_free(&p);
        listing_free(&l);
    }
}

/* A base name that is taken gets its folders: once, and not when that is taken too. */
static void one_base_name_in_several_folders(void **state) {
    (void)state;
    static const char text[] = "[{\"type\":\"file\",\"size\":1,\"path\":\"a/b/x.txt\"},{\"type\":\"file\",\"size\":1,\"path\":\"c/d/X.txt\"},"
                               "{\"type\":\"file\",\"size\":1,\"path\":\"c--d/x.txt\"}]";
    static const char *const two[] = { "?/?/*" }, *const all[] = { "*" };
    listing l = { 0 };
    pick p = { 0 };
    err e = { 0 };
    repo_name n = { .owner = "o", .name = "n", .file = "a/b/x.txt" };
    check_ok(listing_add_huggingface(&l, text, strlen(text), &e), &e);
    check_ok(pick_files(&p, &l, &n, two, 1, &e), &e);
    assert_int_equal(p.n, 2);
    assert_string_equal(p.names[0], "x.txt");
    assert_string_equal(p.names[1], "c--d--X.txt");
    pick_free(&p);
    assert_false(pick_files(&p, &l, &n, all, 1, &e));
    assert_non_null(strstr(e.what, "same name"));
    pick_free(&p);
    listing_free(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_in_both_lists), cmocka_unit_test(digests), cmocka_unit_test(what_is_chosen),
                                        cmocka_unit_test(one_base_name_in_several_folders) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
