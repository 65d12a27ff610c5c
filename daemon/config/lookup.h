/* SPDX-License-Identifier: MIT */
/*
 * The `lookup` of a column: which column of which dataset its values come from, and by which key.
 *
 *     lookup = customers.zip on customers.id = customer_id
 *     lookup = prices.amount on prices.item = item and valid_on = prices.day
 *
 * Names fold to lower case unless they stand in double quotes.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_LOOKUP_H
#define CETLD_CONFIG_LOOKUP_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "config/token_reader.h"

/** One `=`. */
struct lookup_pair {
    const char *column; /* of the dataset that is looked into */
    const char *name;   /* what the row has: a column or an input */
};
struct lookup {
    const char *dataset; /* NULL: there is no lookup */
    const char *column;
    const struct lookup_pair *pair;
    size_t n;
};

enum { LOOKUP_E_SYNTAX = TOKEN_E_SYNTAX, LOOKUP_KEYS_MAX = 16 };

/** Strings are in the arena. 0, LOOKUP_E_SYNTAX with the words in err, or -ENOMEM. */
must_check int lookup_parse(struct slice text, struct arena *arena, struct error *err, struct lookup *ret_lookup);

#endif
