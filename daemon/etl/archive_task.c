/* SPDX-License-Identifier: MIT */
#include "base/fs.h"
#include "base/log.h"
#include "db/query.h"
#include "etl/archive_private.h"
#include "etl/archive_sql.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LOST_TRIES = 3, KEY_NAME_MAX = 100 };
enum { ROW_ID, ROW_TOKEN, ROW_PATH, ROW_BYTES, ROW_SUM, ROW_DATASET, ROW_DATE, ROW_REPORT, ROW_TRIES, ROW_GONE };

static void note(struct archive_task *t);

static void task_free(struct archive_task *t)
{
    list_remove(&t->link);
    if (t->file >= 0) close(t->file);
    if (t->memory) memory_give(t->all->config.memory, t->memory);
    free(t->dataset);
    free(t->report);
    free(t);
}

/* True: its archive is gone, and so is it. */
static bool is_orphan(struct archive_task *t)
{
    if (t->archive) return false;
    task_free(t);
    return true;
}

static void end(struct archive_task *t, enum task_outcome outcome, const char *why)
{
    t->outcome = outcome;
    snprintf(t->why, sizeof t->why, "%s", why);
    note(t);
}

/* ---- NOTING ---- */

static void on_noted(void *ctx, const struct db_result *r)
{
    struct archive_task *t = ctx;
    struct archive *a = t->archive;
    t->busy = false;
    if (t->conn) db_pool_give(t->all->config.pool, t->conn);
    t->conn = NULL;
    if (is_orphan(t)) return;
    if (r->status != 0 && t->outcome == TASK_STORED) {
        t->outcome = TASK_FAILED; /* it is there, and will be found there */
        snprintf(t->why, sizeof t->why, "it is stored, but that could not be noted: %.200s", r->error ? r->error->text : "");
    }
    archive_task_over(a, t);
    task_free(t);
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct archive_task *t = container_of(w, struct archive_task, wait);
    t->waiting = false;
    if (!c) return archive_task_cancel(t); /* the daemon ends */
    t->conn = c;
    t->busy = true;
    char url[2 * STORE_KEY_MAX];
    snprintf(url, sizeof url, "%s%s", t->archive->base, t->key);
    bool stored = t->outcome == TASK_STORED;
    /* Not at once after a store that was away: what is missed once may be on its way, or its disk is. */
    t->lost = t->outcome == TASK_GONE && t->was_gone && t->tries + 1 >= LOST_TRIES;
    struct db_param p[] = {db_int8(t->id), db_text(t->archive->name), db_text(stored ? url : t->why),
                           db_text(t->lost ? "lost" : "waiting")};
    struct db_query q = {
        .sql = stored ? SQL_ARCHIVE_STORED : SQL_ARCHIVE_FAILED, .param = p, .params = stored ? 3 : 4, .done = on_noted, .ctx = t};
    if (t->lost) log_warning("archive %s: file %lld is lost to it: %s", t->archive->name, (long long)t->id, t->why);
    if (db_query(c, &q) < 0) on_noted(t, &(struct db_result){.status = ERROR_CLOSED});
}

static void note(struct archive_task *t)
{
    t->state = TASK_NOTING;
    t->waiting = true;
    t->wait.got = on_connected;
    db_pool_take(t->all->config.pool, &t->wait, 0);
}

/* ---- STORING, REPORTING ---- */

static void on_reported(void *ctx, const struct store_result *r)
{
    struct archive_task *t = ctx;
    t->op = NULL;
    t->key[strlen(t->key) - strlen(".load.json")] = '\0';
    end(t, r->status == 0 ? TASK_STORED : TASK_FAILED, r->status == 0 ? "" : r->why);
}

static int report(struct archive_task *t)
{
    size_t len = strlen(t->report);
    uint8_t sum[DIGEST_BYTES];
    close(t->file);
    t->file = memfd_create("report", MFD_CLOEXEC);
    if (t->file < 0) return -errno;
    int r = fs_write_all(t->file, t->report, len);
    if (r < 0) return r;
    digest_of(t->report, len, sum);
    size_t at = strlen(t->key);
    snprintf(t->key + at, sizeof t->key - at, ".load.json");
    struct store_put put = {.key = slice_of(t->key),
                            .file = &t->file,
                            .bytes = len,
                            .sum = sum,
                            .type = "application/json",
                            .done = on_reported,
                            .ctx = t};
    return store_put(t->archive->store, &put, &t->op);
}

static void find(struct archive_task *t);

static void on_stored(void *ctx, const struct store_result *r)
{
    struct archive_task *t = ctx;
    t->op = NULL;
    if (r->status == STORE_E_CHANGED && !t->thorough) {
        t->thorough = true; /* another file of its name and size: look for the right one */
        return find(t);
    }
    if (r->status == STORE_E_CHANGED) return end(t, TASK_GONE, ARCHIVE_GONE);
    if (r->status != 0) return end(t, TASK_FAILED, r->why);
    t->unseen = r->unseen;
    t->state = TASK_REPORTING;
    int e = report(t);
    if (e < 0) end(t, TASK_FAILED, error_name(e));
}

/* ---- the key ---- */

/* In a key, a name is one component, and valid UTF-8; cut, so that a dataset, a date, a sum and .load.json have room beside it in a
 * name of a folder's (255 bytes). */
static void put_component(struct buf *out, const char *text)
{
    char shown[4 * NAME_MAX + 1];
    log_escape(slice_of(text), shown, sizeof shown);
    struct slice s = slice_cut_utf8(slice_of(shown), KEY_NAME_MAX);
    for (size_t i = 0; i < s.len; i++)
        buf_putc(out, s.p[i] == '/' ? '_' : s.p[i]);
}

static int make_key(struct archive_task *t)
{
    char hex[DIGEST_HEX], id[24];
    digest_hex(t->original.sum, hex);
    snprintf(id, sizeof id, "%lld", (long long)t->id);
    const struct {
        const char *name, *value;
    } known[] = {{"{dataset}", t->dataset}, {"{date}", t->date}, {"{sha256}", hex}, {"{name}", t->name}, {"{id}", id}};
    struct buf key;
    buf_init(&key, STORE_KEY_MAX);
    for (const char *p = t->archive->key; *p;) {
        size_t i = 0, n = sizeof known / sizeof *known;
        while (i < n && strncmp(p, known[i].name, strlen(known[i].name)) != 0)
            i++;
        if (i < n) {
            put_component(&key, known[i].value);
            p += strlen(known[i].name);
        } else {
            buf_putc(&key, *p++);
        }
    }
    int r = buf_check(&key);
    if (r == 0) snprintf(t->key, sizeof t->key, SLICE_FMT, SLICE_ARG(buf_slice(&key)));
    buf_done(&key);
    return r;
}

/* One goes on whatever the loads hold. */
static bool take_memory(struct archive_task *t, uint64_t bytes, bool anyway)
{
    size_t n = store_put_memory(t->archive->store, bytes);
    if (n <= t->memory) return true;
    if (!memory_take(t->all->config.memory, n - t->memory, anyway)) return false;
    t->memory = n;
    return true;
}

static int store(struct archive_task *t)
{
    int r = make_key(t);
    if (r < 0) return r;
    /* Where the ledger did not know how large it is. */
    if (!take_memory(t, t->bytes, t->archive->n_tasks == 1)) return ERROR_TOO_BIG;
    t->state = TASK_STORING;
    struct store_put put = {
        .key = slice_of(t->key), .file = &t->file, .bytes = t->bytes, .sum = t->original.sum, .done = on_stored, .ctx = t};
    return store_put(t->archive->store, &put, &t->op);
}

/* ---- FINDING ---- */

static void find_run(struct worker_job *job)
{
    struct archive_task *t = container_of(job, struct archive_task, job);
    int fd = -1;
    t->rc = original_open(t->all->config.place, &t->original, t->thorough, &fd, &t->bytes);
    if (t->rc != 0) return;
    if (t->file >= 0) close(t->file);
    t->file = fd;
}

static void find_done(struct worker_job *job)
{
    struct archive_task *t = container_of(job, struct archive_task, job);
    t->busy = false;
    if (is_orphan(t)) return;
    if (t->rc == ORIGINAL_E_GONE) return end(t, TASK_GONE, ARCHIVE_GONE);
    int r = t->rc < 0 ? t->rc : store(t);
    if (r < 0) end(t, TASK_FAILED, error_name(r));
}

static void find(struct archive_task *t)
{
    t->state = TASK_FINDING;
    t->busy = true;
    t->job = (struct worker_job){.run = find_run, .done = find_done, .priority = WORKER_NORMAL};
    workers_submit(t->all->config.workers, &t->job);
}

/* ---- the begin ---- */

static int64_t int8_of(const PGresult *rows, int row, int column)
{
    uint64_t v = 0;
    for (int i = 0; i < PQgetlength(rows, row, column); i++)
        v = v << 8 | (unsigned char)PQgetvalue(rows, row, column)[i];
    return (int64_t)v;
}

static void read_row(struct archive_task *t, const PGresult *rows, int row)
{
    struct slice path = {PQgetvalue(rows, row, ROW_PATH), (size_t)PQgetlength(rows, row, ROW_PATH)};
    for (size_t i = path.len; i-- > 0;)
        if (path.p[i] == '/') {
            path = (struct slice){path.p + i + 1, path.len - i - 1};
            break;
        }
    t->id = int8_of(rows, row, ROW_ID);
    t->tries = int8_of(rows, row, ROW_TRIES);
    t->was_gone = PQgetvalue(rows, row, ROW_GONE)[0] != 0;
    snprintf(t->token, sizeof t->token, "%s", PQgetvalue(rows, row, ROW_TOKEN));
    snprintf(t->name, sizeof t->name, SLICE_FMT, SLICE_ARG(path));
    snprintf(t->date, sizeof t->date, "%s", PQgetvalue(rows, row, ROW_DATE));
    t->dataset = strdup(PQgetvalue(rows, row, ROW_DATASET));
    t->report = strdup(PQgetvalue(rows, row, ROW_REPORT));
    t->original = (struct original){.token = t->token, .name = t->name, .bytes = int8_of(rows, row, ROW_BYTES)};
    t->original.has_sum = PQgetlength(rows, row, ROW_SUM) == DIGEST_BYTES;
    if (t->original.has_sum) memcpy(t->original.sum, PQgetvalue(rows, row, ROW_SUM), DIGEST_BYTES);
}

struct archive_task *archive_task_start(struct archive *a, const PGresult *rows, int row)
{
    struct archive_task *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    *t = (struct archive_task){.all = a->all, .archive = a, .file = -1};
    list_init(&t->link);
    read_row(t, rows, row);
    uint64_t bytes = t->original.bytes >= 0 ? (uint64_t)t->original.bytes : STORE_PART;
    if (!t->dataset || !t->report || !take_memory(t, bytes, a->n_tasks == 0)) {
        task_free(t);
        return NULL;
    }
    list_append(&a->tasks, &t->link);
    find(t);
    return t;
}

void archive_task_cancel(struct archive_task *t)
{
    store_cancel(t->op);
    t->op = NULL;
    if (t->waiting) db_pool_cancel(t->all->config.pool, &t->wait);
    t->waiting = false;
    t->archive = NULL;
    list_remove(&t->link);
    if (!t->busy) return task_free(t);
    list_append(&t->all->orphans, &t->link);
}
