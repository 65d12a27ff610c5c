/* SPDX-License-Identifier: MIT */
/*
 * The overloads that PostgreSQL has of the names in our tables, those of types that we have not among them: which overload a call
 * means hangs on all of them. catalog.c is written by tools/expr-catalog.sql.
 *
 * Thread: any.
 */
#ifndef CETLD_EXPR_CATALOG_H
#define CETLD_EXPR_CATALOG_H

#include <stdbool.h>

struct catalog_call {
    const char *name; /* NULL ends the table */
    const char
        *types; /* "text,int4>text text>text": arguments and result, pg_type's names; "..." behind the last: any number of it */
};

/** A type that is not ours. */
struct catalog_type {
    const char *name; /* NULL ends the table */
    char category;    /* pg_type.typcategory */
    bool preferred;
    const char *source; /* our types that are cast to it implicitly, with commas */
};

extern const struct catalog_call catalog_call[];
extern const struct catalog_type catalog_type[];

#endif
