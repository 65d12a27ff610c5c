/* SPDX-License-Identifier: MIT */
/*
 * The ledger: cetl.file and what hangs on it. Each call queues one statement (or COPY) on a connection; `done` gets the result as
 * db_query gives it.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_LEDGER_H
#define CETLD_ETL_LEDGER_H

#include "data/reject.h"
#include "db/copyin.h"
#include "etl/arrival.h"
#include "etl/dataset.h"
#include "loop/workers.h"

typedef void (*ledger_done)(void *ctx, const struct db_result *r);

/** → id, state, error, the counts in the order of arrival_counts; no row when the token is unknown. */
must_check int ledger_find_token(struct db_conn *c, const char *token, ledger_done done, void *ctx);
/** → "in progress", "committed", "aborted" or NULL. */
must_check int ledger_xact_status(struct db_conn *c, const char *xid, ledger_done done, void *ctx);

/** The content of a dataset: SHA-256 of the bytes as dropped. */
struct ledger_content {
    int64_t dataset;
    const uint8_t *sum;
};
/** Until the end of the transaction nobody else decides about these bytes → lock, and the dataset's definition and columns as they
 * are now. */
must_check int ledger_lock(struct db_conn *c, const struct ledger_content *content, const struct table *t, ledger_done done,
                           void *ctx);
/** → id of the load that these bytes would double. `newest`: only the dataset's newest load counts. */
must_check int ledger_find_duplicate(struct db_conn *c, const struct ledger_content *content, bool newest, ledger_done done,
                                     void *ctx);

struct ledger_row {
    const struct arrival *arrival;
    int64_t dataset;      /* 0: none */
    int64_t duplicate_of; /* 0: none */
    int64_t rows_delta;   /* how the dataset's row count changes */
    int64_t id;           /* 0: the ledger gives one */
    bool lineage;         /* its rows bear that id */
    const char *error;    /* NULL: none */
};
/** The row of a file that reached arrival->state, and the mark of a change when that is `loaded` → id, xid. */
must_check int ledger_insert(struct db_conn *c, const struct ledger_row *row, ledger_done done, void *ctx);

struct ledger_file_rejects {
    int64_t file;
    const struct reject_list *list;
    struct slice header;
};

/* ---- a load over several connections (prepared.h settles it) ---- */

struct ledger_shares {
    int connections;
    const char *instance;
};
/** Its row while it is `loading`, in a transaction of its own → id. */
must_check int ledger_begin(struct db_conn *c, const struct ledger_row *row, const struct ledger_shares *shares, ledger_done done,
                            void *ctx);
/** The row arrival->ledger_id becomes `committing`, with the counts → id, xid; no row when it was given up meanwhile. */
must_check int ledger_decide(struct db_conn *c, const struct ledger_row *row, ledger_done done, void *ctx);

/** The COPY of a file's rejects into cetl.reject; embed it in its owner and fill in what is above the line. */
struct ledger_rejects {
    struct workers *workers;
    struct db_conn *conn;                   /* nothing else is asked of it until `done` */
    int64_t file;                           /* its row's id */
    const struct reject_list *list;         /* stays as it is until `done` */
    struct slice header;                    /* the file's header line, so that its rejects can be mended and sent again; or empty */
    const struct ledger_file_rejects *many; /* instead of the three above: those of several files; or NULL */
    size_t n_many;
    ledger_done done; /* exactly once, never before ledger_put_rejects returned */
    void *ctx;
    /* ---- */
    struct worker_job job;
    struct buf text, sql;
    int rc;
};
/** COPY the list behind the file's row. The text is made on a worker: a full list takes tens of milliseconds. */
void ledger_put_rejects(struct ledger_rejects *r);
/** → what reject_list_csv needs, by ledger_read_rejects. */
must_check int ledger_get_rejects(struct db_conn *c, int64_t file, ledger_done done, void *ctx);
/** Fill a list from its rows. 0 or -ENOMEM. */
must_check int ledger_read_rejects(const PGresult *rows, struct reject_list *list);

struct ledger_sequence {
    const struct table *table;
    const char *column;
    int64_t most; /* the highest value among rows that this transaction does not see, or LEDGER_SEQUENCE_SEEN */
};
#define LEDGER_SEQUENCE_SEEN INT64_MIN
/** Move the sequence behind an identity or serial column, if there is one, to the column's highest value or its own, never back. */
must_check int ledger_advance_sequence(struct db_conn *c, const struct ledger_sequence *s, ledger_done done, void *ctx);

/** Fold the dataset's marks into its base. */
must_check int ledger_compact(struct db_conn *c, int64_t dataset, ledger_done done, void *ctx);

#endif
