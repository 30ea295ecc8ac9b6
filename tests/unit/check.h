/* What every unit test includes: cmocka with its prerequisites, and a way to show an err. */
#ifndef PINGTI_TESTS_CHECK_H
#define PINGTI_TESTS_CHECK_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"

/* Fails with the error's full text when `call` returns false. */
#define check_ok(call, e)                                                                                              \
    do {                                                                                                               \
        if (!(call)) {                                                                                                 \
            char shown_[2048];                                                                                         \
            err_format((e), shown_, sizeof shown_);                                                                    \
            fail_msg("%s failed: %s", #call, shown_);                                                                  \
        }                                                                                                              \
    } while (0)

/* The real data next to the checkout, or NULL: PINGTI_DATA, else ../shared/data. Tests skip nothing silently: a test
 * that needs real data prints that it is absent and checks what it can without. */
static inline const char *check_data_dir(void) {
    static char dir[4096];
    const char *set = getenv("PINGTI_DATA");
    snprintf(dir, sizeof dir, "%s", set ? set : PINGTI_SOURCE_DIR "/../shared/data");
    FILE *f = NULL;
    char probe[4200];
    snprintf(probe, sizeof probe, "%s/README.md", dir);
    if (!(f = fopen(probe, "r"))) return NULL;
    fclose(f);
    return dir;
}

/* How often random cases are drawn: PINGTI_ROUNDS, where an emulator makes the usual number last too long. */
static inline int check_rounds(int usual) {
    const char *given = getenv("PINGTI_ROUNDS");
    return given ? atoi(given) : usual;
}
#endif
