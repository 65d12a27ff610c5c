/* SPDX-License-Identifier: MIT */
/*
 * A request seen from PostgreSQL: the application_name of its transaction, a stream's, a report's or a write's, is "cetld ID", or
 * "cetld ID TRACE" where the client said to which trace it belongs, so that pg_stat_activity and the server's log (log_line_prefix
 * with %a) name it.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_TRACE_H
#define CETLD_API_TRACE_H

#include "base/buf.h"
#include "http/request.h"

enum { TRACE_NAME_MAX = 64 }; /* PostgreSQL's names, with the NUL */

void trace_name(const char *id, const char *trace, char ret_name[TRACE_NAME_MAX]);
/** Append SET LOCAL application_name = …, for the transaction that is open. */
void trace_sql(const struct http_request *r, struct buf *out);

/** A line of the log about the request, with its id and trace as fields. */
void trace_warning(const struct http_request *r, const char *format, ...) printf_like(2, 3);

#endif
