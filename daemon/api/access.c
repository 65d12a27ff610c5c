/* SPDX-License-Identifier: MIT */
#include "api/access.h"

#include "api/api.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { LOOPBACK_NET = 127, HOST_MAX = 64 };

static struct slice without_port(struct slice host)
{
    if (host.len > 0 && host.p[0] == '[') {
        const char *end = memchr(host.p, ']', host.len);
        return end ? (struct slice){host.p, (size_t)(end - host.p) + 1} : host;
    }
    return slice_cut(&host, ':');
}

static bool is_loopback_address(struct slice host)
{
    char text[HOST_MAX];
    struct in_addr v4;
    if (host.len == 0 || host.len >= sizeof text) return false;
    snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(host));
    return inet_pton(AF_INET, text, &v4) == 1 && ntohl(v4.s_addr) >> 24 == LOOPBACK_NET;
}

bool access_host_is_local(struct slice host)
{
    static const struct slice below = {".localhost", 10};
    struct slice name = without_port(host);
    if (name.len > 0 && name.p[name.len - 1] == '.') name.len--;
    if (name.len == 0 || slice_equal_nocase(name, SLICE("localhost")) || slice_equal(name, SLICE("[::1]"))) return true;
    if (name.len > below.len && slice_equal_nocase((struct slice){name.p + name.len - below.len, below.len}, below)) return true;
    return is_loopback_address(name);
}

bool access_is_forwarding(struct slice name)
{
    static const struct slice x_forwarded = {"X-Forwarded-", 12};
    if (name.len > x_forwarded.len && slice_equal_nocase((struct slice){name.p, x_forwarded.len}, x_forwarded)) return true;
    return slice_equal_nocase(name, SLICE("Forwarded")) || slice_equal_nocase(name, SLICE("Via")) ||
           slice_equal_nocase(name, SLICE("X-Real-IP"));
}

static bool came_by_a_proxy(const struct http_request *r)
{
    struct slice name, value;
    for (unsigned i = 0; http_request_header_at(r, i, &name, &value); i++)
        if (access_is_forwarding(name)) return true;
    return false;
}

/* What says no more than that the daemon is there. */
static bool is_public(const struct http_request *r)
{
    struct slice first = http_request_segment(r, 0);
    return !http_request_segment(r, 1).p && (slice_equal(first, SLICE("status")) || slice_equal(first, SLICE("healthz")));
}

static bool reads(const struct http_request *r)
{
    enum http_method m = http_request_method(r);
    return m == HTTP_GET_ || m == HTTP_HEAD_ || m == HTTP_OPTIONS_;
}

bool access_guard(struct http_request *r)
{
    if (is_public(r)) return true;
    const struct api *api = http_request_context(r);
    struct http_problem p = {.status = 403};
    if (api->config->api.anonymous == CONFIG_ANONYMOUS_NONE) {
        p.message = "nothing is read here without a token";
        p.hint = "tokens are not made yet; [api] anonymous = read lets this machine read without one";
    } else if (!http_request_is_local(r)) {
        p.message = "from another machine nothing is read without a token";
        p.hint = "tokens are not made yet; read on the machine itself, by 127.0.0.1 or the unix socket, or through ssh -L";
    } else if (!access_host_is_local(http_request_host(r))) {
        p.message = "the Host field names another host than this one, and without a token only this machine reads";
        p.hint = "ask for http://localhost or http://127.0.0.1; tokens are not made yet";
    } else if (came_by_a_proxy(r)) {
        p.message = "the request came through a proxy, and without a token only this machine reads";
        p.hint = "ask the daemon directly; tokens are not made yet";
    } else if (!reads(r) && !http_request_is_local_socket(r)) {
        p.message = "without a token something is changed only by the unix socket";
        p.hint = "curl --unix-socket /run/cetl/cetld.sock -X POST http://localhost/…; its group may";
    } else {
        return true;
    }
    http_problem(r, &p);
    return false;
}

/* The guard has looked at everything that there is so far. */
bool access_may(struct http_request *r, enum access_action action, struct slice name)
{
    (void)r, (void)action, (void)name;
    return true;
}

const char *access_role(const struct http_request *r)
{
    (void)r;
    return NULL;
}
