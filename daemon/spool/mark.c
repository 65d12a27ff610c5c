/* SPDX-License-Identifier: MIT */
#include "spool/mark.h"

#include <stdbool.h>

/* Those of two and four bytes in the order in which they must be tried. */
static const struct mark {
    struct slice bytes;
    int unit; /* bytes */
    bool big;
    const char *name; /* for iconv and for people */
} marks[] = {
    {{"\xff\xfe\0\0", 4}, 4, false, "UTF-32LE"}, {{"\0\0\xfe\xff", 4}, 4, true, "UTF-32BE"},
    {{"\xff\xfe", 2}, 2, false, "UTF-16LE"},     {{"\xfe\xff", 2}, 2, true, "UTF-16BE"},
    {{"\xef\xbb\xbf", 3}, 1, false, "UTF-8"},
};

static const struct mark *find_mark(struct slice start)
{
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (slice_starts(start, marks[i].bytes)) return &marks[i];
    return NULL;
}

enum order { OPEN, LITTLE, BIG };

/* What a name says: bytes of its unit (0: it is none of Unicode's) and their order. */
static int unit_of(const char *name, enum order *ret_order)
{
    static const struct {
        const char *name;
        int unit;
    } families[] = {{"utf-8", 1}, {"utf8", 1},   {"utf-16", 2}, {"utf16", 2}, {"ucs-2", 2},
                    {"ucs2", 2},  {"utf-32", 4}, {"utf32", 4},  {"ucs-4", 4}, {"ucs4", 4}};
    struct slice text = slice_of(name);
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        struct slice family = slice_of(families[i].name);
        if (text.len < family.len || !slice_equal_nocase((struct slice){text.p, family.len}, family)) continue;
        struct slice rest = {text.p + family.len, text.len - family.len};
        *ret_order = slice_equal_nocase(rest, SLICE("le")) ? LITTLE : slice_equal_nocase(rest, SLICE("be")) ? BIG : OPEN;
        return rest.len == 0 || *ret_order != OPEN ? families[i].unit : 0;
    }
    return 0;
}

/* Most text has many characters below U+0100: their unit's high byte is zero. */
static enum order order_by_zeros(struct slice start, size_t unit)
{
    size_t first = 0, last = 0;
    for (size_t i = 0; i + unit <= start.len; i += unit) {
        first += start.p[i] == '\0';
        last += start.p[i + unit - 1] == '\0';
    }
    return first == last ? OPEN : first > last ? BIG : LITTLE;
}

static const char *wide_name(int unit, enum order order)
{
    return unit == 4 ? (order == BIG ? "UTF-32BE" : "UTF-32LE") : order == BIG ? "UTF-16BE" : "UTF-16LE";
}

static int contradict(const struct mark *m, const char *declared, struct error *err)
{
    return error_set(err, MARK_E_REFUSED, "begins with the byte order mark of %s, but its encoding is declared as %s", m->name,
                     declared);
}

int mark_encoding(struct slice start, const char *declared, const char **ret_encoding, struct error *err)
{
    const struct mark *m = find_mark(start);
    if (m && m->unit == 1) {
        *ret_encoding = NULL;
        return 0;
    }
    if (!declared) {
        *ret_encoding = m && m->unit > 1 ? m->name : NULL;
        return 0;
    }
    enum order order = OPEN;
    int unit = unit_of(declared, &order);
    if (m && (m->unit != unit || (order != OPEN && (order == BIG) != m->big))) return contradict(m, declared, err);
    if (m) order = m->big ? BIG : LITTLE;
    if (unit > 1 && order == OPEN) order = order_by_zeros(start, (size_t)unit);
    if (unit > 1 && order == OPEN && start.len > 0)
        return error_set(err, MARK_E_REFUSED,
                         "has no byte order mark, and nothing tells the order of its bytes; declare encoding = %s or %s",
                         wide_name(unit, LITTLE), wide_name(unit, BIG));
    *ret_encoding = unit > 1 ? wide_name(unit, order) : unit == 1 ? NULL : declared;
    return 0;
}
