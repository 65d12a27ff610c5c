/* SPDX-License-Identifier: MIT */
#include "db/params.h"

#include <assert.h>
#include <libpq-fe.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *keyword, *value;
} defaults[] = {
    {"keepalives_idle", "30"},
    {"keepalives_interval", "10"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "30000"},
};
enum { DEFAULTS = sizeof defaults / sizeof defaults[0] };

void db_params_set(struct db_params *p, const char *keyword, const char *value)
{
    if (!value) return;
    assert(p->n < DB_PARAMS_MAX);
    p->keyword[p->n] = keyword;
    p->value[p->n++] = value;
}

void db_params_init(struct db_params *p, const char *conninfo)
{
    *p = (struct db_params){.n = 0};
    PQconninfoOption *given = PQconninfoParse(conninfo, NULL);
    for (const PQconninfoOption *o = given; o && o->keyword; o++)
        for (int i = 0; i < DEFAULTS; i++)
            if (!o->val && strcmp(o->keyword, defaults[i].keyword) == 0) db_params_set(p, defaults[i].keyword, defaults[i].value);
    PQconninfoFree(given);
    db_params_set(p, "dbname", conninfo);
}
