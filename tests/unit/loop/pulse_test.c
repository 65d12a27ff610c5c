/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "loop/pulse.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static pid_t self(void)
{
    return (pid_t)syscall(SYS_gettid);
}

static void bytes_grow_by_what_is_read_and_written(void **state)
{
    (void)state;
    struct pulse before, after;
    char bytes[5000];
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_int_equal(pulse_read(self(), &before), 0);
    assert_int_equal(read(zero, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(write(null, bytes, 3000), 3000);
    assert_int_equal(pulse_read(self(), &after), 0);
    assert_true(after.bytes >= before.bytes + sizeof bytes + 3000); /* the look at it reads, too */
    assert_false(after.disk);
    close(zero);
    close(null);
}

static void a_strange_name_of_the_thread_does_not_matter(void **state)
{
    (void)state;
    struct pulse p = {.disk = true};
    assert_int_equal(prctl(PR_SET_NAME, "a) D (b", 0, 0, 0), 0);
    assert_int_equal(pulse_read(self(), &p), 0);
    assert_false(p.disk);
}

static void no_such_thread_is_an_error(void **state)
{
    (void)state;
    struct pulse p;
    assert_int_equal(pulse_read(0x3fffffff, &p), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_grow_by_what_is_read_and_written),
        cmocka_unit_test(a_strange_name_of_the_thread_does_not_matter),
        cmocka_unit_test(no_such_thread_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
