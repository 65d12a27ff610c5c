/* SPDX-License-Identifier: MIT */
/*
 * One write by the API, from its request to its answer: a transaction on a connection of its own (api/write_sql.h has its
 * statements).
 *
 *   connecting ─▶ beginning ─▶ [finding] ─▶ writing ─▶ [advancing] ─▶ ending ─▶ committing ─▶ answered
 *        ▲            │            │           │                         │
 *        └─ deadlock ─┴────────────┴───────────┴── refused ─▶ undoing ─▶ [narrowing ─▶ undoing] ─▶ answered
 *
 *   finding     the row of /v1/TABLE/KEY, locked: 404 and 410 come before the body is judged
 *   advancing   the sequences of columns that the body brought itself
 *   narrowing   which of several rows was refused: they are written in ever smaller pieces, and all of it is undone
 *
 * A client that leaves before its rows are written has nothing written; later the transaction goes on to its end.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_WRITE_H
#define CETLD_API_WRITE_H

#include "api/api.h"
#include "api/form.h"
#include "api/write_sql.h"
#include "rest/prefer.h"
#include "rest/sql.h"

enum write_state {
    WRITE_CONNECTING,
    WRITE_BEGINNING,
    WRITE_FINDING,
    WRITE_WRITING,
    WRITE_ADVANCING,
    WRITE_ENDING,
    WRITE_COMMITTING,
    WRITE_UNDOING,
    WRITE_NARROWING,
};

enum { WRITE_ANSWER_MAX = 32 << 20 }; /* bytes of the rows that are answered, as the server counts them */

/** What a request asks for. */
enum write_verb { WRITE_GET_ROW, WRITE_POST, WRITE_PATCH, WRITE_PUT, WRITE_REMOVE, WRITE_BULK };

/** What the server said against it. */
struct write_refusal {
    char sqlstate[6];
    char message[512], detail[512], hint[256];
    char column[64], table[64], constraint[64]; /* or "" */
};

struct write {
    /* Set by whoever makes it: */
    struct http_request *request; /* NULL: answered, or the client has left */
    enum write_verb verb;
    bool row;                  /* of /v1/TABLE/KEY */
    bool own;                  /* not PostgREST's dialect: Prefer said nothing of it */
    bool judged;               /* the body was found wanting: `fault` */
    struct dataset *dataset;   /* a reference; NULL: a row of a table is read that is none's */
    const struct table *table; /* the dataset's; of a read also a rollup's or a derive's */
    const char *name;          /* its name in the API */
    struct write_body body;
    struct write_fault fault;
    struct rest_query query;
    struct rest_prefer prefer;
    struct write_shape shape;
    struct slice *key; /* of `row` */
    bool represent;    /* rows are wanted */
    bool single;       /* as one object, though an array was not refused */
    struct form form;
    /* Its own: */
    struct api *api;
    struct arena arena;
    enum write_state state;
    struct db_wait wait;
    struct db_conn *conn;
    struct rest_scope scope;
    struct table readable;        /* the table, as rows are read that were just written: deleted ones, too */
    struct rest_statement answer; /* how the rows are to be read */
    char *begin;
    const char *sql;
    struct db_param *param;
    size_t params;
    bool role; /* the statements run in a role of the request's */
    unsigned tries;
    size_t sequence; /* the field that is advanced next */
    PGresult *rows;
    int64_t count, delta;
    struct write_refusal refusal;
    enum write_state refused_at;
    int64_t index;              /* of the row that is to blame, -1: not known */
    size_t from, to, end, step; /* narrowing: the piece at hand, where the rows to look at end, and how many are tried at once */
    bool piecewise;
};

/** Everything is set: write, and answer. Takes `w` over. */
void write_go(struct write *w);
/** A fresh one for the request; NULL after a 500. */
struct write *write_new(struct http_request *r, enum write_verb verb);
void write_free(struct write *w);
/** The request goes its own way from here; NULL: it has left. */
struct http_request *write_let_go(struct write *w);

#endif
