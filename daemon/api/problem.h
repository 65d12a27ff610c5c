/* SPDX-License-Identifier: MIT */
/*
 * The problems the API answers with, beyond a handler's own: what the database refused, what a parameter should have been.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_PROBLEM_H
#define CETLD_API_PROBLEM_H

#include "db/query.h"
#include "http/response.h"

/** The server's error as PostgREST maps SQLSTATEs to statuses; a lost connection is 503 with Retry-After. Never shows SQL text. */
void problem_from_database(struct http_request *r, const struct db_result *result);
/** 503 with Retry-After: no connection to be had. `reason` is why the database is away, "" when it is not. */
void problem_unavailable(struct http_request *r, const char *reason);
/** 400: the parameter is not what it should be ("a whole number"). */
void problem_parameter(struct http_request *r, const char *name, const char *expected);
/** 500: our own failure (memory, an answer too large). */
void problem_internal(struct http_request *r);
/** The status for a SQLSTATE. */
int problem_status(const char *sqlstate);

#endif
