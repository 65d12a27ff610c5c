/* SPDX-License-Identifier: MIT */
#include "data/type_marks.h"

#include "base/ascii.h"

#include <stdio.h>

/* Bytes of the thousands mark at the start of s; 0: it is not there. A blank may be one that does not break, or a narrow one; an
 * apostrophe may be the typographic one. */
static size_t mark_len(char mark, struct slice s)
{
    static const struct {
        char mark;
        struct slice text;
    } others[] = {{' ', {"\xc2\xa0", 2}}, {' ', {"\xe2\x80\xaf", 3}}, {' ', {"\xe2\x80\x89", 3}}, {'\'', {"\xe2\x80\x99", 3}}};
    if (!mark || s.len == 0) return 0;
    if (s.p[0] == mark) return 1;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (others[i].mark == mark && slice_starts(s, others[i].text)) return others[i].text.len;
    return 0;
}

struct plain {
    char *start, *to;
    struct slice rest;
};

static void copy(struct plain *p)
{
    *p->to++ = p->rest.p[0];
    p->rest.p++, p->rest.len--;
}

/* The digits before the decimal mark. False: their groups are not as they should be. */
static bool copy_whole(const struct type_marks *marks, struct plain *p)
{
    const char *first = p->to;
    size_t group = 0, groups = 0, len;
    for (;;) {
        if (p->rest.len > 0 && ascii_is_digit(p->rest.p[0])) {
            copy(p);
            group++;
        } else if ((len = mark_len(marks->thousands, p->rest))) {
            if (groups == 0 ? group < 1 || group > 3 || *first == '0' : group != 3) return false;
            groups++;
            group = 0;
            p->rest.p += len, p->rest.len -= len;
        } else {
            return groups == 0 || group == 3;
        }
    }
}

int type_marks_plain(const struct type_marks *marks, struct slice text, char small[TYPE_MARKS_SMALL], struct arena *arena,
                     struct slice *ret_plain)
{
    struct plain p = {.rest = slice_trim(text)};
    if (p.rest.len <= TYPE_MARKS_SMALL)
        p.start = small;
    else if (arena)
        p.start = arena_alloc(arena, p.rest.len);
    if (!p.start) return arena ? -ENOMEM : TYPE_E_SYNTAX;
    p.to = p.start;
    if (p.rest.len > 0 && (p.rest.p[0] == '-' || p.rest.p[0] == '+')) copy(&p);
    if (!copy_whole(marks, &p)) return TYPE_E_SYNTAX;
    if (p.rest.len > 0 && p.rest.p[0] == marks->decimal) {
        *p.to++ = '.';
        p.rest.p++, p.rest.len--;
    }
    while (p.rest.len > 0) {
        if (p.rest.p[0] == '.' || p.rest.p[0] == marks->decimal || mark_len(marks->thousands, p.rest)) return TYPE_E_SYNTAX;
        copy(&p);
    }
    *ret_plain = (struct slice){p.start, (size_t)(p.to - p.start)};
    return 0;
}

const char *type_marks_example(const struct type_marks *marks, bool whole, char ret_text[16])
{
    char thousands[2] = {marks->thousands, '\0'};
    if (whole)
        snprintf(ret_text, 16, "1%s234", thousands);
    else
        snprintf(ret_text, 16, "1%s234%c56", thousands, marks->decimal);
    return ret_text;
}
