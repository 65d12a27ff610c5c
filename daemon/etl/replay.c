/* SPDX-License-Identifier: MIT */
#include "etl/replay.h"

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/log.h"
#include "db/query.h"
#include "etl/sql.h"
#include "spool/token.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_MS = 10000, SHOWN_MAX = 4 * NAME_MAX + 1, STATE_MAX = 16 };

struct replay {
    struct replay_config config;
    struct replay_report report;
    struct db_wait wait;
    struct db_conn *conn;
    struct worker_job job;
    int rc;
    bool unloads, held;
    /* What the ledger knows: */
    char state[STATE_MAX];
    char path[PATH_MAX]; /* below incoming/, bytes */
    char token[PLACE_TOKEN_MAX];
    int64_t bytes;
    bool has_sum;
    uint8_t sum[DIGEST_BYTES];
    /* Where it lies: */
    struct hold_wish wish;
    char dataset[NAME_MAX + 1]; /* the wish's, or "" */
    struct stat st;
    char found[NAME_MAX + 1];
    unsigned candidates;
    struct hold hold;
};

static void over(struct replay *r)
{
    r->config.done(r->config.ctx, &r->report);
    free(r);
}

static void end(struct replay *r, enum replay_outcome outcome, const char *why)
{
    r->report.outcome = outcome;
    error_set(&r->report.why, 0, "%s", why);
    over(r);
}

static const char *base_name(const struct replay *r)
{
    const char *slash = strrchr(r->path, '/');
    return slash ? slash + 1 : r->path;
}

/* ---- RELEASING ---- */

static void release_run(struct worker_job *job)
{
    struct replay *r = container_of(job, struct replay, job);
    r->rc = hold_release(r->config.place, &r->hold);
}

static void release_done(struct worker_job *job)
{
    struct replay *r = container_of(job, struct replay, job);
    if (r->rc < 0)
        log_warning("a file to be replayed stays held in work/ until the next start puts it back: %s", error_name(r->rc));
    over(r);
}

/* With the outcome and its words in the report. */
static void release(struct replay *r)
{
    r->job = (struct worker_job){.run = release_run, .done = release_done, .priority = WORKER_URGENT};
    workers_submit(r->config.workers, &r->job);
}

/* ---- CLAIMING ---- */

static void claim_run(struct worker_job *job)
{
    struct replay *r = container_of(job, struct replay, job);
    r->rc = hold_claim(r->config.place, &r->hold, &r->report.why, &r->report.file);
}

static void claim_done(struct worker_job *job)
{
    struct replay *r = container_of(job, struct replay, job);
    r->report.outcome = r->rc == 0 ? REPLAY_TAKEN : REPLAY_BUSY;
    if (r->rc == 0) return over(r);
    struct error why = r->report.why;
    if (r->unloads)
        error_set(&r->report.why, 0, "its %lld rows are unloaded, but %s; try again", (long long)r->report.unloaded, why.text);
    release(r);
}

static void claim(struct replay *r)
{
    r->job = (struct worker_job){.run = claim_run, .done = claim_done, .priority = WORKER_URGENT};
    workers_submit(r->config.workers, &r->job);
}

static void on_unloaded(void *ctx, const struct unload_report *report)
{
    struct replay *r = ctx;
    r->report.unloaded = report->rows;
    if (report->outcome == UNLOAD_DONE) return claim(r);
    r->report.why = report->why;
    r->report.outcome = report->outcome == UNLOAD_BUSY ? REPLAY_BUSY : REPLAY_REFUSED;
    release(r);
}

/* ---- FINDING ---- */

/* Is `entry` the name under which place_finish may have put the file: its own, or an alternative with one of the numbers in it? */
static bool may_be(const struct replay *r, const char *entry)
{
    const char *name = base_name(r);
    if (strcmp(entry, name) == 0) return true;
    for (const char *dot = entry; (dot = strchr(dot, '.')); dot++) {
        char *end, wanted[NAME_MAX + 1];
        unsigned long n = strtoul(dot + 1, &end, 10);
        if (end == dot + 1 || n == 0 || n > UINT_MAX || (*end != '.' && *end != '\0')) continue;
        fs_alternative_name(name, (unsigned)n, wanted);
        if (strcmp(entry, wanted) == 0) return true;
    }
    return false;
}

/* 1: it is the file, as `ret_st` says; 0: it is not; negative. */
static int is_it(const struct replay *r, int dir, const char *entry, struct stat *ret_st)
{
    uint8_t sum[DIGEST_BYTES];
    if (fstatat(dir, entry, ret_st, AT_SYMLINK_NOFOLLOW) < 0) return 0;
    if (!S_ISREG(ret_st->st_mode) || (int64_t)ret_st->st_size != r->bytes || !may_be(r, entry)) return 0;
    if (!r->has_sum) return 1;
    cleanup_fd int fd = openat(dir, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return 0;
    int e = fd < 0 || fstat(fd, ret_st) < 0 ? -errno : digest_of_file(fd, sum);
    return e < 0 ? e : memcmp(sum, r->sum, sizeof sum) == 0;
}

/* The first with the digest; without one they are counted, since nothing else tells them apart. 0 or negative. */
static int find_in(struct replay *r, enum place_target target, const char *folder)
{
    cleanup_fd int fd = place_folder(r->config.place, folder);
    if (fd < 0) return fd == -ENOENT ? 0 : fd;
    cleanup_dir DIR *dir = fdopendir(fd);
    if (!dir) return -errno;
    int at = steal_fd(&fd);
    for (const struct dirent *e; !(r->candidates && r->has_sum) && (e = readdir(dir));) {
        struct stat st;
        int is = is_it(r, at, e->d_name, &st);
        if (is < 0) return is;
        if (is == 0 || r->candidates++ > 0) continue;
        r->wish.from = target;
        r->st = st;
        snprintf(r->found, sizeof r->found, "%s", e->d_name);
    }
    return 0;
}

/* It was loaded a moment ago, and is not tidied away yet. */
static bool is_in_work(const struct replay *r)
{
    char flat[TOKEN_PATH_MAX], folder[TOKEN_PATH_MAX];
    struct stat st;
    int root = r->config.place->root;
    return (token_flat_path(r->token, base_name(r), flat) && fstatat(root, flat, &st, AT_SYMLINK_NOFOLLOW) == 0) ||
           (token_path(r->token, NULL, folder) && fstatat(root, folder, &st, AT_SYMLINK_NOFOLLOW) == 0);
}

/* An outcome; TAKEN: it is held. */
static int find(struct replay *r, struct error *err)
{
    int e = find_in(r, PLACE_DONE, "done");
    if (e == 0) e = find_in(r, PLACE_FAILED, "failed");
    if (e < 0) return error_set(err, REPLAY_BUSY, "done/ and failed/ cannot be read: %s", error_name(e));
    if (r->candidates == 0 && is_in_work(r))
        return error_set(err, REPLAY_BUSY, "it is still in work/, on its way to done/; try again");
    if (r->candidates == 0)
        return error_set(err, REPLAY_GONE,
                         "its bytes are not in done/ or failed/ any more; drop the file again, if it is not queued again already");
    if (r->candidates > 1)
        return error_set(
            err, REPLAY_GONE,
            "%u files of its name and size lie in done/ and failed/, and it was not read far enough to tell which it is; "
            "move the right one to incoming/",
            r->candidates);
    r->wish.name = r->found;
    r->wish.path = r->path;
    r->wish.st = &r->st;
    e = hold_take(r->config.place, &r->wish, err, &r->hold);
    r->held = e == 0;
    return r->held ? REPLAY_TAKEN : e > 0 ? REPLAY_GONE : REPLAY_BUSY;
}

static void find_run(struct worker_job *job)
{
    struct replay *r = container_of(job, struct replay, job);
    r->report.outcome = (enum replay_outcome)find(r, &r->report.why);
}

static void find_done(struct worker_job *job)
{
    struct replay *r = container_of(job, struct replay, job);
    if (!r->held) return over(r);
    if (!r->unloads) return claim(r);
    struct unload_config c = {.pool = r->config.pool,
                              .catalog = r->config.catalog,
                              .stale = r->config.stale,
                              .stale_ctx = r->config.stale_ctx,
                              .observers = r->config.observers,
                              .file = r->config.file,
                              .force = r->config.force,
                              .done = on_unloaded,
                              .ctx = r};
    if (unload_start(&c) == 0) return;
    r->report.outcome = REPLAY_BUSY;
    error_set(&r->report.why, 0, "%s", error_name(-ENOMEM));
    release(r);
}

/* ---- the ledger ---- */

enum { FOUND_STATE, FOUND_NAME, FOUND_PATH, FOUND_BYTES, FOUND_SUM, FOUND_TOKEN, FOUND_DATASET };

/* It may have been sent there, and not be there by its name. */
static void keep_dataset(struct replay *r, const char *name)
{
    const struct config *c = *r->config.settings;
    const struct config_dataset *of = config_dataset(c, slice_of(name));
    if (!of || of == config_dataset_for(c, slice_of(r->path))) return;
    snprintf(r->dataset, sizeof r->dataset, "%s", name);
    r->wish.dataset = r->dataset;
}

/* Binary columns. False: no path is that long. */
static bool read_row(struct replay *r, const PGresult *rows)
{
    /* The name says all where there is no path. */
    int where = PQgetlength(rows, 0, FOUND_PATH) > 0 ? FOUND_PATH : FOUND_NAME;
    struct slice path = {PQgetvalue(rows, 0, where), (size_t)PQgetlength(rows, 0, where)};
    if (path.len >= sizeof r->path) return false;
    memcpy(r->path, path.p, path.len);
    r->path[path.len] = '\0';
    snprintf(r->state, sizeof r->state, "%s", PQgetvalue(rows, 0, FOUND_STATE));
    snprintf(r->token, sizeof r->token, "%s", PQgetvalue(rows, 0, FOUND_TOKEN));
    uint64_t bytes = 0;
    for (int i = 0; i < PQgetlength(rows, 0, FOUND_BYTES); i++)
        bytes = bytes << 8 | (unsigned char)PQgetvalue(rows, 0, FOUND_BYTES)[i];
    r->bytes = (int64_t)bytes;
    r->has_sum = PQgetlength(rows, 0, FOUND_SUM) == DIGEST_BYTES;
    if (r->has_sum) memcpy(r->sum, PQgetvalue(rows, 0, FOUND_SUM), DIGEST_BYTES);
    const struct dataset *d = catalog_find(r->config.catalog, PQgetvalue(rows, 0, FOUND_DATASET));
    bool loaded = strcmp(r->state, "loaded") == 0, replaces = d && d->config && d->config->mode == CONFIG_MODE_REPLACE;
    r->unloads = loaded && !r->config.anyway && !replaces;
    r->wish.anyway = r->config.anyway || (loaded && replaces);
    keep_dataset(r, PQgetvalue(rows, 0, FOUND_DATASET));
    return true;
}

static void on_row(void *ctx, const struct db_result *result)
{
    struct replay *r = ctx;
    bool good = result->status == 0 && PQntuples(result->rows) > 0;
    bool fits = good && read_row(r, result->rows);
    struct error why = {0};
    if (result->status != 0) error_set(&why, 0, "%s", result->error->text);
    db_pool_give(r->config.pool, r->conn);
    if (result->status != 0) return end(r, REPLAY_BUSY, why.text);
    if (!fits) return end(r, REPLAY_UNKNOWN, "there is no file with this id");
    if (strcmp(r->state, "loading") == 0 || strcmp(r->state, "committing") == 0)
        return end(r, REPLAY_STATE, "it is being loaded just now");
    r->job = (struct worker_job){.run = find_run, .done = find_done, .priority = WORKER_NORMAL};
    workers_submit(r->config.workers, &r->job);
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct replay *r = container_of(w, struct replay, wait);
    if (!c) return end(r, REPLAY_BUSY, "no connection to the database is free");
    r->conn = c;
    struct db_param id = db_int8(r->config.file);
    struct db_query q = {.sql = SQL_LEDGER_FOR_REPLAY, .param = &id, .params = 1, .binary = true, .done = on_row, .ctx = r};
    if (db_query(c, &q) == 0) return;
    db_pool_give(r->config.pool, c);
    end(r, REPLAY_BUSY, "the connection to the database was lost");
}

int replay_start(const struct replay_config *config)
{
    struct replay *r = calloc(1, sizeof *r);
    if (!r) return -ENOMEM;
    r->config = *config;
    r->report.file.fd = r->hold.file.fd = -1;
    r->wait.got = on_connected;
    db_pool_take(config->pool, &r->wait, WAIT_MS);
    return 0;
}
