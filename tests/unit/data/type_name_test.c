/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "data/type_name.h"

#include <cmocka.h>

static void expect(const char *text, const char *sql)
{
    char shown[64];
    struct type t;
    if (type_by_name(slice_of(text), &t) != 0) fail_msg("%s is not known", text);
    assert_string_equal(type_sql(t, shown), sql);
}

static void names_and_their_other_spellings(void **state)
{
    (void)state;
    expect("int", "integer");
    expect("INT8", "bigint");
    expect("bigserial", "bigint");
    expect("Double  Precision", "double precision");
    expect("float", "double precision");
    expect("float(24)", "real");
    expect("timestamptz", "timestamp with time zone");
    expect("char", "character(1)");
}

static void modifiers(void **state)
{
    (void)state;
    expect("numeric(12, 2)", "numeric(12,2)");
    expect("decimal(5)", "numeric(5,0)");
    expect("numeric(3,-2)", "numeric(3,-2)");
    expect("character varying (10)", "character varying(10)");
    expect("timestamp(3) with time zone", "timestamp(3) with time zone");
}

static void what_is_none_of_ours(void **state)
{
    (void)state;
    static const char *const other[] = {"",        "inet", "text[]",   "public.mood",   "\"text\"",
                                        "int int", "(3)",  "interval", "timestamp with"};
    struct type t;
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        if (type_by_name(slice_of(other[i]), &t) != TYPE_E_UNKNOWN) fail_msg("%s is known", other[i]);
    static const char *const impossible[] = {"numeric(1001)", "varchar(0)", "int(4)", "float(54)", "numeric(99999999999999999999)"};
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++)
        if (type_by_name(slice_of(impossible[i]), &t) != TYPE_E_RANGE) fail_msg("%s is possible", impossible[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_their_other_spellings),
        cmocka_unit_test(modifiers),
        cmocka_unit_test(what_is_none_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
