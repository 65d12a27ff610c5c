/* SPDX-License-Identifier: MIT */
/*
 * Writing an Avro file by several threads: one fills blocks with records, others deflate them, the first writes them in their order
 * and takes the file's SHA-256. A few blocks are under way at a time, so its memory is small and does not grow.
 *
 *     r = packer_new(&(struct packer_config){fd, &schema, level, threads}, &p);
 *     struct buf *records = packer_block(p);         put records there; buf_check is the caller's
 *     r = packer_next(p, rows);                      the block is full
 *     r = packer_end(p, &rows_and_sum);              the last one, too
 *     packer_free(p);
 *
 * Thread: one (its own are inside).
 */
#ifndef CETL_PACKER_H
#define CETL_PACKER_H

#include "base/digest.h"
#include "format/avro_file.h"

struct packer;
struct packer_config {
    int fd; /* at its start; stays the caller's */
    const struct avro_schema *schema;
    int level;   /* as struct avro_format */
    int threads; /* 0: no other thread */
};
struct packed {
    int64_t bytes;
    char sha256[DIGEST_HEX];
};

/** 0 or negative. */
must_check int packer_new(const struct packer_config *config, struct packer **ret_packer);
struct buf *packer_block(struct packer *p);
must_check int packer_next(struct packer *p, int64_t rows);
must_check int packer_end(struct packer *p, int64_t rows, struct packed *ret_packed);
/** NULL is fine. */
void packer_free(struct packer *p);

#endif
