/* SPDX-License-Identifier: MIT */
#include "depot.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "config/config.h"
#include "database.h"
#include "etl/archive.h"
#include "interrupt.h"
#include "leftover.h"
#include "loop/timer.h"
#include "store/store.h"

#include <fcntl.h>

/* Not as a backup is called: what is left of such folders is removed. */
#define FOLDER_PREFIX "cetl-on-its-way-"

enum { KEY_MAX = STORE_KEY_MAX + 1, READ_BYTES = 1 << 20, LOOK_MS = 100, FOLDER_TRIES = 10 };

struct depot {
    const char *url; /* the caller's */
    struct config *config;
    struct loop *loop;
    struct workers *workers;
    struct transfers *transfers;
    struct store *store;
    struct timer *timer;
    const char *name; /* of the file that is under way */
    int status;       /* what came of it: 0, STORE_E_…, negative */
};

bool depot_is_url(const char *text)
{
    return store_is_url(slice_of(text));
}

/* -EAGAIN: another cetl took it for a leftover before it was held. */
static int make_folder(char *path, int *ret_dir)
{
    if (!mkdtemp(path)) return -errno;
    cleanup_fd int dir = fs_open_dir(AT_FDCWD, path);
    if (dir < 0) return dir == -ENOENT ? -EAGAIN : dir;
    int r = leftover_hold(dir);
    if (r == 0) *ret_dir = steal_fd(&dir);
    return r;
}

char *depot_folder(int *ret_dir)
{
    const char *temporary = getenv("TMPDIR");
    if (!temporary || !temporary[0]) temporary = "/var/tmp";
    leftover_sweep(temporary, FOLDER_PREFIX, NULL);
    for (int tries = 1;; tries++) {
        char *path;
        if (asprintf(&path, "%s/" FOLDER_PREFIX "XXXXXX", temporary) < 0) {
            cli_complain(CLI_FAILED, "no memory");
            return NULL;
        }
        int r = make_folder(path, ret_dir);
        if (r == 0) return path;
        if (r != -EAGAIN || tries == FOLDER_TRIES) cli_complain(CLI_FAILED, "%s: %s", path, error_name(r));
        free(path);
        if (r != -EAGAIN || tries == FOLDER_TRIES) return NULL;
    }
}

/* What is under way then ends with the store. */
static void on_time(void *ctx)
{
    struct depot *d = ctx;
    if (!interrupt_came()) return;
    d->status = ERROR_CANCELLED;
    cli_complain(CLI_FAILED, "interrupted");
    loop_stop(d->loop);
}

static int start(struct depot *d)
{
    int r = loop_new(&d->loop);
    if (r == 0) r = timer_new(d->loop, on_time, d, &d->timer);
    if (r == 0) r = workers_new(d->loop, 1, 0, &d->workers);
    if (r == 0) r = transfers_new(&(struct transfers_config){.loop = d->loop, .workers = d->workers}, &d->transfers);
    if (r < 0) return cli_complain(CLI_FAILED, "%s: %s", d->url, error_name(r));
    struct store_config c = archives_access(d->config, d->url);
    struct error err = {0};
    c.loop = d->loop;
    c.workers = d->workers;
    c.transfers = d->transfers;
    r = store_new(&c, &err, &d->store);
    return r == 0 ? CLI_OK : cli_complain(CLI_FAILED, "%s: %s", d->url, r > 0 ? err.text : error_name(r));
}

int depot_open(const struct cli *cli, const char *url, struct depot **ret_depot)
{
    struct depot *d = calloc(1, sizeof *d);
    if (!d) return cli_complain(CLI_FAILED, "no memory");
    d->url = url;
    int ret = database_config(cli, &d->config);
    if (ret == CLI_OK) ret = start(d);
    if (ret != CLI_OK) {
        depot_close(d);
        return ret;
    }
    *ret_depot = d;
    return CLI_OK;
}

void depot_close(struct depot *d)
{
    if (!d) return;
    store_free(d->store);
    transfers_free(d->transfers);
    timer_free(d->timer);
    workers_free(d->workers);
    loop_free(d->loop);
    config_unref(d->config);
    free(d);
}

/* The object's key: what the URL names, and the file's name below it. */
static struct slice key_of(const struct depot *d, const char *name, char memory[KEY_MAX])
{
    struct slice prefix = store_url_key(slice_of(d->url));
    bool slash = prefix.len > 0 && prefix.p[prefix.len - 1] != '/';
    int n = snprintf(memory, KEY_MAX, SLICE_FMT "%s%s", SLICE_ARG(prefix), slash ? "/" : "", name);
    return (struct slice){memory, n < KEY_MAX ? (size_t)n : KEY_MAX};
}

static void on_done(void *ctx, const struct store_result *r)
{
    struct depot *d = ctx;
    d->status = r->status;
    if (r->status != 0 && r->status != STORE_E_MISSING) cli_complain(CLI_FAILED, "%s: %s: %s", d->url, d->name, r->why);
    loop_stop(d->loop);
}

/* Until the operation that was started is through. */
static int finish(struct depot *d, const char *name, int r)
{
    if (r < 0) return cli_complain(CLI_FAILED, "%s: %s: %s", d->url, name, error_name(r));
    timer_repeat(d->timer, LOOK_MS);
    loop_run(d->loop);
    timer_stop(d->timer);
    return d->status == 0 || d->status == STORE_E_MISSING ? CLI_OK : CLI_FAILED;
}

int depot_has(struct depot *d, const char *name, bool *ret_there)
{
    char memory[KEY_MAX];
    struct store_op *op;
    d->name = name;
    int r = store_head(d->store, &(struct store_ask){.key = key_of(d, name, memory), .done = on_done, .ctx = d}, &op);
    int ret = finish(d, name, r);
    if (ret == CLI_OK) *ret_there = d->status == 0;
    return ret;
}

static int sum_of(int fd, uint8_t ret_sum[DIGEST_BYTES], uint64_t *ret_bytes)
{
    struct digest sum;
    int r = digest_init(&sum);
    char *block = r == 0 ? malloc(READ_BYTES) : NULL;
    ssize_t n = block ? 1 : -1;
    *ret_bytes = 0;
    for (; n > 0; *ret_bytes += n > 0 ? (uint64_t)n : 0) {
        n = pread(fd, block, READ_BYTES, (off_t)*ret_bytes);
        if (n > 0) digest_update(&sum, block, (size_t)n);
    }
    digest_final(&sum, ret_sum);
    digest_done(&sum);
    free(block);
    return n == 0 ? 0 : -EIO;
}

int depot_put(struct depot *d, int dir, const char *name)
{
    uint8_t sum[DIGEST_BYTES];
    uint64_t bytes = 0;
    char memory[KEY_MAX];
    struct store_op *op;
    cleanup_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int r = fd < 0 ? -errno : sum_of(fd, sum, &bytes);
    d->name = name;
    if (r == 0)
        r = store_put(
            d->store,
            &(struct store_put){
                .key = key_of(d, name, memory), .file = &fd, .bytes = bytes, .sum = sum, .sweep = true, .done = on_done, .ctx = d},
            &op);
    int ret = finish(d, name, r);
    return ret == CLI_OK && d->status != 0 ? cli_complain(CLI_FAILED, "%s: there is no such place", d->url) : ret;
}

int depot_get(struct depot *d, int dir, const char *name, int64_t max)
{
    char memory[KEY_MAX];
    struct store_op *op;
    cleanup_fd int fd = openat(dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    d->name = name;
    int r = fd < 0 ? -errno
                   : store_get(d->store,
                               &(struct store_get){.key = key_of(d, name, memory),
                                                   .into = &fd,
                                                   .bytes_max = max > 0 ? (uint64_t)max : 1,
                                                   .done = on_done,
                                                   .ctx = d},
                               &op);
    int ret = finish(d, name, r);
    return ret == CLI_OK && d->status != 0
               ? cli_complain(CLI_FAILED, "%s has no %s: that is no backup, or not a whole one", d->url, name)
               : ret;
}
