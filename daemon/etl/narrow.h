/* SPDX-License-Identifier: MIT */
/*
 * The search for the rows of one piece that the server refuses. Windows of rows are sent one after the other; what was accepted
 * stays, and a refused window is made smaller until a row is refused all by itself: only that is a verdict. The place that the
 * server's words give is a hint for a quicker search and never believed.
 *
 *     narrow_begin(&n, rows);
 *     while (narrow_window(&n, &from, &to)) send rows [from, to):
 *         accepted: narrow_accepted(&n)
 *         refused, and taken back: if (narrow_refused(&n, hint)) row `from` is judged
 *
 * With hints a bad row costs three windows more, one behind another bad one a single window, without them twice the logarithm of
 * the rows between it and the next.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_ETL_NARROW_H
#define CETLD_ETL_NARROW_H

#include <stdbool.h>
#include <stddef.h>

struct narrow {
    size_t rows;     /* of the piece */
    size_t from, to; /* the window */
    size_t limit;    /* a bad row is believed to be in [from, limit); 0: nothing is known */
    size_t width;    /* of the next window when nothing is known; carried from piece to piece */
    size_t run;      /* rows accepted since the last verdict */
};
enum { NARROW_NO_HINT = -1 };

/** The first piece of all. */
void narrow_init(struct narrow *n);
void narrow_begin(struct narrow *n, size_t rows);
/** False: all rows of the piece are accepted or judged. */
bool narrow_window(struct narrow *n, size_t *ret_from, size_t *ret_to);
void narrow_accepted(struct narrow *n);
/** `hint`: which row of the window the server named, from 0, or NARROW_NO_HINT. True: the window's only row is judged. */
bool narrow_refused(struct narrow *n, long hint);

#endif
