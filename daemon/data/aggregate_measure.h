/* SPDX-License-Identifier: MIT */
/*
 * Measures of an aggregate: one cell a group and measure, how values are added to it, how cells are merged and read.
 *
 * Room is reserved before anything is added, so that adding cannot fail and a row counts for all measures or for none. What was
 * reserved for a value stays enough when others are added before it.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_DATA_AGGREGATE_MEASURE_H
#define CETLD_DATA_AGGREGATE_MEASURE_H

#include "data/aggregate.h"
#include "data/decimal.h"

/* All bytes 0: no value yet. */
struct aggregate_cell {
    union {
        int64_t count;
        union value fixed; /* min, max, and sums of floats and of small integers */
        struct {
            int64_t high;
            uint64_t low;
        } wide; /* sums of int8: high * 2^64 + low */
        struct {
            char *p;
            uint32_t len, cap;
        } bytes;                 /* min, max of what is not fixed */
        struct decimal_sum *sum; /* of numerics */
    };
    bool seen; /* a value that is not NULL was added */
};

/** Rows of a batch, the groups of each, and the column that is measured. */
struct aggregate_rows {
    struct aggregate_cell *const *cells; /* of each row, those of its group */
    size_t measure;                      /* which of them is ours */
    const struct batch_column *column;   /* NULL when counts_nulls */
    size_t from, to;
};

/** How it is seen that a value needs no more room than its cell has had from the beginning, as most values do */
enum aggregate_room { AGGREGATE_ROOM_NONE, AGGREGATE_ROOM_BYTES, AGGREGATE_ROOM_SUM };
enum { AGGREGATE_ROOM_BYTES_FIRST = 16 };

struct aggregate_measure_plan;
/** How one function works over one kind of values. */
struct aggregate_measure_kind {
    bool counts_nulls;
    /* NONE: there is nothing to reserve, and the next two, and reserve_cell, are NULL. */
    enum aggregate_room room;
    /* A new cell gets its first room. */
    int (*prepare)(struct aggregate_cell *c, struct arena *arena);
    int (*reserve)(const struct aggregate_measure_plan *p, struct aggregate_cell *c, const union value *v, struct arena *arena);
    /* Values that are not NULL; the cells have seen them afterwards. */
    void (*add_rows)(const struct aggregate_measure_plan *p, const struct aggregate_rows *rows);
    int (*reserve_cell)(const struct aggregate_measure_plan *p, struct aggregate_cell *c, const struct aggregate_cell *from,
                        struct arena *arena);
    void (*add_cell)(const struct aggregate_measure_plan *p, struct aggregate_cell *c, const struct aggregate_cell *from);
    /* The value of a cell that has seen one; in the arena, when it is not fixed. 0, -ENOMEM, -ERANGE. */
    int (*read)(const struct aggregate_measure_plan *p, struct aggregate_cell *c, struct arena *arena, union value *ret_value);
};

struct aggregate_measure_plan {
    struct aggregate_measure measure;
    const struct aggregate_measure_kind *kind;
    struct type type;                                           /* of the result */
    int direction;                                              /* max 1, min -1 */
    int (*compare)(const union value *a, const union value *b); /* min, max: PostgreSQL's order of the type */
};

/** The first room of a cell is enough for all of the column's values in the rows from..to. */
bool aggregate_measure_roomy(const struct aggregate_measure_plan *p, const struct batch_column *column, size_t from, size_t to);

/** 0 or AGGREGATE_E_TYPE with the words. */
must_check int aggregate_measure_plan(const struct aggregate_spec *s, size_t m, struct error *err,
                                      struct aggregate_measure_plan *ret_plan);

#endif
