/* SPDX-License-Identifier: MIT */
#include "etl/instance.h"
#include "fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place_of_it {
    char folder[64], state[80], file[96];
};

static int make_folder(void **state)
{
    struct place_of_it *p = calloc(1, sizeof *p);
    snprintf(p->folder, sizeof p->folder, "/tmp/cetld-instance-XXXXXX");
    if (!mkdtemp(p->folder)) return -1;
    snprintf(p->state, sizeof p->state, "%s/state", p->folder);
    snprintf(p->file, sizeof p->file, "%s/instance", p->state);
    *state = p;
    return 0;
}

static int remove_folder(void **state)
{
    struct place_of_it *p = *state;
    unlink(p->file);
    rmdir(p->file);
    rmdir(p->state);
    rmdir(p->folder);
    free(p);
    return 0;
}

static void write_file(const struct place_of_it *p, const char *text)
{
    assert_int_equal(mkdir(p->state, 0755), 0);
    FILE *f = fopen(p->file, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void an_id_is_made_once_and_kept(void **state)
{
    struct place_of_it *p = *state;
    struct instance first, again;
    instance_open(&first, p->state);
    instance_open(&again, p->state);
    assert_int_equal(strlen(first.id), INSTANCE_ID_CHARS);
    assert_string_equal(first.id, again.id);
    assert_string_equal(first.missing.text, "");
}

static void two_folders_have_two_ids(void **state)
{
    struct place_of_it *p = *state;
    struct instance one, other;
    instance_open(&one, p->state);
    assert_int_equal(unlink(p->file), 0);
    instance_open(&other, p->state);
    assert_string_not_equal(one.id, other.id);
}

static void what_is_no_id_is_not_used_and_not_overwritten(void **state)
{
    static const char *const bad[] = {
        "", "\n", "0123456789abcde\n", "0123456789abcdef0\n", "0123456789ABCDEF\n", "0123456789abcdef"};
    struct place_of_it *p = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct instance it;
        write_file(p, bad[i]);
        instance_open(&it, p->state);
        instance_judge(&it, 64);
        assert_string_equal(it.id, "");
        assert_non_null(strstr(it.missing.text, p->file));
        struct stat st;
        assert_int_equal(stat(p->file, &st), 0);
        assert_int_equal(st.st_size, strlen(bad[i]));
        assert_int_equal(unlink(p->file), 0);
        assert_int_equal(rmdir(p->state), 0);
    }
}

static void a_file_that_cannot_be_read_says_so(void **state)
{
    struct place_of_it *p = *state;
    struct instance it;
    assert_int_equal(mkdir(p->state, 0755), 0);
    assert_int_equal(mkdir(p->file, 0755), 0);
    instance_open(&it, p->state);
    assert_string_equal(it.id, "");
    assert_non_null(strstr(it.missing.text, p->file));
}

static void a_server_that_prepares_nothing_is_named(void **state)
{
    struct place_of_it *p = *state;
    struct instance it;
    instance_open(&it, p->state);
    instance_judge(&it, 0);
    assert_non_null(strstr(it.missing.text, "max_prepared_transactions"));
    instance_judge(&it, 2);
    assert_string_equal(it.missing.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_id_is_made_once_and_kept, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(two_folders_have_two_ids, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_no_id_is_not_used_and_not_overwritten, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_says_so, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_server_that_prepares_nothing_is_named, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
