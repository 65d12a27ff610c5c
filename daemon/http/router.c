/* SPDX-License-Identifier: MIT */
#include "http/router.h"

#include "http/exchange.h"

#include <stdio.h>

enum { NO_MATCH = 0, ROOT_MATCH = 1 };

static bool is_capture(struct slice part)
{
    return part.len > 2 && part.p[0] == '{' && part.p[part.len - 1] == '}';
}

/*
 * NO_MATCH, or how good the match is: one bit a segment, the first segment highest, set where the pattern is literal. So among the
 * routes that match a path equal ranks are equal patterns.
 */
static unsigned match(const char *pattern, const struct http_request *r)
{
    const char *at = pattern + 1;
    unsigned rank = ROOT_MATCH, i = 0;
    for (; *at; i++) {
        struct slice segment = http_request_segment(r, i);
        if (!segment.p || (*at != '{' && (segment.len == 0 || *segment.p != *at))) return NO_MATCH; /* most routes, by a byte */
        const char *end = strchrnul(at, '/');
        struct slice part = {at, (size_t)(end - at)};
        bool literal = !is_capture(part);
        if (literal ? !slice_equal(part, segment) : segment.len == 0) return NO_MATCH;
        rank = rank << 1 | literal;
        at = *end ? end + 1 : end;
    }
    return http_request_segment(r, i).p ? NO_MATCH : rank;
}

static void note_captures(struct http_request *r, const char *pattern)
{
    struct slice rest = slice_of(pattern + 1);
    for (unsigned i = 0; rest.len > 0; i++) {
        struct slice part = slice_cut(&rest, '/');
        if (!is_capture(part) || r->captures == HTTP_CAPTURES_MAX) continue;
        r->capture[r->captures++] = (struct http_capture){.name = {part.p + 1, part.len - 2}, .value = http_request_segment(r, i)};
    }
}

static void list_methods(unsigned methods, char *ret_text, size_t size)
{
    if (methods & 1u << HTTP_GET_) methods |= 1u << HTTP_HEAD_;
    methods |= 1u << HTTP_OPTIONS_;
    size_t n = 0;
    for (int m = 0; m < HTTP_METHOD_N; m++) {
        if (!(methods & 1u << m)) continue;
        int wrote = snprintf(ret_text + n, size - n, "%s%s", n ? ", " : "", http_method_text((enum http_method)m));
        n += (size_t)wrote;
    }
}

static void answer_other_method(struct http_request *r, unsigned methods)
{
    char allow[64];
    list_methods(methods, allow, sizeof allow);
    http_header(r, "Allow", allow);
    if (r->message.method == HTTP_OPTIONS_) {
        http_answer(r, 204, NULL, SLICE(""));
        return;
    }
    char message[160];
    snprintf(message, sizeof message, "%s is not possible here; %s are.", http_method_text(r->message.method), allow);
    http_problem(r, &(struct http_problem){.status = 405, .message = message});
}

static void answer_nothing_there(struct http_request *r)
{
    http_problem(r, &(struct http_problem){
                        .status = 404, .message = "There is nothing at this path.", .hint = "GET /v1 lists what there is."});
}

static void find_in(const struct http_route *routes, struct http_request *r, unsigned *best)
{
    enum http_method method = r->message.method == HTTP_HEAD_ ? HTTP_GET_ : r->message.method;
    for (const struct http_route *route = routes; route && route->pattern; route++) {
        unsigned rank = match(route->pattern, r);
        if (rank == NO_MATCH || rank < *best) continue;
        if (rank > *best) {
            *best = rank;
            r->methods = 0;
            r->route = NULL;
        }
        r->methods |= 1u << route->method;
        if (route->method == method) r->route = route;
    }
}

void http_router_find(const struct http_router *router, struct http_request *r)
{
    unsigned best = NO_MATCH;
    find_in(router->routes, r, &best);
    const struct http_route *whole = r->route;
    find_in(router->streamed, r, &best);
    r->streamed = r->route && r->route != whole;
}

void http_router_dispatch(const struct http_router *router, struct http_request *r)
{
    if (router->arrive && !router->arrive(r)) return;
    if (slice_equal(r->message.target, SLICE("*"))) {
        answer_other_method(r, (1u << HTTP_METHOD_N) - 1);
    } else if (r->methods == 0) {
        answer_nothing_there(r);
    } else if (!r->route) {
        answer_other_method(r, r->methods);
    } else if (!router->guard || router->guard(r)) {
        note_captures(r, r->route->pattern);
        r->own_lines = r->extra.len;
        r->route->handler(r);
    }
}
