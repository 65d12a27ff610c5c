/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/buf.h"
#include "data/cells.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    ROWS_MAX = 1024,
    ROWS_SPARE = 64 /* the last block is read row by row */,
    FILE_MAX = 1 << 20,
    ARENA_MAX = 1 << 24,
    RANDOM_ROUNDS = 200,
    TEXT_MAX = 24
};

#define NUMERIC(p, s)                                                                                                              \
    {                                                                                                                              \
        TYPE_NUMERIC, ((p) << 16 | ((s)&0x7ff)) + 4                                                                                \
    }
static const struct type types[] = {
    {TYPE_INT2, -1},      {TYPE_INT4, -1},     {TYPE_INT8, -1},        {TYPE_NUMERIC, -1}, NUMERIC(10, 2),
    NUMERIC(4, 0),        NUMERIC(3, -2),      NUMERIC(2, 4),          NUMERIC(30, 12),    {TYPE_DATE, -1},
    {TYPE_TIMESTAMP, -1}, {TYPE_TIMESTAMP, 0}, {TYPE_TIMESTAMPTZ, -1},
};
enum { TYPES = sizeof types / sizeof *types };

/* A file of rows that are all alike but for one cell: where that is, and how the lines end */
struct shape {
    const char *before, *behind;
    size_t cells, at;
};
static const struct shape shapes[] = {
    {"", ",x\n", 2, 0}, {"x,", "\n", 2, 1}, {"x.5,", "\r\n", 2, 1}, {"\"1,2\",", ",7\n", 3, 1}, {"", "\n", 1, 0}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* The text as a file that begins right behind a page that must not be read */
struct guarded {
    char *page;
    size_t size;
    struct slice text;
};

static struct guarded guarded_new(struct slice text)
{
    struct guarded g = {.size = (size_t)sysconf(_SC_PAGESIZE)};
    g.page = mmap(NULL, g.size + FILE_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.page != MAP_FAILED && text.len <= FILE_MAX);
    assert_int_equal(mprotect(g.page, g.size, PROT_NONE), 0);
    memcpy(g.page + g.size, text.p, text.len);
    g.text = (struct slice){g.page + g.size, text.len};
    return g;
}

static void guarded_done(struct guarded *g)
{
    munmap(g->page, g->size + FILE_MAX);
}

static bool same(enum type_id id, union value a, union value b)
{
    return type_info(id)->fixed ? a.i == b.i : slice_equal(a.s, b.s);
}

/* What was taken is what type_parse makes of it; the rest is in `left`, in order. How many were taken. */
static size_t check_rows(const struct type_input *in, const struct reader_rows *rows, const struct cells *cells,
                         struct arena *arena)
{
    static union value value[ROWS_MAX];
    static uint16_t left[ROWS_MAX];
    char *room = arena_alloc(arena, rows->rows * CELLS_ROOM);
    assert_non_null(room);
    size_t n = cells_taker(in)(in, cells, value, room, left), next = 0;
    for (size_t i = 0; i < rows->rows; i++) {
        if (next < n && left[next] == i) {
            next++;
            continue;
        }
        bool doubled;
        struct slice text = reader_rows_cell(rows, i * rows->cells + cells->at, cells->at + 1 == rows->cells, &doubled).text;
        union value want;
        if (type_parse(in, text, arena, &want) != 0 || !same(in->type.id, value[i], want))
            fail_msg("\"" SLICE_FMT "\" as type %d (%d) is not what it is alone", SLICE_ARG(text), in->type.id, in->type.typmod);
    }
    assert_int_equal(next, n);
    return rows->rows - n;
}

/* All rows of the file by windows; how many cells were taken. */
static size_t check_file(struct type type, struct slice file, const struct shape *s)
{
    struct arena arena;
    struct reader reader;
    struct reader_rows rows;
    struct record record;
    const struct type_input in = {.type = type};
    const struct dialect dialect = dialect_default();
    size_t taken = 0;
    arena_init(&arena, 65536, ARENA_MAX);
    struct guarded g = guarded_new(file);
    reader_init(&reader, &(struct reader_input){.dialect = &dialect, .chunk = g.text, .first_line = 1}, &arena);
    do {
        while (reader_rows(&reader, s->cells, ROWS_MAX, &rows) > 0)
            taken += check_rows(&in, &rows, &(struct cells){&rows, s->at, g.text.p}, &arena);
    } while (reader_next(&reader, &record) != READER_E_END);
    guarded_done(&g);
    arena_done(&arena);
    return taken;
}

static void add_row(struct buf *file, const struct shape *s, const char *text)
{
    buf_puts(file, s->before);
    buf_puts(file, text);
    buf_puts(file, s->behind);
}

/* How many of the copies of the text are taken, in a file that holds it many times */
static size_t taken_of(struct type type, const char *text, size_t copies, const struct shape *s)
{
    struct buf file;
    buf_init(&file, FILE_MAX);
    for (size_t i = 0; i < copies + ROWS_SPARE; i++)
        add_row(&file, s, text);
    size_t taken = check_file(type, buf_slice(&file), s);
    buf_done(&file);
    return taken;
}

static void everyday_cells_are_taken(void **state)
{
    static const struct {
        struct type type;
        const char *text;
    } cases[] = {
        {{TYPE_INT2, -1}, "-32768"},
        {{TYPE_INT4, -1}, "2147483647"},
        {{TYPE_INT8, -1}, "0"},
        {{TYPE_INT8, -1}, "-9999999999999999"},
        {{TYPE_NUMERIC, -1}, "1234567.12345678"},
        {{TYPE_NUMERIC, -1}, "-0.00"},
        {{TYPE_NUMERIC, -1}, "7"},
        {NUMERIC(10, 2), "99999999.99"},
        {NUMERIC(10, 2), "12.5"},
        {NUMERIC(30, 12), "0.00000001"},
        {{TYPE_DATE, -1}, "2024-12-31"},
        {{TYPE_TIMESTAMP, -1}, "0001-01-01 00:00:00"},
        {{TYPE_TIMESTAMP, -1}, "9999-12-31T23:59:59"},
        {{TYPE_TIMESTAMPTZ, -1}, "2024-01-31 12:00:00"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t s = 0; s < SHAPES; s++)
            if (taken_of(cases[i].type, cases[i].text, 100, &shapes[s]) < 95)
                fail_msg("\"%s\" is left in shape %zu", cases[i].text, s);
}

static void what_is_not_everyday_is_left(void **state)
{
    static const struct {
        struct type type;
        const char *text;
    } cases[] = {
        {{TYPE_INT2, -1}, "32768"},
        {{TYPE_INT4, -1}, "-2147483649"},
        {{TYPE_INT8, -1}, "12345678901234567"},
        {{TYPE_INT8, -1}, "\"1\""},
        {{TYPE_INT8, -1}, ""},
        {{TYPE_INT8, -1}, "-"},
        {{TYPE_INT8, -1}, "1:"},
        {{TYPE_INT8, -1}, "1/2"},
        {{TYPE_NUMERIC, -1}, "123456789.1"},
        {{TYPE_NUMERIC, -1}, "1.123456789"},
        {{TYPE_NUMERIC, -1}, ".5"},
        {{TYPE_NUMERIC, -1}, "."},
        {{TYPE_NUMERIC, -1}, "1.2.3"},
        {{TYPE_NUMERIC, -1}, "1e3"},
        {NUMERIC(10, 2), "1.234"},
        {NUMERIC(10, 2), "123456789.1"},
        {NUMERIC(3, -2), "123"},
        {NUMERIC(2, 4), "0.0012"},
        {{TYPE_DATE, -1}, "2023-02-29"},
        {{TYPE_DATE, -1}, "2024-02-29"},
        {{TYPE_DATE, -1}, "2024-00-10"},
        {{TYPE_DATE, -1}, "2024-10-00"},
        {{TYPE_DATE, -1}, "0000-01-01"},
        {{TYPE_DATE, -1}, "2024-13-01"},
        {{TYPE_DATE, -1}, "2024/12/01"},
        {{TYPE_TIMESTAMP, -1}, "2024-04-31 00:00:00"},
        {{TYPE_TIMESTAMP, -1}, "2024-04-30 24:00:00"},
        {{TYPE_TIMESTAMP, -1}, "2024-04-30 23:60:00"},
        {{TYPE_TIMESTAMP, -1}, "2024-04-30 23:59:60"},
        {{TYPE_TIMESTAMP, -1}, "2024-04-30 23:59:5x"},
        {{TYPE_TIMESTAMP, -1}, "2024-04-30 23:59.50"},
        {{TYPE_TIMESTAMP, -1}, "2024-04-30_23:59:50"},
        {{TYPE_TIMESTAMP, -1}, "2024-04-30"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t s = 0; s < SHAPES; s++) {
            bool blank = cases[i].text[0] == '\0' && shapes[s].cells == 1; /* a line of nothing is no row */
            if (!blank && taken_of(cases[i].type, cases[i].text, 100, &shapes[s]) > 0)
                fail_msg("\"%s\" is taken in shape %zu", cases[i].text, s);
        }
}

/* Something that looks like the type's texts, most often */
static void random_text(char text[TEXT_MAX], unsigned *seed)
{
    static const char odd[] = "0123456789.-+eT :/,x9";
    int kind = rand_r(seed) % 4;
    if (kind == 0) {
        snprintf(text, TEXT_MAX, "%d", rand_r(seed) >> rand_r(seed) % 31);
    } else if (kind == 1) {
        snprintf(text, TEXT_MAX, "%.*f", rand_r(seed) % 10,
                 (rand_r(seed) - (1 << 30)) / (double)(1 + (rand_r(seed) >> rand_r(seed) % 31)));
    } else {
        snprintf(text, TEXT_MAX, "%04d-%02d-%02d", rand_r(seed) % 10000, rand_r(seed) % 14, rand_r(seed) % 33);
        if (kind == 3)
            snprintf(text + 10, TEXT_MAX - 10, "%c%02d:%02d:%02d", rand_r(seed) % 2 ? ' ' : 'T', rand_r(seed) % 25,
                     rand_r(seed) % 61, rand_r(seed) % 61);
    }
    size_t len = strlen(text);
    if (rand_r(seed) % 8 == 0) text[(size_t)rand_r(seed) % len] = odd[(size_t)rand_r(seed) % (sizeof odd - 2)];
    if (rand_r(seed) % 16 == 0) text[(size_t)rand_r(seed) % len] = '\0';
    for (char *c = text; *c; c++)
        if (*c == ',') *c = '.';
}

static void random_cells_are_what_they_are_alone(void **state)
{
    unsigned seed = 1;
    (void)state;
    for (int round = 0; round < RANDOM_ROUNDS; round++) {
        const struct shape *s = &shapes[round % SHAPES];
        struct buf file;
        buf_init(&file, FILE_MAX);
        for (int i = 0; i < 300; i++) {
            char text[TEXT_MAX];
            random_text(text, &seed);
            if (text[0] || s->cells > 1) add_row(&file, s, text);
        }
        for (size_t t = 0; t < TYPES; t++)
            assert_true(check_file(types[t], buf_slice(&file), s) <= 300);
        buf_done(&file);
    }
}

static void other_forms_have_no_taker(void **state)
{
    struct type_format *format;
    struct error err;
    (void)state;
    assert_int_equal(type_format_new(SLICE("DD/MM/YYYY"), &err, &format), 0);
    assert_null(cells_taker(&(struct type_input){.type = {TYPE_DATE, -1}, .format = format}));
    assert_null(cells_taker(&(struct type_input){.type = {TYPE_NUMERIC, -1}, .marks = {.decimal = ','}}));
    assert_null(cells_taker(&(struct type_input){.type = {TYPE_TEXT, -1}}));
    type_format_free(format);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyday_cells_are_taken),
        cmocka_unit_test(what_is_not_everyday_is_left),
        cmocka_unit_test(random_cells_are_what_they_are_alone),
        cmocka_unit_test(other_forms_have_no_taker),
    };
    if (!cells_taker(&(struct type_input){.type = {TYPE_INT8, -1}})) return 0; /* a processor without such vectors */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
