/* SPDX-License-Identifier: MIT */
/*
 * A dataset as the database has it: its table's columns and key read back from PostgreSQL's catalog, and its rollups. A snapshot:
 * made once, never changed, counted, so that a load goes on with the one it began with while a newer one is read.
 *
 * Thread: loop; a load's workers read what its plan points into.
 */
#ifndef CETLD_ETL_DATASET_H
#define CETLD_ETL_DATASET_H

#include "base/arena.h"
#include "config/config.h"
#include "data/aggregate.h"

#include <libpq-fe.h>
#include <locale.h>

struct formulas;

struct table_column {
    const char *name;
    const char *sql_type; /* as format_type prints it */
    uint32_t oid;         /* pg_type.oid; of a domain: its base type's */
    bool known;           /* a type of ours; else `type` is TYPE_OTHER, and goes by text */
    struct type type;
    bool not_null;
    bool has_default;        /* a DEFAULT or an identity */
    const char *default_sql; /* the DEFAULT as an expression; of an identity its nextval; NULL: none */
    bool identity_always;    /* GENERATED ALWAYS AS IDENTITY */
    bool generated;          /* GENERATED … STORED: never written */
    bool bytewise;           /* compares as COLLATE "C", or has no collation */
    bool collate;            /* it has a collation that is not the database's */
    bool lineage;            /* one of the two that say where a row came from; of a rollup: a column that begins with '_' */
    bool stamp;              /* one of those that soft_delete and timestamps keep, and that `columns` does not declare */
    const char *format;      /* inferred columns: the frozen template of a date, or "" */
};

/** What tells that the rows of a table changed. */
enum table_source {
    TABLE_UNVERSIONED, /* nothing does */
    TABLE_OF_DATASET,  /* every writer leaves a mark in cetl.change: its own table, and its rollups */
    TABLE_OF_DERIVE,   /* cetl.derive counts its refreshes */
};
struct table_version {
    enum table_source source;
    int64_t id; /* cetl.dataset.id; of a derive: the table's oid */
};

struct table {
    const char *schema, *name;
    struct table_version version;
    uint32_t oid; /* pg_class.oid; 0: not read */
    struct table_column *column;
    size_t columns;
    size_t *by_name; /* the columns' indexes in the order of their names, or NULL */
    size_t *key;     /* indexes of the primary key's columns, in its order */
    size_t keys;
    bool key_deferrable; /* ON CONFLICT cannot stand on it */
    bool partitioned;
    bool lineage;          /* it has the two columns below, which loads fill in */
    bool bytewise;         /* texts compare as COLLATE "C" where no collation is said: in this database */
    bool ctype_known;      /* `ctype` is the database's LC_CTYPE */
    locale_t ctype;        /* 0: C */
    const char *own_calls; /* see struct expr_scope; NULL: none */
    /* Kept by soft_delete and timestamps; NULL: they are not. A row whose deleted_at is not NULL is deleted. */
    const struct table_column *deleted_at, *created_at, *updated_at;
};

/** The columns that soft_delete and timestamps keep. */
#define TABLE_DELETED_AT "deleted_at"
#define TABLE_CREATED_AT "created_at"
#define TABLE_UPDATED_AT "updated_at"

/** The jsonb column for cells that no column takes. */
#define TABLE_RESCUED "_rescued"

/* Columns that say which file of the ledger, and which line of it, a row came from; both bigint. */
#define TABLE_LINEAGE_FILE "_file"
#define TABLE_LINEAGE_LINE "_line"

enum rollup_how {
    ROLLUP_MERGED,  /* by the workers' partials */
    ROLLUP_COUNTED, /* the partials say which groups; the server computes them */
    ROLLUP_STAGED,  /* the server says which groups, too: the rows go through a stage */
};

/* What the partials bring beside the keys. */
struct rollup_state {
    enum rollup_function function; /* ROLLUP_SUM and ROLLUP_COUNT: of an avg, too */
    size_t column;                 /* of the rollup's table */
};

struct dataset_rollup {
    const struct config_rollup *config;
    enum rollup_how how;
    bool described;             /* the types of the table's columns are known */
    struct table table;         /* keys, measures, and what merging them needs, in columns that begin with '_' */
    struct aggregate_spec spec; /* of ROLLUP_STAGED: nothing */
    struct rollup_state *state; /* spec.measures of them */
    bool *uses;                 /* of each column of the dataset: does it feed the rollup? */
};

/** A dataset that others look into, as the database has its table (etl/dimension.h). */
struct dataset_unique {
    const char *index; /* its name; of a dimension NULL */
    const char **column;
    size_t n;
};
struct dataset_dimension {
    const char *name;
    struct table table;
    struct dataset_unique *unique; /* its unique indexes that always hold, of all rows */
    size_t uniques;
};
struct dataset_dimensions {
    struct dataset_dimension *item;
    size_t n;
};

/** A foreign key of a dataset's table. */
struct dataset_reference {
    const char *constraint;
    const char *schema, *table; /* it refers to */
    const char **column, **to;  /* pairs */
    size_t n;
    bool soft; /* to a dataset that deletes softly */
};
/** A CHECK or EXCLUDE of it, and its columns. */
struct dataset_check {
    const char *constraint;
    const char **column;
    size_t n;
};
/** The keys of a dataset's own table. */
struct dataset_keys {
    struct dataset_check *check;
    size_t checks;
    struct dataset_unique *unique; /* its unique indexes that always hold, of all rows; the primary key first */
    size_t uniques;
    struct dataset_reference *reference;
    size_t references;
};

struct dataset {
    unsigned refs;
    struct arena arena;
    int64_t id; /* cetl.dataset.id */
    const char *name;
    bool inferred;
    bool ours;          /* cetld made the table, and so may alter it */
    bool told_ignored;  /* the log has said which cells are not loaded */
    bool unready;       /* broken only for a moment: something is in the way of making its rollups */
    int64_t definition; /* cetl.dataset.definition, and the fingerprint of the table's columns: a load whose snapshot differs from
                           these begins anew */
    const char *columns;
    bool loaded;      /* a file was loaded into it once; the scheduler keeps it true */
    char *held_by;    /* the file that failed, when the last one did: its name, escaped; or NULL. The scheduler keeps
it true; malloc'd */
    unsigned clashes; /* how many of its last loads in a row brought keys that were known; the loads keep it true */
    bool joins;       /* its last lookups were too large for memory, so that the server joins; likewise */
    bool repeats;     /* its last files brought a key more than once; likewise */
    struct table table;
    struct dataset_keys keys;
    struct dataset_rollup *rollup;
    size_t rollups;
    bool staged;                          /* one of them is ROLLUP_STAGED */
    bool merged;                          /* all of them are ROLLUP_MERGED */
    struct dataset_dimensions dimensions; /* what its lookups look into */
    const struct formulas *formulas;      /* etl/formulas.h; NULL: it has none */
    struct config *owner;                 /* keeps `config` alive, or NULL */
    const struct config_dataset *config;  /* NULL: not declared */
    const char *broken;                   /* why nothing can be loaded into it, with what to do; NULL: it is fine */
};

/** An empty snapshot with one reference. NULL without memory. */
struct dataset *dataset_new(const char *name, struct config *owner, const struct config_dataset *config);
struct dataset *dataset_ref(struct dataset *d);
void dataset_unref(struct dataset *d);
/** Its last file failed, or (NULL) did not. The name is copied. */
void dataset_hold(struct dataset *d, const char *file);
/** Does `order = strict` hold its files back? The name of the one that failed, or NULL. */
const char *dataset_held_by(const struct dataset *d);
/** Say that it cannot be loaded into; the first reason stays. */
void dataset_break(struct dataset *d, const char *format, ...) printf_like(2, 3);
/** Fill a table from the rows of SQL_TABLE_COLUMNS. 0 or -ENOMEM. */
must_check int table_read(struct arena *a, const PGresult *rows, const char *schema, const char *name, struct table *ret_table);
/** Fill a table's keys from the rows of SQL_TABLE_KEYS. 0 or -ENOMEM. */
must_check int dataset_read_keys(struct arena *a, const PGresult *rows, struct dataset_keys *ret_keys);
/** Append "schema"."name", quoted, as SQL and to_regclass read it. The buffer's text, or NULL when it failed. */
const char *table_quote(struct buf *out, const char *schema, const char *name);
/** CREATE TABLE IF NOT EXISTS with the declared columns as they were written. */
void dataset_create_sql(struct buf *out, const struct config_dataset *config);
/** Does the [column] section suit the column's type: its marks, its zone, its format? 0, positive with the words, or -ENOMEM. */
enum { DATASET_E_READING = 1 };
must_check int dataset_check_reading(const struct table_column *column, const struct config_column *config, struct error *err);
/** Break the dataset when a [column] section names a column that its table does not have, or does not suit it. */
void dataset_check_columns(struct dataset *d);
/** Break a dataset with a keyed mode whose table has no key for it, or no such `newest_by`. */
void dataset_check_key(struct dataset *d);
/** Resolve the declared rollups against its table; what does not fit breaks the dataset. 0 or -ENOMEM. */
must_check int dataset_resolve_rollups(struct dataset *d);
/** The index of a column, or -1. */
int table_find(const struct table *t, const char *column);
/** Note the columns that say where a row came from; false where the table does not have both. */
bool table_find_lineage(struct table *t);
/**
 * Note the columns of soft_delete and timestamps, as far as `config` (or NULL) wants them. NULL, or which of them is not there or
 * no time.
 */
const char *table_find_stamps(struct table *t, const struct config_dataset *config);
/** A column of cetld's own making beside the file's: no header names it, and no file lacks it. */
bool table_column_is_own(const struct table_column *c);

#endif
