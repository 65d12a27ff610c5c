/* SPDX-License-Identifier: MIT */
#include "../spool/folder.h"
#include "etl/claims.h"
#include "fixture.h"

#include <stdio.h>

enum { PATIENCE_MS = 30000, MANY = 500, WORKERS = 4 };

struct fixture {
    char *dir;
    struct place place;
    struct loop *loop;
    struct workers *workers;
    struct claims claims;
    struct claim_turn turn;
    unsigned over, disorder;
    char last[PLACE_TOKEN_MAX]; /* token */
};

static void on_over(void *ctx, struct claim *c)
{
    struct fixture *f = ctx;
    assert_int_equal(c->rc, 0);
    f->over++;
    f->disorder += strcmp(f->last, c->token) > 0;
    snprintf(f->last, sizeof f->last, "%s", c->token);
}

static void on_then(void *ctx)
{
    (void)ctx;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error err;
    f->dir = folder_new(NULL);
    assert_int_equal(place_open(&f->place, f->dir, &err), 0);
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(workers_new(f->loop, WORKERS, 0, &f->workers), 0);
    struct claims_config c = {
        .loop = f->loop, .workers = f->workers, .place = &f->place, .over = on_over, .then = on_then, .ctx = f};
    assert_int_equal(claims_init(&f->claims, &c), 0);
    claim_turn_init(&f->turn);
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

static void start_many(struct fixture *f, struct claim_turn *turn)
{
    for (int i = 0; i < MANY; i++) {
        char path[64], name[32];
        snprintf(name, sizeof name, "%d.csv", i);
        snprintf(path, sizeof path, "incoming/%s", name);
        folder_write(f->dir, path, "n\n");
        assert_true(claims_start(&f->claims, &(struct claim_wish){.path = name, .turn = turn}));
    }
}

static void turn_loop_until(struct fixture *f, bool (*enough)(const struct fixture *f))
{
    int64_t give_up = loop_now_ms(f->loop) + PATIENCE_MS;
    while (!enough(f)) {
        uv_run(loop_uv(f->loop), UV_RUN_NOWAIT);
        assert_true(loop_now_ms(f->loop) < give_up);
    }
}

static bool all_over(const struct fixture *f)
{
    return f->over == MANY;
}

static bool one_failed(const struct fixture *f)
{
    return f->turn.failed > 0;
}

static void claims_without_a_turn_all_end(void **state)
{
    struct fixture *f = *state;
    start_many(f, NULL);
    turn_loop_until(f, all_over);
}

static void claims_of_one_turn_end_in_the_order_of_their_tokens(void **state)
{
    struct fixture *f = *state;
    start_many(f, &f->turn);
    turn_loop_until(f, all_over);
    assert_int_equal(f->disorder, 0);
    assert_true(list_empty(&f->turn.link));
}

static void claim_that_fails_holds_those_behind_it(void **state)
{
    struct fixture *f = *state;
    char work[512], away[512];
    snprintf(work, sizeof work, "%s/work", f->dir);
    snprintf(away, sizeof away, "%s/away", f->dir);
    assert_int_equal(rename(work, away), 0);
    folder_write(f->dir, "work", "");
    start_many(f, &f->turn);
    turn_loop_until(f, one_failed);
    assert_int_equal(f->over, 0);
    assert_int_equal(f->turn.failed, 1);
    assert_int_equal(unlink(work), 0);
    assert_int_equal(rename(away, work), 0);
    turn_loop_until(f, all_over);
    assert_int_equal(f->disorder, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(claims_without_a_turn_all_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(claims_of_one_turn_end_in_the_order_of_their_tokens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(claim_that_fails_holds_those_behind_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
