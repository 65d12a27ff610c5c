/* SPDX-License-Identifier: MIT */
/*
 * Avro object container files: a header with the schema, then blocks of records, each perhaps deflated, each with the file's sync
 * marker behind it.
 *
 * Writing. Blocks are independent of each other, so that several threads may pack them:
 *
 *     avro_file_header(&schema, &format, &out);
 *     r = avro_file_block(&format, records, rows, &out);      again and again
 *
 * Reading, from anything that gives bytes:
 *
 *     r = avro_reader_open(&reader, &(struct avro_source){read, ctx}, &err);
 *     while ((r = avro_reader_block(&reader, &rows, &records, &err)) == 0)
 *         … rows times avro_row_get …
 *     if (r != AVRO_E_END) …
 *     avro_reader_close(&reader);
 *
 * A reader's memory is that of one block, packed and unpacked; what a length says is believed only as its bytes arrive. Every file
 * that the specification allows is read but for other codecs than null and deflate, and for blocks beyond AVRO_BLOCK_MAX.
 *
 * Source: Apache Avro 1.11 specification, "Object Container Files".
 *
 * Thread: any, one at a time (avro_file_block: several).
 */
#ifndef CETLD_FORMAT_AVRO_FILE_H
#define CETLD_FORMAT_AVRO_FILE_H

#include "format/avro.h"

#include <sys/types.h>

enum {
    AVRO_SYNC_BYTES = 16,
    AVRO_BLOCK_BYTES = 256 * 1024,       /* a block that we write is closed when it has so many */
    AVRO_BLOCK_MAX = 1024 * 1024 * 1024, /* a row of PostgreSQL's may be so large */
};

struct avro_format {
    unsigned char sync[AVRO_SYNC_BYTES];
    int level; /* of deflate, 1 to 9; 0: codec null */
};

/** With a sync marker of random bytes. 0 or -errno. */
must_check int avro_format_init(struct avro_format *f, int level);
/** Failures show in buf_check, here and below. */
void avro_file_header(const struct avro_schema *s, const struct avro_format *f, struct buf *out);
/** Append a block of `rows` records. 0 or -ENOMEM. */
must_check int avro_file_block(const struct avro_format *f, struct slice records, int64_t rows, struct buf *out);

struct avro_source {
    /* Bytes read, 0 at the end, or a negative code. */
    ssize_t (*read)(void *ctx, void *p, size_t n);
    void *ctx;
};
struct avro_reader {
    struct avro_source source;
    struct avro_schema schema;
    unsigned char sync[AVRO_SYNC_BYTES];
    bool deflate;
    bool ended;       /* the source */
    struct buf in;    /* bytes [at, len) are not read yet */
    size_t at;        /* in `in` */
    uint64_t offset;  /* of in.data[0] in the file */
    struct buf block; /* unpacked */
};

/** 0, AVRO_E_DAMAGED with words, or the source's negative code, or -ENOMEM. avro_reader_close is due on success only. */
must_check int avro_reader_open(struct avro_reader *r, const struct avro_source *source, struct error *err);
/** The next block's records, valid until the next call. 0, AVRO_E_END, AVRO_E_DAMAGED with words, or negative. */
must_check int avro_reader_block(struct avro_reader *r, int64_t *ret_rows, struct slice *ret_records, struct error *err);
void avro_reader_close(struct avro_reader *r);

#endif
