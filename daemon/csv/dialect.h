/* SPDX-License-Identifier: MIT */
/*
 * The dialect of a CSV file: RFC 4180 with a declared or detected delimiter, and the encoding of its bytes.
 *
 * One grammar, shared by scan.h and reader.h: a quote opens a quoted cell only as the first byte of the cell; inside, a doubled
 * quote is one quote; after the closing quote only a delimiter, a line end or the end of the file may follow. A quote anywhere else
 * is an error of that record. A record ends at LF or CRLF outside of quotes. (So a stray quote never swallows the records behind
 * it.)
 *
 * Thread: any.
 */
#ifndef CETLD_CSV_DIALECT_H
#define CETLD_CSV_DIALECT_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>

enum dialect_encoding { DIALECT_UTF8, DIALECT_LATIN1 };
enum dialect_header { DIALECT_HEADER_AUTO, DIALECT_HEADER_YES, DIALECT_HEADER_NO };

struct dialect {
    char delimiter; /* 0: to be detected */
    char quote;     /* usually '"' */
    enum dialect_encoding encoding;
    enum dialect_header header;
    size_t bom;      /* bytes of the byte order mark at the start of the file, 0 or 3 */
    bool blank_rows; /* a blank line is a row whose one cell is empty: in a file of one column, where it would otherwise be lost */
};

/** RFC 4180's: comma, double quote, UTF-8, header to be detected. */
struct dialect dialect_default(void);
/**
 * Fill in what `declared` leaves open from the first bytes of the file: the BOM, the delimiter among , ; tab | (the one that cuts
 * the sample's records most evenly; comma when nothing speaks for another), whether there is a header, whether the first record has
 * one cell only (blank_rows). `whole`: the sample is the whole file. At most its first 1000 records are looked at.
 * Works at any cut of the sample (a last incomplete record is not judged).
 */
void dialect_detect(const struct dialect *declared, struct slice sample, bool whole, struct dialect *ret_dialect);
/** The name of a delimiter for people: "comma", "semicolon", "tab", "pipe", or the character in quotes. ret_text holds 16 bytes. */
const char *dialect_delimiter_name(char delimiter, char ret_text[16]);

#endif
