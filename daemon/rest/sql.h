/* SPDX-License-Identifier: MIT */
/*
 * A query's tree over a readable table as one statement: its SQL, its parameters, and how its rows are to be read.
 *
 *     struct rest_ask ask = {.query = &q, .scope = &scope, .table = table, .json = true, .count = prefer.count};
 *     rc = rest_statement_make(&ask, &arena, &statement, &err);       0, REST_E_QUERY, -ENOMEM, ERROR_TOO_BIG
 *
 * Questions of one shape have the same text, whatever their values, limits and offsets are, so that the server prepares them once.
 * What is embedded comes as JSON made by the server; everything else in binary form where pgvalue_known, else as text (JSON's, when
 * `json`).
 *
 * Rows come in the order that was asked for. Where a page was asked for (limit, offset, after), and when nothing was said, the
 * primary key follows behind, so that each row is on one page.
 *
 * The total is counted in the same statement: one snapshot sees the page and the number. Then there is always a row: where the page
 * is empty its marker is NULL. An estimate counts up to REST_COUNTED rows; beyond, and for `planned`, the planner's guess is what
 * `plan_sql` gives (EXPLAIN in JSON: rest_plan_rows).
 *
 * Writes use it over their RETURNING: `with` is put in front, and `source` is what it names ("w").
 *
 * Thread: any.
 */
#ifndef CETLD_REST_SQL_H
#define CETLD_REST_SQL_H

#include "rest/columns.h"
#include "rest/prefer.h"

enum { REST_COUNTED = 10000 };

struct rest_statement {
    const char *sql;
    const struct db_param *param;
    const struct slice *param_name; /* whose value each is, to tell what is wrong with it; {NULL, 0}: nobody's */
    size_t params;
    /* A row: [total and marker,] columns, cursors. */
    bool total;
    const struct rest_column *column;
    size_t columns;
    size_t cursors;       /* the order's values as text: what `after` is for the next page. 0: there is no such paging */
    const char *plan_sql; /* or NULL; its parameters are the first ones of `param` */
    size_t plan_params;
    int64_t limit, offset;     /* in force; REST_ALL: no limit */
    struct rest_tables tables; /* what is read */
};

struct rest_ask {
    const struct rest_query *query;
    const struct rest_scope *scope;
    struct rest_table table;
    bool json;     /* types that are not ours as JSON, else as text */
    bool stripped; /* without members that are null, in what is embedded, too */
    enum rest_count count;
    int64_t file; /* only the rows that bear this id of the ledger; 0: all */
    bool cursors; /* where there may be a next page */
    bool no_rows; /* only the total is wanted, and what is wrong */
    /* of writes */
    const char *with;                  /* "WITH w AS (…) ", or NULL */
    const char *source;                /* instead of the table; NULL: the table */
    const struct rest_builder *before; /* the parameters that `with` has, or NULL */
};

must_check int rest_statement_make(const struct rest_ask *ask, struct arena *arena, struct rest_statement *ret_statement,
                                   struct rest_error *err);
/** All rows of `from` (what stands behind FROM, with its alias), which has the first parameters; `column` has names and oids of any
 * types. 0, -ENOMEM, ERROR_TOO_BIG. */
struct rest_over {
    const char *from;
    const struct rest_column *column;
    size_t columns;
    const struct db_param *param;
    size_t params;
    bool json;
    bool no_rows;
};
must_check int rest_statement_over(const struct rest_over *over, struct arena *arena, struct rest_statement *ret_statement);
/** Append the values of a row's cursors as `after` has them. NULL: SQL NULL. */
void rest_after_write(struct buf *out, const struct rest_value *value, size_t n);
/** The number of rows that EXPLAIN (FORMAT JSON) tells, or -1. */
int64_t rest_plan_rows(struct slice json);
/**
 * Which of the request's parameters the server could not read, from the words that come with its error ("… parameter $3 …"):
 * {NULL, 0} when they do not say.
 */
struct slice rest_param_at_fault(const struct rest_statement *s, const char *context);

#endif
