/* SPDX-License-Identifier: MIT */
#include "api/write_body.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static struct table_column column[] = {
    {.name = "id", .sql_type = "bigint", .known = true, .type = {TYPE_INT8, -1}},
    {.name = "name", .sql_type = "text", .known = true, .type = {TYPE_TEXT, -1}},
    {.name = "more", .sql_type = "jsonb", .known = true, .type = {TYPE_JSONB, -1}},
    {.name = "made", .sql_type = "bigint", .known = true, .generated = true, .type = {TYPE_INT8, -1}},
    {.name = "price", .sql_type = "numeric(4,2)", .known = true, .type = {TYPE_NUMERIC, ((4 << 16) | 2) + 4}},
};
static struct table table = {.schema = "s", .name = "item", .column = column, .columns = 5};

struct fixture {
    struct write_body body;
    struct write_fault fault;
};

static int read_as(struct fixture *f, enum write_media media, const char *text, struct write_source more)
{
    more.text = slice_of(text);
    more.media = media;
    more.table = &table;
    return write_body_read(&more, &f->body, &f->fault);
}

static void expect_all(struct fixture *f, enum write_media media, const char *text, const char *all)
{
    assert_int_equal(read_as(f, media, text, (struct write_source){0}), 0);
    if (!slice_equal(f->body.all, slice_of(all))) fail_msg("%.*s", (int)f->body.all.len, f->body.all.p);
    write_body_done(&f->body);
}

static void expect_fault(enum write_media media, const char *text, struct write_source more, struct write_fault expected)
{
    struct fixture f = {0};
    assert_int_equal(read_as(&f, media, text, more), expected.kind);
    assert_string_equal(f.fault.message, expected.message);
    assert_string_equal(f.fault.column, expected.column);
    assert_int_equal(f.fault.index, expected.index);
    write_body_done(&f.body);
}

static void the_rows_are_the_bytes_that_were_sent(void **state)
{
    (void)state;
    struct fixture f = {0};
    expect_all(&f, WRITE_JSON, " [{\"id\" : 1.0000000000000000000001 }, {}] ", "[{\"id\" : 1.0000000000000000000001 }, {}]");
    expect_all(&f, WRITE_JSON, "{\"id\":1}", "[{\"id\":1}]");
    expect_all(&f, WRITE_JSON, "[]", "[]");
    expect_all(&f, WRITE_NDJSON, "\n{\"id\":1}\r\n\n{\"id\":2}", "[{\"id\":1},{\"id\":2}]");
    expect_all(&f, WRITE_NDJSON, "", "[]");
    expect_all(&f, WRITE_CSV, "id,more,name\n1,\"{\"\"a\"\": [1.50]}\",\"\"\n2,,\n3,[,x\n",
               "[{\"id\":\"1\",\"more\":{\"a\": [1.50]},\"name\":\"\"},{\"id\":\"2\",\"more\":null,\"name\":null},"
               "{\"id\":\"3\",\"more\":\"[\",\"name\":\"x\"}]");
}

static void columns_are_counted_however_their_names_are_written(void **state)
{
    (void)state;
    struct fixture f = {0};
    assert_int_equal(read_as(&f, WRITE_JSON, "[{\"id\":1,\"name\":\"a\"},{\"n\\u0061me\":\"b\"},{\"name\":null,\"id\":3}]",
                             (struct write_source){0}),
                     0);
    assert_int_equal(f.body.rows, 3);
    assert_false(f.body.object);
    assert_int_equal(f.body.fields, 2);
    assert_int_equal(f.body.field[0].column, 0);
    assert_int_equal(f.body.field[0].seen, 2);
    assert_int_equal(f.body.field[1].column, 1);
    assert_int_equal(f.body.field[1].seen, 3);
    struct buf piece;
    buf_init(&piece, 1000);
    write_body_piece(&f.body, 1, 3, &piece);
    assert_string_equal(buf_cstr(&piece), "[{\"n\\u0061me\":\"b\"},{\"name\":null,\"id\":3}]");
    buf_done(&piece);
    write_body_done(&f.body);
}

static void what_columns_names_is_all_that_counts(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct rest_name second = {.name = {"id", 2}}, first = {.name = {"name", 4}, .next = &second};
    assert_int_equal(read_as(&f, WRITE_JSON, "[{\"name\":1,\"what\":2,\"price\":3},{}]", (struct write_source){.columns = &first}),
                     0);
    assert_int_equal(f.body.fields, 2);
    assert_int_equal(f.body.field[0].column, 1);
    assert_int_equal(f.body.field[0].seen, 1);
    assert_int_equal(f.body.field[1].seen, 0);
    write_body_done(&f.body);
    struct rest_name unknown = {.name = {"what", 4}};
    expect_fault(
        WRITE_JSON, "{}", (struct write_source){.columns = &unknown},
        (struct write_fault){
            .kind = WRITE_E_WRONG, .index = -1, .column = "what", .message = "item has no column \"what\" that can be written"});
}

static void mistakes_are_told_with_row_and_column(void **state)
{
    (void)state;
    static const struct write_source none, same = {.same_names = true}, two = {.rows_max = 2};
    expect_fault(
        WRITE_JSON, "[{}, 7]", none,
        (struct write_fault){.kind = WRITE_E_WRONG, .index = 1, .message = "a row must be an object, and this is a number"});
    expect_fault(WRITE_JSON, "\"a\"", none,
                 (struct write_fault){.kind = WRITE_E_WRONG,
                                      .index = -1,
                                      .message = "the body must be an object, or an array of objects, and this is a string"});
    expect_fault(
        WRITE_JSON, "[{\"id\":1},{\"nmae\":2}]", none,
        (struct write_fault){
            .kind = WRITE_E_WRONG, .index = 1, .column = "nmae", .message = "item has no column \"nmae\" that can be written"});
    expect_fault(
        WRITE_JSON, "{\"made\":2}", none,
        (struct write_fault){
            .kind = WRITE_E_WRONG, .index = 0, .column = "made", .message = "item has no column \"made\" that can be written"});
    expect_fault(WRITE_JSON, "[{\"id\":1},{\"name\":2}]", same,
                 (struct write_fault){.kind = WRITE_E_WRONG, .index = 1, .message = "all objects must have the same names"});
    expect_fault(WRITE_JSON, "[{\"id\":1,\"name\":2},{\"name\":2}]", same,
                 (struct write_fault){.kind = WRITE_E_WRONG, .index = 1, .message = "all objects must have the same names"});
    expect_fault(WRITE_JSON, "[{},{},{}]", two,
                 (struct write_fault){
                     .kind = WRITE_E_COUNT, .index = 2, .message = "there are more rows than the 2 that one request may bring"});
    expect_fault(
        WRITE_NDJSON, "{}\n{", none,
        (struct write_fault){.kind = WRITE_E_MALFORMED,
                             .index = -1,
                             .message = "the body is no sound JSON: line 2, byte 2: a name in double quotes is expected here"});
    expect_fault(WRITE_CSV, "id,name\n1\n", none,
                 (struct write_fault){.kind = WRITE_E_MALFORMED,
                                      .index = -1,
                                      .message = "the body is no sound CSV: line 2: it has not as many cells as the header"});
    expect_fault(WRITE_CSV, "id,id\n1,2\n", none,
                 (struct write_fault){.kind = WRITE_E_MALFORMED,
                                      .index = -1,
                                      .message = "the body is no sound CSV: line 1: a column stands in the header twice"});
}

static void the_first_value_that_does_not_fit_is_found(void **state)
{
    (void)state;
    struct fixture f = {0};
    assert_int_equal(
        read_as(&f, WRITE_JSON, "[{\"id\":\"12\",\"price\":99.99},{\"id\":1,\"price\":\"123.4\"}]", (struct write_source){0}), 0);
    assert_true(write_body_misfit(&f.body, &table, &f.fault));
    assert_string_equal(f.fault.column, "price");
    assert_int_equal(f.fault.index, 1);
    assert_string_equal(f.fault.message, "price must be numeric(4,2), and \"123.4\" is none");
    write_body_done(&f.body);
    assert_int_equal(read_as(&f, WRITE_JSON, "[{\"id\":null,\"name\":5,\"more\":[]}]", (struct write_source){0}), 0);
    assert_false(write_body_misfit(&f.body, &table, &f.fault));
    write_body_done(&f.body);
}

int main(void)
{
    size_t by_name[] = {0, 3, 2, 1, 4}; /* id made more name price */
    table.by_name = by_name;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rows_are_the_bytes_that_were_sent),
        cmocka_unit_test(columns_are_counted_however_their_names_are_written),
        cmocka_unit_test(what_columns_names_is_all_that_counts),
        cmocka_unit_test(mistakes_are_told_with_row_and_column),
        cmocka_unit_test(the_first_value_that_does_not_fit_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
