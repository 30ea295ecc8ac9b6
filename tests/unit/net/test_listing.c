/* The hubs' JSON, Link headers, manifests, the states of partial files, and sets of ranges. */
#include "net/sha256.h"
#include "net/manifest.h"
#include "net/part.h"
#include "net/pick.h"
#include "unit/check.h"
#include <unistd.h>

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void huggingface(void **state) {
    (void)state;
    static const char page[] = "[{\"type\":\"directory\",\"oid\":\"x\",\"size\":0,\"path\":\"sub\"},"
                               "{\"type\":\"file\",\"oid\":\"y\",\"size\":12,\"path\":\"config.json\"},"
                               "{\"type\":\"file\",\"oid\":\"z\",\"size\":134,\"path\":\"sub/m.gguf\",\"lfs\":{\"oid\":\"" SHA "\",\"size\":5000000000,\"pointerSize\":134},\"xetHash\":\"q\"}]";
    listing l = { 0 };
    err e = { 0 };
    check_ok(listing_add_huggingface(&l, page, sizeof page - 1, &e), &e);
    assert_int_equal(l.n, 2);
    assert_string_equal(l.files[0].sha256, "");
    const listed_file *f = listing_find(&l, "sub/m.gguf");
    assert_non_null(f);
    assert_int_equal(f->size, 5000000000);
    assert_string_equal(f->sha256, SHA);
    check_ok(listing_add_huggingface(&l, page, sizeof page - 1, &e), &e); /* the next page adds */
    assert_int_equal(l.n, 4);
    listing_free(&l);
}

static void modelscope(void **state) {
    (void)state;
    static const char page[] = "{\"Code\":200,\"Data\":{\"Files\":[{\"Type\":\"tree\",\"Path\":\"d\"},{\"Type\":\"blob\",\"Path\":\"d/m.gguf\",\"Size\":7,\"Sha256\":\"" SHA "\"}]},\"Success\":true}";
    listing l = { 0 };
    err e = { 0 };
    check_ok(listing_add_modelscope(&l, page, sizeof page - 1, &e), &e);
    assert_int_equal(l.n, 1);
    assert_string_equal(l.files[0].sha256, SHA);
    listing_free(&l);
    assert_false(listing_add_modelscope(&l, "{\"Code\":404,\"Message\":\"no\"}", 27, &e));
    assert_true(e.hint[0] != 0);
    listing_free(&l);
}

static void next_pages(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "<https://h/a?cursor=x>; rel=\"next\"", "https://h/a?cursor=x" }, { "<https://h/a>; rel=next", "https://h/a" }, { "<https://h/p>; rel=\"prev\", <https://h/n>; rel=\"next\"", "https://h/n" },
        { "<https://h/p>; rel=\"prev\"", "" }, { "", "" }, { "<", "" }, { "<>; rel=\"next\"", "" }, { "<https://h/a>; rel=\"nextish\"", "" }, { "https://h; rel=\"next\"", "" }, { "<https://h/a>", "" },
    };
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool more = listing_next_page(cases[i][0], out, sizeof out);
        assert_string_equal(more ? out : "", cases[i][1]);
    }
    assert_false(listing_next_page("<https://h/a?cursor=x>; rel=\"next\"", out, 20));
}

static void commits(void **state) {
    (void)state;
    char commit[SHA256_HEX];
    err e = { 0 };
    check_ok(listing_read_commit("{\"sha\":\"0123456789abcdef0123456789abcdef01234567\"}", 50, commit, &e), &e);
    assert_string_equal(commit, "0123456789abcdef0123456789abcdef01234567");
    static const char *const none[] = { "{}", "[]", "{\"sha\":5}", "{\"sha\":\"main\"}", "{\"sha\":\"../../x\"}", "{\"sha\":\"\"}" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_false(listing_read_commit(none[i], strlen(none[i]), commit, &e));
}

static void digests(void **state) {
    (void)state;
    char hex[SHA256_HEX], path[] = "/tmp/pingti-digest-XXXXXX";
    uint64_t size;
    err e = { 0 };
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    check_ok(sha256_file(path, NULL, NULL, hex, &size, &e), &e);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"); /* of nothing: FIPS 180-4 */
    assert_int_equal(write(fd, "abc", 3), 3);
    check_ok(sha256_file(path, NULL, NULL, hex, &size, &e), &e);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(size, 3);
    close(fd);
    unlink(path);
    assert_false(sha256_file("/dev/zero", NULL, NULL, hex, &size, &e)); /* CVE-2024-39721: /dev/random hung a server */
    assert_false(sha256_file("/tmp", NULL, NULL, hex, &size, &e));
    assert_true(listing_read_sha256("\"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\"", hex));
    assert_string_equal(hex, SHA);
    assert_false(listing_read_sha256("\"" SHA, hex));
    assert_false(listing_read_sha256("", hex));
}

/* Against a set of bytes, one flag each. */
static void ranges_against_flags(void **state) {
    (void)state;
    enum { SIZE = 60 };
    uint64_t seed = 1;
    for (int round = 0; round < 400; round++) {
        bool there[SIZE] = { false };
        ranges r = { 0 };
        for (int k = 0; k < 12; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uint64_t from = (seed >> 33) % SIZE, to = from + (seed >> 50) % 9;
            if (to > SIZE) to = SIZE;
            ranges_add(&r, from, to);
            for (uint64_t i = from; i < to; i++) there[i] = true;
            uint64_t total = 0, prefix = 0, at = (seed >> 20) % SIZE, first = at, end;
            for (int i = 0; i < SIZE; i++) total += there[i];
            while (prefix < SIZE && there[prefix]) prefix++;
            while (first < SIZE && there[first]) first++;
            for (end = first; end < SIZE && !there[end];) end++;
            assert_int_equal(ranges_total(&r), total);
            assert_int_equal(ranges_prefix(&r), prefix);
            range gap;
            assert_int_equal(ranges_gap(&r, at, SIZE, &gap), first < SIZE);
            if (first < SIZE) assert_true(gap.from == first && gap.to == end);
            for (size_t i = 1; i < r.n; i++) assert_true(r.items[i - 1].to < r.items[i].from);
        }
        ranges_free(&r);
    }
}

static void partial_files(void **state) {
    (void)state;
    char dir[] = "/tmp/pingti-part-XXXXXX", path[64], fresh[160];
    err e = { 0 };
    part p;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/f", dir);
    check_ok(part_open(&p, path, 10, SHA, fresh, &e), &e);
    check_ok(part_write(&p, 4, "4567", 4, &e), &e);
    strcpy(p.etag, "\"e\"");
    check_ok(part_save(&p, &e), &e);
    part_close(&p);
    check_ok(part_open(&p, path, 10, SHA, fresh, &e), &e); /* taken up */
    assert_string_equal(fresh, "");
    assert_string_equal(p.etag, "\"e\"");
    assert_int_equal(ranges_total(&p.there), 4);
    part_close(&p);
    check_ok(part_open(&p, path, 11, SHA, fresh, &e), &e); /* another version: from the start */
    assert_string_equal(fresh, "it belongs to another version of the file");
    assert_int_equal(ranges_total(&p.there), 0);
    check_ok(part_write(&p, 0, "0123456789a", 11, &e), &e);
    check_ok(part_finish(&p, &e), &e);
    part_close(&p);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0); /* nothing else is left */
    static const char *const bad[] = { "", "{}", "{\"size\":10}", "{\"size\":10,\"sha256\":\"\",\"there\":[[0,11]]}", "{\"size\":10,\"sha256\":\"\",\"there\":[[5,5]]}", "{\"size\":10,\"sha256\":\"\",\"there\":[[0,5],[3,6]]}",
                                       "{\"size\":10,\"sha256\":\"\",\"there\":[[-1,5]]}", "{\"size\":10,\"sha256\":\"x\",\"there\":[]}", "{\"size\":10,\"sha256\":\"\",\"there\":[[0]]}" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        part q = { .size = 10 };
        bool took = part_read_state(&q, bad[i], strlen(bad[i]), &e);
        if (took && i != 2) fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(ranges_total(&q.there), 0);
        ranges_free(&q.there);
    }
}

static void manifests(void **state) {
    (void)state;
    manifest m = { .asked = "o/n", .hub = "huggingface", .endpoint = "https://huggingface.co", .owner = "o", .repo = "n", .revision = "", .commit = "c", .date = "d", .main = "a.gguf" }, back;
    err e = { 0 };
    json_t *doc = manifest_make(&m);
    assert_true(manifest_add(doc, "a.gguf", "sub/a.gguf", "https://x/a", 7, SHA));
    char *text = json_dumps(doc, 0);
    check_ok(manifest_parse(&back, text, strlen(text), "test", &e), &e);
    assert_string_equal(back.repo, "n");
    assert_int_equal(back.bytes, 7);
    assert_string_equal(manifest_find(&back, "a.gguf")->sha256, SHA);
    manifest_free(&back);
    static const char *const names[] = { "../a", "a/b", "/etc/passwd", "manifest.json", ".hidden", "x.part", "", ".." };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *copy = json_deep_copy(doc);
        json_object_set_new(json_array_get(json_object_get(copy, "files"), 0), "name", json_string(names[i]));
        char *bad = json_dumps(copy, 0);
        if (manifest_parse(&back, bad, strlen(bad), "test", &e)) fail_msg("'%s' was taken", names[i]);
        assert_true(e.hint[0] && e.where[0]);
        free(bad);
        json_decref(copy);
    }
    free(text);
    json_decref(doc);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(huggingface), cmocka_unit_test(modelscope), cmocka_unit_test(next_pages), cmocka_unit_test(commits), cmocka_unit_test(digests),
                                        cmocka_unit_test(ranges_against_flags), cmocka_unit_test(partial_files), cmocka_unit_test(manifests) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
