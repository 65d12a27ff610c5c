/* SPDX-License-Identifier: MIT */
/*
 * Partial aggregates of one rollup: a hash table from group key to measures, filled batch by batch on the workers, merged, and
 * handed out sorted by key. Equals PostgreSQL's GROUP BY over the same rows: NULL keys are groups, NULLs do not count in
 * count(col), sum, min, max, bool_and, bool_or; a sum of no values is NULL; sums of integers and numerics are exact (int2, int4 →
 * int8; int8, numeric → numeric), float sums are within rounding; text compares bytewise (COLLATE "C"); NaN is the greatest float,
 * as PostgreSQL orders it.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_DATA_AGGREGATE_H
#define CETLD_DATA_AGGREGATE_H

#include "data/batch.h"

enum aggregate_key_kind { AGGREGATE_KEY_COLUMN, AGGREGATE_KEY_DATE, AGGREGATE_KEY_TRUNC };
/** Units of date_trunc: microseconds milliseconds second minute hour day week month quarter year decade century millennium. */
struct aggregate_key {
    enum aggregate_key_kind kind;
    size_t column;    /* index in the batch */
    const char *unit; /* AGGREGATE_KEY_TRUNC */
};
enum aggregate_function {
    AGGREGATE_COUNT_ALL,
    AGGREGATE_COUNT,
    AGGREGATE_SUM,
    AGGREGATE_MIN,
    AGGREGATE_MAX,
    AGGREGATE_AND,
    AGGREGATE_OR
};
struct aggregate_measure {
    enum aggregate_function function;
    size_t column; /* unused for AGGREGATE_COUNT_ALL */
};
struct aggregate_spec {
    const struct aggregate_key *key;
    size_t keys;
    const struct aggregate_measure *measure;
    size_t measures;
    const struct type *type; /* of each batch column */
    size_t columns;
};

enum {
    AGGREGATE_E_TYPE = 1, /* a function does not take the column's type */
    AGGREGATE_E_FULL = 2, /* max_bytes is reached */
    AGGREGATE_E_RANGE =
        3, /* a row's key has no result: date_trunc of a date beyond the timestamps, where PostgreSQL raises 22008 */
};

/** The type a key or a measure has in the rollup's table. 0 or AGGREGATE_E_TYPE (with the words in err: which function does not
 * take which type). */
must_check int aggregate_key_type(const struct aggregate_spec *s, size_t k, struct error *err, struct type *ret_type);
must_check int aggregate_measure_type(const struct aggregate_spec *s, size_t m, struct error *err, struct type *ret_type);

struct aggregate;
/** `spec` must outlive it. Memory at most max_bytes. The caller frees with aggregate_free. 0 or -ENOMEM. */
must_check int aggregate_new(const struct aggregate_spec *spec, size_t max_bytes, struct aggregate **ret_aggregate);
void aggregate_free(struct aggregate *a);
/** Add all rows of the batch; what is kept is copied. 0, AGGREGATE_E_FULL, AGGREGATE_E_RANGE, or -ENOMEM (then a part of the rows
 * may be in). */
must_check int aggregate_add(struct aggregate *a, const struct batch *b);
/**
 * The same for the rows from *row on, which is moved behind the last one that was added, also on failure: so that who empties a
 * full aggregate can go on. A row is in with all its measures, or not at all.
 */
must_check int aggregate_add_from(struct aggregate *a, const struct batch *b, size_t *row);
/** Add all groups of `from`, of an equal spec. 0, AGGREGATE_E_FULL, or -ENOMEM (then a part may be in). */
must_check int aggregate_merge(struct aggregate *to, const struct aggregate *from);
size_t aggregate_groups(const struct aggregate *a);
size_t aggregate_bytes(const struct aggregate *a);
/**
 * The next groups, as many as a batch holds, in key order (NULLs last), keys first, then measures, as a batch in `arena`;
 * `*position` begins at 0 and is moved on. b->rows 0: no more. A key of equal values that look different (1.0 and 1.00, -0 and 0)
 * is shown as it was first seen. Nothing may be added afterwards; the aggregate may still be merged into another. 0, -ENOMEM, or
 * -ERANGE (a sum with more digits than a numeric can have).
 */
must_check int aggregate_read(struct aggregate *a, size_t *position, struct arena *arena, struct batch *ret_batch);

#endif
