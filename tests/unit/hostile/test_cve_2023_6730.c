/* CVE-2023-6730 (and CVE-2024-11392 to 11394, CVE-2026-4372): transformers unpickled vocabularies and indexes beside a model. Here no
 * such file is ever opened, and one under the name of a file that is read is refused. */
#include "unit/hostile/build_file.h"
#include "text/tokenizer.h"

static const char *const files[] = { "vocab.pkl", "vocab.bin", "corpus.pt", "tokenizer.pkl", "tokenizer.model", "tokenizer.json" };
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

static void cve_2023_6730(void **state) {
    (void)state;
    static const char pickle[] = "\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.";
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        err e = { 0 };
        write_file(dir, files[i], pickle, sizeof pickle - 1);
        assert_null(tokenizer_from_dir(dir, &e));
        check_message(&e, i < 4 ? ERR_IO : ERR_FORMAT, i < 4 ? "has no tokenizer" : files[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(cve_2023_6730) };
    return cmocka_run_group_tests(tests, prepare, clean);
}
