/* SPDX-License-Identifier: MIT */
/*
 * Who may do what.
 *
 * Who asks: `Authorization: Bearer …` is a token of the configuration ([token NAME]), which may do what its `allow` says, from
 * anywhere; or a JSON Web Token ([jwt], http/jwt.h), which may do what its [role NAME] says. Without it there is only this machine:
 * a request counts as such when it came by a unix socket or to a loopback address, asks for a local host (a page from elsewhere
 * whose name was pointed here asks for its own), and carries no sign of a proxy, which would bring the whole world in. By the
 * socket, whose mode and group say who may, everything is allowed; over loopback what `anonymous` says, and nothing that a page of
 * another site makes a browser send. Everything else is 401, with how to make a token; only /status, /healthz and
 * the page /docs are for everybody.
 * What somebody known may not do is 403.
 *
 * The router's guard finds out who asks. Handlers then ask about each table, report or dataset that they touch:
 *
 *     if (!access_may(r, ACCESS_READ, table)) return;
 *
 * Thread: loop.
 */
#ifndef CETLD_API_ACCESS_H
#define CETLD_API_ACCESS_H

#include "base/buf.h"
#include "base/digest.h"
#include "config/config.h"
#include "db/query.h"
#include "http/response.h"

enum access_who { ACCESS_ANONYMOUS, ACCESS_SOCKET, ACCESS_TOKEN, ACCESS_JWT };
/** Who asks. Lives as long as the request. */
struct access_identity {
    enum access_who who;
    const char *name;             /* the token's; a JWT's sub, or ""; "" else */
    const char *role;             /* SET LOCAL ROLE; NULL: the daemon's own */
    const char *claims;           /* a JSON object: request.jwt.claims, for row-level security; NULL where there is no role */
    struct allow allow;           /* of a token or JWT */
    struct config_rate rate;      /* of such */
    uint8_t digest[DIGEST_BYTES]; /* of role and claims, zero without: what may be read is the same where it is the same and the
                                     allowance is */
};

/** From this machine, as far as can be told: what is public to everybody else may be told in full. */
bool access_is_here(const struct http_request *r);
/** The router's guard. */
bool access_guard(struct http_request *r);
/** Of a request that the guard let in, else NULL. */
const struct access_identity *access_identity(const struct http_request *r);

enum access_action {
    ACCESS_READ,   /* rows of a table */
    ACCESS_WRITE,  /* rows of a table by the API */
    ACCESS_REPORT, /* a report */
    ACCESS_INGEST, /* files for a dataset; pulling sources */
    ACCESS_MANAGE, /* the ledger: unload, replay; the configuration: to see it, reload */
};
/** May the request do that to `name`, a table's, a report's or a dataset's ({NULL, 0}: to every one)? False: it was answered, by
 * 401 or 403. */
bool access_may(struct http_request *r, enum access_action action, struct slice name);
/** The same without an answer: for lists that leave out what may not be seen. */
bool access_allows(const struct http_request *r, enum access_action action, struct slice name);
/** May it see what no policy of a table filters, as rows of files that were refused? Not who is confined to a role. False: it was
 * answered by 403. */
bool access_may_unfiltered(struct http_request *r);
/** Which role the request's statements run as (SET LOCAL ROLE), or NULL: the daemon's own. Lives as long as the request. */
const char *access_role(const struct http_request *r);
/**
 * Append the statement that makes the role, and the claims as request.jwt.claims, those of the transaction that is open: to be run
 * right behind BEGIN. Nothing where access_role is NULL.
 */
void access_sql(const struct http_request *r, struct buf *out);
/** Answer what came of BEGIN with that statement: 403 where the role cannot be taken, else as problem_from_database. */
void access_problem(struct http_request *r, const struct db_result *result);

/** localhost, a name below it, 127.0.0.0/8 or [::1], each with a port or without; or none at all, as old clients have it. */
bool access_host_is_local(struct slice host);
/** A header field that proxies add. */
bool access_is_forwarding(struct slice name);
/** A page of another site made the browser send this, as far as its header tells. */
bool access_is_cross_site(const struct http_request *r);

#endif
