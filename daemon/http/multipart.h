/* SPDX-License-Identifier: MIT */
/*
 * A body of multipart/form-data (RFC 7578; its framing: RFC 2046, 5.1) as a stream of events. It needs no memory but a part's
 * header; the bytes of the parts are handed out where they lie. Where the body is cut makes no difference.
 *
 *     http_multipart_init(&m, content_type)                  0, or HTTP_MULTIPART_E_…
 *     for each piece of the body:
 *         do e = http_multipart_feed(&m, &piece, &data);     PART: look at m.part; DATA; PART_END; BAD: m.why; MORE: the next piece
 *         while (e != HTTP_MULTIPART_MORE);
 *     http_multipart_is_whole(&m)                            at its end
 *     http_multipart_done(&m);
 *
 * To the letter: lines end with CRLF, a line that begins with the boundary is one or the body is refused, field lines are not
 * folded, each part has one Content-Disposition: form-data with one name. What stands before the first and behind the last boundary
 * is skipped. Parts in another transfer encoding, and parts of parts, are refused: RFC 7578 does not know them any more.
 *
 * A file's name is that of `filename*` (RFC 8187, in UTF-8) where there is one, else of `filename`, in which browsers write %22,
 * %0D and %0A for what cannot stand between quotes. It is whatever the client says.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_HTTP_MULTIPART_H
#define CETLD_HTTP_MULTIPART_H

#include "base/arena.h"
#include "base/buf.h"
#include "http/parameters.h"

enum {
    HTTP_BOUNDARY_MAX = 70,
    HTTP_PART_HEAD_MAX = 8192, /* bytes */
    HTTP_PART_FIELDS_MAX = 16,
};
enum {
    HTTP_MULTIPART_E_OTHER = 1, /* it is another media type */
    HTTP_MULTIPART_E_BOUNDARY,  /* no boundary, or none that may be one */
};

enum http_multipart_event {
    HTTP_MULTIPART_MORE,
    HTTP_MULTIPART_PART, /* its header is there */
    HTTP_MULTIPART_DATA,
    HTTP_MULTIPART_PART_END,
    HTTP_MULTIPART_BAD,
};

struct http_part {
    struct slice name;
    struct slice filename; /* {NULL, 0}: it is a field, no file */
    struct slice type;     /* of its content; {NULL, 0}: not said */
};

struct http_multipart {
    struct http_part part; /* since the last PART; its texts live until PART_END */
    const char *why;       /* after BAD, for a person; static */
    /* ---- */
    char delimiter[4 + HTTP_BOUNDARY_MAX]; /* CRLF "--" boundary */
    size_t len, matched;                   /* bytes of it, and how many of them were just seen */
    bool beyond;                           /* the CRLF of those belongs to what is before the part's bytes */
    enum {
        MULTIPART_PREAMBLE,
        MULTIPART_BEHIND, /* a boundary */
        MULTIPART_PADDING,
        MULTIPART_BEHIND_LF,
        MULTIPART_HEAD,
        MULTIPART_BYTES,
        MULTIPART_CLOSING, /* behind the first dash of the last boundary */
        MULTIPART_CLOSED,
        MULTIPART_CLOSED_LF,
        MULTIPART_EPILOGUE,
        MULTIPART_BROKEN,
    } state;
    struct buf head;    /* the part's header; its texts point into it */
    struct arena store; /* what of them had to be decoded */
};

/** From the value of the request's Content-Type. 0 or HTTP_MULTIPART_E_…; http_multipart_done in any case. */
must_check int http_multipart_init(struct http_multipart *m, struct slice content_type);
void http_multipart_done(struct http_multipart *m);
/** Take bytes off the front of *bytes. *ret_data (of DATA) lives as long as they do, or as `m`. */
enum http_multipart_event http_multipart_feed(struct http_multipart *m, struct slice *bytes, struct slice *ret_data);
/** The body may end here. */
bool http_multipart_is_whole(const struct http_multipart *m);

#endif
