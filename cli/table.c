/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { TEXT_MAX = 256 << 20, GAP = 2, NARROWEST = 20, NARROWED = 32 };

struct cell {
    size_t at, len, width;
    enum table_look look;
};

void table_init(struct table *t, const struct table_column *columns, size_t n)
{
    memcpy(t->column, columns, n * sizeof *columns);
    t->columns = n;
    t->goes_on = false;
    buf_init(&t->text, TEXT_MAX);
    buf_init(&t->cells, TEXT_MAX);
}

void table_done(struct table *t)
{
    buf_done(&t->text);
    buf_done(&t->cells);
}

/* Of the character at the start of s, whose bytes are told. */
static size_t width_of_next(struct slice s, size_t *ret_bytes)
{
    const unsigned char *p = (const unsigned char *)s.p;
    static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    *ret_bytes = slice_char_len(s);
    if (*ret_bytes == 0) {
        *ret_bytes = 1;
        return 1;
    }
    wchar_t c = p[0] & mask[*ret_bytes];
    for (size_t i = 1; i < *ret_bytes; i++)
        c = c << 6 | (p[i] & 0x3f);
    int width = wcwidth(c);
    return width < 0 ? 1 : (size_t)width;
}

size_t table_width(struct slice text)
{
    size_t width = 0, bytes;
    for (; text.len > 0; text = (struct slice){text.p + bytes, text.len - bytes})
        width += width_of_next(text, &bytes);
    return width;
}

struct slice table_cut(struct slice text, size_t room)
{
    size_t at = 0, bytes;
    while (at < text.len) {
        size_t width = width_of_next((struct slice){text.p + at, text.len - at}, &bytes);
        if (width > room) break;
        room -= width;
        at += bytes;
    }
    return (struct slice){text.p, at};
}

/* The columns of stdout's terminal; SIZE_MAX where it is none. */
static size_t terminal_width(const struct cli *cli)
{
    struct winsize size;
    if (!cli->terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return SIZE_MAX;
    return size.ws_col;
}

void table_cell(struct table *t, struct slice text, enum table_look look)
{
    struct cell cell = {.at = t->text.len, .len = text.len, .width = table_width(text), .look = look};
    buf_put(&t->text, text);
    if (buf_check(&t->text) == 0) buf_append(&t->cells, &cell, sizeof cell);
}

void table_pair(struct table *t, const char *name, struct buf *text, enum table_look look)
{
    table_cell(t, slice_of(name), TABLE_FAINT);
    table_cell(t, buf_slice(text), look);
    buf_reset(text);
}

static void put_cell(struct slice text, enum table_look look, const struct cli *cli)
{
    static const char *const codes[] = {[TABLE_PLAIN] = "",
                                        [TABLE_GOOD] = "\033[32m",
                                        [TABLE_ODD] = "\033[33m",
                                        [TABLE_BAD] = "\033[31m",
                                        [TABLE_FAINT] = "\033[2m"};
    bool coloured = cli->colours && codes[look][0];
    printf("%s" SLICE_FMT "%s", coloured ? codes[look] : "", SLICE_ARG(text), coloured ? "\033[0m" : "");
}

static void put_start(struct slice text, size_t room, enum table_look look, const struct cli *cli)
{
    put_cell(table_cut(text, room - 1), look, cli);
    put_cell(SLICE("…"), look, cli);
}

/* One long name does not make all lines longer than the terminal: the widest columns of text, not what is short anyway, are cut. */
static void narrow(const struct table *t, size_t line, size_t *widths)
{
    if (t->column[t->columns - 1].align != TABLE_REST) return;
    for (;;) {
        size_t all = 0, widest = t->columns;
        for (size_t i = 0; i + 1 < t->columns; i++) {
            all += widths[i] + GAP;
            bool text = t->column[i].align == TABLE_LEFT && widths[i] > NARROWED;
            if (text && (widest == t->columns || widths[i] > widths[widest])) widest = i;
        }
        if (all <= line || widest == t->columns) return;
        size_t spare = widths[widest] - NARROWED;
        widths[widest] -= all - line < spare ? all - line : spare;
    }
}

/* One cell with what stands between it and the next. `room` is what is left of the line. */
static void put_column(const struct table *t, size_t i, struct slice text, enum table_look look, const size_t *widths, size_t *room,
                       const struct cli *cli)
{
    size_t width = table_width(text);
    bool last = i + 1 == t->columns;
    if (t->column[i].align == TABLE_RIGHT && width < widths[i]) printf("%*s", (int)(widths[i] - width), "");
    if (last && t->column[i].align == TABLE_REST && width > *room) {
        if (*room > 0) put_start(text, *room, look, cli);
        return;
    }
    if (!last && width > widths[i])
        put_start(text, width = widths[i], look, cli);
    else
        put_cell(text, look, cli);
    if (last) return;
    size_t behind = GAP + (t->column[i].align == TABLE_RIGHT || width > widths[i] ? 0 : widths[i] - width);
    printf("%*s", (int)behind, "");
    *room -= *room < widths[i] + GAP ? *room : widths[i] + GAP;
}

void table_print(const struct table *t, const struct cli *cli)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0}, rows = t->cells.len / sizeof(struct cell) / t->columns, line = terminal_width(cli);
    const struct cell *cells = (const struct cell *)(const void *)t->cells.data;
    bool headed = false;
    for (size_t i = 0; i < t->columns; i++) {
        widths[i] = table_width(slice_of(t->column[i].heading));
        headed = headed || (widths[i] > 0 && !t->goes_on);
        for (size_t row = 0; row < rows; row++)
            if (cells[row * t->columns + i].width > widths[i]) widths[i] = cells[row * t->columns + i].width;
    }
    if (line < NARROWEST) line = SIZE_MAX;
    if (line != SIZE_MAX) narrow(t, line, widths);
    for (size_t row = 0; row < rows + headed; row++) {
        size_t room = line;
        for (size_t i = 0; i < t->columns; i++) {
            const struct cell *c = row < headed ? NULL : &cells[(row - headed) * t->columns + i];
            struct slice text = c ? (struct slice){t->text.data + c->at, c->len} : slice_of(t->column[i].heading);
            put_column(t, i, text, c ? c->look : TABLE_FAINT, widths, &room, cli);
        }
        putchar('\n');
    }
    if (buf_check(&t->text) < 0 || buf_check(&t->cells) < 0) cli_complain(CLI_FAILED, "there is more than fits into memory");
}
