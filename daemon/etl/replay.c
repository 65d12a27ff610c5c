/* SPDX-License-Identifier: MIT */
#include "etl/replay.h"

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/log.h"
#include "db/query.h"
#include "etl/sql.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_MS = 10000, ALTERNATIVES = 10000, READ_BYTES = 256 * 1024, SHOWN_MAX = 4 * NAME_MAX + 1 };

struct replay {
    struct replay_config config;
    struct replay_report report;
    struct db_wait wait;
    struct db_conn *conn;
    struct worker_job job;
    int rc;
    /* What the ledger knows: */
    bool loaded;
    char name[SHOWN_MAX]; /* as shown there: escaped */
    char path[PATH_MAX];  /* below incoming/, bytes; "": its name */
    int64_t bytes;
    bool has_sum;
    uint8_t sum[DIGEST_BYTES];
    /* Where it lies: */
    enum place_target folder;
    char found[NAME_MAX + 1];
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

/* ---- MOVING ---- */

static void move_run(struct worker_job *job)
{
    struct replay *r = container_of(job, struct replay, job);
    struct place_again again = {
        .from = r->folder, .name = r->found, .path = r->path[0] ? r->path : r->name, .anyway = r->config.anyway};
    r->rc = place_again(r->config.place, &again, &r->report.why, &r->report.file);
}

static void move_done(struct worker_job *job)
{
    struct replay *r = container_of(job, struct replay, job);
    r->report.outcome = r->rc == 0 ? REPLAY_TAKEN : r->rc > 0 ? REPLAY_GONE : REPLAY_BUSY;
    over(r);
}

static void move(struct replay *r)
{
    r->job = (struct worker_job){.run = move_run, .done = move_done, .priority = WORKER_URGENT};
    workers_submit(r->config.workers, &r->job);
}

static void on_unloaded(void *ctx, const struct unload_report *report)
{
    struct replay *r = ctx;
    r->report.unloaded = report->rows;
    if (report->outcome == UNLOAD_DONE) return move(r);
    r->report.why = report->why;
    r->report.outcome = report->outcome == UNLOAD_BUSY ? REPLAY_BUSY : REPLAY_REFUSED;
    over(r);
}

/* ---- FINDING ---- */

/* Is `entry` the name under which place_finish may have put the file? Names are compared as the ledger shows them. */
static bool may_be(const struct replay *r, const char *entry)
{
    char shown[SHOWN_MAX], wanted[NAME_MAX + 1];
    log_escape(slice_of(entry), shown, sizeof shown);
    if (strcmp(shown, r->name) == 0) return true;
    if (strlen(r->name) > NAME_MAX) return false;
    for (unsigned n = 1; n < ALTERNATIVES; n++) {
        fs_alternative_name(r->name, n, wanted);
        if (strcmp(shown, wanted) == 0) return true;
    }
    return false;
}

static int digest_file(int fd, uint8_t ret_sum[DIGEST_BYTES])
{
    cleanup_free char *memory = malloc(READ_BYTES);
    struct digest d;
    int r = memory ? digest_init(&d) : -ENOMEM;
    if (r < 0) return r;
    ssize_t n;
    for (off_t at = 0; (n = fs_pread_full(fd, memory, READ_BYTES, at)) > 0; at += n)
        digest_update(&d, memory, (size_t)n);
    if (n == 0) digest_final(&d, ret_sum);
    digest_done(&d);
    return (int)n;
}

/* 1: it is the file; 0: it is not; negative. */
static int is_it(const struct replay *r, int dir, const char *entry)
{
    struct stat st;
    uint8_t sum[DIGEST_BYTES];
    if (fstatat(dir, entry, &st, AT_SYMLINK_NOFOLLOW) < 0) return 0;
    if (!S_ISREG(st.st_mode) || (int64_t)st.st_size != r->bytes || !may_be(r, entry)) return 0;
    if (!r->has_sum) return 1;
    cleanup_fd int fd = openat(dir, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int e = fd < 0 ? -errno : digest_file(fd, sum);
    return e < 0 ? e : memcmp(sum, r->sum, sizeof sum) == 0;
}

static int find_in(struct replay *r, enum place_target target, const char *folder)
{
    cleanup_fd int fd = place_folder(r->config.place, folder);
    if (fd < 0) return fd == -ENOENT ? 0 : fd;
    cleanup_dir DIR *dir = fdopendir(fd);
    if (!dir) return -errno;
    int at = steal_fd(&fd);
    for (const struct dirent *e; (e = readdir(dir));) {
        int is = is_it(r, at, e->d_name);
        if (is < 0) return is;
        if (is == 0) continue;
        r->folder = target;
        snprintf(r->found, sizeof r->found, "%s", e->d_name);
        return 1;
    }
    return 0;
}

static void find_run(struct worker_job *job)
{
    struct replay *r = container_of(job, struct replay, job);
    r->rc = find_in(r, PLACE_DONE, "done");
    if (r->rc == 0) r->rc = find_in(r, PLACE_FAILED, "failed");
}

static void find_done(struct worker_job *job)
{
    struct replay *r = container_of(job, struct replay, job);
    if (r->rc < 0) return end(r, REPLAY_BUSY, error_name(r->rc));
    if (r->rc == 0) return end(r, REPLAY_GONE, "its bytes are not in done/ or failed/ any more; drop the file again");
    if (!r->loaded || r->config.anyway) return move(r);
    struct unload_config c = {.pool = r->config.pool,
                              .catalog = r->config.catalog,
                              .file = r->config.file,
                              .force = r->config.force,
                              .done = on_unloaded,
                              .ctx = r};
    if (unload_start(&c) < 0) end(r, REPLAY_BUSY, error_name(-ENOMEM));
}

/* ---- the ledger ---- */

enum { FOUND_STATE, FOUND_NAME, FOUND_PATH, FOUND_BYTES, FOUND_SUM };

/* Binary columns. */
static bool read_row(struct replay *r, const PGresult *rows)
{
    struct slice path = {PQgetvalue(rows, 0, FOUND_PATH), (size_t)PQgetlength(rows, 0, FOUND_PATH)};
    if (path.len >= sizeof r->path) return false;
    memcpy(r->path, path.p, path.len);
    r->path[path.len] = '\0';
    snprintf(r->name, sizeof r->name, "%s", PQgetvalue(rows, 0, FOUND_NAME));
    r->loaded = strcmp(PQgetvalue(rows, 0, FOUND_STATE), "loaded") == 0;
    uint64_t bytes = 0;
    for (int i = 0; i < PQgetlength(rows, 0, FOUND_BYTES); i++)
        bytes = bytes << 8 | (unsigned char)PQgetvalue(rows, 0, FOUND_BYTES)[i];
    r->bytes = (int64_t)bytes;
    r->has_sum = PQgetlength(rows, 0, FOUND_SUM) == DIGEST_BYTES;
    if (r->has_sum) memcpy(r->sum, PQgetvalue(rows, 0, FOUND_SUM), DIGEST_BYTES);
    return true;
}

static void on_row(void *ctx, const struct db_result *result)
{
    struct replay *r = ctx;
    bool good = result->status == 0 && PQntuples(result->rows) > 0;
    bool fits = good && read_row(r, result->rows);
    db_pool_give(r->config.pool, r->conn);
    if (result->status != 0) return end(r, REPLAY_BUSY, result->error->text);
    if (!fits) return end(r, REPLAY_UNKNOWN, "there is no file with this id");
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
    r->report.file.fd = -1;
    r->wait.got = on_connected;
    db_pool_take(config->pool, &r->wait, WAIT_MS);
    return 0;
}
