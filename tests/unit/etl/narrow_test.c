/* SPDX-License-Identifier: MIT */
#include "etl/narrow.h"
#include "fixture.h"

#include <stdlib.h>

enum { ROWS = 3000, PIECES = 4 };

/* A server: it refuses a window with a bad row in it, and says where, or not, or lies. */
enum tongue { SILENT, HONEST, LYING, N_TONGUES };

struct server {
    bool bad[PIECES * ROWS];
    bool judged[PIECES * ROWS], accepted[PIECES * ROWS];
    unsigned windows;
};

static long first_bad(const struct server *s, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (s->bad[i]) return (long)(i - from);
    return -1;
}

static long hint_of(enum tongue tongue, long place, size_t sent)
{
    switch (tongue) {
    case HONEST: return place;
    case LYING: return rand() % (long)(sent + 3) - 1;
    default: return NARROW_NO_HINT;
    }
}

static void search(struct server *s, enum tongue tongue)
{
    struct narrow n;
    narrow_init(&n);
    for (size_t piece = 0; piece < PIECES; piece++) {
        size_t from, to, base = piece * ROWS;
        narrow_begin(&n, ROWS);
        while (narrow_window(&n, &from, &to)) {
            assert_true(from < to && to <= ROWS);
            s->windows++;
            long place = first_bad(s, base + from, base + to);
            if (place < 0) {
                for (size_t i = from; i < to; i++)
                    s->accepted[base + i] = true;
                narrow_accepted(&n);
            } else if (narrow_refused(&n, hint_of(tongue, place, to - from))) {
                assert_int_equal(to, from + 1);
                s->judged[base + from] = true;
            }
        }
    }
}

static void the_bad_rows_and_no_others_are_judged(void **state)
{
    (void)state;
    static const int every[] = {0, 1, 2, 3, 50, 1000, ROWS * PIECES};
    struct server *s = malloc(sizeof *s);
    assert_non_null(s);
    for (size_t e = 0; e < sizeof every / sizeof *every; e++)
        for (enum tongue t = 0; t < N_TONGUES; t++) {
            *s = (struct server){0};
            for (size_t i = 0; i < PIECES * ROWS; i++)
                s->bad[i] = every[e] > 0 && rand() % every[e] == 0;
            search(s, t);
            assert_memory_equal(s->judged, s->bad, sizeof s->bad);
            for (size_t i = 0; i < PIECES * ROWS; i++)
                assert_int_equal(s->accepted[i], !s->bad[i]);
        }
    free(s);
}

static void hints_save_windows(void **state)
{
    (void)state;
    struct server *s = malloc(sizeof *s);
    assert_non_null(s);
    *s = (struct server){0};
    search(s, HONEST);
    assert_int_equal(s->windows, PIECES); /* nothing is refused: a window a piece */
    unsigned windows[N_TONGUES];
    for (enum tongue t = 0; t < N_TONGUES; t++) {
        *s = (struct server){0};
        for (size_t i = 50; i < PIECES * ROWS; i += 600)
            s->bad[i] = true;
        search(s, t);
        windows[t] = s->windows;
    }
    assert_in_range(windows[HONEST], 20, 20 * 4 + PIECES);
    assert_in_range(windows[SILENT], 20, 20 * 2 * 12 + PIECES);
    free(s);
}

static void a_bad_row_behind_a_bad_one_costs_one_window(void **state)
{
    (void)state;
    struct server *s = malloc(sizeof *s);
    assert_non_null(s);
    for (enum tongue t = SILENT; t <= HONEST; t++) {
        *s = (struct server){0};
        memset(s->bad, true, sizeof s->bad);
        search(s, t);
        assert_in_range(s->windows, PIECES * ROWS, PIECES * ROWS + 2 * 12);
    }
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bad_rows_and_no_others_are_judged),
        cmocka_unit_test(hints_save_windows),
        cmocka_unit_test(a_bad_row_behind_a_bad_one_costs_one_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
