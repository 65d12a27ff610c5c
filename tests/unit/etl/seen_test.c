/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/fs.h"
#include "etl/seen.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/cetld-seen-XXXXXX";

static struct seen opened(size_t more)
{
    struct seen s;
    assert_int_equal(seen_open(fs_open_dir(AT_FDCWD, folder), "a.seen", more, &s), 0);
    return s;
}

static void id_of(int i, uint8_t ret_id[SEEN_BYTES])
{
    char key[32];
    snprintf(key, sizeof key, "key %d", i);
    seen_id(SLICE("s3://b"), slice_of(key), SLICE("etag"), 1, ret_id);
}

static bool has(struct seen *s, int i)
{
    uint8_t id[SEEN_BYTES];
    id_of(i, id);
    return seen_has(s, id);
}

static int add(struct seen *s, int i)
{
    uint8_t id[SEEN_BYTES];
    id_of(i, id);
    return seen_add(s, id);
}

static off_t size(void)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "%s/a.seen", folder);
    return stat(path, &st) == 0 ? st.st_size : -1;
}

static int empty(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "%s/a.seen", folder);
    unlink(path);
    return 0;
}

static void versions_are_told_apart(void **state)
{
    (void)state;
    uint8_t id[5][SEEN_BYTES];
    seen_id(SLICE("a"), SLICE("bc"), SLICE("d"), 1, id[0]);
    seen_id(SLICE("ab"), SLICE("c"), SLICE("d"), 1, id[1]);
    seen_id(SLICE("a"), SLICE("bc"), SLICE("e"), 1, id[2]);
    seen_id(SLICE("a"), SLICE("bc"), SLICE("d"), 2, id[3]);
    seen_id(SLICE("a"), SLICE("bcd"), SLICE(""), 1, id[4]);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(id[i], id[k], SEEN_BYTES);
}

static void what_was_added_is_there_at_once_and_later(void **state)
{
    (void)state;
    struct seen s = opened(100);
    for (int i = 0; i < 100; i++) {
        assert_false(has(&s, i));
        assert_int_equal(add(&s, i), 0);
        assert_true(has(&s, i));
    }
    assert_int_equal(add(&s, 100), -ENOSPC);
    seen_close(&s);
    assert_int_equal(size(), 100 * SEEN_BYTES);
    s = opened(1);
    for (int i = 0; i < 100; i++)
        assert_true(has(&s, i));
    assert_false(has(&s, 100));
    seen_close(&s);
}

static void half_an_entry_is_written_over(void **state)
{
    (void)state;
    struct seen s = opened(2);
    assert_int_equal(add(&s, 1), 0);
    assert_int_equal(pwrite(s.fd, "torn", 4, SEEN_BYTES), 4);
    seen_close(&s);
    s = opened(2);
    assert_int_equal(s.n, 1);
    assert_int_equal(add(&s, 2), 0);
    seen_close(&s);
    s = opened(0);
    assert_true(has(&s, 1) && has(&s, 2));
    seen_close(&s);
}

static void what_is_not_listed_any_more_is_forgotten_when_it_is_most(void **state)
{
    (void)state;
    struct seen s = opened(10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(add(&s, i), 0);
    seen_close(&s);
    s = opened(1);
    for (int i = 0; i < 6; i++)
        assert_true(has(&s, i));
    assert_int_equal(seen_tidy(&s), 0); /* 6 of 10 */
    seen_close(&s);
    assert_int_equal(size(), 10 * SEEN_BYTES);
    s = opened(1);
    assert_true(has(&s, 3));
    assert_true(has(&s, 7));
    assert_int_equal(add(&s, 20), 0);
    assert_int_equal(seen_tidy(&s), 0);
    seen_close(&s);
    assert_int_equal(size(), 3 * SEEN_BYTES);
    s = opened(1);
    assert_true(has(&s, 3) && has(&s, 7) && has(&s, 20));
    assert_false(has(&s, 4));
    seen_close(&s);
}

static void what_cannot_be_opened_is_closed_all_the_same(void **state)
{
    (void)state;
    struct seen s;
    assert_true(seen_open(-ENOENT, "a.seen", 1, &s) < 0);
    seen_close(&s);
    char path[64];
    snprintf(path, sizeof path, "%s/a.seen", folder);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_true(seen_open(fs_open_dir(AT_FDCWD, folder), "a.seen", 1, &s) < 0);
    seen_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_told_apart),
        cmocka_unit_test_setup(what_was_added_is_there_at_once_and_later, empty),
        cmocka_unit_test_setup(half_an_entry_is_written_over, empty),
        cmocka_unit_test_setup(what_is_not_listed_any_more_is_forgotten_when_it_is_most, empty),
        cmocka_unit_test_setup(what_cannot_be_opened_is_closed_all_the_same, empty),
    };
    if (!mkdtemp(folder)) return 1;
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    empty(NULL);
    rmdir(folder);
    return r;
}
