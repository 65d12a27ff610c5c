/* SPDX-License-Identifier: MIT */
#include "etl/group.h"
#include "etl/lane.h"
#include "fixture.h"

#include <stdlib.h>

static struct arrival arrival_of(const char *token)
{
    struct arrival a = {.state = ARRIVAL_QUEUED};
    snprintf(a.file.token, sizeof a.file.token, "%s", token);
    list_init(&a.link);
    return a;
}

/* The tokens of those that wait, in their order. */
static const char *waiting(const struct lane *lane, char ret_text[64])
{
    ret_text[0] = '\0';
    for (list_each(l, next, &lane->queue)) {
        strcat(ret_text, container_of(l, struct arrival, link)->file.token);
        strcat(ret_text, " ");
    }
    return ret_text;
}

static void a_name_has_one_lane(void **state)
{
    (void)state;
    struct lanes lanes = {0};
    char name[] = "orders";
    struct lane *orders = lanes_get(&lanes, name);
    name[0] = 'x'; /* it was copied */
    assert_non_null(orders);
    assert_ptr_equal(lanes_get(&lanes, "orders"), orders);
    assert_ptr_not_equal(lanes_get(&lanes, "sales"), orders);
    assert_string_equal(orders->name, "orders");
    lanes_done(&lanes);
}

static void arrivals_wait_in_the_order_of_their_tokens(void **state)
{
    (void)state;
    struct lanes lanes = {0};
    struct lane *lane = lanes_get(&lanes, "orders");
    struct arrival a[] = {arrival_of("03"), arrival_of("01"), arrival_of("04"), arrival_of("02")};
    char text[64];
    for (int i = 0; i < 4; i++)
        lane_put(lane, &a[i]);
    assert_string_equal(waiting(lane, text), "01 02 03 04 ");
    assert_int_equal(lane->waiting, 4);
    lane_take(lane, &a[3]);
    lane_take(lane, &a[0]);
    assert_string_equal(waiting(lane, text), "01 04 ");
    assert_int_equal(lane->waiting, 2);
    lane_put(lane, &a[3]); /* one that is tried again comes before the later ones */
    assert_string_equal(waiting(lane, text), "01 02 04 ");
    lanes_done(&lanes);
}

static void lanes_in_use_are_not_swept(void **state)
{
    (void)state;
    struct lanes lanes = {0};
    struct arrival a = arrival_of("01");
    lane_put(lanes_get(&lanes, "waiting"), &a);
    lanes_get(&lanes, "running")->running = 1;
    struct claim claim = {0};
    list_init(&claim.sibling);
    list_append(&lanes_get(&lanes, "claiming")->claims, &claim.sibling);
    lanes_get(&lanes, "idle");
    assert_int_equal(HASH_COUNT(lanes.by_name), 4);
    lanes_sweep(&lanes);
    assert_int_equal(HASH_COUNT(lanes.by_name), 3);
    struct lane *gone;
    HASH_FIND_STR(lanes.by_name, "idle", gone);
    assert_null(gone);
    lanes_done(&lanes);
}

static void cursor_moves_on_when_its_lane_goes(void **state)
{
    (void)state;
    struct lanes lanes = {0};
    lanes_get(&lanes, "first");
    lanes_get(&lanes, "second")->running = 1;
    lanes.cursor = lanes_get(&lanes, "first");
    lanes_sweep(&lanes);
    assert_ptr_equal(lanes.cursor, lanes_get(&lanes, "second"));
    lanes.cursor->running = 0;
    lanes_sweep(&lanes);
    assert_null(lanes.cursor);
    lanes_done(&lanes);
}

static void refused_groups_get_smaller_and_others_larger_again(void **state)
{
    (void)state;
    struct lanes lanes = {0};
    struct lane *lane = lanes_get(&lanes, "orders");
    assert_int_equal(lane->group_max, GROUP_FILES_MAX);
    lane_judge(lane, false);
    assert_int_equal(lane->group_max, GROUP_FILES_MAX);
    lane_judge(lane, true);
    assert_int_equal(lane->group_max, GROUP_FILES_MAX / 2);
    for (int i = 0; i < 20; i++)
        lane_judge(lane, true);
    assert_int_equal(lane->group_max, 1);
    for (int i = 0; i < 20; i++)
        lane_judge(lane, false);
    assert_int_equal(lane->group_max, GROUP_FILES_MAX);
    lanes_done(&lanes);
}

static void files_behind_the_bar_wait(void **state)
{
    (void)state;
    struct lanes lanes = {0};
    struct lane *lane = lanes_get(&lanes, "orders");
    struct arrival a[] = {arrival_of("01"), arrival_of("02"), arrival_of("03")};
    assert_null(lanes_find(&lanes, "sales"));
    assert_false(lane_bars(lane, &a[0]));
    lane->bar = (struct lane_bar){.set = true, .token = "02"};
    assert_false(lane_bars(lane, &a[0]));
    assert_false(lane_bars(lane, &a[1]));
    assert_true(lane_bars(lane, &a[2]));
    lane->bar.token[0] = '\0';
    assert_true(lane_bars(lane, &a[0]));
    lanes_done(&lanes);
}

static void what_is_not_over_is_known_by_token(void **state)
{
    (void)state;
    struct lanes lanes = {0};
    struct lane *lane = lanes_get(&lanes, "orders"), *other = lanes_get(&lanes, "other");
    struct arrival a[] = {arrival_of("02"), arrival_of("01")};
    lane_put(lane, &a[0]);
    lane_put(lane, &a[1]);
    lane_take(lane, &a[1]); /* it is being loaded */
    assert_ptr_equal(container_of(lane->open.next, struct arrival, open), &a[1]);
    lane_put(other, &a[1]); /* a reload */
    assert_ptr_equal(container_of(lane->open.next, struct arrival, open), &a[0]);
    assert_ptr_equal(container_of(other->open.next, struct arrival, open), &a[1]);
    lane_forget(&a[0]);
    lane_forget(&a[0]);
    assert_true(list_empty(&lane->open));
    lanes_done(&lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_groups_get_smaller_and_others_larger_again),
        cmocka_unit_test(a_name_has_one_lane),
        cmocka_unit_test(arrivals_wait_in_the_order_of_their_tokens),
        cmocka_unit_test(files_behind_the_bar_wait),
        cmocka_unit_test(what_is_not_over_is_known_by_token),
        cmocka_unit_test(lanes_in_use_are_not_swept),
        cmocka_unit_test(cursor_moves_on_when_its_lane_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
