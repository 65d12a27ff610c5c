/* SPDX-License-Identifier: MIT */
/*
 * The pipeline of one load: a cutter job that reads ahead, a conversion job a chunk on the workers, and the outputs in the order of
 * the file. It reads on only while the outputs are taken and the memory budget has room, so a slow PostgreSQL slows reading. What
 * it may always hold, room or not, is one bench and one chunk.
 *
 *     pipeline_new(&config, &p);
 *     pipeline_start(p);
 *     … handler.ready: while ((piece = pipeline_take(p)) …) send piece->copy; pipeline_release(p, piece) once it is sent
 *     … handler.ended: once, when no job runs any more: rc 0 (all was read and taken), or why not
 *     pipeline_free(p);       only after `ended`, or when never started
 *
 * Thread: loop; the jobs run on workers.
 */
#ifndef CETLD_ETL_PIPELINE_H
#define CETLD_ETL_PIPELINE_H

#include "etl/convert.h"
#include "etl/memory.h"
#include "loop/workers.h"

struct pipeline;

/** What a chunk may come to while it is in flight, in multiples of its bytes: itself, its COPY bytes, what sorts them. Corrected
 * once those are known. */
enum { PIPELINE_CHUNK_COST = 8 };

/** The partials do not fit into their share of the memory: the rows may go on without. (Above CUTTER_E_…) */
enum { PIPELINE_E_CROWDED = 100 };

/** The COPY bytes of one chunk. Several may be taken at once, by several senders. */
struct piece {
    struct slice copy;
    const struct convert_row *row; /* of each row, with plan.index */
    size_t rows;
    const struct chunk *chunk; /* where it stood: seq, first_line, first_offset; its bytes only with plan.keep_chunks */
};

struct pipeline_config {
    struct workers *workers;
    struct memory *memory;
    struct cutter_input input;       /* fd stays open until `ended` */
    const struct convert_plan *plan; /* must outlive the pipeline */
    size_t rejects_max;              /* bytes of rejects kept for the file */
    void (*ready)(void *ctx);        /* pipeline_take may give something */
    /* 0, a CUTTER_E_ code, PIPELINE_E_CROWDED, AGGREGATE_E_RANGE as ERROR_TOO_BIG, or negative; err has the words; ERROR_CANCELLED
     * after pipeline_stop. */
    void (*ended)(void *ctx, int rc, const struct error *err);
    void *ctx;
};

/** What was seen so far; final after `ended`. */
struct pipeline_result {
    uint64_t rows_read, rows_filtered;
    uint64_t bytes;
    uint8_t sum[DIGEST_BYTES]; /* valid after ended with 0 */
    struct reject_list rejects;
    struct convert_bench *bench; /* the merged partials, after ended with 0; else NULL */
};

/** The benches (and with them the partials of each rollup) that a pipeline has at most. */
unsigned pipeline_benches(const struct workers *w);

must_check int pipeline_new(const struct pipeline_config *config, struct pipeline **ret_pipeline);
void pipeline_start(struct pipeline *p);
/** The next output in order; NULL when none is there now (`ended` may have been called meanwhile). It stays until its release. */
struct piece *pipeline_take(struct pipeline *p);
/** It is used up. The last release of a file that is read leads to `ended`. */
void pipeline_release(struct pipeline *p, struct piece *piece);
/** Throw outputs away instead of handing them out; counting and rejects go on. What was taken stays until its release. */
void pipeline_discard(struct pipeline *p);
/** Read no further; `ended` follows with ERROR_CANCELLED, or with what happened before. */
void pipeline_stop(struct pipeline *p);
const struct convert_plan *pipeline_plan(const struct pipeline *p);
struct pipeline_result *pipeline_result(struct pipeline *p);
void pipeline_free(struct pipeline *p);

#endif
