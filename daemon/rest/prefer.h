/* SPDX-License-Identifier: MIT */
/*
 * What a request prefers (RFC 7240, with PostgREST's preferences) and which rows its Range asks for.
 *
 * What is not known is ignored, unless `handling=strict` is among the preferences.
 *
 * Thread: any.
 */
#ifndef CETLD_REST_PREFER_H
#define CETLD_REST_PREFER_H

#include "base/buf.h"
#include "rest/query.h"

enum rest_count { REST_COUNT_NONE, REST_COUNT_EXACT, REST_COUNT_PLANNED, REST_COUNT_ESTIMATED };
enum rest_return { REST_RETURN_NONE, REST_RETURN_MINIMAL, REST_RETURN_HEADERS, REST_RETURN_REPRESENTATION };
enum rest_resolution { REST_RESOLUTION_NONE, REST_RESOLUTION_MERGE, REST_RESOLUTION_IGNORE };
enum rest_missing { REST_MISSING_NONE, REST_MISSING_DEFAULT, REST_MISSING_NULL };
enum rest_handling { REST_HANDLING_NONE, REST_HANDLING_LENIENT, REST_HANDLING_STRICT };

struct rest_prefer {
    enum rest_count count;
    enum rest_return ret;
    enum rest_resolution resolution;
    enum rest_missing missing;
    enum rest_handling handling;
    int64_t max_affected; /* -1: not said; counts with handling=strict only */
};

/** The Prefer field's value ({NULL, 0}: none). 0, or REST_E_QUERY: strict handling, and one is not known. */
must_check int rest_prefer_parse(struct slice field, struct rest_prefer *ret_prefer, struct rest_error *err);
/** Append the value of Preference-Applied for what `applied` says; nothing when it says nothing. */
void rest_prefer_applied(struct buf *out, const struct rest_prefer *applied);

/**
 * Narrow limit and offset by a Range field in units of rows ("0-9", "10-", also behind "items=" or "rows="); other ranges, as of
 * bytes, are none of ours and change nothing. 0, or REST_E_QUERY (416): its end is before its start.
 */
must_check int rest_range_apply(struct slice field, struct slice unit, struct rest_level *root, struct rest_error *err);

/**
 * Append the value of Content-Range: "0-9/25", "0-9/" with a star for a total that is not known (-1), a star for the rows when
 * there are none. `rows` came from `offset` on.
 */
void rest_range_write(struct buf *out, int64_t offset, int64_t rows, int64_t total);
/** 200, 206 (there are more rows than these), 416 (`offset` is behind the last): PostgREST's rule. `total` -1: not known. */
int rest_range_status(int64_t offset, int64_t rows, int64_t total);

#endif
