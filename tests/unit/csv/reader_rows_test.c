/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "csv/reader.h"
#include "guarded.h"

#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Every way of reader_rows is compared with reader_next over the same bytes. */
enum { TEXT_MAX = 1 << 17, ROUNDS = 3000 };

struct fixture {
    struct dialect dialect;
    struct arena one, many;
    struct guarded guarded;
    char *text;
    uint64_t seed;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!f) return -1;
    f->dialect = dialect_default();
    f->seed = 5;
    f->text = malloc(TEXT_MAX);
    arena_init(&f->one, 1 << 16, 64 << 20);
    arena_init(&f->many, 1 << 16, 64 << 20);
    guarded_init(&f->guarded, TEXT_MAX);
    *state = f;
    return f->text ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->one);
    arena_done(&f->many);
    guarded_done(&f->guarded);
    free(f->text);
    free(f);
    return 0;
}

static uint32_t next_random(struct fixture *f, uint32_t below)
{
    f->seed = f->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(f->seed >> 33) % below;
}

static void assert_slice(struct slice got, struct slice want)
{
    assert_int_equal(got.len, want.len);
    if (want.len) assert_memory_equal(got.p, want.p, want.len);
}

static void assert_record(const struct record *got, const struct record *want)
{
    assert_int_equal(got->n, want->n);
    assert_int_equal(got->line, want->line);
    assert_int_equal(got->offset, want->offset);
    assert_ptr_equal(got->raw.p, want->raw.p);
    assert_int_equal(got->raw.len, want->raw.len);
    for (size_t i = 0; i < want->n; i++) {
        assert_int_equal(got->cell[i].quoted, want->cell[i].quoted);
        assert_slice(got->cell[i].text, want->cell[i].text);
    }
}

/* The rows at hand are the reference's next records. */
static void check_rows(struct reader *reader, const struct reader_rows *rows, struct reader *reference)
{
    uint64_t line[TEXT_MAX / 2];
    reader_rows_lines(reader, rows, line);
    for (size_t i = 0; i < rows->rows; i++) {
        struct record want, got;
        assert_int_equal(reader_next(reference, &want), 0);
        assert_int_equal(want.n, rows->cells);
        assert_int_equal(reader_rows_record(reader, rows, i, &got), 0);
        assert_record(&got, &want);
        assert_int_equal(line[i], want.line);
    }
    assert_int_equal(reader->pos, reference->pos);
    assert_int_equal(reader->line, reference->line);
}

/* The records that came in rows */
static size_t check_text(struct fixture *f, struct slice text, size_t cells)
{
    arena_reset(&f->one);
    arena_reset(&f->many);
    struct reader_input in = {
        .dialect = &f->dialect, .chunk = guarded_put(&f->guarded, text), .first_line = 7, .first_offset = 1000};
    static struct reader reference, reader;
    reader_init(&reference, &in, &f->one);
    reader_init(&reader, &in, &f->many);
    size_t in_rows = 0;
    for (;;) {
        struct reader_rows rows;
        struct record want, got;
        size_t n = reader_rows(&reader, cells, 1 + next_random(f, 300), &rows);
        in_rows += n;
        if (n > 0) {
            assert_int_equal(rows.rows, n);
            check_rows(&reader, &rows, &reference);
            continue;
        }
        int r = reader_next(&reference, &want);
        assert_int_equal(reader_next(&reader, &got), r);
        if (r == READER_E_END) return in_rows;
        assert_record(&got, &want);
    }
}

static void sound_rows_come_at_once(void **state)
{
    struct fixture *f = *state;
    size_t len = 0;
    for (int i = 0; i < 1500; i++)
        len += (size_t)sprintf(f->text + len, "%d,\"a, \"\"q\"\" %d\",,\"\",%s\n", i, i * 7, i % 3 ? "\xc3\xb6" : "x");
    /* The last bytes, less than a block, are for reader_next. */
    assert_true(check_text(f, (struct slice){f->text, len}, 5) >= 1495);
    assert_int_equal(check_text(f, (struct slice){f->text, len}, 4), 0);
}

static void crlf_belongs_to_no_cell(void **state)
{
    struct fixture *f = *state;
    size_t len = 0;
    for (int i = 0; i < 200; i++)
        len += (size_t)sprintf(f->text + len, "%d,%s\r\n", i,
                               i % 4 == 0   ? ""
                               : i % 4 == 1 ? "\"x\r\ny\""
                               : i % 4 == 2 ? "\"\""
                                            : "z");
    assert_true(check_text(f, (struct slice){f->text, len}, 2) >= 180);
}

static void an_odd_record_does_not_end_the_rows(void **state)
{
    struct fixture *f = *state;
    static const char *const odd[] = {"a,b\"c,d\n", "a,\"b\"c,d\n",         "\n", "\r\n", "a\rb,c,d\n", "a,b\n", "a,b,c,d\n",
                                      "a,\xff,c\n", "a,\x01,\"\r\"\"\n\"\n"};
    size_t len = 0;
    for (size_t i = 0; i < 9 * 50; i++)
        len += (size_t)sprintf(f->text + len, "%s%s", "1,2,3\n4,5,6\n7,\"8\",9\n", odd[i % 9]);
    assert_true(check_text(f, (struct slice){f->text, len}, 3) >= 9 * 50 * 3 - 100);
}

static void what_the_index_does_not_know_is_left_to_reader_next(void **state)
{
    struct fixture *f = *state;
    size_t len = 0;
    for (int i = 0; i < 100; i++)
        len += (size_t)sprintf(f->text + len, "%d, a ,\"\\\"\"\n", i);
    f->dialect.escape = '\\';
    assert_int_equal(check_text(f, (struct slice){f->text, len}, 3), 0);
    f->dialect = dialect_default();
    f->dialect.trim = true;
    assert_int_equal(check_text(f, (struct slice){f->text, len}, 3), 0);
    f->dialect = dialect_default();
    f->dialect.comment = '#';
    assert_int_equal(check_text(f, (struct slice){f->text, len}, 3), 0);
    f->dialect = dialect_default();
    f->dialect.line_end = DIALECT_END_CR;
    assert_int_equal(check_text(f, (struct slice){f->text, len}, 3), 0);
}

static void records_longer_than_a_window_are_read(void **state)
{
    struct fixture *f = *state;
    size_t len = 0;
    for (int i = 0; i < 3; i++) {
        memset(f->text + len, 'x', 40000);
        len += 40000;
        len += (size_t)sprintf(f->text + len, ",2\n3,4\n");
    }
    check_text(f, (struct slice){f->text, len}, 2);
}

/* Any bytes that matter; or rows of some cells each, now and then with a byte that is out of place. */
static size_t make_text(struct fixture *f, size_t cells)
{
    static const char hostile[] = "\",\n\r\"\",\na\0\xff\xc3\xa4";
    static const char *const cell[] = {"1",
                                       "",
                                       "\"\"",
                                       "\"a\"",
                                       "\"a,b\"",
                                       "\"\"\"\"",
                                       "\"x\n\"\"y\"\"\"",
                                       "long enough to span words",
                                       "\xc3\xa4",
                                       "\"\xe4\xbd\xa0\r\n\"",
                                       "7",
                                       "-12.50"};
    size_t len = 0, max = 1 + next_random(f, 3000);
    bool any = next_random(f, 4) == 0;
    uint32_t rare = 5 + next_random(f, 2000);
    const char *end = next_random(f, 2) ? "\n" : "\r\n";
    for (size_t i = 0; len < max; i++) {
        if (any || next_random(f, rare) == 0) f->text[len++] = hostile[next_random(f, sizeof(hostile) - 1)];
        if (any) continue;
        bool ragged = next_random(f, rare * 2) == 0;
        bool last = i % cells + 1 == cells || ragged;
        len += (size_t)sprintf(f->text + len, "%s%s", cell[next_random(f, 12)], last ? end : ",");
    }
    return len;
}

static void any_bytes_give_the_records_of_reader_next(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < ROUNDS; round++) {
        size_t cells = 1 + next_random(f, 6);
        struct slice text = {f->text, make_text(f, cells)};
        f->dialect.encoding = next_random(f, 4) ? DIALECT_UTF8 : DIALECT_LATIN1;
        f->dialect.blank = (enum dialect_blank)next_random(f, 4);
        check_text(f, text, next_random(f, 5) ? cells : 1 + next_random(f, 6));
    }
}

static void doubled_quotes_become_single(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    reader_init(&r, &(struct reader_input){.dialect = &f->dialect, .chunk = SLICE("x")}, &f->one);
    static const char *const cases[][2] = {{"\"\"", "\""},
                                           {"\"\"\"\"", "\"\""},
                                           {"1234567\"\"89", "1234567\"89"},
                                           {"12345678\"\"", "12345678\""},
                                           {"a \"\"b\"\" c \"\"d\"\" and more", "a \"b\" c \"d\" and more"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_slice(reader_unescape(&r, guarded_put(&f->guarded, slice_of(cases[i][0]))), slice_of(cases[i][1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sound_rows_come_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(crlf_belongs_to_no_cell, setup, teardown),
        cmocka_unit_test_setup_teardown(an_odd_record_does_not_end_the_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_index_does_not_know_is_left_to_reader_next, setup, teardown),
        cmocka_unit_test_setup_teardown(records_longer_than_a_window_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(any_bytes_give_the_records_of_reader_next, setup, teardown),
        cmocka_unit_test_setup_teardown(doubled_quotes_become_single, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
