/* SPDX-License-Identifier: MIT */
/*
 * The cutter reads a claimed file from its start to its end, unpacked and in UTF-8 (spool/input.h), and cuts its text into chunks
 * that begin and end at record ends, with SHA-256 over the bytes as they were dropped on the way. Reading is sequential (the state
 * of the quotes is carried on), so one cutter has at most one cutter_next running. A text of less than chunk_bytes is one chunk.
 *
 * A zip file's members are one text: each begins with a header that must be the first one's, and is left out but for the first.
 * Lines and offsets are those of the text, member behind member.
 *
 *     cutter_init(&c, &(struct cutter_input){…});
 *     while ((rc = cutter_next(&c, &chunk, &err)) == 0) { …; chunk_done(&chunk); }
 *     rc == CUTTER_E_END: cutter_sum(&c, sum)
 *     cutter_done(&c);
 *
 * Promise 3 of the design: fstat before the first and after the last read must agree; a file that changed is CUTTER_E_CHANGED.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_ETL_CUTTER_H
#define CETLD_ETL_CUTTER_H

#include "base/digest.h"
#include "csv/scan.h"
#include "spool/input.h"

#include <sys/stat.h>

struct chunk {
    char *memory;          /* malloc'd */
    struct slice bytes;    /* whole records */
    uint64_t first_line;   /* physical line of its first byte, from 1 */
    uint64_t first_offset; /* byte offset in the text */
    uint64_t seq;          /* from 0 */
    int64_t file;          /* its file's id in the ledger, where rows bear it; else 0 */
    struct slice name;     /* its file's, for filename(); somebody else's memory */
};
void chunk_done(struct chunk *c);

enum {
    CUTTER_E_END = 1,   /* all was read */
    CUTTER_E_CHANGED,   /* the file changed while it was read: load it again later */
    CUTTER_E_TRUNCATED, /* it became shorter while it was read */
    CUTTER_E_UNCLOSED,  /* the file ends inside a quoted cell; err says where that began */
    CUTTER_E_LONG,      /* a record longer than max_record; err says where it began */
    CUTTER_E_REFUSED,   /* what cannot be unpacked or is not in its encoding, or a member with another header */
};

struct cutter_input {
    int fd;                 /* stays the caller's */
    int64_t file;           /* its id in the ledger, for the chunks */
    struct slice name;      /* likewise; must outlive them */
    struct stat st;         /* fstat before the first read */
    struct dialect dialect; /* detected */
    struct input_options options;
    size_t chunk_bytes; /* read at once */
    size_t max_record;  /* bytes with its line end; a longer record is refused, and so is a longer comment */
};

struct cutter {
    struct cutter_input in;
    struct input input;
    struct scan scan;
    struct chunk tail;   /* what was read behind the last record end */
    struct slice ahead;  /* malloc'd: what was read before this began (cutter_go_on) */
    size_t skip;         /* bytes before the first record that are still to come */
    struct slice header; /* malloc'd: the first member's, of a zip file that has one */
    uint64_t seq;
    bool opened;
    bool further; /* at the start of a part that is not the first */
    bool ended;
};

must_check int cutter_init(struct cutter *c, const struct cutter_input *in);
void cutter_done(struct cutter *c);
/**
 * Before the first cutter_next: take over an open input of the same file and options, and the text that was read from it so far
 * (malloc'd). The cutter goes on there. `input` is closed afterwards.
 */
void cutter_go_on(struct cutter *c, struct input *input, struct slice text);
/** 0 and the next chunk (the caller's, chunk_done), a CUTTER_E_ code with the words in err, or negative. */
must_check int cutter_next(struct cutter *c, struct chunk *ret_chunk, struct error *err);
/** Bytes of the dropped file that were read so far. */
uint64_t cutter_bytes(const struct cutter *c);
/** After CUTTER_E_END, once: the digest of the file. */
void cutter_sum(struct cutter *c, uint8_t ret_sum[DIGEST_BYTES]);
/** Bytes that the next chunk comes to, unless a record is longer; and what a cutter holds beside its chunks. */
size_t cutter_chunk_bytes(const struct cutter_input *in);
size_t cutter_memory(const struct cutter_input *in);

#endif
