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

/** How it is seen, most often, that nothing has to be reserved */
enum aggregate_room { AGGREGATE_ROOM_ASK, AGGREGATE_ROOM_BYTES, AGGREGATE_ROOM_SUM };

struct aggregate_measure_plan;
/** How one function works over one kind of values. reserve_* may be NULL: nothing to reserve. */
struct aggregate_measure_kind {
    bool counts_nulls;
    enum aggregate_room room;
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

/** There is room for the value without reserving any. */
static inline bool aggregate_measure_roomy(enum aggregate_room room, const struct aggregate_cell *c, const union value *v)
{
    if (room == AGGREGATE_ROOM_BYTES) return v->s.len <= c->bytes.cap;
    return room == AGGREGATE_ROOM_SUM && c->sum && decimal_sum_roomy(v->s);
}

/** 0 or AGGREGATE_E_TYPE with the words. */
must_check int aggregate_measure_plan(const struct aggregate_spec *s, size_t m, struct error *err,
                                      struct aggregate_measure_plan *ret_plan);

#endif
