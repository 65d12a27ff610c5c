/* SPDX-License-Identifier: MIT */
#include "csv/quote.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static void assert_quoted(struct slice cell, char delimiter, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 10);
    csv_quote(&out, cell, delimiter);
    assert_string_equal(buf_cstr(&out), expected);
    buf_done(&out);
}

static void plain_cells_stay_as_they_are(void **state)
{
    (void)state;
    assert_quoted(SLICE("plain text"), ',', "plain text");
    assert_quoted(SLICE("a;b"), ',', "a;b");
    assert_quoted(SLICE("a,b"), ';', "a,b");
}

static void delimiters_quotes_and_line_ends_are_quoted(void **state)
{
    (void)state;
    assert_quoted(SLICE("a,b"), ',', "\"a,b\"");
    assert_quoted(SLICE("a\tb"), '\t', "\"a\tb\"");
    assert_quoted(SLICE("a\nb"), ',', "\"a\nb\"");
    assert_quoted(SLICE("a\rb"), ',', "\"a\rb\"");
    assert_quoted(SLICE("\"a\"\"b"), ',', "\"\"\"a\"\"\"\"b\"");
}

static void an_empty_text_differs_from_null(void **state)
{
    (void)state;
    assert_quoted(SLICE(""), ',', "\"\"");
}

static void the_end_of_data_mark_is_quoted(void **state)
{
    (void)state;
    assert_quoted(SLICE("\\."), ',', "\"\\.\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_cells_stay_as_they_are),
        cmocka_unit_test(delimiters_quotes_and_line_ends_are_quoted),
        cmocka_unit_test(an_empty_text_differs_from_null),
        cmocka_unit_test(the_end_of_data_mark_is_quoted),
    };
    return cmocka_run_group_tests_name("csv/quote", tests, NULL, NULL);
}
