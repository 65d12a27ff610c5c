/* SPDX-License-Identifier: MIT */
/*
 * Answers. Either whole:
 *
 *     http_header(r, "ETag", "\"7\"");
 *     http_answer(r, 200, "application/json", body);
 *
 * or streamed (chunked; a client of HTTP/1.0 gets it until the close):
 *
 *     http_begin(r, 200, "text/csv");
 *     if (!http_write(r, piece)) wait for `writable`, set by http_on_writable;
 *     http_end(r, true);          false: something failed; close without the final chunk, so that nobody takes it for whole
 *
 * HEAD, 204 and 304 send no body; the caller need not care. Answers of pipelined requests go out in the order of the requests.
 *
 * Thread: loop.
 */
#ifndef CETLD_HTTP_RESPONSE_H
#define CETLD_HTTP_RESPONSE_H

#include "http/request.h"

/** One more header for the answer that is not begun yet. Name and value are copied; a field with control characters is dropped. */
void http_header(struct http_request *r, const char *name, const char *value);
/** The header lines that the route's handler has set so far, each with its line end; and the same for another answer, for
 * whoever keeps answers. */
struct slice http_header_lines(const struct http_request *r);
void http_header_put_lines(struct http_request *r, struct slice lines);
/** The whole answer; the body is copied. */
void http_answer(struct http_request *r, int status, const char *media_type, struct slice body);
/** A body that is given again and again. Its packed form (gzip), once a client wanted it, lives beside it; the owner frees it. */
struct http_kept {
    struct slice body;
    char *packed; /* malloc'd; NULL: it was not made */
    size_t packed_len;
    bool stays; /* packed it would not be smaller */
};
/** The whole answer with such a body, which is copied. */
void http_answer_kept(struct http_request *r, int status, const char *media_type, struct http_kept *kept);
/** A whole answer whose body (malloc'd) the server takes and frees. */
void http_answer_take(struct http_request *r, int status, const char *media_type, char *body, size_t len_bytes);

void http_begin(struct http_request *r, int status, const char *media_type);
/**
 * Queue bytes (copied). False: more than queue_max waits; stop until `writable`. Each call is a chunk on the wire: hand over tens
 * of kilobytes at a time.
 */
bool http_write(struct http_request *r, struct slice bytes);
void http_on_writable(struct http_request *r, void (*writable)(void *state));
void http_end(struct http_request *r, bool complete);
/** A ceiling of this answer's own for what waits for its reader, below the server's queue_max. Before http_begin. */
void http_limit_queue(struct http_request *r, size_t queue_max);

/**
 * An error as one object with RFC 9457's members (type title status detail instance) and PostgREST's (code message details hint),
 * media type application/problem+json. `code` may be NULL (then the status), `hint` NULL.
 */
struct http_problem {
    int status;
    const char *code;
    const char *message; /* one sentence: what is wrong */
    const char *details;
    const char *hint;    /* what to do next */
    const char *members; /* further members of the object as JSON: "column":"name"; or NULL */
};
void http_problem(struct http_request *r, const struct http_problem *p);
/** The reason phrase of RFC 9110, "Not Found". */
const char *http_status_text(int status);
/** The place of a status among those that are known, below HTTP_STATUSES, one for all others; and the status at a place, or 0. */
enum { HTTP_STATUSES = 48 };
unsigned http_status_index(int status);
int http_status_at(unsigned i);

#endif
