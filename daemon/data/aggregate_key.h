/* SPDX-License-Identifier: MIT */
/*
 * Group keys of an aggregate: from a batch's column to the keys' values; which of them PostgreSQL groups together (-0 and 0, all
 * NaNs, 1.0 and 1.00, char(n) whatever its blanks), by comparing and by a hash; and bytes that are equal exactly then, and that
 * memcmp orders as PostgreSQL orders the values, NULLs last.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_AGGREGATE_KEY_H
#define CETLD_DATA_AGGREGATE_KEY_H

#include "base/buf.h"
#include "data/aggregate.h"
#include "data/trunc.h"

/* How values are compared */
enum aggregate_key_class {
    AGGREGATE_KEY_INT,
    AGGREGATE_KEY_FLOAT,
    AGGREGATE_KEY_BYTES,
    AGGREGATE_KEY_BLANKS, /* bytes without the blanks at their end */
    AGGREGATE_KEY_NUMERIC,
};

struct aggregate_key_plan {
    struct aggregate_key key;
    enum aggregate_key_class class;
    struct type source, type; /* the column's and the key's */
    enum trunc_unit unit;
};

/** 0 or AGGREGATE_E_TYPE with the words. */
must_check int aggregate_key_plan(const struct aggregate_spec *s, size_t k, struct error *err, struct aggregate_key_plan *ret_plan);
/** The key is not the column's value itself: it has to be computed. */
static inline bool aggregate_key_computed(const struct aggregate_key_plan *p)
{
    return p->key.kind == AGGREGATE_KEY_TRUNC || (p->key.kind == AGGREGATE_KEY_DATE && p->source.id != TYPE_DATE);
}
/** Compute the keys of the rows from..to of the column, into to_value[from..]. The row behind the last that could be computed. */
size_t aggregate_key_compute(const struct aggregate_key_plan *p, const struct batch_column *column, size_t from, size_t to,
                             union value *to_value);
/** h with the value mixed into it: the same for values that are grouped together. */
uint64_t aggregate_key_hash(const struct aggregate_key_plan *p, const union value *v, bool null, uint64_t h);
/** The same for each row of a column. */
void aggregate_key_hash_rows(const struct aggregate_key_plan *p, const union value *v, const bool *null, size_t from, size_t to,
                             uint64_t *h);
/** Both are grouped together; neither is NULL. */
bool aggregate_key_equal(const struct aggregate_key_plan *p, const union value *a, const union value *b);
/** Append the bytes. Failures are in out->failed. */
void aggregate_key_encode(enum type_id type, const union value *v, bool null, struct buf *out);

#endif
