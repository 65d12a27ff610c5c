/* SPDX-License-Identifier: MIT */
/*
 * What one core does with a file's bytes before they are cells: GB/s of finding record ends (csv/scan), of cutting cells
 * (csv/reader), of checking UTF-8 (csv/utf8), by kind of text. Times are the thread's own, the best of a few passes over 64 MB.
 *
 * Thread: one.
 */
#include "csv/reader.h"
#include "csv/scan.h"
#include "csv/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TEXT_BYTES = 64 << 20, PIECE = 1 << 20, PASSES = 9, ROW_MAX = 256 };

struct text {
    struct slice bytes;
    struct dialect dialect;
};

static double thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static size_t run_scan(const struct text *t)
{
    struct scan s;
    size_t ends = 0;
    scan_init(&s, &t->dialect);
    for (size_t at = 0; at < t->bytes.len; at += PIECE)
        ends += scan_feed(&s, (struct slice){t->bytes.p + at, t->bytes.len - at < PIECE ? t->bytes.len - at : PIECE}).end;
    return ends;
}

static size_t run_reader(const struct text *t)
{
    struct arena arena;
    struct reader r;
    struct record record;
    size_t cells = 0;
    arena_init(&arena, 1 << 16, (size_t)1 << 30);
    reader_init(&r, &(struct reader_input){.dialect = &t->dialect, .chunk = t->bytes, .first_line = 1}, &arena);
    while (reader_next(&r, &record) == 0)
        cells += record.n;
    arena_done(&arena);
    return cells;
}

static size_t run_utf8(const struct text *t)
{
    return utf8_prefix(t->bytes);
}

static void measure(const char *what, const char *kind, size_t (*run)(const struct text *), const struct text *t)
{
    double best = 0;
    size_t sum = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        double before = thread_seconds();
        sum += run(t);
        double seconds = thread_seconds() - before;
        if (pass == 0 || seconds < best) best = seconds;
    }
    printf("%-8s %-24s %6.2f GB/s%s\n", what, kind, (double)t->bytes.len / best / 1e9, sum ? "" : " (nothing found)");
}

/* Rows until the memory is full: numbers, or sales with a quoted cell, whose text is `name`. */
static void fill(char *memory, const char *name, struct text *ret_text)
{
    size_t len = 0;
    for (unsigned i = 0; len + ROW_MAX < TEXT_BYTES; i++)
        len += (size_t)(name ? sprintf(memory + len, "%u,%s %u,12.50,2024-01-%02u,\"a \"\"q\"\" b\",region,19\n", i, name, i * 7,
                                       i % 28 + 1)
                             : sprintf(memory + len, "%u,%u,%u,%u.5,%u\n", i, i * 7, i * 3, i % 1000, i * 11));
    ret_text->bytes = (struct slice){memory, len};
}

int main(void)
{
    static const struct {
        const char *kind, *name;
    } kinds[] = {{"numbers", NULL},
                 {"sales, ASCII", "Product name"},
                 {"sales, German", "Gr\xc3\xb6\xc3\x9f"
                                   "e \xc3\xbc"},
                 {"sales, Chinese", "\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xb8\x96\xe7\x95\x8c"}};
    char *memory = malloc(TEXT_BYTES);
    if (!memory) return 1;
    struct text t = {.dialect = dialect_default()};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        fill(memory, kinds[i].name, &t);
        measure("scan", kinds[i].kind, run_scan, &t);
        measure("reader", kinds[i].kind, run_reader, &t);
        measure("utf8", kinds[i].kind, run_utf8, &t);
    }
    t.dialect.escape = '\\';
    t.dialect.comment = '#';
    t.dialect.trim = true;
    measure("scan", "the same, every option", run_scan, &t);
    free(memory);
    return 0;
}
