/* SPDX-License-Identifier: MIT */
/*
 * Inference: the narrowest type that every cell of a column has, over the whole file: bool, int8, numeric, float8, date, timestamp,
 * timestamptz, uuid, json, text (never int4: widening rewrites a table). Leading zeros stay text. Non-ISO dates only when the file
 * proves the order of day and month, else text, with the reason. Workers infer chunks; their results are merged; the answer does
 * not depend on how the file was cut.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_DATA_INFER_H
#define CETLD_DATA_INFER_H

#include "csv/reader.h"
#include "data/type.h"

struct infer;

/** How the cells are to be read; as struct column_rule has them. */
struct infer_reading {
    const struct slice *null_token; /* unquoted texts that mean NULL beside the empty one */
    size_t null_tokens;
    struct type_marks marks;
};

/** `reading` is copied, its tokens must outlive the inference. The caller frees with infer_free. 0 or -ENOMEM. */
must_check int infer_new(size_t columns, const struct infer_reading *reading, struct infer **ret_infer);
void infer_free(struct infer *i);
/** Look only at the columns that are `wanted`; the guess for another is of no use. Before the first record. */
void infer_only(struct infer *i, const bool *wanted);
/** One more record; cells beyond `columns` are not looked at, missing ones count as NULL. 0 or -ENOMEM. */
must_check int infer_add(struct infer *i, const struct record *record);
/** Add what `from` saw. */
void infer_merge(struct infer *to, const struct infer *from);

enum { INFER_FORMAT_MAX = 32, INFER_REASON_MAX = 160 };
struct infer_column {
    struct type type;
    char format[INFER_FORMAT_MAX]; /* template for a non-ISO date or timestamp, or "" */
    char reason[INFER_REASON_MAX]; /* for a person: why this type */
    bool nulls;                    /* some cell was NULL */
};
/** The guess for column `c`. */
void infer_result(const struct infer *i, size_t c, struct infer_column *ret_column);
/** The guess for a single text; {NULL, 0} is NULL. 0 or -ENOMEM. */
must_check int infer_text(struct slice text, const struct infer_reading *reading, struct infer_column *ret_column);

#endif
