/* SPDX-License-Identifier: MIT */
/*
 * The traceparent field (W3C Trace Context, 3.2): VERSION-TRACE-PARENT-FLAGS in lower-case hexadecimal.
 *
 * Thread: any.
 */
#ifndef CETLD_HTTP_TRACE_H
#define CETLD_HTTP_TRACE_H

#include "base/slice.h"

enum { HTTP_TRACE_ID = 32 };

/** The trace's id. False, and nothing written: the field is not there or not valid, which means the same. */
bool http_trace_parse(struct slice traceparent, char ret_id[HTTP_TRACE_ID + 1]);

#endif
