/* SPDX-License-Identifier: MIT */
/*
 * The parameters behind a field's value (RFC 9110, 5.6.6): `; name=token; name="quoted string"`.
 *
 *     struct slice rest = value, first = http_parameters_begin(&rest);     "multipart/form-data"
 *     while ((r = http_parameters_next(&rest, store, &p)) == HTTP_PARAMETERS_ONE) …
 *
 * Thread: any.
 */
#ifndef CETLD_HTTP_PARAMETERS_H
#define CETLD_HTTP_PARAMETERS_H

#include "base/error.h"
#include "base/slice.h"

enum http_parameters_verdict { HTTP_PARAMETERS_ONE, HTTP_PARAMETERS_END, HTTP_PARAMETERS_BAD };

struct http_field_parameter {
    struct slice name, value; /* the value without its quotes and backslashes */
};

/** What stands before the parameters, trimmed; *rest goes on behind it. */
struct slice http_parameters_begin(struct slice *rest);
/** Take the next one off *rest. Values that were quoted are put into `store`, which has room for rest->len bytes. */
enum http_parameters_verdict http_parameters_next(struct slice *rest, char *store, struct http_field_parameter *ret_parameter);
/** Is it a token (RFC 9110, 5.6.2)? */
bool http_is_token(struct slice s);

#endif
