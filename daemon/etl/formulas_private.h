/* SPDX-License-Identifier: MIT */
/*
 * What the parts of formulas share while those of one dataset are resolved: formulas.c (names, scopes, types) and formulas_lookup.c
 * (what is looked up, where, and by what). Nobody else includes this.
 *
 * The order: parse all expressions; inputs that are declared; inputs that an expr names; the keys of lookups; from here on f->read
 * is known, and what lookups find follows; then types.
 *
 * Mistakes of the configuration are told and are no failure: functions return 0 then; negative is -ENOMEM.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_FORMULAS_PRIVATE_H
#define CETLD_ETL_FORMULAS_PRIVATE_H

#include "etl/formulas.h"

/** One expression of the configuration. */
struct formula {
    const char *option; /* "expr", "check", "filter", "lookup" */
    const char *text;
    const struct config_place *place;
    const struct table_column *column; /* whose it is; NULL: the filter */
    struct expr_node *tree;            /* NULL: the server's already by its syntax */
    bool wrong;                        /* it was told already */
};

struct resolving {
    const struct config_dataset *config;
    const struct table *t;
    const struct dataset_dimensions *dimensions;
    struct arena *arena;
    formulas_mistake mistake;
    void *ctx;
    struct formulas *f;
    struct formula *expr, *check, *lookup; /* of each column; text NULL: none */
    struct formula filter;
    struct expr_name *name; /* the scope: inputs, then columns */
};

/** What is wrong at that byte of `f`, in one line; a lookup has no byte, only its line in the file. */
void formulas_tell(const struct resolving *m, struct formula *f, size_t at, const char *words);
/** The input of that name, of the table's column (-1: of none); or -1. */
int formulas_find_input(const struct resolving *m, const char *name, int column);

struct formulas_naming {
    struct resolving *m;
    struct formula *f;
};
/** A name in an expr, or a lookup's key: it is an input, or becomes one. `ctx` is a formulas_naming, as expr_each_name hands it on.
 */
must_check int formulas_use_name(void *ctx, const struct expr_node *node);

/** All lookups, once the inputs that exprs name are there: their keys, what they find, and which tables are read for them. */
must_check int formulas_add_lookups(struct resolving *m);

#endif
