/* SPDX-License-Identifier: MIT */
/*
 * The reader: records and cells of a chunk that begins and ends at record ends (the last chunk of a file may lack its final line
 * end). Cells are unquoted, and in UTF-8: what needs no change points into the chunk, the rest is in the arena.
 * Comments are no records; what blank lines are the dialect says, and before a header they are none.
 *
 * The record ends that the reader finds are those that scan.h finds, whatever the bytes.
 *
 * A record that breaks the grammar or holds a NUL byte or invalid UTF-8 is handed out with the READER_E_ code; its raw bytes, line
 * and offset are right, its cells are those before the fault. The reader goes on behind it.
 *
 *     reader_init(&r, &(struct reader_input){.dialect = &d, .chunk = chunk, .first_line = 1, .first_offset = 0}, &arena);
 *     while ((rc = reader_next(&r, &record)) != READER_E_END) …
 *
 * Sound records can be had many at once and without an array of cells, which is several times as fast:
 *
 *     while ((n = reader_rows(&r, cells, max, &rows)) > 0) …      0: one by reader_next, then go on
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_CSV_READER_H
#define CETLD_CSV_READER_H

#include "base/arena.h"
#include "csv/dialect.h"

#include <stdint.h>

enum {
    READER_E_END = 1,     /* no more records */
    READER_E_STRAY_QUOTE, /* a quote inside an unquoted cell */
    READER_E_AFTER_QUOTE, /* bytes between a closing quote and the delimiter */
    READER_E_UNCLOSED,    /* the chunk ended inside a quoted cell */
    READER_E_NUL,         /* a NUL byte */
    READER_E_ENCODING,    /* bytes that are no UTF-8 */
    READER_E_BARE_CR,     /* a CR without LF outside of quotes */
    READER_E_TOO_WIDE,    /* more cells than READER_CELLS_MAX */
    READER_E_BARE_LF,     /* an LF outside of quotes where records end in CR */
    READER_E_COMMENT,     /* a comment that holds the other kind of line end: rows may hide in it */
    READER_E_BLANK,       /* a blank line (DIALECT_BLANK_REJECT) */
    READER_E_CODES
};
enum { READER_CELLS_MAX = 16384, READER_NO_QUOTE = 256 };

struct cell {
    struct slice text;
    bool quoted; /* it stood in quotes: an empty one is '' and not NULL */
};

struct record {
    const struct cell *cell; /* valid until the next reader_next */
    size_t n;
    uint64_t line;     /* physical line of its first byte, from 1 */
    uint64_t offset;   /* byte offset in the file of its first byte */
    struct slice raw;  /* its bytes as dropped, without the line end */
    size_t fault_cell; /* with an error: the index of the faulty cell */
};

struct reader_input {
    const struct dialect *dialect; /* as detected; must outlive the reader */
    struct slice chunk;            /* must outlive the reader */
    uint64_t first_line;           /* physical line of the chunk's first byte */
    uint64_t first_offset;         /* byte offset in the file of the chunk's first byte */
};

struct simd_ops;

enum { READER_INDEX = 4096 }; /* cells that are cut at once */

struct reader {
    struct reader_input in;
    struct arena *arena;
    const struct simd_ops *ops;
    char delimiter, escape, comment, line_byte; /* the dialect's */
    int quote;                                  /* READER_NO_QUOTE, which no byte is: the dialect has none */
    bool trim, cr;
    size_t pos;        /* in the chunk, behind the last record */
    uint64_t line;     /* physical line of pos */
    struct cell *cell; /* in the arena; NULL: to be taken */
    size_t cell_cap;
    size_t plain_end; /* the bytes from the record at hand up to here need no change: UTF-8 or ASCII, without NUL */
    size_t block;     /* offset of the block that the masks are of */
    uint64_t structural, quotes, lines; /* masks of the block: quote, delimiter, LF or CR; quote or escape; what ends lines */
    /* Of reader_rows: the cuts of the records behind offset `base`. behind[cut] is where the next cell begins. */
    size_t base, cut, cuts;
    size_t line_cuts; /* how many of those behind `cut` end lines */
    bool multiline;   /* lines end inside of quotes, too */
    bool even;        /* all records behind `cut` have as many cells as was asked for */
    size_t even_cells;
    uint32_t behind[READER_INDEX];
};

/** Records of `cells` sound cells each, one behind the other. */
struct reader_rows {
    const char *text;       /* behind[] counts from here */
    const uint32_t *behind; /* of cell i of row r, item r * cells + i: where it begins; the next item: behind what ends it */
    size_t rows, cells;
    char quote;
    bool multiline;
    uint64_t line;   /* of the first row */
    uint64_t offset; /* in the file, of `text` */
};

/** `arena` holds unescaped cells; the caller may arena_reset it between records as long as it calls reader_forget first. */
void reader_init(struct reader *r, const struct reader_input *in, struct arena *arena);
/** The arena was reset: take the cell array anew. */
void reader_forget(struct reader *r);
/** 0 and a record, READER_E_END, another READER_E_ with the record's raw bytes, or -ENOMEM. */
must_check int reader_next(struct reader *r, struct record *ret_record);
/**
 * The next records, at most `max`, as long as they have `cells` cells each and nothing about them is odd; the reader goes on
 * behind them. 0: the next record is for reader_next (so is the end). *ret_rows is valid until the next call of the reader.
 */
size_t reader_rows(struct reader *r, size_t cells, size_t max, struct reader_rows *ret_rows);
/** A cell's bytes, without its quotes; *ret_doubled: there are doubled quotes in it, which reader_unescape takes out. An unquoted
 * one never has any. last: it is the row's last one. */
static inline struct cell reader_rows_cell(const struct reader_rows *rows, size_t at, bool last, bool *ret_doubled)
{
    const uint32_t offset = UINT32_C(0x7fffffff); /* without SIMD_INDEX_DOUBLED */
    size_t from = rows->behind[at] & offset, to = (rows->behind[at + 1] & offset) - 1;
    const char *p = rows->text + from;
    bool quoted = *p == rows->quote;
    if (last) to -= to > from && rows->text[to - 1] == '\r';
    *ret_doubled = (rows->behind[at + 1] & ~offset) != 0;
    return (struct cell){{p + quoted, to - from - (quoted ? 2 : 0)}, quoted};
}
/** The cell's text with its doubled quotes made single, in the arena. {NULL, 0}: no memory. */
struct slice reader_unescape(struct reader *r, struct slice text);
/** The lines of all rows. */
void reader_rows_lines(const struct reader *r, const struct reader_rows *rows, uint64_t *ret_line);
/** A row's bytes as dropped, without its line end, and where they begin in the file. */
static inline void reader_rows_raw(const struct reader_rows *rows, size_t row, uint64_t *ret_offset, struct slice *ret_raw)
{
    const uint32_t offset = UINT32_C(0x7fffffff);
    size_t from = rows->behind[row * rows->cells] & offset, to = (rows->behind[(row + 1) * rows->cells] & offset) - 1;
    to -= to > from && rows->text[to - 1] == '\r';
    *ret_offset = rows->offset + from;
    *ret_raw = (struct slice){rows->text + from, to - from};
}
/** One row as reader_next would have handed it out. 0 or -ENOMEM. */
must_check int reader_rows_record(struct reader *r, const struct reader_rows *rows, size_t row, struct record *ret_record);
/** What a READER_E_ code means, for a person: "a quote inside an unquoted cell; double it and put the cell in quotes". */
const char *reader_error_text(int code);

#endif
