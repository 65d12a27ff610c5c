/* SPDX-License-Identifier: MIT */
#include "db/migrate.h"

#include "base/digest.h"
#include "db/sql.h"

#include <stdio.h>
#include <stdlib.h>

/*
 *   PREPARE ──▶ ( BEGIN ──▶ APPLY ──▶ RECORD ──▶ COMMIT )… ──▶ UNLOCK ──▶ done
 *      │             └─────────┴─────────┴─────────┴──▶ ROLLBACK ──▲
 *      └── a newer or a changed database ──────────────────────────┘
 */
enum step { PREPARE, BEGIN, APPLY, RECORD, COMMIT, ROLLBACK, UNLOCK };

struct run {
    struct db_conn *conn;
    void (*done)(void *ctx, const struct db_result *r);
    void *ctx;
    bool user;
    const struct db_migration *next; /* the first that is missing */
    struct error error;              /* kept while ROLLBACK and UNLOCK go on */
    int status;
    char *detail;
};

const struct db_migration *db_migrations(void)
{
    /* Append-only; see sql.h. */
    static const struct db_migration list[] = {
        {1, "ledger", SQL_MIGRATION_LEDGER, NULL},
        {2, "definition", SQL_MIGRATION_DEFINITION, NULL},
        {3, "loads", SQL_MIGRATION_LOADS, NULL},
        {4, "transform", SQL_MIGRATION_TRANSFORM, NULL},
        {5, "api", SQL_MIGRATION_API, NULL},
        {6, "store", SQL_MIGRATION_STORE, NULL},
        {0, NULL, NULL, NULL},
    };
    return list;
}

static int checksum(const char *sql, char ret_hex[DIGEST_HEX])
{
    struct digest d;
    uint8_t sum[DIGEST_BYTES];
    int r = digest_init(&d);
    if (r < 0) return r;
    digest_update(&d, sql, strlen(sql));
    digest_final(&d, sum);
    digest_done(&d);
    digest_hex(sum, ret_hex);
    return 0;
}

static void finish(struct run *run, const struct db_result *r)
{
    run->done(run->ctx, r);
    free(run->detail);
    free(run);
}

static void finish_with(struct run *run, int status)
{
    finish(run, &(struct db_result){
                    .status = status, .error = status < 0 ? &run->error : NULL, .detail = run->detail ? run->detail : ""});
}

static void on_prepared(void *ctx, const struct db_result *r);
static void on_begun(void *ctx, const struct db_result *r);
static void on_applied(void *ctx, const struct db_result *r);
static void on_recorded(void *ctx, const struct db_result *r);
static void on_committed(void *ctx, const struct db_result *r);
static void on_rolled_back(void *ctx, const struct db_result *r);
static void on_unlocked(void *ctx, const struct db_result *r);

static const struct {
    const char *sql, *user_sql; /* NULL: the migration's */
    void (*done)(void *ctx, const struct db_result *r);
} steps[] = {
    [PREPARE] = {SQL_MIGRATION_PREPARE, SQL_USER_MIGRATION_PREPARE, on_prepared},
    [BEGIN] = {"BEGIN", "BEGIN", on_begun},
    [APPLY] = {NULL, NULL, on_applied},
    [RECORD] = {SQL_MIGRATION_RECORD, SQL_USER_MIGRATION_RECORD, on_recorded},
    [COMMIT] = {"COMMIT", "COMMIT", on_committed},
    [ROLLBACK] = {"ROLLBACK", "ROLLBACK", on_rolled_back},
    [UNLOCK] = {SQL_MIGRATION_UNLOCK, SQL_MIGRATION_UNLOCK, on_unlocked},
};

static int send_step(struct run *run, enum step step)
{
    const char *sql = run->user ? steps[step].user_sql : steps[step].sql;
    struct db_query q = {.sql = sql ? sql : run->next->sql, .done = steps[step].done, .ctx = run};
    struct db_param param[3];
    char hex[DIGEST_HEX];
    if (step == RECORD) {
        int r = checksum(run->next->sql, hex);
        if (r < 0) return r;
        param[0] = db_int8(run->next->number);
        param[1] = db_text(run->next->name);
        param[2] = db_text(hex);
        q.param = param;
        q.params = 3;
    }
    return db_query(run->conn, &q);
}

static void go(struct run *run, enum step step)
{
    int r = send_step(run, step);
    if (r == 0) return;
    error_set(&run->error, r, "cannot go on with the migration: %s", error_name(r));
    finish_with(run, r);
}

static void keep(struct run *run, const struct db_result *r)
{
    run->status = r->status;
    run->error = *r->error;
    run->detail = strdup(r->detail);
}

/* True when the step went well. Else the transaction is rolled back, or, when the connection is gone, nothing more can be done. */
static bool went_well(struct run *run, const struct db_result *r)
{
    if (r->status == 0) return true;
    if (r->status != ERROR_REFUSED) {
        finish(run, r);
        return false;
    }
    keep(run, r);
    go(run, ROLLBACK);
    return false;
}

static void next_migration(struct run *run)
{
    go(run, run->next->number ? BEGIN : UNLOCK);
}

/* What ran here must be a beginning of the user's list, text by text. */
static int compare_user(struct run *run, const PGresult *rows)
{
    for (int i = 0; i < PQntuples(rows); i++, run->next++) {
        int64_t number = db_get_int8(rows, i, 0, 0);
        char hex[DIGEST_HEX];
        if (number != run->next->number)
            return error_set(
                &run->error, -EINVAL,
                "migration %lld (%s) was run in this database, and its file is gone: put it back, or delete its row of "
                "cetl.user_migration and what it made",
                (long long)number, PQgetvalue(rows, i, 1));
        int r = checksum(run->next->sql, hex);
        if (r < 0) return error_set(&run->error, r, "cannot compute a checksum");
        if (strcmp(hex, PQgetvalue(rows, i, 2)) != 0)
            return error_set(&run->error, -EINVAL,
                             "%s was changed after it was run in this database: put its old text back, and write the change as a "
                             "migration of its own, with the next number",
                             run->next->file);
    }
    return 0;
}

/* What is recorded must be a beginning of our list, text by text. */
static int compare(struct run *run, const PGresult *rows)
{
    if (run->user) return compare_user(run, rows);
    for (int i = 0; i < PQntuples(rows); i++, run->next++) {
        int64_t number = db_get_int8(rows, i, 0, 0);
        const char *name = PQgetvalue(rows, i, 1);
        char hex[DIGEST_HEX];
        if (!run->next->number)
            return error_set(&run->error, -EINVAL,
                             "schema cetl of this database was migrated to number %lld (%s) by a newer cetld; this one knows up to "
                             "%d: upgrade cetld",
                             (long long)db_get_int8(rows, PQntuples(rows) - 1, 0, 0), PQgetvalue(rows, PQntuples(rows) - 1, 1),
                             run->next[-1].number);
        if (number != run->next->number)
            return error_set(&run->error, -EINVAL,
                             "cetl.migration lacks number %d: restore the table's row, or the database from a backup",
                             run->next->number);
        int r = checksum(run->next->sql, hex);
        if (r < 0) return error_set(&run->error, r, "cannot compute a checksum");
        if (strcmp(hex, PQgetvalue(rows, i, 2)) != 0)
            return error_set(&run->error, -EINVAL,
                             "migration %lld (%s) was made with another text than this cetld's (checksum %.12s…, expected %.12s…): "
                             "use the cetld that made this database, or a database of its own",
                             (long long)number, name, PQgetvalue(rows, i, 2), hex);
    }
    return 0;
}

static void on_prepared(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (!went_well(run, r)) return;
    run->status = compare(run, r->rows);
    if (run->status < 0)
        go(run, UNLOCK);
    else
        next_migration(run);
}

static void on_begun(void *ctx, const struct db_result *r)
{
    if (went_well(ctx, r)) go(ctx, APPLY);
}

/* The line of the statement that was refused, from 1; 0: not known. */
static int line_of(const char *sql, const struct db_result *r)
{
    const char *field = r->refusal ? PQresultErrorField(r->refusal, PG_DIAG_STATEMENT_POSITION) : NULL;
    long n = field ? strtol(field, NULL, 10) : 0;
    int line = n > 0;
    for (struct slice rest = slice_of(sql); n > 1 && rest.len > 0; n--) {
        line += rest.p[0] == '\n';
        size_t len = slice_char_len(rest);
        rest = (struct slice){rest.p + (len ? len : 1), rest.len - (len ? len : 1)};
    }
    return line;
}

/* The server's words with the place in the user's file. */
static void place_words(struct run *run, const struct db_result *r)
{
    char words[ERROR_TEXT_MAX];
    snprintf(words, sizeof words, "%s", run->error.text);
    int line = line_of(run->next->sql, r);
    char at[16] = "";
    if (line > 0) snprintf(at, sizeof at, "%d:", line);
    char sqlstate[sizeof run->error.sqlstate];
    memcpy(sqlstate, run->error.sqlstate, sizeof sqlstate);
    error_set(&run->error, 0, "%s:%s %s; nothing of this migration was done: mend it, and reload", run->next->file, at, words);
    memcpy(run->error.sqlstate, sqlstate, sizeof sqlstate);
}

static void on_applied(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (run->user && r->status == ERROR_REFUSED) {
        keep(run, r);
        place_words(run, r);
        return go(run, ROLLBACK);
    }
    if (!went_well(run, r)) return;
    if (run->user && !db_conn_in_transaction(run->conn)) {
        run->status =
            error_set(&run->error, -EINVAL,
                      "%s ends its transaction by itself (COMMIT, END or ROLLBACK), and so cannot be recorded: take that out, "
                      "undo what it did, and reload",
                      run->next->file);
        return go(run, UNLOCK);
    }
    go(run, RECORD);
}

static void on_recorded(void *ctx, const struct db_result *r)
{
    if (went_well(ctx, r)) go(ctx, COMMIT);
}

static void on_committed(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (!went_well(run, r)) return;
    run->next++;
    next_migration(run);
}

static void on_rolled_back(void *ctx, const struct db_result *r)
{
    (void)r;
    go(ctx, UNLOCK);
}

static void on_unlocked(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    (void)r; /* a lock that could not be given back goes with the connection */
    finish_with(run, run->status);
}

static int start(const struct run *wanted)
{
    struct run *run = malloc(sizeof *run);
    if (!run) return -ENOMEM;
    *run = *wanted;
    int r = send_step(run, PREPARE);
    if (r < 0) free(run);
    return r;
}

int db_migrate(struct db_conn *c, void (*done)(void *ctx, const struct db_result *r), void *ctx)
{
    return start(&(struct run){.conn = c, .done = done, .ctx = ctx, .next = db_migrations()});
}

int db_migrate_user(struct db_conn *c, const struct db_migration *list, void (*done)(void *ctx, const struct db_result *r),
                    void *ctx)
{
    return start(&(struct run){.conn = c, .done = done, .ctx = ctx, .next = list, .user = true});
}
