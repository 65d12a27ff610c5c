/* SPDX-License-Identifier: MIT */
#include "../spool/folder.h"
#include "etl/intake.h"
#include "fixture.h"

enum { BUDGET = 16 << 20 };

struct fixture {
    char *dir;
    struct place place;
    struct loop *loop;
    struct workers *workers;
    struct counters counters;
    struct memory memory;
    unsigned active;
    struct intake_config config;
    struct intake *in;
    unsigned rooms, ends;
    int rc;
};

static void on_room(void *ctx)
{
    ((struct fixture *)ctx)->rooms++;
}

static void on_ended(void *ctx, int r, const struct error *err)
{
    struct fixture *f = ctx;
    (void)err;
    f->ends++;
    f->rc = r;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error err;
    f->dir = folder_new(NULL);
    assert_int_equal(place_open(&f->place, f->dir, &err), 0);
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(workers_new(f->loop, 2, 0, &f->workers), 0);
    f->memory = (struct memory){.max = BUDGET, .counters = &f->counters};
    f->config = (struct intake_config){.workers = f->workers,
                                       .place = &f->place,
                                       .memory = &f->memory,
                                       .active = &f->active,
                                       .expected = -1,
                                       .room = on_room,
                                       .ended = on_ended,
                                       .ctx = f};
    *state = f;
    return 0;
}

static void turn(struct fixture *f)
{
    uv_run(loop_uv(f->loop), UV_RUN_ONCE);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    intake_free(f->in);
    workers_free(f->workers);
    loop_free(f->loop);
    assert_int_equal(f->active, 0);
    assert_int_equal(f->memory.used, 0);
    place_close(&f->place);
    folder_free(f->dir);
    free(f);
    return 0;
}

static void make_ready(struct fixture *f)
{
    while (!intake_ready(f->in) && f->ends == 0)
        turn(f);
}

/* A file of that many bytes, in pieces; each byte tells where it stands. */
static void send_file(struct fixture *f, const struct upload_wish *w, size_t bytes)
{
    static char piece[INTAKE_PIECE_MAX];
    make_ready(f);
    assert_int_equal(intake_file(f->in, w), 0);
    for (size_t at = 0; at < bytes;) {
        size_t n = bytes - at < sizeof piece ? bytes - at : sizeof piece;
        for (size_t i = 0; i < n; i++)
            piece[i] = (char)('a' + (at + i) % 23);
        make_ready(f);
        if (f->ends > 0) return;
        intake_write(f->in, (struct slice){piece, n});
        at += n;
    }
    make_ready(f);
    if (f->ends == 0) intake_file_end(f->in);
}

static void finish(struct fixture *f)
{
    intake_finish(f->in);
    while (f->ends == 0)
        turn(f);
}

static void assert_file(struct fixture *f, size_t i, const char *name, size_t bytes)
{
    struct place_file file;
    struct error err;
    assert_true(intake_take(f->in, i, &file));
    assert_false(intake_take(f->in, i, &file));
    assert_string_equal(file.name, name);
    assert_int_equal(file.st.st_size, bytes);
    assert_int_equal(place_reopen(&f->place, &file, &err), 0);
    char c;
    for (size_t at = 0; at<bytes; at += bytes> 5000 ? 4999 : 1) {
        assert_int_equal(pread(file.fd, &c, 1, (off_t)at), 1);
        assert_int_equal(c, 'a' + at % 23);
    }
    place_file_done(&file);
}

static void files_of_all_sizes(void **state)
{
    static const size_t sizes[] = {0,
                                   1,
                                   INTAKE_PIECE_MAX,
                                   INTAKE_BLOCK_BYTES - 1,
                                   INTAKE_BLOCK_BYTES,
                                   INTAKE_BLOCK_BYTES + 1,
                                   INTAKE_BLOCK_BYTES + INTAKE_PIECE_MAX,
                                   20 << 20};
    enum { N = sizeof sizes / sizeof sizes[0] };
    struct fixture *f = *state;
    assert_int_equal(intake_new(&f->config, &f->in), 0);
    for (size_t i = 0; i < N; i++)
        send_file(f, &(struct upload_wish){.name = "x.csv", .dataset = i % 2 ? "d" : NULL}, sizes[i]);
    assert_int_equal(intake_files(f->in), N);
    finish(f);
    assert_int_equal(f->rc, 0);
    assert_true(f->rooms > 10); /* it held us back, and said when no more */
    for (size_t i = 0; i < N; i++)
        assert_file(f, i, "x.csv", sizes[i]);
    assert_int_equal(folder_count(f->dir, "work"), N);
}

static void freed_in_the_middle_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(intake_new(&f->config, &f->in), 0);
    send_file(f, &(struct upload_wish){.name = "a.csv"}, 1000);
    make_ready(f);
    assert_int_equal(intake_file(f->in, &(struct upload_wish){.name = "b.csv"}), 0);
    intake_write(f->in, SLICE("half"));
    intake_free(f->in);
    f->in = NULL;
    while (f->active > 0)
        turn(f);
    assert_int_equal(f->ends, 0);
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void space_that_must_stay_free(void **state)
{
    struct fixture *f = *state;
    f->config.min_free = INT64_MAX;
    assert_int_equal(intake_new(&f->config, &f->in), 0);
    send_file(f, &(struct upload_wish){.name = "a.csv"}, 10 << 20);
    while (f->ends == 0)
        turn(f);
    assert_int_equal(f->rc, INTAKE_E_SPACE);
    struct place_file file;
    assert_false(intake_take(f->in, 0, &file));
    intake_free(f->in);
    f->in = NULL;
    while (f->active > 0)
        turn(f);
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void some_have_memory_always_more_when_there_is_some(void **state)
{
    struct fixture *f = *state;
    struct intake *in[32] = {NULL};
    size_t n = 0;
    assert_true(memory_take(&f->memory, BUDGET, false));
    while (n < 32 && intake_new(&f->config, &in[n]) == 0)
        n++;
    assert_int_equal(n, 4);
    memory_give(&f->memory, BUDGET);
    while (n < 32 && intake_new(&f->config, &in[n]) == 0)
        n++;
    assert_true(n > 4 && n < 32);
    for (size_t i = 0; i < n; i++)
        intake_free(in[i]);
}

static void more_files_than_there_may_be(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(intake_new(&f->config, &f->in), 0);
    for (int i = 0; i < INTAKE_FILES_MAX; i++)
        send_file(f, &(struct upload_wish){.name = "a.csv"}, 0);
    make_ready(f);
    assert_int_equal(intake_file(f->in, &(struct upload_wish){.name = "a.csv"}), INTAKE_E_MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_of_all_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(freed_in_the_middle_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(space_that_must_stay_free, set_up, tear_down),
        cmocka_unit_test_setup_teardown(some_have_memory_always_more_when_there_is_some, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_files_than_there_may_be, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
