/* SPDX-License-Identifier: MIT */
/*
 * A request as its handler sees it. It lives from its head until its answer is sent and the handler's `gone` was called, if it set
 * one.
 *
 * Thread: loop.
 */
#ifndef CETLD_HTTP_REQUEST_H
#define CETLD_HTTP_REQUEST_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum http_method { HTTP_GET_, HTTP_HEAD_, HTTP_POST_, HTTP_PUT_, HTTP_PATCH_, HTTP_DELETE_, HTTP_OPTIONS_, HTTP_METHOD_N };

struct http_request;

/** "GET". Static. */
const char *http_method_text(enum http_method m);

enum http_method http_request_method(const struct http_request *r);
/** The target as sent: path and query. */
struct slice http_request_target(const struct http_request *r);
/** The path as sent (percent-encoded, without the query), and decoded segment `i` of it: "/v1/a%20b" → "v1", "a b". {NULL, 0}
 * behind the last. */
struct slice http_request_path(const struct http_request *r);
struct slice http_request_segment(const struct http_request *r, unsigned i);
/** The decoded value of the route's `{name}` (router.h). */
struct slice http_request_capture(const struct http_request *r, const char *name);
/** The decoded first query parameter of that name; {NULL, 0} when absent ("" is non-NULL). */
struct slice http_request_query(const struct http_request *r, const char *name);
/** The i-th query parameter, decoded; false behind the last. */
bool http_request_query_at(const struct http_request *r, unsigned i, struct slice *ret_name, struct slice *ret_value);
/** A header's value (name without regard to case), trimmed; {NULL, 0} when absent; several are joined by ", ". */
struct slice http_request_header(const struct http_request *r, const char *name);
/** The i-th header field as it came, its value trimmed; false behind the last. */
bool http_request_header_at(const struct http_request *r, unsigned i, struct slice *ret_name, struct slice *ret_value);
/** The host the client asks for, with its port: of an absolute target (RFC 9112, 3.2.2), else the Host field. */
struct slice http_request_host(const struct http_request *r);
/** The buffered body. */
struct slice http_request_body(const struct http_request *r);
/** The connection came by a unix socket. */
bool http_request_is_local_socket(const struct http_request *r);
/** The connection came by a unix socket, or to a loopback address: from this machine. */
bool http_request_is_local(const struct http_request *r);
enum { HTTP_ADDRESS_BYTES = 16 };
/** The client's IPv6 address, or IPv4 mapped into one; all zero by a unix socket. */
const uint8_t *http_request_address(const struct http_request *r);
/** The client has shut its side of the connection: it will send nothing more, and perhaps it is not there any more. */
bool http_request_is_half_closed(const struct http_request *r);
/** HTTP/1.0. */
bool http_request_is_old(const struct http_request *r);
/** A request id: the client's X-Request-Id when it is sane, else one of ours. */
const char *http_request_id(const struct http_request *r);
/** The id of the trace that the client says it belongs to (trace.h), or "". */
const char *http_request_trace(const struct http_request *r);
/**
 * The handler's own state. `gone` is called exactly once: after the answer is wholly sent, or as soon as the client has left or was
 * cut off; afterwards the request must not be touched. Set it before the handler returns, when the answer comes later.
 */
void http_request_attach(struct http_request *r, void *state, void (*gone)(void *state));
/** Memory that lives as long as the request, or NULL. */
void *http_request_alloc(const struct http_request *r, size_t bytes);
/** Who asks, as the guard found out (memory that lives as long as the request); NULL before. */
void http_request_set_identity(struct http_request *r, const void *identity);
const void *http_request_identity(const struct http_request *r);
/** What the server was given as routes' context. */
void *http_request_context(const struct http_request *r);

#endif
