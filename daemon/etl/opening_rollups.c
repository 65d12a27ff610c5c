/* SPDX-License-Identifier: MIT */
#include "etl/opening_private.h"
#include "etl/rollup.h"
#include "etl/sql.h"
#include "format/json_writer.h"

#include <stdio.h>

static void rollup_next(struct opening *o);

static void rollup_created(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    char what[128];
    snprintf(what, sizeof what, "rollup %s", o->d->rollup[o->next_rollup].config->name);
    if (opening_is_locked(o, r, what) || !opening_went_well(o, r, what)) return;
    o->d->definition = db_get_int8(r->rows, 0, 0, 0);
    o->next_rollup++;
    rollup_next(o);
}

static void rollup_create(struct opening *o)
{
    struct buf sql;
    buf_init(&sql, OPENING_SQL_MAX);
    rollup_create_sql(&sql, &o->d->rollup[o->next_rollup], &o->d->table);
    buf_printf(&sql, "; " SQL_DATASET_REDEFINE, (long long)o->d->id);
    const char *text = buf_cstr(&sql);
    if (text) {
        opening_ask(o, &(struct db_query){.sql = text, .done = rollup_created, .ctx = o});
    } else {
        opening_over(o, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

static void rollup_seen(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!opening_went_well(o, r, "rollup")) return;
    const struct dataset_rollup *rollup = &o->d->rollup[o->next_rollup];
    if (PQntuples(r->rows) == 0) return rollup_create(o);

    struct buf wanted;
    buf_init(&wanted, OPENING_SQL_MAX);
    rollup_comment(&wanted, rollup, &o->d->table);
    const char *text = buf_cstr(&wanted), *comment = db_get(r->rows, 0, 0);
    bool same = text && comment && strcmp(text, comment) == 0;
    bool ours = comment && (strncmp(comment, "SELECT ", 7) == 0 || strcmp(comment, SQL_ROLLUP_STALE) == 0);
    buf_done(&wanted);
    if (!text) return opening_over(o, -ENOMEM, NULL);
    if (same) {
        o->next_rollup++;
        return rollup_next(o);
    }
    if (ours) return rollup_create(o);
    dataset_break(o->d, "rollup %s: the table %s.%s exists and is none of ours; rename one of them", rollup->config->name,
                  rollup->table.schema, rollup->table.name);
    opening_opened(o);
}

static void rollup_described(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    struct dataset_rollup *rollup = &o->d->rollup[o->next_rollup];
    struct error why = {0};
    int e = r->status == 0 ? rollup_take_types(rollup, r->rows, &o->d->arena, &why) : 0;
    if (e < 0) return opening_over(o, e, NULL);
    if (e > 0) {
        dataset_break(o->d, "%s", why.text);
        return opening_opened(o);
    }
    char what[128];
    snprintf(what, sizeof what, "rollup %s", rollup->config->name);
    if (opening_went_well(o, r, what)) rollup_next(o);
}

static void rollup_describe(struct opening *o)
{
    struct buf sql;
    buf_init(&sql, OPENING_SQL_MAX);
    rollup_types_sql(&sql, &o->d->rollup[o->next_rollup], &o->d->table);
    const char *text = buf_cstr(&sql);
    if (text) {
        opening_ask(o, &(struct db_query){.sql = text, .done = rollup_described, .ctx = o});
    } else {
        opening_over(o, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

static void rollup_next(struct opening *o)
{
    if (o->next_rollup == o->d->rollups) return opening_opened(o);
    if (!o->d->rollup[o->next_rollup].described) return rollup_describe(o);
    const struct table *t = &o->d->rollup[o->next_rollup].table;
    struct buf name;
    buf_init(&name, OPENING_SQL_MAX);
    const char *text = table_quote(&name, t->schema, t->name);
    struct db_param param = db_text(text);
    if (text) {
        opening_ask(o, &(struct db_query){.sql = SQL_TABLE_COMMENT, .param = &param, .params = 1, .done = rollup_seen, .ctx = o});
    } else {
        opening_over(o, -ENOMEM, NULL);
    }
    buf_done(&name);
}

static void abandoned_marked(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    static const char what[] = "a rollup that is not configured any more";
    if (!opening_is_locked(o, r, what) && opening_went_well(o, r, what)) rollup_next(o);
}

static void abandoned_found(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!opening_went_well(o, r, "rollups")) return;
    const char *statements = db_get(r->rows, 0, 0);
    if (!statements) return rollup_next(o);
    struct buf sql;
    buf_init(&sql, OPENING_SQL_MAX);
    buf_printf(&sql, SQL_LOCK_SOON "%s", statements);
    const char *text = buf_cstr(&sql);
    if (text) {
        opening_ask(o, &(struct db_query){.sql = text, .done = abandoned_marked, .ctx = o});
    } else {
        opening_over(o, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

/* Before loads pass by a rollup that was taken out of the configuration, its table is marked: should it come back, its definition
 * alone would not tell that rows are missing. */
void opening_make_rollups(struct opening *o)
{
    struct buf source, names;
    buf_init(&source, OPENING_SQL_MAX);
    buf_init(&names, OPENING_SQL_MAX);
    struct json_writer w;
    json_writer_init(&w, &names);
    json_write_array(&w);
    for (size_t i = 0; i < o->d->rollups; i++)
        json_write_text(&w, o->d->rollup[i].table.name);
    json_write_end(&w);
    const char *table = table_quote(&source, o->schema, o->table), *kept = buf_cstr(&names);
    struct db_param param[] = {db_text(table), db_text(o->schema), db_text(kept)};
    if (table && kept) {
        opening_ask(
            o, &(struct db_query){.sql = SQL_ROLLUPS_ABANDONED, .param = param, .params = 3, .done = abandoned_found, .ctx = o});
    } else {
        opening_over(o, -ENOMEM, NULL);
    }
    buf_done(&source);
    buf_done(&names);
}
