/* SPDX-License-Identifier: MIT */
#include "api/event_ring.h"

#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>

void event_ring_init(struct event_ring *r, const char *name)
{
    *r = (struct event_ring){.end = 1};
    snprintf(r->name, sizeof r->name, "%s", name);
}

static void drop_oldest(struct event_ring *r)
{
    struct event **oldest = &r->slot[(r->end - r->count) % EVENT_RING_MAX];
    if (*oldest) r->bytes -= sizeof **oldest + (*oldest)->dataset_len + (*oldest)->text_len;
    free(*oldest);
    *oldest = NULL;
    r->count--;
}

void event_ring_done(struct event_ring *r)
{
    while (r->count > 0)
        drop_oldest(r);
}

void event_ring_skip(struct event_ring *r)
{
    event_ring_done(r);
    r->end++;
}

void event_ring_id(const struct event_ring *r, uint64_t seq, char ret_id[EVENT_ID_MAX])
{
    snprintf(ret_id, EVENT_ID_MAX, "%s-%llu", r->name, (unsigned long long)seq);
}

static struct event *event_make(const struct event_ring *r, const struct event_new *n)
{
    char head[EVENT_ID_MAX + 64], id[EVENT_ID_MAX];
    event_ring_id(r, r->end, id);
    int len = n->passing ? snprintf(head, sizeof head, "event: %s\ndata: ", n->kind)
                         : snprintf(head, sizeof head, "id: %s\nevent: %s\ndata: ", id, n->kind);
    size_t dataset_len = strlen(n->dataset), text_len = (size_t)len + n->json.len + 2;
    struct event *e = malloc(sizeof *e + dataset_len + text_len);
    if (!e) return NULL;
    *e = (struct event){.passing = n->passing, .dataset_len = dataset_len, .text_len = text_len};
    if (n->words.len > 0) {
        e->words_at = (size_t)len + (size_t)(n->words.p - n->json.p);
        e->words_len = n->words.len;
    }
    char *at = e->bytes;
    memcpy(at, n->dataset, dataset_len);
    memcpy(at += dataset_len, head, (size_t)len);
    memcpy(at += len, n->json.p, n->json.len);
    memcpy(at + n->json.len, "\n\n", 2);
    return e;
}

void event_ring_push(struct event_ring *r, const struct event_new *n)
{
    struct event *e = event_make(r, n);
    if (!e) return event_ring_skip(r);
    r->bytes += sizeof *e + e->dataset_len + e->text_len;
    while (r->count > 0 && (r->count == EVENT_RING_MAX || r->bytes > EVENT_RING_BYTES))
        drop_oldest(r);
    r->slot[r->end % EVENT_RING_MAX] = e;
    r->count++;
    r->end++;
    if (r->bytes > EVENT_RING_BYTES) drop_oldest(r);
}

const struct event *event_ring_at(const struct event_ring *r, uint64_t seq)
{
    return seq < r->end && r->end - seq <= r->count ? r->slot[seq % EVENT_RING_MAX] : NULL;
}

bool event_ring_resume(const struct event_ring *r, struct slice id, uint64_t *ret_seq)
{
    struct slice name = slice_cut(&id, '-');
    int64_t seq;
    if (!slice_equal(name, slice_of(r->name)) || num_parse_i64(id, &seq) != 0 || seq < 0) return false;
    uint64_t next = (uint64_t)seq + 1;
    if (next > r->end || r->end - next > r->count) return false;
    *ret_seq = next;
    return true;
}
