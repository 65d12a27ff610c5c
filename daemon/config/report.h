/* SPDX-License-Identifier: MIT */
/*
 * What a report is made of, as [report NAME] writes it:
 *
 *     param    = year int default extract(year from now())     several by line or comma: name, type[, default expression]
 *     filename = hires_{year}.csv                               {name} is the value that was used
 *     sql      = select … where extract(year from at) = :year   :name is the value, wherever SQL may have an expression
 *
 * A ':' begins a placeholder only where SQL has a sign there: not in strings, quoted names, dollar quotes and comments, and not in
 * '::' and ':='. In a slice of an array write [1: n], with a space.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_REPORT_H
#define CETLD_CONFIG_REPORT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "config/token_reader.h"

#include <stdbool.h>

enum { REPORT_E_SYNTAX = TOKEN_E_SYNTAX, REPORT_PARAMS_MAX = 32, REPORT_PIECES_MAX = 1024, REPORT_NO_PARAM = -1 };

struct report_param {
    const char *name;      /* folded to lower case, as SQL does */
    const char *type;      /* as written; the server has the last word */
    const char *otherwise; /* the default, an expression; NULL: it must be given */
};
struct report_params {
    const struct report_param *item;
    size_t n;
};

/** A text with parameters in it. */
struct report_piece {
    struct slice text;
    int param; /* its number, behind the text; or REPORT_NO_PARAM */
};
struct report_text {
    const struct report_piece *piece;
    size_t n;
};

/*
 * All give 0, REPORT_E_SYNTAX with the words in err, or -ENOMEM. What is made is in the arena; slices point into the text.
 */
must_check int report_params_parse(struct slice text, struct arena *arena, struct error *err, struct report_params *ret_params);
/** A query without a semicolon behind it. */
must_check int report_sql_parse(struct slice sql, const struct report_params *params, struct arena *arena, struct error *err,
                                struct report_text *ret_sql);
must_check int report_filename_parse(struct slice filename, const struct report_params *params, struct arena *arena,
                                     struct error *err, struct report_text *ret_filename);

/** The parameter's number, or REPORT_NO_PARAM. */
int report_param_find(const struct report_params *params, struct slice name);
/** Does the parameter stand in the text? */
bool report_uses(const struct report_text *text, int param);
/** The query for the server; its parameters are $first, $first + 1, …, in the order of `params`, as ($first::type). */
void report_sql(const struct report_text *sql, const struct report_params *params, int first, struct buf *out);

#endif
