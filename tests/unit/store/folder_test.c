/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "loop/loop.h"
#include "loop/workers.h"
#include "store/store.h"
#include "store/transfer.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[] = "/tmp/folder_test.XXXXXX";

struct listed {
    struct loop *loop;
    int status;
    size_t n;
    char keys[256];
};

static void on_page(void *ctx, const struct store_result *r, const struct store_page *page)
{
    struct listed *l = ctx;
    l->status = r->status;
    l->n = page ? page->n : 0;
    for (size_t i = 0; i < l->n; i++)
        snprintf(l->keys + strlen(l->keys), sizeof l->keys - strlen(l->keys), SLICE_FMT " ", SLICE_ARG(page->object[i].key));
    loop_stop(l->loop);
}

/* What a list of the folder comes to when no more than `spare` descriptors can be opened while it is made; negative: any. */
static struct listed list_with(int spare)
{
    struct listed l = {.status = 99};
    struct workers *workers = NULL;
    struct transfers *transfers = NULL;
    struct store *s = NULL;
    struct store_op *op = NULL;
    struct error err;
    struct rlimit before, less;
    char url[64];
    snprintf(url, sizeof url, "file://%s", root);
    int r = loop_new(&l.loop);
    if (r == 0) r = workers_new(l.loop, 1, 0, &workers);
    if (r == 0) r = transfers_new(&(struct transfers_config){.loop = l.loop, .workers = workers}, &transfers);
    struct store_config c = {.loop = l.loop, .workers = workers, .transfers = transfers, .url = url, .tries = 1};
    if (r == 0) r = store_new(&c, &err, &s);
    assert_int_equal(r, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    less = before;
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC); /* the lowest that is free */
    close(next);
    if (spare >= 0) less.rlim_cur = (rlim_t)(next + spare);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &less), 0);
    r = store_list(s, &(struct store_list){.prefix = SLICE(""), .done = on_page, .ctx = &l}, &op);
    if (r == 0) loop_run(l.loop);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(r, 0);
    store_free(s);
    transfers_free(transfers);
    workers_free(workers);
    loop_free(l.loop);
    return l;
}

static void make(const char *name)
{
    char path[100];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(root)) return -1;
    make("a");
    make("b/c/d");
    make("e/f");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void all_below_it_is_listed(void **state)
{
    (void)state;
    char path[100];
    snprintf(path, sizeof path, "%s/link", root);
    assert_int_equal(symlink("/etc", path), 0);
    struct listed l = list_with(-1);
    assert_int_equal(l.status, 0);
    assert_string_equal(l.keys, "a b/c/d e/f ");
}

static void a_part_of_a_list_does_not_pass_for_all_of_it(void **state)
{
    (void)state;
    for (int spare = 0; spare < 3; spare++) /* three are open at once */
        assert_int_equal(list_with(spare).status, -EMFILE);
    assert_int_equal(list_with(40).status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_below_it_is_listed),
        cmocka_unit_test(a_part_of_a_list_does_not_pass_for_all_of_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
