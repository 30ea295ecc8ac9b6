/* Control groups: what a container or a limited service may take, from made-up trees of both versions. */
#include "unit/check.h"
#include "base/cgroup.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void put(const char *path, const char *text) {
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *p = full + 1; *p; p++)
        if (*p == '/') {
            *p = 0;
            mkdir(full, 0700);
            *p = '/';
        }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static cgroup_memory of(const char *membership) {
    char file[128];
    put("/self", membership);
    snprintf(file, sizeof file, "%s/self", root);
    return cgroup_memory_of(file, root);
}

static void begin(void) {
    snprintf(root, sizeof root, "/tmp/pingti-cgroup-XXXXXX");
    assert_non_null(mkdtemp(root));
}

static void end(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

static void version_2(void **state) {
    (void)state;
    begin();
    cgroup_memory m = of("0::/a/b\n");
    assert_true(m.limit == UINT64_MAX && m.available == UINT64_MAX);
    put("/a/b/memory.max", "max\n");
    put("/a/memory.max", "4000\n");
    put("/a/memory.current", "3000\n");
    put("/a/memory.stat", "anon 900\ninactive_file 1500\nactive_file 500\nfile_dirty 7\n");
    m = of("0::/a/b\n");
    assert_int_equal(m.limit, 4000);
    assert_int_equal(m.available, 3000);
    put("/a/b/memory.max", "3500\n");
    put("/a/b/memory.current", "3400\n");
    m = of("0::/a/b\n");
    assert_int_equal(m.limit, 3500);
    assert_int_equal(m.available, 100);
    put("/a/b/memory.current", "9000\n"); /* over its limit for a moment */
    assert_int_equal(of("0::/a/b\n").available, 0);
    end();
}

/* A container that sees its own group as the root, and one that sees the host's path but not its folder. */
static void containers(void **state) {
    (void)state;
    begin();
    put("/memory.max", "777\n");
    put("/memory.current", "7\n");
    assert_int_equal(of("0::/\n").available, 770);
    assert_int_equal(of("0::/docker/0123\n").limit, 777);
    end();
}

static void version_1(void **state) {
    (void)state;
    begin();
    put("/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("/memory/x/memory.limit_in_bytes", "5000\n");
    put("/memory/x/memory.usage_in_bytes", "1000\n");
    put("/memory/x/memory.stat", "inactive_file 1\ntotal_inactive_file 300\ntotal_active_file 100\n");
    const char self[] = "12:cpu,cpuacct:/elsewhere\n4:memory:/x\n0::/y\n";
    cgroup_memory m = of(self);
    assert_int_equal(m.limit, 5000);
    assert_int_equal(m.available, 4400);
    put("/unified/y/memory.max", "2000\n");
    assert_int_equal(of(self).limit, 2000);
    end();
}

static void what_cannot_be_read_limits_nothing(void **state) {
    (void)state;
    begin();
    assert_true(of("").limit == UINT64_MAX);
    assert_true(of("nonsense\n4:memory\n::\n").limit == UINT64_MAX);
    assert_true(cgroup_memory_of("/nonexistent", "/nonexistent").limit == UINT64_MAX);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(version_2), cmocka_unit_test(containers), cmocka_unit_test(version_1), cmocka_unit_test(what_cannot_be_read_limits_nothing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
