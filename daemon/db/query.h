/* SPDX-License-Identifier: MIT */
/*
 * Queries on a db_conn. SQL values are parameters; identifiers pass through db_quote_identifier. Where a statement takes no
 * parameters (DDL, or several at once) its texts pass through db_quote_literal.
 *
 *     db_query(conn, &(struct db_query){.sql = SQL_LEDGER_FIND, .param = (struct db_param[]){db_text(name), db_int8(id)}, .params =
 * 2, .done = on_found, .ctx = load});
 *
 * Without parameters and without `binary` the simple protocol is used, and the SQL may hold several statements: `done` sees the
 * last result, or the first error. A statement with parameters is prepared once a connection, under its text (26000 and cached-plan
 * 0A000: prepared again once, but not in a transaction, which is lost with it: there it is for the caller to begin anew).
 *
 * Thread: loop.
 */
#ifndef CETLD_DB_QUERY_H
#define CETLD_DB_QUERY_H

#include "base/buf.h"
#include "base/slice.h"
#include "db/conn.h"

/** One parameter, in text form, or in binary form of the type `oid`. A NULL slice pointer with null = true is SQL NULL. */
struct db_param {
    struct slice value; /* p NULL, null false: the text is in scratch (a parameter is copied by value) */
    uint32_t oid;       /* 0: let the server infer; must be set for binary */
    bool binary;
    bool null;
    char scratch[24]; /* for db_int8 */
};
struct db_param db_text(const char *text); /* NULL: SQL NULL */
struct db_param db_slice(struct slice s);  /* {NULL, 0}: SQL NULL */
struct db_param db_int8(int64_t v);        /* as text, of type bigint */
struct db_param db_binary(uint32_t oid, struct slice bytes);

struct db_result {
    int status;                /* 0, ERROR_REFUSED (the server's error, in `error`), ERROR_CLOSED, ERROR_CANCELLED */
    const PGresult *rows;      /* with status 0; NULL for a streamed query's end. Valid during the callback only */
    const struct error *error; /* with another status: sqlstate and text */
    const char *detail;        /* the server's DETAIL, CONTEXT and HINT lines, or "" */
    const PGresult *refusal; /* the server's error itself, for its other fields (PQresultErrorField), or NULL; as long as `rows` */
};

struct db_query {
    const char *sql;
    const struct db_param *param;
    int params;
    bool binary; /* results in binary form */
    /* Called exactly once, never before db_query returned. */
    void (*done)(void *ctx, const struct db_result *r);
    /*
     * Streaming (row by row, in order), or NULL. Gives false to pause: nothing more is read from the server until db_query_resume.
     */
    bool (*row)(void *ctx, const PGresult *row);
    void *ctx;
};

/** Queue it; everything is copied. 0, -ENOMEM, or ERROR_CLOSED when the connection is lost. `done` is called only after 0. */
must_check int db_query(struct db_conn *c, const struct db_query *q);
/** Go on with a paused stream, in the next turn; not from within `row`, which gives true for that. Harmless when nothing is paused.
 */
void db_query_resume(struct db_conn *c);

/** Rows a command touched, from its tag (PQcmdTuples); 0 when it says none. */
int64_t db_affected(const PGresult *res);
/** Text-form accessors for small results: NULL for SQL NULL; `otherwise` for NULL. */
const char *db_get(const PGresult *res, int row, int column);
int64_t db_get_int8(const PGresult *res, int row, int column, int64_t otherwise);

/** A text as a constant of SQL. It holds no NUL. */
void db_quote_literal(struct buf *out, struct slice text);
/** An identifier in double quotes. */
void db_quote_identifier(struct buf *out, struct slice name);

enum db_refusal {
    DB_RETRY,    /* 08, 40, 53, 57, 58, 55P03, 25P03, 25006: the same again later */
    DB_PAUSE,    /* 28, 3D, 3F, 42: a person must mend something; keep the files queued */
    DB_BAD_DATA, /* 22, 23, P0001 (a trigger's RAISE EXCEPTION), 54000 (a row, or its entry of an index, is too big), 54001 (JSON
                  * that is too deep): the rows are at fault */
    DB_FAIL,     /* anything else fails the file with the server's words */
};
/** What a SQLSTATE asks for. "" (no server spoke) is DB_RETRY. */
enum db_refusal db_refusal_of(const char *sqlstate);
/** Such a refusal inside a transaction may mean that the statement was prepared before a table was altered: the next transaction
 * prepares it anew. */
bool db_is_stale(const char *sqlstate);

#endif
