/* SPDX-License-Identifier: MIT */
#include "api/metrics.h"

#include "api/api.h"
#include "api/backup_tell.h"
#include "api/dataset_counts.h"
#include "base/clock.h"
#include "base/process.h"
#include "format/metrics_text.h"
#include "http/tally.h"

#include <libpq-fe.h>
#include <stdio.h>

/* As many datasets as a configuration can have (INI_SECTIONS_MAX), with the longest names, are less than 9 MB. */
enum { BODY_MAX = 16 << 20 };

static void put_gauge(struct buf *out, const char *name, const char *help, int64_t value)
{
    metrics_family(out, name, "gauge", help);
    metrics_plain(out, name, value);
}

static void put_build(struct buf *out)
{
    char libpq[24];
    snprintf(libpq, sizeof libpq, "%d.%d", PQlibVersion() / 10000, PQlibVersion() % 10000);
    metrics_family(out, "cetl_build_info", "gauge", "The version that runs, and those of its libraries.");
    metrics_sample(out, "cetl_build_info");
    metrics_label(out, "version", CETLD_VERSION);
    metrics_label(out, "libpq", libpq);
    metrics_label(out, "libuv", uv_version_string());
    metrics_value(out, 1);
}

/* By the names that Prometheus' own clients give to these. */
static void put_process(const struct api *api, struct buf *out)
{
    struct process_use use = process_look();
    metrics_family(out, "process_cpu_seconds_total", "counter", "CPU time of all threads.");
    metrics_plain_seconds(out, "process_cpu_seconds_total", use.cpu_us);
    metrics_family(out, "process_start_time_seconds", "gauge", "When the process started, in seconds since 1970.");
    metrics_plain_seconds(out, "process_start_time_seconds", clock_real_us() - (clock_mono_us() - api->started_us));
    put_gauge(out, "process_resident_memory_bytes", "Memory that is in use, in bytes.", use.resident_bytes);
    put_gauge(out, "process_open_fds", "Open file descriptors.", use.open_fds);
    put_gauge(out, "process_max_fds", "How many there may be.", use.max_fds);
}

static void put_machine(const struct api *api, struct buf *out)
{
    put_gauge(out, "cetl_memory_max_bytes", "What loads may hold of memory_max.", api->memory ? (int64_t)api->memory->max : 0);
    put_gauge(out, "cetl_uploads", "Uploads that are under way.", api->intakes);
    put_gauge(out, "cetl_workers", "Worker threads.", api->workers ? workers_count(api->workers) : 0);
    put_gauge(out, "cetl_worker_jobs_pending", "Jobs that wait for a worker, or are with one.",
              api->workers ? workers_pending(api->workers) : 0);
    metrics_family(out, "cetl_worker_jobs_total", "counter", "Jobs that workers have finished.");
    metrics_plain(out, "cetl_worker_jobs_total", api->workers ? (int64_t)workers_finished(api->workers) : 0);
    metrics_family(out, "cetl_loop_turn_seconds", "histogram",
                   "Turns of the loop without the time it waited: how long what came meanwhile was kept waiting.");
    if (api->loop) metrics_histogram(out, SLICE("cetl_loop_turn_seconds"), SLICE(""), loop_turns(api->loop));
}

/* ---- PostgreSQL ---- */

enum { POOLS = 2 };
struct pool_view {
    const char *name;
    struct db_pool_numbers n;
    unsigned waiting;
};

static struct pool_view view(const char *name, const struct db_pool *p)
{
    return p ? (struct pool_view){name, db_pool_numbers(p), db_pool_waiting(p)} : (struct pool_view){.name = name};
}

static void put_connections(const struct pool_view *pools, struct buf *out)
{
    static const char name[] = "cetl_postgres_pool_connections";
    metrics_family(out, name, "gauge", "Connections by what they are doing.");
    for (unsigned i = 0; i < POOLS; i++) {
        const struct {
            const char *state;
            unsigned n;
        } each[] = {{"taken", pools[i].n.taken}, {"idle", pools[i].n.idle}, {"connecting", pools[i].n.connecting}};
        for (unsigned k = 0; k < sizeof each / sizeof each[0]; k++) {
            metrics_sample(out, name);
            metrics_label(out, "pool", pools[i].name);
            metrics_label(out, "state", each[k].state);
            metrics_value(out, each[k].n);
        }
    }
}

static void put_pool_gauge(const char *name, const char *help, const struct pool_view *pools, bool waiting, struct buf *out)
{
    metrics_family(out, name, "gauge", help);
    for (unsigned i = 0; i < POOLS; i++) {
        metrics_sample(out, name);
        metrics_label(out, "pool", pools[i].name);
        metrics_value(out, waiting ? pools[i].waiting : pools[i].n.size);
    }
}

static void put_postgres(const struct api *api, struct buf *out)
{
    const struct pool_view pools[POOLS] = {view("load", api->load_pool), view("api", api->pool)};
    put_gauge(out, "cetl_postgres_up", "1 while the database answers.", api->load_pool && db_pool_is_up(api->load_pool));
    put_gauge(out, "cetl_ready", "1 while the database answers and is as the configuration wants it: files load.", api->ready);
    put_connections(pools, out);
    put_pool_gauge("cetl_postgres_pool_size", "Connections that there may be.", pools, false, out);
    put_pool_gauge("cetl_postgres_pool_waiting", "Who waits for a connection.", pools, true, out);
    put_gauge(out, "cetl_postgres_pipeline_queries", "Small reads that wait, or are under way, on the connection they share.",
              api->reads.pipeline ? db_pipeline_pending(api->reads.pipeline) : 0);
}

void metrics_get(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    struct buf body;
    buf_init(&body, BODY_MAX);
    put_build(&body);
    metrics_text(api->counters, &body);
    put_postgres(api, &body);
    put_machine(api, &body);
    put_process(api, &body);
    if (api->dataset_counts) dataset_counts_text(api->dataset_counts, api->scheduler, r, &body);
    if (api->backups) backup_tell_metrics(&body, api->backups);
    if (api->tally) http_tally_text(api->tally, &body);
    if (buf_check(&body) < 0)
        http_problem(
            r, &(struct http_problem){.status = 503, .message = "there is no memory for the metrics", .hint = "ask again later"});
    else
        http_answer(r, 200, METRICS_TEXT_TYPE, buf_slice(&body));
    buf_done(&body);
}
