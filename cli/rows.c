/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include "field.h"
#include "table.h"

#include <stdlib.h>

enum { WIDEST = 40, SHOWN_MAX = 4096 };

struct rows {
    struct table table;
    size_t columns, shown; /* of a row; in the table */
    size_t at;             /* the column that comes next */
};

struct rows *rows_begin(const char *const *names, size_t n)
{
    struct rows *r = calloc(1, sizeof *r);
    struct table_column column[TABLE_COLUMNS_MAX];
    if (!r) return NULL;
    r->columns = n;
    r->shown = n < TABLE_COLUMNS_MAX ? n : TABLE_COLUMNS_MAX;
    for (size_t i = 0; i < r->shown; i++)
        column[i] = (struct table_column){names[i], i + 1 == r->shown ? TABLE_REST : TABLE_LEFT};
    table_init(&r->table, column, r->shown);
    return r;
}

size_t rows_width(struct slice text)
{
    return table_width(text);
}

/* At most WIDEST columns of it, as a terminal may show it. */
static void put_cut(struct buf *out, struct slice text)
{
    struct slice start = slice_cut_utf8(text, WIDEST * 4);
    field_show(out, start, false);
    struct slice shown = buf_slice(out);
    if (table_width(shown) <= WIDEST && start.len == text.len) return;
    while (table_width(shown) >= WIDEST)
        shown = slice_cut_utf8(shown, shown.len - 1);
    out->len = shown.len;
    buf_puts(out, "…");
}

void rows_cell(struct rows *r, struct slice text, bool null)
{
    if (!r) return;
    if (r->at < r->shown) {
        struct buf shown;
        buf_init(&shown, SHOWN_MAX);
        if (null)
            buf_puts(&shown, "NULL");
        else
            put_cut(&shown, text);
        table_cell(&r->table, buf_slice(&shown), null ? TABLE_FAINT : TABLE_PLAIN);
        buf_done(&shown);
    }
    r->at = (r->at + 1) % r->columns;
}

void rows_print(struct rows *r, const struct cli *cli)
{
    if (!r) return;
    table_print(&r->table, cli);
    if (r->columns > r->shown)
        printf("(and %zu more column%s, which --json shows)\n", r->columns - r->shown, r->columns - r->shown == 1 ? "" : "s");
    table_done(&r->table);
    free(r);
}
