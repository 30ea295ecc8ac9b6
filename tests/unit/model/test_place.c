/* Files of placed weights: made whole or not at all, found again, refused when they are not what their name says, kept within their limit;
 * and placing changes no result and leaves nothing behind. */
#include "unit/check.h"
#include "base/file.h"
#include "base/mem.h"
#include "model/place_file.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum { BYTES = 3 * 4096 };

static char dir[64];

static void name_of(int which, char out[33]) {
    unsigned char model[32] = { (unsigned char)which };
    place_file_digest(out, model, "layout", BYTES);
}

static void make(int which, uint64_t limit) {
    char name[33];
    err e = { 0 };
    place_file f;
    name_of(which, name);
    check_ok(place_file_make(&f, dir, name, BYTES, limit, &e), &e);
    memset(f.data, which, BYTES);
    check_ok(place_file_finish(&f, &e), &e);
    place_file_close(&f);
}

static bool found(int which) {
    char name[33];
    place_file f;
    name_of(which, name);
    if (!place_file_find(&f, dir, name, BYTES)) return false;
    err e = { 0 };
    unsigned char *mapped = place_file_map(&f, &e), read[BYTES];
    check_ok(mapped != NULL, &e);
    assert_true(place_file_read(&f, 0, read, 1000) && place_file_read(&f, 1000, read + 1000, BYTES - 1000));
    for (int i = 0; i < BYTES; i++) assert_true(mapped[i] == which && read[i] == which);
    assert_false(place_file_read(&f, BYTES - 1, read, 2)); /* beyond the end */
    munmap(mapped, BYTES);
    place_file_close(&f);
    return true;
}

static char *path_of(int which) {
    char name[64];
    name_of(which, name);
    strcat(name, ".panels");
    return file_join(dir, name);
}

static void made_found_and_private(void **state) {
    (void)state;
    struct stat st;
    assert_false(found(1));
    make(1, 0);
    assert_true(found(1));
    assert_false(found(2));
    char *path = path_of(1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    free(path);
}

static void a_file_that_was_never_finished_is_gone(void **state) {
    (void)state;
    char name[33];
    err e = { 0 };
    place_file f;
    name_of(3, name);
    check_ok(place_file_make(&f, dir, name, BYTES, 0, &e), &e);
    char *part = mem_must_copy(f.part, strlen(f.part));
    place_file_close(&f);
    assert_false(file_exists(part));
    assert_false(found(3));
    close(open(part, O_WRONLY | O_CREAT, 0600)); /* of a process that died long ago */
    assert_int_equal(utimes(part, (struct timeval[2]){ { 1000, 0 }, { 1000, 0 } }), 0);
    make(3, 0);
    assert_false(file_exists(part));
    free(part);
    /* of one that died just now and had this process's id: it is in nobody's way */
    place_file again;
    name_of(6, name);
    check_ok(place_file_make(&f, dir, name, BYTES, 0, &e), &e);
    check_ok(place_file_make(&again, dir, name, BYTES, 0, &e), &e);
    assert_string_not_equal(f.part, again.part);
    place_file_close(&f);
    place_file_close(&again);
}

static void what_is_not_its_name_is_refused(void **state) {
    (void)state;
    char *one = path_of(4), *other = path_of(5);
    make(4, 0);
    assert_int_equal(rename(one, other), 0); /* another model's bytes */
    assert_false(found(5));
    make(4, 0);
    assert_int_equal(truncate(one, 4096 + BYTES - 1), 0);
    assert_false(found(4));
    make(4, 0); /* made anew over it */
    assert_true(found(4));
    int fd = open(one, O_WRONLY);
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    close(fd);
    assert_false(found(4));
    unlink(one);
    assert_int_equal(symlink("/etc/passwd", one), 0);
    assert_false(found(4));
    unlink(one);
    unlink(other);
    free(one);
    free(other);
}

static void the_least_recently_used_go(void **state) {
    (void)state;
    char name[33];
    err e = { 0 };
    place_file f;
    uint64_t room = 2 * (4096 + BYTES) + 100;
    make(1, room);
    make(6, room);
    usleep(20000);
    assert_true(found(1)); /* used: 6 is now the oldest */
    make(7, room);
    assert_true(found(1) && found(7));
    assert_false(found(6));
    name_of(8, name);
    assert_false(place_file_make(&f, dir, name, BYTES, BYTES, &e)); /* larger than all the room there is */
    assert_int_equal(e.code, ERR_LIMIT);
    assert_true(found(1) && found(7));
}

static void places_that_cannot_be_written_are_errors(void **state) {
    (void)state;
    char name[33], below[128];
    err e = { 0 };
    place_file f;
    name_of(9, name);
    snprintf(below, sizeof below, "%s/file", dir);
    close(open(below, O_WRONLY | O_CREAT, 0600));
    strcat(below, "/sub");
    assert_false(place_file_make(&f, below, name, BYTES, 0, &e));
    assert_int_equal(e.code, ERR_IO);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = BYTES / 2; /* as a full disk */
    setrlimit(RLIMIT_FSIZE, &small);
    err_clear(&e);
    assert_false(place_file_make(&f, dir, name, BYTES, 0, &e));
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(e.code, ERR_IO);
    assert_false(found(9));
}

static int open_dir(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/pingti-place-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    strcat(dir, "/a/b");
    return 0;
}

static int remove_dir(void **state) {
    (void)state;
    char command[128];
    dir[strlen(dir) - 4] = 0;
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_found_and_private), cmocka_unit_test(a_file_that_was_never_finished_is_gone), cmocka_unit_test(what_is_not_its_name_is_refused),
        cmocka_unit_test(the_least_recently_used_go), cmocka_unit_test(places_that_cannot_be_written_are_errors),
    };
    return cmocka_run_group_tests(tests, open_dir, remove_dir);
}
