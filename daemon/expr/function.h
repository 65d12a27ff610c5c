/* SPDX-License-Identifier: MIT */
/*
 * The functions, operators and casts that run on the workers. Each file fn_*.c has one family and its table; the check looks a name
 * up in all of them, and takes the overload that PostgreSQL would take ("Type Conversion" in its manual). What is in no table runs
 * in the server.
 *
 * A kernel works on the columns of one batch, at the rows it is given and no others. It is called with rows whose arguments are not
 * NULL where its function is strict (then the evaluator has settled which results are NULL). Where a row has no result, because
 * PostgreSQL raises an error, it says expr_fail() for that row and goes on with the next.
 *
 * Thread: any; a kernel has no memory of its own but the run's arena.
 */
#ifndef CETLD_EXPR_FUNCTION_H
#define CETLD_EXPR_FUNCTION_H

#include "base/arena.h"
#include "base/error.h"
#include "data/batch.h"

#include <locale.h>

/** Why a row has no result. */
struct expr_fault {
    char code[6];        /* SQLSTATE, as PostgreSQL raises it */
    const char *message; /* PostgreSQL's words (lc_messages C), in the run's arena or static */
};

/** One evaluation over one batch. */
struct expr_run {
    const struct batch_column *column; /* by the scope's index */
    const uint64_t *line;              /* of each row */
    size_t rows;                       /* what the columns hold */
    struct slice file;                 /* filename(): the name as dropped, without folders */
    int64_t loaded_at;                 /* loaded_at(): microseconds since 2000-01-01 UTC, one for the whole file */
    locale_t ctype;                    /* of lower, upper, initcap; 0: C, which knows ASCII only */
    struct arena *arena;               /* results and faults */
    const struct expr_fault **fault;   /* of each row; NULL: none so far. The first one of a row stays */
    size_t faults;                     /* rows that have one; expr_fail counts */
};

/** Rows by their index in the batch, ascending. */
struct expr_rows {
    const uint32_t *row;
    size_t n;
};

/** What a kernel is called with. */
struct expr_call {
    struct type type; /* of the result; of a cast with the typmod */
    const struct batch_column *const *arg;
    size_t args;
    uint32_t constant; /* bit i: arg[i] is the same at all rows (a pattern, a unit: look at it once) */
};

/** That row has no result. Words as printf makes them. 0, or -ENOMEM. */
must_check int expr_fail(struct expr_run *run, uint32_t row, const char *code, const char *format, ...) printf_like(4, 5);

/** Fill ret->value (and ret->null where it is not strict; a strict one sets it where its result is NULL) at these rows. 0 or
 * -ENOMEM. */
typedef int (*expr_kernel)(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows,
                           struct batch_column *ret);

enum { EXPR_ARGS_MAX = 4 };
enum expr_function_flag {
    EXPR_NULLS = 1,    /* not strict: it is called for NULL arguments, and sets ret->null */
    EXPR_VARIADIC = 2, /* the last argument's type, or none, any number of times more */
    EXPR_VOLATILE = 4, /* not folded: gen_random_uuid(), line(), … */
    EXPR_COLLATED = 8, /* its result hangs on the collation: < of texts; only where all arguments compare bytewise */
    EXPR_CTYPE = 16,   /* its result hangs on run->ctype */
    EXPR_ANY = 32,     /* arguments of type EXPR_TYPE_ANY stand for any type but jsonb and char(n) */
    EXPR_SWAPPED = 64, /* the second of its two arguments is evaluated first: the server writes it out as b + a */
};
/** In `arg`: any type (the kernel is given the columns with their types). */
enum { EXPR_TYPE_ANY = TYPE_N };

struct expr_function {
    const char *name; /* "lower", "+", "="; NULL ends a table. An operator with one argument is a prefix operator */
    uint8_t args;
    uint8_t arg[EXPR_ARGS_MAX]; /* enum type_id; varchar and bpchar come as text where no overload of their own is there */
    uint8_t result;             /* enum type_id */
    uint8_t flags;
    expr_kernel run;
};

/** One function for outer(inner(…), …), of inner's arguments and then the rest of outer's; NULL: there is none. */
const struct expr_function *expr_fuse(const struct expr_function *outer, const struct expr_function *inner);

enum expr_cast_context { EXPR_CAST_IMPLICIT, EXPR_CAST_ASSIGNMENT, EXPR_CAST_EXPLICIT };
/**
 * As pg_cast has them; casts by a type's input or output function (text to date, date to text) too, where we have them.
 *
 * What keeps its value needs no entry: smallint to integer to bigint, real to double precision, varchar to text, text to
 * varchar. Nor do varchar(n) and char(n) need entries to and from other types: the check goes by text. A source of smallint or
 * integer takes the entry of bigint where it has none of its own.
 *
 * Where a typmod is asked for, there are two steps: to the type with typmod -1, then from == to with the typmod. varchar and bpchar
 * have two such entries: one with context EXPLICIT, for what is written (it cuts), one with ASSIGNMENT, for the value of a column
 * (it raises 22001, unless only blanks are cut).
 */
struct expr_cast {
    uint8_t from, to; /* enum type_id; from == to: the length coercion to a typmod */
    uint8_t context;
    struct expr_function function; /* one argument; run NULL: the value stays as it is */
};

/** An entry. */
#define EXPR_CAST(from, to, context, name, kernel)                                                                                 \
    {                                                                                                                              \
        from, to, EXPR_CAST_##context,                                                                                             \
        {                                                                                                                          \
            name, 1, {from}, to, 0, kernel                                                                                         \
        }                                                                                                                          \
    }

/* The tables, by family. */
extern const struct expr_function expr_fn_integer[], expr_fn_float[], expr_fn_numeric[], expr_fn_text[], expr_fn_datetime[],
    expr_fn_misc[]; /* misc: comparisons of bool and uuid, gen_random_uuid, filename, line, loaded_at */
extern const struct expr_cast expr_cast_number[], expr_cast_text[], expr_cast_datetime[]; /* ended by function.name NULL */

#endif
