/* SPDX-License-Identifier: MIT */
#include "etl/postponed.h"

void postponed_init(struct postponed *p, size_t max, size_t why_max)
{
    buf_init(&p->copy, max);
    buf_init(&p->row, max);
    reject_list_init(&p->why, why_max);
}

void postponed_done(struct postponed *p)
{
    size_t max = p->copy.max, why_max = p->why.max;
    buf_done(&p->copy);
    buf_done(&p->row);
    reject_list_done(&p->why);
    postponed_init(p, max, why_max);
}

size_t postponed_bytes(const struct postponed *p)
{
    return p->copy.cap + p->row.cap;
}

size_t postponed_rows(const struct postponed *p)
{
    return p->row.len / sizeof(struct convert_row);
}

const struct convert_row *postponed_row(const struct postponed *p)
{
    return (const struct convert_row *)(const void *)p->row.data;
}

struct slice postponed_window_bytes(const struct postponed_window *w)
{
    size_t start = w->from > 0 ? w->row[w->from - 1].end : 0;
    return (struct slice){w->copy.p + start, w->row[w->to - 1].end - start};
}

bool postponed_add(struct postponed *p, const struct postponed_window *w)
{
    struct slice bytes = postponed_window_bytes(w);
    size_t copied = p->copy.len, rows = p->row.len;
    buf_put(&p->copy, bytes);
    for (size_t i = w->from; i < w->to; i++) {
        struct convert_row kept = {w->row[i].line, copied + w->row[i].end - (size_t)(bytes.p - w->copy.p)};
        buf_append(&p->row, &kept, sizeof kept);
    }
    if (buf_check(&p->copy) == 0 && buf_check(&p->row) == 0) return true;
    p->copy.len = copied;
    p->row.len = rows;
    p->copy.failed = p->row.failed = 0;
    return false;
}

int postponed_turn(struct postponed *to, struct postponed *from)
{
    const struct convert_row *row = postponed_row(from);
    postponed_done(to);
    for (size_t i = postponed_rows(from); i-- > 0;) {
        size_t start = i > 0 ? row[i - 1].end : 0;
        buf_put(&to->copy, (struct slice){from->copy.data + start, row[i].end - start});
        struct convert_row turned = {row[i].line, to->copy.len};
        buf_append(&to->row, &turned, sizeof turned);
    }
    postponed_done(from);
    int r = buf_check(&to->copy);
    return r < 0 ? r : buf_check(&to->row);
}
