/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "csv/reader.h"
#include "guarded.h"

#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CHUNK_MAX = 1 << 20 };

/* A reader over a guarded chunk. */
struct fixture {
    struct dialect dialect;
    struct arena arena;
    struct guarded guarded;
    struct reader reader;
    struct record record;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!f) return -1;
    f->dialect = dialect_default();
    arena_init(&f->arena, 4096, 4 << 20);
    guarded_init(&f->guarded, CHUNK_MAX);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    guarded_done(&f->guarded);
    free(f);
    return 0;
}

static void begin_slice(struct fixture *f, struct slice chunk)
{
    struct reader_input in = {.dialect = &f->dialect, .chunk = guarded_put(&f->guarded, chunk), .first_line = 1};
    reader_init(&f->reader, &in, &f->arena);
}

static void begin(struct fixture *f, const char *chunk)
{
    begin_slice(f, slice_of(chunk));
}

static int next(struct fixture *f)
{
    return reader_next(&f->reader, &f->record);
}

/* The record's cells in one line: quoted ones in (), unquoted ones in [], so that '' and NULL differ. */
static const char *cells(const struct fixture *f, char ret_text[512])
{
    size_t len = 0;
    for (size_t i = 0; i < f->record.n; i++) {
        const struct cell *c = &f->record.cell[i];
        len += (size_t)snprintf(ret_text + len, 512 - len, c->quoted ? "(" SLICE_FMT ")" : "[" SLICE_FMT "]", SLICE_ARG(c->text));
    }
    ret_text[len] = '\0';
    return ret_text;
}

static void expect_record(struct fixture *f, const char *want)
{
    char text[512];
    assert_int_equal(next(f), 0);
    assert_string_equal(cells(f, text), want);
}

static void expect_fault(struct fixture *f, int code, size_t fault_cell, const char *raw)
{
    assert_int_equal(next(f), code);
    assert_int_equal(f->record.fault_cell, fault_cell);
    assert_int_equal(f->record.n, fault_cell);
    assert_int_equal(f->record.raw.len, strlen(raw));
    assert_memory_equal(f->record.raw.p, raw, strlen(raw));
}

static void cells_are_cut_and_unquoted(void **state)
{
    struct fixture *f = *state;
    begin(f, "a,b,,d\n\"q\",\"\",\"x,y\",\"he said \"\"no\"\"\"\n,\n\"\"\"\"\n");
    expect_record(f, "[a][b][][d]");
    expect_record(f, "(q)()(x,y)(he said \"no\")");
    expect_record(f, "[][]");
    expect_record(f, "(\")");
    assert_int_equal(next(f), READER_E_END);
    assert_int_equal(next(f), READER_E_END);
}

static void quotes_are_bytes_where_the_dialect_has_none(void **state)
{
    struct fixture *f = *state;
    f->dialect.quote = 0;
    begin(f, "a,\"b\"\n\",''\r\n5\" disk,\"\"\"\n\",");
    expect_record(f, "[a][\"b\"]");
    expect_record(f, "[\"]['']");
    expect_record(f, "[5\" disk][\"\"\"]");
    expect_record(f, "[\"][]");
    assert_int_equal(next(f), READER_E_END);
    begin_slice(f, (struct slice){"a,\0b\nc,\xff\n", 9});
    assert_int_equal(next(f), READER_E_NUL);
    assert_int_equal(next(f), READER_E_ENCODING);
}

static void line_ends_are_lf_or_crlf_and_the_last_may_lack(void **state)
{
    struct fixture *f = *state;
    begin(f, "a,b\r\n\"c\"\r\nd,\"e\"");
    expect_record(f, "[a][b]");
    assert_int_equal(f->record.raw.len, 3);
    expect_record(f, "(c)");
    assert_int_equal(f->record.raw.len, 3);
    expect_record(f, "[d](e)");
    assert_int_equal(f->record.raw.len, 5);
    assert_int_equal(next(f), READER_E_END);
    begin(f, "a,");
    expect_record(f, "[a][]");
    begin(f, "");
    assert_int_equal(next(f), READER_E_END);
}

static void line_ends_inside_quotes_are_content(void **state)
{
    struct fixture *f = *state;
    begin(f, "\"a\r\nb\nc\rd\",e\nf\n");
    expect_record(f, "(a\r\nb\nc\rd)[e]");
    expect_record(f, "[f]");
}

static void line_and_offset_are_those_of_the_file(void **state)
{
    struct fixture *f = *state;
    struct slice chunk = guarded_put(&f->guarded, SLICE("a\n\n\r\n\"b\n\n\",c\r\nd\"\ne"));
    struct reader_input in = {.dialect = &f->dialect, .chunk = chunk, .first_line = 100, .first_offset = 5000};
    reader_init(&f->reader, &in, &f->arena);
    static const struct {
        int code;
        uint64_t line, offset;
    } want[] = {{0, 100, 5000}, {0, 103, 5005}, {READER_E_STRAY_QUOTE, 106, 5014}, {0, 107, 5017}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(next(f), want[i].code);
        assert_int_equal(f->record.line, want[i].line);
        assert_int_equal(f->record.offset, want[i].offset);
    }
}

static void blank_lines_are_no_records(void **state)
{
    struct fixture *f = *state;
    begin(f, "\n\r\na\n\n\r\n\nb\n\n");
    expect_record(f, "[a]");
    expect_record(f, "[b]");
    assert_int_equal(next(f), READER_E_END);
}

static void blank_lines_are_records_where_the_dialect_says_so(void **state)
{
    struct fixture *f = *state;
    f->dialect.blank = DIALECT_BLANK_ROW;
    f->dialect.header = DIALECT_HEADER_YES;
    begin(f, "\n\nname\n\nAnn\r\n\r\n");
    expect_record(f, "[name]");
    expect_record(f, "[]");
    assert_int_equal(f->record.line, 4);
    assert_int_equal(f->record.raw.len, 0);
    expect_record(f, "[Ann]");
    expect_record(f, "[]");
    assert_int_equal(f->record.line, 6);
    assert_int_equal(next(f), READER_E_END);
    f->dialect.header = DIALECT_HEADER_NO;
    begin(f, "\n1\n");
    expect_record(f, "[]");
    expect_record(f, "[1]");
}

static void a_later_chunk_keeps_its_leading_blank_rows(void **state)
{
    struct fixture *f = *state;
    f->dialect.blank = DIALECT_BLANK_ROW;
    f->dialect.header = DIALECT_HEADER_YES;
    struct slice chunk = guarded_put(&f->guarded, SLICE("\nx\n"));
    reader_init(&f->reader, &(struct reader_input){.dialect = &f->dialect, .chunk = chunk, .first_line = 9, .first_offset = 64},
                &f->arena);
    expect_record(f, "[]");
    expect_record(f, "[x]");
}

static void blank_lines_fault_where_the_dialect_says_so(void **state)
{
    struct fixture *f = *state;
    f->dialect.blank = DIALECT_BLANK_REJECT;
    f->dialect.header = DIALECT_HEADER_YES;
    begin(f, "\r\n\na,b\n1,2\n\r\n3,4\n\n");
    expect_record(f, "[a][b]");
    expect_record(f, "[1][2]");
    expect_fault(f, READER_E_BLANK, 0, "");
    assert_int_equal(f->record.line, 5);
    expect_record(f, "[3][4]");
    expect_fault(f, READER_E_BLANK, 0, "");
    assert_int_equal(f->record.line, 7);
    assert_int_equal(next(f), READER_E_END);
}

static void records_end_in_cr_where_the_dialect_says_so(void **state)
{
    struct fixture *f = *state;
    f->dialect.line_end = DIALECT_END_CR;
    begin(f, "a,b\r\r\"x\ry\n\",2\r3,4");
    expect_record(f, "[a][b]");
    expect_record(f, "(x\ry\n)[2]");
    assert_int_equal(f->record.line, 3);
    expect_record(f, "[3][4]");
    assert_int_equal(f->record.line, 5);
    begin(f, "1,2\r\n3,4\n5,6\r7,8\r");
    expect_record(f, "[1][2]");
    expect_fault(f, READER_E_BARE_LF, 0, "\n3,4\n5,6");
    expect_record(f, "[7][8]");
}

static void escape_makes_quotes_and_itself_plain_inside_of_quotes(void **state)
{
    struct fixture *f = *state;
    f->dialect.escape = '\\';
    begin(f, "\"a\\\"b\",\"\\\\\",\"c:\\d\",\"x\"\"y\",\"\\\n\"\nc:\\,\"\\\"\"\n");
    expect_record(f, "(a\"b)(\\)(c:\\d)(x\"y)(\\\n)");
    expect_record(f, "[c:\\](\")");
    assert_int_equal(next(f), READER_E_END);
    begin(f, "\"a\\\"");
    expect_fault(f, READER_E_UNCLOSED, 0, "\"a\\\"");
    begin(f, "\"a\"\\,b\n1,\"\\");
    expect_fault(f, READER_E_AFTER_QUOTE, 0, "\"a\"\\,b");
    expect_fault(f, READER_E_UNCLOSED, 1, "1,\"\\");
}

static void comments_are_no_records(void **state)
{
    struct fixture *f = *state;
    f->dialect.comment = '#';
    begin(f, "#one \"\n#two\r\na,#b\n\"x\n#y\",2\n\n# z");
    expect_record(f, "[a][#b]");
    assert_int_equal(f->record.line, 3);
    expect_record(f, "(x\n#y)[2]");
    assert_int_equal(next(f), READER_E_END);
    begin(f, "1,2\n#hides\r3,4\r5,6\n7,8\n");
    expect_record(f, "[1][2]");
    expect_fault(f, READER_E_COMMENT, 0, "#hides\r3,4\r5,6");
    expect_record(f, "[7][8]");
}

static void trim_takes_white_space_around_cells_and_none_inside_of_quotes(void **state)
{
    struct fixture *f = *state;
    f->dialect.trim = true;
    begin(f, "  a b\t, ,\"  c \" ,\t\"d,\n\"\r\n x \r\n\"a\" b\n \"a\" \"b\",1\n");
    expect_record(f, "[a b][](  c )(d,\n)");
    expect_record(f, "[x]");
    expect_fault(f, READER_E_AFTER_QUOTE, 0, "\"a\" b");
    expect_fault(f, READER_E_STRAY_QUOTE, 0, " \"a\" \"b\",1");
    f->dialect.delimiter = '\t';
    begin(f, "a \t\t b\n");
    expect_record(f, "[a][][b]");
}

static void stray_quote_faults_its_record_only(void **state)
{
    struct fixture *f = *state;
    begin(f, "1,5\" pipe,x\n2,b\n a\"b\n3,c\n");
    expect_fault(f, READER_E_STRAY_QUOTE, 1, "1,5\" pipe,x");
    expect_record(f, "[2][b]");
    expect_fault(f, READER_E_STRAY_QUOTE, 0, " a\"b");
    expect_record(f, "[3][c]");
}

static void text_behind_a_closing_quote_faults(void **state)
{
    struct fixture *f = *state;
    begin(f, "1,\"a\"b,\"c\nd\"\r\n\"e\" ,f\ng\n");
    expect_fault(f, READER_E_AFTER_QUOTE, 1, "1,\"a\"b,\"c\nd\"");
    expect_fault(f, READER_E_AFTER_QUOTE, 0, "\"e\" ,f");
    expect_record(f, "[g]");
    assert_int_equal(f->record.line, 4);
}

static void unclosed_quote_takes_the_rest_of_the_chunk(void **state)
{
    struct fixture *f = *state;
    begin(f, "a\n1,\"b\nc\n");
    expect_record(f, "[a]");
    expect_fault(f, READER_E_UNCLOSED, 1, "1,\"b\nc\n");
    assert_int_equal(next(f), READER_E_END);
    begin(f, "\"");
    expect_fault(f, READER_E_UNCLOSED, 0, "\"");
    begin(f, "\"a\"\"");
    expect_fault(f, READER_E_UNCLOSED, 0, "\"a\"\"");
}

static void carriage_return_alone_faults(void **state)
{
    struct fixture *f = *state;
    begin(f, "a\rb,c\nd\r\r\n\"e\"\rf\ng\r");
    expect_fault(f, READER_E_BARE_CR, 0, "a\rb,c");
    expect_fault(f, READER_E_BARE_CR, 0, "d\r");
    expect_fault(f, READER_E_BARE_CR, 0, "\"e\"\rf");
    expect_fault(f, READER_E_BARE_CR, 0, "g\r");
    assert_int_equal(next(f), READER_E_END);
}

static void nul_faults_wherever_it_stands(void **state)
{
    struct fixture *f = *state;
    begin_slice(f, SLICE("a,b\0c\n\"d\0\",e\nf\n"));
    assert_int_equal(next(f), READER_E_NUL);
    assert_int_equal(f->record.fault_cell, 1);
    assert_int_equal(next(f), READER_E_NUL);
    assert_int_equal(f->record.fault_cell, 0);
    expect_record(f, "[f]");
}

static void invalid_utf8_faults_and_valid_passes(void **state)
{
    struct fixture *f = *state;
    begin(f, "na\xc3\xafve,\xe2\x82\xac\nx,y,\xe9,z\n\"\"\"\xc3\"\nok\n\xc3,\xa9\n");
    expect_record(f, "[na\xc3\xafve][\xe2\x82\xac]");
    expect_fault(f, READER_E_ENCODING, 2, "x,y,\xe9,z");
    expect_fault(f, READER_E_ENCODING, 0, "\"\"\"\xc3\"");
    expect_record(f, "[ok]");
    expect_fault(f, READER_E_ENCODING, 0, "\xc3,\xa9");
}

/* With two faults in a record the first one is told. */
static void first_fault_of_a_record_is_told(void **state)
{
    struct fixture *f = *state;
    begin(f, "\xff,b\"c\na,b\"c,\xff\n");
    expect_fault(f, READER_E_ENCODING, 0, "\xff,b\"c");
    expect_fault(f, READER_E_STRAY_QUOTE, 1, "a,b\"c,\xff");
}

static void latin1_becomes_utf8(void **state)
{
    struct fixture *f = *state;
    f->dialect.encoding = DIALECT_LATIN1;
    f->dialect.delimiter = ';';
    begin(f, "stra\xdf"
             "e;\"k\xf6\"\"ln\"\nplain;x\n");
    expect_record(f, "[stra\xc3\x9f"
                     "e](k\xc3\xb6\"ln)");
    expect_record(f, "[plain][x]");
    begin_slice(f, SLICE("\xe9\0\n"));
    assert_int_equal(next(f), READER_E_NUL);
}

static void unchanged_cells_point_into_the_chunk(void **state)
{
    struct fixture *f = *state;
    begin(f, "abc,\"def\"\n");
    assert_int_equal(next(f), 0);
    assert_ptr_equal(f->record.cell[0].text.p, f->reader.in.chunk.p);
    assert_ptr_equal(f->record.cell[1].text.p, f->reader.in.chunk.p + 5);
}

/* `n` cells: commas only. */
static struct slice wide_record(char *ret_text, size_t n)
{
    memset(ret_text, ',', n - 1);
    memcpy(ret_text + n - 1, "\nx\n", 3);
    return (struct slice){ret_text, n + 2};
}

static void as_many_cells_as_allowed_and_not_one_more(void **state)
{
    struct fixture *f = *state;
    static char text[READER_CELLS_MAX + 8];
    begin_slice(f, wide_record(text, READER_CELLS_MAX));
    assert_int_equal(next(f), 0);
    assert_int_equal(f->record.n, READER_CELLS_MAX);
    expect_record(f, "[x]");
    begin_slice(f, wide_record(text, READER_CELLS_MAX + 1));
    assert_int_equal(next(f), READER_E_TOO_WIDE);
    assert_int_equal(f->record.n, READER_CELLS_MAX);
    assert_int_equal(f->record.raw.len, READER_CELLS_MAX);
    expect_record(f, "[x]");
}

static void quoted_cell_behind_the_widest_record_hides_its_line_ends(void **state)
{
    struct fixture *f = *state;
    static char text[READER_CELLS_MAX + 16];
    memset(text, ',', READER_CELLS_MAX);
    memcpy(text + READER_CELLS_MAX, "\"\n\"\nx\n", 6);
    begin_slice(f, (struct slice){text, READER_CELLS_MAX + 6});
    assert_int_equal(next(f), READER_E_TOO_WIDE);
    expect_record(f, "[x]");
    assert_int_equal(f->record.line, 3);
}

static void forgetting_lets_the_arena_be_reset_between_records(void **state)
{
    struct fixture *f = *state;
    begin(f, "\"a\"\"b\",1\n\"c\"\"d\",2\n");
    expect_record(f, "(a\"b)[1]");
    reader_forget(&f->reader);
    arena_reset(&f->arena);
    expect_record(f, "(c\"d)[2]");
}

static void without_memory_the_record_can_be_tried_again(void **state)
{
    struct fixture *f = *state;
    struct arena tiny;
    arena_init(&tiny, 64, 16);
    begin(f, "a,\"b\"\"c\"\n");
    f->reader.arena = &tiny;
    assert_int_equal(next(f), -ENOMEM);
    f->reader.arena = &f->arena;
    expect_record(f, "[a](b\"c)");
    arena_done(&tiny);
}

/* The sum of what a reader hands out: cells, codes, lines and offsets. */
static uint64_t fold(uint64_t sum, const void *p, size_t n)
{
    const unsigned char *byte = p;
    for (size_t i = 0; i < n; i++)
        sum = (sum ^ byte[i]) * 1099511628211u;
    return sum;
}

static uint64_t read_all(struct fixture *f, struct reader_input in, uint64_t sum)
{
    int rc;
    reader_init(&f->reader, &in, &f->arena);
    while ((rc = next(f)) != READER_E_END) {
        assert_true(rc >= 0);
        const struct record *r = &f->record;
        uint64_t facts[] = {(uint64_t)rc, r->n, r->line, r->offset, r->raw.len};
        sum = fold(sum, facts, sizeof facts);
        sum = fold(sum, r->raw.p, r->raw.len);
        for (size_t i = 0; i < r->n; i++) {
            assert_null(memchr(r->cell[i].text.p, '\0', r->cell[i].text.len));
            sum = fold(sum, r->cell[i].text.p, r->cell[i].text.len);
        }
    }
    reader_forget(&f->reader);
    arena_reset(&f->arena);
    return sum;
}

/* What a loader does: chunks cut at record ends, each with a reader of its own. */
static void chunks_cut_at_any_record_end_read_as_the_whole(void **state)
{
    struct fixture *f = *state;
    const struct slice text =
        SLICE("id,note\r\n1,\"a\nb\"\n\n2,\"x\"\"y\"\r\n3,bad\"quote\n\xff,4\n\"5\"z,\"\n\n\",6\r\n7,\r8\n9,end");
    struct reader_input whole = {.dialect = &f->dialect, .chunk = text, .first_line = 1, .first_offset = 0};
    uint64_t want = read_all(f, whole, 1);
    reader_init(&f->reader, &whole, &f->arena);
    while (next(f) != READER_E_END) {
        struct reader_input first = whole, second = whole;
        first.chunk.len = f->reader.pos;
        second.chunk = (struct slice){text.p + f->reader.pos, text.len - f->reader.pos};
        second.first_line = f->reader.line;
        second.first_offset = f->reader.pos;
        struct reader at = f->reader;
        assert_true(read_all(f, second, read_all(f, first, 1)) == want);
        f->reader = at;
        reader_forget(&f->reader);
    }
}

/* Every prefix ends at the forbidden page: a byte read too far crashes. */
static void every_prefix_of_a_hostile_text_is_read_without_overreading(void **state)
{
    struct fixture *f = *state;
    static const char alphabet[] = {'a', ',', ';', '"', '\r', '\n', '\0', '\xff', ' ', '\xc3', '\xa9'};
    uint64_t seed = 5;
    char text[300];
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[i] = alphabet[(seed >> 33) % sizeof alphabet];
        }
        for (size_t len = 0; len <= sizeof text; len++) {
            struct slice chunk = guarded_put(&f->guarded, (struct slice){text, len});
            read_all(f, (struct reader_input){.dialect = &f->dialect, .chunk = chunk, .first_line = 1}, 1);
        }
    }
}

static void every_code_has_words(void **state)
{
    (void)state;
    for (int code = READER_E_END; code < READER_E_CODES; code++)
        assert_string_not_equal(reader_error_text(code), reader_error_text(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cells_are_cut_and_unquoted, setup, teardown),
        cmocka_unit_test_setup_teardown(quotes_are_bytes_where_the_dialect_has_none, setup, teardown),
        cmocka_unit_test_setup_teardown(line_ends_are_lf_or_crlf_and_the_last_may_lack, setup, teardown),
        cmocka_unit_test_setup_teardown(line_ends_inside_quotes_are_content, setup, teardown),
        cmocka_unit_test_setup_teardown(line_and_offset_are_those_of_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(blank_lines_are_no_records, setup, teardown),
        cmocka_unit_test_setup_teardown(blank_lines_are_records_where_the_dialect_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_later_chunk_keeps_its_leading_blank_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(blank_lines_fault_where_the_dialect_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(records_end_in_cr_where_the_dialect_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(escape_makes_quotes_and_itself_plain_inside_of_quotes, setup, teardown),
        cmocka_unit_test_setup_teardown(comments_are_no_records, setup, teardown),
        cmocka_unit_test_setup_teardown(trim_takes_white_space_around_cells_and_none_inside_of_quotes, setup, teardown),
        cmocka_unit_test_setup_teardown(stray_quote_faults_its_record_only, setup, teardown),
        cmocka_unit_test_setup_teardown(text_behind_a_closing_quote_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(unclosed_quote_takes_the_rest_of_the_chunk, setup, teardown),
        cmocka_unit_test_setup_teardown(carriage_return_alone_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(nul_faults_wherever_it_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(invalid_utf8_faults_and_valid_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(first_fault_of_a_record_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(latin1_becomes_utf8, setup, teardown),
        cmocka_unit_test_setup_teardown(unchanged_cells_point_into_the_chunk, setup, teardown),
        cmocka_unit_test_setup_teardown(as_many_cells_as_allowed_and_not_one_more, setup, teardown),
        cmocka_unit_test_setup_teardown(quoted_cell_behind_the_widest_record_hides_its_line_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(forgetting_lets_the_arena_be_reset_between_records, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_the_record_can_be_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(chunks_cut_at_any_record_end_read_as_the_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(every_prefix_of_a_hostile_text_is_read_without_overreading, setup, teardown),
        cmocka_unit_test(every_code_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
