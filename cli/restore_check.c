/* SPDX-License-Identifier: MIT */
#include "backup_sql.h"
#include "database.h"
#include "db/query.h"
#include "etl/dataset.h"
#include "restore.h"

#include <stdlib.h>

static const struct manifest_column *find_column(const struct manifest_table *t, const char *name)
{
    for (size_t i = 0; i < t->columns; i++)
        if (strcmp(t->column[i].name, name) == 0) return &t->column[i];
    return NULL;
}

/* The same columns, in whatever order. */
static int compare(const struct manifest_table *was, const struct manifest_table *is)
{
    static const char mend[] = "alter the table, or drop it: a missing table is made as it was";
    for (size_t i = 0; i < was->columns; i++) {
        const struct manifest_column *w = &was->column[i], *c = find_column(is, w->name);
        if (!c)
            return cli_complain(CLI_FAILED, "%s.%s has no column %s, which the backup has; %s", was->schema, was->name, w->name,
                                mend);
        if (strcmp(w->type, c->type) != 0)
            return cli_complain(CLI_FAILED, "%s.%s: column %s is %s, and was %s; %s", was->schema, was->name, w->name, c->type,
                                w->type, mend);
        if (w->generated != c->generated)
            return cli_complain(CLI_FAILED, "%s.%s: column %s %s generated now; %s", was->schema, was->name, w->name,
                                c->generated ? "is" : "is not", mend);
    }
    for (size_t i = 0; i < is->columns; i++)
        if (!find_column(was, is->column[i].name))
            return cli_complain(CLI_FAILED, "%s.%s has a column %s, which the backup does not have; %s", was->schema, was->name,
                                is->column[i].name, mend);
    return CLI_OK;
}

/* What is in a manifest goes into a CREATE TABLE only where it is the name of a type. */
static int check_types(struct restore *x, const struct manifest_table *m)
{
    for (size_t i = 0; i < m->columns; i++) {
        const struct manifest_column *c = &m->column[i];
        if (c->generated)
            return cli_complain(CLI_FAILED, "%s.%s is missing, and column %s of it was generated: make the table first", m->schema,
                                m->name, c->name);
        PGresult *r = PQexecParams(x->pg, SQL_RESTORE_TYPE, 1, NULL, (const char *const[]){c->type}, NULL, NULL, 0);
        bool is_type = PQresultStatus(r) == PGRES_TUPLES_OK && PQgetvalue(r, 0, 0)[0] == 't';
        PQclear(r);
        if (!is_type)
            return cli_complain(CLI_FAILED, "%s.%s: the type %.100s of column %s is not there; make it first", m->schema, m->name,
                                c->type, c->name);
    }
    return CLI_OK;
}

/* The rows that another dataset loaded since would go, and its files would count as loaded. */
static int check_others(struct restore *x, const struct restore_table *t)
{
    const struct manifest_table *m = t->m;
    char dataset[24];
    snprintf(dataset, sizeof dataset, "%lld", t->dataset);
    PGresult *r = database_ask(x->pg, SQL_RESTORE_OTHERS, 4, (const char *const[]){m->schema, m->name, dataset, x->m.made_at});
    if (!r) return CLI_FAILED;
    int ret = CLI_OK;
    if (PQntuples(r) > 0)
        ret = cli_complain(CLI_FAILED,
                           "%s.%s has rows of dataset %s that were loaded after the backup (%s), which does not have that "
                           "dataset's ledger; unload those files first (cetl unload ID)",
                           m->schema, m->name, PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 1));
    PQclear(r);
    return ret;
}

static int find_dataset(struct restore *x, struct restore_table *t)
{
    const struct manifest_table *m = t->m;
    PGresult *r = database_ask(x->pg, SQL_RESTORE_DATASET, 1, (const char *const[]){m->dataset.name});
    if (!r) return CLI_FAILED;
    int ret = CLI_OK;
    if (PQntuples(r) > 0) {
        const char *schema = PQgetvalue(r, 0, 0), *name = PQgetvalue(r, 0, 1);
        t->dataset = db_get_int8(r, 0, 2, 0);
        if (strcmp(schema, m->schema) != 0 || strcmp(name, m->name) != 0)
            ret = cli_complain(CLI_FAILED, "dataset %s has the table %s.%s here, and had %s.%s", m->dataset.name, schema, name,
                               m->schema, m->name);
    }
    PQclear(r);
    return ret;
}

static int check_dataset(struct restore *x, struct restore_table *t)
{
    const struct manifest_table *m = t->m;
    PGresult *r = database_ask(x->pg, SQL_BACKUP_HAS_LEDGER, 0, NULL);
    if (!r) return CLI_FAILED;
    bool has = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    if (!has && m->dataset.name)
        return cli_complain(CLI_FAILED, "%s.%s is of dataset %s, and this database has no ledger: start cetld on it first",
                            m->schema, m->name, m->dataset.name);
    int ret = m->dataset.name ? find_dataset(x, t) : CLI_OK;
    return ret == CLI_OK && has ? check_others(x, t) : ret;
}

int restore_check(struct restore *x, struct restore_table *t)
{
    const struct manifest_table *m = t->m;
    avro_schema_done(&t->now.rows.schema);
    avro_schema_done(&t->now.dataset.ledger.schema);
    t->now = (struct manifest_table){.schema = m->schema, .name = m->name};
    PGresult *r = database_ask(x->pg, SQL_RESTORE_TARGET, 2, (const char *const[]){m->schema, m->name});
    if (!r) return CLI_FAILED;
    char kind = PQntuples(r) > 0 ? PQgetvalue(r, 0, 1)[0] : '\0';
    bool there = kind, table = kind == 'r' || kind == 'p';
    t->oid = there ? db_get_int8(r, 0, 0, 0) : 0;
    PQclear(r);
    t->lineage = find_column(m, TABLE_LINEAGE_FILE) && m->dataset.name;
    if (there && !table) return cli_complain(CLI_FAILED, "%s.%s is no table", m->schema, m->name);
    struct carried carried;
    int ret = there ? carried_describe(x->pg, &x->arena, t->oid, &t->now, &carried) : check_types(x, m);
    if (ret == CLI_OK && kind == 'r' && !carried.plain)
        ret = cli_complain(CLI_FAILED, "other tables inherit from %s.%s, and their rows would become its own", m->schema, m->name);
    if (ret == CLI_OK && there) ret = compare(m, &t->now);
    return ret == CLI_OK ? check_dataset(x, t) : ret;
}

/* ---- order ---- */

/* For table i: which of the others refer to it. */
static int find_referrers(struct restore *x, size_t i, bool *refers)
{
    struct restore_table *t = &x->table[i];
    char oid[24];
    if (t->oid == 0) return CLI_OK;
    snprintf(oid, sizeof oid, "%lld", t->oid);
    PGresult *r = database_ask(x->pg, SQL_RESTORE_REFERRERS, 1, (const char *const[]){oid});
    if (!r) return CLI_FAILED;
    for (int row = 0; row < PQntuples(r); row++) {
        long long other = db_get_int8(r, row, 0, 0);
        if (other != t->oid) t->referred = true;
        for (size_t k = 0; k < x->tables; k++)
            if (x->table[k].oid == other && k != i) refers[k * x->tables + i] = true;
    }
    PQclear(r);
    return CLI_OK;
}

/* The next table none of whose parents are still to come; in a circle, the first. */
static size_t next_of(const struct restore *x, const bool *refers, const bool *placed)
{
    size_t first = x->tables;
    for (size_t i = 0; i < x->tables; i++) {
        if (placed[i]) continue;
        if (first == x->tables) first = i;
        bool waits = false;
        for (size_t k = 0; k < x->tables; k++)
            if (!placed[k] && refers[i * x->tables + k]) waits = true;
        if (!waits) return i;
    }
    return first;
}

int restore_sort(struct restore *x)
{
    bool *refers = calloc(x->tables * x->tables + 1, sizeof *refers), *placed = calloc(x->tables + 1, sizeof *placed);
    struct restore_table *sorted = calloc(x->tables + 1, sizeof *sorted);
    int ret = refers && placed && sorted ? CLI_OK : cli_complain(CLI_FAILED, "no memory");
    for (size_t i = 0; ret == CLI_OK && i < x->tables; i++)
        ret = find_referrers(x, i, refers);
    for (size_t n = 0; ret == CLI_OK && n < x->tables; n++) {
        size_t i = next_of(x, refers, placed);
        placed[i] = true;
        sorted[n] = x->table[i];
    }
    if (ret == CLI_OK) {
        free(x->table);
        x->table = sorted;
        sorted = NULL;
    }
    free(refers);
    free(placed);
    free(sorted);
    return ret;
}
