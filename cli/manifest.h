/* SPDX-License-Identifier: MIT */
/*
 * The manifest of a backup: which tables, how they were made, which file has the rows of each, how many, and the file's SHA-256. It
 * is written last, so that a folder without one is no backup.
 *
 * Strings, and everything else that is pointed to, are in the manifest's arena (but for the schemas' columns).
 */
#ifndef CETL_MANIFEST_H
#define CETL_MANIFEST_H

#include "base/arena.h"
#include "base/digest.h"
#include "format/avro.h"

#define MANIFEST_NAME "manifest.json"

struct manifest_column {
    const char *name, *type;                  /* format_type's text, with schemas */
    const char *collation_schema, *collation; /* NULL: the type's */
    bool not_null, generated;                 /* a generated one is not in the file */
    bool as_text;                             /* the file has it as text that the type reads */
    char identity;                            /* 'a', 'd' or 0 */
};
struct manifest_key {
    const char *name;
    bool primary;
    const char **column;
    size_t columns;
};
struct manifest_file {
    const char *name; /* in the backup's folder; NULL: none */
    int64_t rows, bytes;
    char sha256[DIGEST_HEX];
    struct avro_schema schema;
};
struct manifest_dataset {
    const char *name; /* NULL: the table is no dataset's */
    bool inferred, made;
    const char *guess;           /* cetl.dataset.columns, JSON; or NULL */
    struct manifest_file ledger; /* the files whose rows are in the table */
};
struct manifest_table {
    const char *schema, *name;
    struct manifest_column *column;
    size_t columns;
    struct manifest_key *key;
    size_t keys;
    struct manifest_file rows;
    struct manifest_dataset dataset;
};
struct manifest {
    struct arena arena;
    const char *made_at, *server, *database;
    struct manifest_table *table;
    size_t tables;
};

void manifest_init(struct manifest *m);
void manifest_done(struct manifest *m);
/** As JSON. Failures show in buf_check. */
void manifest_print(const struct manifest *m, struct buf *out);
/** 0, or negative with words that name the place. On failure there is nothing to be freed. */
must_check int manifest_parse(struct slice json, struct manifest *ret_manifest, struct error *err);

/** The primary key, or NULL. */
const struct manifest_key *manifest_key_of(const struct manifest_table *t);

#endif
