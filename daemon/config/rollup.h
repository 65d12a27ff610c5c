/* SPDX-License-Identifier: MIT */
/*
 * The lists of a [rollup]: what to group by and what to measure, in PostgreSQL's syntax.
 *
 *     group   = placed::date as day, date_trunc('month', placed) as month, zip, upper(city) as city
 *     measure = sum(amount) as revenue, count(*) as orders, max(amount), avg(price * quantity) as mean,
 *               first(price order by placed, id) as opening
 *
 * What is more than a column, its date or its date_trunc, and more than an aggregate of a column, is taken as it stands, for the
 * server. first and last are ours: the value in the first or last row of that order; rows that are equal in it, in the order of the
 * value.
 *
 * Names fold to lower case unless they stand in double quotes. Without `as` a result is named as PostgreSQL would name it: a column
 * (also under a cast) by the column, a call by its function.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_ROLLUP_H
#define CETLD_CONFIG_ROLLUP_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "config/token_reader.h"

enum rollup_key_kind { ROLLUP_KEY_COLUMN, ROLLUP_KEY_DATE, ROLLUP_KEY_TRUNC, ROLLUP_KEY_EXPR };
struct rollup_key {
    enum rollup_key_kind kind;
    const char *column; /* the dataset's column; NULL for ROLLUP_KEY_EXPR */
    const char *sql;    /* ROLLUP_KEY_EXPR: the expression as written; else NULL */
    const char *unit;   /* ROLLUP_KEY_TRUNC: one of PostgreSQL's units for date_trunc, lower case; else NULL */
    const char *alias;  /* the column of the rollup's table */
};

enum rollup_function {
    ROLLUP_COUNT_ALL,
    ROLLUP_COUNT,
    ROLLUP_SUM,
    ROLLUP_MIN,
    ROLLUP_MAX,
    ROLLUP_AVG,
    ROLLUP_BOOL_AND,
    ROLLUP_BOOL_OR,
    ROLLUP_SERVER, /* any other, and all of more than a column */
};
struct rollup_measure {
    enum rollup_function function;
    const char *column; /* NULL for ROLLUP_COUNT_ALL and ROLLUP_SERVER */
    const char *sql;    /* ROLLUP_SERVER: as the server computes it; else NULL */
    const char *alias;
};

enum { ROLLUP_E_SYNTAX = TOKEN_E_SYNTAX, ROLLUP_ITEMS_MAX = 64 };

struct rollup_keys {
    const struct rollup_key *item;
    size_t n;
};
struct rollup_measures {
    const struct rollup_measure *item;
    size_t n;
};

/** Arrays and strings are in the arena. 0, ROLLUP_E_SYNTAX with the words in err, or -ENOMEM. */
must_check int rollup_parse_keys(struct slice text, struct arena *arena, struct error *err, struct rollup_keys *ret_keys);
must_check int rollup_parse_measures(struct slice text, struct arena *arena, struct error *err,
                                     struct rollup_measures *ret_measures);

#endif
