/* SPDX-License-Identifier: MIT */
/*
 * Watches a request's head byte by byte before any parser sees it: finds where the head ends and refuses what lenient parsers let
 * through, a CR without LF, an LF without CR, a folded line (RFC 9112, 2.2 and 5.2) and control characters. Two programs that
 * disagree about where a head ends can be made to disagree about what the next request is.
 *
 *     http_head_guard_init(&g);
 *     verdict = http_head_guard_feed(&g, bytes, &used);     until it is not HTTP_HEAD_MORE
 *
 * Thread: any.
 */
#ifndef CETLD_HTTP_HEAD_GUARD_H
#define CETLD_HTTP_HEAD_GUARD_H

#include "base/slice.h"

enum http_head_verdict {
    HTTP_HEAD_MORE, /* all bytes belong to the head, and it goes on */
    HTTP_HEAD_END,  /* the head ends behind the used bytes */
    HTTP_HEAD_BAD,  /* not HTTP/1.1; http_head_guard_why tells */
};

struct http_head_guard {
    enum {
        GUARD_START,      /* empty lines before a request are let pass (RFC 9112, 2.2) */
        GUARD_START_CR,   /* the CR of such a line */
        GUARD_LINE,       /* in the request line or a field line */
        GUARD_LINE_CR,    /* behind its CR */
        GUARD_LINE_BEGIN, /* behind its CRLF */
        GUARD_END_CR,     /* the CR of the empty line that ends the head */
        GUARD_END,
    } state;
    unsigned lines; /* complete lines, the request line among them */
    const char *why;
};

void http_head_guard_init(struct http_head_guard *g);
/** Look at more bytes; *ret_used of them belong to the head. */
enum http_head_verdict http_head_guard_feed(struct http_head_guard *g, struct slice bytes, size_t *ret_used);
/** Nothing but empty lines has come so far. */
static inline bool http_head_guard_idle(const struct http_head_guard *g)
{
    return g->state <= GUARD_START_CR;
}
/** What was wrong, for a person. Static. */
static inline const char *http_head_guard_why(const struct http_head_guard *g)
{
    return g->why;
}

#endif
