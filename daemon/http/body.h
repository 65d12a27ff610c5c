/* SPDX-License-Identifier: MIT */
/*
 * The body of a request to one of the router's streamed routes. Its handler is called as soon as the head is there, and either
 * answers, or asks for the body, at once or later:
 *
 *     http_request_attach(r, state, gone);
 *     http_body_receive(r, &(struct http_receiver){.piece = piece, .end = end, .max_bytes = most});
 *
 *   head ──http_body_receive──▶ piece … piece ──▶ end ──▶ (answer)
 *     └──answer                    └──▶ gone: the client left, was too slow, or sent too much or what is no HTTP; it is told by the
 *                                             connection
 *
 * - An answer ends the reading of the body, and the connection behind it: the rest of the body is thrown away.
 * - `100 Continue` is sent when the body is asked for, never to who is refused.
 * - A piece that returns false holds the client back until http_body_resume: at most HTTP_READ_BYTES are kept meanwhile, and the
 * time does not count against the idle time-out.
 * - Requests behind this one on the connection get to their handlers behind its answer.
 *
 * Thread: loop.
 */
#ifndef CETLD_HTTP_BODY_H
#define CETLD_HTTP_BODY_H

#include "http/request.h"

struct http_receiver {
    /** The next bytes of the body (at least one; they live during the call). False: no more until http_body_resume. */
    bool (*piece)(void *state, struct slice bytes);
    void (*end)(void *state); /* that was all of it */
    uint64_t max_bytes;       /* beyond: gone, and 413; before anything is read where the head says so */
};

/** Ask for the body, once. `state` is what was attached. */
void http_body_receive(struct http_request *r, const struct http_receiver *receiver);
/** Go on with the pieces; never calls back before it returned. */
void http_body_resume(struct http_request *r);
/** What Content-Length says, 0 where there is no body, or -1 where the length is not known before the end. */
int64_t http_body_length(const struct http_request *r);

#endif
