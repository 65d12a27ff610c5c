/* SPDX-License-Identifier: MIT */
/*
 * Dates and times at time zone UTC: arithmetic of days, comparisons, date_trunc, make_date. What has intervals is the server's.
 */
#include "expr/fn_datetime.h"

#include "base/civil.h"
#include "data/trunc.h"
#include "data/type_datetime.h"
#include "data/type_time.h"

static bool infinite_date(int64_t days)
{
    return days == INT32_MAX || days == INT32_MIN;
}

static bool infinite(int64_t us)
{
    return us == INT64_MAX || us == INT64_MIN;
}

static int out_of_range(struct expr_run *run, uint32_t row, const char *what)
{
    return expr_fail(run, row, "22008", "%s out of range", what);
}

static inline int move_date(struct expr_run *run, const struct expr_rows *rows, struct batch_column *ret, const union value *date,
                            const union value *by, int64_t sign)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int64_t days = date[row].i;
        if (!infinite_date(days)) days += sign * by[row].i;
        bool fits = infinite_date(date[row].i) || (days >= TYPE_TIME_DATE_FIRST && days < TYPE_TIME_DATE_END);
        int r = fits ? 0 : out_of_range(run, row, "date");
        if (r) return r;
        ret->value[row].i = days;
    }
    return 0;
}

static FN_DATETIME_KERNEL(date_plus_days)
{
    return move_date(run, rows, ret, call->arg[0]->value, call->arg[1]->value, 1);
}

static FN_DATETIME_KERNEL(days_plus_date)
{
    return move_date(run, rows, ret, call->arg[1]->value, call->arg[0]->value, 1);
}

static FN_DATETIME_KERNEL(date_minus_days)
{
    return move_date(run, rows, ret, call->arg[0]->value, call->arg[1]->value, -1);
}

static FN_DATETIME_KERNEL(date_minus_date)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int64_t a = call->arg[0]->value[row].i, b = call->arg[1]->value[row].i;
        if (infinite_date(a) || infinite_date(b)) {
            int r = expr_fail(run, row, "22008", "cannot subtract infinite dates");
            if (r) return r;
            continue;
        }
        ret->value[row].i = a - b;
    }
    return 0;
}

static inline int join(struct expr_run *run, const struct expr_rows *rows, struct batch_column *ret, const union value *date,
                       const union value *time)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int64_t us;
        if (trunc_date_to_timestamp(date[row].i, &us)) {
            int r = expr_fail(run, row, "22008", "date out of range for timestamp");
            if (r) return r;
            continue;
        }
        if (!infinite(us)) us += time[row].i;
        int r = infinite(us) || us < TYPE_TIME_END ? 0 : out_of_range(run, row, "timestamp");
        if (r) return r;
        ret->value[row].i = us;
    }
    return 0;
}

static FN_DATETIME_KERNEL(date_plus_time)
{
    return join(run, rows, ret, call->arg[0]->value, call->arg[1]->value);
}

static FN_DATETIME_KERNEL(time_plus_date)
{
    return join(run, rows, ret, call->arg[1]->value, call->arg[0]->value);
}

/* What a date is compared with a timestamp by: one that no timestamp can be lies between them and their infinity. */
static inline int64_t moment(enum type_id type, int64_t v)
{
    if (type != TYPE_DATE) return v;
    int64_t us;
    return trunc_date_to_timestamp(v, &us) ? INT64_MAX - 1 : us;
}

#define COMPARE(name, test)                                                                                                        \
    static FN_DATETIME_KERNEL(name)                                                                                                \
    {                                                                                                                              \
        (void)run;                                                                                                                 \
        const struct batch_column *a = call->arg[0], *b = call->arg[1];                                                            \
        bool same = a->type.id == TYPE_DATE && b->type.id == TYPE_DATE;                                                            \
        enum type_id left = same ? TYPE_TIMESTAMP : a->type.id, right = same ? TYPE_TIMESTAMP : b->type.id;                        \
        for (size_t i = 0; i < rows->n; i++) {                                                                                     \
            uint32_t row = rows->row[i];                                                                                           \
            ret->value[row].i = moment(left, a->value[row].i) test moment(right, b->value[row].i);                                 \
        }                                                                                                                          \
        return 0;                                                                                                                  \
    }

COMPARE(equal, ==)
COMPARE(unequal, !=)
COMPARE(less, <)
COMPARE(less_equal, <=)
COMPARE(greater, >)
COMPARE(greater_equal, >=)

static FN_DATETIME_KERNEL(is_finite_date)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++)
        ret->value[rows->row[i]].i = !infinite_date(call->arg[0]->value[rows->row[i]].i);
    return 0;
}

static FN_DATETIME_KERNEL(is_finite)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++)
        ret->value[rows->row[i]].i = !infinite(call->arg[0]->value[rows->row[i]].i);
    return 0;
}

/* A negative year is one before Christ; there is no year 0. */
static int make_one(struct expr_run *run, uint32_t row, int64_t year, int64_t month, int64_t day, int64_t *ret_days)
{
    bool named = year != 0 && year > INT32_MIN;
    if (named && year < 0) year++;
    /* Any year that has a 29th of February as `year` has */
    struct civil c = {(int32_t)(2000 + civil_floor_mod(year, 400)), 0, 0};
    bool exists = named && month >= 1 && month <= CIVIL_MONTHS && day >= 1 && day <= 31;
    if (exists) {
        c.month = (int32_t)month;
        c.day = (int32_t)day;
        exists = type_datetime_exists(c);
    }
    if (!exists)
        return expr_fail(run, row, "22008", "date field value out of range: %lld-%02lld-%02lld", (long long)year, (long long)month,
                         (long long)day);
    c.year = (int32_t)year;
    int64_t days = type_datetime_exists(c) ? civil_to_days(c) : INT64_MIN;
    if (days < TYPE_TIME_DATE_FIRST || days >= TYPE_TIME_DATE_END)
        return expr_fail(run, row, "22008", "date out of range: %lld-%02lld-%02lld", (long long)year, (long long)month,
                         (long long)day);
    *ret_days = days;
    return 0;
}

static FN_DATETIME_KERNEL(make_date)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int r = make_one(run, row, call->arg[0]->value[row].i, call->arg[1]->value[row].i, call->arg[2]->value[row].i,
                         &ret->value[row].i);
        if (r) return r;
    }
    return 0;
}

#define COMPARED(a, b)                                                                                                             \
    {"=", 2, {a, b}, TYPE_BOOL, 0, equal}, {"<>", 2, {a, b}, TYPE_BOOL, 0, unequal}, {"<", 2, {a, b}, TYPE_BOOL, 0, less},         \
        {"<=", 2, {a, b}, TYPE_BOOL, 0, less_equal}, {">", 2, {a, b}, TYPE_BOOL, 0, greater},                                      \
    {                                                                                                                              \
        ">=", 2, {a, b}, TYPE_BOOL, 0, greater_equal                                                                               \
    }
#define D TYPE_DATE
#define T TYPE_TIME
#define S TYPE_TIMESTAMP
#define Z TYPE_TIMESTAMPTZ
#define X TYPE_TEXT
#define I TYPE_INT4

const struct expr_function expr_fn_datetime[] = {
    COMPARED(D, D),
    COMPARED(T, T),
    COMPARED(S, S),
    COMPARED(Z, Z),
    COMPARED(D, S),
    COMPARED(S, D),
    COMPARED(D, Z),
    COMPARED(Z, D),
    COMPARED(S, Z),
    COMPARED(Z, S),
    {"+", 2, {D, I}, D, 0, date_plus_days},
    {"+", 2, {I, D}, D, EXPR_SWAPPED, days_plus_date},
    {"-", 2, {D, I}, D, 0, date_minus_days},
    {"-", 2, {D, D}, I, 0, date_minus_date},
    {"+", 2, {D, T}, S, 0, date_plus_time},
    {"+", 2, {T, D}, S, EXPR_SWAPPED, time_plus_date},
    {"isfinite", 1, {D}, TYPE_BOOL, 0, is_finite_date},
    {"isfinite", 1, {S}, TYPE_BOOL, 0, is_finite},
    {"isfinite", 1, {Z}, TYPE_BOOL, 0, is_finite},
    {"make_date", 3, {I, I, I}, D, 0, make_date},
    {"date_trunc", 2, {X, S}, S, 0, fn_datetime_trunc},
    {"date_trunc", 2, {X, Z}, Z, 0, fn_datetime_trunc},
    {"extract", 2, {X, D}, TYPE_NUMERIC, 0, fn_datetime_extract},
    {"extract", 2, {X, T}, TYPE_NUMERIC, 0, fn_datetime_extract},
    {"extract", 2, {X, S}, TYPE_NUMERIC, 0, fn_datetime_extract},
    {"extract", 2, {X, Z}, TYPE_NUMERIC, 0, fn_datetime_extract},
    {"date_part", 2, {X, D}, TYPE_FLOAT8, 0, fn_datetime_date_part},
    {"date_part", 2, {X, T}, TYPE_FLOAT8, 0, fn_datetime_date_part},
    {"date_part", 2, {X, S}, TYPE_FLOAT8, 0, fn_datetime_date_part},
    {"date_part", 2, {X, Z}, TYPE_FLOAT8, 0, fn_datetime_date_part},
    {0},
};
