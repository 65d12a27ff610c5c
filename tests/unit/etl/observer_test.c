/* SPDX-License-Identifier: MIT */
#include "etl/observer.h"
#include "fixture.h"

struct witness {
    struct observer observer;
    unsigned arrived, over, files;
    char state[16];
    const char *why;
    bool leaves;
};

static void on_arrived(struct observer *o, const struct arrival *a)
{
    (void)a;
    container_of(o, struct witness, observer)->arrived++;
}

static void on_over(struct observer *o, const struct arrival *a)
{
    (void)a;
    struct witness *w = container_of(o, struct witness, observer);
    w->over++;
    if (w->leaves) list_remove(&o->link);
}

static void on_file(struct observer *o, const struct observed_file *f)
{
    struct witness *w = container_of(o, struct witness, observer);
    w->files++;
    snprintf(w->state, sizeof w->state, "%s", f->state);
    w->why = f->why;
}

static void each_observer_is_told_what_it_has_a_function_for(void **state)
{
    (void)state;
    struct observers all;
    struct witness a = {.observer = {.arrived = on_arrived}}, b = {.observer = {.arrived = on_arrived, .file = on_file}};
    struct arrival arrival = {0};
    observers_init(&all);
    observers_add(&all, &a.observer);
    observers_add(&all, &b.observer);
    observers_arrived(&all, &arrival);
    observers_over(&all, &arrival);
    observers_scanned(&all);
    observers_file(&all, &(struct observed_file){.state = "loaded"});
    observers_derive(&all, &(struct observed_derive){.name = "daily"});
    assert_int_equal(a.arrived, 1);
    assert_int_equal(a.files, 0);
    assert_int_equal(b.arrived, 1);
    assert_int_equal(b.files, 1);
    assert_string_equal(b.state, "loaded");
}

static void observer_may_leave_while_it_is_told_something(void **state)
{
    (void)state;
    struct observers all;
    struct witness a = {.observer = {.over = on_over}, .leaves = true}, b = {.observer = {.over = on_over}};
    struct arrival arrival = {0};
    observers_init(&all);
    observers_add(&all, &a.observer);
    observers_add(&all, &b.observer);
    observers_over(&all, &arrival);
    observers_over(&all, &arrival);
    assert_int_equal(a.over, 1);
    assert_int_equal(b.over, 2);
}

static void state_without_a_reason_has_none_rather_than_an_empty_one(void **state)
{
    (void)state;
    struct observers all;
    struct witness a = {.observer = {.file = on_file}};
    struct arrival arrival = {0};
    observers_init(&all);
    observers_add(&all, &a.observer);
    observers_state(&all, &arrival, "queued", "the server is gone");
    assert_string_equal(a.why, "the server is gone");
    observers_state(&all, &arrival, "loading", "");
    assert_null(a.why);
    assert_string_equal(a.state, "loading");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_observer_is_told_what_it_has_a_function_for),
        cmocka_unit_test(observer_may_leave_while_it_is_told_something),
        cmocka_unit_test(state_without_a_reason_has_none_rather_than_an_empty_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
