/* SPDX-License-Identifier: MIT */
/*
 * Which column of the table gets what of a file: a cell, a part of the path, what no column takes, or nothing.
 *
 * A part of the path goes before everything else, and then no cell may have that column, too. A cell is found by its header (the
 * `from` of the column, or its name, however it is spelt), by its `position`, or, without a header and without positions, by its
 * order. What becomes of a cell that no column takes says `new_columns`; of a column that nothing feeds, `missing_columns`.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_MATCH_H
#define CETLD_ETL_MATCH_H

#include "base/glob.h"
#include "csv/dialect.h"
#include "etl/dataset.h"

/** What a file brings: its first record (etl/head.h makes it) and where it was dropped. */
struct plan_head {
    struct dialect dialect; /* detected; header is YES or NO */
    const char *encoding;   /* that the text was converted from; NULL: it was not */
    struct slice *cell;     /* of the first record; its header's names where there is a header */
    size_t cells;
    struct slice raw;          /* what stands before the rows, as head.c keeps it; may be empty */
    const char **name;         /* of each cell, as a column's: distinct, never empty */
    struct plan_name *by_name; /* the same as a hash table */
    struct slice path;         /* below incoming/, for the parts of the dataset's globs; may be empty */
};
/** The cell of that name, or -1. */
int plan_head_find(const struct plan_head *head, const char *name);
/** Has the file just the table's columns, those of cetld's own making aside? Then an undeclared one may go there. */
bool plan_head_agrees(const struct plan_head *head, const struct table *t);

enum {
    PLAN_E_HEADER = 1,  /* the file does not fit (the words name the column and the cell) */
    PLAN_E_DATASET = 2, /* the dataset cannot be loaded into until a person mends it */
    PLAN_E_DRIFT = 3,   /* the table must get columns first */
};

enum match_kind { MATCH_NOTHING, MATCH_CELL, MATCH_PART, MATCH_RESCUE, MATCH_COMPUTED /* an expression makes it */ };
struct match_source {
    enum match_kind kind;
    size_t index; /* the cell's or the part's number, from 0 */
};

/** A part of the path. */
struct match_part {
    const char *name;  /* as a column's */
    struct slice text; /* the value's text; {NULL, 0}: NULL */
    bool is_new;       /* no column has that name */
};

struct match {
    struct match_source *source; /* of each column of the table */
    int *input;                  /* of each of the dataset's formulas' inputs that is no column: its cell, or -1 */
    size_t *unknown;             /* the cells that no column takes, in their order */
    size_t unknowns;
    struct match_part *part;
    size_t parts;
    bool needs_rescue; /* PLAN_E_DRIFT: the column for what no column takes is missing */
};

/**
 * The parts of the path of a file of this dataset, decoded: behind a '=', as in year={year}, %XX is a byte and
 * __HIVE_DEFAULT_PARTITION__ is NULL, as Hive writes them. `config` may be NULL. 0; PLAN_E_HEADER: a text is no UTF-8; -ENOMEM.
 */
must_check int match_parts(const struct config_dataset *config, const struct plan_head *head, struct arena *a, struct error *err,
                           struct match_part **ret_part, size_t *ret_parts);
/** Do the parts of both paths give the same columns the same values? */
bool match_same_parts(const struct config_dataset *config, struct slice a, struct slice b);
/** All is the arena's, or the head's. 0; PLAN_E_… (`ret_match` is filled for PLAN_E_DRIFT, too); -ENOMEM. */
must_check int match_file(const struct dataset *d, const struct plan_head *head, struct arena *a, struct error *err,
                          struct match *ret_match);
/** A column feeds one of the dataset's rollups. */
bool match_used_by_rollup(const struct dataset *d, size_t column);

#endif
