/* SPDX-License-Identifier: MIT */
#include "carried.h"

#include "backup_sql.h"
#include "database.h"
#include "db/query.h"
#include "etl/dataset.h"

#include <stdlib.h>

/* Types that travel as they are; all others as their text. Oids are PostgreSQL's own and never change. */
static const struct {
    long long oid;
    enum avro_kind kind;
} kinds[] = {
    {16, AVRO_BOOLEAN}, {17, AVRO_BYTES},   {20, AVRO_LONG},        {21, AVRO_INT},           {23, AVRO_INT},
    {25, AVRO_STRING},  {700, AVRO_FLOAT},  {701, AVRO_DOUBLE},     {1042, AVRO_STRING},      {1043, AVRO_STRING},
    {1082, AVRO_DATE},  {1083, AVRO_TIME},  {1114, AVRO_TIMESTAMP}, {1184, AVRO_TIMESTAMPTZ}, {1700, AVRO_DECIMAL},
    {2950, AVRO_UUID},  {114, AVRO_STRING},
};
enum { INT2_OID = 21, TYPMOD_HEAD = 4, SCALE_BITS = 11 };

/* The precision and the scale of numeric(p,s), where Avro has such decimals. */
static bool find_scale(long typmod, struct avro_column *c)
{
    if (typmod < TYPMOD_HEAD) return false;
    unsigned long packed = (unsigned long)typmod - TYPMOD_HEAD, sign = 1UL << (SCALE_BITS - 1);
    c->precision = (int)(packed >> 16 & 0xffff);
    c->scale = (int)((packed & ((1UL << SCALE_BITS) - 1)) ^ sign) - (int)sign;
    return c->precision <= AVRO_PRECISION_MAX && c->scale >= 0 && c->scale <= c->precision;
}

/* False: it has none, and is text. */
static bool find_kind(long long oid, long typmod, struct avro_column *c)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].oid != oid) continue;
        c->kind = kinds[i].kind;
        c->small = oid == INT2_OID;
        return c->kind != AVRO_DECIMAL || find_scale(typmod, c);
    }
    return false;
}

static const char *copy(struct arena *a, const PGresult *r, int row, int column)
{
    return PQgetisnull(r, row, column) ? NULL : arena_cstr(a, slice_of(PQgetvalue(r, row, column)));
}

static bool is_true(const PGresult *r, int row, int column)
{
    return PQgetvalue(r, row, column)[0] == 't';
}

enum { COLUMN_NAME, COLUMN_TYPE, COLUMN_OID, COLUMN_TYPMOD, COLUMN_NOT_NULL, COLUMN_IDENTITY, COLUMN_GENERATED, COLUMN_COLLATION };

static int take_columns(const PGresult *r, struct arena *a, struct manifest_table *t)
{
    int n = PQntuples(r);
    struct avro_schema *s = &t->rows.schema;
    t->column = arena_array(a, (size_t)n + 1, sizeof *t->column);
    s->column = calloc((size_t)n + 1, sizeof *s->column);
    if (!t->column || !s->column) return cli_complain(CLI_FAILED, "no memory");
    t->columns = (size_t)n;
    for (int i = 0; i < n; i++) {
        struct manifest_column *c = &t->column[i];
        c->name = copy(a, r, i, COLUMN_NAME);
        c->type = copy(a, r, i, COLUMN_TYPE);
        c->not_null = is_true(r, i, COLUMN_NOT_NULL);
        c->identity = PQgetvalue(r, i, COLUMN_IDENTITY)[0];
        c->generated = is_true(r, i, COLUMN_GENERATED);
        c->collation_schema = copy(a, r, i, COLUMN_COLLATION);
        c->collation = copy(a, r, i, COLUMN_COLLATION + 1);
        if (!c->name || !c->type) return cli_complain(CLI_FAILED, "no memory");
        if (c->generated) continue;
        struct avro_column *field = &s->column[s->columns++];
        *field = (struct avro_column){.nullable = !c->not_null, .kind = AVRO_STRING};
        c->as_text = !find_kind(db_get_int8(r, i, COLUMN_OID, 0), db_get_int8(r, i, COLUMN_TYPMOD, 0), field);
        if (c->as_text) *field = (struct avro_column){.nullable = !c->not_null, .kind = AVRO_STRING};
        avro_schema_field(s, s->columns - 1, c->name);
    }
    avro_schema_field(s, s->columns, t->name);
    snprintf(s->space, sizeof s->space, "%s", "cetl");
    if (s->columns == 0) return cli_complain(CLI_FAILED, "%s.%s has no columns that could be backed up", t->schema, t->name);
    return CLI_OK;
}

static int take_keys(const PGresult *r, struct arena *a, struct manifest_table *t)
{
    int n = PQntuples(r);
    t->key = arena_array(a, (size_t)n + 1, sizeof *t->key);
    if (!t->key) return cli_complain(CLI_FAILED, "no memory");
    for (int i = 0; i < n; i++) {
        const char *name = PQgetvalue(r, i, 0);
        if (t->keys == 0 || strcmp(t->key[t->keys - 1].name, name) != 0) {
            struct manifest_key *k = &t->key[t->keys++];
            *k = (struct manifest_key){copy(a, r, i, 0), is_true(r, i, 1), arena_array(a, (size_t)n, sizeof *k->column), 0};
            if (!k->name || !k->column) return cli_complain(CLI_FAILED, "no memory");
        }
        struct manifest_key *k = &t->key[t->keys - 1];
        k->column[k->columns] = copy(a, r, i, 2);
        if (!k->column[k->columns++]) return cli_complain(CLI_FAILED, "no memory");
    }
    return CLI_OK;
}

int carried_ledger_schema(struct avro_schema *s)
{
    static const struct avro_column fields[] = {
        {.name = "id", .kind = AVRO_LONG},
        {.name = "token", .kind = AVRO_STRING},
        {.name = "name", .kind = AVRO_STRING},
        {.name = "bytes", .kind = AVRO_LONG, .nullable = true},
        {.name = "sha256", .kind = AVRO_BYTES, .nullable = true},
        {.name = "rows_read", .kind = AVRO_LONG},
        {.name = "rows_loaded", .kind = AVRO_LONG},
        {.name = "rows_updated", .kind = AVRO_LONG},
        {.name = "rows_ignored", .kind = AVRO_LONG},
        {.name = "rows_rejected", .kind = AVRO_LONG},
        {.name = "rows_filtered", .kind = AVRO_LONG},
        {.name = "arrived_at", .kind = AVRO_TIMESTAMPTZ, .nullable = true},
        {.name = "started_at", .kind = AVRO_TIMESTAMPTZ, .nullable = true},
        {.name = "finished_at", .kind = AVRO_TIMESTAMPTZ, .nullable = true},
        {.name = "lineage", .kind = AVRO_BOOLEAN},
        {.name = "header", .kind = AVRO_BYTES, .nullable = true},
        {.name = "path", .kind = AVRO_BYTES, .nullable = true},
    };
    *s = (struct avro_schema){
        .name = "file", .space = "cetl", .column = malloc(sizeof fields), .columns = sizeof fields / sizeof fields[0]};
    if (!s->column) return cli_complain(CLI_FAILED, "no memory");
    memcpy(s->column, fields, sizeof fields);
    return CLI_OK;
}

static int take_dataset(PGconn *pg, struct arena *a, struct manifest_table *t)
{
    PGresult *r = database_ask(pg, SQL_BACKUP_HAS_LEDGER, 0, NULL);
    if (!r) return CLI_FAILED;
    bool has = is_true(r, 0, 0);
    PQclear(r);
    if (!has) return CLI_OK;
    r = database_ask(pg, SQL_BACKUP_DATASET, 2, (const char *const[]){t->schema, t->name});
    if (!r) return CLI_FAILED;
    int ret = CLI_OK;
    if (PQntuples(r) > 0) {
        t->dataset = (struct manifest_dataset){
            .name = copy(a, r, 0, 1), .inferred = is_true(r, 0, 2), .made = is_true(r, 0, 3), .guess = copy(a, r, 0, 4)};
        ret = t->dataset.name ? carried_ledger_schema(&t->dataset.ledger.schema) : cli_complain(CLI_FAILED, "no memory");
    }
    PQclear(r);
    return ret;
}

int carried_describe(PGconn *pg, struct arena *a, long long oid, struct manifest_table *t, struct carried *ret_carried)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", oid);
    const char *const param[] = {text};
    if (database_run(pg, SQL_BACKUP_QUALIFIED) != CLI_OK) return CLI_FAILED;
    PGresult *columns = database_ask(pg, SQL_BACKUP_COLUMNS, 1, param);
    PGresult *keys = columns ? database_ask(pg, SQL_BACKUP_KEYS, 1, param) : NULL;
    PGresult *size = keys ? database_ask(pg, SQL_BACKUP_SIZE, 1, param) : NULL;
    int ret = size ? database_run(pg, SQL_BACKUP_UNQUALIFIED) : CLI_FAILED;
    if (ret == CLI_OK) ret = take_columns(columns, a, t);
    if (ret == CLI_OK) ret = take_keys(keys, a, t);
    if (ret == CLI_OK) ret = take_dataset(pg, a, t);
    if (ret == CLI_OK && PQntuples(size) == 0) ret = cli_complain(CLI_FAILED, "%s.%s was just dropped", t->schema, t->name);
    if (ret == CLI_OK) *ret_carried = (struct carried){oid, db_get_int8(size, 0, 0, 0), is_true(size, 0, 1)};
    PQclear(columns);
    PQclear(keys);
    PQclear(size);
    return ret;
}

void carried_as_text(struct manifest_table *t, size_t field)
{
    size_t at = 0;
    for (size_t i = 0; i < t->columns; i++) {
        if (t->column[i].generated || at++ != field) continue;
        t->column[i].as_text = true;
        t->rows.schema.column[field].kind = AVRO_STRING;
    }
}

void carried_copy_sql(struct buf *out, const struct manifest_table *t, const struct carried *c)
{
    bool plain = c->plain;
    for (size_t i = 0; i < t->columns; i++)
        if (t->column[i].as_text) plain = false;
    buf_puts(out, "COPY ");
    if (plain) table_quote(out, t->schema, t->name);
    buf_puts(out, plain ? " (" : "(SELECT ");
    bool first = true;
    for (size_t i = 0; i < t->columns; i++) {
        const struct manifest_column *column = &t->column[i];
        if (column->generated) continue;
        if (!first) buf_puts(out, ", ");
        first = false;
        db_quote_identifier(out, slice_of(column->name));
        if (column->as_text) buf_puts(out, "::text");
    }
    if (!plain) {
        buf_puts(out, " FROM ");
        table_quote(out, t->schema, t->name);
    }
    buf_puts(out, ") TO STDOUT (FORMAT binary)");
}
