/* SPDX-License-Identifier: MIT */
/*
 * The newest events, as they go over the wire (WHATWG HTML, 9.2 Server-sent events), numbered from 1 without gaps. Bounded by
 * number and by bytes: the oldest make room.
 *
 *     event_ring_push(&ring, &(struct event_new){.dataset = …, .kind = "file", .json = …});
 *     for (seq = mine; seq < ring.end; seq++) if ((e = event_ring_at(&ring, seq))) … else it is lost
 *
 * An id ("18c2f0a1b3d-42") is the ring's own name and the event's number, so that one of an earlier daemon is not taken for ours.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_EVENT_RING_H
#define CETLD_API_EVENT_RING_H

#include "base/buf.h"

#include <stdbool.h>

enum { EVENT_RING_MAX = 4096, EVENT_RING_BYTES = 1 << 20, EVENT_ID_MAX = 48 };

struct event {
    bool passing; /* of the moment only (progress): it has no id, and is not told to those who come back */
    size_t dataset_len, text_len;
    size_t words_at, words_len; /* in the text: what only those are told who may see every row */
    char bytes[];               /* the dataset's name, then the text */
};
static inline struct slice event_dataset(const struct event *e)
{
    return (struct slice){e->bytes, e->dataset_len};
}
static inline struct slice event_text(const struct event *e)
{
    return (struct slice){e->bytes + e->dataset_len, e->text_len};
}

struct event_ring {
    struct event *slot[EVENT_RING_MAX]; /* number n is in slot n % EVENT_RING_MAX */
    uint64_t end;                       /* the next one's number */
    unsigned count;                     /* kept: end - count … end - 1 */
    size_t bytes;
    char name[24];
};

/** `name`: letters and digits, another one for each start of the daemon. */
void event_ring_init(struct event_ring *r, const char *name);
void event_ring_done(struct event_ring *r);

struct event_new {
    const char *dataset; /* whose event it is */
    const char *kind;    /* "file" */
    struct slice json;   /* without line ends */
    struct slice words;  /* a part of it, as `,"error":"…"`, without which it is sound JSON, too; or empty */
    bool passing;
};
/** Where there is no memory, or the event is larger than the ring, it counts as lost. */
void event_ring_push(struct event_ring *r, const struct event_new *e);
/** Something happened that nobody needs to be told: what is here is of no use to those who come back. */
void event_ring_skip(struct event_ring *r);
/** NULL: it is lost, or not there yet. */
const struct event *event_ring_at(const struct event_ring *r, uint64_t seq);
/** The id of event `seq`. */
void event_ring_id(const struct event_ring *r, uint64_t seq, char ret_id[EVENT_ID_MAX]);
/** The number behind the event that the client had last, by its Last-Event-ID: where it goes on. False: what came behind it is not
 * all here any more, or the id is none of ours. */
bool event_ring_resume(const struct event_ring *r, struct slice id, uint64_t *ret_seq);

#endif
