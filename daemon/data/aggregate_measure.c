/* SPDX-License-Identifier: MIT */
#include "data/aggregate_measure.h"

#include <math.h>

typedef struct aggregate_measure_plan plan;
typedef struct aggregate_cell cell;

/* A loop over the rows with the adding inlined: one call a column and batch instead of one a value. */
#define ADD_ROWS(name, add)                                                                                                        \
    static void name(const plan *p, const struct aggregate_rows *rows)                                                             \
    {                                                                                                                              \
        const struct aggregate_rows at = *rows; /* copies that no store can change */                                              \
        const plan mine = *p;                                                                                                      \
        const union value *value = at.column->value;                                                                               \
        const bool *null = at.column->null;                                                                                        \
        for (size_t row = at.from; row < at.to; row++) {                                                                           \
            if (null[row]) continue;                                                                                               \
            cell *c = &at.cells[row][at.measure];                                                                                  \
            add(&mine, c, &value[row]);                                                                                            \
            c->seen = true;                                                                                                        \
        }                                                                                                                          \
    }

/* count */

static void count_all_rows(const plan *p, const struct aggregate_rows *rows)
{
    (void)p;
    const struct aggregate_rows at = *rows;
    for (size_t row = at.from; row < at.to; row++)
        at.cells[row][at.measure].count++;
}

static inline void count_add(const plan *p, cell *c, const union value *v)
{
    (void)p, (void)v;
    c->count++;
}
ADD_ROWS(count_rows, count_add)

static void count_add_cell(const plan *p, cell *c, const cell *from)
{
    (void)p;
    c->count += from->count;
}

static int read_fixed(const plan *p, cell *c, struct arena *arena, union value *ret_value)
{
    (void)p, (void)arena;
    *ret_value = c->fixed;
    return 0;
}

static const struct aggregate_measure_kind count_all = {
    .counts_nulls = true, .add_rows = count_all_rows, .add_cell = count_add_cell, .read = read_fixed};
static const struct aggregate_measure_kind count_values = {.add_rows = count_rows, .add_cell = count_add_cell, .read = read_fixed};

/* sum(int2), sum(int4): an int8 holds the sums of 2^32 rows. */

static inline void small_add(const plan *p, cell *c, const union value *v)
{
    (void)p;
    c->fixed.i += v->i;
}
ADD_ROWS(small_rows, small_add)

static void small_add_cell(const plan *p, cell *c, const cell *from)
{
    (void)p;
    c->fixed.i += from->fixed.i;
}

static const struct aggregate_measure_kind sum_small = {.add_rows = small_rows, .add_cell = small_add_cell, .read = read_fixed};

/* sum(int8) is a numeric: 128 bits hold the sums of 2^64 rows. */

static void wide_plus(cell *c, int64_t high, uint64_t low)
{
    uint64_t carry = __builtin_add_overflow(c->wide.low, low, &c->wide.low);
    c->wide.high = (int64_t)((uint64_t)c->wide.high + (uint64_t)high + carry);
}

static inline void wide_add(const plan *p, cell *c, const union value *v)
{
    (void)p;
    wide_plus(c, v->i < 0 ? -1 : 0, (uint64_t)v->i);
}
ADD_ROWS(wide_rows, wide_add)

static void wide_add_cell(const plan *p, cell *c, const cell *from)
{
    (void)p;
    wide_plus(c, from->wide.high, from->wide.low);
}

static int wide_read(const plan *p, cell *c, struct arena *arena, union value *ret_value)
{
    (void)p;
    char *bytes = arena_alloc(arena, DECIMAL_INT_MAX);
    if (!bytes) return -ENOMEM;
    ret_value->s = (struct slice){bytes, decimal_of_int128(c->wide.high, c->wide.low, bytes)};
    return 0;
}

static const struct aggregate_measure_kind sum_wide = {.add_rows = wide_rows, .add_cell = wide_add_cell, .read = wide_read};

/* sum(float4), sum(float8): in double; where PostgreSQL raises an overflow the sum is infinite. */

static inline void float_add(const plan *p, cell *c, const union value *v)
{
    (void)p;
    c->fixed.f += v->f;
}
ADD_ROWS(float_rows, float_add)

static void float_add_cell(const plan *p, cell *c, const cell *from)
{
    (void)p;
    c->fixed.f += from->fixed.f;
}

static int float_read(const plan *p, cell *c, struct arena *arena, union value *ret_value)
{
    (void)arena;
    ret_value->f = p->type.id == TYPE_FLOAT4 ? (double)(float)c->fixed.f : c->fixed.f;
    return 0;
}

static const struct aggregate_measure_kind sum_float = {.add_rows = float_rows, .add_cell = float_add_cell, .read = float_read};

/* sum(numeric) */

static int make_sum(cell *c, struct arena *arena)
{
    c->sum = arena_zalloc(arena, sizeof(*c->sum));
    return c->sum ? 0 : -ENOMEM;
}

static int numeric_reserve(const plan *p, cell *c, const union value *v, struct arena *arena)
{
    (void)p;
    return decimal_sum_reserve(c->sum, v->s, arena);
}

static inline void numeric_add(const plan *p, cell *c, const union value *v)
{
    (void)p;
    decimal_sum_add(c->sum, v->s);
}
ADD_ROWS(numeric_rows, numeric_add)

static int numeric_reserve_cell(const plan *p, cell *c, const cell *from, struct arena *arena)
{
    (void)p;
    return decimal_sum_reserve_sum(c->sum, from->sum, arena);
}

static void numeric_add_cell(const plan *p, cell *c, const cell *from)
{
    (void)p;
    decimal_sum_add_sum(c->sum, from->sum);
}

static int numeric_read(const plan *p, cell *c, struct arena *arena, union value *ret_value)
{
    (void)p;
    return decimal_sum_read(c->sum, arena, &ret_value->s);
}

static const struct aggregate_measure_kind sum_numeric = {.room = AGGREGATE_ROOM_SUM,
                                                          .prepare = make_sum,
                                                          .reserve = numeric_reserve,
                                                          .add_rows = numeric_rows,
                                                          .reserve_cell = numeric_reserve_cell,
                                                          .add_cell = numeric_add_cell,
                                                          .read = numeric_read};

/* min, max. The first of equal values (1.0 and 1.00) stays. */

static bool beats(const plan *p, const cell *c, const union value *held, const union value *v)
{
    return !c->seen || p->compare(v, held) * p->direction > 0;
}

static void extreme_add(const plan *p, cell *c, const union value *v)
{
    if (beats(p, c, &c->fixed, v)) c->fixed = *v;
}

/* By row, with the comparison inlined */
static inline void int_greatest_add(const plan *p, cell *c, const union value *v)
{
    (void)p;
    if (v->i > c->fixed.i || !c->seen) c->fixed.i = v->i;
}
ADD_ROWS(int_greatest_rows, int_greatest_add)

static inline void int_least_add(const plan *p, cell *c, const union value *v)
{
    (void)p;
    if (v->i < c->fixed.i || !c->seen) c->fixed.i = v->i;
}
ADD_ROWS(int_least_rows, int_least_add)

static void int_extreme_rows(const plan *p, const struct aggregate_rows *rows)
{
    if (p->direction > 0)
        int_greatest_rows(p, rows);
    else
        int_least_rows(p, rows);
}

static void extreme_add_cell(const plan *p, cell *c, const cell *from)
{
    extreme_add(p, c, &from->fixed);
}

/* NaN is the greatest, and -0 equals 0. */
static inline int compare_floats(const union value *a, const union value *b)
{
    if (isnan(a->f) || isnan(b->f)) return (isnan(a->f) != 0) - (isnan(b->f) != 0);
    return (a->f > b->f) - (a->f < b->f);
}

static inline void float_extreme_add(const plan *p, cell *c, const union value *v)
{
    if (!c->seen || compare_floats(v, &c->fixed) * p->direction > 0) c->fixed = *v;
}
ADD_ROWS(float_extreme_rows, float_extreme_add)

static const struct aggregate_measure_kind extreme_float = {
    .add_rows = float_extreme_rows, .add_cell = extreme_add_cell, .read = read_fixed};
static const struct aggregate_measure_kind extreme_int = {
    .add_rows = int_extreme_rows, .add_cell = extreme_add_cell, .read = read_fixed};

static union value held_bytes(const cell *c)
{
    return (union value){.s = {c->bytes.p, c->bytes.len}};
}

static int make_bytes(cell *c, struct arena *arena)
{
    c->bytes.p = arena_alloc(arena, AGGREGATE_ROOM_BYTES_FIRST);
    c->bytes.cap = AGGREGATE_ROOM_BYTES_FIRST;
    return c->bytes.p ? 0 : -ENOMEM;
}

/* Twice what is needed, so that a maximum that creeps up leaves no more than its own size behind. */
static int bytes_reserve(const plan *p, cell *c, const union value *v, struct arena *arena)
{
    union value held = held_bytes(c);
    if (v->s.len <= c->bytes.cap || !beats(p, c, &held, v)) return 0;
    if (v->s.len > UINT32_MAX / 2) return -ENOMEM;
    uint32_t cap = c->bytes.cap;
    while (cap < v->s.len)
        cap *= 2;
    char *room = arena_alloc(arena, cap);
    if (!room) return -ENOMEM;
    if (c->bytes.len) memcpy(room, c->bytes.p, c->bytes.len);
    c->bytes.p = room;
    c->bytes.cap = cap;
    return 0;
}

static inline void bytes_add(const plan *p, cell *c, const union value *v)
{
    union value held = held_bytes(c);
    if (!beats(p, c, &held, v)) return;
    if (v->s.len) memcpy(c->bytes.p, v->s.p, v->s.len);
    c->bytes.len = (uint32_t)v->s.len;
}
ADD_ROWS(bytes_rows, bytes_add)

/* The same by row, with the comparison of everyday numbers inlined */
static inline void numeric_extreme_add(const plan *p, cell *c, const union value *v)
{
    int order;
    if (c->seen && decimal_compare_short(v->s, held_bytes(c).s, &order)) {
        if (order * p->direction <= 0) return;
        memcpy(c->bytes.p, v->s.p, v->s.len);
        c->bytes.len = (uint32_t)v->s.len;
        return;
    }
    bytes_add(p, c, v);
}
ADD_ROWS(numeric_extreme_rows, numeric_extreme_add)

static int bytes_reserve_cell(const plan *p, cell *c, const cell *from, struct arena *arena)
{
    union value v = held_bytes(from);
    return bytes_reserve(p, c, &v, arena);
}

static void bytes_add_cell(const plan *p, cell *c, const cell *from)
{
    union value v = held_bytes(from);
    bytes_add(p, c, &v);
}

static int bytes_read(const plan *p, cell *c, struct arena *arena, union value *ret_value)
{
    (void)p;
    char *copy = arena_alloc(arena, (size_t)c->bytes.len + 1); /* never 0 bytes */
    if (!copy) return -ENOMEM;
    if (c->bytes.len) memcpy(copy, c->bytes.p, c->bytes.len);
    ret_value->s = (struct slice){copy, c->bytes.len};
    return 0;
}

static const struct aggregate_measure_kind extreme_bytes = {.room = AGGREGATE_ROOM_BYTES,
                                                            .prepare = make_bytes,
                                                            .reserve = bytes_reserve,
                                                            .add_rows = bytes_rows,
                                                            .reserve_cell = bytes_reserve_cell,
                                                            .add_cell = bytes_add_cell,
                                                            .read = bytes_read};

static const struct aggregate_measure_kind extreme_numeric = {.room = AGGREGATE_ROOM_BYTES,
                                                              .prepare = make_bytes,
                                                              .reserve = bytes_reserve,
                                                              .add_rows = numeric_extreme_rows,
                                                              .reserve_cell = bytes_reserve_cell,
                                                              .add_cell = bytes_add_cell,
                                                              .read = bytes_read};

bool aggregate_measure_roomy(const plan *p, const struct batch_column *column, size_t from, size_t to)
{
    const union value *value = column->value;
    const bool *null = column->null;
    bool roomy = true;
    if (p->kind->room == AGGREGATE_ROOM_BYTES)
        for (size_t row = from; row < to; row++)
            roomy &= null[row] || value[row].s.len <= AGGREGATE_ROOM_BYTES_FIRST;
    if (p->kind->room == AGGREGATE_ROOM_SUM)
        for (size_t row = from; row < to && roomy; row++)
            roomy = null[row] || decimal_sum_roomy(value[row].s);
    return roomy;
}

static int compare_ints(const union value *a, const union value *b)
{
    return (a->i > b->i) - (a->i < b->i);
}

static int compare_texts(const union value *a, const union value *b)
{
    return slice_compare(a->s, b->s);
}

static struct slice without_blanks(struct slice s)
{
    while (s.len > 0 && s.p[s.len - 1] == ' ')
        s.len--;
    return s;
}

static int compare_bpchars(const union value *a, const union value *b)
{
    return slice_compare(without_blanks(a->s), without_blanks(b->s));
}

static int compare_numerics(const union value *a, const union value *b)
{
    return decimal_compare(a->s, b->s);
}

/* What PostgreSQL's sum, min and max make of each type; a NULL kind: they do not take it. */
static const struct {
    const struct aggregate_measure_kind *sum, *extreme;
    enum type_id sum_type, extreme_type;
    int (*compare)(const union value *a, const union value *b);
} functions[TYPE_N] = {
    [TYPE_INT2] = {&sum_small, &extreme_int, TYPE_INT8, TYPE_INT2, compare_ints},
    [TYPE_INT4] = {&sum_small, &extreme_int, TYPE_INT8, TYPE_INT4, compare_ints},
    [TYPE_INT8] = {&sum_wide, &extreme_int, TYPE_NUMERIC, TYPE_INT8, compare_ints},
    [TYPE_NUMERIC] = {&sum_numeric, &extreme_numeric, TYPE_NUMERIC, TYPE_NUMERIC, compare_numerics},
    [TYPE_FLOAT4] = {&sum_float, &extreme_float, TYPE_FLOAT4, TYPE_FLOAT4, compare_floats},
    [TYPE_FLOAT8] = {&sum_float, &extreme_float, TYPE_FLOAT8, TYPE_FLOAT8, compare_floats},
    [TYPE_DATE] = {NULL, &extreme_int, TYPE_N, TYPE_DATE, compare_ints},
    [TYPE_TIME] = {NULL, &extreme_int, TYPE_N, TYPE_TIME, compare_ints},
    [TYPE_TIMESTAMP] = {NULL, &extreme_int, TYPE_N, TYPE_TIMESTAMP, compare_ints},
    [TYPE_TIMESTAMPTZ] = {NULL, &extreme_int, TYPE_N, TYPE_TIMESTAMPTZ, compare_ints},
    [TYPE_TEXT] = {NULL, &extreme_bytes, TYPE_N, TYPE_TEXT, compare_texts},
    [TYPE_VARCHAR] = {NULL, &extreme_bytes, TYPE_N, TYPE_TEXT, compare_texts},
    [TYPE_BPCHAR] = {NULL, &extreme_bytes, TYPE_N, TYPE_BPCHAR, compare_bpchars},
};

static const char *const names[] = {[AGGREGATE_COUNT_ALL] = "count(*)",
                                    [AGGREGATE_COUNT] = "count",
                                    [AGGREGATE_SUM] = "sum",
                                    [AGGREGATE_MIN] = "min",
                                    [AGGREGATE_MAX] = "max",
                                    [AGGREGATE_AND] = "bool_and",
                                    [AGGREGATE_OR] = "bool_or"};

int aggregate_measure_plan(const struct aggregate_spec *s, size_t m, struct error *err, struct aggregate_measure_plan *ret_plan)
{
    plan p = {.measure = s->measure[m], .type = {TYPE_INT8, -1}};
    enum aggregate_function function = p.measure.function;
    if (function == AGGREGATE_COUNT_ALL || function == AGGREGATE_COUNT) {
        p.kind = function == AGGREGATE_COUNT_ALL ? &count_all : &count_values;
        *ret_plan = p;
        return 0;
    }
    enum type_id from = s->type[p.measure.column].id;
    bool sum = function == AGGREGATE_SUM, boolean = function == AGGREGATE_AND || function == AGGREGATE_OR;
    if (boolean && from == TYPE_BOOL) { /* the least, or the greatest: false is less than true */
        p.kind = &extreme_int;
        p.type.id = TYPE_BOOL;
        p.compare = compare_ints;
        p.direction = function == AGGREGATE_AND ? -1 : 1;
        *ret_plan = p;
        return 0;
    }
    if (boolean) return error_set(err, AGGREGATE_E_TYPE, "%s does not take a %s", names[function], type_info(from)->name);
    p.kind = sum ? functions[from].sum : functions[from].extreme;
    if (!p.kind) return error_set(err, AGGREGATE_E_TYPE, "%s does not take a %s", names[function], type_info(from)->name);
    p.type.id = sum ? functions[from].sum_type : functions[from].extreme_type;
    p.compare = functions[from].compare;
    p.direction = function == AGGREGATE_MIN ? -1 : 1;
    *ret_plan = p;
    return 0;
}
