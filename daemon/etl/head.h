/* SPDX-License-Identifier: MIT */
/*
 * The head of a file: how it is packed, its dialect and its first record, read on a worker before anything is decided about the
 * file.
 *
 *     head_init(&h, fd, &declared, max_record);
 *     h.place = place;  h.file = &file;   (with fd -1: the job opens the claimed file itself)
 *     h.done = on_head;  head_start(&h, workers, memory);
 *     … on_head: h.rc, h.err, h.plan_head, h.st, h.fd (the caller closes it)
 *     head_done(&h);
 *
 * Thread: loop; the job runs on a worker.
 */
#ifndef CETLD_ETL_HEAD_H
#define CETLD_ETL_HEAD_H

#include "config/config.h"
#include "etl/cutter.h"
#include "etl/memory.h"
#include "etl/plan.h"
#include "loop/workers.h"
#include "spool/input.h"
#include "spool/place.h"

enum {
    HEAD_E_EMPTY = 1, /* no byte, or no record */
    HEAD_E_BROKEN,    /* the first record breaks the grammar */
    HEAD_E_GONE,      /* work/ does not hold the file any more, or what is no file */
    HEAD_E_WIDE,      /* more cells than HEAD_CELLS_MAX */
    HEAD_E_REFUSED,   /* what cannot be unpacked, or is not in its encoding */
};

/** The columns that a table of PostgreSQL may have (its documentation, appendix K). */
enum { HEAD_CELLS_MAX = 1600 };

/** What is said about a file before it is looked at. */
struct head_declared {
    struct dialect dialect;
    struct input_options input;
    const struct config_dataset *dataset; /* whose columns name the header, where that is open; or NULL */
};
/** As a dataset says, or nothing when it is NULL. The strings are the configuration's. */
struct head_declared head_declare(const struct config *settings, const struct config_dataset *dataset);

struct head {
    struct worker_job job; /* runs again with twice the bytes as long as there must be more */
    bool more;
    bool keep;         /* set before it runs: what is read is kept for head_hand_over */
    size_t want, cost; /* bytes: to be read; taken from the budget */
    struct workers *workers;
    struct memory *memory;
    void (*done)(struct head *h);
    const struct place *place;     /* NULL: fd is open already */
    const struct place_file *file; /* claimed; only its names are read */
    int fd;
    struct head_declared declared;
    size_t max_record;
    struct arena arena;
    int rc; /* 0, HEAD_E_…, or negative */
    struct error err;
    struct stat st;
    struct input_options input;    /* as declared; compression and encoding are what they are */
    struct input open;             /* with `keep`: it goes on behind `text` … */
    struct slice text;             /* … which is malloc'd */
    struct plan_head plan_head;    /* memory of the arena, and of head_names */
    char found[DIALECT_FOUND_MAX]; /* what of its dialect was detected beside the delimiter and the line end; "" */
};

void head_init(struct head *h, int fd, const struct head_declared *declared, size_t max_record);
/** `done` is called once, never before this returned. */
void head_start(struct head *h, struct workers *workers, struct memory *memory);
/** All of it at once, where the caller is: h->rc, h->err, h->plan_head, h->st, h->fd. Nothing is taken from a budget. Thread: any.
 */
void head_run(struct head *h);
void head_done(struct head *h);
/** Once, after rc 0 with `keep`: the cutter goes on where this stopped to read. Thread: any. */
void head_hand_over(struct head *h, struct cutter *c);
/** Say in the log what was detected of its dialect, if anything was. */
void head_tell(const struct head *h, const char *file);

/**
 * Fill in the column names of a head whose cells are there: the normalised header (an empty one is column_N, a repeated one gets
 * _2, _3 …), or column_N without a header. 0 or -ENOMEM; head_names_done in any case. (The job does this, and head_done that.)
 */
must_check int head_names(struct plan_head *head, struct arena *a);
void head_names_done(struct plan_head *head);

#endif
