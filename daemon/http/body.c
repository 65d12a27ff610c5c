/* SPDX-License-Identifier: MIT */
#include "http/body.h"

#include "http/conn.h"

#include <assert.h>

void http_body_receive(struct http_request *r, const struct http_receiver *receiver)
{
    if (http_conn_is_dead(r->conn)) return;
    assert(r->streamed && !r->receives && r->phase == HTTP_WAITING);
    r->receiver = *receiver;
    r->receives = true;
    http_conn_wake(r->conn);
}

void http_body_resume(struct http_request *r)
{
    r->paused = false;
    http_conn_wake(r->conn);
}

int64_t http_body_length(const struct http_request *r)
{
    if (r->message.chunked) return -1;
    return r->message.content_length > INT64_MAX ? INT64_MAX : (int64_t)r->message.content_length;
}
