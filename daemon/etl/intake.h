/* SPDX-License-Identifier: MIT */
/*
 * Files that come as streams of bytes, one behind the other: to disk by workers, while the next bytes come, and then, all of them,
 * into work/ (spool/upload.h).
 *
 *     intake_new(&config, &in)
 *     for each file:  intake_file(in, &wish);  intake_write(in, bytes) …;  intake_file_end(in);
 *     intake_finish(in)      ▶ ended: all are on disk and claimed; or not
 *     intake_free(in)        at any time; what is not claimed is removed
 *
 * Bytes are gathered in blocks; while some are written the next one fills. Before each of these calls, intake_ready must say so;
 * where it does not, `room` comes once it does.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_INTAKE_H
#define CETLD_ETL_INTAKE_H

#include "etl/memory.h"
#include "loop/workers.h"
#include "spool/upload.h"

struct intake;

enum {
    INTAKE_PIECE_MAX = 65536,    /* bytes of one intake_write */
    INTAKE_BLOCK_BYTES = 262144, /* of a block */
    INTAKE_FILES_MAX = 1000,
};

enum {
    INTAKE_E_BUSY = 1, /* too many at a time, or no memory for another one: later */
    INTAKE_E_MANY,     /* more files than INTAKE_FILES_MAX */
    INTAKE_E_SPACE,    /* the disk is full, or would be fuller than is allowed */
};

struct intake_config {
    struct workers *workers;
    struct place *place;
    struct memory *memory;
    unsigned *active; /* how many there are; the owner's */
    int64_t min_free; /* bytes of the disk that stay free */
    int64_t expected; /* bytes that will come; -1: unknown */
    void (*room)(void *ctx);
    /**
     * Once, but not before the function that was called has returned: at the end, or as soon as something failed (then nothing more
     * is taken). 0: all is claimed; INTAKE_E_SPACE or negative with the words in err. What was claimed is the receiver's, by
     * intake_take: in case of a failure that may be some of them.
     */
    void (*ended)(void *ctx, int r, const struct error *err);
    void *ctx;
};

/** 0; INTAKE_E_BUSY; -ENOMEM. */
must_check int intake_new(const struct intake_config *config, struct intake **ret_intake);
/** Nothing is called back from here on. NULL is fine. */
void intake_free(struct intake *in);

bool intake_ready(const struct intake *in);
/** The next file begins; the wish is copied. 0, INTAKE_E_MANY or -ENOMEM. */
must_check int intake_file(struct intake *in, const struct upload_wish *wish);
void intake_write(struct intake *in, struct slice bytes);
void intake_file_end(struct intake *in);
void intake_finish(struct intake *in);

/** How many files have begun. */
size_t intake_files(const struct intake *in);
/** In `ended`: the i-th, if it is claimed; it is the caller's then. False: it is not. */
bool intake_take(struct intake *in, size_t i, struct place_file *ret_file);

#endif
