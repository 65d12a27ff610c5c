/* SPDX-License-Identifier: MIT */
/*
 * Types by the names that SQL has for them: "int", "bigint", "decimal(12, 2)", "character varying(10)", "timestamp(3) with time
 * zone", "timestamptz". Written in any case, and between any blanks. A quoted or qualified name, an array, and every other type is
 * none of ours. serial, bigserial and smallserial are the integers that a column of them has.
 *
 * Source: PostgreSQL manual, "Data Types".
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_TYPE_NAME_H
#define CETLD_DATA_TYPE_NAME_H

#include "data/type.h"

/** The whole text names a type. 0, TYPE_E_UNKNOWN, or TYPE_E_RANGE: the type is ours, its modifiers are not possible. */
must_check int type_by_name(struct slice text, struct type *ret_type);

#endif
