/* SPDX-License-Identifier: MIT */
#include "data/infer_cell.h"

#include "base/ascii.h"
#include "data/type_datetime.h"
#include "data/type_float.h"
#include "data/type_json.h"
#include "data/type_marks.h"
#include "data/type_number.h"

#include <stdio.h>

enum { NUMBER_BYTES_MAX = 100, DATE_BYTES = 10, UUID_BYTES = 36 };
#define BIT(candidate) (1U << INFER_CELL_##candidate)

static const char separators[] = {'/', '.', '-'};
static const struct time_form {
    const char *template;
    bool seconds, meridiem;
} time_forms[] = {
    {"", false, false},           {" HH24:MI", false, false},     {" HH24:MI:SS", true, false},
    {" HH12:MI AM", false, true}, {" HH12:MI:SS AM", true, true},
};
enum { TIME_FORMS = sizeof(time_forms) / sizeof(time_forms[0]), SEPARATORS = sizeof(separators) };

static size_t count_digits(struct slice s)
{
    size_t n = 0;
    while (n < s.len && ascii_is_digit(s.p[n]))
        n++;
    return n;
}

static struct slice skip(struct slice s, size_t n)
{
    return (struct slice){s.p + n, s.len - n};
}

static bool is_one_of(struct slice s, const struct slice *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_equal_nocase(s, words[i])) return true;
    return false;
}

static unsigned look_bool(struct slice s)
{
    static const struct slice words[] = {{"true", 4}, {"false", 5}, {"t", 1}, {"f", 1}, {"yes", 3}, {"no", 2}};
    return is_one_of(s, words, sizeof(words) / sizeof(words[0])) ? BIT(BOOL) : 0;
}

/* [-] digits [. digits] [e ± digits], or a word that stands for no number */
static unsigned look_plain_number(struct slice s)
{
    static const struct slice words[] = {{"nan", 3}, {"inf", 3}, {"-inf", 4}, {"infinity", 8}, {"-infinity", 9}};
    if (s.len == 0 || s.len > NUMBER_BYTES_MAX) return 0;
    struct slice rest = s.p[0] == '-' ? skip(s, 1) : s;
    size_t whole = count_digits(rest);
    if (whole == 0 && !(rest.len > 1 && rest.p[0] == '.' && ascii_is_digit(rest.p[1])))
        return is_one_of(s, words, sizeof(words) / sizeof(words[0])) ? BIT(FLOAT8) : 0;
    if (whole > 1 && rest.p[0] == '0') return 0;
    union value unused;
    unsigned is = 0;
    rest = skip(rest, whole);
    if (rest.len == 0) {
        const struct type_input int8 = {.type = {TYPE_INT8, -1}};
        is = BIT(NUMERIC) | (type_number_int(&int8, s, NULL, &unused) == 0 ? BIT(INT8) : 0);
    } else if (rest.p[0] == '.') {
        rest = skip(rest, 1 + count_digits(skip(rest, 1)));
        if (rest.len == 0) is = BIT(NUMERIC);
    }
    if (rest.len > 0 && (rest.p[0] | 0x20) != 'e') return 0;
    return is | (type_float_double(NULL, s, NULL, &unused) == 0 ? BIT(FLOAT8) : 0);
}

static unsigned look_number(struct slice s, const struct type_marks *marks)
{
    if (!marks->decimal) return look_plain_number(s);
    char small[TYPE_MARKS_SMALL];
    struct slice plain;
    if (type_marks_plain(marks, s, small, NULL, &plain)) return 0;
    return look_plain_number(plain);
}

/* yyyy-mm-dd or yyyy/mm/dd at the start of s */
static bool starts_with_date(struct slice s)
{
    if (s.len < DATE_BYTES || (s.p[4] != '-' && s.p[4] != '/') || s.p[7] != s.p[4]) return false;
    return count_digits(s) == 4 && count_digits(skip(s, 5)) == 2 && count_digits(skip(s, 8)) >= 2;
}

static unsigned look_iso_date(struct slice s)
{
    if (!starts_with_date(s)) return 0;
    bool zone = false;
    if (s.len > DATE_BYTES) {
        if (s.p[DATE_BYTES] != ' ' && s.p[DATE_BYTES] != 'T') return 0;
        for (struct slice rest = skip(s, DATE_BYTES + 1); rest.len > 0; rest = skip(rest, 1)) {
            if (!ascii_is_digit(rest.p[0]) && !memchr(":.+-Z", rest.p[0], 5)) return 0;
            zone |= rest.p[0] == 'Z' || rest.p[0] == '+' || rest.p[0] == '-';
        }
    }
    struct type_stamp stamp;
    if (type_datetime_decode(s, false, &stamp)) return 0;
    if (!stamp.has_time) return s.len == DATE_BYTES ? BIT(DATE) | BIT(TIMESTAMP) : 0;
    return zone ? BIT(TIMESTAMPTZ) : BIT(TIMESTAMP);
}

/* One or two digits at the start of *s; they are taken off. -1: there are none, or more */
static int take_short(struct slice *s)
{
    size_t n = count_digits(*s);
    if (n < 1 || n > 2) return -1;
    int v = s->p[0] - '0';
    if (n == 2) v = v * 10 + (s->p[1] - '0');
    *s = skip(*s, n);
    return v;
}

static bool take_char(struct slice *s, char c)
{
    if (s->len == 0 || s->p[0] != c) return false;
    *s = skip(*s, 1);
    return true;
}

/* The time of day behind a date, and which of time_forms it has. False: none of them. */
static bool look_time(struct slice s, size_t *ret_form)
{
    *ret_form = 0;
    if (s.len == 0) return true;
    if (!take_char(&s, ' ')) return false;
    int hour = take_short(&s);
    if (hour < 0 || !take_char(&s, ':')) return false;
    int minute = take_short(&s), second = 0;
    bool seconds = minute >= 0 && take_char(&s, ':');
    if (seconds) second = take_short(&s);
    bool meridiem = take_char(&s, ' ');
    if (meridiem ? !slice_equal_nocase(s, SLICE("am")) && !slice_equal_nocase(s, SLICE("pm")) : s.len > 0) return false;
    if (minute < 0 || minute > 59 || second < 0 || second > 59) return false;
    if (meridiem ? hour < 1 || hour > 12 : hour > 23) return false;
    for (size_t f = 1; f < TIME_FORMS; f++)
        if (time_forms[f].seconds == seconds && time_forms[f].meridiem == meridiem) *ret_form = f;
    return true;
}

/* d/m/yyyy or m/d/yyyy, with a time of day perhaps */
static struct infer_cell look_short_date(struct slice s)
{
    const struct infer_cell none = {0};
    int first = take_short(&s);
    const char *separator = first >= 0 && s.len > 0 ? memchr(separators, s.p[0], SEPARATORS) : NULL;
    if (!separator) return none;
    s = skip(s, 1);
    int second = take_short(&s);
    if (second < 0 || !take_char(&s, *separator) || count_digits(s) != 4) return none;
    int32_t year = 0;
    for (size_t i = 0; i < 4; i++)
        year = year * 10 + (s.p[i] - '0');
    size_t time;
    if (year == 0 || !look_time(skip(s, 4), &time)) return none;
    struct infer_cell cell = {.form = 1U << ((size_t)(separator - separators) * TIME_FORMS + time)};
    if (type_datetime_exists((struct civil){year, second, first})) cell.is |= BIT(DAY_FIRST);
    if (type_datetime_exists((struct civil){year, first, second})) cell.is |= BIT(MONTH_FIRST);
    return cell.is ? cell : none;
}

static unsigned look_uuid(struct slice s)
{
    if (s.len != UUID_BYTES) return 0;
    for (size_t i = 0; i < UUID_BYTES; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        char lower = (char)(s.p[i] | 0x20);
        if (hyphen ? s.p[i] != '-' : !ascii_is_digit(s.p[i]) && (lower < 'a' || lower > 'f')) return 0;
    }
    return BIT(UUID);
}

static unsigned look_json(struct slice s)
{
    struct slice inner = slice_trim(s);
    if (inner.len < 2 || (inner.p[0] != '{' && inner.p[0] != '[')) return 0;
    const struct type_input json = {.type = {TYPE_JSON, -1}};
    union value unused;
    return type_json_parse(&json, s, NULL, &unused) == 0 ? BIT(JSON) : 0;
}

struct infer_cell infer_cell_look(struct slice text, unsigned wanted, const struct type_marks *marks)
{
    struct infer_cell cell = {0};
    struct slice s = slice_trim(text);
    if (wanted & (BIT(INT8) | BIT(NUMERIC) | BIT(FLOAT8))) cell.is |= look_number(s, marks);
    if (wanted & BIT(BOOL)) cell.is |= look_bool(s);
    if (wanted & (BIT(DATE) | BIT(TIMESTAMP) | BIT(TIMESTAMPTZ))) cell.is |= look_iso_date(s);
    if (wanted & BIT(UUID)) cell.is |= look_uuid(text);
    if (wanted & BIT(JSON)) cell.is |= look_json(text);
    if (wanted & (BIT(DAY_FIRST) | BIT(MONTH_FIRST))) {
        struct infer_cell date = look_short_date(s);
        cell.is |= date.is;
        cell.form = date.form;
    }
    cell.is &= wanted;
    return cell;
}

enum type_id infer_cell_template(unsigned form, bool day_first, char ret_format[INFER_FORMAT_MAX])
{
    size_t index = 0;
    while (!(form & 1U << index))
        index++;
    char separator = separators[index / TIME_FORMS];
    const char *time = time_forms[index % TIME_FORMS].template;
    snprintf(ret_format, INFER_FORMAT_MAX, "%s%c%s%cYYYY%s", day_first ? "DD" : "MM", separator, day_first ? "MM" : "DD", separator,
             time);
    return *time ? TYPE_TIMESTAMP : TYPE_DATE;
}
