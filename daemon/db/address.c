/* SPDX-License-Identifier: MIT */
#include "db/address.h"

#include "base/buf.h"
#include "base/slice.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <stdlib.h>

enum { LIST_MAX_BYTES = 65536 };

struct db_address {
    uv_getaddrinfo_t request;
    struct loop *loop;
    struct loop_deferred begin;
    bool asking;  /* the request is libuv's until its callback */
    bool dropped; /* freed by the owner while asking */
    db_address_fn done;
    void *ctx;
    char *hosts, *ports;               /* as the conninfo gives them */
    struct slice host_rest, port_rest; /* what is still to be looked at */
    struct slice host, port;           /* what is being resolved */
    bool one_port;                     /* for all hosts */
    unsigned found;                    /* hosts in the lists below */
    struct buf out_host, out_addr, out_port;
    struct error unresolved; /* the last name that had no address */
};

static void release(struct db_address *a)
{
    free(a->hosts);
    free(a->ports);
    buf_done(&a->out_host);
    buf_done(&a->out_addr);
    buf_done(&a->out_port);
    free(a);
}

void db_address_free(struct db_address *a)
{
    if (!a) return;
    loop_undefer(&a->begin);
    if (!a->asking) {
        release(a);
        return;
    }
    a->dropped = true;
    uv_cancel((uv_req_t *)&a->request);
}

static void add(struct db_address *a, struct slice addr)
{
    if (a->found++ > 0) {
        buf_putc(&a->out_host, ',');
        buf_putc(&a->out_addr, ',');
        buf_putc(&a->out_port, ',');
    }
    buf_put(&a->out_host, a->host);
    buf_put(&a->out_addr, addr);
    buf_put(&a->out_port, a->port);
}

static void finish(struct db_address *a)
{
    if (a->found == 0) {
        a->done(a->ctx, -EHOSTUNREACH, NULL, &a->unresolved);
        return;
    }
    const char *host = buf_cstr(&a->out_host), *addr = buf_cstr(&a->out_addr), *port = buf_cstr(&a->out_port);
    if (!host || !addr || !port) {
        struct error why;
        error_set(&why, -ENOMEM, "the addresses of the database's hosts do not fit into memory");
        a->done(a->ctx, -ENOMEM, NULL, &why);
        return;
    }
    a->done(a->ctx, 0, &(struct db_address_list){host, addr, port}, NULL);
}

static bool is_numeric(const char *host)
{
    unsigned char in[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, in) == 1 || inet_pton(AF_INET6, host, in) == 1;
}

static void next_host(struct db_address *a);

static void answered(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct db_address *a = request->data;
    a->asking = false;
    if (a->dropped) {
        uv_freeaddrinfo(list);
        release(a);
        return;
    }
    if (status < 0)
        error_set(&a->unresolved, status, "cannot resolve the database's host name \"" SLICE_FMT "\": %s", SLICE_ARG(a->host),
                  uv_strerror(status));
    for (struct addrinfo *i = status < 0 ? NULL : list; i; i = i->ai_next) {
        char text[NI_MAXHOST];
        if (getnameinfo(i->ai_addr, i->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0) add(a, slice_of(text));
    }
    uv_freeaddrinfo(list);
    next_host(a);
}

/* Goes through the hosts one after the other; returns when the resolver was asked, and `answered` goes on. */
static void next_host(struct db_address *a)
{
    while (a->host_rest.p) {
        a->host = slice_cut(&a->host_rest, ',');
        a->port = a->one_port ? a->port_rest : slice_cut(&a->port_rest, ',');
        char name[NI_MAXHOST];
        if (a->host.len >= sizeof name) {
            error_set(&a->unresolved, -ENAMETOOLONG, "the database's host name \"%.40s…\" is too long", a->host.p);
            continue;
        }
        memcpy(name, a->host.p, a->host.len);
        name[a->host.len] = '\0';
        if (name[0] == '\0' || name[0] == '/' || name[0] == '@') {
            add(a, SLICE(""));
            continue;
        }
        if (is_numeric(name)) {
            add(a, a->host);
            continue;
        }
        static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        a->request.data = a;
        int r = uv_getaddrinfo(loop_uv(a->loop), &a->request, answered, name, NULL, &hints);
        if (r == 0) {
            a->asking = true;
            return;
        }
        error_set(&a->unresolved, r, "cannot resolve the database's host name \"%s\": %s", name, uv_strerror(r));
    }
    finish(a);
}

static const char *option(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *o = options; o->keyword; o++)
        if (strcmp(o->keyword, keyword) == 0) return o->val && o->val[0] ? o->val : NULL;
    return NULL;
}

static void begin(struct loop_deferred *d)
{
    struct db_address *a = container_of(d, struct db_address, begin);
    if (a->hosts)
        next_host(a);
    else
        a->done(a->ctx, 0, &(struct db_address_list){NULL, NULL, NULL}, NULL);
}

/* Take over the lists; with an own hostaddr, without any host, or when libpq would refuse the lists' lengths, all is left to libpq.
 */
static int take_lists(struct db_address *a, const PQconninfoOption *options)
{
    const char *host = option(options, "host"), *port = option(options, "port");
    if (!host) host = getenv("PGHOST");
    if (!port) port = getenv("PGPORT");
    if (!host || !host[0] || option(options, "hostaddr") || getenv("PGHOSTADDR")) return 0;
    size_t hosts = 1, ports = 1;
    for (const char *p = host; *p; p++)
        hosts += *p == ',';
    for (const char *p = port ? port : ""; *p; p++)
        ports += *p == ',';
    if (ports != 1 && ports != hosts) return 0;
    a->hosts = strdup(host);
    a->ports = strdup(port ? port : "");
    if (!a->hosts || !a->ports) return -ENOMEM;
    a->host_rest = slice_of(a->hosts);
    a->port_rest = slice_of(a->ports);
    a->one_port = ports == 1;
    return 0;
}

int db_address_new(struct loop *l, const char *conninfo, db_address_fn done, void *ctx, struct db_address **ret_address)
{
    struct db_address *a = calloc(1, sizeof *a);
    if (!a) return -ENOMEM;
    a->loop = l;
    a->done = done;
    a->ctx = ctx;
    loop_deferred_init(&a->begin, begin);
    buf_init(&a->out_host, LIST_MAX_BYTES);
    buf_init(&a->out_addr, LIST_MAX_BYTES);
    buf_init(&a->out_port, LIST_MAX_BYTES);
    /* A string that does not parse is left to libpq too: its words about it are the best. */
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    int r = options ? take_lists(a, options) : 0;
    PQconninfoFree(options);
    if (r < 0) {
        release(a);
        return r;
    }
    loop_defer(l, &a->begin);
    *ret_address = a;
    return 0;
}
