/* SPDX-License-Identifier: MIT */
/*
 * The dialect of a CSV file: RFC 4180 with what people declare or what is detected, and the encoding of its bytes.
 *
 * One grammar, shared by scan.h and reader.h: a quote opens a quoted cell only as the first byte of the cell; inside, a doubled
 * quote is one quote; after the closing quote only a delimiter, a line end or the end of the file may follow. A quote anywhere else
 * is an error of that record. A record ends at LF or CRLF outside of quotes. (So a stray quote never swallows the records behind
 * it.) What may be added to it:
 *
 * - `line_end` CR: a record ends at a CR outside of quotes, and an LF there is an error of its record. Lines are counted by CR.
 * - `escape`: inside of quotes it makes a quote or itself a plain byte; before anything else it is one (as PostgreSQL's ESCAPE).
 *   Doubled quotes go on to work. Outside of quotes it means nothing.
 * - `comment`: a record that begins with it is a comment up to its line end, and no record; quotes mean nothing in it.
 * - `trim`: spaces and tabs around an unquoted cell are no part of it, and may stand around a quoted one.
 *
 * Thread: any.
 */
#ifndef CETLD_CSV_DIALECT_H
#define CETLD_CSV_DIALECT_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum dialect_encoding { DIALECT_UTF8, DIALECT_LATIN1 };
enum dialect_header { DIALECT_HEADER_AUTO, DIALECT_HEADER_YES, DIALECT_HEADER_NO };
enum dialect_line_end { DIALECT_END_AUTO, DIALECT_END_LF, DIALECT_END_CR };

/* A blank line (no byte between two line ends). Before a header it is always skipped. */
enum dialect_blank {
    DIALECT_BLANK_AUTO,   /* declared: ROW in a file of one column, where it would otherwise be lost, else SKIP */
    DIALECT_BLANK_SKIP,   /* is no record */
    DIALECT_BLANK_ROW,    /* is a row whose one cell is empty; as a declaration in a file of more columns REJECT */
    DIALECT_BLANK_REJECT, /* is an error of its row */
};

struct shape_names;

/* Declared: what is to be detected, where the file as it stands is no table. Of a detected dialect all is false. */
struct dialect_open {
    bool quote;                      /* ' may take the place of `quote` */
    bool escape;                     /* \ may be it */
    bool lines;                      /* there may be lines before the header */
    const struct shape_names *names; /* the header's, where they are known; or NULL */
};

struct dialect {
    char delimiter; /* 0: to be detected */
    char quote;     /* usually '"'; 0: none, it is a byte like any other */
    char escape;    /* 0: none */
    char comment;   /* 0: none */
    bool trim;
    enum dialect_line_end line_end;
    enum dialect_encoding encoding;
    enum dialect_header header;
    enum dialect_blank blank;
    uint64_t skip_lines; /* lines before the header (or the first record) that are none */
    size_t start;        /* bytes before the first record: the byte order mark and the skipped lines */
    uint64_t first_line; /* the physical line of the byte at `start`, from 1 */
    bool blank_header;   /* there is nothing but blank lines, and the first of them is the header */
    struct dialect_open open;
};

/** RFC 4180's: comma, double quote, UTF-8, line end, header and blank lines to be detected. (A scan or a reader takes LF and
 * skips.) */
struct dialect dialect_default(void);
/**
 * Fill in what `declared` leaves open from the first bytes of the file: the BOM, the line end (CR where records end in it and no LF
 * stands outside of quotes), where the first record begins, the delimiter among , ; tab | (the one that cuts the sample's records
 * most evenly; comma when nothing speaks for another), whether there is a header, what blank lines are (rows where the first record
 * has one cell). `whole`: the sample is the whole file. At most its first 1000 records are looked at. Works at any cut of the
 * sample (a last incomplete record is not judged); a sample that ends before the first record has start == its length.
 *
 * Of what is `open` only that is found which the sample proves (shape.h): quotes and an escape with which all of its records are
 * sound and as wide, where they are not without; quotes ' around every text; the lines before a header. In doubt it is read as it
 * stands.
 */
void dialect_detect(const struct dialect *declared, struct slice sample, bool whole, struct dialect *ret_dialect);
/** Bytes at the start of the text that are the byte order mark and the lines that a detected dialect skips. */
size_t dialect_skip(const struct dialect *d, struct slice text);
/** What was detected of what is open in `declared`, for a person: "quote ', escape \, 2 lines before the header"; "" when nothing
 * was. */
enum { DIALECT_FOUND_MAX = 80 };
const char *dialect_found(const struct dialect *declared, const struct dialect *d, char ret_text[DIALECT_FOUND_MAX]);
/** The name of a delimiter for people: "comma", "semicolon", "tab", "pipe", "space", or the character in quotes. ret_text holds 16
 * bytes. */
const char *dialect_delimiter_name(char delimiter, char ret_text[16]);
/** The byte at which a line ends: LF (also of CRLF), or CR. */
static inline char dialect_line_byte(const struct dialect *d)
{
    return d->line_end == DIALECT_END_CR ? '\r' : '\n';
}
/** Is it white space that `trim` takes away? */
static inline bool dialect_space(const struct dialect *d, char c)
{
    return (c == ' ' || c == '\t') && c != d->delimiter;
}

#endif
