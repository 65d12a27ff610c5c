/* SPDX-License-Identifier: MIT */
/*
 * date_trunc, extract and date_part. A part is an integer with decimals behind its point; extract says it as a numeric of that
 * scale, date_part as the double that PostgreSQL's arithmetic gives.
 */
#include "base/civil.h"
#include "data/decimal_math.h"
#include "expr/datetime_part.h"
#include "expr/fn_datetime.h"

#include <math.h>

static const int64_t unix_epoch_days = -10957; /* 1970-01-01 */
enum { UNIT_MAX = 63, SECONDS_PER_DAY = 86400, MICRO = 6, MILLI = 3 };

/* The unit is one for all rows, as a rule: it is looked up where it changes. */
struct unit {
    struct slice name;
    enum datetime_part part;
    bool known;
};

static enum datetime_part unit_part(struct unit *u, struct slice name, bool extract)
{
    if (u->known && slice_equal(u->name, name)) return u->part;
    *u = (struct unit){name, datetime_part_find(name, extract), true};
    return u->part;
}

static int fail_unit(struct expr_run *run, uint32_t row, struct slice name, bool known, enum type_id type)
{
    char shown[UNIT_MAX + 1];
    name = slice_cut_utf8(name, UNIT_MAX);
    for (size_t i = 0; i < name.len; i++)
        shown[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] | 0x20 : name.p[i]);
    shown[name.len] = '\0';
    if (known) return expr_fail(run, row, "0A000", "unit \"%s\" not supported for type %s", shown, type_info(type)->name);
    return expr_fail(run, row, "22023", "unit \"%s\" not recognized for type %s", shown, type_info(type)->name);
}

static bool infinite(int64_t us)
{
    return us == INT64_MAX || us == INT64_MIN;
}

static int trunc_one(struct expr_run *run, uint32_t row, struct slice name, enum datetime_part part, enum type_id type, int64_t us,
                     int64_t *ret_us)
{
    if (part > PART_MILLENNIUM && !infinite(us)) return fail_unit(run, row, name, part != PART_NONE, type);
    if (infinite(us)) {
        *ret_us = us;
        return 0;
    }
    if (trunc_timestamp((enum trunc_unit)part, us, ret_us)) return expr_fail(run, row, "22008", "timestamp out of range");
    return 0;
}

FN_DATETIME_KERNEL(fn_datetime_trunc)
{
    struct unit unit = {.known = false};
    bool one = call->constant & 1;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice name = call->arg[0]->value[row].s;
        enum datetime_part part = one && unit.known ? unit.part : unit_part(&unit, name, false);
        int r = trunc_one(run, row, name, part, call->type.id, call->arg[1]->value[row].i, &ret->value[row].i);
        if (r) return r;
    }
    return 0;
}

/* Date and time of day of a value */
struct split {
    int32_t days;
    int64_t us; /* since midnight */
};

static bool is_finite(enum type_id type, int64_t v)
{
    if (type == TYPE_TIME) return true;
    return type == TYPE_DATE ? v != INT32_MAX && v != INT32_MIN : !infinite(v);
}

static bool supports(enum type_id type, enum datetime_part part)
{
    if (part == PART_EPOCH) return true;
    if (part >= PART_RESERVED) return false;
    if (part == PART_ZONE) return type == TYPE_TIMESTAMPTZ;
    bool of_clock = part <= PART_HOUR;
    if (type == TYPE_TIME) return of_clock;
    return type != TYPE_DATE || !of_clock;
}

static struct split split_of(enum type_id type, int64_t v)
{
    if (type == TYPE_DATE) return (struct split){(int32_t)v, 0};
    if (type == TYPE_TIME) return (struct split){0, v};
    return (struct split){(int32_t)civil_floor_div(v, CIVIL_US_PER_DAY), civil_floor_mod(v, CIVIL_US_PER_DAY)};
}

/* Days since 4714 BC and the day's part that has passed */
static int julian(struct split s, struct arena *arena, struct slice *ret_value)
{
    struct slice whole = {0}, passed = {0}, day = {0};
    int r = decimal_of_scaled(datetime_part_of_date(PART_JULIAN, s.days), 0, arena, &whole);
    if (!r) r = decimal_of_scaled(s.us, 0, arena, &passed);
    if (!r) r = decimal_of_scaled(CIVIL_US_PER_DAY, 0, arena, &day);
    if (!r) r = decimal_div(passed, day, arena, &passed);
    return r ? r : decimal_add(whole, passed, arena, ret_value);
}

static int epoch(enum type_id type, int64_t v, struct arena *arena, struct slice *ret_value)
{
    if (type == TYPE_DATE) return decimal_of_scaled((v - unix_epoch_days) * SECONDS_PER_DAY, 0, arena, ret_value);
    if (type == TYPE_TIME) return decimal_of_scaled(v, MICRO, arena, ret_value);
    int64_t since;
    if (!__builtin_sub_overflow(v, unix_epoch_days * CIVIL_US_PER_DAY, &since) && since < INT64_MAX)
        return decimal_of_scaled(since, MICRO, arena, ret_value);
    /* Near the end of time PostgreSQL divides, and so rounds to four digits. */
    struct slice part[3] = {{0}};
    int r = decimal_of_scaled(v, 0, arena, &part[0]);
    if (!r) r = decimal_of_scaled(-unix_epoch_days * CIVIL_US_PER_DAY, 0, arena, &part[1]);
    if (!r) r = decimal_of_scaled(CIVIL_US_PER_SECOND, 0, arena, &part[2]);
    if (!r) r = decimal_add(part[0], part[1], arena, &part[0]);
    if (!r) r = decimal_div(part[0], part[2], arena, &part[0]);
    return r ? r : decimal_round(part[0], MICRO, arena, ret_value);
}

static int extract_finite(enum datetime_part part, enum type_id type, int64_t v, struct arena *arena, struct slice *ret_value)
{
    struct split s = split_of(type, v);
    if (part == PART_EPOCH) return epoch(type, v, arena, ret_value);
    if (part == PART_JULIAN && type != TYPE_DATE) return julian(s, arena, ret_value);
    if (part == PART_ZONE) return decimal_of_scaled(0, 0, arena, ret_value);
    if (part > PART_HOUR) return decimal_of_scaled(datetime_part_of_date(part, s.days), 0, arena, ret_value);
    int32_t scale = part == PART_SECOND ? MICRO : part == PART_MILLISECONDS ? MILLI : 0;
    return decimal_of_scaled(datetime_part_of_clock(part, s.us), scale, arena, ret_value);
}

/* With PostgreSQL's own roundings */
static double part_finite(enum datetime_part part, enum type_id type, int64_t v)
{
    const double second = 1e6;
    struct split s = split_of(type, v);
    int64_t of_minute = datetime_part_of_clock(PART_MICROSECONDS, s.us);
    int64_t of_minute_s = of_minute / CIVIL_US_PER_SECOND, of_day_s = s.us / CIVIL_US_PER_SECOND;
    double fraction = (double)(of_minute % CIVIL_US_PER_SECOND);
    switch (part) {
    case PART_SECOND: return (double)of_minute_s + fraction / second;
    case PART_MILLISECONDS: return (double)of_minute_s * 1e3 + fraction / 1e3;
    case PART_MICROSECONDS: return (double)of_minute;
    case PART_MINUTE:
    case PART_HOUR: return (double)datetime_part_of_clock(part, s.us);
    case PART_ZONE: return 0;
    case PART_JULIAN:
        return (double)datetime_part_of_date(part, s.days) + ((double)of_day_s + fraction / second) / (double)SECONDS_PER_DAY;
    case PART_EPOCH: {
        int64_t epoch_us = unix_epoch_days * CIVIL_US_PER_DAY, since;
        if (type == TYPE_TIME) return (double)v / second;
        if (!__builtin_sub_overflow(v, epoch_us, &since)) return (double)since / second;
        return ((double)v - (double)epoch_us) / second;
    }
    default: return (double)datetime_part_of_date(part, s.days);
    }
}

/* What the arguments of a row come to, before the result is made */
enum outcome { OUTCOME_VALUE, OUTCOME_INFINITY, OUTCOME_MINUS_INFINITY, OUTCOME_NULL, OUTCOME_FAULT };

static enum outcome judge(enum datetime_part part, enum type_id type, int64_t v)
{
    /* PostgreSQL finds that it is infinite before it finds that it has no zone. */
    if (part == PART_ZONE && type == TYPE_TIMESTAMP && !is_finite(type, v)) return OUTCOME_NULL;
    if (!supports(type, part)) return OUTCOME_FAULT;
    if (is_finite(type, v)) return OUTCOME_VALUE;
    return !datetime_part_grows(part) ? OUTCOME_NULL : v > 0 ? OUTCOME_INFINITY : OUTCOME_MINUS_INFINITY;
}

/* A word that is known, but no part of that type. Of times only units are known. */
static bool known_word(enum type_id type, enum datetime_part part)
{
    return part < PART_RESERVED || (part == PART_RESERVED && type != TYPE_TIME);
}

FN_DATETIME_KERNEL(fn_datetime_extract)
{
    struct unit unit = {.known = false};
    enum type_id type = call->arg[1]->type.id;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice name = call->arg[0]->value[row].s, *to = &ret->value[row].s;
        enum datetime_part part = unit_part(&unit, name, true);
        int64_t v = call->arg[1]->value[row].i;
        int r = 0;
        switch (judge(part, type, v)) {
        case OUTCOME_VALUE: r = extract_finite(part, type, v, run->arena, to); break;
        case OUTCOME_INFINITY: *to = decimal_infinity(false); break;
        case OUTCOME_MINUS_INFINITY: *to = decimal_infinity(true); break;
        case OUTCOME_NULL: ret->null[row] = true; break;
        case OUTCOME_FAULT: r = fail_unit(run, row, name, known_word(type, part), type); break;
        }
        if (r) return r;
    }
    return 0;
}

/* Of a date it is that of the timestamp at its midnight. */
static int date_midnight(struct expr_run *run, uint32_t row, int64_t *v)
{
    if (trunc_date_to_timestamp(*v, v) == 0) return 0;
    return expr_fail(run, row, "22008", "date out of range for timestamp");
}

FN_DATETIME_KERNEL(fn_datetime_date_part)
{
    struct unit unit = {.known = false};
    bool date = call->arg[1]->type.id == TYPE_DATE;
    enum type_id type = date ? TYPE_TIMESTAMP : call->arg[1]->type.id;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice name = call->arg[0]->value[row].s;
        enum datetime_part part = unit_part(&unit, name, true);
        int64_t v = call->arg[1]->value[row].i;
        int r = date ? date_midnight(run, row, &v) : 0;
        if (r) return r;
        if (run->fault[row]) continue;
        switch (judge(part, type, v)) {
        case OUTCOME_VALUE: ret->value[row].f = part_finite(part, type, v); break;
        case OUTCOME_INFINITY: ret->value[row].f = (double)INFINITY; break;
        case OUTCOME_MINUS_INFINITY: ret->value[row].f = -(double)INFINITY; break;
        case OUTCOME_NULL: ret->null[row] = true; break;
        case OUTCOME_FAULT: r = fail_unit(run, row, name, known_word(type, part), type); break;
        }
        if (r) return r;
    }
    return 0;
}
