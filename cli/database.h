/* SPDX-License-Identifier: MIT */
/*
 * The database of the configuration, by blocking libpq: for the commands that carry tables off and back (backup, restore), which
 * are clients of PostgreSQL as pg_dump is, and need no daemon.
 *
 * What fails is told on stderr; the caller gets an exit status, or NULL.
 */
#ifndef CETL_DATABASE_H
#define CETL_DATABASE_H

#include "base/buf.h"
#include "cli.h"

#include <libpq-fe.h>

struct config;

/** cli->config, read; config_unref it. CLI_OK, or CLI_FAILED with all mistakes told. */
int database_config(const struct cli *cli, struct config **ret_config);

/** Connect: to `url`, or where that is NULL to the database of cli->config (its embedded cluster, too). CLI_OK, or another. */
int database_open(const struct cli *cli, const char *url, PGconn **ret_pg);
/** Statements without parameters and rows. CLI_OK or CLI_FAILED. */
int database_run(PGconn *pg, const char *sql);
/** The same, with the statements in a buffer, which is emptied. */
int database_run_buf(PGconn *pg, struct buf *sql);
/** One statement, text parameters. Its rows (PQclear them), or NULL. */
PGresult *database_ask(PGconn *pg, const char *sql, int params, const char *const *param);
/** Tell the connection's trouble: "cetl: WHAT: …". CLI_FAILED. */
int database_complain(PGconn *pg, const char *what);

#endif
