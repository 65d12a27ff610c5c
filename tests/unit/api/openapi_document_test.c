/* SPDX-License-Identifier: MIT */
#include "api/api.h"
#include "api/openapi_document.h"
#include "api/openapi_routes.h"
#include "api/openapi_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct api the_api(void)
{
    struct api api = {0};
    api_router(&api);
    return api;
}

static void every_route_is_described(void **state)
{
    (void)state;
    struct api api = the_api();
    const struct http_route *r;
    for (size_t i = 0; (r = openapi_route_at(&api.router, i)); i++)
        if (!openapi_operation(r->method, r->pattern))
            fail_msg("%s %s has no row in api/openapi_routes.c", http_method_text(r->method), r->pattern);
}

static void every_description_has_a_route(void **state)
{
    (void)state;
    struct api api = the_api();
    const struct openapi_operation *o;
    for (size_t i = 0; (o = openapi_operation_at(i)); i++) {
        const struct http_route *r;
        bool found = false;
        for (size_t j = 0; (r = openapi_route_at(&api.router, j)); j++)
            found = found || (r->method == o->method && strcmp(r->pattern, o->pattern) == 0);
        if (!found) fail_msg("%s %s is described, and is no route", http_method_text(o->method), o->pattern);
    }
}

static bool is_parameter(struct slice key)
{
    const struct openapi_parameter *p;
    for (size_t i = 0; (p = openapi_parameter_at(i)); i++)
        if (slice_equal(key, slice_of(p->key))) return true;
    return false;
}

static void what_an_operation_names_is_there(void **state)
{
    (void)state;
    const struct openapi_operation *o;
    for (size_t i = 0; (o = openapi_operation_at(i)); i++) {
        struct slice rest = slice_of(o->parameters);
        while (rest.p && rest.len > 0) {
            struct slice key = slice_cut(&rest, ' ');
            if (!is_parameter(key)) fail_msg("%s: there is no parameter " SLICE_FMT, o->id, SLICE_ARG(key));
        }
        if (o->body && !openapi_content(slice_of(o->body))) fail_msg("%s: there is no content %s", o->id, o->body);
        rest = slice_of(o->answers);
        while (rest.p) {
            struct slice content = slice_cut(&rest, ' ');
            slice_cut(&content, '=');
            if (content.p && !openapi_content(content)) fail_msg("%s: there is no content " SLICE_FMT, o->id, SLICE_ARG(content));
        }
    }
}

static void assert_type(const char *sql_type, bool nullable, const char *expected)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    openapi_write_type(&w, sql_type, nullable);
    assert_string_equal(buf_cstr(&out), expected);
    buf_done(&out);
}

static void types_are_those_of_their_json(void **state)
{
    (void)state;
    assert_type("bigint", false, "{\"type\":\"integer\",\"format\":\"int64\",\"x-sql-type\":\"bigint\"}");
    assert_type("numeric(12,2)", false, "{\"type\":\"number\",\"x-sql-type\":\"numeric(12,2)\"}");
    assert_type("timestamp(3) with time zone", false,
                "{\"type\":\"string\",\"format\":\"date-time\",\"x-sql-type\":\"timestamp(3) with time zone\"}");
    assert_type("timestamp without time zone", false, "{\"type\":\"string\",\"x-sql-type\":\"timestamp without time zone\"}");
    assert_type("jsonb", true, "{\"x-sql-type\":\"jsonb\"}");
    assert_type("mood", false, "{\"type\":\"string\",\"x-sql-type\":\"mood\"}");
}

static void a_text_may_have_a_length_and_a_value_may_be_null(void **state)
{
    (void)state;
    assert_type("character varying(20)", true,
                "{\"type\":[\"string\",\"null\"],\"maxLength\":20,\"x-sql-type\":\"character varying(20)\"}");
    assert_type("integer[]", true,
                "{\"type\":[\"array\",\"null\"],\"items\":{\"type\":[\"integer\",\"null\"],\"format\":\"int32\",\"x-sql-type\":"
                "\"integer\"}}");
}

static void keys_have_only_what_a_key_may_have(void **state)
{
    static const char *const names[][2] = {
        {"orders_2", "orders_2"}, {"a b", "a.20b"}, {"a.20b", "a.2e20b"}, {"a-b", "a.2db"}, {"é", ".c3.a9"}};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct buf out;
        buf_init(&out, 100);
        openapi_put_key(&out, names[i][0]);
        assert_string_equal(buf_cstr(&out), names[i][1]);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described),
        cmocka_unit_test(every_description_has_a_route),
        cmocka_unit_test(what_an_operation_names_is_there),
        cmocka_unit_test(types_are_those_of_their_json),
        cmocka_unit_test(a_text_may_have_a_length_and_a_value_may_be_null),
        cmocka_unit_test(keys_have_only_what_a_key_may_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
