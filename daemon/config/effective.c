/* SPDX-License-Identifier: MIT */
#include "config/effective.h"

#include "config/ini.h"

#include <stdio.h>

struct walk {
    const struct config *config;
    effective_fn *fn;
    void *ctx;
};

static void visit(const struct walk *w, enum option_section kind, const char *name, const void *values)
{
    const struct effective_section s = {kind, name, values, ini_find(w->config->said, options_section(kind)->kind, slice_of(name))};
    w->fn(w->ctx, &s);
}

/* [column DATASET.NAME] and [rollup DATASET.NAME] */
static void visit_owned(const struct walk *w, enum option_section kind, const char *owner, const char *name, const void *values)
{
    struct buf both;
    buf_init(&both, INI_FILE_MAX);
    buf_printf(&both, "%s.%s", owner, name);
    visit(w, kind, buf_cstr(&both), values);
    buf_done(&both);
}

static void visit_dataset(const struct walk *w, const struct config_dataset *d)
{
    visit(w, OPTION_DATASET, d->name, d);
    for (size_t i = 0; i < d->n_columns; i++)
        visit_owned(w, OPTION_COLUMN, d->name, d->column[i].name, &d->column[i]);
    for (size_t i = 0; i < d->n_rollups; i++)
        visit_owned(w, OPTION_ROLLUP, d->name, d->rollup[i].name, &d->rollup[i]);
}

void effective_each(const struct config *c, effective_fn *fn, void *ctx)
{
    const struct walk w = {c, fn, ctx};
    visit(&w, OPTION_DAEMON, "", &c->daemon);
    visit(&w, OPTION_DATABASE, "", &c->database);
    visit(&w, OPTION_API, "", &c->api);
    for (size_t i = 0; i < c->n_datasets; i++)
        visit_dataset(&w, &c->datasets[i]);
    for (size_t i = 0; i < c->n_derives; i++)
        visit(&w, OPTION_DERIVE, c->derives[i].name, &c->derives[i]);
    for (size_t i = 0; i < c->n_reports; i++)
        visit(&w, OPTION_REPORT, c->reports[i].name, &c->reports[i]);
    for (size_t i = 0; i < c->n_tokens; i++)
        visit(&w, OPTION_TOKEN, c->tokens[i].name, &c->tokens[i]);
    visit(&w, OPTION_JWT, "", &c->jwt);
    for (size_t i = 0; i < c->n_roles; i++)
        visit(&w, OPTION_ROLE, c->roles[i].name, &c->roles[i]);
    for (size_t i = 0; i < c->n_notify; i++)
        visit(&w, OPTION_NOTIFY, c->notify[i].name, &c->notify[i]);
    for (size_t i = 0; i < c->n_stores; i++)
        visit(&w, OPTION_STORE, c->stores[i].name, &c->stores[i]);
    for (size_t i = 0; i < c->n_archives; i++)
        visit(&w, OPTION_ARCHIVE, c->archives[i].name, &c->archives[i]);
    for (size_t i = 0; i < c->n_sources; i++)
        visit(&w, OPTION_SOURCE, c->sources[i].name, &c->sources[i]);
    for (size_t i = 0; i < c->n_backups; i++)
        visit(&w, OPTION_BACKUP, c->backups[i].name, &c->backups[i]);
}

struct config_place effective_place(const struct effective_section *s, const struct option *o)
{
    const struct ini_entry *e = s->said ? ini_entry(s->said, o->name) : NULL;
    return e ? e->place : (struct config_place){"", 0};
}
