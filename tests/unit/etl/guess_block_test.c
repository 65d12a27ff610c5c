/* SPDX-License-Identifier: MIT */
#include "etl/guess_block.h"
#include "fixture.h"

static void assert_glob(const char *file, const char *dataset, const char *want)
{
    struct buf out;
    buf_init(&out, 4096);
    guess_block_glob(&out, slice_of(file), dataset);
    assert_string_equal(buf_cstr(&out), want);
    buf_done(&out);
}

static void a_glob_matches_what_would_be_of_the_same_dataset(void **state)
{
    (void)state;
    assert_glob("sales_2024-01.csv.gz", "sales", "sales*.csv.gz");
    assert_glob("Sales Order 7.CSV", "sales_order", "Sales?Order*.CSV");
    assert_glob("2024.csv", "t_2024", "2024*.csv");
    assert_glob("sales_2024.csv", "sales_2024", "sales_2024.csv");
    assert_glob(".csv", "t_data", "*.csv");
    assert_glob("data", "data", "data*");
}

static void what_a_list_of_globs_cannot_hold_is_any_byte(void **state)
{
    (void)state;
    assert_glob("a,[b]{c}\xff\n.csv", "a_b_c", "a??b??c*.csv");
    assert_glob("gr\xc3\xb6\xc3\x9f"
                "e.csv",
                "gr\xc3\xb6\xc3\x9f"
                "e",
                "gr\xc3\xb6\xc3\x9f"
                "e*.csv");
}

static void a_block_is_a_dataset_that_reads_the_files_so(void **state)
{
    (void)state;
    const struct guess_column column[] = {{"order", {.type = {TYPE_INT8, -1}}},
                                          {"placed", {.type = {TYPE_DATE, -1}, .format = "DD/MM/YYYY"}},
                                          {"na\xc3\xafve", {.type = {TYPE_TEXT, -1}}}};
    const struct guess g = {
        .name = "orders", .schema = "public", .table = "orders", .lineage = true, .column = column, .columns = 3};
    struct dialect dialect = dialect_default();
    struct mistakes m;
    struct config *c = NULL;
    struct buf out;
    buf_init(&out, 4096);
    mistakes_init(&m);
    dialect.delimiter = '\t';
    dialect.quote = '\'';
    dialect.header = DIALECT_HEADER_NO;
    guess_block_write(&out, &(struct guess_block){&g, &dialect, false, "cp1252", true, SLICE("orders*.csv")});
    assert_string_equal(buf_cstr(&out), "[dataset orders]\n"
                                        "files = orders*.csv\n"
                                        "delimiter = tab\n"
                                        "quote = '\n"
                                        "header = no\n"
                                        "encoding = cp1252\n"
                                        "blank_lines = skip\n"
                                        "columns =\n"
                                        "    \"order\" bigint,\n"
                                        "    placed date,\n"
                                        "    \"na\xc3\xafve\" text collate \"C\"\n"
                                        "lineage = yes\n"
                                        "\n"
                                        "[column orders.placed]\n"
                                        "format = DD/MM/YYYY\n");
    assert_int_equal(config_parse("f", buf_slice(&out), &m, &c), 0);
    assert_string_equal(c->datasets[0].columns.item[0], "order");
    assert_string_equal(c->datasets[0].column_types.item[2], "text");
    assert_int_equal(c->datasets[0].delimiter, '\t');
    config_unref(c);
    mistakes_done(&m);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_glob_matches_what_would_be_of_the_same_dataset),
        cmocka_unit_test(what_a_list_of_globs_cannot_hold_is_any_byte),
        cmocka_unit_test(a_block_is_a_dataset_that_reads_the_files_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
