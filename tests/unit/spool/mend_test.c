/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "spool/mend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char *advice(int code)
{
    static struct error err;
    struct stat st = {.st_mode = S_IFREG | 0600};
    const struct mend m = {.folder = "/data/in coming", .path = "a/b.csv", .st = &st};
    mend_folder(&m, code, &err);
    return err.text;
}

static void what_is_read_only_for_the_unit_is_mended_in_the_unit(void **state)
{
    (void)state;
    setenv("INVOCATION_ID", "0123456789abcdef0123456789abcdef", 1);
    assert_non_null(strstr(advice(-EROFS), "systemctl edit cetld"));
    assert_non_null(strstr(advice(-EROFS), "ReadWritePaths=\"/data/in coming/a\""));
    unsetenv("INVOCATION_ID");
    assert_null(strstr(advice(-EROFS), "ReadWritePaths"));
    assert_non_null(strstr(advice(-EROFS), "mount -o remount,rw"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_only_for_the_unit_is_mended_in_the_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
