/* SPDX-License-Identifier: MIT */
#include "data/type_datetime.h"

#include "base/ascii.h"
#include "data/type_float.h"

#include <math.h>

enum word_kind { WORD_MONTH, WORD_WEEKDAY, WORD_MERIDIEM, WORD_ERA, WORD_T, WORD_ZONE };

static const struct word {
    struct slice text;
    enum word_kind kind;
    unsigned value;
} words[] = {
    {{"jan", 3}, WORD_MONTH, 1},
    {{"january", 7}, WORD_MONTH, 1},
    {{"feb", 3}, WORD_MONTH, 2},
    {{"february", 8}, WORD_MONTH, 2},
    {{"mar", 3}, WORD_MONTH, 3},
    {{"march", 5}, WORD_MONTH, 3},
    {{"apr", 3}, WORD_MONTH, 4},
    {{"april", 5}, WORD_MONTH, 4},
    {{"may", 3}, WORD_MONTH, 5},
    {{"jun", 3}, WORD_MONTH, 6},
    {{"june", 4}, WORD_MONTH, 6},
    {{"jul", 3}, WORD_MONTH, 7},
    {{"july", 4}, WORD_MONTH, 7},
    {{"aug", 3}, WORD_MONTH, 8},
    {{"august", 6}, WORD_MONTH, 8},
    {{"sep", 3}, WORD_MONTH, 9},
    {{"sept", 4}, WORD_MONTH, 9},
    {{"september", 9}, WORD_MONTH, 9},
    {{"oct", 3}, WORD_MONTH, 10},
    {{"october", 7}, WORD_MONTH, 10},
    {{"nov", 3}, WORD_MONTH, 11},
    {{"november", 8}, WORD_MONTH, 11},
    {{"dec", 3}, WORD_MONTH, 12},
    {{"december", 8}, WORD_MONTH, 12},
    {{"sun", 3}, WORD_WEEKDAY, 0},
    {{"sunday", 6}, WORD_WEEKDAY, 0},
    {{"mon", 3}, WORD_WEEKDAY, 1},
    {{"monday", 6}, WORD_WEEKDAY, 1},
    {{"tue", 3}, WORD_WEEKDAY, 2},
    {{"tues", 4}, WORD_WEEKDAY, 2},
    {{"tuesday", 7}, WORD_WEEKDAY, 2},
    {{"wed", 3}, WORD_WEEKDAY, 3},
    {{"weds", 4}, WORD_WEEKDAY, 3},
    {{"wednesday", 9}, WORD_WEEKDAY, 3},
    {{"thu", 3}, WORD_WEEKDAY, 4},
    {{"thur", 4}, WORD_WEEKDAY, 4},
    {{"thurs", 5}, WORD_WEEKDAY, 4},
    {{"thursday", 8}, WORD_WEEKDAY, 4},
    {{"fri", 3}, WORD_WEEKDAY, 5},
    {{"friday", 6}, WORD_WEEKDAY, 5},
    {{"sat", 3}, WORD_WEEKDAY, 6},
    {{"saturday", 8}, WORD_WEEKDAY, 6},
    {{"am", 2}, WORD_MERIDIEM, 0},
    {{"pm", 2}, WORD_MERIDIEM, 12},
    {{"ad", 2}, WORD_ERA, 0},
    {{"bc", 2}, WORD_ERA, 1},
    {{"t", 1}, WORD_T, 0},
    {{"z", 1}, WORD_ZONE, 0},
    {{"utc", 3}, WORD_ZONE, 0},
    {{"gmt", 3}, WORD_ZONE, 0},
};

enum { PARTS = 3, YEAR_DIGITS_MAX = 8 };

/* What was seen so far; each at most once */
enum seen {
    SEEN_DATE = 1 << 0, /* three parts in one token, or a run of digits */
    SEEN_TIME = 1 << 1,
    SEEN_ZONE = 1 << 2,
    SEEN_ERA = 1 << 3,
    SEEN_MERIDIEM = 1 << 4,
    SEEN_WEEKDAY = 1 << 5,
    SEEN_T = 1 << 6,
};

struct decoder {
    const char *p, *end;
    unsigned seen;
    bool time_only;
    struct slice part[PARTS]; /* numbers of the date, in the order written */
    size_t parts;
    bool year_first;
    unsigned month; /* by name, or 0 */
    bool bc;
    unsigned meridiem; /* 0 am, 12 pm */
    int64_t hour, minute, second_us;
    int32_t zone_s;
};

static struct slice take_digits(struct decoder *d)
{
    const char *start = d->p;
    while (d->p < d->end && ascii_is_digit(*d->p))
        d->p++;
    return (struct slice){start, (size_t)(d->p - start)};
}

/* Up to 9 digits */
static unsigned number(struct slice digits)
{
    unsigned v = 0;
    for (size_t i = 0; i < digits.len; i++)
        v = v * 10 + (unsigned)(digits.p[i] - '0');
    return v;
}

static bool see(struct decoder *d, unsigned what)
{
    if (d->seen & what) return false;
    d->seen |= what;
    return true;
}

/* Year, month and day are known: a number from here on is a time. */
static bool date_complete(const struct decoder *d)
{
    return (d->seen & SEEN_DATE) || d->parts + (d->month != 0) == PARTS;
}

bool type_datetime_fraction(struct slice digits, int64_t *ret_us)
{
    static const unsigned scale[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    enum { EXACT = 6, LONG = 60 };
    if (digits.len == 0 || digits.len > LONG) return false;
    if (digits.len <= EXACT) {
        *ret_us = (int64_t)number(digits) * scale[digits.len];
        return true;
    }
    /* Half a microsecond goes where binary arithmetic puts it, as in PostgreSQL. */
    char text[LONG + 2] = ".";
    memcpy(text + 1, digits.p, digits.len);
    union value v;
    if (type_float_double(NULL, (struct slice){text, digits.len + 1}, NULL, &v)) return false;
    *ret_us = (int64_t)rint(v.f * 1e6);
    return true;
}

int type_datetime_clock(int64_t hour, int64_t minute, int64_t second_us, int64_t *ret_us)
{
    if (hour > 24 || minute > 59 || second_us > 61 * CIVIL_US_PER_SECOND) return TYPE_E_RANGE;
    int64_t us = (hour * 60 + minute) * 60 * CIVIL_US_PER_SECOND + second_us;
    if (us > CIVIL_US_PER_DAY) return TYPE_E_RANGE;
    *ret_us = us;
    return 0;
}

static const struct word *find_word(struct slice name)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_equal_nocase(words[i].text, name)) return &words[i];
    return NULL;
}

unsigned type_datetime_month(struct slice name)
{
    const struct word *w = find_word(name);
    return w && w->kind == WORD_MONTH ? w->value : 0;
}

/* Seconds and their fraction, from the second's first digit on */
static int take_second(struct decoder *d)
{
    struct slice second = take_digits(d);
    if (second.len == 0 || second.len > 9) return TYPE_E_SYNTAX;
    int64_t us = 0;
    if (d->p < d->end && *d->p == '.') {
        d->p++;
        if (!type_datetime_fraction(take_digits(d), &us)) return TYPE_E_SYNTAX;
    }
    if (number(second) > 60) return TYPE_E_RANGE;
    d->second_us = (int64_t)number(second) * CIVIL_US_PER_SECOND + us;
    return 0;
}

/* The rest of hour:minute[:second[.fraction]] */
static int take_time(struct decoder *d, struct slice hour)
{
    d->p++;
    struct slice minute = take_digits(d);
    if (!see(d, SEEN_TIME) || hour.len > 9 || minute.len == 0 || minute.len > 9) return TYPE_E_SYNTAX;
    d->hour = number(hour);
    d->minute = number(minute);
    if (d->p < d->end && *d->p == ':') {
        d->p++;
        int r = take_second(d);
        if (r) return r;
    }
    return d->p < d->end && (*d->p == ':' || *d->p == '.') ? TYPE_E_SYNTAX : 0;
}

/* hhmm, hhmmss, hhmmss.fraction */
static int take_compact_time(struct decoder *d, struct slice digits)
{
    if ((digits.len != 4 && digits.len != 6) || !see(d, SEEN_TIME)) return TYPE_E_SYNTAX;
    d->hour = number((struct slice){digits.p, 2});
    d->minute = number((struct slice){digits.p + 2, 2});
    if (digits.len == 4) return 0;
    d->p = digits.p + 4;
    return take_second(d);
}

/* The rest of a date in one token: three parts, the same separator between them, one of them perhaps a month's name */
static int take_date(struct decoder *d, const char *start)
{
    char separator = *d->p;
    if (d->parts || d->month || (d->seen & SEEN_TIME) || !see(d, SEEN_DATE)) return TYPE_E_SYNTAX;
    d->p = start;
    for (size_t i = 0; i < PARTS; i++) {
        const char *part = d->p;
        while (d->p < d->end && (ascii_is_digit(*d->p) || (ascii_is_letter(*d->p) && ascii_is_letter(*part))))
            d->p++;
        struct slice s = {part, (size_t)(d->p - part)};
        if (s.len == 0) return TYPE_E_SYNTAX;
        if (ascii_is_letter(*part)) {
            if (d->month || !(d->month = type_datetime_month(s))) return TYPE_E_SYNTAX;
        } else {
            d->part[d->parts++] = s;
        }
        bool more = d->p < d->end && *d->p == separator;
        if (more != (i + 1 < PARTS)) return TYPE_E_SYNTAX;
        if (more) d->p++;
    }
    return 0;
}

static int take_number(struct decoder *d)
{
    struct slice digits = take_digits(d);
    char next = '\0';
    if (d->p < d->end) next = *d->p;
    if (next == ':') return take_time(d, digits);
    if (d->time_only || date_complete(d)) return next == '-' ? TYPE_E_SYNTAX : take_compact_time(d, digits);
    if (next == '-' || next == '/' || next == '.') return take_date(d, digits.p);
    if (digits.len < 6) {
        if (d->parts == PARTS) return TYPE_E_SYNTAX;
        d->part[d->parts++] = digits;
        return 0;
    }
    /* A run: the last two digits are the day, the two before them the month. */
    if (d->parts || d->month || !see(d, SEEN_DATE)) return TYPE_E_SYNTAX;
    size_t year = digits.len - 4;
    d->part[0] = (struct slice){digits.p, year};
    d->part[1] = (struct slice){digits.p + year, 2};
    d->part[2] = (struct slice){digits.p + year + 2, 2};
    d->parts = PARTS;
    d->year_first = true;
    return 0;
}

/* A zone belongs to a time, or to a date in one token. */
static bool zone_may_follow(const struct decoder *d)
{
    return d->seen & (SEEN_TIME | SEEN_DATE);
}

/* The T between date and time, or before a time alone */
static int take_t(struct decoder *d, char next)
{
    if ((!date_complete(d) && !d->time_only) || (d->seen & SEEN_TIME) || !see(d, SEEN_T)) return TYPE_E_SYNTAX;
    return ascii_is_digit(next) ? 0 : TYPE_E_SYNTAX;
}

static int take_word(struct decoder *d)
{
    const char *start = d->p;
    while (d->p < d->end && ascii_is_letter(*d->p))
        d->p++;
    const struct word *w = find_word((struct slice){start, (size_t)(d->p - start)});
    if (!w) return TYPE_E_SYNTAX;
    char next = '\0';
    if (d->p < d->end) next = *d->p;
    if (w->kind == WORD_MONTH && (next == '-' || next == '/' || next == '.')) return take_date(d, start);
    if (w->kind == WORD_T) return take_t(d, next);
    /* Digits and signs behind a word make it the name of a zone: 01:30 PM-05 is none of ours either. */
    if (next && !ascii_is_space(next) && next != ',' && !ascii_is_letter(next)) return TYPE_E_SYNTAX;
    switch (w->kind) {
    case WORD_MONTH:
        if (d->month || (d->seen & SEEN_DATE)) return TYPE_E_SYNTAX;
        d->month = w->value;
        return 0;
    case WORD_WEEKDAY: return see(d, SEEN_WEEKDAY) ? 0 : TYPE_E_SYNTAX;
    case WORD_MERIDIEM: d->meridiem = w->value; return see(d, SEEN_MERIDIEM) ? 0 : TYPE_E_SYNTAX;
    case WORD_ERA: d->bc = w->value; return see(d, SEEN_ERA) ? 0 : TYPE_E_SYNTAX;
    case WORD_ZONE: return zone_may_follow(d) && see(d, SEEN_ZONE) ? 0 : TYPE_E_SYNTAX;
    case WORD_T: break;
    }
    return TYPE_E_SYNTAX;
}

/* ±h, ±hh, ±hmm, ±hhmm, ±hh:mm, ±hh:mm:ss */
static int take_zone(struct decoder *d)
{
    bool west = *d->p++ == '-';
    if (!zone_may_follow(d) || !see(d, SEEN_ZONE)) return TYPE_E_SYNTAX;
    struct slice digits = take_digits(d);
    if (digits.len == 0 || digits.len > 4) return TYPE_E_SYNTAX;
    unsigned field[3] = {number(digits), 0, 0};
    for (size_t i = 1; i < 3 && d->p < d->end && *d->p == ':'; i++) {
        d->p++;
        struct slice more = take_digits(d);
        if (more.len == 0 || more.len > 4) return TYPE_E_SYNTAX;
        field[i] = number(more);
        if (i == 1 && digits.len > 2) return TYPE_E_SYNTAX;
    }
    if (d->p < d->end && (*d->p == ':' || *d->p == '.' || *d->p == '-')) return TYPE_E_SYNTAX;
    if (digits.len > 2) field[1] = field[0] % 100, field[0] /= 100;
    if (field[0] > 15 || field[1] > 59 || field[2] > 59) return TYPE_E_RANGE;
    int32_t seconds = (int32_t)((field[0] * 60 + field[1]) * 60 + field[2]);
    d->zone_s = west ? -seconds : seconds;
    return 0;
}

/* Which of the parts is the year, the month, the day: a first part of three or more digits is the year, else the order is MDY. */
static int resolve_date(const struct decoder *d, struct civil *ret_date)
{
    bool year_first = d->year_first || d->part[0].len >= 3;
    struct slice year = year_first ? d->part[0] : d->part[d->parts - 1];
    struct slice day = year_first ? d->part[d->parts - 1] : d->part[d->parts - 2];
    struct slice month = year_first ? d->part[1] : d->part[0];
    if (year.len > YEAR_DIGITS_MAX) return TYPE_E_RANGE;
    if (day.len > 2 || (!d->month && month.len > 2)) return TYPE_E_SYNTAX;
    struct civil c = {
        .year = (int32_t)number(year), .month = (int32_t)(d->month ? d->month : number(month)), .day = (int32_t)number(day)};
    if (d->bc) {
        if (c.year == 0) return TYPE_E_RANGE;
        c.year = 1 - c.year;
    } else if (year.len <= 2) {
        c.year += c.year < 70 ? 2000 : 1900;
    } else if (c.year == 0) {
        return TYPE_E_RANGE;
    }
    if (!type_datetime_exists(c)) return TYPE_E_RANGE;
    *ret_date = c;
    return 0;
}

static int resolve_time(struct decoder *d, int64_t *ret_us)
{
    if (d->seen & SEEN_MERIDIEM) {
        if (!(d->seen & SEEN_TIME)) return TYPE_E_SYNTAX;
        if (d->hour > 12) return TYPE_E_RANGE;
        d->hour = d->hour % 12 + d->meridiem;
    }
    return type_datetime_clock(d->hour, d->minute, d->second_us, ret_us);
}

static int take_all(struct decoder *d)
{
    int r = 0;
    while (!r && d->p < d->end) {
        if (ascii_is_digit(*d->p))
            r = take_number(d);
        else if (ascii_is_letter(*d->p))
            r = take_word(d);
        else if (*d->p == '+' || *d->p == '-')
            r = take_zone(d);
        else if (ascii_is_space(*d->p) || *d->p == ',')
            d->p++;
        else
            r = TYPE_E_SYNTAX;
    }
    return r;
}

static bool decode_word(struct slice text, struct type_stamp *ret_stamp)
{
    static const struct special {
        struct slice text;
        struct type_stamp stamp;
    } specials[] = {
        {{"infinity", 8}, {.kind = TYPE_STAMP_INFINITY}},
        {{"-infinity", 9}, {.kind = TYPE_STAMP_MINUS_INFINITY}},
        {{"epoch", 5}, {.has_date = true, .has_time = true, .has_zone = true, .date = {1970, 1, 1}}},
    };
    for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
        if (!slice_equal_nocase(text, specials[i].text)) continue;
        *ret_stamp = specials[i].stamp;
        return true;
    }
    return false;
}

int type_datetime_decode(struct slice text, bool time_only, struct type_stamp *ret_stamp)
{
    if (!time_only && decode_word(text, ret_stamp)) return 0;
    struct decoder d = {.p = text.p, .end = text.p + text.len, .time_only = time_only};
    int r = take_all(&d);
    if (r) return r;
    struct type_stamp s = {
        .has_date = date_complete(&d), .has_time = d.seen & SEEN_TIME, .has_zone = d.seen & SEEN_ZONE, .zone_s = d.zone_s};
    if (!s.has_date && (d.parts || d.month || (d.seen & (SEEN_ERA | SEEN_WEEKDAY)))) return TYPE_E_SYNTAX;
    if (s.has_date && (r = resolve_date(&d, &s.date))) return r;
    if ((r = resolve_time(&d, &s.time_us))) return r;
    *ret_stamp = s;
    return 0;
}
