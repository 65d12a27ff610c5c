/* SPDX-License-Identifier: MIT */
#include "http/trace.h"

enum { PARENT_ID = 16, LENGTH = 55, TRACE_AT = 3, PARENT_AT = 36, FLAGS_AT = 53 };

static bool is_hex(const char *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f'))) return false;
    return true;
}

static bool is_zero(const char *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (p[i] != '0') return false;
    return true;
}

bool http_trace_parse(struct slice t, char ret_id[HTTP_TRACE_ID + 1])
{
    if (t.len < LENGTH || !is_hex(t.p, 2) || slice_starts(t, SLICE("ff"))) return false;
    /* A later version may have more, behind a dash. */
    if (t.len > LENGTH && (slice_starts(t, SLICE("00")) || t.p[LENGTH] != '-')) return false;
    if (t.p[TRACE_AT - 1] != '-' || t.p[PARENT_AT - 1] != '-' || t.p[FLAGS_AT - 1] != '-') return false;
    if (!is_hex(t.p + TRACE_AT, HTTP_TRACE_ID) || is_zero(t.p + TRACE_AT, HTTP_TRACE_ID)) return false;
    if (!is_hex(t.p + PARENT_AT, PARENT_ID) || is_zero(t.p + PARENT_AT, PARENT_ID) || !is_hex(t.p + FLAGS_AT, 2)) return false;
    memcpy(ret_id, t.p + TRACE_AT, HTTP_TRACE_ID);
    ret_id[HTTP_TRACE_ID] = '\0';
    return true;
}
