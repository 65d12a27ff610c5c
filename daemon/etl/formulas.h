/* SPDX-License-Identifier: MIT */
/*
 * The formulas of a dataset: the expressions of its configuration (`filter`; `expr`, `lookup` and `check` of its columns), resolved
 * against its table and those of its dimensions.
 *
 * Which name means what:
 *   in `expr` of column C    C itself is the file's cell C, as text; another column is its cell, as the column's type, or what is
 *                            looked up for it, as the dimension's type; an input of `inputs` is that; any other name is a cell of
 *                            that name, as text, unless it looks like a slip of the pen
 *   in `lookup` of column C  the same, but no column that is looked up
 *   in `filter` and `check`  a column is what it will be; an input is that
 *
 * A name may stand behind the table's and a point: orders.amount. A call means what it means in this database, whose own functions
 * and operators may win over PostgreSQL's of the same name; but types that PostgreSQL has no such function for are a mistake, which
 * is told without asking the database: one of its own then wants its schema in front.
 *
 * What a file is read for are the inputs: the columns that no expression makes, those of `inputs`, and the cells that expressions
 * name. Expressions that the workers cannot run make the whole dataset's run in the server.
 *
 * Thread: loop; workers read what is made.
 */
#ifndef CETLD_ETL_FORMULAS_H
#define CETLD_ETL_FORMULAS_H

#include "etl/dataset.h"
#include "expr/transform.h"

struct formulas_input {
    const char *name;
    struct type type;
    int column;         /* the table's column that it is, or -1: only expressions read it */
    const char *reader; /* of -1: the column whose expr reads it first, or NULL: declared in `inputs` */
};

/** What `lookup` of a column says. */
struct formulas_lookup {
    size_t column; /* the table's */
    size_t input;  /* what is found, among the inputs behind those that are read */
    const struct config_column *config;
    const struct dataset_dimension *dimension; /* NULL: only its declaration is known */
    size_t *key;                               /* of each pair: the input */
    size_t source, value;                      /* where it is found in memory: the source, and its value */
};

/** What is read of a dimension for one or several lookups by the same key. */
struct formulas_source {
    const struct dataset_dimension *dimension;
    const struct lookup *by;
    size_t *value; /* columns of the dimension's table */
    size_t values;
};

struct formulas {
    struct formulas_input *input;
    size_t inputs;
    size_t read; /* the first of them come from the file, the others are found by `lookup`, in its order */
    struct formulas_lookup *lookup;
    size_t lookups;
    struct formulas_source *source; /* for the lookups, where they are not for the server anyway */
    size_t sources;
    struct transform_column *column; /* of each of the table's */
    struct transform_expr filter;
    const char *server; /* what only the server can run, with its place; NULL: nothing */
    const struct config_place *server_place;
};

/** May they have to run in the server? Lookups do where a dimension does not fit into memory. */
static inline bool formulas_in_server(const struct formulas *f)
{
    return f && (f->server || f->lookups > 0);
}

/** Does the dataset's configuration have any? */
bool formulas_wanted(const struct config_dataset *config);

/** A mistake of the configuration, in one line. */
typedef void (*formulas_mistake)(void *ctx, const struct config_place *place, const char *text);

/** What they are resolved against. */
struct formulas_tables {
    const struct table *own;
    const struct dataset_dimensions *dimensions; /* what is not among them, nothing is known of */
};
/**
 * Resolve those of `config`; all mistakes are told. Memory is the arena's. 0 (what was told is not in it), or -ENOMEM.
 */
must_check int formulas_resolve(const struct config_dataset *config, const struct formulas_tables *t, struct arena *a,
                                formulas_mistake mistake, void *ctx, struct formulas **ret_formulas);

/** Does one of them read the column itself (not only its cell)? Then a file must have it, or it is NULL: what the server's DEFAULT
 * would be there is not known. Of those that run in the server, where that is asked by their words, rather yes than no. */
bool formulas_read(const struct formulas *f, const struct table *t, size_t column);

/** Where they run, and why: "dataset orders: its expressions run on the workers". */
void formulas_describe(const struct formulas *f, const char *dataset, struct buf *out);

/** What stands in front of a mistake's words at that byte of an expression, which is one of `config`'s by its address:
 * "host: expr, line 1, column 5: ". The place in the configuration; NULL: it is none of them. */
enum { FORMULAS_WHERE_MAX = 128 };
const struct config_place *formulas_where(const struct config_dataset *config, struct slice text, size_t at,
                                          char ret_where[FORMULAS_WHERE_MAX]);

/** Those of a dataset, whose table is read: into d->formulas; mistakes break it. 0 or -ENOMEM. */
must_check int formulas_of_dataset(struct dataset *d);

/**
 * config_load, and then all formulas as far as they can be judged without the database, by the types that `columns` declares. 0,
 * CONFIG_E_INVALID with every mistake in `mistakes`, or negative.
 */
must_check int formulas_load_config(const char *path, enum config_presence presence, struct mistakes *mistakes,
                                    struct config **ret_config);

/** Describe those of all datasets, by the types that are declared, a line each. 0 or -ENOMEM. */
must_check int formulas_describe_config(const struct config *config, struct buf *out);

#endif
