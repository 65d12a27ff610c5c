/* SPDX-License-Identifier: MIT */
/*
 * Group keys of an aggregate: from a batch's row to the key's value, and to bytes that are equal exactly when PostgreSQL groups the
 * values together, and that memcmp orders as PostgreSQL orders them, NULLs last.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_AGGREGATE_KEY_H
#define CETLD_DATA_AGGREGATE_KEY_H

#include "base/buf.h"
#include "data/aggregate.h"
#include "data/trunc.h"

struct aggregate_key_plan {
    struct aggregate_key key;
    struct type source, type; /* the column's and the key's */
    enum trunc_unit unit;
};

/** 0 or AGGREGATE_E_TYPE with the words. */
must_check int aggregate_key_plan(const struct aggregate_spec *s, size_t k, struct error *err, struct aggregate_key_plan *ret_plan);
/** The key of a row. 0 or AGGREGATE_E_RANGE. The value points where the batch's points. */
must_check int aggregate_key_value(const struct aggregate_key_plan *p, const struct batch *b, size_t row, union value *ret_value,
                                   bool *ret_null);
/** Append the bytes. Failures are in out->failed. */
void aggregate_key_encode(enum type_id type, const union value *v, bool null, struct buf *out);

#endif
