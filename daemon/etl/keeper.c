/* SPDX-License-Identifier: MIT */
#include "etl/keeper.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "db/query.h"
#include "etl/archive_sql.h"
#include "etl/sql.h"
#include "loop/timer.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS_A_TERM = 10, ROUND_MAX_MS = 60 * 60 * 1000, WAIT_MS = 30000 };

struct keeper {
    struct keeper_config config;
    struct timer *timer;
    struct worker_job job;
    struct db_wait wait;
    struct db_conn *conn;
    int64_t keep_done_ms, keep_failed_ms; /* the job's own */
    int64_t now_us;                       /* when the round began: what comes in later is not looked at */
    int64_t before_us;                    /* the arrival of the first file that waits to be archived: what is newer stays */
    uint64_t removed;                     /* by the last job */
    bool sweeping, waiting, asking, stopped;
};

static const struct config_daemon *settings(const struct keeper *k)
{
    return &k->config.config->daemon;
}

/* Often enough that nothing stays much longer than it should. */
static int64_t round_ms(const struct keeper *k)
{
    const struct config_daemon *d = settings(k);
    const int64_t term[] = {d->keep_done_ms, d->keep_failed_ms, d->keep_rejects_ms};
    int64_t ms = ROUND_MAX_MS;
    for (size_t i = 0; i < sizeof term / sizeof *term; i++)
        if (term[i] > 0 && term[i] / ROUNDS_A_TERM < ms) ms = term[i] / ROUNDS_A_TERM;
    return ms > d->rescan_ms ? ms : d->rescan_ms;
}

/* ---- folders ---- */

static void sweep_folder(struct keeper *k, const char *name, int64_t keep_ms)
{
    cleanup_fd int fd = keep_ms > 0 ? place_folder(k->config.place, name) : -1;
    cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) return;
    int at = steal_fd(&fd);
    int64_t before_us = k->now_us - keep_ms * 1000;
    if (before_us > k->before_us) before_us = k->before_us;
    for (const struct dirent *e; (e = readdir(dir));) {
        struct stat st;
        if (fstatat(at, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) continue;
        if ((int64_t)st.st_ctim.tv_sec * 1000000 + st.st_ctim.tv_nsec / 1000 >= before_us) continue;
        if (unlinkat(at, e->d_name, 0) == 0) k->removed++;
    }
}

static void sweep_run(struct worker_job *job)
{
    struct keeper *k = container_of(job, struct keeper, job);
    sweep_folder(k, "done", k->keep_done_ms);
    sweep_folder(k, "failed", k->keep_failed_ms);
}

static void sweep_done(struct worker_job *job)
{
    struct keeper *k = container_of(job, struct keeper, job);
    k->sweeping = false;
    if (k->removed > 0)
        log_info("%llu files that were kept long enough are removed from done/ and failed/", (unsigned long long)k->removed);
}

static bool sweeps(const struct keeper *k)
{
    return settings(k)->keep_done_ms > 0 || settings(k)->keep_failed_ms > 0;
}

static void sweep(struct keeper *k, int64_t before_us)
{
    if (k->sweeping || !sweeps(k)) return;
    k->sweeping = true;
    k->removed = 0;
    k->keep_done_ms = settings(k)->keep_done_ms;
    k->keep_failed_ms = settings(k)->keep_failed_ms;
    k->before_us = before_us;
    k->job = (struct worker_job){.run = sweep_run, .done = sweep_done, .priority = WORKER_NORMAL};
    workers_submit(k->config.workers, &k->job);
}

/* Where originals are archived, who waits for that is asked before anything is removed; what is committed after that question came
 * into its folder later than now_us. */
static bool archives(const struct keeper *k)
{
    return k->config.config->n_archives > 0 && sweeps(k);
}

static void give(struct keeper *k)
{
    k->asking = false;
    db_pool_give(k->config.pool, k->conn);
    k->conn = NULL;
}

/* ---- rejects ---- */

static void on_pruned(void *ctx, const struct db_result *r)
{
    struct keeper *k = ctx;
    if (r->status == ERROR_REFUSED) log_warning("old rejects cannot be removed: %s", r->error->text);
    if (r->status == 0 && db_affected(r->rows) > 0)
        log_info("%lld rejects that were kept long enough are removed", (long long)db_affected(r->rows));
    give(k);
}

static void prune(struct keeper *k)
{
    if (settings(k)->keep_rejects_ms == 0) return give(k); /* perhaps since a reload: they are kept for ever */
    struct db_param p = db_int8(settings(k)->keep_rejects_ms * 1000);
    struct db_query q = {.sql = SQL_REJECT_PRUNE, .param = &p, .params = 1, .done = on_pruned, .ctx = k};
    if (db_query(k->conn, &q) < 0) give(k);
}

static void on_oldest(void *ctx, const struct db_result *r)
{
    struct keeper *k = ctx;
    if (r->status != 0) return give(k);
    const char *token = PQntuples(r->rows) > 0 ? db_get(r->rows, 0, 0) : NULL;
    sweep(k, token ? place_token_us(token) : INT64_MAX);
    prune(k);
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct keeper *k = container_of(w, struct keeper, wait);
    k->waiting = false;
    if (!c) return;
    k->conn = c;
    k->asking = true;
    if (!archives(k)) return prune(k);
    if (db_query(c, &(struct db_query){.sql = SQL_ARCHIVE_OLDEST, .done = on_oldest, .ctx = k}) < 0) give(k);
}

/* ---- rounds ---- */

static void on_round(void *ctx)
{
    struct keeper *k = ctx;
    if (!k->sweeping && !k->asking) k->now_us = clock_real_us();
    if (!archives(k)) sweep(k, INT64_MAX);
    if (!archives(k) && settings(k)->keep_rejects_ms == 0) return;
    if (k->waiting || k->asking || !db_pool_is_up(k->config.pool)) return;
    k->waiting = true;
    k->wait.got = on_connected;
    db_pool_take(k->config.pool, &k->wait, WAIT_MS);
}

void keeper_set_config(struct keeper *k, struct config *config)
{
    int64_t before = round_ms(k);
    config_ref(config);
    config_unref(k->config.config);
    k->config.config = config;
    /* Else reloads that come often would put off the next round for ever. */
    if (!k->stopped && round_ms(k) != before) timer_repeat(k->timer, round_ms(k));
}

int keeper_new(const struct keeper_config *config, struct keeper **ret_keeper)
{
    struct keeper *k = calloc(1, sizeof *k);
    if (!k) return -ENOMEM;
    k->config = *config;
    int r = timer_new(config->loop, on_round, k, &k->timer);
    if (r < 0) {
        free(k);
        return r;
    }
    config_ref(config->config);
    timer_repeat(k->timer, round_ms(k));
    *ret_keeper = k;
    return 0;
}

void keeper_stop(struct keeper *k)
{
    k->stopped = true;
    timer_stop(k->timer);
    if (k->waiting) db_pool_cancel(k->config.pool, &k->wait);
    k->waiting = false;
}

void keeper_free(struct keeper *k)
{
    if (!k) return;
    timer_free(k->timer);
    config_unref(k->config.config);
    free(k);
}
