/* SPDX-License-Identifier: MIT */
#include "placed.h"
#include "spool/hold.h"

static struct hold held(struct fixture *f, enum place_target from, const char *name, const char *path)
{
    struct error err = {0};
    struct hold hold;
    struct hold_wish w = {.from = from, .name = name, .path = path, .anyway = true};
    if (hold_take(&f->place, &w, &err, &hold) != 0) fail_msg("%s", err.text);
    return hold;
}

static void a_finished_file_is_claimed_again_where_it_was_dropped(void **state)
{
    struct fixture *f = *state;
    folder_write(f->dir, "done/a.1.csv", "rows");
    struct hold hold = held(f, PLACE_DONE, "a.1.csv", "shop/a.csv");
    char token[PLACE_TOKEN_MAX], dropped_meanwhile[PLACE_TOKEN_MAX];
    memcpy(token, hold.file.token, sizeof token);
    assert_false(folder_has(f->dir, "done/a.1.csv"));
    place_token(&f->place, dropped_meanwhile);
    struct error err = {0};
    struct place_file file, found;
    if (hold_claim(&f->place, &hold, &err, &file) != 0) fail_msg("%s", err.text);
    assert_true(strcmp(token, dropped_meanwhile) < 0 && strcmp(dropped_meanwhile, file.token) < 0);
    assert_string_equal(file.path, "shop/a.csv");
    assert_true(file.anyway);
    assert_int_equal(file.st.st_size, 4);
    /* A start that finds it in work/ knows the same. */
    assert_int_equal(recover(f, &found), 1);
    assert_string_equal(found.token, file.token);
    assert_string_equal(found.path, "shop/a.csv");
    assert_true(found.anyway);
    place_file_done(&file);
    finish(f, &found, PLACE_DONE, "", "a.csv");
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void what_was_held_and_not_claimed_goes_back(void **state)
{
    struct fixture *f = *state;
    folder_write(f->dir, "failed/a.2.csv", "rows");
    struct hold hold = held(f, PLACE_FAILED, "a.2.csv", "shop/a.csv");
    assert_int_equal(hold_release(&f->place, &hold), 0);
    assert_true(folder_has(f->dir, "failed/a.2.csv"));
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void a_start_puts_back_what_was_held(void **state)
{
    struct fixture *f = *state;
    struct place_file found[1];
    folder_write(f->dir, "failed/a.csv", "1");
    folder_write(f->dir, "done/a.csv", "2");
    struct hold one = held(f, PLACE_FAILED, "a.csv", "shop/a.csv"), other = held(f, PLACE_DONE, "a.csv", "shop/a.csv");
    assert_int_equal(folder_count(f->dir, "done") + folder_count(f->dir, "failed"), 0);
    assert_int_equal(recover(f, found), 0);
    assert_true(folder_has(f->dir, "failed/a.csv"));
    assert_true(folder_has(f->dir, "done/a.csv"));
    assert_int_equal(folder_count(f->dir, "work"), 0);
    place_file_done(&one.file);
    place_file_done(&other.file);
}

/* done/ may lie on another file system: the copy into work/ is not a file before it is whole. */
static void a_half_copy_of_what_was_to_be_held_is_no_file(void **state)
{
    struct fixture *f = *state;
    struct place_file found[1];
    folder_mkdir(f->dir, "work/0000000000000001-01234567");
    folder_write(f->dir, "work/0000000000000001-01234567/.path", "a.csv");
    folder_write(f->dir, "work/0000000000000001-01234567/.part", "half");
    assert_int_equal(recover(f, found), 0);
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void what_is_held_may_come_from_another_file_system(void **state)
{
    struct fixture *f = *state;
    char *other;
    move_away(f, "done", &other);
    folder_write(f->dir, "done/a.csv", "rows");
    struct hold hold = held(f, PLACE_DONE, "a.csv", "a.csv");
    assert_int_equal(folder_count(other, "."), 0);
    struct error err = {0};
    struct place_file file;
    if (hold_claim(&f->place, &hold, &err, &file) != 0) fail_msg("%s", err.text);
    assert_file(f, &file, "rows");
    finish(f, &file, PLACE_DONE, "", "a.csv");
    folder_free(other);
}

static void what_is_no_file_is_not_held(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct hold hold;
    struct hold_wish gone = {.from = PLACE_DONE, .name = "gone.csv", .path = "gone.csv"};
    assert_int_equal(hold_take(&f->place, &gone, &err, &hold), PLACE_E_GONE);
    struct hold_wish outside = {.from = PLACE_DONE, .name = "../incoming/a.csv", .path = "a.csv"};
    assert_int_equal(hold_take(&f->place, &outside, &err, &hold), -EINVAL);
    struct hold_wish ours = {.from = PLACE_DONE, .name = "a.csv", .path = "x/.anyway"};
    assert_int_equal(hold_take(&f->place, &ours, &err, &hold), -EINVAL);
    folder_write(f->dir, "done/a.csv", "1");
    struct stat st = folder_stat(f->dir, "done/a.csv");
    folder_write(f->dir, "done/a.csv", "other bytes");
    struct hold_wish changed = {.from = PLACE_DONE, .name = "a.csv", .path = "a.csv", .st = &st};
    assert_int_equal(hold_take(&f->place, &changed, &err, &hold), PLACE_E_GONE);
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(a_finished_file_is_claimed_again_where_it_was_dropped),
        PLACE_TEST(what_was_held_and_not_claimed_goes_back),
        PLACE_TEST(a_start_puts_back_what_was_held),
        PLACE_TEST(a_half_copy_of_what_was_to_be_held_is_no_file),
        PLACE_TEST(what_is_held_may_come_from_another_file_system),
        PLACE_TEST(what_is_no_file_is_not_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
