/* SPDX-License-Identifier: MIT */
/*
 * gzip (RFC 1952) of an answer's body, by zlib: all at once, or in pieces that a client can read as they come.
 *
 *     http_gzip_new(1, &g);
 *     http_gzip_put(g, piece, false, &out);    as often as wanted; each output can be unpacked up to its end
 *     http_gzip_put(g, SLICE(""), true, &out);
 *     http_gzip_reset(g);                      and it is good for the next body
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_HTTP_GZIP_H
#define CETLD_HTTP_GZIP_H

#include "base/buf.h"

#include <stdbool.h>

struct http_gzip;

/** `level` is zlib's, 1 to 9. Holds about 270 KB. 0 or -ENOMEM. */
must_check int http_gzip_new(int level, struct http_gzip **ret_gzip);
/** NULL is fine. */
void http_gzip_free(struct http_gzip *g);
void http_gzip_reset(struct http_gzip *g);
/** Compress `bytes` onto `out`; `last` ends the body. What does not fit shows in buf_check. */
void http_gzip_put(struct http_gzip *g, struct slice bytes, bool last, struct buf *out);

/** Would the client rather have gzip than the plain bytes? By the Accept-Encoding field's value (RFC 9110, 12.5.3); {NULL, 0}: no.
 */
bool http_gzip_wanted(struct slice accept_encoding);
/** Is a body of that media type worth it? Text is; what is an event stream, or packed already, is not. NULL: no. */
bool http_gzip_fits(const char *media_type);

#endif
