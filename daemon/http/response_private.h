/* SPDX-License-Identifier: MIT */
/*
 * What the parts of an answer share: response.c (answers, whole and streamed), response_head.c (status line, fields, how the body
 * goes), response_gzip.c (whole bodies, packed). Nobody else includes this.
 *
 * Thread: loop.
 */
#ifndef CETLD_HTTP_RESPONSE_PRIVATE_H
#define CETLD_HTTP_RESPONSE_PRIVATE_H

#include "http/conn.h"
#include "http/response.h"

enum {
    RESPONSE_LENGTH_UNKNOWN = -1,
    RESPONSE_PIECE = 65536, /* bytes of a body that is packed piece by piece */
};

enum coding {
    CODING_PLAIN, /* whatever the client would like */
    CODING_NONE,  /* this client likes the plain bytes, another would get gzip */
    CODING_GZIP,
};

/** To where r's bytes go now. */
static inline void http_response_queue(struct http_request *r, struct slice bytes)
{
    if (http_outqueue_put(http_conn_queue(r->conn, r), bytes) < 0) http_conn_spoil(r->conn);
}

/** All of the answer is queued. */
static inline void http_response_end(struct http_request *r)
{
    r->phase = HTTP_ENDED;
    http_conn_wake(r->conn);
}

/** What becomes of a body of len bytes, or RESPONSE_LENGTH_UNKNOWN, on its way to this client. */
enum coding http_response_coding(const struct http_request *r, const char *media_type, int64_t len);
/** The answer begins: its head is queued. */
void http_response_head(struct http_request *r, int status, const char *media_type, int64_t len, enum coding coding);

/** The whole answer, packed; the body (malloc'd) is taken. False: send it as it is, please; it is still the caller's. */
bool http_response_gzip(struct http_request *r, int status, const char *media_type, char *body, size_t len);
/** The same with a body that stays the caller's in any case. */
bool http_response_gzip_copy(struct http_request *r, int status, const char *media_type, struct slice body);
/** For a stream of its own. NULL: there are too many, or no memory; then it goes as it is. */
struct http_gzip *http_response_packer(struct http_request *r);

#endif
