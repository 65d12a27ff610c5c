/* SPDX-License-Identifier: MIT */
/*
 * What /metrics and /status count. Two tables name each counter and each histogram; a `struct counters` belongs to the daemon and
 * is handed down. Values are atomic: workers and the loop may add at any time. docs/metrics.md explains each to people.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_COUNTERS_H
#define CETLD_BASE_COUNTERS_H

#include "base/histogram.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* X(id, name, kind, help): kind is counter or gauge; a name may carry labels. */
#define COUNTERS_TABLE(X)                                                                                                          \
    X(FILES_LOADED, "cetl_files_total{state=\"loaded\"}", counter, "Files that reached a final state.")                            \
    X(FILES_DUPLICATE, "cetl_files_total{state=\"duplicate\"}", counter, "")                                                       \
    X(FILES_FAILED, "cetl_files_total{state=\"failed\"}", counter, "")                                                             \
    X(FILES_QUEUED, "cetl_files_queued", gauge, "Claimed files that wait for their turn.")                                         \
    X(FILES_WAITING, "cetl_files_waiting", gauge, "Those of them that wait for another dataset (requires); each second anew.")     \
    X(FILES_LOADING, "cetl_files_loading", gauge, "Files that are being loaded.")                                                  \
    X(FILES_UNREADABLE, "cetl_files_unreadable", gauge, "Entries of incoming/ that cannot be opened or are no regular files.")     \
    X(ROWS_READ, "cetl_rows_total{outcome=\"read\"}", counter, "Rows of finished files by outcome.")                               \
    X(ROWS_LOADED, "cetl_rows_total{outcome=\"loaded\"}", counter, "")                                                             \
    X(ROWS_UPDATED, "cetl_rows_total{outcome=\"updated\"}", counter, "")                                                           \
    X(ROWS_IGNORED, "cetl_rows_total{outcome=\"ignored\"}", counter, "")                                                           \
    X(ROWS_REJECTED, "cetl_rows_total{outcome=\"rejected\"}", counter, "")                                                         \
    X(ROWS_FILTERED, "cetl_rows_total{outcome=\"filtered\"}", counter, "")                                                         \
    X(BYTES_READ, "cetl_read_bytes_total", counter, "Bytes read from dropped files.")                                              \
    X(BYTES_COPIED, "cetl_copy_bytes_total", counter, "Bytes sent to PostgreSQL by COPY.")                                         \
    X(LOAD_RETRIES, "cetl_load_retries_total", counter, "Loads that were rolled back and tried again.")                            \
    X(DERIVE_REFRESHES, "cetl_derive_refreshes_total", counter, "Derived tables and views that were made anew.")                   \
    X(DERIVE_FAILURES, "cetl_derive_failures_total", counter, "Refreshes of derived tables and views that failed.")                \
    X(FILES_BYTES, "cetl_files_pending_bytes", gauge, "Bytes of the files that are queued or being loaded.")                       \
    X(MEMORY_USED, "cetl_memory_used_bytes", gauge, "Bytes of memory_max in use.")                                                 \
    X(PG_CONNECTIONS, "cetl_postgres_connections", gauge, "Open connections to PostgreSQL.")                                       \
    X(PG_RECONNECTS, "cetl_postgres_reconnects_total", counter, "Connections to PostgreSQL that were lost and made again.")        \
    X(CACHE_HITS, "cetl_cache_answers_total{outcome=\"given\"}", counter, "Reads whose answer might have been kept.")              \
    X(CACHE_SAME, "cetl_cache_answers_total{outcome=\"not_modified\"}", counter, "")                                               \
    X(CACHE_STALE, "cetl_cache_answers_total{outcome=\"stale\"}", counter, "")                                                     \
    X(CACHE_MISSES, "cetl_cache_answers_total{outcome=\"missing\"}", counter, "")                                                  \
    X(CACHE_BYTES, "cetl_cache_bytes", gauge, "Bytes of answers that are kept to be given again.")                                 \
    X(HTTP_CONNECTIONS, "cetl_http_connections", gauge, "Open HTTP connections.")                                                  \
    X(HTTP_REQUESTS, "cetl_http_requests_total", counter, "HTTP requests answered.")                                               \
    X(HTTP_ERRORS, "cetl_http_errors_total", counter, "HTTP requests answered with a 5xx status.")                                 \
    X(HTTP_QUEUED, "cetl_http_answers_queued_bytes", gauge, "Bytes of answers that wait for their clients.")                       \
    X(EVENT_STREAMS, "cetl_event_streams", gauge, "Clients of /events.")                                                           \
    X(NOTIFICATIONS_SENT, "cetl_notifications_total{outcome=\"sent\"}", counter, "Notifications to the receivers of [notify].")    \
    X(NOTIFICATIONS_DROPPED, "cetl_notifications_total{outcome=\"dropped\"}", counter, "")                                         \
    X(NOTIFICATIONS_RETRIES, "cetl_notification_retries_total", counter, "Requests to them that failed and are made again.")       \
    X(NOTIFICATIONS_QUEUED, "cetl_notifications_queued", gauge, "Notifications that wait to be sent, or are on their way.")        \
    X(ARCHIVE_STORED, "cetl_archive_files_total{outcome=\"stored\"}", counter,                                                     \
      "Originals that were stored in an archive, or were not.")                                                                    \
    X(ARCHIVE_FAILED, "cetl_archive_files_total{outcome=\"failed\"}", counter, "")                                                 \
    X(ARCHIVE_LOST, "cetl_archive_files_total{outcome=\"lost\"}", counter, "")                                                     \
    X(ARCHIVES_PAUSED, "cetl_archives_paused", gauge, "Archives whose last try failed.")                                           \
    X(INOTIFY_OVERFLOWS, "cetl_inotify_overflows_total", counter, "Times the inotify queue overflowed and a rescan followed.")

/* X(id, name, help): the rows of a family stand together. */
#define HISTOGRAMS_TABLE(X)                                                                                                        \
    X(FILE, "cetl_file_seconds", "From a file's claim to its final state in the ledger.")                                          \
    X(FILE_WAIT, "cetl_file_wait_seconds", "Of that, until the load that brought it there began.")                                 \
    X(STAGE_OPEN, "cetl_load_stage_seconds{stage=\"open\"}", "Loads, and groups of small files, by stage.")                        \
    X(STAGE_CONNECT, "cetl_load_stage_seconds{stage=\"connect\"}", "")                                                             \
    X(STAGE_COPY, "cetl_load_stage_seconds{stage=\"copy\"}", "")                                                                   \
    X(STAGE_NARROW, "cetl_load_stage_seconds{stage=\"narrow\"}", "")                                                               \
    X(STAGE_RECORD, "cetl_load_stage_seconds{stage=\"record\"}", "")                                                               \
    X(STAGE_COMMIT, "cetl_load_stage_seconds{stage=\"commit\"}", "")                                                               \
    X(STAGE_FINISH, "cetl_load_stage_seconds{stage=\"finish\"}", "")                                                               \
    X(JOB_READ, "cetl_worker_job_seconds{work=\"read\"}", "Jobs of loads on the workers, by what they do.")                        \
    X(JOB_CUT, "cetl_worker_job_seconds{work=\"cut\"}", "")                                                                        \
    X(JOB_CONVERT, "cetl_worker_job_seconds{work=\"convert\"}", "")                                                                \
    X(JOB_MERGE, "cetl_worker_job_seconds{work=\"merge\"}", "")                                                                    \
    X(TIDY, "cetl_file_tidy_seconds", "From a file's final state in the ledger until it is in done/ or failed/.")                  \
    X(PG_WAIT_LOAD, "cetl_postgres_wait_seconds{pool=\"load\"}", "Until who wanted a connection of its own had one.")              \
    X(PG_WAIT_API, "cetl_postgres_wait_seconds{pool=\"api\"}", "")

enum counter_id {
#define X(id, name, kind, help) COUNTER_##id,
    COUNTERS_TABLE(X)
#undef X
        COUNTER_N
};

enum histogram_id {
#define X(id, name, help) HISTOGRAM_##id,
    HISTOGRAMS_TABLE(X)
#undef X
        HISTOGRAM_N
};

struct counters {
    _Atomic int64_t value[COUNTER_N];
    struct histogram histogram[HISTOGRAM_N];
};

struct counter_info {
    const char *name; /* Prometheus name with its labels */
    const char *kind; /* "counter", "gauge" or "histogram" */
    const char *help; /* "" where the family was explained by an earlier row */
};

const struct counter_info *counters_info(enum counter_id id);
/** The same of a histogram; its kind is "histogram". */
const struct counter_info *counters_histogram_info(enum histogram_id id);

static inline void counters_add(struct counters *c, enum counter_id id, int64_t n)
{
    atomic_fetch_add_explicit(&c->value[id], n, memory_order_relaxed);
}
static inline void counters_set(struct counters *c, enum counter_id id, int64_t v)
{
    atomic_store_explicit(&c->value[id], v, memory_order_relaxed);
}
static inline int64_t counters_get(const struct counters *c, enum counter_id id)
{
    return atomic_load_explicit(&c->value[id], memory_order_relaxed);
}
static inline void counters_observe(struct counters *c, enum histogram_id id, int64_t us)
{
    histogram_observe(&c->histogram[id], us);
}

#endif
