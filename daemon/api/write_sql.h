/* SPDX-License-Identifier: MIT */
/*
 * The statements of a write by the API. One transaction:
 *
 *   write_begin_sql ─▶ [the row, found and locked] ─▶ "WITH " write_put_rows " SELECT …" ─▶ write_end_sql ─▶ COMMIT
 *
 * `w` has the rows as they were written (or deleted), and what cetld needs to know about each:
 *   WRITE_DELTA   by how much the dataset has more rows for it: 1 inserted or revived, -1 deleted, 0 updated (rows that are
 *                 deleted softly do not count)
 *   WRITE_SOUND   never false: computing it noted the groups of rollups that the row is in, and was in, and refused the row (an
 *                 error of the server's with a column) when a lookup misses for it, when a check of the configuration is false,
 *                 or when it refers to a row that is softly deleted
 *
 * The groups that rows were in are noted by a function in the conditions of UPDATE and ON CONFLICT, which sees the row as it is
 * locked: what another transaction did to it in between is not missed. (RETURNING shows old rows only from PostgreSQL 18 on.) The
 * function and what it notes in are temporary (etl/touched.h has the rest).
 *
 * Deleting and changing keys may change other datasets' rows, by foreign keys: these get a mark as of a write from outside, so that
 * their versions change and their rollups are computed anew.
 *
 * Thread: any.
 */
#ifndef CETLD_API_WRITE_SQL_H
#define CETLD_API_WRITE_SQL_H

#include "api/write_body.h"
#include "rest/where.h"

#define WRITE_DELTA "\"cetl delta\""
#define WRITE_SOUND "\"cetl sound\""

enum write_kind { WRITE_INSERT, WRITE_UPDATE, WRITE_DELETE, WRITE_SOFT_DELETE };
enum write_clash { WRITE_CLASH_REFUSE, WRITE_CLASH_MERGE, WRITE_CLASH_IGNORE };

struct write_shape {
    enum write_kind kind;
    const struct dataset *dataset;
    const struct write_body *body; /* of INSERT and UPDATE */
    enum write_clash clash;        /* of INSERT: what becomes of a row whose key is there */
    const char *const *target;     /* the key's columns; NULL: any key, with IGNORE */
    size_t targets;
    bool sorted;                  /* of INSERT with MERGE: the order of the rows does not matter */
    bool defaults;                /* of INSERT: what a row lacks that others bring has its DEFAULT, else NULL */
    bool whole;                   /* of UPDATE: what the body lacks has its DEFAULT, too */
    const struct rest_plan *plan; /* which rows; NULL: the one of `key` */
    const struct slice *key;      /* the primary key's values, as text */
};

/** BEGIN, and what the statement needs; a role is for the caller, behind it. */
void write_begin_sql(struct buf *out, const struct dataset *d);
/** "w AS (…)"; the body's rows are the builder's first parameter. 0, REST_E_QUERY, -ENOMEM. */
must_check int write_put_rows(struct rest_builder *b, const struct write_shape *s);
/** The row of `key`, locked (no need for one that will be deleted) → is it softly deleted? */
void write_put_find(struct rest_builder *b, const struct dataset *d, const struct slice *key, bool lock);
/** " WHERE …" for t0, the row of the primary key's values. */
void write_put_key(struct rest_builder *b, const struct table *t, const struct slice *key);
/** The rollups, and the dataset's mark. Gives a row unless the dataset is not what it was. */
struct write_end {
    const struct dataset *dataset;
    enum write_kind kind;
    bool keys; /* an UPDATE that writes a column that others may refer to */
    bool role; /* the rows were written in another role */
    int64_t delta;
};
void write_end_sql(struct buf *out, const struct write_end *e);
/** The unique key all of whose columns the body brings: the primary key before others; NULL: there is none. */
const struct dataset_unique *write_target(const struct dataset *d, const struct write_body *b);
/** Does the body bring that column? */
bool write_brings(const struct write_shape *s, size_t column);

#endif
