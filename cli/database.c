/* SPDX-License-Identifier: MIT */
#include "database.h"

#include "backup_sql.h"
#include "config/config.h"
#include "db/cluster.h"

#include <stdlib.h>
#include <string.h>

int database_complain(PGconn *pg, const char *what)
{
    const char *words = PQerrorMessage(pg);
    return cli_complain(CLI_FAILED, "%s: %.*s", what, (int)strcspn(words, "\n"), words);
}

static int tell(const PGresult *r, const char *otherwise)
{
    const char *words = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY), *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
    return cli_complain(CLI_FAILED, "PostgreSQL refused it: %s%s%s", words ? words : otherwise, detail ? "; " : "",
                        detail ? detail : "");
}

int database_run(PGconn *pg, const char *sql)
{
    PGresult *r = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(r);
    int ret = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? CLI_OK : tell(r, PQerrorMessage(pg));
    PQclear(r);
    return ret;
}

int database_run_buf(PGconn *pg, struct buf *sql)
{
    const char *text = buf_cstr(sql);
    int ret = text ? database_run(pg, text) : cli_complain(CLI_FAILED, "no memory");
    buf_reset(sql);
    return ret;
}

PGresult *database_ask(PGconn *pg, const char *sql, int params, const char *const *param)
{
    PGresult *r = PQexecParams(pg, sql, params, NULL, param, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return r;
    tell(r, PQerrorMessage(pg));
    PQclear(r);
    return NULL;
}

/* ---- connecting ---- */

static int connect_to(const char *conninfo, const char *password, const char *hint, PGconn **ret_pg)
{
    const char *const keywords[] = {"connect_timeout", "dbname", "password", "application_name", NULL};
    const char *const values[] = {"10", conninfo, password, "cetl", NULL};
    PGconn *pg = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(pg) != CONNECTION_OK) {
        database_complain(pg, "the database cannot be reached");
        if (hint) fprintf(stderr, "%s\n", hint);
        PQfinish(pg);
        return CLI_FAILED;
    }
    if (database_run(pg, SQL_BACKUP_SETUP) != CLI_OK) {
        PQfinish(pg);
        return CLI_FAILED;
    }
    *ret_pg = pg;
    return CLI_OK;
}

static int connect_embedded(const char *state, PGconn **ret_pg)
{
    struct db_cluster k;
    if (db_cluster_init(&k, state) < 0) return cli_complain(CLI_FAILED, "no memory");
    int ret = connect_to(k.conninfo, NULL,
                         "It is the PostgreSQL that cetld keeps: cetld must run, and this command as root or as cetld's user "
                         "(sudo -u cetl cetl …).",
                         ret_pg);
    db_cluster_done(&k);
    return ret;
}

static int connect_configured(const struct config *c, PGconn **ret_pg)
{
    if (!c->database.url[0]) return connect_embedded(c->daemon.state, ret_pg);
    char *password = NULL;
    struct error err = {0};
    if (c->database.password_file[0] && config_read_secret(c->database.password_file, &err, &password) < 0)
        return cli_complain(CLI_FAILED, "%s; --database URL says another way to the database", err.text);
    int ret = connect_to(c->database.url, password,
                         "Run it as a user that the database knows (sudo -u cetl cetl …), or say --database URL.", ret_pg);
    if (password) explicit_bzero(password, strlen(password));
    free(password);
    return ret;
}

int database_config(const struct cli *cli, struct config **ret_config)
{
    struct mistakes mistakes;
    mistakes_init(&mistakes);
    enum config_presence presence = cli->config_said ? CONFIG_MUST_EXIST : CONFIG_MAY_BE_MISSING;
    int r = config_load(cli->config, presence, &mistakes, ret_config);
    for (size_t i = 0; r != 0 && i < mistakes.stored; i++)
        cli_complain(CLI_FAILED, "%s", mistakes.text[i]);
    if (r != 0 && mistakes.stored == 0) cli_complain(CLI_FAILED, "%s: %s", cli->config, r < 0 ? error_name(r) : "it is wrong");
    mistakes_done(&mistakes);
    return r == 0 ? CLI_OK : CLI_FAILED;
}

int database_open(const struct cli *cli, const char *url, PGconn **ret_pg)
{
    struct config *config;
    if (url) return connect_to(url, NULL, NULL, ret_pg);
    int ret = database_config(cli, &config);
    if (ret != CLI_OK) return ret;
    ret = connect_configured(config, ret_pg);
    config_unref(config);
    return ret;
}
