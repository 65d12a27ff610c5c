/* SPDX-License-Identifier: MIT */
/*
 * What a connection is opened with: the keywords and values of PQconnectdbParams (PostgreSQL: libpq, Parameter Key Words), with
 * expand_dbname = 1.
 *
 *     db_params_init(&p, conninfo);
 *     db_params_set(&p, "application_name", "cetld");
 *     pg = PQconnectStartParams(p.keyword, p.value, 1);
 *
 * Later ones win over earlier ones, and over what stands in the conninfo. Texts are the caller's; nothing is copied.
 *
 * Thread: any.
 */
#ifndef CETLD_DB_PARAMS_H
#define CETLD_DB_PARAMS_H

enum { DB_PARAMS_MAX = 12 };

struct db_params {
    const char *keyword[DB_PARAMS_MAX + 1], *value[DB_PARAMS_MAX + 1]; /* NULL behind the last */
    int n;
};

/** The conninfo (a URI or keywords), and what notices a half-open connection within a minute, where it does not say otherwise. */
void db_params_init(struct db_params *p, const char *conninfo);
/** NULL is left to the conninfo. */
void db_params_set(struct db_params *p, const char *keyword, const char *value);

#endif
