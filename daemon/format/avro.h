/* SPDX-License-Identifier: MIT */
/*
 * Avro's schema of a table's rows: a record whose fields are the columns, each of a primitive type, perhaps with a logical type,
 * perhaps in a union with null. And what schema, rows (avro_row.h) and files (avro_file.h) have in common.
 *
 *     boolean  bool            string   text, varchar …; what has no type of Avro's, as its text
 *     int      int2, int4      int      date: date                   days since 1970
 *     long     int8            long     time-micros: time
 *     float    float4          long     timestamp-micros: timestamptz, local-timestamp-micros: timestamp      since 1970
 *     double   float8          bytes    decimal: numeric(p,s) of at most 38 digits
 *     bytes    bytea           string   uuid: uuid
 *
 * Names of fields are [A-Za-z_][A-Za-z0-9_]*, which the names of columns need not be: avro_schema_field makes one.
 *
 * Source: Apache Avro 1.11 specification, "Schema Declaration", "Logical Types".
 *
 * Thread: any.
 */
#ifndef CETLD_FORMAT_AVRO_H
#define CETLD_FORMAT_AVRO_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    AVRO_E_TEXT = 1,    /* a value that other readers could not hold in its type: its column should be written as text */
    AVRO_E_DAMAGED = 2, /* this is no Avro, or not of this schema */
    AVRO_E_END = 3,     /* the file ends here, as it should */
};

/** PostgreSQL has 1600 columns at most. */
enum { AVRO_NAME_SIZE = 80, AVRO_COLUMNS_MAX = 1600, AVRO_PRECISION_MAX = 38, AVRO_SCHEMA_MAX = 1024 * 1024 };

enum avro_kind {
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING,
    AVRO_DATE,
    AVRO_TIME,
    AVRO_TIMESTAMP,
    AVRO_TIMESTAMPTZ,
    AVRO_DECIMAL,
    AVRO_UUID,
};

struct avro_column {
    char name[AVRO_NAME_SIZE]; /* the field's */
    enum avro_kind kind;
    int precision, scale; /* of a decimal */
    bool nullable;
    bool null_last; /* the union is [type, null] */
    bool small;     /* an AVRO_INT that is an int2 for PostgreSQL; not in the schema */
};

struct avro_schema {
    char name[AVRO_NAME_SIZE], space[AVRO_NAME_SIZE]; /* of the record; `space` may be "" */
    struct avro_column *column;                       /* malloc'd */
    size_t columns;
};

/** Free the columns. An all-zero schema is fine. */
void avro_schema_done(struct avro_schema *s);
/** The name of field i (and of the record: i is `columns`) out of a column's: what may not be in it becomes '_', and what a field
 * before it has already gets a number. */
void avro_schema_field(struct avro_schema *s, size_t i, const char *column);
/** The schema as JSON. Failures show in buf_check. */
void avro_schema_json(const struct avro_schema *s, struct buf *out);
/** 0, AVRO_E_DAMAGED with words (no JSON, not a record of such columns), or -ENOMEM. avro_schema_done is the caller's on success.
 */
must_check int avro_schema_parse(struct slice json, struct avro_schema *ret_schema, struct error *err);
/**
 * Do files of schema `found` hold what `want` says? Same fields in the same order, same types; a logical type may be missing in
 * `found`, since programs that do not know one drop it. Then `found` gets the logical types of `want`. 0, or AVRO_E_DAMAGED with
 * the first difference.
 */
must_check int avro_schema_agree(const struct avro_schema *want, struct avro_schema *found, struct error *err);

#endif
