/* SPDX-License-Identifier: MIT */
/*
 * Tables and types as JSON Schema (2020-12, which OpenAPI 3.1 takes as it is). Values look as to_jsonb gives them, so a type that
 * JSON does not have is a string. What JSON Schema cannot say stands in members that begin with x-: the SQL type, the keys, the
 * references.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_OPENAPI_SCHEMA_H
#define CETLD_API_OPENAPI_SCHEMA_H

#include "etl/dataset.h"
#include "format/json_writer.h"

/** A value of that SQL type, by its name as it is written or printed. */
void openapi_write_type(struct json_writer *w, const char *sql_type, bool nullable);
struct openapi_table {
    const char *name;
    const struct table *table;
    const struct dataset_keys *keys; /* or NULL */
    bool sent;                       /* rows of it may be sent */
};
/** The schemas of a table: a row as it is read, under its name, and a row as it is sent, with `-new` behind the name. */
void openapi_write_table(struct json_writer *w, const struct openapi_table *t);
/** The key under `components` for a name: letters, digits and `_` stay, other bytes are written as `.xx`. */
void openapi_put_key(struct buf *out, const char *name);

#endif
