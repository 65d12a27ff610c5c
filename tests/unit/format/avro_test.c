/* SPDX-License-Identifier: MIT */
#include "format/avro.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

static struct avro_schema parse(const char *json)
{
    struct avro_schema s = {0};
    struct error err = {0};
    if (avro_schema_parse(slice_of(json), &s, &err) != 0) fail_msg("%s: %s", json, err.text);
    return s;
}

static void refuse(const char *json, const char *words)
{
    struct avro_schema s = {0};
    struct error err = {0};
    assert_int_equal(avro_schema_parse(slice_of(json), &s, &err), AVRO_E_DAMAGED);
    if (!strstr(err.text, words)) fail_msg("%s: %s", json, err.text);
}

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"r\",\"fields\":[" fields "]}"
#define EVERY_TYPE                                                                                                                 \
    "{\"name\":\"a\",\"type\":\"boolean\"},{\"name\":\"b\",\"type\":\"int\"},{\"name\":\"c\",\"type\":\"long\"},"                  \
    "{\"name\":\"d\",\"type\":\"float\"},{\"name\":\"e\",\"type\":\"double\"},{\"name\":\"f\",\"type\":\"bytes\"},"                \
    "{\"name\":\"g\",\"type\":\"string\"},{\"name\":\"h\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}},"                  \
    "{\"name\":\"i\",\"type\":{\"type\":\"long\",\"logicalType\":\"time-micros\"}},"                                               \
    "{\"name\":\"j\",\"type\":{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}},"                                    \
    "{\"name\":\"k\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"                                          \
    "{\"name\":\"l\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":38,\"scale\":10}},"                    \
    "{\"name\":\"m\",\"type\":[\"null\",{\"type\":\"string\",\"logicalType\":\"uuid\"}],\"default\":null},"                        \
    "{\"name\":\"n\",\"type\":[\"long\",\"null\"]}"

static void a_schema_is_written_as_it_was_read(void **state)
{
    (void)state;
    struct avro_schema s = parse(RECORD(EVERY_TYPE));
    assert_int_equal(s.columns, 14);
    for (size_t i = 0; i < 13; i++)
        assert_int_equal(s.column[i].kind, i);
    assert_true(s.column[12].nullable && !s.column[12].null_last && s.column[13].nullable && s.column[13].null_last);
    struct buf out;
    buf_init(&out, AVRO_SCHEMA_MAX);
    avro_schema_json(&s, &out);
    assert_int_equal(buf_check(&out), 0);
    assert_string_equal(buf_cstr(&out), RECORD(EVERY_TYPE));
    buf_done(&out);
    avro_schema_done(&s);
}

static void a_schema_that_no_backup_has_is_refused_with_its_field(void **state)
{
    (void)state;
    refuse("", "no JSON");
    refuse("\"long\"", "no record");
    refuse("{\"type\":\"record\"}", "no list");
    refuse(RECORD(""), "1 to 1600");
    refuse(RECORD("{\"name\":\"a\",\"type\":\"enum\"}"), "field a");
    refuse(RECORD("{\"name\":\"a\",\"type\":[\"null\"]}"), "field a");
    refuse(RECORD("{\"name\":\"a\",\"type\":[\"null\",\"int\",\"long\"]}"), "field a");
    refuse(RECORD("{\"name\":\"a\",\"type\":[\"int\",\"long\"]}"), "field a");
    refuse(RECORD("{\"name\":\"a\",\"type\":[[\"null\",\"int\"],\"null\"]}"), "field a");
    refuse(RECORD("{\"name\":\"a b\",\"type\":\"int\"}"), "field 1");
    refuse(RECORD("{\"type\":\"int\"}"), "field 1");
    refuse(RECORD("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"int\"}"), "two fields a");
#define DECIMAL(rest) RECORD("{\"name\":\"a\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\"" rest "}}")
    refuse(DECIMAL(""), "field a");
    refuse(DECIMAL(",\"precision\":39"), "field a");
    refuse(DECIMAL(",\"precision\":0"), "field a");
    refuse(DECIMAL(",\"precision\":5,\"scale\":6"), "field a");
    refuse(DECIMAL(",\"precision\":5,\"scale\":-1"), "field a");
    refuse(DECIMAL(",\"precision\":5.5"), "field a");
    struct avro_schema s = parse(DECIMAL(",\"precision\":5"));
    assert_int_equal(s.column[0].scale, 0);
    avro_schema_done(&s);
}

static void a_logical_type_that_is_unknown_counts_as_the_type_below(void **state)
{
    (void)state;
    struct avro_schema s = parse(RECORD("{\"name\":\"a\",\"type\":{\"type\":\"long\",\"logicalType\":\"new\"}}"));
    assert_int_equal(s.column[0].kind, AVRO_LONG);
    avro_schema_done(&s);
}

static int agree(const char *want, const char *found, struct error *err)
{
    struct avro_schema w = parse(want), f = parse(found);
    int r = avro_schema_agree(&w, &f, err);
    if (r == 0)
        for (size_t i = 0; i < w.columns; i++)
            assert_true(w.column[i].kind == f.column[i].kind && w.column[i].scale == f.column[i].scale);
    avro_schema_done(&w);
    avro_schema_done(&f);
    return r;
}

static void schemas_agree_when_only_logical_types_and_the_place_of_null_are_missing(void **state)
{
    (void)state;
    static const char want[] =
        RECORD("{\"name\":\"a\",\"type\":[\"null\",{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}]}");
    struct error err = {0};
    assert_int_equal(agree(want, want, &err), 0);
    assert_int_equal(agree(want, RECORD("{\"name\":\"a\",\"type\":[\"bytes\",\"null\"]}"), &err), 0);
    static const char *const others[] = {
        RECORD("{\"name\":\"a\",\"type\":\"bytes\"}"),
        RECORD("{\"name\":\"b\",\"type\":[\"null\",\"bytes\"]}"),
        RECORD("{\"name\":\"a\",\"type\":[\"null\",\"string\"]}"),
        RECORD("{\"name\":\"a\",\"type\":[\"null\",\"bytes\"]},{\"name\":\"b\",\"type\":\"int\"}"),
        RECORD("{\"name\":\"a\",\"type\":[\"null\",{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":3}]}"),
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(agree(want, others[i], &err), AVRO_E_DAMAGED);
}

static void names_become_avro_names_that_differ(void **state)
{
    (void)state;
    struct avro_schema s = {.column = calloc(6, sizeof *s.column), .columns = 6};
    assert_non_null(s.column);
    static const char *const columns[] = {"größe (cm)", "größe [cm]", "1st", "plain", "plain_2", "größe {cm}"};
    static const char *const fields[] = {"gr____e__cm_", "gr____e__cm__2", "_1st", "plain", "plain_2", "gr____e__cm__3"};
    for (size_t i = 0; i < 6; i++) {
        avro_schema_field(&s, i, columns[i]);
        assert_string_equal(s.column[i].name, fields[i]);
    }
    avro_schema_field(&s, 6, "plain");
    assert_string_equal(s.name, "plain");
    avro_schema_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schema_is_written_as_it_was_read),
        cmocka_unit_test(a_schema_that_no_backup_has_is_refused_with_its_field),
        cmocka_unit_test(a_logical_type_that_is_unknown_counts_as_the_type_below),
        cmocka_unit_test(schemas_agree_when_only_logical_types_and_the_place_of_null_are_missing),
        cmocka_unit_test(names_become_avro_names_that_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
