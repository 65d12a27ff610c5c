/* SPDX-License-Identifier: MIT */
/*
 * Between source.c (when, and one file over HTTP), source_access.c (tokens, passwords and signed addresses) and source_store.c
 * (what is new in a store).
 *
 * Thread: loop, but for what says so.
 */
#ifndef CETLD_ETL_SOURCE_PRIVATE_H
#define CETLD_ETL_SOURCE_PRIVATE_H

#include "etl/listing.h"
#include "etl/seen.h"
#include "etl/source.h"
#include "loop/timer.h"
#include "spool/upload.h"

enum { SOURCE_VERSION_MAX = 512 };
#define SOURCE_FULL "there is not enough space left on the disk of the spool (spool_min_free)"

/* What a worker does: RECALL and TIDY are a store's begin and end. */
enum source_step { STEP_RECALL, STEP_OPEN, STEP_PLACE, STEP_DROP, STEP_TIDY };

/* What the server said of the file that it gave last. */
struct source_version {
    char etag[SOURCE_VERSION_MAX], modified[SOURCE_VERSION_MAX];
};

/* Of a pull from a store. */
struct source_stored {
    struct store *store; /* NULL: it is one file over HTTP */
    struct seen seen;
    struct listing *listing;
    struct listing_object object; /* that is fetched; its key is ours */
    struct store_op *op;
    size_t memory;
    size_t taken, failed;
    unsigned rounds;
    bool whole; /* the list was gone through to its end */
    bool waits; /* for files that are being written */
    bool more;  /* is left than one pull takes */
    bool stop;  /* nothing more will come of this pull */
    bool may_pass;
    struct error first; /* why the first of the failed did */
};

struct source {
    struct source_config config;
    const struct config *all;
    const struct config_source *settings;
    struct timer *timer;
    struct transfer *transfer;
    struct worker_job job;
    enum source_step step;
    bool pulling, working, freed; /* working: a worker has it */
    bool moved;                   /* it has another address since the pull began */
    /* The job's: */
    char *name, *url, *dataset, *file_name, *ca_file;
    char *authorization, *secret; /* the header, and the token or password in it; NULL: none */
    uint64_t min_free;
    struct source_version version, fresh;
    struct source_stored stored;
    struct upload upload;
    struct place_file file;
    int rc;
    struct error err;
    enum source_outcome pending; /* what is said once its upload is dropped */
    bool may_pass;
    /* What is told: */
    enum source_outcome outcome;
    char why[ERROR_TEXT_MAX], token[PLACE_TOKEN_MAX];
    int64_t ended_us;
    uint64_t pulls;
    unsigned tries; /* that failed in a row */
};

/* source.c */
/** On a worker: a descriptor of state/sources, or negative. */
must_check int source_folder(const char *state);
void source_submit(struct source *s, enum source_step step);
void source_end(struct source *s, enum source_outcome outcome, bool may_pass);
/** The last word of an address's path, where a file may be called so; else NAME.csv. Malloc'd. */
char *source_file_name(const char *name, struct slice path, bool escaped);

/* source_access.c */
/** Keep what is to be shown to the server of s->url. 0 or -ENOMEM. */
must_check int source_access_take(struct source *s);
void source_access_forget(struct source *s);
/** It would go to a proxy in plain text. */
bool source_access_is_direct(const struct source *s);
/** Append s->url with a digest for what stands behind its '?'. */
void source_access_name(const struct source *s, struct buf *out);
/** 401 or 403: s->err says which option is meant, in the server's words, and nothing that is secret. */
void source_access_refused(struct source *s, const struct transfer_answer *a);

/* source_store.c */
/** A pull begins, of s->url. */
void source_store_begin(struct source *s);
/** On a worker, STEP_RECALL and STEP_TIDY. */
int source_store_recall(struct source *s);
void source_store_tidy(struct source *s);
/** On a worker: the object is in work/. */
void source_store_note(struct source *s);
/** What was submitted is done: s->rc. */
void source_store_went_on(struct source *s);
/** The next look at files that were being written. */
void source_store_look(struct source *s);
/** Nothing of it is under way any more. */
void source_store_done(struct source *s);

#endif
