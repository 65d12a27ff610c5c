/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/clock.h"
#include "etl/phases.h"

#include <cmocka.h>

static uint64_t count(const struct counters *c, enum histogram_id id)
{
    return histogram_look(&c->histogram[id]).count;
}

static void each_stage_is_observed_once_and_those_it_was_not_in_never(void **state)
{
    (void)state;
    static struct counters c;
    struct phases s = phases_begin(PHASE_OPEN);
    phases_enter(&s, PHASE_CONNECT);
    phases_enter(&s, PHASE_COPY);
    phases_enter(&s, PHASE_CONNECT);
    phases_enter(&s, PHASE_COPY);
    phases_enter(&s, PHASE_COMMIT);
    phases_end(&s, &c);
    assert_int_equal(count(&c, HISTOGRAM_STAGE_OPEN), 1);
    assert_int_equal(count(&c, HISTOGRAM_STAGE_CONNECT), 1);
    assert_int_equal(count(&c, HISTOGRAM_STAGE_COPY), 1);
    assert_int_equal(count(&c, HISTOGRAM_STAGE_COMMIT), 1);
    assert_int_equal(count(&c, HISTOGRAM_STAGE_NARROW), 0);
    assert_int_equal(count(&c, HISTOGRAM_STAGE_RECORD), 0);
    assert_int_equal(count(&c, HISTOGRAM_STAGE_FINISH), 0);
}

static void stages_together_take_the_whole_time(void **state)
{
    (void)state;
    static struct counters c;
    int64_t before_us = clock_mono_us();
    struct phases s = phases_begin(PHASE_OPEN);
    for (int64_t until_us = before_us + 3000; clock_mono_us() < until_us;)
        phases_enter(&s, PHASE_COPY);
    phases_enter(&s, PHASE_RECORD);
    int64_t inside_us = clock_mono_us();
    phases_end(&s, &c);
    int64_t after_us = clock_mono_us(), all_us = 0;
    for (enum histogram_id id = HISTOGRAM_STAGE_OPEN; id <= HISTOGRAM_STAGE_FINISH; id++)
        all_us += (int64_t)histogram_look(&c.histogram[id]).sum_us;
    assert_true(all_us >= 2900 && all_us <= after_us - before_us && inside_us <= after_us);
    assert_true(histogram_look(&c.histogram[HISTOGRAM_STAGE_COPY]).sum_us >= 2900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_stage_is_observed_once_and_those_it_was_not_in_never),
        cmocka_unit_test(stages_together_take_the_whole_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
