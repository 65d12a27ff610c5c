/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/histogram.h"

#include <pthread.h>

#include <cmocka.h>

static void bounds_rise(void **state)
{
    (void)state;
    for (unsigned i = 1; i < HISTOGRAM_BOUNDS; i++)
        assert_true(histogram_bound_us(i - 1) < histogram_bound_us(i));
}

static void duration_counts_up_from_the_first_bound_that_it_does_not_pass(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
        struct histogram h = {0};
        histogram_observe(&h, histogram_bound_us(i));
        histogram_observe(&h, histogram_bound_us(i) + 1);
        struct histogram_view v = histogram_look(&h);
        assert_int_equal(v.count, 2);
        assert_int_equal(v.sum_us, 2 * histogram_bound_us(i) + 1);
        for (unsigned k = 0; k < HISTOGRAM_BOUNDS; k++)
            assert_int_equal(v.up_to[k], k < i ? 0 : k == i ? 1 : 2);
    }
}

static void time_that_went_backwards_counts_as_none(void **state)
{
    (void)state;
    struct histogram h = {0};
    histogram_observe(&h, -5);
    struct histogram_view v = histogram_look(&h);
    assert_int_equal(v.up_to[0], 1);
    assert_int_equal(v.sum_us, 0);
}

enum { THREADS = 4, EACH = 100000 };

static void *observe(void *arg)
{
    for (int i = 0; i < EACH; i++)
        histogram_observe(arg, i % 1000);
    return NULL;
}

static void threads_lose_none(void **state)
{
    (void)state;
    static struct histogram h;
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, observe, &h), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    struct histogram_view v = histogram_look(&h);
    assert_int_equal(v.count, (uint64_t)THREADS * EACH);
    assert_int_equal(v.sum_us, (uint64_t)THREADS * (EACH / 1000) * (999 * 1000 / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_rise),
        cmocka_unit_test(duration_counts_up_from_the_first_bound_that_it_does_not_pass),
        cmocka_unit_test(time_that_went_backwards_counts_as_none),
        cmocka_unit_test(threads_lose_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
