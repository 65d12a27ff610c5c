/* SPDX-License-Identifier: MIT */
/*
 * Tables for people: columns as wide as their widest cell, on a terminal in its width and with colours.
 *
 *     struct table t;
 *     table_init(&t, (const struct table_column[]){{"id", TABLE_RIGHT}, {"name", TABLE_LEFT}, {"error", TABLE_REST}}, 3);
 *     table_cell(&t, text, TABLE_PLAIN); …            row after row
 *     table_print(&t, cli);
 *     table_done(&t);
 *
 * Cells are copied. They must be fit to be shown: see field.h. Without memory a table is cut short, and table_print says so.
 */
#ifndef CETL_TABLE_H
#define CETL_TABLE_H

#include "base/buf.h"
#include "cli.h"

enum table_align {
    TABLE_LEFT,
    TABLE_RIGHT,
    TABLE_REST, /* the last column: cut at the terminal's edge */
};
enum table_look { TABLE_PLAIN, TABLE_GOOD, TABLE_ODD, TABLE_BAD, TABLE_FAINT };

struct table_column {
    const char *heading; /* "" in all: there is no heading */
    enum table_align align;
};

enum { TABLE_COLUMNS_MAX = 12 };

struct table {
    struct table_column column[TABLE_COLUMNS_MAX];
    size_t columns;
    bool goes_on;           /* below a table that is printed already: without headings */
    struct buf text, cells; /* struct cell each, where it stands in `text` */
};

void table_init(struct table *t, const struct table_column *columns, size_t n);
void table_done(struct table *t);
void table_cell(struct table *t, struct slice text, enum table_look look);
/** A row of two cells. `text` is empty afterwards. */
void table_pair(struct table *t, const char *name, struct buf *text, enum table_look look);
void table_print(const struct table *t, const struct cli *cli);

/** How many columns of a terminal the text takes. */
size_t table_width(struct slice text);
/** Its first characters that fit into so many. */
struct slice table_cut(struct slice text, size_t room);

#endif
