/* SPDX-License-Identifier: MIT */
#include "../spool/folder.h"
#include "etl/tidy.h"
#include "fixture.h"

#include <time.h>

enum { PATIENCE_MS = 30000, MANY = 20000 };

/* A claimed file "in.csv" in a spool, and who moves it. */
struct fixture {
    char *dir;
    struct place place;
    struct place_file file;
    struct loop *loop;
    struct workers *workers;
    struct tidies tidies;
    int over;
};

static void on_over(void *ctx, struct place_file *file)
{
    struct fixture *f = ctx;
    assert_ptr_equal(file, &f->file);
    f->over++;
}

static void count_over(void *ctx, struct place_file *file)
{
    assert_non_null(file);
    ++*(unsigned *)ctx;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error err;
    char token[PLACE_TOKEN_MAX];
    f->dir = folder_new(NULL);
    assert_int_equal(place_open(&f->place, f->dir, &err), 0);
    folder_write(f->dir, "incoming/in.csv", "n\nx\n");
    place_token(&f->place, token);
    assert_int_equal(place_claim(&f->place, &(struct place_wish){.path = "in.csv", .token = token}, &err, &f->file), 0);
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(workers_new(f->loop, 1, 0, &f->workers), 0);
    struct tidies_config c = {.loop = f->loop, .workers = f->workers, .place = &f->place, .over = on_over, .ctx = f};
    assert_int_equal(tidies_init(&f->tidies, &c), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tidies_done(&f->tidies);
    workers_free(f->workers);
    loop_free(f->loop);
    place_file_done(&f->file);
    place_close(&f->place);
    folder_free(f->dir);
    free(f);
    return 0;
}

static void start(struct fixture *f, enum place_target target, struct reject_list *rejects)
{
    assert_int_equal(tidies_add(&f->tidies, &f->file, target, rejects), 0);
}

static void wait_over(struct fixture *f)
{
    int64_t give_up = loop_now_ms(f->loop) + PATIENCE_MS;
    while (!f->over) {
        uv_run(loop_uv(f->loop), UV_RUN_NOWAIT);
        assert_true(loop_now_ms(f->loop) < give_up);
    }
}

static void add(struct reject_list *l, uint64_t line)
{
    struct reject r = {
        .line = line, .code = "22P02", .column = SLICE("n"), .message = SLICE("\"x\" is no number"), .raw = SLICE("x")};
    assert_int_equal(reject_list_add(l, &r), 0);
}

static void failed_file_gets_its_errors(void **state)
{
    struct fixture *f = *state;
    struct reject_list rejects;
    struct buf expected;
    reject_list_init(&rejects, 1 << 16);
    add(&rejects, 2);
    buf_init(&expected, 1 << 16);
    reject_list_csv(&rejects, &expected);
    start(f, PLACE_FAILED, &rejects);
    assert_int_equal(rejects.n, 0); /* taken over */
    wait_over(f);
    assert_true(folder_has(f->dir, "failed/in.csv"));
    char text[1024] = "";
    int fd = open(folder_path(f->dir, "failed/in.csv.errors.csv"), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fs_pread_full(fd, text, sizeof text - 1, 0) > 0);
    assert_string_equal(text, buf_cstr(&expected));
    close(fd);
    buf_done(&expected);
}

static void loaded_file_goes_to_done_without_errors(void **state)
{
    struct fixture *f = *state;
    struct reject_list none;
    reject_list_init(&none, 0);
    start(f, PLACE_DONE, &none);
    wait_over(f);
    assert_true(folder_has(f->dir, "done/in.csv"));
    assert_false(folder_has(f->dir, "done/in.csv.errors.csv"));
}

static void file_that_cannot_be_moved_is_given_up_at_the_end_only(void **state)
{
    struct fixture *f = *state;
    struct reject_list rejects;
    reject_list_init(&rejects, 1 << 16);
    add(&rejects, 2);
    folder_rmdir(f->dir, "failed");
    folder_write(f->dir, "failed", "in the way");
    start(f, PLACE_FAILED, &rejects);
    int64_t give_up = loop_now_ms(f->loop) + PATIENCE_MS;
    while (workers_pending(f->workers) > 0 && loop_now_ms(f->loop) < give_up)
        uv_run(loop_uv(f->loop), UV_RUN_NOWAIT);
    assert_int_equal(f->over, 0);
    tidies_hurry(&f->tidies);
    wait_over(f);
    assert_int_equal(f->over, 1);
    uv_run(loop_uv(f->loop), UV_RUN_NOWAIT);
}

/* The processor's time of this thread: others may have the processor meanwhile. */
static int64_t busy_ns(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A full list takes tens of milliseconds to write; what starts it does not wait for that. */
static void many_rejects_are_written_on_the_worker(void **state)
{
    struct fixture *f = *state;
    struct reject_list rejects;
    reject_list_init(&rejects, 8 << 20);
    for (uint64_t i = 0; i < MANY; i++)
        add(&rejects, i + 2);
    assert_int_equal(rejects.n, MANY);
    struct buf csv;
    buf_init(&csv, 64 << 20);
    int64_t began = busy_ns();
    reject_list_csv(&rejects, &csv);
    int64_t written = busy_ns();
    start(f, PLACE_FAILED, &rejects);
    assert_in_range(busy_ns() - written, 0, (written - began) / 2);
    buf_done(&csv);
    wait_over(f);
    assert_true(folder_stat(f->dir, "failed/in.csv.errors.csv").st_size > MANY * 30);
}

/* Many wait while the one worker is busy; all are moved, each once, and the claims are counted down. */
static void files_that_wait_are_moved_together(void **state)
{
    enum { FILES = 200 };
    struct fixture *f = *state;
    struct reject_list none;
    struct many {
        struct tidies tidies;
        struct place_file file[FILES];
        unsigned over;
    } *m = calloc(1, sizeof *m);
    struct tidies_config c = {.loop = f->loop, .workers = f->workers, .place = &f->place, .over = count_over, .ctx = &m->over};
    assert_int_equal(tidies_init(&m->tidies, &c), 0);
    reject_list_init(&none, 0);
    for (int i = 0; i < FILES; i++) {
        struct error err;
        char token[PLACE_TOKEN_MAX], name[32];
        snprintf(name, sizeof name, "incoming/%03d.csv", i);
        folder_write(f->dir, name, "n\n1\n");
        place_token(&f->place, token);
        assert_int_equal(
            place_claim(&f->place, &(struct place_wish){.path = strchr(name, '/') + 1, .token = token}, &err, &m->file[i]), 0);
    }
    for (int i = 0; i < FILES; i++)
        assert_int_equal(tidies_add(&m->tidies, &m->file[i], PLACE_DONE, &none), 0);
    assert_int_equal(tidies_count(&m->tidies), FILES);
    assert_in_range(workers_pending(f->workers), 1, 1);
    int64_t give_up = loop_now_ms(f->loop) + PATIENCE_MS;
    while (tidies_count(&m->tidies) > 0 && loop_now_ms(f->loop) < give_up)
        uv_run(loop_uv(f->loop), UV_RUN_NOWAIT);
    assert_int_equal(m->over, FILES);
    for (int i = 0; i < FILES; i++) {
        char name[32];
        snprintf(name, sizeof name, "done/%03d.csv", i);
        assert_true(folder_has(f->dir, name));
        place_file_done(&m->file[i]);
    }
    tidies_done(&m->tidies);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(failed_file_gets_its_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(loaded_file_goes_to_done_without_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(file_that_cannot_be_moved_is_given_up_at_the_end_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_wait_are_moved_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_rejects_are_written_on_the_worker, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
