/* SPDX-License-Identifier: MIT */
/*
 * The body of a write as rows for a table: which columns it brings, and the rows as one JSON array of objects, which the server
 * makes typed rows of (json_to_recordset). The array is the client's own text wherever that is possible, so that no value changes
 * on its way.
 *
 * JSON (an object, or an array of objects), NDJSON (an object a line), CSV (a header line, then rows; an empty cell without quotes
 * is NULL).
 *
 * Thread: any.
 */
#ifndef CETLD_API_WRITE_BODY_H
#define CETLD_API_WRITE_BODY_H

#include "etl/dataset.h"
#include "rest/query.h"

#include <stdint.h>

enum write_media { WRITE_JSON, WRITE_NDJSON, WRITE_CSV };

struct write_source {
    struct slice text;
    enum write_media media;
    const struct table *table;
    const struct rest_name *columns; /* only these count; NULL: all that the rows name */
    bool same_names;                 /* every object must have the names of the first */
    size_t rows_max;                 /* 0: no bound */
};

struct write_field {
    size_t column; /* of the table */
    size_t seen;   /* in how many rows */
};
struct write_body {
    struct arena arena;
    bool object;       /* one object, not in an array */
    struct slice all;  /* the JSON array of all rows */
    struct slice *row; /* each one's object */
    size_t rows;
    struct write_field *field; /* in the order in which they came */
    size_t fields;
};

enum {
    WRITE_E_MALFORMED = 1, /* no JSON, no CSV */
    WRITE_E_WRONG,         /* no rows of this table */
    WRITE_E_COUNT,         /* none, or too many */
};
struct write_fault {
    int kind;
    int64_t index;    /* of the row, from 0; -1: none */
    char column[64];  /* or "" */
    const char *code; /* PostgREST's, static; or NULL */
    char message[320];
    char hint[160]; /* or "" */
};

/** 0, WRITE_E_… with `ret_fault` filled in, or -ENOMEM. write_body_done in any case. `source->text` must outlive it. */
must_check int write_body_read(const struct write_source *source, struct write_body *ret_body, struct write_fault *ret_fault);
void write_body_done(struct write_body *b);
/** Append the array of rows [from, to). */
void write_body_piece(const struct write_body *b, size_t from, size_t to, struct buf *out);
/**
 * The first value that is none of its column's type, as far as the types are ours: for an error of the server's that does not say
 * which it was. False: all are.
 */
bool write_body_misfit(const struct write_body *b, const struct table *t, struct write_fault *ret_fault);

#endif
