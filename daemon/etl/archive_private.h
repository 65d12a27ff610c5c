/* SPDX-License-Identifier: MIT */
/*
 * Between archive.c (the queue) and archive_task.c (one file of it).
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_ARCHIVE_PRIVATE_H
#define CETLD_ETL_ARCHIVE_PRIVATE_H

#include "etl/archive.h"
#include "etl/original.h"
#include "loop/timer.h"

#include <limits.h>

enum { ARCHIVE_TASKS = 4 /* of an archive at a time */ };

struct archives {
    struct archives_config config;
    struct observer observer;
    struct list all;     /* archives */
    struct list orphans; /* tasks whose archive is gone, until a worker or the server lets go of them */
    bool going, stopped;
};

struct archive {
    struct list link, tasks;
    struct archives *all;
    char *name;
    char *key;  /* with placeholders */
    char *base; /* what the key stands behind in a URL */
    struct store *store;
    struct timer *timer; /* the next look at the queue */
    struct db_wait wait;
    struct db_conn *conn;
    unsigned n_tasks;
    unsigned failures;               /* in a row */
    bool waiting, asking, more;      /* for a connection, the queue; there is more than was begun */
    bool paused, complained, missed; /* missed: a file was not there, and is to be looked for soon */
    bool blind;                      /* its key may not look; told */
};

enum task_state { TASK_FINDING, TASK_STORING, TASK_REPORTING, TASK_NOTING };
enum task_outcome { TASK_STORED, TASK_FAILED, TASK_GONE };

struct archive_task {
    struct list link;
    struct archives *all;
    struct archive *archive; /* NULL: an orphan */
    enum task_state state;
    /* what the ledger knows */
    int64_t id, tries;
    char token[PLACE_TOKEN_MAX], name[NAME_MAX + 1], date[16];
    char *dataset, *report;
    struct original original;
    bool was_gone; /* at the last try */
    bool thorough;
    /* what is there */
    struct worker_job job;
    int file, rc;
    uint64_t bytes;
    size_t memory; /* taken */
    char key[STORE_KEY_MAX + 16];
    struct store_op *op;
    struct db_wait wait;
    struct db_conn *conn;
    enum task_outcome outcome;
    char why[512];
    bool busy;    /* a worker has it, or the server */
    bool waiting; /* for a connection */
    bool lost;    /* given up */
    bool unseen;  /* stored, as the store says */
};

/** Of row `row` of SQL_ARCHIVE_NEXT. NULL: no memory for it now, of the process or of memory_max. */
struct archive_task *archive_task_start(struct archive *a, const PGresult *rows, int row);
void archive_task_cancel(struct archive_task *t);
/** One is over, and its place is free. `why` of a failure. */
void archive_task_over(struct archive *a, const struct archive_task *t);

#endif
