/* SPDX-License-Identifier: MIT */
/* Casts between dates and times, at time zone UTC, and to the digits of time(n) and timestamp(n). */
#include "base/civil.h"
#include "data/trunc.h"
#include "data/type_time.h"
#include "expr/fn_datetime.h"

static FN_DATETIME_KERNEL(date_to_moment)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int r = trunc_date_to_timestamp(call->arg[0]->value[row].i, &ret->value[row].i);
        if (r) r = expr_fail(run, row, "22008", "date out of range for timestamp");
        if (r) return r;
    }
    return 0;
}

static FN_DATETIME_KERNEL(moment_to_date)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        ret->value[row].i = trunc_timestamp_to_date(call->arg[0]->value[row].i);
    }
    return 0;
}

/* Infinity has no time of day: NULL. */
static FN_DATETIME_KERNEL(moment_to_time)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int64_t us = call->arg[0]->value[row].i;
        if (us == INT64_MAX || us == INT64_MIN)
            ret->null[row] = true;
        else
            ret->value[row].i = civil_floor_mod(us, CIVIL_US_PER_DAY);
    }
    return 0;
}

static FN_DATETIME_KERNEL(to_digits)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int64_t us = call->arg[0]->value[row].i;
        bool infinite = us == INT64_MAX || us == INT64_MIN;
        ret->value[row].i = infinite ? us : type_time_round(us, call->type.typmod);
    }
    return 0;
}

const struct expr_cast expr_cast_datetime[] = {
    EXPR_CAST(TYPE_DATE, TYPE_TIMESTAMP, IMPLICIT, "timestamp", date_to_moment),
    EXPR_CAST(TYPE_DATE, TYPE_TIMESTAMPTZ, IMPLICIT, "timestamptz", date_to_moment),
    EXPR_CAST(TYPE_TIMESTAMP, TYPE_DATE, ASSIGNMENT, "date", moment_to_date),
    EXPR_CAST(TYPE_TIMESTAMP, TYPE_TIME, ASSIGNMENT, "time", moment_to_time),
    EXPR_CAST(TYPE_TIMESTAMP, TYPE_TIMESTAMPTZ, IMPLICIT, "timestamptz", NULL),
    EXPR_CAST(TYPE_TIMESTAMPTZ, TYPE_DATE, ASSIGNMENT, "date", moment_to_date),
    EXPR_CAST(TYPE_TIMESTAMPTZ, TYPE_TIME, ASSIGNMENT, "time", moment_to_time),
    EXPR_CAST(TYPE_TIMESTAMPTZ, TYPE_TIMESTAMP, ASSIGNMENT, "timestamp", NULL),
    EXPR_CAST(TYPE_TIME, TYPE_TIME, IMPLICIT, "time", to_digits),
    EXPR_CAST(TYPE_TIMESTAMP, TYPE_TIMESTAMP, IMPLICIT, "timestamp", to_digits),
    EXPR_CAST(TYPE_TIMESTAMPTZ, TYPE_TIMESTAMPTZ, IMPLICIT, "timestamptz", to_digits),
    {.function = {0}},
};
