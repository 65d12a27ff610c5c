/* SPDX-License-Identifier: MIT */
#include "etl/derive_set.h"

#include "etl/derive.h"
#include "etl/sql.h"
#include "format/json_writer.h"

#include <stdlib.h>

enum {
    TEXT_MAX = 8 * 1024 * 1024,
    ARENA_BLOCK = 4096,
    ARENA_MAX = 16 << 20,
};

const char *derive_state_name(enum derive_state s)
{
    static const char *const name[] = {[DERIVE_STALE] = "stale",
                                       [DERIVE_FRESH] = "fresh",
                                       [DERIVE_REFRESHING] = "refreshing",
                                       [DERIVE_WAITING] = "waiting",
                                       [DERIVE_FAILED] = "failed"};
    return name[s];
}

void derive_set_done(struct derive_set *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct derive *d = &s->derive[i];
        arena_done(&d->arena);
        free(d->error);
        free(d->refreshed_at);
        free(d->inputs);
        free(d->tried);
    }
    free(s->derive);
    config_unref(s->config);
    *s = (struct derive_set){0};
}

int derive_set_init(struct derive_set *s, struct config *config)
{
    struct derive *derive = calloc(config->n_derives + 1, sizeof *derive);
    if (!derive) return -ENOMEM;
    *s = (struct derive_set){.config = config_ref(config), .derive = derive};
    for (; s->n < config->n_derives; s->n++) {
        s->derive[s->n] = (struct derive){.config = &config->derives[s->n], .rows = -1};
        arena_init(&s->derive[s->n].arena, ARENA_BLOCK, ARENA_MAX);
    }
    return 0;
}

struct derive *derive_set_find(const struct derive_set *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->derive[i].config->name, name) == 0) return &s->derive[i];
    return NULL;
}

void derive_set_text(char **text, const char *to)
{
    free(*text);
    *text = to ? strdup(to) : NULL;
}

/* ---- what SQL_DERIVE_LOOK says ---- */

enum { KIND, NAME, VERSION, DEFINITION, INPUTS, MADE, ERROR, ROWS, REFRESHED };

static bool is_current(const struct derive *d, const char *definition)
{
    struct buf wanted;
    buf_init(&wanted, TEXT_MAX);
    derive_definition(d->config, &wanted);
    const char *text = buf_cstr(&wanted);
    bool same = text && definition && strcmp(text, definition) == 0;
    buf_done(&wanted);
    return same;
}

void derive_set_take(struct derive_set *s, const PGresult *rows)
{
    for (size_t i = 0; i < s->n; i++)
        s->derive[i].made = false;
    for (int i = 0; i < PQntuples(rows); i++) {
        struct derive *d = strcmp(PQgetvalue(rows, i, KIND), "derive") == 0 ? derive_set_find(s, PQgetvalue(rows, i, NAME)) : NULL;
        if (!d) continue;
        d->version = db_get_int8(rows, i, VERSION, 0);
        d->made = PQgetvalue(rows, i, MADE)[0] == 't';
        d->current = d->made && is_current(d, db_get(rows, i, DEFINITION));
        d->rows = db_get_int8(rows, i, ROWS, -1);
        derive_set_text(&d->inputs, db_get(rows, i, INPUTS));
        derive_set_text(&d->refreshed_at, db_get(rows, i, REFRESHED));
        derive_set_text(&d->error, db_get(rows, i, ERROR));
    }
}

static int64_t dataset_version(const PGresult *rows, const char *name)
{
    for (int i = 0; i < PQntuples(rows); i++)
        if (strcmp(PQgetvalue(rows, i, KIND), "dataset") == 0 && strcmp(PQgetvalue(rows, i, NAME), name) == 0)
            return db_get_int8(rows, i, VERSION, 0);
    return 0;
}

/* The versions of its inputs. A view changes when what it reads does, so that stands behind it. */
static void write_inputs(struct json_writer *w, const struct derive_set *s, const struct config_derive *d, const PGresult *rows)
{
    json_write_object(w);
    for (size_t i = 0; i < d->after.n; i++) {
        const struct derive *input = derive_set_find(s, d->after.item[i]);
        json_write_key(w, d->after.item[i]);
        if (!input) {
            json_write_int(w, dataset_version(rows, d->after.item[i]));
        } else if (input->config->as == CONFIG_AS_TABLE) {
            json_write_int(w, input->version);
        } else {
            json_write_array(w);
            json_write_int(w, input->version);
            write_inputs(w, s, input->config, rows);
            json_write_end(w);
        }
    }
    json_write_end(w);
}

int derive_set_inputs(const struct derive_set *s, const struct derive *d, const PGresult *rows, char **ret_inputs)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, TEXT_MAX);
    json_writer_init(&w, &text);
    write_inputs(&w, s, d->config, rows);
    *ret_inputs = buf_steal(&text, NULL);
    buf_done(&text);
    return *ret_inputs ? 0 : -ENOMEM;
}

/* ---- its table ---- */

int derive_take_columns(struct derive *d, const PGresult *rows)
{
    int r = table_read(&d->arena, rows, d->config->schema, d->config->table, &d->table);
    /* A view is made of what it reads, which nobody counts. */
    if (r == 0 && d->config->as != CONFIG_AS_VIEW) d->table.version = (struct table_version){TABLE_OF_DERIVE, d->table.oid};
    return r;
}

int derive_ask_columns(struct db_conn *conn, const struct config_derive *d, void (*done)(void *ctx, const struct db_result *r),
                       void *ctx)
{
    struct buf name;
    buf_init(&name, ERROR_TEXT_MAX);
    struct db_param p[] = {db_text(table_quote(&name, d->schema, d->table)), db_text(NULL)};
    int r = buf_check(&name);
    if (r == 0) r = db_query(conn, &(struct db_query){.sql = SQL_TABLE_COLUMNS, .param = p, .params = 2, .done = done, .ctx = ctx});
    buf_done(&name);
    return r;
}

void derive_keep_failure(struct derive *d, struct derive *old)
{
    d->state = old->state;
    d->failures = old->failures;
    d->retry_at_ms = old->retry_at_ms;
    d->tried = old->tried;
    old->tried = NULL;
    if (!d->error) derive_set_text(&d->error, old->error);
}
