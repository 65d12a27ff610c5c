/* SPDX-License-Identifier: MIT */
/*
 * The configuration: every option's value, typed, with defaults filled in. Made from files by config_load, never changed
 * afterwards, so that any thread may read it; counted, because a load goes on with the configuration it began with while a reload
 * brings a new one.
 *
 *     struct mistakes m;
 *     mistakes_init(&m);
 *     r = config_load("/etc/cetl/cetl.conf", CONFIG_MAY_BE_MISSING, &m, &config);   // 0, CONFIG_E_INVALID, negative
 *     …
 *     config_unref(config);
 *
 * What an option means, its range and its default: options.c, the one table.
 *
 * Thread: any (read); config_ref and config_unref: any.
 */
#ifndef CETLD_CONFIG_CONFIG_H
#define CETLD_CONFIG_CONFIG_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/glob.h"
#include "base/zone.h"
#include "config/allow.h"
#include "config/ini.h"
#include "config/lookup.h"
#include "config/mistakes.h"
#include "config/report.h"
#include "config/rollup.h"

#include <stdbool.h>
#include <stdint.h>

struct config_list {
    const char *const *item;
    size_t n;
};

enum config_unmatched { CONFIG_UNMATCHED_INFER, CONFIG_UNMATCHED_FAIL, CONFIG_UNMATCHED_LEAVE };
struct config_daemon {
    struct config_place place;
    const char *spool;
    const char *state;
    int64_t workers;    /* 0: one a core; see config_workers */
    int64_t memory_max; /* bytes */
    int64_t lookup_max; /* bytes; 0: a quarter of memory_max, see config_lookup_max */
    int64_t max_record; /* bytes */
    int64_t unpack_max; /* bytes */
    int64_t unpack_ratio;
    int64_t unpack_entries;
    int64_t settle_ms;
    int64_t rescan_ms;
    int64_t spool_min_free;                                /* bytes */
    int64_t keep_done_ms, keep_failed_ms, keep_rejects_ms; /* 0: for ever */
    enum config_unmatched unmatched;
    int log_level; /* LOG_ERR … LOG_DEBUG */
};

struct config_database {
    struct config_place place;
    const char *url;           /* URI or keyword string for libpq; "": the embedded cluster */
    const char *password_file; /* %d expanded; "": none */
    const char *pg_bin;        /* "": the newest found */
    const char *migrations;    /* a folder; "": `migrations` beside the configuration file, if it is there */
    struct config_place migrations_place;
    int64_t load_connections;
    int64_t api_connections;
    int64_t connect_timeout_ms;
    int64_t backoff_max_ms;
    int64_t statement_timeout_ms; /* of the API's buffered answers */
    int64_t stream_timeout_ms;    /* of its streams */
};

/** So many in so long a time; count 0: no limit. */
struct config_rate {
    int64_t count, per_ms;
};

enum config_anonymous { CONFIG_ANONYMOUS_READ, CONFIG_ANONYMOUS_NONE, CONFIG_ANONYMOUS_WRITE };
enum config_freshness { CONFIG_FRESHNESS_EXACT, CONFIG_FRESHNESS_NOTIFY };
/** A table or view that the API reads beside the datasets. */
struct config_exposed {
    const char *schema, *table; /* in the API it goes by `table` */
};

struct config_api {
    struct config_place place;
    struct config_list listen; /* "host:port", "[::1]:port", "unix:/path" */
    enum config_anonymous anonymous;
    const char *rate_text;     /* as written */
    struct config_rate rate;   /* of an address, without a token */
    const char *first_chunk;   /* a dataset's name; "": the first declared */
    struct config_list expose; /* as written: see config.exposed */
    int64_t header_max;        /* bytes */
    int64_t header_timeout_ms;
    int64_t idle_timeout_ms;
    int64_t body_max;   /* bytes */
    int64_t max_upload; /* bytes */
    int64_t max_connections;
    int64_t max_address_connections;
    int64_t max_waiting;
    int64_t max_event_streams;
    struct config_list cors_origins; /* of pages that may ask; "*": all */
    int request_log;                 /* bool */
    int64_t gzip;                    /* zlib's level; 0: none */
    int64_t socket_mode;             /* permissions of unix sockets */
    int freshness;                   /* enum config_freshness */
    int64_t cache_max;               /* bytes */
};

/** A column's mark that is the dataset's. */
enum { CONFIG_AS_DATASET = -1 };

enum config_miss { CONFIG_MISS_NULL, CONFIG_MISS_REJECT };
/** [column DATASET.NAME] */
struct config_column {
    struct config_place place;
    const char *name;        /* the table's column */
    const char *from;        /* the header's name; "": the column's own */
    int64_t position;        /* from 1; 0: by header */
    const char *format;      /* DD/MM/YYYY HH24:MI …; "": the type's usual forms */
    int decimal_mark;        /* a character, or CONFIG_AS_DATASET */
    int thousands_mark;      /* a character, 0: none, or CONFIG_AS_DATASET */
    const struct zone *zone; /* of times without one; NULL: the dataset's */
    const char *expr;        /* an expression that makes its values; "": its cell does */
    const char *check;       /* an expression that must not be false; "": none */
    const char *lookup_sql;  /* where its values are looked up, as written; "": nowhere */
    struct lookup lookup;    /* the same, parsed */
    enum config_miss on_miss;
    struct config_place expr_place, check_place, lookup_place;
};

/** [rollup DATASET.NAME]; its table is DATASET_NAME in the dataset's schema. */
struct config_rollup {
    struct config_place place;
    const char *name;
    const char *table;       /* DATASET_NAME */
    const char *group_sql;   /* as written; parsed into keys */
    const char *measure_sql; /* as written; parsed into measures */
    struct rollup_keys keys;
    struct rollup_measures measures;
};

/** How many rows of a file may be rejected. */
struct config_budget {
    bool is_percent;
    double percent; /* 0 to 100 */
    int64_t count;
};

/** What is detected: no character that can be declared, and no number of lines. */
enum { CONFIG_CHAR_AUTO = 1, CONFIG_LINES_AUTO = -1 };

enum config_mode { CONFIG_MODE_APPEND, CONFIG_MODE_UPSERT, CONFIG_MODE_IGNORE, CONFIG_MODE_REPLACE };
enum config_order { CONFIG_ORDER_LENIENT, CONFIG_ORDER_STRICT };
enum config_header { CONFIG_HEADER_AUTO, CONFIG_HEADER_YES, CONFIG_HEADER_NO };
enum config_line_end { CONFIG_LINE_END_AUTO, CONFIG_LINE_END_LF, CONFIG_LINE_END_CR };
enum config_blank_lines { CONFIG_BLANK_LINES_ROWS, CONFIG_BLANK_LINES_SKIP };
enum config_trim { CONFIG_TRIM_NO, CONFIG_TRIM_YES };
enum config_compression { CONFIG_COMPRESSION_AUTO, CONFIG_COMPRESSION_NONE, CONFIG_COMPRESSION_GZIP, CONFIG_COMPRESSION_ZIP };
enum config_lineage { CONFIG_LINEAGE_AUTO, CONFIG_LINEAGE_YES, CONFIG_LINEAGE_NO };
enum config_duplicates { CONFIG_DUPLICATES_SKIP, CONFIG_DUPLICATES_LOAD };
enum config_new { CONFIG_NEW_REJECT, CONFIG_NEW_IGNORE, CONFIG_NEW_ADD, CONFIG_NEW_RESCUE };
enum config_missing { CONFIG_MISSING_NULL, CONFIG_MISSING_REJECT };
struct config_dataset {
    struct config_place place;
    const char *name;
    struct config_list files; /* globs, for glob_match_file */
    const char *schema;
    const char *table;       /* without the schema */
    const char *columns_sql; /* the CREATE TABLE list as written; "": inferred */
    struct config_place columns_place;
    struct config_list columns;      /* the names in columns_sql, in order; constraints left out */
    struct config_list column_types; /* of each the text of its type: "numeric(12, 2)" */
    const char *inputs_sql;          /* cells that only expressions read: a list as columns_sql */
    struct config_list inputs, input_types;
    const char *filter; /* an expression: of which rows are loaded; "": all */
    struct config_place filter_place;
    enum config_mode mode;
    int64_t replace_swap_min;  /* bytes */
    const char *newest_by;     /* upsert: the column whose greater value wins; "": the later row */
    enum config_order order;   /* strict: a failed file holds its followers */
    enum config_header header; /* no: a column without a position has the place it has in `columns` */
    char delimiter;            /* 0: detected */
    char quote;                /* 0: none; or CONFIG_CHAR_AUTO */
    char escape;               /* 0: none; or CONFIG_CHAR_AUTO */
    char comment;              /* 0: none */
    int64_t skip_lines;        /* or CONFIG_LINES_AUTO */
    enum config_line_end line_end;
    enum config_blank_lines blank_lines;
    enum config_trim trim;
    enum config_compression compression;
    struct config_list null; /* texts that mean NULL beside the unquoted empty cell */
    int decimal_mark;        /* '.' or ',' */
    int thousands_mark;      /* a character; 0: none */
    const struct zone *zone; /* of times without one; NULL: UTC */
    const char *encoding;    /* for config/encoding.h */
    struct config_budget max_errors;
    enum config_duplicates duplicates;
    struct config_list requires; /* datasets for whose earlier files its files wait */
    int64_t wait_ms;             /* how long */
    enum config_lineage lineage;
    int64_t parallel;     /* connections for one file */
    int64_t parallel_min; /* bytes: smaller files take one */
    enum config_new new_columns;
    enum config_missing missing_columns;
    int widen;              /* bool; where the columns are inferred */
    int soft_delete;        /* bool */
    int timestamps;         /* bool */
    const char *api_select; /* in PostgREST's words; "": every column */
    struct config_place api_select_place;
    int64_t bulk_max;                   /* rows of one request */
    const struct config_column *column; /* the [column] sections, in the order of their names */
    size_t n_columns;
    const struct config_rollup *rollup; /* in file order */
    size_t n_rollups;
};

enum config_as { CONFIG_AS_TABLE, CONFIG_AS_VIEW };
/** [derive NAME]: a table or view that is made of loaded tables. */
struct config_derive {
    struct config_place place;
    const char *name;
    struct config_list after; /* datasets and derives that it is made of */
    const char *sql;          /* a query, without the semicolon behind it */
    struct config_place sql_place;
    enum config_as as;
    const char *schema;
    const char *table;  /* without the schema */
    int64_t timeout_ms; /* of each of its statements */
};

/** [report NAME]: a query that is answered over HTTP. */
struct config_report {
    struct config_place place;
    const char *name;
    const char *param_sql; /* as written; parsed into params */
    const char *filename;  /* as written; parsed into filename_text */
    const char *sql;       /* a query, without the semicolon behind it; parsed into text */
    struct config_place sql_place;
    struct report_params params;
    struct report_text text, filename_text;
};

/** [token NAME] */
struct config_token {
    struct config_place place;
    const char *name;
    const char *hash_file;
    const char *allow_text, *expires_text, *rate_text; /* as written */
    const char *role;                                  /* its statements run as; "": as the daemon */
    uint8_t hash[DIGEST_BYTES];                        /* what hash_file holds */
    struct allow allow;
    int64_t expires_s; /* since 1970; INT64_MAX: never */
    struct config_rate rate;
};

/** [role NAME]: what a JWT may whose role is NAME. */
struct config_role {
    struct config_place place;
    const char *name;
    const char *allow_text, *rate_text; /* as written */
    const char *role;                   /* its statements run as; "": as the daemon */
    struct allow allow;
    struct config_rate rate;
};

struct config_jwt {
    struct config_place place;
    struct config_list secret_file, key_file; /* HS256, RS256 */
    const struct slice *secret, *key;         /* what these files hold */
    struct config_list audience;
    const char *issuer; /* "": any */
    int64_t leeway_ms;
    const char *role_claim, *allow_claim; /* names of claims; "": none */
};

/** What a receiver is told of: a bit for each. */
enum config_event {
    CONFIG_EVENT_FAILED,
    CONFIG_EVENT_WAITING,
    CONFIG_EVENT_UNREADABLE,
    CONFIG_EVENT_LOADED,
    CONFIG_EVENT_DUPLICATE,
    CONFIG_EVENT_BACKUP, /* not of a file: one that was due could not be made */
    CONFIG_EVENTS
};
/** [notify NAME] */
struct config_notify {
    struct config_place place;
    const char *name;
    const char *url, *url_file, *token_file, *ca_file; /* as written; "": none */
    const char *target, *token;                        /* what they hold; token "": none */
    struct config_list on;                             /* as written */
    unsigned events;                                   /* 1 << CONFIG_EVENT_… */
    struct config_list datasets;                       /* globs */
    int64_t delay_ms, retry_for_ms;
};

/** [store NAME]: how objects are reached whose URLs begin with `url`. */
struct config_store {
    struct config_place place;
    const char *name;
    const char *url, *endpoint, *region, *key_id, *secret_file, *ca_file;
    const char *secret; /* what secret_file holds; "": none */
};

/** [archive NAME]: where originals are stored. */
struct config_archive {
    struct config_place place;
    const char *name;
    const char *url; /* with {dataset} and the like */
    int failed;      /* bool */
};

/** [source NAME] */
struct config_source {
    struct config_place place;
    const char *name;
    const char *url, *url_file, *token_file, *user, *password_file; /* as written; "": none */
    const char *target, *token, *password;                          /* what they hold; "": none */
    int plain_http;                                                 /* bool: they may be sent so that others can read them */
    const char *dataset;
    const char *ca_file;
    int64_t every_ms;  /* 0: when it is asked for */
    int64_t bytes_max; /* of a file */
};

/** [backup NAME] */
struct config_backup {
    struct config_place place;
    const char *name;
    const char *to;           /* a folder, or the URL of an object store: each backup gets a folder in it */
    struct config_list table; /* datasets and tables; "*" alone: those of all datasets */
    int64_t every_ms;
    const char *at_text; /* as written */
    int64_t at_ms;       /* of the day, in UTC; -1: it does not matter when */
};

/** NNN_name.sql of the folder of migrations. */
struct config_migration {
    int number; /* from 1, without gaps */
    const char *name;
    const char *path;
    const char *sql;
};

/** What the files say of the sections with options that take a restart: after a reload not all of it is in force. */
struct config_written {
    struct config_daemon daemon;
    struct config_database database;
    struct config_api api;
};

struct config {
    struct config_daemon daemon;
    struct config_database database;
    struct config_api api;
    const struct config_written *written;
    const struct config_dataset *datasets; /* in file order: the first whose `files` match has the file */
    size_t n_datasets;
    const struct config_dataset **by_name; /* the same, for config_dataset() */
    const struct config_exposed *exposed;  /* in the order of `expose` */
    size_t n_exposed;
    const struct config_derive *derives; /* each behind those that it is made of */
    size_t n_derives;
    const struct config_report *reports; /* in file order */
    size_t n_reports;
    const struct config_token *tokens; /* in file order */
    size_t n_tokens;
    const struct config_role *roles; /* in file order */
    size_t n_roles;
    struct config_jwt jwt;
    const struct config_notify *notify; /* in file order */
    size_t n_notify;
    const struct config_store *stores; /* in file order */
    size_t n_stores;
    const struct config_archive *archives; /* in file order */
    size_t n_archives;
    const struct config_source *sources; /* in file order */
    size_t n_sources;
    const struct config_backup *backups; /* in file order */
    size_t n_backups;
    const size_t *order;                      /* the datasets' numbers, those that others look into before these */
    const struct config_migration *migration; /* by number */
    size_t n_migrations;
    const struct ini *said; /* what the files say, as it stands there: see effective.h */
};

#define CONFIG_DEFAULT_PATH "/etc/cetl/cetl.conf"
enum config_presence { CONFIG_MUST_EXIST, CONFIG_MAY_BE_MISSING };
enum { CONFIG_E_INVALID = 1 };

/**
 * Read `path` and conf.d/ *.conf beside it, in name order. A missing `path` is a mistake or an empty file, as `presence` says. The
 * caller has one reference. 0; CONFIG_E_INVALID with every mistake in `mistakes`; -ENOMEM.
 */
must_check int config_load(const char *path, enum config_presence presence, struct mistakes *mistakes, struct config **ret_config);
struct ini;
/**
 * Only the sections and keys of these files as they stand, into `ini` (ini.h), and no secret: for who is not the daemon. What no
 * INI file has, and what cannot be read, is a mistake. 0 or -ENOMEM.
 */
must_check int config_read(const char *path, enum config_presence presence, struct mistakes *mistakes, struct ini *ini);
/** config_load without the sections whose secrets not everybody may read: [token], [jwt], [role], [notify], [source], [store], and
 * [archive], which needs it. */
must_check int config_load_public(const char *path, enum config_presence presence, struct mistakes *mistakes,
                                  struct config **ret_config);
/** config_load from memory, as if it were the file `name`. */
must_check int config_parse(const char *name, struct slice text, struct mistakes *mistakes, struct config **ret_config);
struct config *config_ref(struct config *c);
/** NULL is fine. */
void config_unref(struct config *c);

/** The dataset, derive, report or column of that name, or NULL. */
const struct config_dataset *config_dataset(const struct config *c, struct slice name);
const struct config_derive *config_derive(const struct config *c, struct slice name);
const struct config_report *config_report(const struct config *c, struct slice name);
/** "failed", "waiting" … */
const char *config_event_name(enum config_event event);
/** How the objects of that URL are reached: of the stores whose url it begins with the longest, whole names of buckets
 * and accounts only; NULL: none. */
const struct config_store *config_store_for(const struct config *c, const char *url);
/** Is it one of the dataset's `inputs`? */
bool config_input(const struct config_dataset *d, const char *name);
const struct config_column *config_column(const struct config_dataset *d, const char *name);
/** The first dataset whose globs match `path` (below incoming/), or NULL. */
const struct config_dataset *config_dataset_for(const struct config *c, struct slice path);
/** The parts of the glob by which the dataset has the file at `path`; 0 when it has none, or no glob matches. `ret_part` has
 * GLOB_PARTS_MAX. */
size_t config_dataset_parts(const struct config_dataset *d, struct slice path, struct glob_part *ret_part);
/** What the tables that lookups look into may hold in memory, in bytes. */
size_t config_lookup_max(const struct config *c);
/** How many worker threads: as configured, or the cores this process may run on. */
unsigned config_workers(const struct config *c);
/** May `rejected` of `rows` rows be rejected? */
bool config_budget_allows(const struct config_budget *b, uint64_t rejected, uint64_t rows);

/**
 * What a reload from `old` to `new` would change and cannot: each such option as "daemon.spool (/a to /b)", comma-separated, in
 * `out`. The number of them.
 */
size_t config_diff(const struct config *old, const struct config *new, struct buf *out);
/**
 * What a reload cannot change is in `c`, which nobody else has yet, as it is in `first`, which must outlive it. `c->written` keeps
 * what the files say.
 */
void config_settle(struct config *c, const struct config *first);
/** Every effective value, as a file that reads back to the same. */
void config_print(const struct config *c, struct buf *out);

/**
 * The content of a file that holds a secret, without the line end behind it; malloc'd, the caller frees. 0, or -errno or
 * ERROR_TOO_BIG with the words in err.
 */
must_check int config_read_secret(const char *path, struct error *err, char **ret_secret);

#endif
