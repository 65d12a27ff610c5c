/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/name.h"

#include <cmocka.h>

struct pair {
    const char *from, *to;
};

static void check(size_t (*make)(struct slice, char *), const struct pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char name[NAME_MAX_BYTES + 1];
        assert_int_equal(make(slice_of(pairs[i].from), name), strlen(pairs[i].to));
        assert_string_equal(name, pairs[i].to);
    }
}
#define CHECK(make, ...)                                                                                                           \
    check(make, (const struct pair[]){__VA_ARGS__}, sizeof((const struct pair[]){__VA_ARGS__}) / sizeof(struct pair))

static void spellings_of_a_header_are_one_name(void **state)
{
    (void)state;
    CHECK(name_normalise, {"SalesOrderNumber", "sales_order_number"}, {"Sales Order Number", "sales_order_number"},
          {"sales-order-number", "sales_order_number"}, {"sales_order_number", "sales_order_number"},
          {"  SALES  ORDER\tNUMBER ", "sales_order_number"}, {"Sales.Order/Number:", "sales_order_number"});
}

static void words_end_where_the_case_says_so(void **state)
{
    (void)state;
    CHECK(name_normalise, {"customerID", "customer_id"}, {"HTTPServer", "http_server"}, {"ABC", "abc"}, {"ID", "id"}, {"aB", "a_b"},
          {"getHTTPResponseCode", "get_http_response_code"}, {"X", "x"});
}

static void digits_stay_with_their_word(void **state)
{
    (void)state;
    CHECK(name_normalise, {"xmin", "xmin_data"}, {"CTID", "ctid_data"}, {"xmin_data", "xmin_data"}, {"oid", "oid"},
          {"address2", "address2"}, {"Address2Line", "address2_line"}, {"Q1 2024", "q1_2024"}, {"2ndPlace", "2nd_place"},
          {"SHA256", "sha256"});
}

static void nothing_to_name_is_the_empty_name(void **state)
{
    (void)state;
    CHECK(name_normalise, {"", ""}, {" - _ ", ""}, {"%", ""}, {"\xff\xfe", ""}, {"\xc2\xa0", ""});
}

static void letters_beyond_ascii_stay_and_foreign_spaces_part_words(void **state)
{
    (void)state;
    CHECK(name_normalise,
          {"Gr\xc3\xb6\xc3\x9f"
           "e (cm)",
           "gr\xc3\xb6\xc3\x9f"
           "e_cm"},
          {"Prix\xc2\xa0"
           "HT",
           "prix_ht"},
          {"\xe5\x90\x8d\xe5\x89\x8d", "\xe5\x90\x8d\xe5\x89\x8d"}, {"amount\xe2\x82\xac", "amount"},
          {"a\xff"
           "b",
           "a_b"});
}

static void long_names_are_cut_at_a_character(void **state)
{
    (void)state;
    char text[200], name[NAME_MAX_BYTES + 1];
    memset(text, 'a', sizeof(text));
    assert_int_equal(name_normalise((struct slice){text, 200}, name), 63);
    memcpy(text + 62, "\xc3\xa9", 2);
    assert_int_equal(name_normalise((struct slice){text, 200}, name), 62);
    memset(text, 'a', sizeof(text));
    text[62] = ' ';
    assert_int_equal(name_normalise((struct slice){text, 200}, name), 62);
}

static void a_nul_parts_words(void **state)
{
    (void)state;
    char name[NAME_MAX_BYTES + 1];
    assert_int_equal(name_normalise(SLICE("a\0b"), name), 3);
    assert_string_equal(name, "a_b");
}

static void a_dataset_is_named_by_the_stem(void **state)
{
    (void)state;
    CHECK(name_of_file, {"sales.csv", "sales"}, {"sales2.csv", "sales"}, {"sales_2024-01.csv", "sales"},
          {"sub/dir/Sales 2024.CSV.GZ", "sales"}, {"sales (1).csv", "sales"}, {"sales-20240131T120000Z.tsv", "sales"},
          {"sales_2024-01-31T12-00-00.csv", "sales"}, {"orders_v2.csv", "orders"}, {"report_t.csv", "report_t"},
          {"usEventData.txt", "us_event_data"}, {"q1_sales.csv", "q1_sales"}, {"data.csv.csv", "data"}, {"archive.zip", "archive"},
          {"archive.csv.zip", "archive"}, {"jazz.csv", "jazz"}, {"v2.csv", "v"});
}

static void what_begins_with_a_digit_begins_with_t(void **state)
{
    (void)state;
    CHECK(name_of_file, {"2024-01.csv", "t_2024_01"}, {"2024 sales.csv", "t_2024_sales"}, {"7", "t_7"}, {"---.csv", "t_data"},
          {"", "t_data"}, {".csv", "t_data"});
}

static void words_of_routes_get_data(void **state)
{
    (void)state;
    CHECK(name_of_file, {"files.csv", "files_data"}, {"report2.csv", "report_data"}, {"Metrics.csv", "metrics_data"},
          {"events.csv", "events_data"}, {"profiles.csv", "profiles"});
    assert_true(name_is_route(SLICE("files")));
    assert_false(name_is_route(SLICE("file")));
}

static void the_full_stem_keeps_the_numbers(void **state)
{
    (void)state;
    CHECK(name_of_file_full, {"sales_2024-01.csv", "sales_2024_01"}, {"sales2.csv", "sales2"}, {"files.csv", "files_data"},
          {"1.csv", "t_1"});
}

static void no_name_is_longer_than_an_identifier(void **state)
{
    (void)state;
    char file[300], name[NAME_MAX_BYTES + 1];
    memset(file, '7', sizeof(file));
    assert_int_equal(name_of_file((struct slice){file, 255}, name), 63);
    assert_int_equal(strlen(name), 63);
}

static const char *nearest(const char *word)
{
    static const char *const known[] = {"spool", "state", "workers", "memory_max", "settle", "url"};
    struct name_nearest n = name_nearest_to(slice_of(word));
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        name_nearest_offer(&n, known[i]);
    return n.best;
}

static void a_typo_finds_the_nearest_name(void **state)
{
    (void)state;
    assert_string_equal(nearest("sopol"), "spool");
    assert_string_equal(nearest("Worker"), "workers");
    assert_string_equal(nearest("memory-max"), "memory_max");
    assert_string_equal(nearest("memroy_max"), "memory_max");
    assert_string_equal(nearest("stat"), "state");
    assert_string_equal(nearest("spool"), "spool");
}

static void what_is_far_from_all_has_no_nearest(void **state)
{
    (void)state;
    assert_null(nearest("banana"));
    assert_null(nearest(""));
    assert_null(nearest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_of_a_header_are_one_name),
        cmocka_unit_test(words_end_where_the_case_says_so),
        cmocka_unit_test(digits_stay_with_their_word),
        cmocka_unit_test(nothing_to_name_is_the_empty_name),
        cmocka_unit_test(letters_beyond_ascii_stay_and_foreign_spaces_part_words),
        cmocka_unit_test(long_names_are_cut_at_a_character),
        cmocka_unit_test(a_nul_parts_words),
        cmocka_unit_test(a_dataset_is_named_by_the_stem),
        cmocka_unit_test(what_begins_with_a_digit_begins_with_t),
        cmocka_unit_test(words_of_routes_get_data),
        cmocka_unit_test(the_full_stem_keeps_the_numbers),
        cmocka_unit_test(no_name_is_longer_than_an_identifier),
        cmocka_unit_test(a_typo_finds_the_nearest_name),
        cmocka_unit_test(what_is_far_from_all_has_no_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
