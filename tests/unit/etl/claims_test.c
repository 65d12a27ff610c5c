/* SPDX-License-Identifier: MIT */
#include "../spool/folder.h"
#include "etl/claims.h"
#include "fixture.h"

enum { PATIENCE_MS = 30000, FILES = 100 };

struct fixture {
    char *dir;
    struct place place;
    struct loop *loop;
    struct workers *workers;
    struct claims claims;
    unsigned over, claimed, turns;
};

static void on_over(void *ctx, struct claim *c)
{
    struct fixture *f = ctx;
    f->over++;
    f->claimed += c->rc == 0;
}

static void on_turn(void *ctx)
{
    struct fixture *f = ctx;
    f->turns++;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error err;
    f->dir = folder_new(NULL);
    assert_int_equal(place_open(&f->place, f->dir, &err), 0);
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(workers_new(f->loop, 1, 0, &f->workers), 0);
    struct claims_config c = {
        .loop = f->loop, .workers = f->workers, .place = &f->place, .over = on_over, .then = on_turn, .ctx = f};
    assert_int_equal(claims_init(&f->claims, &c), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    claims_done(&f->claims);
    workers_free(f->workers);
    loop_free(f->loop);
    place_close(&f->place);
    folder_free(f->dir);
    free(f);
    return 0;
}

static void start_many(struct fixture *f)
{
    for (int i = 0; i < FILES; i++) {
        char name[32];
        snprintf(name, sizeof name, "incoming/%03d.csv", i);
        folder_write(f->dir, name, "n\n1\n");
        assert_true(claims_start(&f->claims, &(struct claim_wish){.path = strchr(name, '/') + 1}));
    }
}

static void wait_over(struct fixture *f, unsigned n)
{
    int64_t give_up = loop_now_ms(f->loop) + PATIENCE_MS;
    while (f->over < n) {
        uv_run(loop_uv(f->loop), UV_RUN_NOWAIT);
        assert_true(loop_now_ms(f->loop) < give_up);
    }
}

static void files_that_wait_are_claimed_together(void **state)
{
    struct fixture *f = *state;
    start_many(f);
    assert_int_equal(workers_pending(f->workers), 1); /* the first went at once, the others wait for its return */
    wait_over(f, FILES);
    assert_int_equal(f->claimed, FILES);
    assert_in_range(f->turns, 2, FILES / 10);
    assert_false(folder_has(f->dir, "incoming/000.csv"));
}

static void one_alone_goes_at_once(void **state)
{
    struct fixture *f = *state;
    folder_write(f->dir, "incoming/a.csv", "n\n1\n");
    assert_true(claims_start(&f->claims, &(struct claim_wish){.path = "a.csv"}));
    assert_int_equal(workers_pending(f->workers), 1);
    wait_over(f, 1);
    assert_int_equal(f->claimed, 1);
    assert_int_equal(f->turns, 1);
}

static void those_that_wait_are_let_go_at_the_end(void **state)
{
    struct fixture *f = *state;
    start_many(f);
    claims_stop(&f->claims);
    assert_int_equal(f->over, FILES - 1);
    assert_int_equal(f->claimed, 0);
    wait_over(f, FILES);
    assert_int_equal(f->claimed, 1);
    assert_true(folder_has(f->dir, "incoming/099.csv"));
}

static void one_that_is_gone_is_told(void **state)
{
    struct fixture *f = *state;
    assert_true(claims_start(&f->claims, &(struct claim_wish){.path = "nothing.csv"}));
    wait_over(f, 1);
    assert_int_equal(f->claimed, 0);
    assert_null(claims_find(&f->claims, "nothing.csv"));
}

/* Who loads in order waits for those only, so that a stream of claims that never ends holds nobody. */
static void claims_under_way_are_awaited_by_what_arrived_after_them(void **state)
{
    struct fixture *f = *state;
    struct list siblings;
    char before[PLACE_TOKEN_MAX], between[PLACE_TOKEN_MAX], after[PLACE_TOKEN_MAX];
    list_init(&siblings);
    folder_write(f->dir, "incoming/first.csv", "n\n1\n");
    folder_write(f->dir, "incoming/a.csv", "n\n1\n");
    folder_write(f->dir, "incoming/b.csv", "n\n1\n");
    assert_true(claims_start(&f->claims, &(struct claim_wish){.path = "first.csv"})); /* keeps the worker busy */
    place_token(&f->place, before);
    assert_true(claims_start(&f->claims, &(struct claim_wish){.path = "a.csv", .siblings = &siblings}));
    place_token(&f->place, between);
    assert_true(claims_start(&f->claims, &(struct claim_wish){.path = "b.csv", .siblings = &siblings}));
    place_token(&f->place, after);
    assert_false(claims_await_earlier(&siblings, before));
    assert_true(claims_await_earlier(&siblings, between));
    claims_renew(&f->claims, claims_find(&f->claims, "a.csv")); /* it was replaced: it arrives now */
    assert_false(claims_await_earlier(&siblings, between));
    assert_true(claims_await_earlier(&siblings, after));
    wait_over(f, 3);
    assert_true(list_empty(&siblings));
    assert_false(claims_await_earlier(&siblings, after));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_that_wait_are_claimed_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_alone_goes_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(those_that_wait_are_let_go_at_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_gone_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(claims_under_way_are_awaited_by_what_arrived_after_them, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
