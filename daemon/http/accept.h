/* SPDX-License-Identifier: MIT */
/*
 * Which media type a client would like best (RFC 9110, 12.5.1).
 *
 * Thread: any.
 */
#ifndef CETLD_HTTP_ACCEPT_H
#define CETLD_HTTP_ACCEPT_H

#include "base/slice.h"

/**
 * The index in `types` ("text/csv"; NULL ends) of the one with the highest q in the Accept field's value, the first of equals;
 * without a field the first. -1 when none will do.
 */
int http_accept(struct slice accept, const char *const *types);

/** The weight of one item ("gzip") of such a list in thousandths, or HTTP_ACCEPT_UNSAID when the list does not name it. */
enum { HTTP_ACCEPT_UNSAID = -1 };
int http_accept_quality(struct slice list, struct slice item);

#endif
