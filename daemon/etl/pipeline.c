/* SPDX-License-Identifier: MIT */
#include "etl/pipeline.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>

enum {
    /* Chunks in flight a worker: enough to keep all busy while one output waits for the network. */
    CHUNKS_PER_WORKER = 4,
};

enum { PIPELINE_E_LATER = 1 };

/* A chunk on its way: cut, converted, waiting for its turn. */
struct flight {
    struct worker_job job;
    struct list link; /* in p->flights, by seq; in p->taken once its owner holds it */
    struct pipeline *p;
    struct piece piece;
    struct chunk chunk;
    struct convert_bench *bench; /* while the job runs */
    struct convert_output out;
    size_t cost; /* bytes taken from the budget */
    int rc;
    bool converted;
};

struct bench_slot {
    struct convert_bench bench;
    struct bench_slot *next;
};

struct pipeline {
    struct pipeline_config config;
    struct cutter cutter;
    struct worker_job cut_job; /* one at a time */
    struct chunk cut_chunk;    /* its result; it waits here for a bench and for room */
    int cut_rc;
    struct error cut_err;
    struct worker_job merge_job;
    size_t cut_cost;         /* bytes taken for the chunk that is being cut, or waits */
    struct list flights;     /* those that nobody has taken */
    struct list taken;       /* the outputs that the owner holds */
    unsigned flying;         /* how many there are, of both */
    unsigned running;        /* jobs on the workers, all kinds */
    struct bench_slot *all;  /* pipeline_benches of them */
    struct bench_slot *idle; /* those that were made and are free */
    unsigned benches;        /* made so far */
    size_t bench_cost;       /* bytes that each takes from the budget */
    struct pipeline_result result;
    struct error err;
    int rc;                /* why it stops; CUTTER_E_END when the file is read */
    bool cutting, waiting; /* cut_chunk is being made; it is there */
    bool discarding, merging, merged, ended;
    bool pumping, again; /* pump is running; it was asked for once more */
};

static void pump(struct pipeline *p);

unsigned pipeline_benches(const struct workers *w)
{
    return workers_count(w) + 1; /* the one more lies ready for the worker that is free first */
}

int pipeline_new(const struct pipeline_config *config, struct pipeline **ret_pipeline)
{
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p) return -ENOMEM;
    p->config = *config;
    list_init(&p->flights);
    list_init(&p->taken);
    reject_list_init(&p->result.rejects, config->rejects_max);
    p->bench_cost = convert_bench_bytes(config->plan);
    p->all = calloc(pipeline_benches(config->workers), sizeof *p->all);
    int r = p->all ? cutter_init(&p->cutter, &config->input) : -ENOMEM;
    if (r < 0) {
        free(p->all);
        free(p);
        return r;
    }
    memory_take(config->memory, cutter_memory(&config->input), true);
    *ret_pipeline = p;
    return 0;
}

const struct convert_plan *pipeline_plan(const struct pipeline *p)
{
    return p->config.plan;
}

struct pipeline_result *pipeline_result(struct pipeline *p)
{
    return &p->result;
}

static void flight_free(struct flight *f)
{
    struct pipeline *p = f->p;
    memory_give(p->config.memory, f->cost);
    list_remove(&f->link);
    p->flying--;
    chunk_done(&f->chunk);
    convert_output_done(&f->out);
    free(f);
}

void pipeline_free(struct pipeline *p)
{
    if (!p) return;
    assert(p->running == 0);
    for (list_each(l, next, &p->taken))
        flight_free(container_of(l, struct flight, link));
    for (list_each(l, next, &p->flights))
        flight_free(container_of(l, struct flight, link));
    for (unsigned i = 0; i < p->benches; i++) {
        convert_bench_done(&p->all[i].bench, p->config.plan);
        memory_give(p->config.memory, p->bench_cost);
    }
    memory_give(p->config.memory, cutter_memory(&p->config.input));
    free(p->all);
    cutter_done(&p->cutter);
    reject_list_done(&p->result.rejects);
    free(p);
}

static void stop_with(struct pipeline *p, int rc, const struct error *err)
{
    if (p->rc != 0 && p->rc != CUTTER_E_END) return; /* the first reason counts */
    p->rc = rc;
    if (err) p->err = *err;
}

/* ---- benches: one for each conversion that runs, and one for the next ---- */

/* One more. 0; PIPELINE_E_LATER: there are enough, or no room for another while one exists; -ENOMEM. */
static int bench_make(struct pipeline *p, struct bench_slot **ret_slot)
{
    if (p->benches == pipeline_benches(p->config.workers)) return PIPELINE_E_LATER;
    if (!memory_take(p->config.memory, p->bench_cost, p->benches == 0)) return PIPELINE_E_LATER;
    struct bench_slot *s = &p->all[p->benches];
    int r = convert_bench_init(&s->bench, p->config.plan);
    if (r < 0) {
        convert_bench_done(&s->bench, p->config.plan);
        memory_give(p->config.memory, p->bench_cost);
        return p->benches > 0 ? PIPELINE_E_LATER : r;
    }
    p->benches++;
    *ret_slot = s;
    return 0;
}

static int bench_take(struct pipeline *p, struct convert_bench **ret_bench)
{
    struct bench_slot *s = p->idle;
    int r = 0;
    if (s) {
        p->idle = s->next;
    } else {
        r = bench_make(p, &s);
    }
    if (r == 0) *ret_bench = &s->bench;
    return r;
}

static void bench_give(struct pipeline *p, struct convert_bench *b)
{
    struct bench_slot *s = container_of(b, struct bench_slot, bench);
    s->next = p->idle;
    p->idle = s;
}

/* ---- conversion ---- */

static void convert_run(struct worker_job *job)
{
    struct flight *f = container_of(job, struct flight, job);
    const struct convert_plan *plan = f->p->config.plan;
    int64_t began_us = clock_mono_us();
    f->rc = convert_chunk(plan, &f->chunk, f->bench, &f->out);
    if (!plan->keep_chunks) chunk_done(&f->chunk);
    counters_observe(f->p->config.memory->counters, HISTOGRAM_JOB_CONVERT, clock_mono_us() - began_us);
}

/* The estimate becomes what is really held. (The buffer's room behind its bytes was never touched, and so is no memory yet.) */
static void settle_cost(struct flight *f)
{
    size_t held = f->out.copy.len + f->out.rejects.bytes + f->out.rows * sizeof *f->out.row +
                  (f->p->config.plan->keep_chunks ? f->chunk.bytes.len : 0);
    struct memory *m = f->p->config.memory;
    if (held <= f->cost) {
        memory_give(m, f->cost - held);
    } else {
        memory_take(m, held - f->cost, true);
    }
    f->cost = held;
}

/* What a conversion's or a merge's code means for the load. */
static void stop_for_conversion(struct pipeline *p, int rc)
{
    struct error err;
    if (rc == ERROR_TOO_BIG)
        stop_with(
            p,
            error_set(&err, rc, "the expressions make too much of the file: more of one piece of it than its share of memory_max"),
            &err);
    else if (rc < 0)
        stop_with(p, rc, NULL);
    else if (rc == AGGREGATE_E_FULL)
        stop_with(p, error_set(&err, PIPELINE_E_CROWDED, "a rollup has more groups than fit into its share of memory_max"), &err);
    else if (rc > 0)
        stop_with(p, error_set(&err, ERROR_TOO_BIG, "a time lies too far out for the date_trunc of a rollup"), &err);
}

static void convert_done(struct worker_job *job)
{
    struct flight *f = container_of(job, struct flight, job);
    struct pipeline *p = f->p;
    p->running--;
    bench_give(p, f->bench);
    f->bench = NULL;
    f->converted = true;
    settle_cost(f);
    stop_for_conversion(p, f->rc);
    pump(p);
}

/* Bytes that a chunk may come to. */
static size_t chunk_cost(size_t bytes)
{
    return bytes < SIZE_MAX / PIPELINE_CHUNK_COST ? bytes * PIPELINE_CHUNK_COST : bytes;
}

/* The chunk that was cut goes to the workers. 0; PIPELINE_E_LATER: no bench is free, or no room for what it may come to; -ENOMEM.
 */
static int launch(struct pipeline *p)
{
    size_t cost = chunk_cost(p->cut_chunk.bytes.len), more = cost > p->cut_cost ? cost - p->cut_cost : 0;
    struct convert_bench *bench;
    if (!memory_take(p->config.memory, more, p->flying == 0)) return PIPELINE_E_LATER;
    p->cut_cost += more;
    struct flight *f = calloc(1, sizeof *f);
    int r = f ? bench_take(p, &bench) : -ENOMEM;
    if (r != 0) {
        free(f);
        return r;
    }
    *f = (struct flight){.job = {.run = convert_run, .done = convert_done, .priority = WORKER_NORMAL},
                         .p = p,
                         .chunk = p->cut_chunk,
                         .bench = bench,
                         .cost = p->cut_cost};
    p->cut_chunk = (struct chunk){0};
    p->cut_cost = 0;
    p->waiting = false;
    list_append(&p->flights, &f->link);
    p->flying++;
    p->running++;
    workers_submit(p->config.workers, &f->job);
    return 0;
}

static void drop_cut(struct pipeline *p)
{
    chunk_done(&p->cut_chunk);
    memory_give(p->config.memory, p->cut_cost);
    p->cut_cost = 0;
    p->waiting = false;
}

/* A chunk that waits goes on as soon as it can, or away when the pipeline stops. */
static void forward(struct pipeline *p)
{
    if (!p->waiting) return;
    int r = p->rc == 0 ? launch(p) : 0;
    if (r < 0) stop_with(p, r, NULL);
    if (p->rc != 0 && p->waiting) drop_cut(p);
}

/* ---- cutting ---- */

static void cut_run(struct worker_job *job)
{
    struct pipeline *p = container_of(job, struct pipeline, cut_job);
    int64_t began_us = clock_mono_us();
    p->cut_rc = cutter_next(&p->cutter, &p->cut_chunk, &p->cut_err);
    counters_observe(p->config.memory->counters, HISTOGRAM_JOB_CUT, clock_mono_us() - began_us);
}

/* The estimate becomes what the chunk holds and may come to: less at the end of the file, and more where a record is long. */
static void settle_cut(struct pipeline *p)
{
    size_t held = p->cut_chunk.bytes.len, most = chunk_cost(held);
    if (p->cut_cost > most) {
        memory_give(p->config.memory, p->cut_cost - most);
        p->cut_cost = most;
    } else if (p->cut_cost < held) {
        memory_take(p->config.memory, held - p->cut_cost, true);
        p->cut_cost = held;
    }
}

static void cut_done(struct worker_job *job)
{
    struct pipeline *p = container_of(job, struct pipeline, cut_job);
    int r = p->cut_rc;
    p->running--;
    p->cutting = false;
    p->result.bytes = cutter_bytes(&p->cutter);
    if (r == 0) {
        p->waiting = true;
        settle_cut(p);
    } else {
        drop_cut(p);
    }
    if (r == CUTTER_E_END && p->rc == 0) {
        p->rc = r;
        cutter_sum(&p->cutter, p->result.sum);
    } else if (r != 0 && r != CUTTER_E_END) {
        stop_with(p, r, r == -ENOMEM ? NULL : &p->cut_err);
    }
    pump(p);
}

static bool may_cut(struct pipeline *p)
{
    if (p->rc != 0 || p->cutting || p->waiting) return false;
    unsigned most = CHUNKS_PER_WORKER * workers_count(p->config.workers);
    if (p->flying >= most) return false;
    size_t bytes = cutter_chunk_bytes(&p->config.input);
    size_t cost = chunk_cost(bytes);
    if (!memory_take(p->config.memory, cost, p->flying == 0)) return false;
    p->cut_cost = cost;
    return true;
}

/* ---- the outputs, in order ---- */

/* Count what the first flight brought; true when it stands ready to be taken. */
static struct flight *front(struct pipeline *p)
{
    if (list_empty(&p->flights)) return NULL;
    struct flight *f = container_of(p->flights.next, struct flight, link);
    return f->converted ? f : NULL;
}

static void account(struct pipeline *p, struct flight *f)
{
    p->result.rows_read += f->out.rows_read;
    p->result.rows_filtered += f->out.rows_filtered;
    int r = reject_list_move(&p->result.rejects, &f->out.rejects);
    if (r < 0) stop_with(p, r, NULL);
}

struct piece *pipeline_take(struct pipeline *p)
{
    for (bool freed = false;; freed = true) {
        struct flight *f = front(p);
        if (!f) {
            if (freed) pump(p);
            return NULL;
        }
        account(p, f);
        if (f->out.copy.len > 0 && !p->discarding) {
            list_remove(&f->link);
            list_append(&p->taken, &f->link);
            f->piece = (struct piece){.copy = buf_slice(&f->out.copy), .row = f->out.row, .rows = f->out.rows, .chunk = &f->chunk};
            return &f->piece;
        }
        flight_free(f);
    }
}

void pipeline_release(struct pipeline *p, struct piece *piece)
{
    flight_free(container_of(piece, struct flight, piece));
    pump(p);
}

void pipeline_discard(struct pipeline *p)
{
    p->discarding = true;
    pump(p);
}

void pipeline_stop(struct pipeline *p)
{
    struct error err;
    stop_with(p, error_set(&err, ERROR_CANCELLED, "stopped"), &err);
    pipeline_discard(p);
}

/* ---- the end ---- */

static void merge_run(struct worker_job *job)
{
    struct pipeline *p = container_of(job, struct pipeline, merge_job);
    int64_t began_us = clock_mono_us();
    for (unsigned i = 1; i < p->benches && p->cut_rc == 0; i++)
        p->cut_rc = convert_bench_merge(&p->all[0].bench, &p->all[i].bench, p->config.plan);
    counters_observe(p->config.memory->counters, HISTOGRAM_JOB_MERGE, clock_mono_us() - began_us);
}

static void merge_done(struct worker_job *job)
{
    struct pipeline *p = container_of(job, struct pipeline, merge_job);
    p->running--;
    p->merged = true;
    stop_for_conversion(p, p->cut_rc);
    pump(p);
}

/* All was read and taken: bring the benches together on a worker (it may take long), when there is something to merge. */
static bool merge_begun(struct pipeline *p)
{
    if (p->rc != CUTTER_E_END || p->merging) return p->merging && !p->merged;
    p->merging = true;
    p->merged = p->benches < 2 || (p->config.plan->rollups == 0 && p->config.plan->infer_columns == 0);
    if (p->merged) return false;
    p->cut_rc = 0;
    p->merge_job = (struct worker_job){.run = merge_run, .done = merge_done, .priority = WORKER_NORMAL};
    p->running++;
    workers_submit(p->config.workers, &p->merge_job);
    return true;
}

static void end(struct pipeline *p)
{
    p->ended = true;
    int rc = p->rc == CUTTER_E_END ? 0 : p->rc;
    if (rc == 0 && p->benches > 0) p->result.bench = &p->all[0].bench;
    if (rc < 0 && !p->err.text[0]) error_set(&p->err, rc, "%s", error_name(rc));
    p->config.ended(p->config.ctx, rc, &p->err);
}

/* One round: whatever may go on goes on. True when the pipeline has come to its end. */
static bool advance(struct pipeline *p)
{
    forward(p);
    if (may_cut(p)) {
        p->cutting = true;
        p->running++;
        p->cut_job = (struct worker_job){.run = cut_run, .done = cut_done, .priority = WORKER_NORMAL};
        workers_submit(p->config.workers, &p->cut_job);
    }
    if (p->discarding) {
        struct piece *none = pipeline_take(p);
        assert(!none);
        (void)none;
    } else if (front(p) && p->config.ready) {
        p->config.ready(p->config.ctx);
    }
    if (p->rc == 0 || p->running > 0 || !list_empty(&p->taken)) return false;
    if (p->rc == CUTTER_E_END && !list_empty(&p->flights)) return false;
    return !merge_begun(p);
}

/* The owner's callbacks may lead here again; the outermost call does the work, and `ended` comes last, because the owner may free
 * the pipeline there. */
static void pump(struct pipeline *p)
{
    p->again = true;
    if (p->pumping || p->ended) return;
    p->pumping = true;
    bool over = false;
    while (p->again && !over) {
        p->again = false;
        over = advance(p);
    }
    p->pumping = false;
    if (over) end(p);
}

void pipeline_start(struct pipeline *p)
{
    pump(p);
}
