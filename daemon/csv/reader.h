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
};

/** `arena` holds unescaped cells; the caller may arena_reset it between records as long as it calls reader_forget first. */
void reader_init(struct reader *r, const struct reader_input *in, struct arena *arena);
/** The arena was reset: take the cell array anew. */
void reader_forget(struct reader *r);
/** 0 and a record, READER_E_END, another READER_E_ with the record's raw bytes, or -ENOMEM. */
must_check int reader_next(struct reader *r, struct record *ret_record);
/** What a READER_E_ code means, for a person: "a quote inside an unquoted cell; double it and put the cell in quotes". */
const char *reader_error_text(int code);

#endif
