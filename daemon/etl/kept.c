/* SPDX-License-Identifier: MIT */
#include "etl/kept.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "etl/archive.h"
#include "loop/timer.h"
#include "spool/upload.h"
#include "store/store.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 2, STALL_MS = 10000, URL_MAX = 16 * 1024 };

/* What a worker does. */
enum step {
    STEP_LOOK,  /* in a folder, or the spool */
    STEP_ROOM,  /* a file without a name, for what a store gives */
    STEP_CHECK, /* is that it? */
};

struct kept {
    struct kept_config config;
    char token[PLACE_TOKEN_MAX], name[NAME_MAX + 1];
    char *url[KEPT_URLS_MAX], *disposition;
    size_t at; /* the URL whose turn it is; behind the last: the spool */
    struct timer *timer;
    struct store *store;
    struct store_op *op;
    struct worker_job job;
    enum step step;
    int rc, fd;
    uint64_t bytes;
    bool working, gone, busy; /* a worker has it; cancelled meanwhile; something may have it, but does not say so */
    bool brings;              /* what the store has comes by us, since it has no link */
    struct buf link;
    struct error why; /* of the first that failed */
    char *ca_file;
};

static void kept_free(struct kept *k)
{
    store_cancel(k->op);
    store_free(k->store);
    timer_free(k->timer);
    for (size_t i = 0; i < KEPT_URLS_MAX; i++)
        free(k->url[i]);
    if (k->fd >= 0) close(k->fd);
    if (k->link.data) explicit_bzero(k->link.data, k->link.len);
    buf_done(&k->link);
    free(k->disposition);
    free(k->ca_file);
    config_unref(k->config.config);
    free(k);
}

static void end(struct kept *k, enum kept_outcome outcome)
{
    struct kept_report report = {.outcome = outcome,
                                 .url = buf_cstr(&k->link),
                                 .until_s = clock_real_us() / 1000000 + KEPT_LINK_S,
                                 .ca_file = k->ca_file ? k->ca_file : "",
                                 .fd = k->fd,
                                 .bytes = k->bytes,
                                 .why = k->why.text};
    if (outcome == KEPT_OPEN) k->fd = -1;
    void (*done)(void *ctx, const struct kept_report *report) = k->config.done;
    done(k->config.ctx, &report);
    kept_free(k);
}

static void note(struct kept *k, bool busy, const char *what, const char *why)
{
    k->busy |= busy;
    if (!k->why.text[0]) error_set(&k->why, 0, "%.300s: %.600s", what, why);
}

/* ---- on a worker ---- */

/* Of a folder that is an archive. Only what has the ledger's digest is given: whoever could write a path into the ledger would read
 * any file otherwise. */
static int open_path(struct kept *k, const char *path)
{
    struct stat st;
    uint8_t sum[DIGEST_BYTES];
    if (!k->config.original.has_sum) return ORIGINAL_E_GONE;
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) return ORIGINAL_E_GONE; /* some devices do something when they are opened */
    cleanup_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? ORIGINAL_E_GONE : -errno;
    if (fstat(fd, &st) < 0) return -errno;
    if (!S_ISREG(st.st_mode)) return ORIGINAL_E_GONE;
    int r = digest_of_file(fd, sum);
    if (r < 0) return r;
    if (!digest_equal(sum, k->config.original.sum)) return ORIGINAL_E_GONE;
    k->bytes = (uint64_t)st.st_size;
    k->fd = steal_fd(&fd);
    return 0;
}

/* It is gone when it is closed; a crash in between leaves an upload, which the next start removes. */
static int make_room(struct kept *k)
{
    struct upload u;
    char path[sizeof u.hidden + 8];
    int r = upload_open(k->config.place, &u);
    if (r < 0) return r;
    snprintf(path, sizeof path, "work/%s", u.hidden);
    k->fd = openat(k->config.place->root, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    r = k->fd < 0 ? -errno : 0;
    upload_close(&u);
    return r;
}

static int check(const struct kept *k)
{
    uint8_t sum[DIGEST_BYTES];
    if (!k->config.original.has_sum) return ORIGINAL_E_GONE;
    int r = digest_of_file(k->fd, sum);
    return r < 0 ? r : digest_equal(sum, k->config.original.sum) ? 0 : ORIGINAL_E_GONE;
}

static void run(struct worker_job *job)
{
    struct kept *k = container_of(job, struct kept, job);
    struct original *o = &k->config.original;
    if (k->step == STEP_ROOM)
        k->rc = make_room(k);
    else if (k->step == STEP_CHECK)
        k->rc = check(k);
    else
        k->rc = k->at < k->config.urls ? open_path(k, k->url[k->at] + strlen("file://"))
                                       : original_open(k->config.place, o, o->has_sum, &k->fd, &k->bytes);
}

/* ---- on the loop ---- */

static void go_on(struct kept *k)
{
    timer_start(k->timer, 0);
}

static void submit(struct kept *k, enum step step)
{
    k->step = step;
    k->working = true;
    workers_submit(k->config.workers, &k->job);
}

/* The next place, then. */
static void give_up(struct kept *k, const char *why)
{
    if (why) note(k, true, k->at == k->config.urls ? "done/ and failed/" : k->url[k->at], why);
    if (k->fd >= 0) close(k->fd);
    k->fd = -1;
    k->brings = false;
    k->at++;
    go_on(k);
}

static void on_got(void *ctx, const struct store_result *r)
{
    struct kept *k = ctx;
    k->op = NULL;
    if (r->status != 0) return give_up(k, r->why);
    submit(k, STEP_CHECK);
}

static void on_worked(struct worker_job *job)
{
    struct kept *k = container_of(job, struct kept, job);
    k->working = false;
    if (k->gone) return kept_free(k);
    if (k->rc != 0) return give_up(k, k->rc < 0 ? error_name(k->rc) : NULL);
    if (k->step != STEP_ROOM) return end(k, KEPT_OPEN);
    struct store_get get = {.key = store_url_key(slice_of(k->url[k->at])),
                            .into = &k->fd,
                            .bytes_max = k->bytes + 1, /* of an empty one, too: 0 would be any number */
                            .min_free = (uint64_t)k->config.config->daemon.spool_min_free,
                            .done = on_got,
                            .ctx = k};
    int r = store_get(k->store, &get, &k->op);
    if (r < 0) give_up(k, error_name(r));
}

/* The store has it: is it what the ledger knows, and is there a link? What cannot be compared now is when it was brought. */
static void take(struct kept *k, const struct store_result *r)
{
    const struct original *o = &k->config.original;
    char hex[DIGEST_HEX];
    digest_hex(o->sum, hex);
    struct error err = {0};
    struct store_link link = {.key = store_url_key(slice_of(k->url[k->at])), .disposition = k->disposition, .seconds = KEPT_LINK_S};
    bool other = (o->bytes >= 0 && r->bytes != (uint64_t)o->bytes) || (o->has_sum && r->sum[0] && strcmp(r->sum, hex) != 0);
    const char *unlike = other         ? "something else lies there"
                         : !o->has_sum ? "the ledger does not have its SHA-256"
                         : !r->sum[0]  ? "the store does not say the SHA-256 of what lies there"
                                       : NULL;
    int rc = unlike ? error_set(&err, STORE_E_REFUSED, "%s", unlike) : store_link(k->store, &link, &err, &k->link);
    if (rc == 0) return;
    buf_reset(&k->link);
    k->brings = rc > 0 && !other && o->has_sum && !k->config.link_only;
    k->bytes = r->bytes;
    if (k->brings) return;
    bool busy = rc < 0;
    note(k, busy, k->url[k->at], busy ? error_name(rc) : err.text);
}

static void on_head(void *ctx, const struct store_result *r)
{
    struct kept *k = ctx;
    k->op = NULL;
    if (r->status == 0)
        take(k, r);
    else if (r->status != STORE_E_MISSING)
        note(k, true, k->url[k->at], r->why);
    if (k->link.len == 0 && !k->brings) k->at++;
    go_on(k); /* a store cannot be freed here */
}

static int ask(struct kept *k)
{
    struct error err = {0};
    struct store_config c = archives_access(k->config.config, k->url[k->at]);
    c.loop = k->config.loop;
    c.workers = k->config.workers;
    c.transfers = k->config.transfers;
    c.tries = TRIES;
    c.stall_ms = STALL_MS;
    free(k->ca_file);
    k->ca_file = strdup(c.ca_file ? c.ca_file : "");
    if (!k->ca_file) return -ENOMEM;
    int r = store_new(&c, &err, &k->store);
    struct store_ask head = {.key = store_url_key(slice_of(k->url[k->at])), .done = on_head, .ctx = k};
    if (r == 0) r = store_head(k->store, &head, &k->op);
    if (r > 0) note(k, true, k->url[k->at], err.text);
    return r;
}

static void on_time(void *ctx)
{
    struct kept *k = ctx;
    if (k->brings) return submit(k, STEP_ROOM);
    store_free(k->store);
    k->store = NULL;
    if (k->link.len > 0) return end(k, KEPT_LINK);
    for (; k->at < k->config.urls; k->at++) {
        bool folder = slice_starts(slice_of(k->url[k->at]), SLICE("file://"));
        if (folder && k->config.link_only) continue;
        if (folder) break;
        int r = ask(k);
        if (r == 0) return;
        if (r < 0) note(k, true, k->url[k->at], error_name(r));
        store_free(k->store);
        k->store = NULL;
    }
    if (k->at > k->config.urls || k->config.link_only) return end(k, k->busy ? KEPT_BUSY : KEPT_GONE);
    submit(k, STEP_LOOK);
}

int kept_start(const struct kept_config *config, struct kept **ret_kept)
{
    struct kept *k = calloc(1, sizeof *k);
    if (!k) return -ENOMEM;
    k->config = *config;
    k->fd = -1;
    k->job = (struct worker_job){.run = run, .done = on_worked, .priority = WORKER_NORMAL};
    config_ref(config->config);
    buf_init(&k->link, URL_MAX);
    snprintf(k->token, sizeof k->token, "%s", config->original.token);
    snprintf(k->name, sizeof k->name, "%s", config->original.name);
    k->config.original.token = k->token;
    k->config.original.name = k->name;
    if (config->urls > KEPT_URLS_MAX) k->config.urls = KEPT_URLS_MAX;
    k->disposition = strdup(config->disposition);
    int r = k->disposition ? timer_new(config->loop, on_time, k, &k->timer) : -ENOMEM;
    for (size_t i = 0; i < k->config.urls && r == 0; i++) {
        k->url[i] = strdup(config->url[i]);
        if (!k->url[i]) r = -ENOMEM;
    }
    if (r < 0) {
        kept_free(k);
        return r;
    }
    k->config.url = NULL;
    k->config.disposition = NULL;
    go_on(k);
    *ret_kept = k;
    return 0;
}

void kept_cancel(struct kept *k)
{
    if (!k) return;
    k->gone = true;
    if (!k->working) return kept_free(k);
}
