/* SPDX-License-Identifier: MIT */
#include "../spool/packed.h"
#include "base/clock.h"
#include "base/name.h"
#include "etl/head.h"
#include "fixture.h"

enum { MAX_RECORD = 1 << 20 };

/* The job as a worker would run it. */
static void read_head(struct head *h, int fd, const struct dialect *declared)
{
    head_init(h, fd, &(struct head_declared){.dialect = *declared}, MAX_RECORD);
    do
        h->job.run(&h->job);
    while (h->more);
}

static void read_text(struct head *h, struct slice text)
{
    struct dialect declared = dialect_default();
    declared.delimiter = 0;
    int fd = fixture_file(text);
    read_head(h, fd, &declared);
    close(fd);
}

static void assert_cells(const struct head *h, size_t n, const char *const *cells)
{
    assert_int_equal(h->rc, 0);
    assert_int_equal(h->plan_head.cells, n);
    for (size_t i = 0; i < n; i++)
        assert_true(slice_equal(h->plan_head.cell[i], slice_of(cells[i])));
}

static void first_record_and_dialect_are_told(void **state)
{
    (void)state;
    struct head h;
    struct slice text = SLICE("\xef\xbb\xbf"
                              "Order ID;\"Say \"\"hi\"\";\nnow\";\r\n1;a;b\r\n2;c;d\r\n");
    read_text(&h, text);
    assert_cells(&h, 3, (const char *const[]){"Order ID", "Say \"hi\";\nnow", ""});
    assert_int_equal(h.plan_head.dialect.start, 3);
    assert_int_equal(h.plan_head.dialect.delimiter, ';');
    assert_int_equal(h.plan_head.dialect.header, DIALECT_HEADER_YES);
    assert_int_equal(h.st.st_size, text.len);
    head_done(&h);
}

static void declared_dialect_rules(void **state)
{
    (void)state;
    struct head h;
    struct dialect declared = dialect_default();
    declared.delimiter = '|';
    declared.header = DIALECT_HEADER_NO;
    int fd = fixture_file(SLICE("a,b|c\n1,2|3\n"));
    read_head(&h, fd, &declared);
    assert_cells(&h, 2, (const char *const[]){"a,b", "c"});
    assert_int_equal(h.plan_head.dialect.header, DIALECT_HEADER_NO);
    head_done(&h);
    close(fd);
}

static void files_without_a_record_are_empty(void **state)
{
    (void)state;
    static const struct slice texts[] = {{"", 0}, {"\xef\xbb\xbf", 3}, {"\r\n\n\n", 4}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct head h;
        read_text(&h, texts[i]);
        assert_int_equal(h.rc, HEAD_E_EMPTY);
        assert_non_null(strstr(h.err.text, "empty"));
        head_done(&h);
    }
}

static void first_record_that_breaks_the_grammar_is_said_with_its_line(void **state)
{
    (void)state;
    struct head h;
    read_text(&h, SLICE("\na,b\"c\n1,2\n"));
    assert_int_equal(h.rc, HEAD_E_BROKEN);
    assert_non_null(strstr(h.err.text, "line 2: a quote inside an unquoted cell"));
    head_done(&h);
}

/* 100 kB of a cell: the first read does not hold it. */
static void long_first_record_is_read_whole(void **state)
{
    (void)state;
    enum { LONG = 100000 };
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_puts(&text, "a,\"");
    for (int i = 0; i < LONG; i++)
        buf_putc(&text, i % 100 ? 'x' : '\n');
    buf_puts(&text, "\"\n1,2\n");
    struct head h;
    read_text(&h, buf_slice(&text));
    assert_int_equal(h.rc, 0);
    assert_int_equal(h.plan_head.cells, 2);
    assert_int_equal(h.plan_head.cell[1].len, LONG);
    head_done(&h);
    buf_done(&text);
}

static void on_done(struct head *h)
{
    assert_int_equal(h->rc, 0);
    h->done = NULL;
}

/* While it is read the budget knows of the bytes and the cells, afterwards of the cells. */
static void long_first_record_is_taken_from_the_budget(void **state)
{
    (void)state;
    enum { LONG = 500000 };
    struct buf text;
    buf_init(&text, 1 << 20);
    while (text.len < LONG)
        buf_puts(&text, "abcdefghi ");
    buf_puts(&text, ",b\n1,2\n");
    struct loop *loop;
    struct workers *workers;
    struct counters counters = {0};
    struct memory memory = {.max = 1, .counters = &counters};
    struct dialect declared = dialect_default();
    struct head h;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(workers_new(loop, 1, 0, &workers), 0);
    int fd = fixture_file(buf_slice(&text));
    head_init(&h, fd, &(struct head_declared){.dialect = declared}, MAX_RECORD);
    h.done = on_done;
    head_start(&h, workers, &memory);
    assert_in_range(memory.used, 1, LONG);
    for (int64_t give_up = loop_now_ms(loop) + 30000; h.done && loop_now_ms(loop) < give_up;)
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
    assert_null(h.done);
    assert_in_range(h.want, LONG, 2 * LONG);
    assert_in_range(memory.used, 2 * LONG, 3 * LONG); /* its cells, and the header as it stands there */
    head_done(&h);
    assert_int_equal(memory.used, 0);
    close(fd);
    workers_free(workers);
    loop_free(loop);
    buf_done(&text);
}

static void first_record_beyond_max_record_is_refused(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 24);
    buf_puts(&text, "a,\"");
    while (text.len < 3 * (size_t)MAX_RECORD)
        buf_puts(&text, "0123456789");
    struct head h;
    read_text(&h, buf_slice(&text));
    assert_int_equal(h.rc, HEAD_E_BROKEN);
    head_done(&h);
    buf_done(&text);
}

/* Blank lines are no records; but nobody reads on for ever. */
static void header_behind_blank_lines_is_found_or_they_are_said(void **state)
{
    (void)state;
    for (int blanks = 1000; blanks <= 100000; blanks *= 100) {
        struct buf text;
        buf_init(&text, 1 << 20);
        for (int i = 0; i < blanks; i++)
            buf_puts(&text, "\r\n");
        buf_puts(&text, "name,n\nx,1\n");
        struct head h;
        read_text(&h, buf_slice(&text));
        if (blanks == 1000) assert_cells(&h, 2, (const char *const[]){"name", "n"});
        if (blanks > 1000) {
            assert_int_equal(h.rc, HEAD_E_EMPTY);
            assert_non_null(strstr(h.err.text, "blank lines"));
        }
        head_done(&h);
        buf_done(&text);
    }
}

static void unreadable_file_is_passed_up(void **state)
{
    (void)state;
    struct head h;
    struct dialect declared = dialect_default();
    read_head(&h, -1, &declared);
    assert_int_equal(h.rc, -EBADF);
    assert_non_null(strstr(h.err.text, "cannot stat the file"));
    head_done(&h);
}

/* ---- names ---- */

static void assert_names(enum dialect_header header, struct slice text, const char *const *names)
{
    struct head h;
    struct dialect declared = dialect_default();
    declared.header = header;
    declared.delimiter = ',';
    int fd = fixture_file(text);
    read_head(&h, fd, &declared);
    assert_int_equal(h.rc, 0);
    for (size_t i = 0; i < h.plan_head.cells; i++) {
        assert_string_equal(h.plan_head.name[i], names[i]);
        assert_int_equal(plan_head_find(&h.plan_head, names[i]), i);
    }
    assert_int_equal(plan_head_find(&h.plan_head, "no such name"), -1);
    head_done(&h);
    close(fd);
}
#define NAMES(...) ((const char *const[]){__VA_ARGS__})

static void names_are_distinct_and_never_empty(void **state)
{
    (void)state;
    assert_names(DIALECT_HEADER_YES, SLICE("Order ID,,order-id,%%,x,x_2,x\n"),
                 NAMES("order_id", "column_2", "order_id_2", "column_4", "x", "x_2", "x_3"));
    assert_names(DIALECT_HEADER_YES, SLICE("column_2,\n"), NAMES("column_2", "column_2_2"));
    assert_names(DIALECT_HEADER_YES, SLICE("x,x,x_2,x\n"), NAMES("x", "x_2", "x_2_2", "x_3"));
    assert_names(DIALECT_HEADER_NO, SLICE("Ann,7\n"), NAMES("column_1", "column_2"));
}

/* 31 two-byte letters: PostgreSQL's 63 bytes are full, and what is cut for the number must not leave half a letter. */
static void numbered_names_are_cut_at_a_character(void **state)
{
    (void)state;
    char name[NAME_MAX_BYTES + 1] = "", text[2 * sizeof name + 2];
    for (int i = 0; i < 31; i++)
        strcat(name, "ä");
    snprintf(text, sizeof text, "%s,%s\n", name, name);
    struct head h;
    struct dialect declared = dialect_default();
    declared.header = DIALECT_HEADER_YES;
    int fd = fixture_file(slice_of(text));
    read_head(&h, fd, &declared);
    close(fd);
    assert_int_equal(h.rc, 0);
    assert_string_equal(h.plan_head.name[0], name);
    struct slice second = slice_of(h.plan_head.name[1]);
    assert_true(second.len <= NAME_MAX_BYTES);
    assert_true(slice_ends(second, SLICE("ä_2")));
    for (size_t n; second.len > 0; second = (struct slice){second.p + n, second.len - n})
        assert_true((n = slice_char_len(second)) > 0);
    head_done(&h);
}

/* Each of 16,384 equal names gets its number without trying all the numbers before: that would take minutes. */
static void header_of_one_name_only_is_named_at_once(void **state)
{
    (void)state;
    static struct slice cell[READER_CELLS_MAX];
    struct plan_head head = {.dialect = dialect_default(), .cell = cell, .cells = READER_CELLS_MAX};
    struct arena arena;
    arena_init(&arena, 1 << 16, 1 << 24);
    head.dialect.header = DIALECT_HEADER_YES;
    for (size_t i = 0; i < head.cells; i++)
        cell[i] = SLICE("a");
    int64_t began = clock_mono_us();
    assert_int_equal(head_names(&head, &arena), 0);
    assert_in_range(clock_mono_us() - began, 0, 2000000);
    assert_string_equal(head.name[READER_CELLS_MAX - 1], "a_16384");
    head_names_done(&head);
    arena_done(&arena);
}

static void more_columns_than_postgresql_has_are_refused(void **state)
{
    (void)state;
    for (int cells = HEAD_CELLS_MAX; cells <= HEAD_CELLS_MAX + 1; cells++) {
        struct buf text;
        buf_init(&text, 1 << 20);
        for (int i = 0; i < cells; i++)
            buf_printf(&text, "%sa", i ? "," : "");
        buf_puts(&text, "\n");
        struct head h;
        read_text(&h, buf_slice(&text));
        if (cells == HEAD_CELLS_MAX) assert_int_equal(h.rc, 0);
        if (cells > HEAD_CELLS_MAX) {
            assert_int_equal(h.rc, HEAD_E_WIDE);
            assert_string_equal(h.err.text,
                                "line 1: 1601 columns; a table of PostgreSQL holds at most 1600; is the delimiter right?");
        }
        head_done(&h);
        buf_done(&text);
    }
}

static void header_that_is_too_long_to_be_kept_is_refused(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 4 << 20);
    buf_puts(&text, "a,\"");
    for (int i = 0; i < 1 << 20; i++)
        buf_putc(&text, 'x');
    buf_puts(&text, "\"\n1,2\n");
    struct head h;
    read_text(&h, buf_slice(&text));
    assert_int_equal(h.rc, HEAD_E_BROKEN);
    assert_string_equal(h.err.text, "line 1: 1048580 bytes stand before the first row, where at most 1048576 may; is a quote left "
                                    "open, or is there no header (header = no)?");
    head_done(&h);
    buf_done(&text);
}

/* What stood before the header need not stand again before rows that were mended. */
static void what_was_detected_is_told_and_kept_apart(void **state)
{
    (void)state;
    static const char *columns[] = {"id", "name", "at", "again"};
    static const struct config_column column[] = {{.name = "at", .position = 3}, {.name = "name", .from = "Full Name"}};
    static const struct config_dataset dataset = {.columns = {columns, 4}, .column = column, .n_columns = 2};
    struct head_declared declared = {.dialect = dialect_default()};
    declared.dialect.delimiter = 0;
    declared.dialect.open = (struct dialect_open){.quote = true, .escape = true, .lines = true};
    const struct slice text = SLICE("Report\n;;\nID;Full name\n1;'a; b'\n2;x\n");
    for (int named = 0; named < 2; named++) {
        struct head h;
        declared.dataset = named ? &dataset : NULL;
        int fd = fixture_file(text);
        head_init(&h, fd, &declared, MAX_RECORD);
        head_run(&h);
        assert_int_equal(h.rc, 0);
        assert_string_equal(h.found, named ? "quote ', 2 lines before the header" : "");
        if (named) {
            assert_cells(&h, 2, (const char *const[]){"ID", "Full name"});
            assert_int_equal(h.plan_head.dialect.first_line, 3);
            assert_true(slice_equal(h.plan_head.raw, SLICE("ID;Full name")));
        }
        head_done(&h);
        close(fd);
    }
}

static void an_empty_member_of_a_zip_is_named(void **state)
{
    (void)state;
    const struct packed_member members[] = {{"a.csv", SLICE("\n")}, {"b.csv", SLICE("id\n1\n")}};
    struct head_declared declared = {.dialect = dialect_default(),
                                     .input = {.unpack_max = 1 << 20, .unpack_ratio = 100, .unpack_entries = 9}};
    struct buf zip;
    struct head h;
    buf_init(&zip, 1 << 16);
    packed_zip(&zip, members, 2);
    int fd = packed_file(buf_slice(&zip));
    head_init(&h, fd, &declared, MAX_RECORD);
    head_run(&h);
    assert_int_equal(h.rc, HEAD_E_EMPTY);
    assert_string_equal(h.err.text, "member a.csv of the zip file is empty; a file of no rows has its header line");
    head_done(&h);
    close(fd);
    buf_done(&zip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_record_and_dialect_are_told),
        cmocka_unit_test(header_that_is_too_long_to_be_kept_is_refused),
        cmocka_unit_test(what_was_detected_is_told_and_kept_apart),
        cmocka_unit_test(an_empty_member_of_a_zip_is_named),
        cmocka_unit_test(declared_dialect_rules),
        cmocka_unit_test(files_without_a_record_are_empty),
        cmocka_unit_test(first_record_that_breaks_the_grammar_is_said_with_its_line),
        cmocka_unit_test(long_first_record_is_read_whole),
        cmocka_unit_test(long_first_record_is_taken_from_the_budget),
        cmocka_unit_test(first_record_beyond_max_record_is_refused),
        cmocka_unit_test(header_behind_blank_lines_is_found_or_they_are_said),
        cmocka_unit_test(unreadable_file_is_passed_up),
        cmocka_unit_test(names_are_distinct_and_never_empty),
        cmocka_unit_test(numbered_names_are_cut_at_a_character),
        cmocka_unit_test(header_of_one_name_only_is_named_at_once),
        cmocka_unit_test(more_columns_than_postgresql_has_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
