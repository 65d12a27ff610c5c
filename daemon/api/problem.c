/* SPDX-License-Identifier: MIT */
#include "api/problem.h"

#include "api/trace.h"

#include <stdio.h>

#define RETRY_AFTER "5" /* seconds */
#define QUERY_CANCELED "57014"

/*
 * PostgREST's ("Errors", HTTP Status Codes): the longest prefix that fits comes first, and what is not here is 400. But 54 (a limit
 * of the server's, which only what was sent can have reached) is the client's, too.
 */
static const struct {
    const char *prefix;
    int status;
} statuses[] = {
    {"23503", 409}, {"23505", 409}, {"25006", 405}, {"42501", 403}, {"42883", 404}, {"42P01", 404}, {"42P17", 500},
    {"57014", 503}, {"08", 503},    {"09", 500},    {"0L", 403},    {"0P", 403},    {"22", 400},    {"23", 400},
    {"25", 500},    {"28", 403},    {"2D", 500},    {"38", 500},    {"39", 500},    {"3B", 500},    {"40", 500},
    {"42", 400},    {"53", 503},    {"54", 400},    {"55P03", 503}, {"55", 500},    {"57", 503},    {"58", 500},
    {"F0", 500},    {"HV", 500},    {"P0001", 400}, {"P0", 500},    {"XX", 500},
};

int problem_status(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (strncmp(sqlstate, statuses[i].prefix, strlen(statuses[i].prefix)) == 0) return statuses[i].status;
    return sqlstate[0] ? 400 : 503;
}

void problem_unavailable(struct http_request *r, const char *reason)
{
    http_header(r, "Retry-After", RETRY_AFTER);
    /* Without a reason the database is there, and every connection to it is taken. */
    http_problem(
        r, &(struct http_problem){.status = 503,
                                  .message = reason[0] ? "the database does not answer" : "too much is being read at the moment",
                                  .details = reason[0] ? reason : NULL,
                                  .hint = reason[0] ? "try again; /readyz says when it is back" : "try again in a few seconds"});
}

void problem_from_database(struct http_request *r, const struct db_result *result)
{
    if (result->status != ERROR_REFUSED) return problem_unavailable(r, result->error ? result->error->text : "");
    int status = problem_status(result->error->sqlstate);
    bool late = strcmp(result->error->sqlstate, QUERY_CANCELED) == 0;
    if (status == 503) http_header(r, "Retry-After", RETRY_AFTER);
    if (status >= 500 && status != 503) trace_warning(r, "the database refused: %s", result->error->text);
    http_problem(r, &(struct http_problem){.status = status,
                                           .code = result->error->sqlstate,
                                           .message = result->error->text,
                                           .hint = late ? "how long it may take is said by statement_timeout and stream_timeout in "
                                                          "[database]"
                                                        : NULL});
}

void problem_parameter(struct http_request *r, const char *name, const char *expected)
{
    char message[256];
    snprintf(message, sizeof message, "%s must be %s", name, expected);
    http_problem(r, &(struct http_problem){.status = 400, .message = message});
}

void problem_internal(struct http_request *r)
{
    trace_warning(r, "an answer could not be made: there is no memory for it, or it is too large");
    http_problem(r, &(struct http_problem){.status = 500, .message = "the answer could not be made", .hint = "the log says more"});
}
