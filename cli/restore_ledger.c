/* SPDX-License-Identifier: MIT */
#include "backup_sql.h"
#include "database.h"
#include "db/query.h"
#include "restore.h"

#include <time.h>

enum { SETTLE_TRIES = 600, SETTLE_NS = 100000000 };

/* A dataset that this database does not know: inferred elsewhere, or declared and not opened here yet. */
static int make_dataset(struct restore *x, struct restore_table *t)
{
    const struct manifest_dataset *d = &t->m->dataset;
    const char *const param[] = {d->name, t->m->schema, t->m->name, d->inferred ? "t" : "f", d->guess};
    PGresult *r = database_ask(x->pg, SQL_RESTORE_DATASET_NEW, 5, param);
    if (!r) return CLI_FAILED;
    t->dataset = db_get_int8(r, 0, 0, 0);
    PQclear(r);
    return CLI_OK;
}

static int ask(struct restore *x, const char *sql, const char *dataset)
{
    PGresult *r = database_ask(x->pg, sql, 1, (const char *const[]){dataset});
    PQclear(r);
    return r ? CLI_OK : CLI_FAILED;
}

/* The same arrival cannot be of two datasets. */
static int check_strangers(struct restore *x, const struct restore_table *t, const char *dataset)
{
    PGresult *r = database_ask(x->pg, SQL_RESTORE_LEDGER_STRANGER, 1, (const char *const[]){dataset});
    if (!r) return CLI_FAILED;
    int ret = CLI_OK;
    if (PQntuples(r) > 0)
        ret = cli_complain(CLI_FAILED, "the backup has rows of %s in dataset %s, and the ledger has it as %s in dataset %s",
                           PQgetvalue(r, 0, 0), t->m->dataset.name, PQgetvalue(r, 0, 1), PQgetvalue(r, 0, 2));
    PQclear(r);
    return ret;
}

/* Our lock was given when the load's last share was committed; what calls it loaded comes a moment later. */
static int settle(struct restore *x, const struct restore_table *t, const char *dataset)
{
    for (int tries = 0;; tries++) {
        PGresult *r = database_ask(x->pg, SQL_RESTORE_LEDGER_HALF, 1, (const char *const[]){dataset});
        if (!r) return CLI_FAILED;
        bool settled = PQntuples(r) == 0;
        if (!settled && tries == SETTLE_TRIES)
            cli_complain(CLI_FAILED,
                         "a load of %s in dataset %s is half committed, and nobody ends it: start cetld, then try again",
                         PQgetvalue(r, 0, 0), t->m->dataset.name);
        PQclear(r);
        if (settled) return CLI_OK;
        if (tries == SETTLE_TRIES) return CLI_FAILED;
        nanosleep(&(struct timespec){.tv_nsec = SETTLE_NS}, NULL);
    }
}

int restore_ledger(struct restore *x, struct restore_table *t)
{
    if (!t->m->dataset.name) return CLI_OK;
    if (t->dataset == 0 && make_dataset(x, t) != CLI_OK) return CLI_FAILED;
    char dataset[24];
    snprintf(dataset, sizeof dataset, "%lld", t->dataset);
    int ret = settle(x, t, dataset);
    if (ret == CLI_OK) ret = database_run(x->pg, SQL_RESTORE_LEDGER_STAGE);
    if (ret == CLI_OK) ret = restore_copy(x, SQL_RESTORE_LEDGER_COPY, &t->m->dataset.ledger);
    if (ret == CLI_OK) ret = check_strangers(x, t, dataset);
    if (ret == CLI_OK) ret = ask(x, SQL_RESTORE_LEDGER_GONE, dataset);
    if (ret == CLI_OK) ret = ask(x, SQL_RESTORE_LEDGER_BACK, dataset);
    if (ret == CLI_OK) ret = ask(x, SQL_RESTORE_LEDGER_NEW, dataset);
    if (ret == CLI_OK) ret = database_run(x->pg, SQL_RESTORE_LEDGER_KEPT);
    if (ret == CLI_OK) ret = database_run(x->pg, SQL_RESTORE_LEDGER_MAP);
    return ret == CLI_OK ? database_run(x->pg, "ANALYZE pg_temp.cetl_restore_map") : ret;
}

int restore_ledger_end(struct restore *x, const struct restore_table *t)
{
    return t->m->dataset.name ? database_run(x->pg, SQL_RESTORE_LEDGER_END) : CLI_OK;
}

/* Its table was made anew, and is cetld's again. */
static int claim_table(struct restore *x, const struct restore_table *t)
{
    char dataset[24];
    snprintf(dataset, sizeof dataset, "%lld", t->dataset);
    if (t->now.column || !t->m->dataset.name || !t->m->dataset.made) return CLI_OK;
    PGresult *r = database_ask(x->pg, SQL_RESTORE_DATASET_MADE, 3, (const char *const[]){dataset, t->m->schema, t->m->name});
    PQclear(r);
    return r ? CLI_OK : CLI_FAILED;
}

int restore_mark(struct restore *x, const struct restore_table *t)
{
    char rows[24];
    snprintf(rows, sizeof rows, "%lld", (long long)t->m->rows.rows);
    PGresult *r = database_ask(x->pg, SQL_BACKUP_HAS_LEDGER, 0, NULL);
    if (!r) return CLI_FAILED;
    bool has = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    if (!has) return CLI_OK;
    r = database_ask(x->pg, SQL_RESTORE_MARK, 3, (const char *const[]){t->m->schema, t->m->name, rows});
    PQclear(r);
    return r ? claim_table(x, t) : CLI_FAILED;
}
