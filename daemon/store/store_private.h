/* SPDX-License-Identifier: MIT */
/*
 * What the parts of store.h share: store.c (making one, its URLs), call.c (one signed request, tried again), object.c (head, get,
 * delete, list), link.c (presigned URLs), put.c (storing), folder.c (all of that in a folder).
 *
 * Thread: loop.
 */
#ifndef CETLD_STORE_STORE_PRIVATE_H
#define CETLD_STORE_STORE_PRIVATE_H

#include "base/buf.h"
#include "loop/timer.h"
#include "store/sign.h"
#include "store/store.h"

enum store_kind { STORE_S3, STORE_AZURE, STORE_FOLDER };
enum { STORE_SAS_MAX = 12, STORE_WHY_MAX = 600, FOLDER_BLOCK = 256 * 1024 /* of a file that is copied */ };

struct store {
    struct store_config config; /* its texts are copies, or NULL */
    enum store_kind kind;
    struct list ops;
    char *base;    /* https://host[:port] */
    char *host;    /* as the header Host has it */
    char *root;    /* the path of the bucket or container, escaped: "/bucket" or ""; the folder */
    char *name;    /* the bucket, or the container */
    char *account; /* Azure's */
    struct sign_pair sas[STORE_SAS_MAX];
    size_t n_sas;
    struct buf texts; /* of the SAS */
};

struct store_reply {
    int status; /* as store_result's */
    const char *why;
    const struct transfer_answer *answer; /* NULL where none came */
};

/*
 * One request, tried again while that makes sense. Its owner fills in what is above the line; all of it stays as it is until
 * `done`. A file that is received into is emptied before each try.
 */
struct store_call {
    struct store *store;
    const char *method;
    struct slice key; /* empty: the bucket itself */
    struct sign_pair query[SIGN_PAIRS_MAX - STORE_SAS_MAX], header[8];
    size_t n_query, n_header;
    struct slice body;
    const char *payload; /* the body's SHA-256 in hex, of a large one: nothing on the loop may take long; or NULL */
    const int *into;
    uint64_t answer_max, min_free;
    void (*done)(void *ctx, const struct store_reply *r);
    void *ctx;
    /* ---- */
    struct transfer *transfer;
    struct timer *timer;
    unsigned tries;
};
/** 0 or -ENOMEM. One at a time; after `done` the next may be sent, also in it. */
must_check int store_call_send(struct store_call *c);
/** Also when nothing is under way. */
void store_call_stop(struct store_call *c);
/** Append the object's path (the bucket's, without a key), escaped. */
void store_path(const struct store *s, struct slice key, struct buf *out);
/** The name that a header of metadata has: x-amz-meta-sha256. */
const char *store_sum_header(const struct store *s);

/* An operation: the begin of each kind's own struct. */
struct store_op {
    struct list link;
    struct store *store;
    struct store_call call;
    struct worker_job job;
    bool working, gone; /* a worker has it; cancelled meanwhile */
    void (*free)(struct store_op *op);
};
void store_op_init(struct store_op *op, struct store *s, void (*free)(struct store_op *op));
/** Let go of it: at once, or once the worker is done with it. */
void store_op_end(struct store_op *op);
/** `run` on a worker, then `done` on the loop. */
void store_op_work(struct store_op *op, void (*run)(struct worker_job *job), void (*done)(struct worker_job *job));
/** First in `done`: false when it was cancelled, and is gone. */
must_check bool store_op_worked(struct store_op *op);

must_check int folder_put(struct store *s, const struct store_put *put, struct store_op **ret_op);
must_check int folder_get(struct store *s, const struct store_get *get, struct store_op **ret_op);
must_check int folder_head(struct store *s, const struct store_ask *ask, struct store_op **ret_op);
must_check int folder_delete(struct store *s, const struct store_ask *ask, struct store_op **ret_op);
must_check int folder_list(struct store *s, const struct store_list *list, struct store_op **ret_op);

/** Fill a result from the heads of an answer. */
void store_result_of(const struct store *s, const struct store_reply *r, struct store_result *ret_result);

#endif
