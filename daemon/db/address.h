/* SPDX-License-Identifier: MIT */
/*
 * Where a conninfo string leads. PQconnectStart resolves host names synchronously, so they are resolved here, by uv_getaddrinfo,
 * and handed to libpq as `hostaddr`. Host names stay beside them, for certificates and messages. Sockets' folders and numeric
 * addresses pass untouched, and so does a conninfo that has its own `hostaddr`. A name with several addresses becomes as many
 * hosts, in the order of the answer; a name that cannot be resolved is left out as long as another host remains.
 *
 * Not looked into: hosts that come from a service file (`service=`); libpq resolves those itself.
 *
 * Thread: loop.
 */
#ifndef CETLD_DB_ADDRESS_H
#define CETLD_DB_ADDRESS_H

#include "base/error.h"
#include "loop/loop.h"

struct db_address;

/** libpq's lists, comma-separated and of equal length; each NULL when conninfo's own stands. */
struct db_address_list {
    const char *host, *hostaddr, *port;
};
/** 0 and the list (valid during the call only), or a negative code and the words. The object is freed by its owner, also there. */
typedef void (*db_address_fn)(void *ctx, int r, const struct db_address_list *list, const struct error *why);

/** `done` is called exactly once, unless the object is freed before, and never before this returned. 0 or -ENOMEM. */
must_check int db_address_new(struct loop *l, const char *conninfo, db_address_fn done, void *ctx, struct db_address **ret_address);
/** NULL is fine. */
void db_address_free(struct db_address *a);

#endif
