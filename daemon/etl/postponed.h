/* SPDX-License-Identifier: MIT */
/*
 * Rows that are put off in a search for refused ones (load_narrow.h), since they may refer to rows behind them: their COPY bytes,
 * where each ends, and why each was refused. Bounded; what it holds is the owner's to account for.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_ETL_POSTPONED_H
#define CETLD_ETL_POSTPONED_H

#include "base/buf.h"
#include "data/reject.h"
#include "etl/convert.h"

struct postponed {
    struct buf copy;
    struct buf row; /* struct convert_row each */
    struct reject_list why;
};

/** At most `max` bytes of COPY, and of rows; `why_max` of reasons. */
void postponed_init(struct postponed *p, size_t max, size_t why_max);
/** Empty, and to be used again, with the same bounds. */
void postponed_done(struct postponed *p);
size_t postponed_bytes(const struct postponed *p);
size_t postponed_rows(const struct postponed *p);
const struct convert_row *postponed_row(const struct postponed *p);

/** Rows [from, to) of a piece: its COPY bytes, and where its rows end. */
struct postponed_window {
    struct slice copy;
    const struct convert_row *row;
    size_t from, to;
};
struct slice postponed_window_bytes(const struct postponed_window *w);
/** False when there is no room for them; then nothing was added. */
must_check bool postponed_add(struct postponed *p, const struct postponed_window *w);
/** All of `from` into the empty `to`, from the last to the first: mostly a row that refers to another stands close behind or before
 * all that it needs. `from` is empty afterwards, also of reasons. 0 or negative. */
must_check int postponed_turn(struct postponed *to, struct postponed *from);

#endif
