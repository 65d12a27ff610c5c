/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/list.h"

#include <cmocka.h>

struct item {
    int value;
    struct list link;
};

static int sum_of(struct list *head)
{
    int digits = 0;
    for (list_each(l, n, head))
        digits = digits * 10 + container_of(l, struct item, link)->value;
    return digits;
}

static void items_keep_their_order(void **state)
{
    (void)state;
    struct list head;
    struct item a = {.value = 1}, b = {.value = 2}, c = {.value = 3};
    list_init(&head);
    assert_true(list_empty(&head));
    list_append(&head, &a.link);
    list_append(&head, &c.link);
    list_insert(&c.link, &b.link);
    assert_int_equal(sum_of(&head), 123);
}

static void an_item_may_be_removed_twice_and_inside_the_loop(void **state)
{
    (void)state;
    struct list head;
    struct item a = {.value = 1}, b = {.value = 2}, c = {.value = 3};
    list_init(&head);
    list_append(&head, &a.link);
    list_append(&head, &b.link);
    list_append(&head, &c.link);
    list_remove(&b.link);
    list_remove(&b.link);
    assert_int_equal(sum_of(&head), 13);
    for (list_each(l, n, &head))
        list_remove(l);
    assert_true(list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_keep_their_order),
        cmocka_unit_test(an_item_may_be_removed_twice_and_inside_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
