/* SPDX-License-Identifier: MIT */
/*
 * What addresses look like in the configuration: those that the daemon listens on, the origins of web pages, and URLs.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_ADDRESS_H
#define CETLD_CONFIG_ADDRESS_H

#include "base/slice.h"

/** host:port, [::1]:port or unix:/path, where the host is one that a socket can be bound to without asking anybody what its name
 * means. NULL: it is such; else what it is not, to stand behind "… is not ". */
const char *address_expected(struct slice text);
/** As a browser writes it (RFC 6454): scheme://host[:port] in lower case, and nothing behind it; or *. Likewise. */
const char *origin_expected(struct slice text);
/** What is wrong with the address of another server's page (http:// or https://), without saying the address, which may be a
 * secret; or NULL. */
const char *http_url_mistake(const char *url);
/** Would what is sent there be read by others on the way: http:// to another machine? Loopback addresses and localhost are here. */
bool http_url_is_open(const char *url);
/** What is wrong with the URL of an object store (s3://, azure://, file:///): what names the bucket, container or folder must be
 * there. NULL: nothing, or it is another URL. */
const char *store_url_mistake(struct slice url, bool *ret_is_store);

#endif
