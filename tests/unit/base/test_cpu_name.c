/* Names of processors from what Linux writes into /proc/cpuinfo. */
#include "unit/check.h"
#include "base/cpu.h"
#include "base/cpu_name.h"

static void check_name(const char *cpuinfo, const char *expected) {
    char name[128] = "unknown";
    FILE *f = fmemopen((char *)(uintptr_t)cpuinfo, strlen(cpuinfo), "r");
    bool found = cpu_name_read(f, name, sizeof name);
    fclose(f);
    assert_string_equal(name, expected);
    assert_int_equal(found, strcmp(expected, "unknown") != 0);
}

static void x86_says_its_name(void **state) {
    (void)state;
    check_name("processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel\t\t: 2\nmodel name\t: AMD EPYC 9V74\n\nprocessor\t: 1\nmodel name\t: another\n", "AMD EPYC 9V74");
    check_name("model name\t:  Two blanks  \n", "Two blanks");
}

#define CORE(n, implementer, part) "processor\t: " #n "\nCPU implementer\t: " implementer "\nCPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: " part "\n\n"

static void aarch64_is_looked_up(void **state) {
    (void)state;
    check_name(CORE(0, "0x41", "0xd0c") CORE(1, "0x41", "0xd0c"), "Neoverse-N1");
    check_name(CORE(0, "0x41", "0xd05") CORE(1, "0x41", "0xd05") CORE(2, "0x41", "0xd0b"), "Cortex-A55 + Cortex-A76");
    check_name(CORE(0, "0x41", "0xd4b") CORE(1, "0x41", "0xd41") CORE(2, "0x41", "0xd4b"), "Cortex-A78C + Cortex-A78");
    check_name(CORE(0, "0x61", "0x023"), "aarch64, implementer 0x61, part 0x023");
    check_name("model name\t: ARMv8 Processor rev 3 (v8l)\n" CORE(0, "0x41", "0xd08"), "ARMv8 Processor rev 3 (v8l)");
}

static void what_names_nothing_is_unknown(void **state) {
    (void)state;
    const char *const texts[] = { "x", "model name\n", "model name\t:\n", "model names : x\n", "CPU implementer\t: 0x41\n" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) check_name(texts[i], "unknown");
    char many[8192] = "", line[64];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(line, sizeof line, "CPU implementer : 0x99\nCPU part : 0x%x\n", i);
        strcat(many, line);
    }
    char name[32] = "";
    FILE *f = fmemopen(many, strlen(many), "r");
    assert_true(cpu_name_read(f, name, sizeof name));
    fclose(f);
    assert_int_equal(strlen(name), sizeof name - 1); /* as much as there is room for */
    assert_true(*cpu_model_name());
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(x86_says_its_name), cmocka_unit_test(aarch64_is_looked_up), cmocka_unit_test(what_names_nothing_is_unknown) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
