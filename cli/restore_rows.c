/* SPDX-License-Identifier: MIT */
#include "backup_sql.h"
#include "database.h"
#include "db/query.h"
#include "etl/dataset.h"
#include "restore.h"

#include <stdlib.h>

enum { SQL_MAX = 4 * 1024 * 1024 };

static void put_stage(struct buf *sql, const struct restore_table *t)
{
    buf_printf(sql, "pg_temp.cetl_restore_%zu", t->number);
}

/* The columns that are stored, quoted, with `before` in front of each name. */
static void put_columns(struct buf *sql, const struct restore_table *t, const char *before)
{
    const char *comma = "";
    for (size_t i = 0; i < t->m->columns; i++) {
        if (t->m->column[i].generated) continue;
        buf_puts(sql, comma);
        buf_puts(sql, before);
        db_quote_identifier(sql, slice_of(t->m->column[i].name));
        comma = ", ";
    }
}

static const struct manifest_column *column_named(const struct restore_table *t, const char *name)
{
    for (size_t i = 0; i < t->m->columns; i++)
        if (strcmp(t->m->column[i].name, name) == 0) return &t->m->column[i];
    return NULL;
}

/* What stage `s` has for a column, as the table wants it. */
static void put_value(struct buf *sql, const struct restore_table *t, const struct manifest_column *c)
{
    bool file = t->lineage && strcmp(c->name, TABLE_LINEAGE_FILE) == 0;
    buf_puts(sql, file ? "coalesce((SELECT m.new FROM pg_temp.cetl_restore_map m WHERE m.old = s." : "s.");
    db_quote_identifier(sql, slice_of(c->name));
    if (file) {
        buf_puts(sql, "), s.");
        db_quote_identifier(sql, slice_of(c->name));
        buf_putc(sql, ')');
    }
    if (c->as_text) buf_printf(sql, "::%s", c->type);
}

/* ---- making ---- */

static void put_key(struct buf *sql, const struct manifest_key *k)
{
    buf_puts(sql, ", CONSTRAINT ");
    db_quote_identifier(sql, slice_of(k->name));
    buf_puts(sql, k->primary ? " PRIMARY KEY (" : " UNIQUE (");
    for (size_t i = 0; i < k->columns; i++) {
        if (i > 0) buf_puts(sql, ", ");
        db_quote_identifier(sql, slice_of(k->column[i]));
    }
    buf_putc(sql, ')');
}

int restore_make(struct restore *x, struct restore_table *t)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "CREATE TABLE ");
    table_quote(&sql, t->m->schema, t->m->name);
    buf_puts(&sql, " (");
    for (size_t i = 0; i < t->m->columns; i++) {
        const struct manifest_column *c = &t->m->column[i];
        if (i > 0) buf_puts(&sql, ", ");
        db_quote_identifier(&sql, slice_of(c->name));
        buf_printf(&sql, " %s", c->type); /* restore_check has seen that it is a type */
        if (c->collation) {
            buf_puts(&sql, " COLLATE ");
            table_quote(&sql, c->collation_schema, c->collation);
        }
        if (c->not_null) buf_puts(&sql, " NOT NULL");
        if (c->identity) buf_printf(&sql, " GENERATED %s AS IDENTITY", c->identity == 'a' ? "ALWAYS" : "BY DEFAULT");
    }
    for (size_t i = 0; i < t->m->keys; i++)
        put_key(&sql, &t->m->key[i]);
    buf_putc(&sql, ')');
    int ret = database_run_buf(x->pg, &sql);
    buf_done(&sql);
    return ret;
}

/* ---- filling ---- */

static int send_rows(void *ctx, struct slice copy)
{
    struct restore *x = ctx;
    return PQputCopyData(x->pg, copy.p, (int)copy.len) == 1 ? 0 : ERROR_CLOSED;
}

static int end_copy(struct restore *x, const struct manifest_file *file)
{
    long long rows = -1;
    int ret = CLI_OK;
    for (PGresult *r; (r = PQgetResult(x->pg)); PQclear(r)) {
        if (PQresultStatus(r) == PGRES_COMMAND_OK)
            rows = atoll(PQcmdTuples(r));
        else if (ret == CLI_OK)
            ret = database_complain(x->pg, file->name);
    }
    if (ret == CLI_OK && rows != file->rows)
        ret =
            cli_complain(CLI_FAILED, "%s: PostgreSQL took %lld of %lld rows; a trigger or a rule of the table left out the others",
                         file->name, rows, (long long)file->rows);
    return ret;
}

int restore_copy(struct restore *x, const char *sql, const struct manifest_file *file)
{
    PGresult *r = PQexec(x->pg, sql);
    bool begun = PQresultStatus(r) == PGRES_COPY_IN;
    PQclear(r);
    if (!begun) return database_complain(x->pg, "PostgreSQL refused it");
    struct feed feed = {.cli = x->cli, .dir = x->dir, .verb = "restoring", .rows = send_rows, .ctx = x};
    struct error err;
    int fed = feed_file(&feed, file, &err);
    if (PQputCopyEnd(x->pg, fed == 0 ? NULL : "the backup's file is not as it should be") != 1)
        return database_complain(x->pg, "the connection to the database was lost");
    if (fed != 0 && fed != ERROR_CLOSED) {
        for (PGresult *end; (end = PQgetResult(x->pg));)
            PQclear(end);
        return cli_complain(CLI_FAILED, "%s", err.text);
    }
    return end_copy(x, file);
}

static int make_stage(struct restore *x, const struct restore_table *t)
{
    struct buf sql;
    const char *comma = "";
    buf_init(&sql, SQL_MAX);
    buf_printf(&sql, "CREATE TEMP TABLE cetl_restore_%zu (", t->number);
    for (size_t i = 0; i < t->m->columns; i++) {
        const struct manifest_column *c = &t->m->column[i];
        if (c->generated) continue;
        buf_puts(&sql, comma);
        db_quote_identifier(&sql, slice_of(c->name));
        buf_printf(&sql, " %s", c->as_text ? "text" : c->type);
        comma = ", ";
    }
    buf_puts(&sql, ") ON COMMIT DROP");
    int ret = database_run_buf(x->pg, &sql);
    buf_done(&sql);
    return ret;
}

int restore_fill(struct restore *x, struct restore_table *t)
{
    if (!t->direct && make_stage(x, t) != CLI_OK) return CLI_FAILED;
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "COPY ");
    if (t->direct)
        table_quote(&sql, t->m->schema, t->m->name);
    else
        put_stage(&sql, t);
    buf_puts(&sql, " (");
    put_columns(&sql, t, "");
    buf_puts(&sql, ") FROM STDIN (FORMAT binary)");
    const char *text = buf_cstr(&sql);
    int ret = text ? restore_copy(x, text, &t->m->rows) : cli_complain(CLI_FAILED, "no memory");
    buf_reset(&sql);
    if (ret == CLI_OK && !t->direct && t->referred) {
        buf_puts(&sql, "ANALYZE ");
        put_stage(&sql, t);
        ret = database_run_buf(x->pg, &sql);
    }
    buf_done(&sql);
    return ret;
}

int restore_find_direct(struct restore *x, struct restore_table *t)
{
    for (size_t i = 0; i < t->m->columns; i++)
        if (t->m->column[i].as_text || t->lineage) return CLI_OK;
    if (t->oid == 0) {
        t->direct = true;
        return CLI_OK;
    }
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "SELECT EXISTS (SELECT FROM ");
    table_quote(&sql, t->m->schema, t->m->name);
    buf_putc(&sql, ')');
    const char *text = buf_cstr(&sql);
    PGresult *r = text ? database_ask(x->pg, text, 0, NULL) : NULL;
    if (r) t->direct = PQgetvalue(r, 0, 0)[0] == 'f';
    PQclear(r);
    buf_done(&sql);
    return r ? CLI_OK : CLI_FAILED;
}

/* ---- the exchange ---- */

/* The rows of `t` and of stage `s` with the same key. */
static void put_same_key(struct buf *sql, const struct restore_table *t, const struct manifest_key *key)
{
    for (size_t i = 0; i < key->columns; i++) {
        if (i > 0) buf_puts(sql, " AND ");
        put_value(sql, t, column_named(t, key->column[i]));
        buf_puts(sql, " = t.");
        db_quote_identifier(sql, slice_of(key->column[i]));
    }
}

static void put_lost(struct buf *sql, const struct restore_table *t, const struct manifest_key *key)
{
    buf_puts(sql, "NOT EXISTS (SELECT FROM ");
    put_stage(sql, t);
    buf_puts(sql, " s WHERE ");
    put_same_key(sql, t, key);
    buf_putc(sql, ')');
}

static bool is_restored(const struct restore *x, long long oid)
{
    for (size_t i = 0; i < x->tables; i++)
        if (x->table[i].oid == oid) return true;
    return false;
}

/* Rows of tables that are not restored, and refer to rows that the backup does not have, would be deleted with them, or forbid it.
 */
static int check_referrer(struct restore *x, const struct restore_table *t, const struct manifest_key *key, const PGresult *r,
                          int row)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_printf(&sql, "SELECT count(*) FROM %s c JOIN ", PQgetvalue(r, row, 1));
    table_quote(&sql, t->m->schema, t->m->name);
    buf_printf(&sql, " t ON %s WHERE ", PQgetvalue(r, row, 3));
    put_lost(&sql, t, key);
    const char *text = buf_cstr(&sql);
    PGresult *found = text ? database_ask(x->pg, text, 0, NULL) : NULL;
    long long rows = found ? atoll(PQgetvalue(found, 0, 0)) : -1;
    PQclear(found);
    buf_done(&sql);
    if (rows == 0) return CLI_OK;
    if (rows < 0) return CLI_FAILED;
    return cli_complain(
        CLI_FAILED, "%lld rows of %s refer to rows of %s.%s that the backup does not have (%s): restore %s with it, or delete them",
        rows, PQgetvalue(r, row, 1), t->m->schema, t->m->name, PQgetvalue(r, row, 2), PQgetvalue(r, row, 1));
}

static int check_referrers(struct restore *x, const struct restore_table *t, const struct manifest_key *key)
{
    char oid[24];
    snprintf(oid, sizeof oid, "%lld", t->oid);
    PGresult *r = database_ask(x->pg, SQL_RESTORE_REFERRERS, 1, (const char *const[]){oid});
    int ret = r ? CLI_OK : CLI_FAILED;
    for (int row = 0; ret == CLI_OK && row < PQntuples(r); row++)
        if (!is_restored(x, atoll(PQgetvalue(r, row, 0)))) ret = check_referrer(x, t, key, r, row);
    PQclear(r);
    return ret;
}

/* The key by which rows are written over; NULL where the old rows simply go. */
static const struct manifest_key *merge_key(const struct restore_table *t)
{
    return t->referred && t->oid != 0 && !t->direct ? manifest_key_of(&t->now) : NULL;
}

int restore_rows_out(struct restore *x, struct restore_table *t)
{
    if (t->direct || t->oid == 0) return CLI_OK;
    const struct manifest_key *key = merge_key(t);
    if (t->referred && !key)
        return cli_complain(CLI_FAILED,
                            "other tables refer to %s.%s, and it has no primary key by which its rows could be told apart",
                            t->m->schema, t->m->name);
    if (key && check_referrers(x, t, key) != CLI_OK) return CLI_FAILED;
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "DELETE FROM ");
    table_quote(&sql, t->m->schema, t->m->name);
    if (key) {
        buf_puts(&sql, " t WHERE ");
        put_lost(&sql, t, key);
    }
    int ret = database_run_buf(x->pg, &sql);
    buf_done(&sql);
    return ret;
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
        const struct manifest_column *c = column_named(t, t->m->column[i].name);
        if (c->generated || c->identity == 'a') continue; /* the key of a row that is written over stays */
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

static int count_all(struct restore *x, const struct restore_table *t)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "SELECT count(*) FROM ");
    table_quote(&sql, t->m->schema, t->m->name);
    const char *text = buf_cstr(&sql);
    PGresult *r = text ? database_ask(x->pg, text, 0, NULL) : NULL;
    long long rows = r ? atoll(PQgetvalue(r, 0, 0)) : -1;
    PQclear(r);
    buf_done(&sql);
    if (rows == t->m->rows.rows) return CLI_OK;
    if (rows < 0) return CLI_FAILED;
    return cli_complain(CLI_FAILED, "%s.%s would have %lld rows, not %lld: a trigger or a rule of it wrote something else",
                        t->m->schema, t->m->name, rows, (long long)t->m->rows.rows);
}

int restore_rows_in(struct restore *x, struct restore_table *t)
{
    if (t->direct) return count_all(x, t);
    const struct manifest_key *key = merge_key(t);
    struct buf sql;
    const char *comma = "";
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "INSERT INTO ");
    table_quote(&sql, t->m->schema, t->m->name);
    buf_puts(&sql, " (");
    put_columns(&sql, t, "");
    buf_puts(&sql, ") OVERRIDING SYSTEM VALUE SELECT ");
    for (size_t i = 0; i < t->m->columns; i++) {
        if (t->m->column[i].generated) continue;
        buf_puts(&sql, comma);
        put_value(&sql, t, &t->m->column[i]);
        comma = ", ";
    }
    buf_puts(&sql, " FROM ");
    put_stage(&sql, t);
    buf_puts(&sql, " s");
    if (key) put_conflict(&sql, t, key);
    int ret = database_run_buf(x->pg, &sql);
    if (ret == CLI_OK) {
        buf_puts(&sql, "DROP TABLE ");
        put_stage(&sql, t);
        ret = database_run_buf(x->pg, &sql);
    }
    buf_done(&sql);
    return ret == CLI_OK ? count_all(x, t) : ret;
}

static int set_sequence(struct restore *x, const struct restore_table *t, const char *column, const char *sequence)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "SELECT setval(");
    db_quote_literal(&sql, slice_of(sequence));
    buf_puts(&sql, "::regclass, q.m) FROM (SELECT max(");
    db_quote_identifier(&sql, slice_of(column));
    buf_puts(&sql, ")::int8 AS m FROM ");
    table_quote(&sql, t->m->schema, t->m->name);
    buf_printf(&sql, ") q WHERE q.m >= (SELECT last_value FROM %s)", sequence);
    int ret = database_run_buf(x->pg, &sql);
    buf_done(&sql);
    return ret;
}

int restore_sequences(struct restore *x, const struct restore_table *t)
{
    char oid[24];
    snprintf(oid, sizeof oid, "%lld", t->oid);
    PGresult *r = database_ask(x->pg, SQL_RESTORE_SEQUENCES, 1, (const char *const[]){oid});
    int ret = r ? CLI_OK : CLI_FAILED;
    for (int i = 0; ret == CLI_OK && i < PQntuples(r); i++)
        ret = set_sequence(x, t, PQgetvalue(r, i, 0), PQgetvalue(r, i, 1));
    PQclear(r);
    return ret;
}
