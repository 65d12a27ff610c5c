/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/fs.h"
#include "etl/backup_note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HOUR_US (INT64_C(3600) * 1000000)
#define DAY_US (24 * HOUR_US)
static const int64_t MIDNIGHT = INT64_C(1800057600) * 1000000; /* of some day in 2027, UTC */

static int64_t due(int64_t every_us, int64_t at_us, int64_t began_us)
{
    const struct config_backup k = {.every_ms = every_us / 1000, .at_ms = at_us < 0 ? -1 : at_us / 1000};
    const struct backup_note n = {.made_us = began_us, .began_us = began_us, .ended_us = began_us + 1};
    return backup_due_us(&k, &n, MIDNIGHT + 10 * DAY_US);
}

static void without_a_time_it_is_due_so_long_after_the_one_before(void **state)
{
    (void)state;
    assert_int_equal(due(DAY_US, -1, MIDNIGHT + 5), MIDNIGHT + 5 + DAY_US);
}

static void with_a_time_it_is_due_when_that_comes_next(void **state)
{
    (void)state;
    int64_t at = 2 * HOUR_US + HOUR_US / 2;
    assert_int_equal(due(DAY_US, at, MIDNIGHT + at), MIDNIGHT + DAY_US + at);
    assert_int_equal(due(DAY_US, at, MIDNIGHT + at + 1000), MIDNIGHT + DAY_US + at);
    /* made late, or by hand of another schedule: the next one is not skipped */
    assert_int_equal(due(DAY_US, at, MIDNIGHT + 14 * HOUR_US), MIDNIGHT + DAY_US + at);
    assert_int_equal(due(DAY_US, at, MIDNIGHT + at - 1), MIDNIGHT + at);
    assert_int_equal(due(6 * HOUR_US, at, MIDNIGHT + at), MIDNIGHT + at + 6 * HOUR_US);
    assert_int_equal(due(6 * HOUR_US, at, MIDNIGHT + 21 * HOUR_US), MIDNIGHT + DAY_US + at);
    assert_int_equal(due(7 * DAY_US, at, MIDNIGHT + at), MIDNIGHT + 7 * DAY_US + at);
    assert_int_equal(due(7 * DAY_US, at, MIDNIGHT + 14 * HOUR_US), MIDNIGHT + 7 * DAY_US + at);
}

static void the_first_one_is_due_now_and_one_that_was_tried_since_then(void **state)
{
    (void)state;
    const struct config_backup k = {.every_ms = 1000, .at_ms = 0};
    assert_int_equal(backup_due_us(&k, &(struct backup_note){0}, 77), 77);
    assert_int_equal(backup_due_us(&k, &(struct backup_note){.slot_us = 5, .began_us = 3}, 77), 5);
}

static void a_clock_that_was_ahead_does_not_put_it_off(void **state)
{
    (void)state;
    int64_t now = MIDNIGHT + 10 * DAY_US;
    const struct config_backup k = {.every_ms = DAY_US / 1000, .at_ms = 0};
    assert_int_equal(due(DAY_US, -1, now + 400 * DAY_US), now);
    assert_int_equal(due(DAY_US, HOUR_US, now + 400 * DAY_US), now);
    assert_int_equal(backup_due_us(&k, &(struct backup_note){.slot_us = now + 400 * DAY_US}, now), now);
    assert_int_equal(backup_due_us(&k, &(struct backup_note){.slot_us = now + DAY_US, .began_us = now - HOUR_US}, now), now);
}

static void a_note_is_read_as_it_was_written_and_a_bad_one_is_none(void **state)
{
    (void)state;
    char path[] = "/tmp/cetld-backup-XXXXXX", command[80];
    assert_non_null(mkdtemp(path));
    int folder = backup_folder(path, NULL);
    assert_true(folder >= 0);
    const struct backup_note n = {1, INT64_MIN, INT64_MAX, 4, INT64_MAX};
    assert_int_equal(backup_note_write(folder, "a", &n), 0);
    struct backup_note back = backup_note_read(folder, "a");
    assert_memory_equal(&n, &back, sizeof n);
    back = backup_note_read(folder, "b");
    assert_int_equal(back.began_us, 0);
    assert_int_equal(fs_write_small(folder, "b", 0640, SLICE("1 2 3 4\n")), 0); /* of an earlier version */
    back = backup_note_read(folder, "b");
    assert_int_equal(back.ended_us, 4);
    assert_int_equal(back.made_to, 0);
    int fd = backup_words_open(folder, "a");
    assert_true(fd >= 0);
    assert_int_equal(dprintf(fd, "cetl: one\n\ncetl: two\nthree"), 26);
    close(fd);
    char words[ERROR_TEXT_MAX];
    backup_words_read(folder, "a", words);
    assert_string_equal(words, "one; two; three");
    fd = backup_words_open(folder, "a");
    for (int i = 0; i < 2000; i++)
        assert_true(dprintf(fd, "\xc3\xa9x\n") > 0);
    close(fd);
    backup_words_read(folder, "a", words);
    assert_true(strlen(words) > ERROR_TEXT_MAX - 12 && strlen(words) < ERROR_TEXT_MAX);
    int lock = backup_lock(folder);
    assert_true(lock >= 0);
    assert_int_equal(backup_lock(folder), -EAGAIN);
    close(lock);
    lock = backup_lock(folder);
    assert_true(lock >= 0);
    close(lock);
    fd = backup_words_open(folder, "a");
    close(fd);
    close(folder);
    snprintf(command, sizeof command, "rm -r %s", path);
    assert_int_equal(system(command), 0);
}

static void its_place_is_its_name_and_the_time(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    backup_place(&(struct config_backup){.name = "nightly", .to = "/b/"}, MIDNIGHT + 3 * HOUR_US, &out);
    backup_place(&(struct config_backup){.name = "n", .to = "s3://b"}, MIDNIGHT, &out);
    assert_string_equal(buf_cstr(&out), "/b/nightly-20270116T030000Zs3://b/n-20270116T000000Z");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_time_it_is_due_so_long_after_the_one_before),
        cmocka_unit_test(with_a_time_it_is_due_when_that_comes_next),
        cmocka_unit_test(the_first_one_is_due_now_and_one_that_was_tried_since_then),
        cmocka_unit_test(a_clock_that_was_ahead_does_not_put_it_off),
        cmocka_unit_test(a_note_is_read_as_it_was_written_and_a_bad_one_is_none),
        cmocka_unit_test(its_place_is_its_name_and_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
