/* SPDX-License-Identifier: MIT */
/*
 * What the ETL tells (etl/observer.h), as the JSON of an event of GET /events: one object, without line ends.
 *
 *     struct event_text text;
 *     event_text_init(&text);
 *     event_ring_push(&ring, &(struct event_new){…});   what event_text_file and the others return; json.p NULL: it is too large
 *     event_text_done(&text);
 *
 * What is returned lives until the next one is made.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_API_EVENT_TEXT_H
#define CETLD_API_EVENT_TEXT_H

#include "api/event_ring.h"
#include "etl/load.h"
#include "etl/observer.h"

enum { EVENT_TEXT_MAX = 64 * 1024 };

struct event_text {
    struct buf json;
    size_t words_at, words_end; /* in it: the error, which holds values of rows */
};

void event_text_init(struct event_text *t);
void event_text_done(struct event_text *t);

/** `file`: it got into a state. */
struct event_new event_text_file(struct event_text *t, const struct observed_file *f);
/** `progress`: how far its load has come. */
struct event_new event_text_progress(struct event_text *t, const struct arrival *a, struct load_progress p);
/** `dataset`: it has this version now. */
struct event_new event_text_version(struct event_text *t, const char *dataset, int64_t version);
/** `derive`: it was made anew, or could not be. */
struct event_new event_text_derive(struct event_text *t, const struct observed_derive *d);

#endif
