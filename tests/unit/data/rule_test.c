/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/rule.h"

#include <stdio.h>
#include <stdlib.h>

static const struct slice tokens[] = {{"NULL", 4}, {"n/a", 3}};
static struct column_rule columns[] = {
    {.name = "id", .input = {.type = {TYPE_INT8, -1}}, .source = 1, .not_null = true},
    {.name = "name", .input = {.type = {TYPE_TEXT, -1}}, .source = 0, .null_token = tokens, .null_tokens = 2},
    {.name = "amount", .input = {.type = {TYPE_NUMERIC, (5 << 16 | 2) + 4}}, .source = 2},
    {.name = "code", .input = {.type = {TYPE_VARCHAR, 4 + 3}}, .source = -1},
};
static const struct row_rule rule = {.column = columns, .columns = 4, .cells = 3};

struct fixture {
    struct arena arena;
    struct batch batch;
    struct reject_list rejects;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct type types[4];
    for (size_t i = 0; i < 4; i++)
        types[i] = columns[i].input.type;
    arena_init(&f->arena, 1 << 16, 1 << 20);
    reject_list_init(&f->rejects, 1 << 20);
    *state = f;
    return batch_init(&f->batch, types, 4, &f->arena);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    reject_list_done(&f->rejects);
    free(f);
    return 0;
}

/* A row of three cells on line 7 at offset 100; a text in double quotes is a quoted cell. */
static int apply(struct fixture *f, const char *name, const char *id, const char *amount)
{
    const char *texts[] = {name, id, amount};
    struct cell cells[3];
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(texts[i]);
        bool quoted = n >= 2 && texts[i][0] == '"';
        cells[i] = quoted ? (struct cell){{texts[i] + 1, n - 2}, true} : (struct cell){{texts[i], n}, false};
    }
    const struct record record = {.cell = cells, .n = 3, .line = 7, .offset = 100, .raw = SLICE("the row")};
    return rule_apply(&rule, &record, &f->batch, &f->arena, &f->rejects);
}

static void assert_reject(struct fixture *f, const char *column, const char *code, const char *message)
{
    assert_int_equal(f->rejects.n, 1);
    const struct reject *r = &f->rejects.item[0];
    char text[1024];
    snprintf(text, sizeof(text), SLICE_FMT " %s " SLICE_FMT, SLICE_ARG(r->column), r->code, SLICE_ARG(r->message));
    char want[1024];
    snprintf(want, sizeof(want), "%s %s %s", column, code, message);
    assert_string_equal(text, want);
    assert_int_equal(r->line, 7);
    assert_int_equal(r->offset, 100);
    assert_true(slice_equal(r->raw, SLICE("the row")));
    assert_int_equal(f->batch.rows, 0);
}

static void cells_go_to_their_columns(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(apply(f, "Ann", "12", "3.5"), 0);
    assert_int_equal(f->batch.rows, 1);
    assert_int_equal(f->batch.line[0], 7);
    assert_int_equal(f->batch.column[0].value[0].i, 12);
    assert_true(slice_equal(f->batch.column[1].value[0].s, SLICE("Ann")));
    assert_false(f->batch.column[2].null[0]);
    assert_true(f->batch.column[3].null[0]);
}

static void empty_cells_and_tokens_are_null_unless_quoted(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(apply(f, "", "1", ""), 0);
    assert_int_equal(apply(f, "n/a", "2", ""), 0);
    assert_int_equal(apply(f, "\"\"", "3", ""), 0);
    assert_int_equal(apply(f, "\"NULL\"", "4", ""), 0);
    const bool *null = f->batch.column[1].null;
    assert_true(null[0] && null[1]);
    assert_false(null[2] || null[3]);
    assert_int_equal(f->batch.column[1].value[2].s.len, 0);
}

static void a_bad_cell_is_named_with_what_was_expected(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(apply(f, "Ann", "1", "abc"), RULE_E_REJECTED);
    assert_reject(f, "amount", "22P02", "column amount: \"abc\" is not a number; expected a number such as 12.34");
    assert_true(slice_equal(f->rejects.item[0].value, SLICE("abc")));
}

static void a_quoted_empty_cell_is_no_number(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(apply(f, "Ann", "1", "\"\""), RULE_E_REJECTED);
    assert_reject(f, "amount", "22P02", "column amount: \"\" is not a number; expected a number such as 12.34");
}

static void a_value_out_of_range_says_so(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(apply(f, "Ann", "1", "1000"), RULE_E_REJECTED);
    assert_reject(f, "amount", "22003", "column amount: \"1000\" is out of range; expected a number that fits numeric(5,2)");
}

static void an_empty_cell_of_a_not_null_column_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(apply(f, "Ann", "", "1"), RULE_E_REJECTED);
    assert_reject(f, "id", "23502", "column id: the cell is empty (NULL); expected a value, because the column is not null");
}

static void a_row_of_another_length_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct cell cell = {.text = SLICE("x")};
    const struct record record = {.cell = &cell, .n = 1, .line = 7, .offset = 100, .raw = SLICE("the row")};
    assert_int_equal(rule_apply(&rule, &record, &f->batch, &f->arena, &f->rejects), RULE_E_REJECTED);
    assert_reject(f, "", "22P04", "the row has 1 cell; expected 3");
}

static void control_characters_and_length_are_shown_safely(void **state)
{
    struct fixture *f = *state;
    char text[1000];
    memset(text, 'x', sizeof(text));
    text[0] = '\n';
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(apply(f, "Ann", "1", text), RULE_E_REJECTED);
    const struct reject *r = &f->rejects.item[0];
    assert_null(memchr(r->message.p, '\n', r->message.len));
    assert_true(r->message.len < 200);
    assert_int_equal(r->value.len, REJECT_VALUE_MAX);
}

static void a_record_the_reader_refused_becomes_a_reject(void **state)
{
    struct fixture *f = *state;
    const struct record record = {.n = 1, .line = 7, .offset = 100, .raw = SLICE("the row"), .fault_cell = 1};
    assert_int_equal(rule_reject_record(&rule, &record, READER_E_ENCODING, &f->rejects), 0);
    char want[512];
    snprintf(want, sizeof(want), "column id: %s", reader_error_text(READER_E_ENCODING));
    assert_reject(f, "id", "22021", want);
}

static void constants_and_rescued_cells_fill_their_columns(void **state)
{
    struct fixture *f = *state;
    struct rescue_cell spare;
    assert_int_equal(rescue_cell_init(2, SLICE("Spare"), &f->arena, &spare), 0);
    struct column_rule column[] = {
        {.name = "id", .input = {.type = {TYPE_INT8, -1}}, .source = 1},
        {.name = "region", .input = {.type = {TYPE_TEXT, -1}}, .source = RULE_CONSTANT, .constant = {.s = SLICE("north")}},
        {.name = "_rescued", .input = {.type = {TYPE_JSONB, -1}}, .source = RULE_RESCUE},
    };
    const struct type types[] = {{TYPE_INT8, -1}, {TYPE_TEXT, -1}, {TYPE_JSONB, -1}};
    const struct row_rule constant = {.column = column, .columns = 3, .cells = 3, .rescue = {&spare, 1}};
    assert_int_equal(batch_init(&f->batch, types, 3, &f->arena), 0);
    for (int i = 0; i < 2; i++) {
        const struct cell cells[] = {{SLICE("x"), false}, {SLICE("5"), false}, {i ? SLICE("") : SLICE("left"), false}};
        const struct record record = {.cell = cells, .n = 3, .line = 7, .raw = SLICE("the row")};
        assert_int_equal(rule_apply(&constant, &record, &f->batch, &f->arena, &f->rejects), 0);
        assert_false(f->batch.column[1].null[i]);
        assert_true(slice_equal(f->batch.column[1].value[i].s, SLICE("north")));
    }
    assert_true(slice_equal(f->batch.column[2].value[0].s, SLICE("{\"Spare\":\"left\"}")));
    assert_false(f->batch.column[2].null[0]);
    assert_true(f->batch.column[2].null[1]);
}

static void an_inferred_type_drops_no_time_and_no_zone(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum type_id type;
        const char *text;
        bool taken;
    } cases[] = {
        {TYPE_DATE, "2024-01-02", true},
        {TYPE_DATE, "2024-01-02 00:00:00", true},
        {TYPE_DATE, "2024-01-02 00:00:01", false},
        {TYPE_DATE, "2024-01-02T10:00:00Z", false},
        {TYPE_TIMESTAMP, "2024-01-02", true},
        {TYPE_TIMESTAMP, "2024-01-02 10:00:00.123456", true},
        {TYPE_TIMESTAMP, "2024-01-02 10:00:00+02", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int exact = 0; exact < 2; exact++) {
            struct column_rule column = {.name = "at", .input = {.type = {cases[i].type, -1}}, .exact = exact};
            const struct row_rule dated = {.column = &column, .columns = 1, .cells = 1};
            const struct type type = {cases[i].type, -1};
            const struct cell cell = {.text = slice_of(cases[i].text)};
            const struct record record = {.cell = &cell, .n = 1, .line = 7, .raw = SLICE("the row")};
            assert_int_equal(batch_init(&f->batch, &type, 1, &f->arena), 0);
            int wanted = cases[i].taken || !exact ? 0 : RULE_E_REJECTED;
            if (rule_apply(&dated, &record, &f->batch, &f->arena, &f->rejects) != wanted) fail_msg("%s", cases[i].text);
        }
    }
}

enum { ROWS_BYTES = 1 << 16 };

/* What came of a text: by rule_apply_rows where it can, or record by record */
struct outcome {
    struct arena arena;
    struct batch batch;
    struct reject_list rejects;
    size_t at_once; /* records that went by rule_apply_rows */
};

static void run_rule(const struct row_rule *r, const struct type *types, struct slice text, bool by_rows, struct outcome *o)
{
    static struct reader reader;
    struct dialect dialect = dialect_default();
    dialect.delimiter = ',';
    *o = (struct outcome){0};
    arena_init(&o->arena, 1 << 16, 64 << 20);
    reject_list_init(&o->rejects, 1 << 20);
    assert_int_equal(batch_init(&o->batch, types, r->columns, &o->arena), 0);
    reader_init(&reader, &(struct reader_input){.dialect = &dialect, .chunk = text, .first_line = 1}, &o->arena);
    struct record record;
    for (int fault = 0; fault != READER_E_END;) {
        size_t read = 0;
        if (by_rows) assert_int_equal(rule_apply_rows(r, &reader, &o->batch, &o->rejects, &read), 0);
        o->at_once += read;
        if (read > 0) continue;
        fault = reader_next(&reader, &record);
        if (fault == 0) assert_true(rule_apply(r, &record, &o->batch, &o->arena, &o->rejects) >= 0);
        if (fault > READER_E_END) assert_int_equal(rule_reject_record(r, &record, fault, &o->rejects), 0);
    }
}

static void outcome_done(struct outcome *o)
{
    arena_done(&o->arena);
    reject_list_done(&o->rejects);
}

static void assert_same_rows(const struct batch *a, const struct batch *b)
{
    assert_int_equal(a->rows, b->rows);
    for (size_t row = 0; row < a->rows; row++) {
        assert_int_equal(a->line[row], b->line[row]);
        for (size_t c = 0; c < a->columns; c++) {
            const struct batch_column *x = &a->column[c], *y = &b->column[c];
            assert_int_equal(x->null[row], y->null[row]);
            if (x->null[row]) continue;
            bool fixed = type_info(x->type.id)->fixed;
            assert_true(fixed ? x->value[row].i == y->value[row].i : slice_equal(x->value[row].s, y->value[row].s));
        }
    }
}

static void assert_same_rejects(const struct reject_list *a, const struct reject_list *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        const struct reject *x = &a->item[i], *y = &b->item[i];
        assert_int_equal(x->line, y->line);
        assert_int_equal(x->offset, y->offset);
        assert_string_equal(x->code, y->code);
        assert_true(slice_equal(x->column, y->column) && slice_equal(x->message, y->message));
        assert_true(slice_equal(x->value, y->value) && slice_equal(x->raw, y->raw));
    }
}

/* Texts that would be values if they did not mean NULL */
static const struct slice values_for_null[] = {{"-99999.99", 9}, {"1999-12-31", 10}};

static struct column_rule many_columns[] = {
    {.name = "id", .input = {.type = {TYPE_INT4, -1}}, .source = 0, .not_null = true},
    {.name = "name", .input = {.type = {TYPE_VARCHAR, 4 + 8}}, .source = 3, .null_token = tokens, .null_tokens = 2},
    {.name = "amount",
     .input = {.type = {TYPE_NUMERIC, (7 << 16 | 2) + 4}},
     .source = 1,
     .null_token = values_for_null,
     .null_tokens = 2},
    {.name = "rate", .input = {.type = {TYPE_FLOAT8, -1}}, .source = 2},
    {.name = "at", .input = {.type = {TYPE_TIMESTAMP, -1}}, .source = 4, .exact = true},
    {.name = "day", .input = {.type = {TYPE_DATE, -1}}, .source = 5, .null_token = values_for_null, .null_tokens = 2},
    {.name = "same", .input = {.type = {TYPE_INT8, -1}}, .source = RULE_CONSTANT, .constant = {.i = 42}},
    {.name = "none", .input = {.type = {TYPE_TEXT, -1}}, .source = RULE_NULL},
    {.name = "flag", .input = {.type = {TYPE_BOOL, -1}}, .source = 6},
    {.name = "marked", .input = {.type = {TYPE_NUMERIC, -1}, .marks = {',', '.'}}, .source = 7},
};
enum { MANY = sizeof(many_columns) / sizeof(many_columns[0]), CELLS = 8 };

/* Rows of those columns' cells; one cell in `rare` is none of its type, one row in 2 * rare has a cell too many. */
static size_t make_rows(uint64_t *seed, uint32_t rare, char *text)
{
    static const char *const good[CELLS][6] = {
        {"1", "-22", "12345678", "2147483647", "+7", " 9 "},
        {"1.5", "", "12345.67", "0.005", "\"3.00\"", "-99999.99"},
        {"1e3", "3.141592", "-0.5", "NaN", "123456789012345.6", ""},
        {"Ann", "NULL", "\"NULL\"", "\"a, \"\"b\"\"\"", "\"\"", "n/a"},
        {"2024-01-02 10:00:00", "2024-01-02T10:00:01", "", "2024-02-29 23:59:59.5", "2024-01-02", "1/2/2024 5:00 PM"},
        {"2024-01-02", "1999-12-31", "31-Jan-2024", "", "\"2024-02-29\"", "infinity"},
        {"true", "f", "", "1", "no", "TRUE"},
        {"\"1.234,5\"", "7", "", "\"0,25\"", "-1", "\"12,00\""}};
    static const char *const wrong[] = {"",           "\"\"",  "abc",     "99999999999", "2024-01-02 10:00:00+02",
                                        "2024-02-30", "1.2.3", "\"x\ny\""};
    static const char *const end[] = {"\n", "\r\n", ",\n"};
    size_t len = 0;
    for (int i = 0; i < 300; i++)
        for (int c = 0; c < CELLS; c++) {
            *seed = *seed * 6364136223846793005u + 1442695040888963407u;
            uint32_t r = (uint32_t)(*seed >> 33);
            const char *cell = r % rare == 0 ? wrong[r / rare % 8] : good[c][r / rare % 6];
            len += (size_t)sprintf(text + len, "%s%s", cell, c + 1 < CELLS ? "," : end[r / 7 % (2 * rare) == 0 ? 2 : i % 2]);
        }
    return len;
}

static void rows_at_once_are_the_same_rows_and_rejects(void **state)
{
    (void)state;
    static char text[ROWS_BYTES];
    struct type types[MANY];
    for (size_t i = 0; i < MANY; i++)
        types[i] = many_columns[i].input.type;
    const struct row_rule many = {.column = many_columns, .columns = MANY, .cells = CELLS};
    uint64_t seed = 11;
    for (int round = 0; round < 200; round++) {
        struct outcome rows, single;
        struct slice bytes = {text, make_rows(&seed, 3 + (uint32_t)round * 20, text)};
        run_rule(&many, types, bytes, true, &rows);
        run_rule(&many, types, bytes, false, &single);
        assert_same_rows(&rows.batch, &single.batch);
        assert_same_rejects(&rows.rejects, &single.rejects);
        if (round == 199) assert_true(rows.at_once > 280 && rows.batch.rows > 200);
        outcome_done(&rows);
        outcome_done(&single);
    }
}

static void a_number_that_means_null_is_null_among_plain_ones(void **state)
{
    (void)state;
    static const struct slice zero = {"0", 1};
    struct column_rule column = {
        .name = "n", .input = {.type = {TYPE_INT4, -1}}, .source = 0, .null_token = &zero, .null_tokens = 1};
    const struct row_rule numbers = {.column = &column, .columns = 1, .cells = 2};
    static char text[ROWS_BYTES];
    size_t len = 0;
    for (int i = 0; i < 300; i++)
        len += (size_t)sprintf(text + len, "%d,x\n", i % 10);
    struct outcome o;
    run_rule(&numbers, &column.input.type, (struct slice){text, len}, true, &o);
    assert_true(o.at_once > 200);
    for (size_t i = 0; i < o.batch.rows; i++)
        assert_int_equal(o.batch.column[0].null[i], i % 10 == 0);
    outcome_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cells_go_to_their_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_cells_and_tokens_are_null_unless_quoted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_cell_is_named_with_what_was_expected, setup, teardown),
        cmocka_unit_test_setup_teardown(a_quoted_empty_cell_is_no_number, setup, teardown),
        cmocka_unit_test_setup_teardown(a_value_out_of_range_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_cell_of_a_not_null_column_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_of_another_length_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(constants_and_rescued_cells_fill_their_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(an_inferred_type_drops_no_time_and_no_zone, setup, teardown),
        cmocka_unit_test_setup_teardown(control_characters_and_length_are_shown_safely, setup, teardown),
        cmocka_unit_test_setup_teardown(a_record_the_reader_refused_becomes_a_reject, setup, teardown),
        cmocka_unit_test(rows_at_once_are_the_same_rows_and_rejects),
        cmocka_unit_test(a_number_that_means_null_is_null_among_plain_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
