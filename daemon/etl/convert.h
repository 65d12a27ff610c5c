/* SPDX-License-Identifier: MIT */
/*
 * What a worker does with a chunk: records → typed rows → partial aggregates → COPY bytes; or, for a file nobody declared,
 * records → inference.
 *
 * A convert_plan is made once a load and only read afterwards. A convert_bench is what one running job needs beside the chunk (its
 * arena, its partial aggregates, its inference); there are as many as jobs run at once, and their partials are merged at the end.
 *
 * Thread: any.
 */
#ifndef CETLD_ETL_CONVERT_H
#define CETLD_ETL_CONVERT_H

#include "data/aggregate.h"
#include "data/infer.h"
#include "data/rule.h"
#include "etl/cutter.h"
#include "expr/transform.h"
#include "format/pgtext.h"

struct convert_plan {
    struct dialect dialect;
    bool header;                  /* the first record of the file is the header */
    size_t infer_columns;         /* > 0: infer that many columns, and nothing else */
    const bool *infer_only;       /* of each of them: is it to be looked at? NULL: all are */
    struct infer_reading reading; /* how inference reads the cells */
    const struct row_rule *rule;
    const struct type *types;          /* of rule's columns */
    const struct transform *transform; /* what makes the table's rows of the rule's; NULL: they are the table's */
    int64_t loaded_at;                 /* for the transform: microseconds since 2000-01-01 UTC */
    size_t computed_max; /* bytes that it may make of some rows at once; of a chunk's COPY as much beside its cells' */
    locale_t ctype;      /* likewise: see expr/function.h */
    const struct aggregate_spec *rollup; /* one for each rollup of the dataset */
    size_t rollups;
    size_t aggregate_max; /* bytes of one partial */
    size_t rejects_max;   /* bytes of rejects kept for one chunk */
    size_t row_extra;     /* bytes that a row's COPY may hold beside what its cells come to: constants, NULLs, rescued headers */
    bool lineage;         /* behind each row stand its file's id and its line, for lineage or for the order of a stage */
    bool text;            /* COPY's text format instead of its binary one: a column's type is none of ours */
    bool keep_chunks;     /* a chunk's bytes stay as long as its output */
    bool index;           /* the output says where each of its rows lies */
    const size_t *sort;   /* rule's columns by which a chunk's rows are sorted (sorter.h); not with `index` */
    size_t sort_columns;
    /* Rows that the server refused, by line: they are rejected with its words instead of being sent. Sorted; NULL: none. */
    const struct reject_list *verdicts;
    const uint64_t *judged; /* lines of further ones, of which only that is known; sorted */
    size_t judged_rows;
};

struct convert_bench {
    struct arena arena;
    struct arena computed;      /* what the transform makes */
    struct aggregate **partial; /* plan->rollups of them */
    struct infer *infer;
};
must_check int convert_bench_init(struct convert_bench *b, const struct convert_plan *plan);
/** What a bench holds beside its partials, which have their own ceiling, and what it unescapes of a chunk. */
size_t convert_bench_bytes(const struct convert_plan *plan);
void convert_bench_done(struct convert_bench *b, const struct convert_plan *plan);
/** Add what `from` gathered to `to`. 0, AGGREGATE_E_FULL, or -ENOMEM. */
must_check int convert_bench_merge(struct convert_bench *to, const struct convert_bench *from, const struct convert_plan *plan);

/** What stands before and behind the rows of all chunks, and what a COPY statement says of them behind FROM STDIN. */
void convert_header(const struct convert_plan *plan, struct buf *out);
void convert_trailer(const struct convert_plan *plan, struct buf *out);
const char *convert_copy_options(bool text);

struct convert_row {
    uint64_t line; /* of its record */
    size_t end;    /* behind its last byte in `copy` */
};
struct convert_output {
    struct buf copy;    /* COPY rows, without header and trailer */
    uint64_t rows_read; /* records, without the header */
    uint64_t rows_filtered;
    struct reject_list rejects;
    struct convert_row *row; /* of each row in `copy`, with plan->index */
    size_t rows;
};
void convert_output_done(struct convert_output *o);

/** 0, AGGREGATE_E_FULL, AGGREGATE_E_RANGE, or -ENOMEM. `ret_output` is the caller's (convert_output_done), also on failure. */
must_check int convert_chunk(const struct convert_plan *plan, const struct chunk *chunk, struct convert_bench *bench,
                             struct convert_output *ret_output);

#endif
