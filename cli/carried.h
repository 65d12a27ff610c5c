/* SPDX-License-Identifier: MIT */
/*
 * A table as a backup carries it: what the database says of it, as a manifest has it, and in which form each column travels.
 */
#ifndef CETL_CARRIED_H
#define CETL_CARRIED_H

#include "cli.h"
#include "manifest.h"

#include <libpq-fe.h>

struct carried {
    long long oid;
    int64_t about_rows; /* an estimate */
    bool plain;         /* one table, and all of its columns as they are: COPY may name it */
};
/**
 * Fill in schema, name, columns, keys, the file's schema and, where there is a ledger, the dataset of `t`. CLI_OK or CLI_FAILED,
 * with words.
 */
int carried_describe(PGconn *pg, struct arena *a, long long oid, struct manifest_table *t, struct carried *ret_carried);
/** The column travels as text: it has no type of Avro's, or a value that the type would not hold. */
void carried_as_text(struct manifest_table *t, size_t field);
/** COPY … TO STDOUT of the columns that are stored. */
void carried_copy_sql(struct buf *out, const struct manifest_table *t, const struct carried *c);
/** The fields of a ledger's file. CLI_OK or CLI_FAILED. */
int carried_ledger_schema(struct avro_schema *s);

#endif
