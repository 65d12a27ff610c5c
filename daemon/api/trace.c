/* SPDX-License-Identifier: MIT */
#include "api/trace.h"

#include "base/log.h"
#include "db/query.h"

#include <stdio.h>

enum { ID_BESIDE_TRACE = 24 }; /* with "cetld ", a space and the trace's 32 it is 63 */

void trace_name(const char *id, const char *trace, char ret_name[TRACE_NAME_MAX])
{
    if (trace[0])
        snprintf(ret_name, TRACE_NAME_MAX, "cetld %.*s %s", ID_BESIDE_TRACE, id, trace);
    else
        snprintf(ret_name, TRACE_NAME_MAX, "cetld %.*s", TRACE_NAME_MAX - 7, id);
}

void trace_sql(const struct http_request *r, struct buf *out)
{
    char name[TRACE_NAME_MAX];
    trace_name(http_request_id(r), http_request_trace(r), name);
    buf_puts(out, "SET LOCAL application_name = ");
    db_quote_literal(out, slice_of(name));
}

void trace_warning(const struct http_request *r, const char *format, ...)
{
    char text[2 * ERROR_TEXT_MAX];
    const char *trace = http_request_trace(r);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_kind(format, LOG_WARNING, LOG_FIELDS({"REQUEST", http_request_id(r)}, {"TRACE", trace[0] ? trace : NULL}),
             "%s (request %s)", text, http_request_id(r));
}
