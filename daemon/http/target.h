/* SPDX-License-Identifier: MIT */
/*
 * A request target taken apart and percent-decoded (RFC 3986): the segments of the path, and the parameters of the query, where `+`
 * is a space (application/x-www-form-urlencoded). Segments are cut before they are decoded, so "a%2Fb" is one.
 *
 * Thread: any.
 */
#ifndef CETLD_HTTP_TARGET_H
#define CETLD_HTTP_TARGET_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum { HTTP_SEGMENTS_MAX = 16 };

struct http_parameter {
    struct slice name, value;
};

struct http_target {
    struct slice path;      /* as sent, without scheme, authority and query */
    struct slice authority; /* of an absolute target; {NULL, 0} else */
    struct slice segment[HTTP_SEGMENTS_MAX];
    unsigned segments; /* "/" has none; a slash at the end adds none */
    struct http_parameter *parameter;
    unsigned parameters;
};

enum {
    HTTP_TARGET_E_ENCODING = 1, /* "%" without two hexadecimal digits, or %00 */
    HTTP_TARGET_E_DEPTH = 2,    /* more than HTTP_SEGMENTS_MAX segments */
};
/** `text` is a sound target (parser.h) and must live as long as the result, as must the arena. 0, HTTP_TARGET_E_…, or -ENOMEM. */
must_check int http_target_parse(struct slice text, struct arena *arena, struct http_target *ret_target);

/** "http://host:1/a": host:1, which may be empty; {NULL, 0} when the target has another form. Schemes have no case. */
struct slice http_target_authority(struct slice text);
bool http_target_is_https(struct slice text);

/** Percent-decoded, in the arena or where it stands. 0, HTTP_TARGET_E_ENCODING, or -ENOMEM. */
must_check int http_target_decode(struct slice text, struct arena *arena, struct slice *ret_text);
/** `segment` as it stands in a path: percent-encoded but for RFC 3986's unreserved characters. */
void http_target_encode(struct buf *out, struct slice segment);

#endif
