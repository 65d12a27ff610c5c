/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/type_text.h"
#include "parse.h"

#include <stdio.h>
#include <stdlib.h>

static void lengths_are_characters(void **state)
{
    (void)state;
    const struct parse_bytes table[] = {{"", 0, ""},
                                        {"abc", 0, "616263"},
                                        {"abcd", TYPE_E_LENGTH, NULL},
                                        {"äöü", 0, "c3a4c3b6c3bc"},
                                        {"äöüß", TYPE_E_LENGTH, NULL}};
    PARSE_BYTES(table, &(struct type_input){.type = {TYPE_VARCHAR, 3 + 4}});
    PARSE_BYTES(table, &(struct type_input){.type = {TYPE_BPCHAR, 3 + 4}});
}

static void spaces_beyond_the_length_are_cut(void **state)
{
    (void)state;
    const struct parse_bytes varchar[] = {{"a     ", 0, "612020"}, {"abc  ", 0, "616263"}, {"abc \t", TYPE_E_LENGTH, NULL}};
    PARSE_BYTES(varchar, &(struct type_input){.type = {TYPE_VARCHAR, 3 + 4}});
    const struct parse_bytes bpchar[] = {{"a     ", 0, "61"}, {"a", 0, "61"}, {" a ", 0, "2061"}, {"   ", 0, ""}};
    PARSE_BYTES(bpchar, &(struct type_input){.type = {TYPE_BPCHAR, 3 + 4}});
}

static void text_without_a_length_stays_as_it_is(void **state)
{
    (void)state;
    const struct parse_bytes table[] = {{" a \n", 0, "2061200a"}, {"", 0, ""}};
    PARSE_BYTES(table, &(struct type_input){.type = {TYPE_TEXT, -1}});
    PARSE_BYTES(table, &(struct type_input){.type = {TYPE_VARCHAR, -1}});
    PARSE_BYTES(table, &(struct type_input){.type = {TYPE_BPCHAR, -1}});
}

static void uuids_may_have_braces_and_hyphens_behind_four_digits(void **state)
{
    (void)state;
    const char *hex = "123e4567e89b12d3a456426614174000";
    const struct parse_bytes table[] = {
        {"123e4567-e89b-12d3-a456-426614174000", 0, hex},
        {"123E4567E89B12D3A456426614174000", 0, hex},
        {"{123e4567-e89b12d3-a456-4266-1417-4000}", 0, hex},
        {"{123e4567-e89b-12d3-a456-426614174000", TYPE_E_SYNTAX, NULL},
        {"123e4567-e89b-12d3-a456-42661417400", TYPE_E_SYNTAX, NULL},
        {"123e4567-e89b-12d3-a456-4266141740000", TYPE_E_SYNTAX, NULL},
        {"12-3e4567-e89b-12d3-a456-426614174000", TYPE_E_SYNTAX, NULL},
        {" 123e4567-e89b-12d3-a456-426614174000", TYPE_E_SYNTAX, NULL},
        {"g23e4567-e89b-12d3-a456-426614174000", TYPE_E_SYNTAX, NULL},
        {"", TYPE_E_SYNTAX, NULL},
    };
    PARSE_BYTES(table, &(struct type_input){.type = {TYPE_UUID, -1}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_characters),
        cmocka_unit_test(spaces_beyond_the_length_are_cut),
        cmocka_unit_test(text_without_a_length_stays_as_it_is),
        cmocka_unit_test(uuids_may_have_braces_and_hyphens_behind_four_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
