/* SPDX-License-Identifier: MIT */
/*
 * The stage of a keyed load (`mode = upsert` or `ignore`): a temporary table that takes the file's rows as they come, each with its
 * line, and one statement that merges it into the dataset's table. Which keys are equal, which value is greater: that says the
 * server, by the table's own types and collations.
 *
 *   stage_make_sql, stage_fill_sql ─▶ the table; COPY   (its rows end with pgcopy's lineage)
 *   stage_merge_sql ─▶ one row: inserted, updated; what is left of the staged rows was ignored
 *   stage_write_sql ─▶ the same, and only the command's tag: the sum of both
 *   stage_write_once_sql ─▶ the same for a file that repeats no key, and 0.3 µs a row less; 21000 where it does
 *
 * Of the rows that share a key only one is merged: `ignore` takes the first, `upsert` the last, or with `newest_by` the one whose
 * value there is the greatest (NULL is the least, and of equals the last one wins). The same is then decided between that row and
 * the table's. A row that is written again counts as updated, also when nothing in it changed.
 *
 * Where formulas run in the server their inputs are staged first, in whatever mode, and in `append` and `replace` the stage's rows
 * are all appended:
 *
 *   stage_compute_sql ─▶ the command's tag: the rows that are left; the others were filtered
 *   stage_append_sql ──▶ the command's tag
 *
 * Thread: any. SQL goes into a buf; failures are in it.
 */
#ifndef CETLD_ETL_STAGE_H
#define CETLD_ETL_STAGE_H

#include "data/rule.h"
#include "etl/formulas.h"

/** Where a byte of stage_compute_sql's text comes from. */
struct stage_trace {
    size_t at;            /* the byte, counted from the start of the buf */
    struct slice formula; /* found: the expression's text, as `formulas` has it; {NULL, 0}: in none */
    size_t in;            /* the byte of it */
};

struct stage {
    const struct table *table;   /* in keyed modes it has a key, all of which is in the rule */
    const struct row_rule *rule; /* the file's columns */
    bool text;                   /* COPY's text format */
    bool update;                 /* upsert; else ignore */
    const char *newest_by;       /* upsert: a column of the rule, or "" */
    /* The server computes them: what is copied are their inputs, and stage_compute_sql makes the stage's rows of them. Or NULL. */
    const struct formulas *formulas;
    struct slice file;         /* their filename() */
    int64_t loaded_at;         /* their loaded_at(): microseconds since 2000-01-01 UTC */
    struct stage_trace *trace; /* filled in by stage_compute_sql; usually NULL */
};

/** The stage, in a transaction; several statements. */
void stage_make_sql(struct buf *out, const struct stage *s);
/** The COPY into it. */
void stage_fill_sql(struct buf *out, const struct stage *s);
/** The table that the COPY goes to, without its schema. */
const char *stage_first(const struct stage *s);
void stage_compute_sql(struct buf *out, const struct stage *s);
void stage_append_sql(struct buf *out, const struct stage *s);
/** Nothing is staged any more. */
void stage_empty_sql(struct buf *out, const struct stage *s);
/** Rows, from which ANALYZE pays before a merge. */
enum { STAGE_ANALYZE_ROWS = 10000 };
/** Rows, from which it pays to count by other means than by stage_merge_sql's RETURNING, which costs about 0.8 µs a row. */
enum { STAGE_WRITE_ROWS = 1000 };
/** Does it update rows, too? Else all that it writes is new. */
bool stage_updates(const struct stage *s);
/** The merge → inserted, updated. */
void stage_merge_sql(struct buf *out, const struct stage *s);
/** The same merge without counting. */
void stage_write_sql(struct buf *out, const struct stage *s);
/**
 * The same, of stages that update, without looking for keys that the file repeats. PostgreSQL refuses a second row for a row that
 * the statement has inserted or updated (STAGE_REPEATED). A second row is let through only where the first was older than the
 * table's (`newest_by`) and so wrote nothing: then it is decided between it and the table's, as stage_write_sql would.
 */
#define STAGE_REPEATED "21000" /* cardinality_violation */
void stage_write_once_sql(struct buf *out, const struct stage *s);

#endif
