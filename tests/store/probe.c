/* SPDX-License-Identifier: MIT */
/*
 * probe URL put KEY FILE | get KEY FILE | head KEY | delete KEY | list [PREFIX]: one call of store/store.h, for tests. ENDPOINT,
 * REGION, KEY_ID, SECRET, CA_FILE, TRIES, PAGE in the environment. Writes one line for each thing found, and with PEAK the most KiB
 * of memory that it had; the exit status is that of the call: 0, 1 missing, 2 refused, 3 changed, 4 to be tried again.
 */
#include "base/cleanup.h"
#include "base/fs.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

struct probe {
    struct loop *loop;
    struct store *store;
    struct store_op *op;
    struct store_list list;
    char next[8192];
    int status;
};

static void end(struct probe *p, const struct store_result *r)
{
    p->status = r->status < 0 ? 4 : r->status;
    if (r->status != 0) printf("%s\n", r->why);
    loop_stop(p->loop);
}

static void on_done(void *ctx, const struct store_result *r)
{
    struct probe *p = ctx;
    if (r->status == 0)
        printf("%llu %s %s\n", (unsigned long long)r->bytes, r->sum[0] ? r->sum : "-", r->was_there ? "there" : "new");
    end(p, r);
}

static void on_page(void *ctx, const struct store_result *r, const struct store_page *page)
{
    struct probe *p = ctx;
    for (size_t i = 0; page && i < page->n; i++)
        printf("%llu " SLICE_FMT " " SLICE_FMT " " SLICE_FMT "\n", (unsigned long long)page->object[i].bytes,
               SLICE_ARG(page->object[i].etag), SLICE_ARG(page->object[i].modified), SLICE_ARG(page->object[i].key));
    if (!page || page->next.len == 0) return end(p, r);
    snprintf(p->next, sizeof p->next, SLICE_FMT, SLICE_ARG(page->next));
    p->list.next = slice_of(p->next);
    if (store_list(p->store, &p->list, &p->op) < 0) abort();
}

static int sum_of(const char *path, uint8_t ret_sum[DIGEST_BYTES], uint64_t *ret_bytes)
{
    struct digest d;
    static char block[1 << 20];
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || digest_init(&d) < 0) return -1;
    *ret_bytes = 0;
    for (ssize_t n; (n = read(fd, block, sizeof block)) > 0; *ret_bytes += (uint64_t)n)
        digest_update(&d, block, (size_t)n);
    digest_final(&d, ret_sum);
    digest_done(&d);
    return steal_fd(&fd);
}

static int start(struct probe *p, int argc, char **argv)
{
    const char *what = argv[2];
    struct slice key = slice_of(argc > 3 ? argv[3] : "");
    struct store_ask ask = {.key = key, .done = on_done, .ctx = p};
    if (strcmp(what, "put") == 0) {
        uint8_t sum[DIGEST_BYTES];
        uint64_t bytes = 0;
        cleanup_fd int fd = sum_of(argv[4], sum, &bytes);
        if (fd < 0) return -ENOENT;
        if (getenv("WRONG_SUM")) sum[0] ^= 1;
        return store_put(
            p->store,
            &(struct store_put){.key = key, .file = &fd, .bytes = bytes, .sum = sum, .type = "text/csv", .done = on_done, .ctx = p},
            &p->op);
    }
    if (strcmp(what, "get") == 0) {
        cleanup_fd int fd = open(argv[4], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        return store_get(p->store, &(struct store_get){.key = key, .into = &fd, .done = on_done, .ctx = p}, &p->op);
    }
    if (strcmp(what, "head") == 0) return store_head(p->store, &ask, &p->op);
    if (strcmp(what, "delete") == 0) return store_delete(p->store, &ask, &p->op);
    p->list = (struct store_list){
        .prefix = key, .page_max = getenv("PAGE") ? (unsigned)atoi(getenv("PAGE")) : 0, .done = on_page, .ctx = p};
    return store_list(p->store, &p->list, &p->op);
}

static void put_peak(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    long kib;
    for (char line[256]; f && fgets(line, sizeof line, f);)
        if (sscanf(line, "VmHWM: %ld", &kib) == 1) printf("%ld\n", kib);
    if (f) fclose(f);
}

int main(int argc, char **argv)
{
    struct probe p = {.status = 2};
    struct workers *workers;
    struct transfers *transfers;
    struct error err;
    if (argc < 3 || loop_new(&p.loop) < 0 || workers_new(p.loop, 1, 0, &workers) < 0) return 9;
    if (transfers_new(&(struct transfers_config){.loop = p.loop, .workers = workers}, &transfers) < 0) return 9;
    struct store_config c = {.loop = p.loop,
                             .workers = workers,
                             .transfers = transfers,
                             .url = argv[1],
                             .endpoint = getenv("ENDPOINT"),
                             .region = getenv("REGION"),
                             .key_id = getenv("KEY_ID"),
                             .secret = getenv("SECRET"),
                             .ca_file = getenv("CA_FILE"),
                             .tries = getenv("TRIES") ? (unsigned)atoi(getenv("TRIES")) : 0};
    int r = store_new(&c, &err, &p.store);
    if (r != 0) {
        printf("%s\n", err.text);
    } else if (start(&p, argc, argv) == 0) {
        loop_run(p.loop);
    }
    if (getenv("PEAK")) put_peak();
    store_free(p.store);
    transfers_free(transfers);
    workers_free(workers);
    loop_free(p.loop);
    return p.status;
}
