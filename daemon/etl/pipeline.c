/* SPDX-License-Identifier: MIT */
#include "etl/pipeline.h"
#include <assert.h>
#include <stdlib.h>

enum {
    /* What a chunk may come to while it is in flight, in multiples of its bytes: itself and its COPY bytes. Corrected once those are known. */
    CHUNK_COST = 8,
    /* Chunks in flight a worker: enough to keep all busy while one output waits for the network. */
    CHUNKS_PER_WORKER = 4,
};

/* A chunk on its way: cut, converted, waiting for its turn. */
struct flight {
    struct worker_job job;
    struct list link; /* in p->flights, by seq */
    struct pipeline *p;
    struct chunk chunk;
    struct convert_bench *bench; /* while the job runs */
    struct convert_output out;
    size_t cost;                 /* bytes taken from the budget */
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
    struct worker_job cut_job;  /* one at a time */
    struct chunk cut_chunk;     /* its result */
    int cut_rc;
    struct error cut_err;
    struct worker_job merge_job;
    size_t cut_cost;            /* bytes taken for the chunk that is being cut */
    struct list flights;
    unsigned flying;            /* how many there are */
    unsigned running;           /* jobs on the workers, all kinds */
    struct bench_slot *idle;    /* free benches */
    struct bench_slot *all[64]; /* every bench made */
    unsigned benches;
    struct flight *taken;       /* the output the owner holds */
    struct pipeline_result result;
    struct error err;
    int rc;                     /* why it stops; CUTTER_E_END when the file is read */
    bool cutting, discarding, merging, merged, ended;
    bool pumping, again; /* pump is running; it was asked for once more */
};

static void pump(struct pipeline *p);

int pipeline_new(const struct pipeline_config *config, struct pipeline **ret_pipeline)
{
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p) return -ENOMEM;
    p->config = *config;
    list_init(&p->flights);
    reject_list_init(&p->result.rejects, config->rejects_max);
    int r = cutter_init(&p->cutter, &config->input);
    if (r < 0) {
        free(p);
        return r;
    }
    *ret_pipeline = p;
    return 0;
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
    p->taken = NULL;
    for (list_each(l, next, &p->flights))
        flight_free(container_of(l, struct flight, link));
    for (unsigned i = 0; i < p->benches; i++) {
        convert_bench_done(&p->all[i]->bench, p->config.plan);
        free(p->all[i]);
    }
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

/* ---- benches: one for each conversion that runs at the same time ---- */

static struct convert_bench *bench_take(struct pipeline *p)
{
    struct bench_slot *s = p->idle;
    if (s) {
        p->idle = s->next;
        return &s->bench;
    }
    if (p->benches == sizeof p->all / sizeof *p->all) return NULL;
    s = calloc(1, sizeof *s);
    if (!s) return NULL;
    if (convert_bench_init(&s->bench, p->config.plan) != 0) {
        convert_bench_done(&s->bench, p->config.plan);
        free(s);
        return NULL;
    }
    p->all[p->benches++] = s;
    return &s->bench;
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
    f->rc = convert_chunk(f->p->config.plan, &f->chunk, f->bench, &f->out);
    chunk_done(&f->chunk);
}

/* The estimate becomes what is really held. (The buffer's room behind its bytes was never touched, and so is no memory yet.) */
static void settle_cost(struct flight *f)
{
    size_t held = f->out.copy.len + f->out.rejects.bytes;
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
    static const char *const words[] = {
        [AGGREGATE_E_FULL] = "a rollup has more groups than fit into its share of memory_max; raise memory_max or group coarser",
        [AGGREGATE_E_RANGE] = "a time lies too far out for the date_trunc of a rollup",
    };
    struct error err;
    if (rc < 0) stop_with(p, rc, NULL);
    if (rc > 0) stop_with(p, error_set(&err, ERROR_TOO_BIG, "%s", words[rc]), &err);
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

static int launch(struct pipeline *p, struct chunk *chunk, size_t cost)
{
    struct flight *f = calloc(1, sizeof *f);
    struct convert_bench *bench = f ? bench_take(p) : NULL;
    if (!bench) {
        free(f);
        return -ENOMEM;
    }
    *f = (struct flight){.job = {.run = convert_run, .done = convert_done, .priority = WORKER_NORMAL}, .p = p, .chunk = *chunk, .bench = bench, .cost = cost};
    *chunk = (struct chunk){0};
    list_append(&p->flights, &f->link);
    p->flying++;
    p->running++;
    workers_submit(p->config.workers, &f->job);
    return 0;
}

/* ---- cutting ---- */

static void cut_run(struct worker_job *job)
{
    struct pipeline *p = container_of(job, struct pipeline, cut_job);
    p->cut_rc = cutter_next(&p->cutter, &p->cut_chunk, &p->cut_err);
}

static void cut_done(struct worker_job *job)
{
    struct pipeline *p = container_of(job, struct pipeline, cut_job);
    size_t cost = p->cut_cost;
    p->running--;
    p->cutting = false;
    p->cut_cost = 0;
    p->result.bytes = cutter_bytes(&p->cutter);
    int r = p->cut_rc;
    if (r == 0) {
        r = launch(p, &p->cut_chunk, cost);
        if (r == 0) cost = 0;
    }
    if (r == CUTTER_E_END && p->rc == 0) {
        p->rc = r;
        cutter_sum(&p->cutter, p->result.sum);
    } else if (r != 0 && r != CUTTER_E_END) {
        stop_with(p, r, r == -ENOMEM ? NULL : &p->cut_err);
    }
    chunk_done(&p->cut_chunk);
    memory_give(p->config.memory, cost);
    pump(p);
}

static bool may_cut(struct pipeline *p)
{
    if (p->rc != 0 || p->cutting) return false;
    unsigned most = CHUNKS_PER_WORKER * workers_count(p->config.workers);
    if (p->flying >= most) return false;
    size_t cost = p->config.input.chunk_bytes * CHUNK_COST;
    if ((uint64_t)p->config.input.st.st_size < p->config.input.chunk_bytes) cost = ((size_t)p->config.input.st.st_size + 4096) * CHUNK_COST;
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
    int r = reject_list_move(&p->result.rejects, &f->out.rejects);
    if (r < 0) stop_with(p, r, NULL);
}

bool pipeline_take(struct pipeline *p, struct slice *ret_copy)
{
    assert(!p->taken);
    for (bool freed = false;; freed = true) {
        struct flight *f = front(p);
        if (!f) {
            if (freed) pump(p);
            return false;
        }
        account(p, f);
        if (f->out.copy.len > 0 && !p->discarding) {
            p->taken = f;
            *ret_copy = buf_slice(&f->out.copy);
            return true;
        }
        flight_free(f);
    }
}

void pipeline_release(struct pipeline *p)
{
    assert(p->taken);
    flight_free(p->taken);
    p->taken = NULL;
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
    for (unsigned i = 1; i < p->benches && p->cut_rc == 0; i++)
        p->cut_rc = convert_bench_merge(&p->all[0]->bench, &p->all[i]->bench, p->config.plan);
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
    if (rc == 0 && p->benches > 0) p->result.bench = &p->all[0]->bench;
    if (rc < 0 && !p->err.text[0]) error_set(&p->err, rc, "%s", error_name(rc));
    p->config.ended(p->config.ctx, rc, &p->err);
}

/* One round: whatever may go on goes on. True when the pipeline has come to its end. */
static bool advance(struct pipeline *p)
{
    if (may_cut(p)) {
        p->cutting = true;
        p->running++;
        p->cut_job = (struct worker_job){.run = cut_run, .done = cut_done, .priority = WORKER_NORMAL};
        workers_submit(p->config.workers, &p->cut_job);
    }
    if (p->discarding && !p->taken) {
        struct slice none;
        bool got = pipeline_take(p, &none);
        assert(!got);
        (void)got;
    } else if (!p->taken && front(p) && p->config.ready) {
        p->config.ready(p->config.ctx);
    }
    if (p->rc == 0 || p->running > 0 || p->taken) return false;
    if (p->rc == CUTTER_E_END && !list_empty(&p->flights)) return false;
    return !merge_begun(p);
}

/* The owner's callbacks may lead here again; the outermost call does the work, and `ended` comes last, because the owner may free the pipeline there. */
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
