/* SPDX-License-Identifier: MIT */
#include "format/csv_writer.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

struct fixture {
    struct buf out;
    struct csv_writer w;
};

static void start(struct fixture *f, char delimiter)
{
    buf_init(&f->out, 1 << 10);
    csv_writer_init(&f->w, &f->out, delimiter);
}

static void finish(struct fixture *f, const char *expected)
{
    assert_string_equal(buf_cstr(&f->out), expected);
    buf_done(&f->out);
}

static void delimiters_stand_between_cells_and_rows_end_in_lf(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, ',');
    csv_write_slice(&f.w, SLICE("id"));
    csv_write_slice(&f.w, SLICE("a,b"));
    csv_write_end(&f.w);
    csv_write_null(&f.w);
    csv_write_slice(&f.w, SLICE("x"));
    csv_write_end(&f.w);
    finish(&f, "id,\"a,b\"\n,x\n");
}

static void null_is_empty_and_an_empty_text_is_quoted(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, ';');
    csv_write_null(&f.w);
    csv_write_slice(&f.w, SLICE(""));
    csv_write_end(&f.w);
    finish(&f, ";\"\"\n");
}

static void values_of_postgresql_are_cells(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, ',');
    assert_int_equal(csv_write_value(&f.w, 16, SLICE("\1")), 0);
    assert_int_equal(csv_write_value(&f.w, 25, SLICE("say \"hi\"")), 0);
    assert_int_equal(csv_write_value(&f.w, 3802, SLICE("\1{\"a\": 1}")), 0);
    csv_write_end(&f.w);
    finish(&f, "t,\"say \"\"hi\"\"\",\"{\"\"a\"\": 1}\"\n");
}

static void malformed_values_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, ',');
    assert_int_equal(csv_write_value(&f.w, 23, SLICE("\0")), ERROR_PROTOCOL);
    buf_done(&f.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delimiters_stand_between_cells_and_rows_end_in_lf),
        cmocka_unit_test(null_is_empty_and_an_empty_text_is_quoted),
        cmocka_unit_test(values_of_postgresql_are_cells),
        cmocka_unit_test(malformed_values_are_refused),
    };
    return cmocka_run_group_tests_name("format/csv_writer", tests, NULL, NULL);
}
