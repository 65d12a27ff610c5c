/* SPDX-License-Identifier: MIT */
#include "csv/header.h"

#include "base/ascii.h"

enum { WIDTH_MAX = 1024 }; /* only so many cells of a record are looked at */

static bool is_one_of(struct slice s, const char *const *words)
{
    for (; *words; words++)
        if (slice_equal_nocase(s, slice_of(*words))) return true;
    return false;
}

/* Digits and what stands between them in numbers, amounts, dates and times. */
static bool looks_numeric(struct slice s)
{
    size_t digits = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (ascii_is_digit(s.p[i]))
            digits++;
        else if (s.p[i] == '\0' || !strchr(digits ? "+-.,:/%$() TZeE" : "+-.,$(", s.p[i]))
            return false;
    }
    return digits > 0;
}

static bool looks_uuid(struct slice s)
{
    if (s.len != 36) return false;
    for (size_t i = 0; i < s.len; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? s.p[i] != '-' : !memchr("0123456789abcdefABCDEF", s.p[i], 22)) return false;
    }
    return true;
}

enum header_look header_look_at(struct slice cell)
{
    static const char *const nulls[] = {"null", "na", "n/a", "nan", "none", "-", "\\n", NULL};
    static const char *const booleans[] = {"true", "false", NULL};
    struct slice s = slice_trim(cell);
    if (s.len == 0 || is_one_of(s, nulls)) return HEADER_LOOK_EMPTY;
    return looks_numeric(s) || looks_uuid(s) || is_one_of(s, booleans) ? HEADER_LOOK_VALUE : HEADER_LOOK_TEXT;
}

/* A cell of the first record, and what stands below it. */
struct column {
    struct slice head;
    enum header_look look;
    bool year;     /* the head is four digits */
    bool again;    /* the head's text comes below, too */
    size_t values; /* cells below that look like values, */
    size_t texts;  /* and like text */
};

static bool is_year(struct slice s)
{
    return s.len == 4 && ascii_is_digit(s.p[0]) && ascii_is_digit(s.p[1]) && ascii_is_digit(s.p[2]) && ascii_is_digit(s.p[3]);
}

static void add_record(struct column *column, size_t n, const struct record *record)
{
    for (size_t i = 0; i < n && i < record->n; i++) {
        struct slice text = record->cell[i].text;
        enum header_look look = header_look_at(text);
        column[i].values += look == HEADER_LOOK_VALUE;
        column[i].texts += look == HEADER_LOOK_TEXT;
        column[i].again |= slice_equal(text, column[i].head);
    }
}

static bool has_twin(const struct column *column, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (slice_equal(column[k].head, column[i].head)) return true;
    return false;
}

/*
 * Names are texts; a number, a date or the like is not, save a year when another column speaks for a header. What speaks for one:
 * text over a column of values (nine in ten). Without that, names must be there, be distinct, and not come again as values. In
 * doubt yes.
 */
static enum header_kind judge(const struct column *column, size_t n)
{
    bool contrast = false, years_only = true, odd = false, values = false;
    for (size_t i = 0; i < n; i++) {
        const struct column *c = &column[i];
        contrast |= c->look == HEADER_LOOK_TEXT && c->values > 9 * c->texts;
        values |= c->look == HEADER_LOOK_VALUE;
        years_only &= c->look != HEADER_LOOK_VALUE || c->year;
        odd |= c->look == HEADER_LOOK_EMPTY || c->again || has_twin(column, i);
    }
    if (contrast && years_only) return odd ? HEADER_LIKELY : HEADER_SURE;
    return !values && (contrast || !odd) ? HEADER_LIKELY : HEADER_NO;
}

enum header_kind header_judge(struct reader *r, const struct record *first, size_t records_max, struct arena *arena)
{
    size_t n = first->n < WIDTH_MAX ? first->n : WIDTH_MAX;
    struct column *column = arena_array(arena, n, sizeof(*column));
    if (!column) return HEADER_LIKELY;
    for (size_t i = 0; i < n; i++) {
        column[i].head = first->cell[i].text;
        column[i].look = header_look_at(column[i].head);
        column[i].year = is_year(slice_trim(column[i].head));
    }
    struct record record;
    for (size_t seen = 1; seen < records_max; seen++) {
        int rc = reader_next(r, &record);
        if (rc < 0 || rc == READER_E_END) break;
        if (rc == 0) add_record(column, n, &record);
    }
    return judge(column, n);
}
