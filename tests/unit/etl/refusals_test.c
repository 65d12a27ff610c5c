/* SPDX-License-Identifier: MIT */
#include "etl/refusals.h"
#include "fixture.h"

#include <fcntl.h>
#include <stdlib.h>

static bool count_one(void *ctx, const struct unreadable *u)
{
    assert_true(u->since_us > 0);
    return ++*(int *)ctx < 2;
}

static void refusal_is_news_once_and_again_with_other_words(void **state)
{
    (void)state;
    struct refusals r = {0};
    char path[] = "a.csv";
    assert_true(refusals_add(&r, path, "no permission"));
    path[0] = 'x'; /* it was copied */
    assert_false(refusals_add(&r, "a.csv", "no permission"));
    assert_true(refusals_add(&r, "a.csv", "a symlink"));
    assert_false(refusals_add(&r, "a.csv", "a symlink"));
    assert_int_equal(refusals_count(&r), 1);
    assert_string_equal(r.by_path->shown.path, "a.csv");
    assert_string_equal(r.by_path->shown.why, "a symlink");
    refusals_done(&r);
}

static void dropped_refusal_is_news_again(void **state)
{
    (void)state;
    struct refusals r = {0};
    assert_true(refusals_add(&r, "a.csv", "no permission"));
    refusals_drop(&r, "a.csv");
    refusals_drop(&r, "never there");
    assert_int_equal(refusals_count(&r), 0);
    assert_true(refusals_add(&r, "a.csv", "no permission"));
    refusals_done(&r);
}

static void more_than_the_ceiling_are_not_kept(void **state)
{
    (void)state;
    struct refusals r = {0};
    char path[32];
    for (int i = 0; i < REFUSALS_MAX + 5; i++) {
        snprintf(path, sizeof path, "%d.csv", i);
        assert_true(refusals_add(&r, path, "no permission"));
    }
    assert_int_equal(refusals_count(&r), REFUSALS_MAX);
    assert_true(refusals_add(&r, "0.csv", "a symlink")); /* a known one may change */
    assert_int_equal(refusals_count(&r), REFUSALS_MAX);
    refusals_done(&r);
}

static void what_is_not_there_any_more_is_swept(void **state)
{
    (void)state;
    char folder[] = "/tmp/cetld-refusals-XXXXXX";
    assert_non_null(mkdtemp(folder));
    int dir = fs_open_dir(AT_FDCWD, folder);
    assert_true(dir >= 0);
    bool made = mkdirat(dir, "sub", 0700) == 0 && symlinkat("nowhere", dir, "sub/link.csv") == 0;

    struct refusals r = {0};
    refusals_add(&r, "sub/link.csv", "a symlink"); /* it counts, and not what it points to */
    refusals_add(&r, "gone.csv", "no permission");
    refusals_sweep(&r, dir);
    unsigned left = refusals_count(&r);
    bool the_link = left == 1 && strcmp(r.by_path->shown.path, "sub/link.csv") == 0;
    refusals_done(&r);

    unlinkat(dir, "sub/link.csv", 0);
    unlinkat(dir, "sub", AT_REMOVEDIR);
    close(dir);
    rmdir(folder);
    assert_true(made);
    assert_true(the_link);
}

static void each_ends_when_it_is_told_to(void **state)
{
    (void)state;
    struct refusals r = {0};
    int seen = 0;
    refusals_each(&r, count_one, &seen);
    assert_int_equal(seen, 0);
    refusals_add(&r, "a", "x");
    refusals_add(&r, "b", "x");
    refusals_add(&r, "c", "x");
    refusals_each(&r, count_one, &seen);
    assert_int_equal(seen, 2);
    refusals_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusal_is_news_once_and_again_with_other_words),
        cmocka_unit_test(dropped_refusal_is_news_again),
        cmocka_unit_test(more_than_the_ceiling_are_not_kept),
        cmocka_unit_test(what_is_not_there_any_more_is_swept),
        cmocka_unit_test(each_ends_when_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
