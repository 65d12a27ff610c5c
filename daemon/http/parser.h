/* SPDX-License-Identifier: MIT */
/*
 * Bytes to messages. A head is gathered under the guard's eye (head_guard.h), then read as a whole: the request line by hand, the
 * fields by llhttp, and what lets two programs disagree about a request's length is refused (RFC 9112, 6 and 11.2). A body is
 * counted, or read by chunked.h.
 *
 *     http_message_init(&message, header_max, body_max);
 *     http_parser_begin(&p, &message);
 *     http_parser_feed(&p, &bytes)    MORE: give more bytes; HEAD: look at the message, feed on; WHOLE: use it; REFUSED: answer and
 * close
 *
 * A body is gathered in the message, or, once http_parser_stream was called at the head, handed out as it comes: DATA.
 *
 * Where the bytes are cut makes no difference.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_HTTP_PARSER_H
#define CETLD_HTTP_PARSER_H

#include "base/buf.h"
#include "http/chunked.h"
#include "http/head_guard.h"
#include "http/request.h"

#include <llhttp.h>

enum { HTTP_FIELDS_MAX = 100 };

struct http_field {
    struct slice name, value; /* value without white space around it */
};

struct http_message {
    struct buf head; /* as received; everything below points into it */
    struct buf body; /* decoded */
    enum http_method method;
    struct slice target; /* as sent */
    struct http_field field[HTTP_FIELDS_MAX];
    unsigned fields;
    bool http10;
    bool keep_alive;     /* the client would send another request on this connection */
    bool wants_continue; /* and waits for 100 before it sends the body */
    bool chunked;
    uint64_t content_length; /* 0 when chunked */
};

/** `head_max` and `body_max` are the ceilings of head and body. */
void http_message_init(struct http_message *m, size_t head_max, size_t body_max);
void http_message_done(struct http_message *m);
/** Forget the request, keep the memory. */
void http_message_reset(struct http_message *m);

enum http_parsed {
    HTTP_PARSED_MORE,
    HTTP_PARSED_HEAD,
    HTTP_PARSED_DATA, /* p->data, which lies in the bytes that were fed */
    HTTP_PARSED_WHOLE,
    HTTP_PARSED_REFUSED,
};

/** Why a request is refused. Both live as long as the program. */
struct http_refusal {
    int status;
    const char *why;
};

struct http_parser {
    struct http_message *message;
    struct http_head_guard guard;
    struct http_chunked chunks;
    llhttp_t llhttp;
    enum { PARSER_HEAD, PARSER_COUNTED, PARSER_CHUNKED, PARSER_WHOLE } phase;
    uint64_t left;   /* bytes of a counted body still to come */
    bool name_ended; /* llhttp has ended the field name it was at */
    bool streams;    /* the body is handed out */
    struct slice data;
    struct http_refusal refusal;
};

/** The next request goes to `m`, which is fresh or reset. */
void http_parser_begin(struct http_parser *p, struct http_message *m);
/** Take bytes off the front of *bytes. REFUSED: p->refusal tells; the parser is of no more use for this connection. */
enum http_parsed http_parser_feed(struct http_parser *p, struct slice *bytes);
/** At HEAD: hand the body out, whatever its length. */
static inline void http_parser_stream(struct http_parser *p)
{
    p->streams = true;
}
/** No byte of the next request has come (empty lines do not count). */
static inline bool http_parser_idle(const struct http_parser *p)
{
    return p->phase == PARSER_HEAD && http_head_guard_idle(&p->guard);
}

#endif
