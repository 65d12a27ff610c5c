/* SPDX-License-Identifier: MIT */
#include "data/type_format.h"

#include "base/ascii.h"

#include <stdlib.h>

enum field {
    FIELD_YEAR,
    FIELD_MONTH,
    FIELD_DAY,
    FIELD_HOUR24,
    FIELD_HOUR12,
    FIELD_MINUTE,
    FIELD_SECOND,
    FIELD_FRACTION,
    FIELD_MERIDIEM,
    FIELD_N
};
enum node_kind {
    NODE_DIGITS,
    NODE_YEAR_OF_TWO,
    NODE_FRACTION,
    NODE_MONTH,
    NODE_MONTH_FULL,
    NODE_MERIDIEM,
    NODE_SPACE,
    NODE_LITERAL
};

struct node {
    enum node_kind kind;
    enum field field;
    unsigned char min, max; /* digits taken */
    char literal;
};

/* Longer words stand before their own beginnings. */
static const struct keyword {
    struct slice text;
    struct node node;
} keywords[] = {
    {{"YYYY", 4}, {NODE_DIGITS, FIELD_YEAR, 4, 4, 0}},       {{"YY", 2}, {NODE_YEAR_OF_TWO, FIELD_YEAR, 2, 2, 0}},
    {{"MONTH", 5}, {NODE_MONTH_FULL, FIELD_MONTH, 0, 0, 0}}, {{"MON", 3}, {NODE_MONTH, FIELD_MONTH, 0, 0, 0}},
    {{"MM", 2}, {NODE_DIGITS, FIELD_MONTH, 1, 2, 0}},        {{"MI", 2}, {NODE_DIGITS, FIELD_MINUTE, 1, 2, 0}},
    {{"MS", 2}, {NODE_FRACTION, FIELD_FRACTION, 1, 3, 0}},   {{"M", 1}, {NODE_DIGITS, FIELD_MONTH, 1, 2, 0}},
    {{"DD", 2}, {NODE_DIGITS, FIELD_DAY, 1, 2, 0}},          {{"D", 1}, {NODE_DIGITS, FIELD_DAY, 1, 2, 0}},
    {{"HH24", 4}, {NODE_DIGITS, FIELD_HOUR24, 1, 2, 0}},     {{"HH12", 4}, {NODE_DIGITS, FIELD_HOUR12, 1, 2, 0}},
    {{"HH", 2}, {NODE_DIGITS, FIELD_HOUR12, 1, 2, 0}},       {{"SS", 2}, {NODE_DIGITS, FIELD_SECOND, 1, 2, 0}},
    {{"US", 2}, {NODE_FRACTION, FIELD_FRACTION, 1, 6, 0}},   {{"AM", 2}, {NODE_MERIDIEM, FIELD_MERIDIEM, 0, 0, 0}},
    {{"PM", 2}, {NODE_MERIDIEM, FIELD_MERIDIEM, 0, 0, 0}},
};

enum { PATTERN_MAX = 64 };
struct type_format {
    size_t nodes;
    unsigned fields;               /* bits of the fields it has */
    struct node node[PATTERN_MAX]; /* each takes at least one byte of the pattern */
    char pattern[PATTERN_MAX + 1];
};

static void add_literal(struct type_format *f, char c)
{
    f->node[f->nodes++] = (struct node){.kind = ascii_is_space(c) ? NODE_SPACE : NODE_LITERAL, .literal = c};
}

/* "quoted text", from behind the first quote; the bytes taken, or 0 when the second quote is missing */
static size_t add_quoted(struct type_format *f, struct slice rest)
{
    const char *end = memchr(rest.p, '"', rest.len);
    if (!end) return 0;
    for (const char *p = rest.p; p < end; p++)
        add_literal(f, *p);
    return (size_t)(end - rest.p) + 1;
}

static const struct keyword *find_keyword(struct slice rest)
{
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        struct slice word = keywords[i].text;
        if (rest.len >= word.len && slice_equal_nocase((struct slice){rest.p, word.len}, word)) return &keywords[i];
    }
    return NULL;
}

static int compile(struct type_format *f, struct slice pattern, struct error *err)
{
    for (size_t i = 0; i < pattern.len;) {
        struct slice rest = {pattern.p + i, pattern.len - i};
        const struct keyword *k = find_keyword(rest);
        if (k) {
            if (f->fields & 1U << k->node.field)
                return error_set(err, TYPE_E_SYNTAX, "\"" SLICE_FMT "\" in the template says what an earlier part said",
                                 SLICE_ARG(k->text));
            f->fields |= 1U << k->node.field;
            f->node[f->nodes++] = k->node;
            i += k->text.len;
        } else if (rest.p[0] == '"') {
            size_t taken = add_quoted(f, (struct slice){rest.p + 1, rest.len - 1});
            if (!taken) return error_set(err, TYPE_E_SYNTAX, "a quote in the template is not closed");
            i += 1 + taken;
        } else if (ascii_is_letter(rest.p[0]) || ascii_is_digit(rest.p[0])) {
            return error_set(
                err, TYPE_E_SYNTAX,
                "\"%c\" in the template is no part of a date or time; put literal text in quotes, as in YYYY-MM-DD\"T\"HH24:MI",
                rest.p[0]);
        } else {
            add_literal(f, rest.p[0]);
            i++;
        }
    }
    return 0;
}

static bool has(const struct type_format *f, enum field field)
{
    return f->fields & 1U << field;
}

static int check_fields(const struct type_format *f, struct error *err)
{
    if (has(f, FIELD_HOUR24) && (has(f, FIELD_HOUR12) || has(f, FIELD_MERIDIEM)))
        return error_set(err, TYPE_E_SYNTAX, "HH24 goes neither with HH12 nor with AM or PM");
    if (has(f, FIELD_HOUR12) != has(f, FIELD_MERIDIEM))
        return error_set(err, TYPE_E_SYNTAX, "HH12 (or HH) and AM need each other; the hours of a whole day are HH24");
    if (!has(f, FIELD_YEAR) && !has(f, FIELD_HOUR24) && !has(f, FIELD_HOUR12))
        return error_set(err, TYPE_E_SYNTAX, "the template has neither a year (YYYY) nor an hour (HH24)");
    return 0;
}

static bool takes_digits(const struct type_format *f, size_t i)
{
    return i < f->nodes && f->node[i].kind <= NODE_FRACTION;
}

/* Beside another node of digits one takes all of its own, for then nothing else tells where it ends. */
static void settle_digits(struct type_format *f)
{
    for (size_t i = 0; i < f->nodes; i++) {
        bool run = takes_digits(f, i + 1) || (i > 0 && takes_digits(f, i - 1));
        if (run && takes_digits(f, i) && f->node[i].kind != NODE_FRACTION) f->node[i].min = f->node[i].max;
    }
}

int type_format_new(struct slice pattern, struct error *err, struct type_format **ret_format)
{
    if (pattern.len == 0 || pattern.len > PATTERN_MAX)
        return error_set(err, TYPE_E_SYNTAX, "a template has 1 to %d bytes", PATTERN_MAX);
    struct type_format *f = calloc(1, sizeof(*f));
    if (!f) return -ENOMEM;
    memcpy(f->pattern, pattern.p, pattern.len);
    int r = compile(f, pattern, err);
    if (!r) r = check_fields(f, err);
    if (r) {
        free(f);
        return r;
    }
    settle_digits(f);
    *ret_format = f;
    return 0;
}

void type_format_free(struct type_format *f)
{
    free(f);
}

const char *type_format_pattern(const struct type_format *f)
{
    return f->pattern;
}

bool type_format_suits(const struct type_format *f, enum type_id id)
{
    if (id == TYPE_TIME) return has(f, FIELD_HOUR24) || has(f, FIELD_HOUR12);
    return (id == TYPE_DATE || id == TYPE_TIMESTAMP || id == TYPE_TIMESTAMPTZ) && has(f, FIELD_YEAR);
}

/* The letters at the start of s */
static struct slice letters(struct slice s)
{
    size_t n = 0;
    while (n < s.len && ascii_is_letter(s.p[n]))
        n++;
    return (struct slice){s.p, n};
}

static int take_name(const struct node *n, struct slice s, size_t *ret_taken, unsigned *ret_value)
{
    struct slice name = letters(s);
    if (n->kind == NODE_MERIDIEM) {
        bool pm = slice_equal_nocase(name, SLICE("pm"));
        if (!pm && !slice_equal_nocase(name, SLICE("am"))) return TYPE_E_SYNTAX;
        *ret_value = pm ? 12 : 0;
    } else {
        /* "May" is both the short and the full name. */
        unsigned month = type_datetime_month(name);
        if (month == 0 || (n->kind == NODE_MONTH ? name.len != 3 : name.len == 3 && month != 5)) return TYPE_E_SYNTAX;
        if (n->kind == NODE_MONTH_FULL && name.len == 4 && month == 9) return TYPE_E_SYNTAX;
        *ret_value = month;
    }
    *ret_taken = name.len;
    return 0;
}

/* min to max digits at the start of *s */
static inline int take_digits(const struct node *n, struct slice *s, unsigned value[FIELD_N])
{
    static const unsigned scale[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    size_t taken = 0, max = s->len < n->max ? s->len : n->max;
    unsigned v = 0;
    for (; taken < max && ascii_is_digit(s->p[taken]); taken++)
        v = v * 10 + (unsigned)(s->p[taken] - '0');
    if (taken < n->min) return TYPE_E_SYNTAX;
    if (n->kind == NODE_YEAR_OF_TWO) v += v < 70 ? 2000 : 1900;
    if (n->kind == NODE_FRACTION) v *= scale[taken];
    value[n->field] = v;
    s->p += taken, s->len -= taken;
    return 0;
}

/* Match a node at the start of *s, take it off, and put what it says into value[] */
static int take(const struct node *n, struct slice *s, unsigned value[FIELD_N])
{
    size_t taken = 0;
    switch (n->kind) {
    case NODE_DIGITS:
    case NODE_YEAR_OF_TWO:
    case NODE_FRACTION: return take_digits(n, s, value);
    case NODE_LITERAL:
        if (s->len == 0 || s->p[0] != n->literal) return TYPE_E_SYNTAX;
        taken = 1;
        break;
    case NODE_SPACE:
        while (taken < s->len && ascii_is_space(s->p[taken]))
            taken++;
        if (!taken) return TYPE_E_SYNTAX;
        break;
    case NODE_MONTH:
    case NODE_MONTH_FULL:
    case NODE_MERIDIEM: {
        int r = take_name(n, *s, &taken, &value[n->field]);
        if (r) return r;
        break;
    }
    }
    s->p += taken, s->len -= taken;
    return 0;
}

static int resolve(const struct type_format *f, const unsigned value[FIELD_N], struct type_stamp *ret_stamp)
{
    struct type_stamp s = {.has_date = has(f, FIELD_YEAR), .has_time = has(f, FIELD_HOUR24) || has(f, FIELD_HOUR12)};
    s.date = (struct civil){(int32_t)value[FIELD_YEAR], (int32_t)value[FIELD_MONTH], (int32_t)value[FIELD_DAY]};
    if (s.has_date && (s.date.year == 0 || !type_datetime_exists(s.date))) return TYPE_E_RANGE;
    unsigned hour = value[FIELD_HOUR24];
    if (has(f, FIELD_HOUR12)) {
        if (value[FIELD_HOUR12] < 1 || value[FIELD_HOUR12] > 12) return TYPE_E_RANGE;
        hour = value[FIELD_HOUR12] % 12 + value[FIELD_MERIDIEM];
    }
    if (hour > 23 || value[FIELD_SECOND] > 59) return TYPE_E_RANGE;
    int64_t second_us = value[FIELD_SECOND] * CIVIL_US_PER_SECOND + value[FIELD_FRACTION];
    int r = type_datetime_clock(hour, value[FIELD_MINUTE], second_us, &s.time_us);
    if (r) return r;
    *ret_stamp = s;
    return 0;
}

int type_format_parse(const struct type_format *f, struct slice text, struct type_stamp *ret_stamp)
{
    unsigned value[FIELD_N] = {[FIELD_MONTH] = 1, [FIELD_DAY] = 1};
    for (size_t i = 0; i < f->nodes; i++) {
        int r = take(&f->node[i], &text, value);
        if (r) return r;
    }
    return text.len ? TYPE_E_SYNTAX : resolve(f, value, ret_stamp);
}
