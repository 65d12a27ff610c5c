/* SPDX-License-Identifier: MIT */
/*
 * The plan of one load: which cell of a record goes to which column and how, the COPY statement, the rollups. Made on the loop from
 * the dataset and the head of the file; the workers only read it.
 *
 * Thread: loop (make, free); any (read).
 */
#ifndef CETLD_ETL_PLAN_H
#define CETLD_ETL_PLAN_H

#include "etl/convert.h"
#include "etl/dataset.h"
#include "etl/match.h"

/** A column that the table must get before a file can be loaded (PLAN_E_DRIFT). */
struct plan_column {
    const char *name;
    enum { PLAN_FROM_CELL, PLAN_FROM_PART, PLAN_FOR_RESCUE } kind;
    size_t cell;       /* PLAN_FROM_CELL: whose type is to be inferred over the whole file */
    struct slice text; /* PLAN_FROM_PART: by which its type is inferred */
};

struct plan {
    struct arena arena;
    struct dataset *dataset;     /* a reference */
    struct type_format **format; /* of each rule column, or NULL */
    struct row_rule rule;        /* of the columns that are loaded, in the order of the COPY */
    /* Where the dataset has formulas: of what they read, in their order; then that is what is applied to records. */
    struct row_rule input_rule;
    struct type_format **input_format; /* of each of them, or NULL */
    struct transform transform;
    bool in_server; /* the formulas run there; those with lookups until plan_look_up */
    struct transform_lookup *lookup;
    struct convert_plan convert;
    size_t *key; /* the table's key as columns of the rule, or NULL: it has none, or the file has not all of it */
    const char *copy_sql;
    struct plan_column *wanted; /* columns that the table lacks, of a plan that only infers */
    size_t n_wanted;
    struct slice *ignored; /* the headers of cells that are not loaded (`new_columns = ignore`) */
    size_t n_ignored;
};

/**
 * 0; PLAN_E_HEADER: the file does not fit (the words name the column and the cell); PLAN_E_DATASET: the dataset cannot be loaded
 * into until a person mends it; PLAN_E_DRIFT: the table must get columns first, and `*ret_plan` is a plan that only infers and says
 * in `wanted` which (where no cell is among them, convert.infer_columns is 0: there is nothing to read); -ENOMEM.
 */
must_check int plan_new(struct dataset *d, const struct plan_head *head, struct error *err, struct plan **ret_plan);
/**
 * A plan that only infers the types of the file's columns; `config` is where its dataset is declared, or NULL, and
 * must outlive the plan. The parts of the
 * path are in `wanted`. 0, PLAN_E_HEADER, or -ENOMEM.
 */
must_check int plan_new_infer(const struct config_dataset *config, const struct plan_head *head, struct error *err,
                              struct plan **ret_plan);
/**
 * The first of the rule's columns from number `i` on whose sequence may fall behind, or rule.columns: rows that bring their own ids
 * leave an identity's or a serial's sequence where it was, and the next INSERT of somebody else would clash.
 */
size_t plan_next_sequence(const struct plan *p, size_t i);
/** What the lookups look into is in memory: a dictionary for each of the formulas' sources, which must outlive the plan. */
void plan_look_up(struct plan *p, const struct dictionary *const *dictionary);
/** Say in the log which cells of this file are ignored; once for a snapshot of the dataset. */
void plan_tell_ignored(const struct plan *p, const char *file);
/** The plan's COPY into another table with the same columns (quoted), which was made in this transaction. */
void plan_copy_sql(struct buf *out, const struct plan *p, const char *fresh);
void plan_free(struct plan *p);

#endif
