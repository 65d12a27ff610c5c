/* SPDX-License-Identifier: MIT */
/*
 * Rows of a file or a table for people: as many columns as go into a table, long values cut.
 *
 *     rows_begin(&rows, names, n);
 *     rows_cell(&rows, text, null);  …  n of them a row
 *     rows_print(&rows, cli);        also done with it
 */
#ifndef CETL_ROWS_H
#define CETL_ROWS_H

#include "base/slice.h"
#include "cli.h"

struct rows;

/** NULL without memory, which all the others take. */
struct rows *rows_begin(const char *const *names, size_t n);
void rows_cell(struct rows *r, struct slice text, bool null);
void rows_print(struct rows *r, const struct cli *cli);
/** How many columns of a terminal the text takes. */
size_t rows_width(struct slice text);

#endif
