/* SPDX-License-Identifier: MIT */
/*
 * A dropped file as a stream of plain text: read once from its start to its end, unpacked (gzip, zip), and in UTF-8 (or in latin-1,
 * which the reader of CSV understands itself). On the way goes SHA-256 over the bytes as they were dropped.
 *
 *     input_open(&in, fd, size, &options, err);
 *     do {
 *         while (!in.over && input_read(&in, to, room, &n, err) == 0) …
 *     } while (input_next(&in, err) == 0);
 *     …                                            (INPUT_E_END: all was read)
 *     input_sum(&in, sum);
 *     input_close(&in);
 *
 * A plain file and a gzip file are one part; each member of a zip file is one, in the order of their names.
 *
 * A character that means nothing in its encoding stands in the text as bytes that are no UTF-8, where it can be skipped
 * (csv/transcode.h); else the file is refused there.
 *
 * What is packed twice is refused, and so is what unpacks to more than the options allow. The mark of UTF-8 rules over
 * what is declared; that of UTF-16 and UTF-32 decides where nothing is, and must agree with what is.
 *
 * Thread: any, one at a time. It blocks.
 */
#ifndef CETLD_SPOOL_INPUT_H
#define CETLD_SPOOL_INPUT_H

#include "base/digest.h"
#include "base/error.h"
#include "csv/transcode.h"
#include "spool/mark.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    INPUT_E_END = 1, /* there is no further part */
    INPUT_E_REFUSED, /* it cannot be read as text; the words are in err */
};

enum input_compression { INPUT_AUTO, INPUT_PLAIN, INPUT_GZIP, INPUT_ZIP };

struct input_options {
    enum input_compression compression; /* AUTO: told by the first bytes */
    const char *encoding;               /* for iconv, outlives the input; NULL: UTF-8, or what the byte order mark says */
    bool latin1;                        /* nothing is converted, whatever the mark says */
    bool utf8;                          /* it is declared: the mark of another encoding is refused */
    uint64_t unpack_max;                /* bytes */
    uint64_t unpack_ratio;
    uint64_t unpack_entries;
    bool transcodes; /* told by input_read: a part of it was not in UTF-8 */
};

struct gunzip;
struct unzip;

struct input {
    struct input_options options; /* compression is what it is, after input_open */
    int fd;
    uint64_t size;     /* of the file */
    uint64_t offset;   /* bytes of the file that are read and digested */
    uint64_t unpacked; /* bytes, of all parts */
    struct digest digest;
    struct gunzip *gunzip;
    struct unzip *unzip;
    struct slice packed; /* read and not yet unpacked */
    struct slice text;   /* unpacked and not yet handed out */
    char *packed_memory, *text_memory;
    char start[MARK_SAMPLE]; /* of the file: by these bytes it is told what it is */
    size_t start_len;
    struct transcode transcode;
    const char *encoding; /* of this part, while it is transcoded */
    uint64_t lf, cr;      /* of this part, that are transcoded: the greater is the count of its lines */
    bool transcoding;     /* this part */
    bool over;            /* this part was read to its end; for the caller, too */
    bool begun;           /* this part's first bytes were looked at */
    bool summed;          /* the digest is whole */
};

/** 0, INPUT_E_REFUSED, or negative. `in` needs input_close in any case. `fd` stays the caller's. What lies behind `size` is not
 * read. */
must_check int input_open(struct input *in, int fd, uint64_t size, const struct input_options *options, struct error *err);
void input_close(struct input *in);
/**
 * Fill the room (at least TRANSCODE_ROOM bytes, unless the file is plain and in UTF-8), but for a few bytes; with less at the end
 * of the part, which `over` tells then. 0, INPUT_E_REFUSED, or negative.
 */
must_check int input_read(struct input *in, char *to, size_t room, size_t *ret_len, struct error *err);
/** The part is read: go to the next. 0, INPUT_E_END, INPUT_E_REFUSED, or negative. */
must_check int input_next(struct input *in, struct error *err);
/** What the part is called in a message: "member a.csv of the zip file", or "the file". `ret_text` is of INPUT_PART_MAX bytes. */
enum { INPUT_PART_MAX = 512 };
const char *input_part(const struct input *in, char ret_text[INPUT_PART_MAX]);
/** After INPUT_E_END, once. */
void input_sum(struct input *in, uint8_t ret_sum[DIGEST_BYTES]);
/** Bytes that an open input holds, at most. `options.compression` is not AUTO. */
size_t input_memory(const struct input_options *options);

#endif
