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

/** What the first record of a file says (etl/head.h makes it). */
struct plan_head {
    struct dialect dialect; /* detected; header is YES or NO */
    struct slice *cell;     /* of the first record; its header's names where there is a header */
    size_t cells;
    struct slice raw;          /* the header as it stands in the file; empty where there is none */
    const char **name;         /* of each cell, as a column's: distinct, never empty */
    struct plan_name *by_name; /* the same as a hash table */
};
/** The cell of that name, or -1. */
int plan_head_find(const struct plan_head *head, const char *name);
/** Has the file just the table's columns? Then an undeclared one may go there. */
bool plan_head_agrees(const struct plan_head *head, const struct table *t);

struct plan {
    struct arena arena;
    struct dataset *dataset;     /* a reference */
    struct type_format **format; /* of each rule column, or NULL */
    struct row_rule rule;
    struct convert_plan convert;
    const char *copy_sql;
};

enum { PLAN_E_HEADER = 1, PLAN_E_DATASET = 2 };

/**
 * 0; PLAN_E_HEADER: the file does not fit (the words name the column and the cell); PLAN_E_DATASET: the dataset cannot be loaded
 * into until a person mends it; -ENOMEM.
 */
must_check int plan_new(struct dataset *d, const struct plan_head *head, struct error *err, struct plan **ret_plan);
/**
 * A plan that only infers the types of the file's columns. `config`: the dataset that was declared without columns, which must
 * outlive the plan; NULL: nobody declared any. 0 or -ENOMEM.
 */
must_check int plan_new_infer(const struct config_dataset *config, const struct plan_head *head, struct plan **ret_plan);
/** The plan's COPY into another table with the same columns (quoted), which was made in this transaction. */
void plan_copy_sql(struct buf *out, const struct plan *p, const char *fresh);
void plan_free(struct plan *p);

#endif
