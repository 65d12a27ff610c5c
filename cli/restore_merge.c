/* SPDX-License-Identifier: MIT */
#include "backup_sql.h"
#include "database.h"
#include "db/query.h"
#include "etl/dataset.h"
#include "restore.h"

enum { SQL_MAX = 4 * 1024 * 1024 };

const struct manifest_key *restore_merge_key(const struct restore_table *t)
{
    return t->referred && t->oid != 0 && !t->direct ? manifest_key_of(&t->now) : NULL;
}

static void put_same(struct buf *sql, const struct restore_table *t, const char *column)
{
    restore_put_value(sql, t, restore_column(t, column));
    buf_puts(sql, " = t.");
    db_quote_identifier(sql, slice_of(column));
}

/* "NOT EXISTS (a row of stage `s` with the key of `t`", to be closed */
static void put_lost(struct buf *sql, const struct restore_table *t, const struct manifest_key *key)
{
    buf_puts(sql, "NOT EXISTS (SELECT FROM ");
    restore_put_stage(sql, t);
    buf_puts(sql, " s WHERE ");
    for (size_t i = 0; i < key->columns; i++) {
        if (i > 0) buf_puts(sql, " AND ");
        put_same(sql, t, key->column[i]);
    }
}

void restore_merge_lost(struct buf *sql, const struct restore_table *t, const struct manifest_key *key)
{
    put_lost(sql, t, key);
    buf_putc(sql, ')');
}

/* ---- who refers to it ---- */

static bool is_restored(const struct restore *x, long long oid)
{
    for (size_t i = 0; i < x->tables; i++)
        if (x->table[i].oid == oid) return true;
    return false;
}

/* " AND the columns that foreign key `oid` refers to are what they are now" */
static int put_unchanged(struct restore *x, struct buf *sql, const struct restore_table *t, const char *oid)
{
    PGresult *r = database_ask(x->pg, SQL_RESTORE_REFERRED, 1, &oid);
    for (int i = 0; i < PQntuples(r); i++) {
        buf_puts(sql, " AND ");
        put_same(sql, t, PQgetvalue(r, i, 0));
    }
    PQclear(r);
    return r ? CLI_OK : CLI_FAILED;
}

/* Rows of tables that are not restored, and refer to rows that the backup does not have, would be deleted with them, or forbid it;
 * with ON UPDATE CASCADE and the like they would change with the columns that they refer to. */
static int check_referrer(struct restore *x, const struct restore_table *t, const struct manifest_key *key, const PGresult *r,
                          int row)
{
    const char *other = PQgetvalue(r, row, 1), *oid = PQgetvalue(r, row, 4);
    bool follows = PQgetvalue(r, row, 5)[0] == 't';
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_printf(&sql, "SELECT count(*) FROM %s c JOIN ", other);
    table_quote(&sql, t->m->schema, t->m->name);
    buf_printf(&sql, " t ON %s WHERE ", PQgetvalue(r, row, 3));
    put_lost(&sql, t, key);
    int ret = follows ? put_unchanged(x, &sql, t, oid) : CLI_OK;
    buf_putc(&sql, ')');
    const char *text = buf_cstr(&sql);
    PGresult *found = text && ret == CLI_OK ? database_ask(x->pg, text, 0, NULL) : NULL;
    long long rows = found ? db_get_int8(found, 0, 0, 0) : -1;
    PQclear(found);
    buf_done(&sql);
    if (rows <= 0) return rows == 0 ? CLI_OK : CLI_FAILED;
    return cli_complain(
        CLI_FAILED,
        "%lld rows of %s refer to rows of %s.%s that the backup does not have%s (%s): restore %s with it, or delete them", rows,
        other, t->m->schema, t->m->name, follows ? ", or has with another value there, which would change them" : "",
        PQgetvalue(r, row, 2), other);
}

int restore_merge_check(struct restore *x, const struct restore_table *t, const struct manifest_key *key)
{
    char oid[24];
    snprintf(oid, sizeof oid, "%lld", t->oid);
    PGresult *r = database_ask(x->pg, SQL_RESTORE_REFERRERS, 1, (const char *const[]){oid});
    int ret = r ? CLI_OK : CLI_FAILED;
    for (int row = 0; ret == CLI_OK && row < PQntuples(r); row++)
        if (!is_restored(x, db_get_int8(r, row, 0, 0))) ret = check_referrer(x, t, key, r, row);
    PQclear(r);
    return ret;
}

/* ---- writing over ---- */

/* As the table has it now: what was always generated when the backup was made may be so no more. */
static bool is_always_generated(const struct restore_table *t, const char *column)
{
    for (size_t i = 0; i < t->now.columns; i++)
        if (strcmp(t->now.column[i].name, column) == 0) return t->now.column[i].identity == 'a';
    return false;
}

static void put_conflict(struct buf *sql, const struct restore_table *t, const struct manifest_key *key)
{
    const char *comma = "";
    buf_puts(sql, " ON CONFLICT (");
    for (size_t i = 0; i < key->columns; i++) {
        if (i > 0) buf_puts(sql, ", ");
        db_quote_identifier(sql, slice_of(key->column[i]));
    }
    buf_puts(sql, ") DO UPDATE SET ");
    for (size_t i = 0; i < t->m->columns; i++) {
        const struct manifest_column *c = restore_column(t, t->m->column[i].name);
        if (c->generated || is_always_generated(t, c->name)) continue; /* the key of a row that is written over stays */
        buf_puts(sql, comma);
        db_quote_identifier(sql, slice_of(c->name));
        buf_puts(sql, " = excluded.");
        db_quote_identifier(sql, slice_of(c->name));
        comma = ", ";
    }
    if (!comma[0]) { /* nothing but the key */
        sql->len -= strlen("UPDATE SET ");
        buf_puts(sql, "NOTHING");
    }
}

/* CLI_OK, CLI_FAILED (told), or -1: unique values meet, which is not told and leaves the transaction as it was. */
static int try_merge(struct restore *x, const char *sql)
{
    if (database_run(x->pg, "SAVEPOINT cetl_merge") != CLI_OK) return CLI_FAILED;
    PGresult *r = PQexec(x->pg, sql);
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    bool good = PQresultStatus(r) == PGRES_COMMAND_OK, meets = state && strcmp(state, "23505") == 0;
    PQclear(r);
    if (good) return database_run(x->pg, "RELEASE cetl_merge");
    if (!meets) return database_complain(x->pg, "PostgreSQL refused it");
    int ret = database_run(x->pg, "ROLLBACK TO cetl_merge");
    return ret == CLI_OK ? -1 : ret;
}

/* Column `column` of each row, run. */
static int run_each(struct restore *x, const PGresult *statements, int column)
{
    int ret = CLI_OK;
    for (int i = 0; ret == CLI_OK && i < PQntuples(statements); i++)
        ret = database_run(x->pg, PQgetvalue(statements, i, column));
    return ret;
}

/* Rows exchange values that are unique, and the server looks after each row: without these indexes meanwhile. A table whose
 * deferred constraints are still to be checked cannot be altered, so they are checked before and between. */
static int merge_without_uniques(struct restore *x, const struct restore_table *t, const char *sql)
{
    static const char check[] = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED";
    char oid[24];
    snprintf(oid, sizeof oid, "%lld", t->oid);
    PGresult *r = database_ask(x->pg, SQL_RESTORE_UNIQUES, 1, (const char *const[]){oid});
    int ret = r ? database_run(x->pg, check) : CLI_FAILED;
    if (ret == CLI_OK) ret = run_each(x, r, 0);
    if (ret == CLI_OK) ret = database_run(x->pg, sql);
    if (ret == CLI_OK) ret = database_run(x->pg, check);
    if (ret == CLI_OK) ret = run_each(x, r, 1);
    PQclear(r);
    return ret;
}

int restore_merge(struct restore *x, const struct restore_table *t, const struct manifest_key *key, struct buf *insert)
{
    put_conflict(insert, t, key);
    const char *sql = buf_cstr(insert);
    int ret = sql ? try_merge(x, sql) : cli_complain(CLI_FAILED, "no memory");
    if (ret == -1) ret = merge_without_uniques(x, t, sql);
    buf_reset(insert);
    return ret;
}
