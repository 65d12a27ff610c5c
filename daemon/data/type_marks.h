/* SPDX-License-Identifier: MIT */
/*
 * Numbers with a decimal mark other than the point, and with marks between thousands: made plain before a type reads them.
 *
 * Strict, so that a number either means what the marks say or is refused: thousands stand in groups of three behind a first group
 * of one to three digits that does not begin with 0 (0,123 is hardly 123), before the decimal mark only; all groups have their
 * mark, or none has. A point that is neither of the marks is refused.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_TYPE_MARKS_H
#define CETLD_DATA_TYPE_MARKS_H

#include "data/type.h"

enum { TYPE_MARKS_SMALL = 64 };

/**
 * `text` as it would be written with a point and without marks between thousands; the result is in `small`, or in the arena when
 * it does not fit (without an arena, NULL, such a text is refused), and without white space around it. What is no number at all is
 * handed on as it is. 0, TYPE_E_SYNTAX, or -ENOMEM.
 */
must_check int type_marks_plain(const struct type_marks *marks, struct slice text, char small[TYPE_MARKS_SMALL],
                                struct arena *arena, struct slice *ret_plain);
/** "1.234,56": how a number is written, for a person. `whole`: an integer. ret_text holds 16 bytes. */
const char *type_marks_example(const struct type_marks *marks, bool whole, char ret_text[16]);

#endif
