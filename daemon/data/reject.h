/* SPDX-License-Identifier: MIT */
/*
 * Rejects: rows that were refused, with where, what and why, and their bytes as dropped. Bounded: beyond `max` bytes only the count
 * goes on, also by column and code where those are few; of a row so long that there is no room for its bytes the rest is kept.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_DATA_REJECT_H
#define CETLD_DATA_REJECT_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdint.h>

/** SQLSTATEs that say why; PostgreSQL's own where it has one (22P02, 22003, 22001, 22007, 22008, 23502, 22021), 22P04 for the shape
 * of the row. */
struct reject {
    uint64_t line;        /* physical line of the row, from 1 */
    uint64_t offset;      /* byte offset of the row in the file */
    struct slice column;  /* name, or empty when the row as such is at fault */
    char code[6];         /* SQLSTATE */
    struct slice message; /* one sentence: what was found and what was expected */
    struct slice value;   /* the cell, cut to REJECT_VALUE_MAX */
    struct slice raw;     /* the row's bytes as dropped, without its line end; in a list NULL where there was no room for them */
};
enum { REJECT_VALUE_MAX = 200 };

/** Of rejects for which there was no room. */
struct reject_kind {
    char column[64];
    char code[6];
    uint64_t count;
};
enum { REJECT_KINDS_MAX = 64 }; /* more are only in the list's count */

struct reject_list {
    struct reject *item; /* the stored ones, in order of addition */
    size_t n, cap;
    uint64_t count;    /* all, also those there was no room for */
    size_t bytes, max; /* memory in use and its ceiling */
    struct reject_kind *unlisted;
    size_t n_unlisted;
};

void reject_list_init(struct reject_list *l, size_t max_bytes);
void reject_list_done(struct reject_list *l);
/** Copies the slices. 0 (also when only counted) or -ENOMEM. */
must_check int reject_list_add(struct reject_list *l, const struct reject *r);
/** Move all of `from` to the end of `to` as far as `to` has room; `from` is empty afterwards. 0 or -ENOMEM. */
must_check int reject_list_move(struct reject_list *to, struct reject_list *from);
/** Bring them into the order of their lines. */
void reject_list_sort(struct reject_list *l);
/** The stored one of that line in a sorted list, or NULL. */
const struct reject *reject_list_find(const struct reject_list *l, uint64_t line);
/** As NAME.errors.csv: line,byte_offset,column,code,message,value,raw with a header line, RFC 4180. */
void reject_list_csv(const struct reject_list *l, struct buf *out);

#endif
