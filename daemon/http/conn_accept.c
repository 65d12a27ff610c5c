/* SPDX-License-Identifier: MIT */
#include "http/conn_private.h"

#include <netinet/in.h>
#include <string.h>

enum { REFUSED_EXTRA = 64 }; /* connections beyond the ceiling that are told so; the rest is closed without a word */

static void note_address(struct http_conn *c)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } peer;
    int len = sizeof peer;
    if (c->local || uv_tcp_getpeername(&c->socket.tcp, &peer.any, &len) < 0) return;
    if (peer.any.sa_family == AF_INET6) {
        memcpy(c->address, &peer.in6.sin6_addr, sizeof c->address);
    } else if (peer.any.sa_family == AF_INET) {
        c->address[10] = c->address[11] = 0xff;
        memcpy(c->address + 12, &peer.in.sin_addr, sizeof peer.in.sin_addr);
    }
}

/* More connections from its address than one may have? Counted only here, so a walk does. */
static bool is_crowded(const struct http_conn *c)
{
    const struct http_shared *s = c->shared;
    unsigned n = 0;
    if (c->local || s->limits.address_connections == 0 || s->count <= s->limits.address_connections) return false;
    for (struct list *l = s->conns.next; l != &s->conns; l = l->next)
        n += memcmp(container_of(l, struct http_conn, link)->address, c->address, sizeof c->address) == 0;
    return n > s->limits.address_connections;
}

static bool came_to_loopback(const struct http_conn *c)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } own;
    int len = sizeof own;
    if (c->local || uv_tcp_getsockname(&c->socket.tcp, &own.any, &len) < 0) return false;
    if (own.any.sa_family == AF_INET) return ntohl(own.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (own.any.sa_family != AF_INET6) return false;
    const struct in6_addr *a = &own.in6.sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == IN_LOOPBACKNET);
}

int http_conn_accept(struct http_shared *s, uv_stream_t *listener)
{
    struct http_conn *c;
    int r = http_conn_new(s, listener->type == UV_NAMED_PIPE, &c);
    if (r < 0) return r;
    r = uv_accept(listener, &c->socket.stream);
    if (r < 0 || s->count > s->limits.connections + REFUSED_EXTRA) {
        http_conn_cut(c);
        return 0;
    }
    note_address(c);
    if (!c->local) uv_tcp_nodelay(&c->socket.tcp, 1);
    c->loopback = came_to_loopback(c);
    if (s->count > s->limits.connections && !list_empty(&s->idle)) http_conn_cut(http_conn_of_idle(s->idle.next));
    if (s->count > s->limits.connections)
        http_conn_refuse(c, &(struct http_refusal){503, "too many connections are open; try again in a moment"});
    else if (is_crowded(c))
        http_conn_refuse(c, &(struct http_refusal){503, "too many connections are open from this address; try again in a moment"});
    http_conn_settle(c);
    return 0;
}

/* Who has taken nothing for longest, and for a moment at least; NULL: all move. */
static struct http_conn *most_stuck(struct http_shared *s)
{
    struct http_conn *found = NULL;
    for (struct list *l = s->conns.next; l != &s->conns; l = l->next) {
        struct http_conn *c = container_of(l, struct http_conn, link);
        if (c->turns.out.bytes == 0 || http_conn_now_ms(c) - c->moved_ms < HTTP_STUCK_MS) continue;
        if (!found || c->moved_ms < found->moved_ms) found = c;
    }
    return found;
}

void http_conn_relieve(struct loop_deferred *d)
{
    struct http_shared *s = container_of(d, struct http_shared, relief);
    struct http_conn *c;
    while (s->queued > s->limits.answers_max && (c = most_stuck(s)))
        http_conn_close_with(c, true);
}
