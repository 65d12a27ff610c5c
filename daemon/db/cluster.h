/* SPDX-License-Identifier: MIT */
/*
 * The folders and programs of the embedded cluster: where they lie, whose they are, which postmaster runs on them. Starts nothing.
 *
 *   STATE/postgresql          the data folder; STATE/postgresql.new while initdb works
 *   STATE/run                 0700: the socket, our settings (cetld.conf), what initdb and postmaster said at their last start
 * (start.log)
 *
 * PostgreSQL refuses root. Started as root, everything belongs to the data folder's owner, or, before there is one, to user `cetl`,
 * `postgres` or `nobody`, the first that exists.
 *
 * cetld.conf includes the cluster's own postgresql.conf at its end: what an administrator writes there, or by ALTER SYSTEM, wins.
 *
 * Thread: loop; db_cluster_open blocks.
 */
#ifndef CETLD_DB_CLUSTER_H
#define CETLD_DB_CLUSTER_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct db_cluster {
    char *state, *data, *fresh, *run, *settings, *log; /* absolute paths */
    char *bin;                                         /* folder of the programs; NULL until opened */
    char *conninfo;                                    /* of database cetl */
    char *maintenance;                                 /* of database postgres */
    bool switch_user;                                  /* run the programs as: */
    uid_t uid;
    gid_t gid;
};

/** Names only; nothing is touched. 0 or -errno. */
must_check int db_cluster_init(struct db_cluster *k, const char *state);
void db_cluster_done(struct db_cluster *k);
/** Make and check folders, find the programs (`pg_bin` may be NULL or ""). 0, or -errno with words that say what to do. */
must_check int db_cluster_open(struct db_cluster *k, const char *pg_bin, struct error *err);
/** There is a whole data folder. */
bool db_cluster_exists(const struct db_cluster *k);
/** initdb ended well: give the folder its name. 0 or -errno. */
must_check int db_cluster_commit(const struct db_cluster *k);
/** The running postmaster of this data folder, or 0: what postmaster.pid names, if it is alive and works in the data folder. */
pid_t db_cluster_postmaster(const struct db_cluster *k);
/**
 * postmaster.pid of a crash is cleared away by PostgreSQL, unless its number now belongs to another process, which it then takes
 * for a postmaster: clear it away ourselves.
 */
void db_cluster_clear_stale_pid(const struct db_cluster *k);
/** The last line of start.log that says something, or "". ret_line holds `size` bytes. */
void db_cluster_last_words(const struct db_cluster *k, char *ret_line, size_t size);

#endif
