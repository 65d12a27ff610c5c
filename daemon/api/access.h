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
/** localhost, a name below it, 127.0.0.0/8 or [::1], each with a port or without; or none at all, as old clients have it. */
bool access_host_is_local(struct slice host);
/** A header field that proxies add. */
bool access_is_forwarding(struct slice name);

#endif
