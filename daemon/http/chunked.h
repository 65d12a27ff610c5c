/* SPDX-License-Identifier: MIT */
/*
 * The chunked transfer coding (RFC 9112, 7.1), to the letter. llhttp 8 reads chunks too, but it takes any byte for the LF behind a
 * size and any two bytes for the CRLF behind the data, and a CR alone ends its extensions: enough to smuggle a request past a
 * proxy. So chunks are read here.
 *
 * Extensions are skipped; trailers are refused. The bytes that are no data are limited to a share of the data, so that a body of
 * extensions or of one-byte chunks ends.
 *
 * Thread: any.
 */
#ifndef CETLD_HTTP_CHUNKED_H
#define CETLD_HTTP_CHUNKED_H

#include "base/slice.h"

#include <stdint.h>

enum http_chunked_verdict {
    HTTP_CHUNKED_MORE, /* all bytes were used */
    HTTP_CHUNKED_DATA, /* *ret_data are bytes of the body; feed the rest again */
    HTTP_CHUNKED_END,  /* the body ends behind the used bytes */
    HTTP_CHUNKED_BAD,  /* http_chunked.why tells */
};

struct http_chunked {
    enum {
        CHUNKED_SIZE_FIRST, /* a size needs a digit */
        CHUNKED_SIZE,
        CHUNKED_EXTENSION,
        CHUNKED_SIZE_LF,
        CHUNKED_DATA_BYTES,
        CHUNKED_DATA_CR,
        CHUNKED_DATA_LF,
        CHUNKED_LAST_CR, /* behind the last chunk: trailers would begin here */
        CHUNKED_LAST_LF,
    } state;
    uint64_t left;     /* bytes of this chunk that are still to come; the size while it is read */
    uint64_t data;     /* bytes of the body so far */
    uint64_t overhead; /* other bytes so far */
    const char *why;
};

void http_chunked_init(struct http_chunked *c);
/** Take bytes off the front of *bytes. */
enum http_chunked_verdict http_chunked_feed(struct http_chunked *c, struct slice *bytes, struct slice *ret_data);

#endif
