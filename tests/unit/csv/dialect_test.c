/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/buf.h"
#include "csv/dialect.h"
#include "csv/shape.h"
#include "guarded.h"

#include <stdlib.h>

#include <cmocka.h>

static struct dialect detect(const char *text)
{
    struct dialect open = dialect_default(), d;
    open.delimiter = 0;
    dialect_detect(&open, slice_of(text), true, &d);
    return d;
}

static void default_is_rfc_4180(void **state)
{
    (void)state;
    struct dialect d = dialect_default();
    assert_int_equal(d.delimiter, ',');
    assert_int_equal(d.quote, '"');
    assert_int_equal(d.encoding, DIALECT_UTF8);
    assert_int_equal(d.header, DIALECT_HEADER_AUTO);
    assert_int_equal(d.start, 0);
}

static void delimiter_is_the_one_that_cuts_evenly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        char delimiter;
    } cases[] = {
        {"a,b\n1,2\n", ','},
        {"a;b\n1;2\n", ';'},
        {"a\tb\n1\t2\n", '\t'},
        {"a|b\n1|2\n", '|'},
        {"name;price;note\nA;1,5;x, y\nB;2,5;z\n", ';'},
        {"1,5;2,5;3,5\n4,5;5,5;6,5\n", ';'},
        {"a,note,b\n1,x;y,2\n3,\"p;q\",4\n5,r;s,6\n", ','},
        {"\"a;b\",c\n\"d;e\",f\n", ','},
        {"id\ttext\n1\tone, two; three\n2\tfour\n", '\t'},
        {"a;b;c", ';'},
        {"\"x\ny;z\"|2\n\"p\"|3\n", '|'},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(detect(cases[i].text).delimiter, cases[i].delimiter);
}

static void comma_when_nothing_speaks_for_another(void **state)
{
    (void)state;
    assert_int_equal(detect("").delimiter, ',');
    assert_int_equal(detect("name\nAnn\nBob\n").delimiter, ',');
    assert_int_equal(detect("text\nsome words\nmore; words\nand words\n").delimiter, ',');
    assert_int_equal(detect("a,b;c\n").delimiter, ',');
}

static void declared_delimiter_and_header_stay(void **state)
{
    (void)state;
    struct dialect declared = dialect_default(), d;
    declared.delimiter = '|';
    declared.header = DIALECT_HEADER_NO;
    dialect_detect(&declared, SLICE("a;b\n1;2\n"), true, &d);
    assert_int_equal(d.delimiter, '|');
    assert_int_equal(d.header, DIALECT_HEADER_NO);
}

static void header_is_text_over_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum dialect_header header;
    } cases[] = {
        {"id,name\n1,Ann\n", DIALECT_HEADER_YES},
        {"id,name\n", DIALECT_HEADER_YES}, /* header only */
        {"name,city\nAnn,Rome\nBob,Bonn\n", DIALECT_HEADER_YES},
        {"1,Research\n2,Sales\n", DIALECT_HEADER_NO},
        {"4535,Ann Lee,2021-07-27T16:02:08Z,1,2\n4572,Bo Ray,,1,4\n", DIALECT_HEADER_NO},
        {"1,Research\n", DIALECT_HEADER_NO},
        {"Ann,2021-01-02\nBob,2021-01-03\n", DIALECT_HEADER_NO},
        {"Ann,$1.50\nBob,$2\n", DIALECT_HEADER_NO},
        {"Ann,true\nBob,false\n", DIALECT_HEADER_NO},
        {"x,123e4567-e89b-12d3-a456-426614174000\n", DIALECT_HEADER_NO},
        {",a,b\n0,1,2\n1,3,4\n", DIALECT_HEADER_YES}, /* an unnamed index */
        {"Ann,,Rome\nBob,x,Bonn\n", DIALECT_HEADER_NO},
        {"v,v\n1,2\n", DIALECT_HEADER_YES},
        {"yes,yes,no\nno,yes,no\n", DIALECT_HEADER_NO},
        {"Ann,active\nBob,active\n", DIALECT_HEADER_NO},
        {"id,country,2019,2020\n1,France,67.1,67.4\n", DIALECT_HEADER_YES},
        {"France,2019,2020\nSpain,2019,2020\n", DIALECT_HEADER_NO},
        {"", DIALECT_HEADER_YES},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(detect(cases[i].text).header, cases[i].header);
}

static void bom_is_told_and_is_no_part_of_the_first_name(void **state)
{
    (void)state;
    struct dialect d = detect("\xef\xbb\xbf"
                              "a;b\n1;2\n");
    assert_int_equal(d.start, 3);
    assert_int_equal(d.delimiter, ';');
    assert_int_equal(d.header, DIALECT_HEADER_YES);
    assert_int_equal(detect("\xef\xbb\xbf").start, 3);
    assert_int_equal(detect("\xef\xbb").start, 0);
    /* A number behind a BOM is still a number. */
    assert_int_equal(detect("\xef\xbb\xbf"
                            "1,a\n2,b\n")
                         .header,
                     DIALECT_HEADER_NO);
}

static void blank_lines_are_rows_in_a_file_of_one_column(void **state)
{
    (void)state;
    assert_int_equal(detect("name\nAnn\n\nBob\n").blank, DIALECT_BLANK_ROW);
    assert_int_equal(detect("id,name\n1,Ann\n\n").blank, DIALECT_BLANK_SKIP);
    assert_int_equal(detect("").blank, DIALECT_BLANK_SKIP);
}

static void blank_lines_are_refused_in_other_files_when_rows_are_declared(void **state)
{
    (void)state;
    struct dialect declared = dialect_default(), d;
    declared.blank = DIALECT_BLANK_ROW;
    dialect_detect(&declared, SLICE("id,name\n\n1,Ann\n"), true, &d);
    assert_int_equal(d.blank, DIALECT_BLANK_REJECT);
    dialect_detect(&declared, SLICE("name\n\nAnn\n"), true, &d);
    assert_int_equal(d.blank, DIALECT_BLANK_ROW);
    assert_false(d.blank_header);
    declared.header = DIALECT_HEADER_YES;
    dialect_detect(&declared, SLICE("\n\n\n"), true, &d);
    assert_int_equal(d.blank, DIALECT_BLANK_ROW);
    assert_true(d.blank_header);
    declared.blank = DIALECT_BLANK_SKIP;
    dialect_detect(&declared, SLICE("name\n\nAnn\n"), true, &d);
    assert_int_equal(d.blank, DIALECT_BLANK_SKIP);
}

static void line_end_is_cr_where_records_end_in_it_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum dialect_line_end line_end;
    } cases[] = {
        {"a,b\r1,2\r", DIALECT_END_CR},
        {"a,b\r", DIALECT_END_CR},
        {"a;b\r\"x\ny\";2", DIALECT_END_CR},
        {"a,b\n1,2\n", DIALECT_END_LF},
        {"a,b\r\n1,2\r\n", DIALECT_END_LF},
        {"a,b\r1,2\n3,4\r", DIALECT_END_LF}, /* of both: in doubt the one whose faults are seen */
        {"\"a\rb\",c\n1,2\n", DIALECT_END_LF},
        {"one\r\r\ntwo\r\r\n", DIALECT_END_LF},
        {"a,b", DIALECT_END_LF},
        {"", DIALECT_END_LF},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(detect(cases[i].text).line_end, cases[i].line_end);

    struct dialect declared = dialect_default(), d;
    dialect_detect(&declared, SLICE("a,b\r"), false, &d); /* an LF may follow */
    assert_int_equal(d.line_end, DIALECT_END_LF);
    declared.line_end = DIALECT_END_CR;
    dialect_detect(&declared, SLICE("a,b\n"), true, &d);
    assert_int_equal(d.line_end, DIALECT_END_CR);
    declared = dialect_default();
    declared.comment = '#';
    dialect_detect(&declared, SLICE("#one\ntwo\ra,b\r1,2\r"), true, &d);
    assert_int_equal(d.line_end, DIALECT_END_LF);
}

static void skipped_lines_come_before_everything(void **state)
{
    (void)state;
    struct dialect declared = dialect_default(), d;
    declared.delimiter = 0;
    declared.skip_lines = 2;
    dialect_detect(&declared,
                   SLICE("\xef\xbb\xbf"
                         "It's \"a report,\r\n,,,,,\r\nid;name\r\n1;Ann\r\n"),
                   true, &d);
    assert_int_equal(d.start, 3 + 17 + 7);
    assert_int_equal(d.first_line, 3);
    assert_int_equal(d.delimiter, ';');
    dialect_detect(&declared, SLICE("x\ry\ra;b\r1;2"), true, &d);
    assert_int_equal(d.line_end, DIALECT_END_CR);
    assert_int_equal(d.start, 4);
    dialect_detect(&declared, SLICE("x\ny"), true, &d);
    assert_int_equal(d.start, 3);
}

static void wrong_bytes_do_not_hide_the_delimiter(void **state)
{
    (void)state;
    assert_int_equal(detect("stra\xdf"
                            "e;ort\nm\xfchle;k\xf6ln\n")
                         .delimiter,
                     ';');
}

/* The last record of a sample may be cut anywhere, in a quoted cell, between CR and LF, or inside the BOM. */
static void any_cut_behind_the_third_record_gives_the_same(void **state)
{
    (void)state;
    const struct slice text =
        SLICE("\xef\xbb\xbfid;name;price\r\n1;\"a,\r\nb\";1,5\r\n2;\"c\"\"d\";2,5\r\n3;\"e;;;;\n;;;;f\";7\r\n\r\n4;g;8\r\n");
    struct guarded g;
    guarded_init(&g, text.len);
    struct dialect open = dialect_default(), d;
    open.delimiter = 0;
    for (size_t cut = 0; cut <= text.len; cut++) {
        dialect_detect(&open, guarded_put(&g, (struct slice){text.p, cut}), false, &d);
        assert_int_equal(d.start, cut >= 3 ? 3 : 0);
        assert_int_equal(d.header, DIALECT_HEADER_YES);
        if (cut > 40) assert_int_equal(d.delimiter, ';');
    }
    guarded_done(&g);
}

static void incomplete_last_record_is_not_judged(void **state)
{
    (void)state;
    struct dialect open = dialect_default(), d;
    open.delimiter = 0;
    dialect_detect(&open, SLICE("a,b\n1,2\n3;3;3;3;3;3;3;3"), false, &d);
    assert_int_equal(d.delimiter, ',');
    dialect_detect(&open, SLICE("a;b;c"), false, &d);
    assert_int_equal(d.delimiter, ',');
}

static void endless_sample_is_looked_at_in_part(void **state)
{
    (void)state;
    size_t len = 4 << 20;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, ';', len); /* one record, wider than a reader takes */
    struct dialect open = dialect_default(), d;
    open.delimiter = 0;
    dialect_detect(&open, (struct slice){text, len}, true, &d);
    assert_int_equal(d.delimiter, ',');
    for (size_t i = 3; i < len; i += 4)
        text[i] = '\n';
    dialect_detect(&open, (struct slice){text, len}, true, &d);
    assert_int_equal(d.delimiter, ';');
    free(text);
}

static struct dialect detect_all(const char *text, const struct shape_names *names)
{
    struct dialect open = dialect_default(), d;
    open.delimiter = 0;
    open.open = (struct dialect_open){.quote = true, .escape = true, .lines = true, .names = names};
    dialect_detect(&open, slice_of(text), true, &d);
    assert_false(d.open.quote || d.open.escape || d.open.lines || d.open.names);
    return d;
}

static void quotes_and_escapes_are_those_with_which_the_sample_is_a_table(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        char quote, escape, delimiter;
    } cases[] = {
        /* As they stand they are no table, */
        {"id,name\n1,'a, b'\n2,c\n", '\'', 0, ','},
        {"id;name\n1;'a; b'\n2;'it''s'\n", '\'', 0, ';'},
        {"id,name\n1,\"say \\\"hi\\\"\"\n2,x\n", '"', '\\', ','},
        {"id,name\n1,'it\\'s, hm'\n2,x\n", '\'', '\\', ','},
        {"x\ty\n1\t'a\tb'\n'2'\tz\n", '\'', 0, '\t'},
        /* or every text stands in quotes. */
        {"'id','name'\n1,'Ann'\n", '\'', 0, ','},
        {"id,name\n1,'Ann'\n2,'Bob'\n", '\'', 0, ','},
        {"'Ann',1\n'Bob',NULL\n'Eve',\n", '\'', 0, ','},
        /* What is a table is read as it stands, */
        {"id,name\n1,'Ann'\n2,Bob\n", '"', 0, ','},
        {"id,name\n1,'Ann'\n", '"', 0, ','},
        {"id,name\n1,O'Neil\n2,'n'\n", '"', 0, ','},
        {"id,path\n1,\"c:\\dir\\\"\n2,x\n", '"', 0, ','},
        {"id,name\n1,\"'Ann'\"\n2,'Bob'\n", '"', 0, ','},
        /* and so is what is none in any way, or that one record alone would have to prove. */
        {"id,name\n1,'a, b'\n2,c,d\n", '"', 0, ','},
        {"id,name\n1,\"a\" b\n2,c\n", '"', 0, ','},
        {"id,name\n1,'tis, hm\n2,c\n", '"', 0, ','},
        {"\"a \\\"b\\\"\",c\n", '"', 0, ','},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dialect d = detect_all(cases[i].text, NULL);
        assert_int_equal(d.quote, cases[i].quote);
        assert_int_equal(d.escape, cases[i].escape);
        assert_int_equal(d.delimiter, cases[i].delimiter);
        assert_int_equal(d.skip_lines, 0);
        assert_int_equal(detect(cases[i].text).quote, '"'); /* where it is not left open */
        assert_int_equal(detect(cases[i].text).escape, 0);
    }
}

static void what_is_declared_is_not_detected(void **state)
{
    (void)state;
    struct dialect declared = dialect_default(), d;
    declared.open.quote = true;
    dialect_detect(&declared, SLICE("id,name\n1,\"a \\\"b\\\"\"\n2,x\n"), true, &d);
    assert_int_equal(d.escape, 0);
    declared.open = (struct dialect_open){.escape = true};
    dialect_detect(&declared, SLICE("id,name\n1,'a, b'\n2,c\n"), true, &d);
    assert_int_equal(d.quote, '"');
    declared.quote = 0;
    dialect_detect(&declared, SLICE("id,name\n1,\"a \\\"b\\\"\"\n2,x,\n"), true, &d);
    assert_int_equal(d.quote, 0);
    assert_int_equal(d.escape, 0);
    declared = dialect_default();
    declared.open = (struct dialect_open){.quote = true, .escape = true};
    declared.delimiter = '\'';
    dialect_detect(&declared, SLICE("id'name\n1''a b'\n2'c\n"), true, &d);
    assert_int_equal(d.quote, '"');
}

static void an_open_quote_does_not_make_the_sample_small(void **state)
{
    (void)state;
    struct dialect declared = dialect_default(), d;
    declared.open = (struct dialect_open){.quote = true};
    dialect_detect(&declared, SLICE("id,name\n1,'a, b'\n2,'tis\n3,x\n4,x\n5,x\n6,x\n7,x\n8,x\n9,x\n"), false, &d);
    assert_int_equal(d.quote, '"');
}

static void lines_before_a_header_that_its_table_proves_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int lines;
    } cases[] = {
        {"Report\nid,name\n1,Ann\n2,Bob\n", 1},
        {"# made by x, y, z\n# today\nid,name\n1,Ann\n2,Bob\n", 2},
        {"##a\n##b\n#id\tname\n1\tAnn\n2\tBob\n", 2},
        {"Report\n\nFrom:,2021-01-02\n\nid,name,price,n\n1,Ann,2,3\n2,Bob,3,4\n", 4},
        {"Made as a new table,by me,2017\ncm,T\n4000,98\n3999,97\n", 1},
        {"\"a\nb\"\nid,name\n1,Ann\n2,Bob\n", 2},
        {"It's a \"report\"\nid,name\n1,Ann\n2,Bob\n", 1},
        /* no table, */
        {"Report\nid,name\n1,Ann\n2,Bob,x\n", 0},
        {"Report\nid,name\n1,Ann\n2,Bob\nsum\n", 0},
        {"Report\nid,name\n1,Ann\n", 0},
        {"Report\nname\nAnn\nBob\n", 0},
        /* no header that surely is one, */
        {"Report\n1,Ann\n2,Bob\n3,Eve\n", 0},
        {"Report\nname,city\nAnn,Rome\nBob,Bonn\n", 0},
        {"Report\nid,\n1,Ann\n2,Bob\n", 0},
        {"569,30,malignant,benign\n1,2\n3,4\n5,6\n", 0},
        /* or the first line looks like one. */
        {"id,name,city\nx,y\n1,Ann\n2,Bob\n", 0},
        {"mpg,cyl\nrow,sedan,gear\nMazda,21,6\nVolvo,20,4\n", 0},
        {"na\"me,x\nfoo,bar\n1,2\n3,4\n", 0},
        {"id,name\n1,Ann\n2,Bob\n", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dialect d = detect_all(cases[i].text, NULL);
        assert_int_equal(d.skip_lines, cases[i].lines);
        assert_int_equal(d.first_line, 1 + cases[i].lines);
        assert_int_equal(d.start == 0, cases[i].lines == 0);
        if (cases[i].lines > 0) assert_int_equal(d.header, DIALECT_HEADER_YES);
    }
    struct dialect d = detect_all("\xef\xbb\xbfReport\r\nid;'na;me'\r\n1;Ann\r\n2;Bob\r\n", NULL);
    assert_int_equal(d.start, 3 + 8);
    assert_int_equal(d.quote, '\'');
    assert_int_equal(detect_all("Report\rid,name\r1,Ann\r2,Bob\r", NULL).start, 7);
    struct dialect declared = dialect_default();
    declared.header = DIALECT_HEADER_NO;
    declared.open.lines = true;
    dialect_detect(&declared, SLICE("Report\nid,name\n1,Ann\n2,Bob\n"), true, &d);
    assert_int_equal(d.skip_lines, 0);
}

static void lines_before_a_header_whose_names_are_known_are_told(void **state)
{
    (void)state;
    static const char *const name[] = {"city", "id", "name"}, *const one[] = {"name"};
    static const struct shape_names names = {name, 3}, single = {one, 1};
    static const struct {
        const char *text;
        int lines, lines_of_one;
    } cases[] = {
        {"Report,,\n,,\nID,Name,City\n1,Ann,\n", 2, 2},
        {"Report\nname,id\n1,2,3\n", 1, 1},
        {"Report\nid,x,name,city\n", 1, 1},
        {"Report\nname\nAnn\n", 0, 1},
        {"id,x\nid,name,city\n", 0, 1},         /* the first line is a header, if a wrong one, */
        {"a,b,c\n1,2,3\nid,name,city\n", 0, 0}, /* or a table's that would be lost. */
        {"Report\nid,x\n1,2\n", 0, 0},
        {"\n\nid,name\n1,Ann\n", 0, 0},
        {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(detect_all(cases[i].text, &names).skip_lines, cases[i].lines);
        assert_int_equal(detect_all(cases[i].text, &single).skip_lines, cases[i].lines_of_one);
    }
    struct buf text;
    buf_init(&text, 1 << 16);
    for (int i = 0; i < SHAPE_LINES_MAX; i++)
        buf_puts(&text, "x\n");
    buf_puts(&text, "id,name\n1,Ann\n");
    assert_int_equal(detect_all(buf_cstr(&text), &names).skip_lines, SHAPE_LINES_MAX);
    buf_reset(&text);
    for (int i = 0; i <= SHAPE_LINES_MAX; i++)
        buf_puts(&text, "x\n");
    buf_puts(&text, "id,name\n1,Ann\n");
    assert_int_equal(detect_all(buf_cstr(&text), &names).skip_lines, 0);
    buf_done(&text);
}

static void what_was_found_is_told_to_people(void **state)
{
    (void)state;
    char text[DIALECT_FOUND_MAX];
    struct dialect declared = dialect_default(), d = dialect_default();
    assert_string_equal(dialect_found(&declared, &d, text), "");
    d.skip_lines = 1;
    assert_string_equal(dialect_found(&declared, &d, text), "1 line before the header");
    d.quote = '\'';
    d.escape = '\\';
    d.skip_lines = 12;
    assert_string_equal(dialect_found(&declared, &d, text), "quote ', escape \\, 12 lines before the header");
}

static void delimiter_has_a_name_for_people(void **state)
{
    (void)state;
    char text[16];
    assert_string_equal(dialect_delimiter_name(',', text), "comma");
    assert_string_equal(dialect_delimiter_name(';', text), "semicolon");
    assert_string_equal(dialect_delimiter_name('\t', text), "tab");
    assert_string_equal(dialect_delimiter_name('|', text), "pipe");
    assert_string_equal(dialect_delimiter_name(' ', text), "space");
    assert_string_equal(dialect_delimiter_name(':', text), "':'");
    assert_string_equal(dialect_delimiter_name('\x1f', text), "byte 0x1f");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_is_rfc_4180),
        cmocka_unit_test(delimiter_is_the_one_that_cuts_evenly),
        cmocka_unit_test(comma_when_nothing_speaks_for_another),
        cmocka_unit_test(declared_delimiter_and_header_stay),
        cmocka_unit_test(header_is_text_over_values),
        cmocka_unit_test(bom_is_told_and_is_no_part_of_the_first_name),
        cmocka_unit_test(blank_lines_are_rows_in_a_file_of_one_column),
        cmocka_unit_test(blank_lines_are_refused_in_other_files_when_rows_are_declared),
        cmocka_unit_test(line_end_is_cr_where_records_end_in_it_and_nothing_else),
        cmocka_unit_test(skipped_lines_come_before_everything),
        cmocka_unit_test(wrong_bytes_do_not_hide_the_delimiter),
        cmocka_unit_test(any_cut_behind_the_third_record_gives_the_same),
        cmocka_unit_test(incomplete_last_record_is_not_judged),
        cmocka_unit_test(endless_sample_is_looked_at_in_part),
        cmocka_unit_test(quotes_and_escapes_are_those_with_which_the_sample_is_a_table),
        cmocka_unit_test(what_is_declared_is_not_detected),
        cmocka_unit_test(an_open_quote_does_not_make_the_sample_small),
        cmocka_unit_test(lines_before_a_header_that_its_table_proves_are_told),
        cmocka_unit_test(lines_before_a_header_whose_names_are_known_are_told),
        cmocka_unit_test(what_was_found_is_told_to_people),
        cmocka_unit_test(delimiter_has_a_name_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
