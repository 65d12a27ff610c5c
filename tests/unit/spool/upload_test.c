/* SPDX-License-Identifier: MIT */
#include "base/fs.h"
#include "folder.h"
#include "spool/upload.h"

struct fixture {
    char *dir;
    struct place place;
    struct place_file found[4]; /* by place_recover */
    unsigned n;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->dir = folder_new(NULL);
    struct error err;
    assert_int_equal(place_open(&f->place, f->dir, &err), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < f->n; i++)
        place_file_done(&f->found[i]);
    place_close(&f->place);
    folder_free(f->dir);
    free(f);
    return 0;
}

static void begin(struct fixture *f, const char *text, struct upload *u)
{
    assert_int_equal(upload_open(&f->place, u), 0);
    assert_int_equal(upload_write(u, slice_of(text)), 0);
    assert_int_equal(upload_sync(u), 0);
}

static struct place_file placed(struct fixture *f, const struct upload_wish *w, const char *text)
{
    struct upload u;
    struct error err = {0};
    struct place_file file;
    begin(f, text, &u);
    if (upload_place(&u, w, &err, &file) != 0) fail_msg("%s", err.text);
    assert_int_equal(upload_settle(&f->place), 0);
    upload_close(&u);
    return file;
}

static void found(void *ctx, struct place_file *file)
{
    struct fixture *f = ctx;
    assert_true(f->n < 4);
    f->found[f->n++] = *file;
}

static void recover(struct fixture *f)
{
    struct error err;
    assert_int_equal(place_recover(&f->place, found, f, &err), 0);
}

static void assert_content(struct fixture *f, struct place_file *file, const char *want)
{
    struct error err = {0};
    char text[64] = "";
    if (place_reopen(&f->place, file, &err) != 0) fail_msg("%s", err.text);
    assert_true(fs_pread_full(file->fd, text, sizeof(text) - 1, 0) >= 0);
    assert_string_equal(text, want);
}

static void names(void **state)
{
    (void)state;
    static const char *const good[] = {"a.csv", "a b=c;d\"e.csv", "gr\xc3\xb6\xc3\x9f.csv", "x..y", "-", "\xff", "a\\b"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_null(upload_name_fault(slice_of(good[i])));
    static const char *const bad[] = {"", ".", "..", ".hidden", "a/b", "../a", "/a", "a\n", "\x1b[2J", "a\x7f"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (!upload_name_fault(slice_of(bad[i]))) fail_msg("%s", bad[i]);
    assert_non_null(upload_name_fault((struct slice){"a\0b", 3}));
    char name[300];
    memset(name, 'x', sizeof(name));
    assert_null(upload_name_fault((struct slice){name, 255}));
    assert_non_null(upload_name_fault((struct slice){name, 256}));
}

static void placed_file_is_claimed(void **state)
{
    struct fixture *f = *state;
    struct place_file file = placed(f, &(struct upload_wish){.name = "a.csv"}, "n\n1\n");
    assert_true(file.flat);
    assert_string_equal(file.path, "a.csv");
    assert_int_equal(file.st.st_size, 4);
    assert_content(f, &file, "n\n1\n");
    assert_int_equal(folder_count(f->dir, "work"), 1);
    assert_int_equal(folder_count(f->dir, "incoming"), 0);
    recover(f);
    assert_int_equal(f->n, 1);
    assert_string_equal(f->found[0].token, file.token);
    assert_false(f->found[0].anyway);
    assert_null(f->found[0].dataset);
    place_file_done(&file);
}

static void what_was_wished_survives_a_crash(void **state)
{
    struct fixture *f = *state;
    struct place_file a = placed(f, &(struct upload_wish){.name = "a.csv", .dataset = "orders"}, "a"),
                      b = placed(f, &(struct upload_wish){.name = "a.csv", .anyway = true}, "b");
    assert_true(strcmp(a.token, b.token) < 0);
    assert_string_equal(a.dataset, "orders");
    recover(f);
    assert_int_equal(f->n, 2);
    assert_string_equal(f->found[0].token, a.token);
    assert_string_equal(f->found[0].dataset, "orders");
    assert_false(f->found[0].anyway);
    assert_content(f, &f->found[0], "a");
    assert_true(f->found[1].anyway);
    assert_null(f->found[1].dataset);
    char name[NAME_MAX + 1];
    assert_int_equal(place_finish(&f->place, &f->found[0], PLACE_DONE, SLICE(""), name), 0);
    assert_int_equal(folder_count(f->dir, "work"), 1); /* nothing of it is left */
    place_file_done(&a);
    place_file_done(&b);
}

static void longest_name_has_a_folder(void **state)
{
    struct fixture *f = *state;
    char name[NAME_MAX + 1] = "";
    memset(name, 'x', NAME_MAX);
    struct place_file file = placed(f, &(struct upload_wish){.name = name}, "long");
    assert_false(file.flat);
    assert_content(f, &file, "long");
    recover(f);
    assert_int_equal(f->n, 1);
    assert_string_equal(f->found[0].name, name);
    place_file_done(&file);
}

static void what_is_not_placed_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct upload u;
    begin(f, "half", &u);
    assert_int_equal(folder_count(f->dir, "work"), 1);
    upload_close(&u);
    upload_close(&u);
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void what_a_crash_leaves_is_swept(void **state)
{
    struct fixture *f = *state;
    struct upload u, v;
    begin(f, "half", &u);
    begin(f, "half", &v);
    struct place_file file = placed(f, &(struct upload_wish){.name = "a.csv"}, "whole");
    recover(f);
    assert_int_equal(f->n, 1);
    assert_int_equal(folder_count(f->dir, "work"), 1);
    assert_content(f, &file, "whole");
    place_file_done(&file);
}

static void lost_work_folder_is_made_anew(void **state)
{
    struct fixture *f = *state;
    folder_rmdir(f->dir, "work");
    struct place_file file = placed(f, &(struct upload_wish){.name = "a.csv", .dataset = "d"}, "x");
    assert_content(f, &file, "x");
    place_file_done(&file);
    uint64_t room;
    assert_int_equal(upload_room(&f->place, &room), 0);
    assert_true(room > 0);
}

static void marks_without_a_file_are_removed(void **state)
{
    struct fixture *f = *state;
    folder_mkdir(f->dir, "work/00000000000000aa-00000001");
    folder_write(f->dir, "work/00000000000000aa-00000001/.dataset", "orders");
    folder_write(f->dir, "work/00000000000000aa-00000001/.dataset.tmp", "ord");
    recover(f);
    assert_int_equal(f->n, 0);
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test_setup_teardown(placed_file_is_claimed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_wished_survives_a_crash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(longest_name_has_a_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_placed_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_crash_leaves_is_swept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost_work_folder_is_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_without_a_file_are_removed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
