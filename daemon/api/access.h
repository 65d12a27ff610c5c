/* SPDX-License-Identifier: MIT */
/*
 * Who may read without a token: whoever is on this machine. A request counts as such when it came by a unix socket or to a loopback
 * address, asks for a local host (a page from elsewhere whose name was pointed here asks for its own), and carries no sign of a
 * proxy, which would bring the whole world in. Everything else is 403, with what to do; only /status and /healthz are for
 * everybody. What changes something is done by a unix socket only, to which no page of a browser gets.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_ACCESS_H
#define CETLD_API_ACCESS_H

#include "http/response.h"

/** The router's guard. */
bool access_guard(struct http_request *r);

enum access_action {
    ACCESS_READ,   /* rows of a table */
    ACCESS_WRITE,  /* rows of a table by the API */
    ACCESS_REPORT, /* a report */
    ACCESS_INGEST, /* files for a dataset; pulling sources */
    ACCESS_MANAGE, /* the ledger: unload, replay */
};
/** May the request do that to `name`, a table's, a report's or a dataset's ({NULL, 0}: to any)? False: it was answered, by 401 or
 * 403. */
bool access_may(struct http_request *r, enum access_action action, struct slice name);
/** Which role the request's statements run as (SET LOCAL ROLE), or NULL: the daemon's own. Lives as long as the request. */
const char *access_role(const struct http_request *r);
/** localhost, a name below it, 127.0.0.0/8 or [::1], each with a port or without; or none at all, as old clients have it. */
bool access_host_is_local(struct slice host);
/** A header field that proxies add. */
bool access_is_forwarding(struct slice name);

#endif
