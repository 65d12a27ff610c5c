/* SPDX-License-Identifier: MIT */
/*
 * The media types that rows come in, and a row of a statement's result written in one of them.
 *
 *   application/json                       an array of objects; also as application/vnd.pgrst.array+json
 *   application/x-ndjson                   an object a line
 *   text/csv                               a header, and a line a row
 *   application/vnd.pgrst.object+json      one object: the answer has exactly one row, or is refused
 *
 * `;nulls=stripped` behind one of the vnd.pgrst types leaves out members that are null.
 *
 * Thread: any.
 */
#ifndef CETLD_API_FORM_H
#define CETLD_API_FORM_H

#include "rest/sql.h"

enum form_kind { FORM_JSON, FORM_NDJSON, FORM_CSV, FORM_OBJECT, FORM_KIND_N };
struct form {
    enum form_kind kind;
    bool stripped;
    const char *media_type; /* of the answer */
};

/** The best one for an Accept field ({NULL, 0}: any); `csv_first`: CSV where the client does not care. False: none will do. */
bool form_choose(struct slice accept, bool csv_first, struct form *ret_form);
/** The server writes types that are not ours as JSON, not as text. */
static inline bool form_is_json(const struct form *f)
{
    return f->kind != FORM_CSV;
}

struct form_column {
    uint32_t oid;
    bool known;
    struct slice key; /* "name": */
};
/** The columns of a statement, prepared for form_row; NULL without memory. */
struct form_column *form_columns(const struct rest_statement *s, struct arena *arena);

/** What stands in front of the first row. */
void form_begin(const struct form *f, const struct rest_statement *s, struct buf *out);
/** A row of a binary result. */
struct form_cells {
    const struct form_column *column;
    size_t columns;
    const PGresult *result;
    int row;
    int at; /* the first of its columns in the result */
};
/** Append it; `rows` are there already. 0, ERROR_PROTOCOL. */
must_check int form_row(const struct form *f, const struct form_cells *cells, int64_t rows, struct buf *out);
/** What stands behind the last. */
const char *form_end(const struct form *f);

#endif
