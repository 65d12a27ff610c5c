/* SPDX-License-Identifier: MIT */
/*
 * A store of S3's API on a server of the test's own (peer.h), with what it needs.
 */
#ifndef CETLD_TEST_STORE_SUBJECT_H
#define CETLD_TEST_STORE_SUBJECT_H

#include "peer.h"
#include "store/store.h"

struct subject {
    struct loop *loop;
    struct workers *workers;
    struct transfers *transfers;
    struct store *store;
    struct peer peer;
    struct store_op *op;
    /* what came of the last call */
    int calls, status;
    bool unseen;
    size_t n;
    char why[256], next[64];
};

/** With a key, or without: then nothing is signed. */
static struct subject *subject_set_up(struct subject *s, void (*answer)(struct peer *p, int fd, const char *target),
                                      const char *secret)
{
    struct error err;
    peer_start(&s->peer, answer);
    int r = loop_new(&s->loop);
    if (r == 0) r = workers_new(s->loop, 1, 0, &s->workers);
    if (r == 0) r = transfers_new(&(struct transfers_config){.loop = s->loop, .workers = s->workers}, &s->transfers);
    struct store_config c = {.loop = s->loop,
                             .workers = s->workers,
                             .transfers = s->transfers,
                             .url = "s3://bucket",
                             .endpoint = s->peer.base,
                             .key_id = secret ? "id" : NULL,
                             .secret = secret,
                             .tries = 1};
    if (r == 0) r = store_new(&c, &err, &s->store);
    if (r != 0) abort();
    return s;
}

static void subject_tear_down(struct subject *s)
{
    store_free(s->store);
    transfers_free(s->transfers);
    workers_free(s->workers);
    loop_free(s->loop);
    peer_stop(&s->peer);
}

static void subject_note(struct subject *s, const struct store_result *r)
{
    s->calls++;
    s->status = r->status;
    s->unseen = r->unseen;
    snprintf(s->why, sizeof s->why, "%s", r->why);
    loop_stop(s->loop);
}

#endif
