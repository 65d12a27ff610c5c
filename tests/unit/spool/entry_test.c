/* SPDX-License-Identifier: MIT */
#include "folder.h"
#include "spool/entry.h"

static struct entry *add(struct entries *s, int n, int64_t mtime_ns)
{
    char path[32];
    snprintf(path, sizeof(path), "%05d", n);
    struct entry *e = entries_add(s, path);
    if (e) e->look.mtime_ns = mtime_ns;
    return e;
}

static void ready_entries_come_by_order_then_mtime_then_path(void **state)
{
    (void)state;
    struct entries s;
    assert_int_equal(entries_init(&s, 5000), 0);
    srand(7);
    for (int i = 0; i < 5000; i++) {
        struct entry *e = add(&s, i, rand() % 50);
        e->order = (uint64_t)(rand() % 5);
        entries_set(&s, e, ENTRY_READY);
    }
    /* Holes in the middle of the heap, too. */
    for (int i = 0; i < 5000; i += 3) {
        char path[32];
        snprintf(path, sizeof(path), "%05d", i);
        entries_remove(&s, entries_find(&s, path));
    }
    uint64_t order = 0;
    int64_t mtime = -1;
    char path[32] = "";
    for (; s.ready.n > 0; entries_remove(&s, s.ready.item[0])) {
        const struct entry *e = s.ready.item[0];
        assert_true(e->order >= order);
        if (e->order == order) {
            assert_true(e->look.mtime_ns >= mtime);
            if (e->look.mtime_ns == mtime) assert_true(strcmp(path, e->path) < 0);
        }
        order = e->order;
        mtime = e->look.mtime_ns;
        snprintf(path, sizeof(path), "%s", e->path);
    }
    assert_int_equal(s.n, 0);
    entries_done(&s);
}

static void the_youngest_find_is_on_top(void **state)
{
    (void)state;
    struct entries s;
    assert_int_equal(entries_init(&s, 100), 0);
    for (int i = 0; i < 100; i++)
        entries_set(&s, add(&s, i, (i * 37) % 100), ENTRY_FOUND);
    for (int i = 99; i >= 0; i--) {
        assert_int_equal(s.found.item[0]->look.mtime_ns, i);
        entries_remove(&s, s.found.item[0]);
    }
    entries_done(&s);
}

static void there_is_a_ceiling_and_room_again_below_it(void **state)
{
    (void)state;
    struct entries s;
    assert_int_equal(entries_init(&s, 2), 0);
    struct entry *first = add(&s, 1, 0);
    assert_non_null(first);
    assert_non_null(add(&s, 2, 0));
    assert_null(add(&s, 3, 0));
    entries_remove(&s, first);
    assert_non_null(add(&s, 3, 0));
    entries_done(&s);
}

static void an_entry_is_in_the_list_of_its_state_only(void **state)
{
    (void)state;
    struct entries s;
    assert_int_equal(entries_init(&s, 2), 0);
    struct entry *e = add(&s, 1, 0);
    entries_set(&s, e, ENTRY_SETTLING);
    assert_ptr_equal(entries_first(&s.settling), e);
    entries_set(&s, e, ENTRY_READY);
    assert_null(entries_first(&s.settling));
    assert_int_equal(s.ready.n, 1);
    entries_set(&s, e, ENTRY_DEFERRED);
    assert_int_equal(s.ready.n, 0);
    entries_set(&s, e, ENTRY_TAKEN);
    assert_null(entries_first(&s.deferred));
    entries_done(&s);
}

static void what_a_scan_saw_stands_behind_what_it_did_not(void **state)
{
    (void)state;
    struct entries s;
    assert_int_equal(entries_init(&s, 3), 0);
    struct entry *a = add(&s, 1, 0), *b = add(&s, 2, 0);
    entries_seen(&s, a, 1);
    assert_ptr_equal(container_of(s.all.next, struct entry, all), b);
    assert_int_equal(a->scan, 1);
    entries_done(&s);
}

static void dates_beyond_every_clock_keep_their_side(void **state)
{
    (void)state;
    const struct stat late = {.st_mtim.tv_sec = INT64_MAX}, early = {.st_mtim.tv_sec = INT64_MIN},
                      now = {.st_mtim.tv_sec = 1700000000};
    assert_true(entry_look_of(&early).mtime_ns < entry_look_of(&now).mtime_ns);
    assert_true(entry_look_of(&now).mtime_ns < entry_look_of(&late).mtime_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_entries_come_by_order_then_mtime_then_path),
        cmocka_unit_test(the_youngest_find_is_on_top),
        cmocka_unit_test(there_is_a_ceiling_and_room_again_below_it),
        cmocka_unit_test(an_entry_is_in_the_list_of_its_state_only),
        cmocka_unit_test(what_a_scan_saw_stands_behind_what_it_did_not),
        cmocka_unit_test(dates_beyond_every_clock_keep_their_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
