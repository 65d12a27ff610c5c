/* SPDX-License-Identifier: MIT */
#include "http/server.h"

#include "http/conn.h"
#include "http/listener.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct http_server {
    struct http_shared shared;
    mode_t socket_mode; /* of unix sockets */
    struct list listeners;
    unsigned open; /* listeners and connections whose memory is not freed yet */
    struct loop_deferred drained;
    void (*on_drained)(void *ctx);
    void *drained_ctx;
    bool freed; /* the owner has let go; the memory goes with the last of `open` */
};

static void check_drained(struct http_server *s)
{
    if (s->open > 0) return;
    if (s->freed) {
        http_gzip_free(s->shared.gzip);
        free(s->shared.read_buffer);
        free(s);
    } else if (s->on_drained) {
        loop_defer(s->shared.loop, &s->drained);
    }
}

static void tell_drained(struct loop_deferred *d)
{
    struct http_server *s = container_of(d, struct http_server, drained);
    void (*drained)(void *) = s->on_drained;
    s->on_drained = NULL;
    if (drained) drained(s->drained_ctx);
}

static void conn_closed(struct http_shared *shared)
{
    struct http_server *s = container_of(shared, struct http_server, shared);
    s->open--;
    check_drained(s);
}

static void listener_closed(struct http_listener *l)
{
    struct http_server *s = l->ctx;
    s->open--;
    check_drained(s);
}

static void on_incoming(struct http_listener *l)
{
    struct http_server *s = l->ctx;
    if (http_conn_accept(&s->shared, &l->socket.stream) == 0) s->open++;
}

int http_server_new(struct loop *l, const struct http_server_config *config, struct http_server **ret_server)
{
    struct http_server *s = calloc(1, sizeof *s);
    char *buffer = malloc(HTTP_READ_BYTES);
    if (!s || !buffer) {
        free(s);
        free(buffer);
        return -ENOMEM;
    }
    s->shared = (struct http_shared){.loop = l,
                                     .limits = config->limits,
                                     .router = config->router,
                                     .counters = config->counters,
                                     .tally = config->tally,
                                     .log = config->log,
                                     .log_ctx = config->ctx,
                                     .closed = conn_closed,
                                     .read_buffer = buffer};
    s->socket_mode = config->socket_mode;
    list_init(&s->shared.conns);
    list_init(&s->shared.idle);
    list_init(&s->listeners);
    loop_deferred_init(&s->drained, tell_drained);
    loop_deferred_init(&s->shared.relief, http_conn_relieve);
    /* Ids of one run differ from those of another; they are names, not secrets. */
    uint32_t run = 0;
    if (getrandom(&run, sizeof run, GRND_NONBLOCK) < 0) run = (uint32_t)(uintptr_t)s;
    snprintf(s->shared.id_prefix, sizeof s->shared.id_prefix, "%08x", run);
    *ret_server = s;
    return 0;
}

static struct http_listener_config listener_config(struct http_server *s)
{
    return (struct http_listener_config){
        .socket_mode = s->socket_mode, .incoming = on_incoming, .closed = listener_closed, .ctx = s};
}

static void add(struct http_server *s, struct http_listener *l)
{
    list_append(&s->listeners, &l->link);
    s->open++;
}

int http_server_listen(struct http_server *s, const char *address, struct error *err)
{
    struct http_listener_config config = listener_config(s);
    struct http_listener *l;
    int r = http_listener_open(s->shared.loop, address, &config, err, &l);
    if (r == 0) add(s, l);
    return r;
}

int http_server_adopt(struct http_server *s, int fd, struct error *err)
{
    struct http_listener_config config = listener_config(s);
    struct http_listener *l;
    int r = http_listener_adopt(s->shared.loop, fd, &config, &l);
    if (r < 0)
        return error_set(err, r,
                         "descriptor %d, which was passed to listen at, cannot be used: %s; expected a listening stream socket: a "
                         "socket unit with ListenStream= and Accept=no",
                         fd, error_name(r));
    add(s, l);
    l->held = true;
    return 0;
}

int http_server_go(struct http_server *s)
{
    int r = 0;
    for (struct list *l = s->listeners.next; l != &s->listeners && r == 0; l = l->next) {
        struct http_listener *listener = container_of(l, struct http_listener, link);
        if (listener->held) r = http_listener_go(listener);
        listener->held = false;
    }
    return r;
}

bool http_server_covers(const struct http_server *s, const char *address)
{
    for (const struct list *l = s->listeners.next; l != &s->listeners; l = l->next)
        if (http_listener_covers(container_of(l, struct http_listener, link), address)) return true;
    return false;
}

bool http_server_is_at(const struct http_server *s, unsigned i, const char *address)
{
    for (const struct list *l = s->listeners.next; l != &s->listeners; l = l->next)
        if (i-- == 0) return http_listener_is(container_of(l, struct http_listener, link), address);
    return false;
}

const char *http_server_address(const struct http_server *s, unsigned i)
{
    for (const struct list *l = s->listeners.next; l != &s->listeners; l = l->next)
        if (i-- == 0) return container_of(l, struct http_listener, link)->address;
    return NULL;
}

static void close_listeners(struct http_server *s)
{
    while (!list_empty(&s->listeners))
        http_listener_close(container_of(s->listeners.next, struct http_listener, link));
}

void http_server_drain(struct http_server *s, void (*drained)(void *ctx), void *ctx)
{
    s->on_drained = drained;
    s->drained_ctx = ctx;
    s->shared.draining = true;
    close_listeners(s);
    for (list_each(l, next, &s->shared.conns))
        http_conn_drain(http_conn_of(l));
    check_drained(s);
}

void http_server_free(struct http_server *s)
{
    if (!s) return;
    s->freed = true;
    loop_undefer(&s->drained);
    close_listeners(s);
    while (!list_empty(&s->shared.conns))
        http_conn_cut(http_conn_of(s->shared.conns.next));
    loop_undefer(&s->shared.relief);
    check_drained(s);
}
