/* SPDX-License-Identifier: MIT */
/*
 * Date and time templates (see type.h): compiled once, then matched against cells. Stricter than to_timestamp, so that a cell
 * either means what the template says or is refused: YYYY is four digits, separators must be there, nothing may follow. Month names
 * are English, whatever their case; white space in the template stands for one white space or more.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_TYPE_FORMAT_H
#define CETLD_DATA_TYPE_FORMAT_H

#include "data/type_datetime.h"

/** `text` without white space around it. 0, TYPE_E_SYNTAX, TYPE_E_RANGE. */
must_check int type_format_parse(const struct type_format *f, struct slice text, struct type_stamp *ret_stamp);

/** The template as it was given; lives as long as `f`. */
const char *type_format_pattern(const struct type_format *f);

#endif
