/* SPDX-License-Identifier: MIT */
#include "http/outqueue.h"

#include <stdlib.h>

enum { PIECE_BYTES = 4000 }; /* a usual answer fits into one */

struct piece {
    struct list link;
    char *data;
    size_t begin, end, cap; /* what waits is data[begin..end) */
    char own[];             /* `data` points here unless it was taken over */
};

void http_outqueue_init(struct http_outqueue *q)
{
    list_init(&q->pieces);
    q->bytes = 0;
}

static struct piece *first(const struct http_outqueue *q)
{
    return container_of(q->pieces.next, struct piece, link);
}

static void piece_free(struct piece *p)
{
    list_remove(&p->link);
    if (p->data != p->own) free(p->data);
    free(p);
}

void http_outqueue_done(struct http_outqueue *q)
{
    while (!list_empty(&q->pieces))
        piece_free(first(q));
    q->bytes = 0;
}

static void fill(struct http_outqueue *q, struct piece *p, struct slice *bytes)
{
    size_t n = p->cap - p->end < bytes->len ? p->cap - p->end : bytes->len;
    if (n == 0) return;
    memcpy(p->data + p->end, bytes->p, n);
    p->end += n;
    q->bytes += n;
    bytes->p += n;
    bytes->len -= n;
}

int http_outqueue_put(struct http_outqueue *q, struct slice bytes)
{
    if (!list_empty(&q->pieces)) fill(q, container_of(q->pieces.prev, struct piece, link), &bytes);
    if (bytes.len == 0) return 0;
    size_t cap = bytes.len > PIECE_BYTES ? bytes.len : PIECE_BYTES;
    if (cap > SIZE_MAX - sizeof(struct piece)) return -ENOMEM;
    struct piece *p = malloc(sizeof *p + cap);
    if (!p) return -ENOMEM;
    p->data = p->own;
    p->begin = p->end = 0;
    p->cap = cap;
    list_append(&q->pieces, &p->link);
    fill(q, p, &bytes);
    return 0;
}

int http_outqueue_take(struct http_outqueue *q, char *data, size_t len)
{
    struct piece *p = len ? malloc(sizeof *p) : NULL;
    if (!p) {
        free(data);
        return len ? -ENOMEM : 0;
    }
    *p = (struct piece){.data = data, .end = len, .cap = len};
    list_append(&q->pieces, &p->link);
    q->bytes += len;
    return 0;
}

void http_outqueue_move(struct http_outqueue *to, struct http_outqueue *from)
{
    while (!list_empty(&from->pieces)) {
        struct list *link = from->pieces.next;
        list_remove(link);
        list_append(&to->pieces, link);
    }
    to->bytes += from->bytes;
    from->bytes = 0;
}

unsigned http_outqueue_peek(const struct http_outqueue *q, uv_buf_t *ret_bufs, unsigned max_bufs, size_t max_bytes)
{
    unsigned n = 0;
    for (struct list *l = q->pieces.next; l != &q->pieces && n < max_bufs && max_bytes > 0; l = l->next) {
        struct piece *p = container_of(l, struct piece, link);
        size_t len = p->end - p->begin < max_bytes ? p->end - p->begin : max_bytes;
        if (len == 0) continue;
        ret_bufs[n++] = (uv_buf_t){.base = p->data + p->begin, .len = len};
        max_bytes -= len;
    }
    return n;
}

void http_outqueue_drop(struct http_outqueue *q, size_t n)
{
    while (n > 0 && !list_empty(&q->pieces)) {
        struct piece *p = first(q);
        size_t len = p->end - p->begin < n ? p->end - p->begin : n;
        p->begin += len;
        n -= len;
        q->bytes -= len;
        if (p->begin == p->end) piece_free(p);
    }
}
