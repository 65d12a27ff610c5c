/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "api/form.h"

#include <cmocka.h>

static void assert_form(const char *accept, bool csv_first, enum form_kind kind, const char *media_type)
{
    struct form f;
    assert_true(form_choose(slice_of(accept), csv_first, &f));
    assert_int_equal(f.kind, kind);
    assert_string_equal(f.media_type, media_type);
}

static void accept_chooses_the_form(void **state)
{
    (void)state;
    struct form f;
    assert_form(NULL, false, FORM_JSON, "application/json");
    assert_form("*/*", false, FORM_JSON, "application/json");
    assert_form("*/*", true, FORM_CSV, "text/csv; charset=utf-8");
    assert_form("text/csv", false, FORM_CSV, "text/csv; charset=utf-8");
    assert_form("application/x-ndjson, application/json;q=0.5", false, FORM_NDJSON, "application/x-ndjson");
    assert_form("application/vnd.pgrst.object+json", false, FORM_OBJECT, "application/vnd.pgrst.object+json");
    assert_form("application/vnd.pgrst.object", false, FORM_OBJECT, "application/vnd.pgrst.object+json");
    assert_form("application/vnd.pgrst.object+json;nulls=stripped", false, FORM_OBJECT,
                "application/vnd.pgrst.object+json;nulls=stripped");
    assert_form("application/vnd.pgrst.array+json; nulls=stripped", false, FORM_JSON,
                "application/vnd.pgrst.array+json;nulls=stripped");
    assert_form("application/vnd.pgrst.array+json", false, FORM_JSON, "application/json");
    assert_false(form_choose(SLICE("image/png"), false, &f));
    assert_false(form_choose(SLICE("application/vnd.pgrst.object+json"), true, &f));
}

/* Two columns, text and a type that is not ours: a row of both, a row of NULLs. */
static PGresult *two_rows(void)
{
    PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[] = {{.name = (char *)"a", .format = 1, .typid = 25}, {.name = (char *)"b", .format = 1, .typid = 25}};
    PQsetResultAttrs(rows, 2, columns);
    PQsetvalue(rows, 0, 0, (char *)"x,\"", 3);
    PQsetvalue(rows, 0, 1, (char *)"{\"k\": 1}", 8);
    PQsetvalue(rows, 1, 0, NULL, -1);
    PQsetvalue(rows, 1, 1, NULL, -1);
    return rows;
}

static void assert_rows(struct form f, const char *text)
{
    struct rest_column columns[] = {{.name = {"a\"", 2}, .oid = 25}, {.name = {"b", 1}}};
    struct rest_statement s = {.column = columns, .columns = 2};
    struct arena arena;
    struct buf out;
    PGresult *rows = two_rows();
    arena_init(&arena, 1024, 1 << 20);
    buf_init(&out, 1 << 20);
    struct form_column *column = form_columns(&s, &arena);
    form_begin(&f, &s, &out);
    for (int i = 0; i < 2; i++)
        assert_int_equal(form_row(&f, &(struct form_cells){column, 2, rows, i, 0}, i, &out), 0);
    buf_puts(&out, form_end(&f));
    assert_string_equal(buf_cstr(&out), text);
    buf_done(&out);
    arena_done(&arena);
    PQclear(rows);
}

static void rows_look_as_their_form_wants(void **state)
{
    (void)state;
    assert_rows((struct form){.kind = FORM_JSON}, "[{\"a\\\"\":\"x,\\\"\",\"b\":{\"k\": 1}},\n{\"a\\\"\":null,\"b\":null}]\n");
    assert_rows((struct form){.kind = FORM_JSON, .stripped = true}, "[{\"a\\\"\":\"x,\\\"\",\"b\":{\"k\": 1}},\n{}]\n");
    assert_rows((struct form){.kind = FORM_NDJSON}, "{\"a\\\"\":\"x,\\\"\",\"b\":{\"k\": 1}}\n{\"a\\\"\":null,\"b\":null}\n");
    assert_rows((struct form){.kind = FORM_CSV}, "\"a\"\"\",b\n\"x,\"\"\",\"{\"\"k\"\": 1}\"\n,\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(accept_chooses_the_form), cmocka_unit_test(rows_look_as_their_form_wants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
