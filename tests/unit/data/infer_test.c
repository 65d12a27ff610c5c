/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/infer.h"

enum { CELLS_MAX = 32 };

/* One column; "-" is an unquoted empty cell. A text in double quotes is quoted. */
static void feed(struct infer *i, const char *const *texts, size_t from, size_t to)
{
    for (size_t r = from; r < to; r++) {
        size_t n = strlen(texts[r]);
        struct cell cell = {{texts[r], n}, false};
        if (strcmp(texts[r], "-") == 0) cell.text.len = 0;
        if (n >= 2 && texts[r][0] == '"') cell = (struct cell){{texts[r] + 1, n - 2}, true};
        const struct record record = {.cell = &cell, .n = 1, .line = r + 2};
        assert_int_equal(infer_add(i, &record), 0);
    }
}

static size_t count(const char *const *texts)
{
    size_t n = 0;
    while (texts[n])
        n++;
    return n;
}

static struct infer_column guess(const char *const *texts)
{
    struct infer *i;
    struct infer_column c;
    assert_int_equal(infer_new(1, &(struct infer_reading){0}, &i), 0);
    feed(i, texts, 0, count(texts));
    infer_result(i, 0, &c);
    infer_free(i);
    return c;
}

struct sample {
    const char *texts[CELLS_MAX];
    enum type_id type;
    const char *format, *reason;
};

static void check(const struct sample *s, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        struct infer_column c = guess(s[k].texts);
        if (c.type.id != s[k].type || strcmp(c.format, s[k].format) != 0 || (s[k].reason && !strstr(c.reason, s[k].reason)))
            fail_msg("%s …: %s %s: %s", s[k].texts[0], type_info(c.type.id)->name, c.format, c.reason);
    }
}
#define CHECK(samples) check(samples, sizeof(samples) / sizeof((samples)[0]))

static void the_narrowest_type_is_taken(void **state)
{
    (void)state;
    const struct sample samples[] = {
        {{"true", "F", "no"}, TYPE_BOOL, "", "true or false"},
        {{"0", "1", "0"}, TYPE_INT8, "", "a whole number"},
        {{"-5", "9223372036854775807", "-"}, TYPE_INT8, "", NULL},
        {{"1", "9223372036854775808"}, TYPE_NUMERIC, "", "line 3 has \"9223372036854775808\""},
        {{"1", "2.50", "-.5"}, TYPE_NUMERIC, "", "line 3 has \"2.50\""},
        {{"1", "2.5", "1e10"}, TYPE_FLOAT8, "", NULL},
        {{"1", "NaN", "-inf"}, TYPE_FLOAT8, "", NULL},
        {{"2024-01-31", "1999-12-01"}, TYPE_DATE, "", NULL},
        {{"2024-01-31", "2024-01-31 12:00"}, TYPE_TIMESTAMP, "", NULL},
        {{"2024-01-31T12:00:00.5"}, TYPE_TIMESTAMP, "", NULL},
        {{"2024-01-31T12:00:00Z", "2024-01-31 12:00:00+05:30"}, TYPE_TIMESTAMPTZ, "", NULL},
        {{"123e4567-e89b-12d3-a456-426614174000"}, TYPE_UUID, "", NULL},
        {{"{\"a\": 1}", "[]"}, TYPE_JSON, "", NULL},
        {{"abc", "1"}, TYPE_TEXT, "", NULL},
    };
    CHECK(samples);
}

static void what_would_lose_something_stays_text(void **state)
{
    (void)state;
    const struct sample samples[] = {
        {{"12345", "01234"}, TYPE_TEXT, "", "line 3 has \"01234\""},
        {{"+4912345"}, TYPE_TEXT, "", NULL},
        {{"00.5"}, TYPE_TEXT, "", NULL},
        {{"1", "true"}, TYPE_TEXT, "", NULL},
        {{"1e999"}, TYPE_TEXT, "", NULL},
        {{"1,5"}, TYPE_TEXT, "", NULL},
        {{"2024-01-31", "2024-02-30"}, TYPE_TEXT, "", "line 3 has \"2024-02-30\""},
        {{"2024-01-31 12:00", "2024-01-31 12:00Z"}, TYPE_TEXT, "", NULL},
        {{"12", "\"\""}, TYPE_TEXT, "", NULL},
        {{"\"a\""}, TYPE_TEXT, "", "no other type fits"},
        {{"-", "-"}, TYPE_TEXT, "", "no cell has a value"},
        {{"{\"a\": 1"}, TYPE_TEXT, "", NULL},
    };
    CHECK(samples);
}

static void short_dates_need_proof_of_their_order(void **state)
{
    (void)state;
    const struct sample samples[] = {
        {{"01/02/2024", "31/01/2024"}, TYPE_DATE, "DD/MM/YYYY", "day first"},
        {{"1/2/2024", "1/31/2024"}, TYPE_DATE, "MM/DD/YYYY", "month first"},
        {{"31.01.2024 12:30", "1.2.2024 0:00"}, TYPE_TIMESTAMP, "DD.MM.YYYY HH24:MI", NULL},
        {{"1-31-2024 1:30:00 PM"}, TYPE_TIMESTAMP, "MM-DD-YYYY HH12:MI:SS AM", NULL},
        {{"01/02/2024", "03/04/2024"}, TYPE_TEXT, "", "either way round"},
        {{"31/01/2024", "01/31/2024"}, TYPE_TEXT, "", NULL},
        {{"31/01/2024", "31-01-2024"}, TYPE_TEXT, "", "more than one form"},
        {{"31/01/2024", "31/02/2024"}, TYPE_TEXT, "", "line 3 has \"31/02/2024\""},
        {{"31/01/24"}, TYPE_TEXT, "", NULL},
    };
    CHECK(samples);
}

static void nulls_and_missing_cells_are_seen(void **state)
{
    (void)state;
    assert_true(guess((const char *const[]){"1", "-", NULL}).nulls);
    assert_false(guess((const char *const[]){"1", "\"2\"", NULL}).nulls);
    struct infer *i;
    struct infer_column c;
    assert_int_equal(infer_new(2, &(struct infer_reading){0}, &i), 0);
    feed(i, (const char *const[]){"1"}, 0, 1);
    infer_result(i, 1, &c);
    assert_true(c.nulls);
    infer_free(i);
}

static void null_tokens_are_null_unless_they_are_quoted(void **state)
{
    (void)state;
    const struct slice tokens[] = {{"N/A", 3}, {"-", 1}};
    const struct infer_reading reading = {.null_token = tokens, .null_tokens = 2};
    static const struct cell cells[] = {{.text = {"N/A", 3}}, {.text = {"7", 1}}, {.text = {"-", 1}}};
    const struct cell quoted = {.text = {"N/A", 3}, .quoted = true};
    struct infer *i;
    struct infer_column c;
    assert_int_equal(infer_new(1, &reading, &i), 0);
    for (size_t k = 0; k < 3; k++)
        assert_int_equal(infer_add(i, &(struct record){.cell = &cells[k], .n = 1, .line = k + 1}), 0);
    infer_result(i, 0, &c);
    assert_int_equal(c.type.id, TYPE_INT8);
    assert_true(c.nulls);
    assert_int_equal(infer_add(i, &(struct record){.cell = &quoted, .n = 1, .line = 9}), 0);
    infer_result(i, 0, &c);
    assert_int_equal(c.type.id, TYPE_TEXT);
    infer_free(i);
}

static void marked_numbers_are_numbers(void **state)
{
    (void)state;
    const struct infer_reading reading = {.marks = {',', '.'}};
    static const struct cell cells[] = {{.text = {"1.234", 5}}, {.text = {"-1.234,5", 8}}, {.text = {"1.5", 3}}};
    static const enum type_id types[] = {TYPE_INT8, TYPE_NUMERIC, TYPE_TEXT};
    struct infer *i;
    struct infer_column c;
    assert_int_equal(infer_new(1, &reading, &i), 0);
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(infer_add(i, &(struct record){.cell = &cells[k], .n = 1, .line = k + 1}), 0);
        infer_result(i, 0, &c);
        assert_int_equal(c.type.id, types[k]);
    }
    infer_free(i);
}

static const char *const pool[] = {"1",
                                   "-3",
                                   "2.5",
                                   "1e5",
                                   "NaN",
                                   "true",
                                   "no",
                                   "-",
                                   "2024-01-31",
                                   "2024-01-31 12:00",
                                   "2024-01-31T12:00:00Z",
                                   "31/01/2024",
                                   "01/31/2024",
                                   "01/02/2024",
                                   "1.2.2024 10:00",
                                   "31.1.2024 10:00",
                                   "007",
                                   "{}",
                                   "[1]",
                                   "abc",
                                   "\"\"",
                                   " 5 ",
                                   "99999999999999999999",
                                   "123e4567-e89b-12d3-a456-426614174000"};
enum { POOL = sizeof(pool) / sizeof(pool[0]) };

static uint64_t roll(uint64_t *dice)
{
    *dice ^= *dice << 13, *dice ^= *dice >> 7, *dice ^= *dice << 17;
    return *dice;
}

/* Texts of one kind mostly, so that not every column is text */
static void random_column(uint64_t *dice, const char *texts[CELLS_MAX], size_t n)
{
    size_t base = roll(dice) % POOL, span = 1 + roll(dice) % 3;
    for (size_t r = 0; r < n; r++)
        texts[r] = pool[(base + roll(dice) % span) % POOL];
    texts[n] = NULL;
}

static void the_cut_does_not_change_the_answer(void **state)
{
    (void)state;
    uint64_t dice = 88172645463325252U;
    for (int round = 0; round < 3000; round++) {
        const char *texts[CELLS_MAX];
        size_t n = 2 + roll(&dice) % (CELLS_MAX - 3);
        random_column(&dice, texts, n);
        struct infer_column whole = guess(texts), cut;
        struct infer *part[3];
        size_t a = roll(&dice) % (n + 1), b = a + roll(&dice) % (n - a + 1);
        const size_t bound[] = {0, a, b, n};
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(infer_new(1, &(struct infer_reading){0}, &part[k]), 0);
            feed(part[k], texts, bound[k], bound[k + 1]);
        }
        /* In any order, and in any grouping */
        size_t first = roll(&dice) % 3;
        infer_merge(part[(first + 1) % 3], part[(first + 2) % 3]);
        infer_merge(part[first], part[(first + 1) % 3]);
        infer_result(part[first], 0, &cut);
        if (whole.type.id != cut.type.id || strcmp(whole.format, cut.format) != 0 || strcmp(whole.reason, cut.reason) != 0 ||
            whole.nulls != cut.nulls)
            fail_msg("%s …: whole %s, cut %s", texts[0], whole.reason, cut.reason);
        for (size_t k = 0; k < 3; k++)
            infer_free(part[k]);
    }
}

static void every_cell_parses_as_the_type_that_was_guessed(void **state)
{
    (void)state;
    uint64_t dice = 362436069362436069U;
    struct arena arena;
    arena_init(&arena, 4096, 1 << 20);
    for (int round = 0; round < 3000; round++) {
        const char *texts[CELLS_MAX];
        random_column(&dice, texts, 1 + roll(&dice) % 6);
        struct infer_column c = guess(texts);
        struct type_input in = {.type = c.type};
        struct type_format *format = NULL;
        if (c.format[0]) assert_int_equal(type_format_new(slice_of(c.format), NULL, &format), 0);
        in.format = format;
        for (size_t r = 0; texts[r]; r++) {
            union value v;
            if (strcmp(texts[r], "-") == 0 || strcmp(texts[r], "\"\"") == 0) continue;
            if (type_parse(&in, slice_of(texts[r]), &arena, &v))
                fail_msg("%s is no %s %s", texts[r], type_info(c.type.id)->name, c.format);
        }
        type_format_free(format);
        arena_reset(&arena);
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_tokens_are_null_unless_they_are_quoted),
        cmocka_unit_test(marked_numbers_are_numbers),
        cmocka_unit_test(the_narrowest_type_is_taken),
        cmocka_unit_test(what_would_lose_something_stays_text),
        cmocka_unit_test(short_dates_need_proof_of_their_order),
        cmocka_unit_test(nulls_and_missing_cells_are_seen),
        cmocka_unit_test(the_cut_does_not_change_the_answer),
        cmocka_unit_test(every_cell_parses_as_the_type_that_was_guessed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
