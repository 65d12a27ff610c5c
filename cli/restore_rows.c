/* SPDX-License-Identifier: MIT */
#include "backup_sql.h"
#include "database.h"
#include "db/query.h"
#include "etl/dataset.h"
#include "restore.h"

enum { SQL_MAX = 4 * 1024 * 1024 };

void restore_put_stage(struct buf *sql, const struct restore_table *t)
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

const struct manifest_column *restore_column(const struct restore_table *t, const char *name)
{
    for (size_t i = 0; i < t->m->columns; i++)
        if (strcmp(t->m->column[i].name, name) == 0) return &t->m->column[i];
    return NULL;
}

void restore_put_value(struct buf *sql, const struct restore_table *t, const struct manifest_column *c)
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
            rows = db_affected(r);
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
        restore_put_stage(&sql, t);
    buf_puts(&sql, " (");
    put_columns(&sql, t, "");
    buf_puts(&sql, ") FROM STDIN (FORMAT binary)");
    const char *text = buf_cstr(&sql);
    int ret = text ? restore_copy(x, text, &t->m->rows) : cli_complain(CLI_FAILED, "no memory");
    buf_reset(&sql);
    if (ret == CLI_OK && !t->direct && t->referred) {
        buf_puts(&sql, "ANALYZE ");
        restore_put_stage(&sql, t);
        ret = database_run_buf(x->pg, &sql);
    }
    buf_done(&sql);
    return ret;
}

int restore_find_changer(struct restore *x, struct restore_table *t)
{
    char oid[24];
    snprintf(oid, sizeof oid, "%lld", t->oid);
    PGresult *r = database_ask(x->pg, SQL_RESTORE_CHANGERS, 1, (const char *const[]){oid});
    if (!r) return CLI_FAILED;
    bool any = PQntuples(r) > 0;
    t->changer = any ? arena_cstr(&x->arena, slice_of(PQgetvalue(r, 0, 0))) : NULL;
    PQclear(r);
    return !any || t->changer ? CLI_OK : cli_complain(CLI_FAILED, "no memory");
}

int restore_find_direct(struct restore *x, struct restore_table *t)
{
    t->direct = false;
    if (t->oid != 0 && restore_find_changer(x, t) != CLI_OK) return CLI_FAILED;
    if (t->changer) return CLI_OK;
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

int restore_rows_out(struct restore *x, struct restore_table *t)
{
    if (t->direct || t->oid == 0) return CLI_OK;
    const struct manifest_key *key = restore_merge_key(t);
    if (t->referred && !key)
        return cli_complain(CLI_FAILED,
                            "other tables refer to %s.%s, and it has no primary key by which its rows could be told apart",
                            t->m->schema, t->m->name);
    if (key && restore_merge_check(x, t, key) != CLI_OK) return CLI_FAILED;
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "DELETE FROM ");
    table_quote(&sql, t->m->schema, t->m->name);
    if (key) {
        buf_puts(&sql, " t WHERE ");
        restore_merge_lost(&sql, t, key);
    }
    int ret = database_run_buf(x->pg, &sql);
    buf_done(&sql);
    return ret;
}

static int count_all(struct restore *x, const struct restore_table *t)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "SELECT count(*) FROM ");
    table_quote(&sql, t->m->schema, t->m->name);
    const char *text = buf_cstr(&sql);
    PGresult *r = text ? database_ask(x->pg, text, 0, NULL) : NULL;
    long long rows = r ? db_get_int8(r, 0, 0, 0) : -1;
    PQclear(r);
    buf_done(&sql);
    if (rows == t->m->rows.rows) return CLI_OK;
    if (rows < 0) return CLI_FAILED;
    return cli_complain(CLI_FAILED, "%s.%s would have %lld rows, not %lld: a trigger or a rule of it wrote something else",
                        t->m->schema, t->m->name, rows, (long long)t->m->rows.rows);
}

/* A value that is always generated, and no part of the key, is not written over. */
static bool keeps_identity(const struct restore_table *t, const struct manifest_key *key)
{
    for (size_t i = 0; i < t->now.columns; i++) {
        const struct manifest_column *c = &t->now.column[i];
        bool is_key = false;
        for (size_t k = 0; k < key->columns; k++)
            is_key |= strcmp(key->column[k], c->name) == 0;
        if (c->identity == 'a' && !is_key) return true;
    }
    return false;
}

/* As text, which every type has. */
static int compare_all(struct restore *x, const struct restore_table *t)
{
    struct buf sql;
    const char *comma = "";
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "SELECT count(*) FROM (SELECT ROW(");
    for (size_t i = 0; i < t->m->columns; i++) {
        if (t->m->column[i].generated) continue;
        buf_puts(&sql, comma);
        restore_put_value(&sql, t, &t->m->column[i]);
        comma = ", ";
    }
    buf_puts(&sql, ")::text FROM ");
    restore_put_stage(&sql, t);
    buf_puts(&sql, " s EXCEPT ALL SELECT ROW(");
    put_columns(&sql, t, "");
    buf_puts(&sql, ")::text FROM ");
    table_quote(&sql, t->m->schema, t->m->name);
    buf_puts(&sql, ") q");
    const char *text = buf_cstr(&sql);
    PGresult *r = text ? database_ask(x->pg, text, 0, NULL) : NULL;
    long long rows = r ? db_get_int8(r, 0, 0, 0) : -1;
    PQclear(r);
    buf_done(&sql);
    if (rows <= 0) return rows == 0 ? CLI_OK : CLI_FAILED;
    return cli_complain(CLI_FAILED,
                        "%lld rows of %s.%s would not be those of the backup: %s of it writes something else; disable it meanwhile",
                        rows, t->m->schema, t->m->name, t->changer ? t->changer : "a column that is always generated");
}

int restore_rows_in(struct restore *x, struct restore_table *t)
{
    if (t->direct) return count_all(x, t);
    const struct manifest_key *key = restore_merge_key(t);
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
        restore_put_value(&sql, t, &t->m->column[i]);
        comma = ", ";
    }
    buf_puts(&sql, " FROM ");
    restore_put_stage(&sql, t);
    buf_puts(&sql, " s");
    int ret = key ? restore_merge(x, t, key, &sql) : database_run_buf(x->pg, &sql);
    if (ret == CLI_OK) ret = count_all(x, t);
    if (ret == CLI_OK && (t->changer || (key && keeps_identity(t, key)))) ret = compare_all(x, t);
    if (ret == CLI_OK) {
        buf_puts(&sql, "DROP TABLE ");
        restore_put_stage(&sql, t);
        ret = database_run_buf(x->pg, &sql);
    }
    buf_done(&sql);
    return ret;
}

/* Of the table as it is: how many rows, and a sum over them; as text of x->arena, or NULL (told). */
static const char *take_sum(struct restore *x, const struct restore_table *t)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "SELECT count(*) || ' ' || coalesce(sum(hashtextextended((q.*)::text, 0)), 0) FROM ");
    table_quote(&sql, t->m->schema, t->m->name);
    buf_puts(&sql, " q");
    const char *text = buf_cstr(&sql), *sum = NULL;
    PGresult *r = text ? database_ask(x->pg, text, 0, NULL) : NULL;
    if (r) sum = arena_cstr(&x->arena, slice_of(PQgetvalue(r, 0, 0)));
    if (r ? !sum : !text) cli_complain(CLI_FAILED, "no memory");
    PQclear(r);
    buf_done(&sql);
    return sum;
}

int restore_sum(struct restore *x, struct restore_table *t)
{
    t->sum = take_sum(x, t);
    return t->sum ? CLI_OK : CLI_FAILED;
}

/* Who may have changed rows of `t` after they were compared: rather another table's. */
static const struct restore_table *find_culprit(const struct restore *x, const struct restore_table *t)
{
    for (size_t i = 0; i < x->tables; i++)
        if (&x->table[i] != t && x->table[i].changer) return &x->table[i];
    return t;
}

int restore_compare_sum(struct restore *x, const struct restore_table *t)
{
    const char *sum = take_sum(x, t);
    if (!sum) return CLI_FAILED;
    if (strcmp(sum, t->sum) == 0) return CLI_OK;
    const struct restore_table *other = find_culprit(x, t);
    return cli_complain(CLI_FAILED,
                        "the rows of %s.%s would not be those of the backup: a trigger or rule of a table that is restored with it"
                        " (%s of %s.%s, perhaps) changes them; disable it meanwhile",
                        t->m->schema, t->m->name, other->changer ? other->changer : "one", other->m->schema, other->m->name);
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
