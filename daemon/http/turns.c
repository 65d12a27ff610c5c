/* SPDX-License-Identifier: MIT */
#include "http/turns.h"

void http_turns_init(struct http_turns *t)
{
    *t = (struct http_turns){0};
    list_init(&t->requests);
    http_outqueue_init(&t->out);
}

static struct http_request *request_of(struct list *link)
{
    return container_of(link, struct http_request, link);
}

void http_turns_done(struct http_turns *t)
{
    while (!list_empty(&t->requests))
        http_request_free(request_of(t->requests.next));
    http_outqueue_done(&t->out);
}

void http_turns_append(struct http_turns *t, struct http_request *r)
{
    list_append(&t->requests, &r->link);
    t->count++;
    if (!t->writer) t->writer = r;
}

void http_turns_remove(struct http_turns *t, struct http_request *r)
{
    list_remove(&r->link);
    t->count--;
}

struct http_request *http_turns_last(const struct http_turns *t)
{
    return list_empty(&t->requests) ? NULL : request_of(t->requests.prev);
}

struct http_outqueue *http_turns_queue(struct http_turns *t, struct http_request *r)
{
    return r == t->writer ? &t->out : &r->queue;
}

void http_turns_advance(struct http_turns *t)
{
    t->queued = t->sent + t->out.bytes;
    while (t->writer && t->writer->phase == HTTP_ENDED) {
        struct http_request *r = t->writer;
        r->ends_at = t->queued;
        /* Behind an answer that ends the connection nothing is sent. */
        bool last = r->cuts || r->link.next == &t->requests;
        t->writer = last ? NULL : request_of(r->link.next);
        if (!t->writer) break;
        http_outqueue_move(&t->out, &t->writer->queue);
        t->queued = t->sent + t->out.bytes;
    }
}

void http_turns_sent(struct http_turns *t, size_t n)
{
    http_outqueue_drop(&t->out, n);
    t->sent += n;
}

struct http_request *http_turns_answered(const struct http_turns *t)
{
    if (list_empty(&t->requests)) return NULL;
    struct http_request *r = request_of(t->requests.next);
    return r->phase == HTTP_ENDED && r != t->writer && r->ends_at <= t->sent ? r : NULL;
}
