/* SPDX-License-Identifier: MIT */
#include "etl/declared.h"

#include "data/type_name.h"
#include "etl/dimension.h"
#include "etl/formulas.h"

static int make_key(struct arena *a, const struct traits *traits, struct table *t)
{
    t->key = arena_array(a, t->columns + 1, sizeof *t->key);
    if (!t->key) return -ENOMEM;
    for (size_t i = 0; i < t->columns; i++) {
        if (traits->item[i].key == 0 || traits->item[i].key > t->columns) continue;
        t->key[traits->item[i].key - 1] = i;
        t->keys++;
    }
    return 0;
}

int declared_table(const struct config_dataset *config, struct arena *a, struct table *ret_table)
{
    struct table t = {
        .schema = config->schema, .name = config->table, .columns = config->columns.n, .ctype_known = true, .bytewise = true};
    struct traits traits;
    t.column = arena_array(a, t.columns + 1, sizeof *t.column);
    if (!t.column) return -ENOMEM;
    int r = traits_read(slice_of(config->columns_sql), &config->columns, a, &traits);
    if (r == 0) r = make_key(a, &traits, &t);
    if (r < 0) return r;
    for (size_t i = 0; i < t.columns; i++) {
        struct table_column *c = &t.column[i];
        const struct trait *says = &traits.item[i];
        *c = (struct table_column){.name = config->columns.item[i],
                                   .sql_type = config->column_types.item[i],
                                   .not_null = says->not_null,
                                   .has_default = says->has_default,
                                   .identity_always = says->identity_always,
                                   .generated = says->generated,
                                   .bytewise = true,
                                   .format = ""};
        c->known = type_by_name(slice_of(c->sql_type), &c->type) == 0;
        if (!c->known) c->type = (struct type){TYPE_OTHER, -1};
    }
    *ret_table = t;
    return 0;
}

int declared_dimensions(const struct config *all, const struct config_dataset *config, struct arena *a,
                        struct dataset_dimensions *ret_dimensions)
{
    struct dataset_dimensions found = {.item = arena_array(a, config->n_columns + 1, sizeof *found.item)};
    if (!found.item) return -ENOMEM;
    for (size_t i = 0; i < config->n_columns; i++) {
        const char *name = config->column[i].lookup.dataset;
        const struct config_dataset *into = name ? config_dataset(all, slice_of(name)) : NULL;
        if (!into || into->columns.n == 0 || dimension_find(&found, name)) continue;
        found.item[found.n] = (struct dataset_dimension){.name = into->name};
        int r = declared_table(into, a, &found.item[found.n++].table);
        if (r < 0) return r;
    }
    *ret_dimensions = found;
    return 0;
}

int declared_dataset(struct config *owner, const struct config_dataset *config, struct dataset **ret_dataset)
{
    struct dataset *d = dataset_new(config->name, owner, config);
    if (!d) return -ENOMEM;
    d->ours = true;
    int r = declared_table(config, &d->arena, &d->table);
    if (r == 0) r = declared_dimensions(owner, config, &d->arena, &d->dimensions);
    struct traits traits = {0};
    if (r == 0) r = traits_read(slice_of(config->columns_sql), &config->columns, &d->arena, &traits);
    if (r == 0) {
        if (traits.like)
            dataset_break(d, "%s:%d: columns: only the server knows the columns that LIKE takes over", config->columns_place.file,
                          config->columns_place.line);
        dataset_check_columns(d);
        dataset_check_key(d);
        r = formulas_of_dataset(d);
    }
    if (r < 0) {
        dataset_unref(d);
        return r;
    }
    *ret_dataset = d;
    return 0;
}

static int guessed_column(const struct guess_column *from, struct arena *a, struct table_column *c)
{
    char sql[64];
    *c = (struct table_column){.name = arena_cstr(a, slice_of(from->name)),
                               .sql_type = arena_cstr(a, slice_of(type_sql(from->as.type, sql))),
                               .known = true,
                               .type = from->as.type,
                               .bytewise = true,
                               .format = arena_cstr(a, slice_of(from->as.format))};
    return c->name && c->sql_type && c->format ? 0 : -ENOMEM;
}

int declared_add(struct dataset *d, const struct guess_column *column, size_t columns)
{
    struct table *t = &d->table;
    struct table_column *all = arena_array(&d->arena, t->columns + columns + 1, sizeof *all);
    if (!all) return -ENOMEM;
    if (t->columns > 0) memcpy(all, t->column, t->columns * sizeof *all);
    for (size_t i = 0; i < columns; i++) {
        int r = guessed_column(&column[i], &d->arena, &all[t->columns + i]);
        if (r < 0) return r;
    }
    t->column = all;
    t->columns += columns;
    return formulas_of_dataset(d); /* they have something of each column */
}

int declared_guess(struct config *owner, const struct config_dataset *config, const struct guess *g, struct dataset **ret_dataset)
{
    struct dataset *d = dataset_new(g->name, owner, config);
    if (!d) return -ENOMEM;
    d->ours = d->inferred = true;
    d->table = (struct table){.schema = arena_cstr(&d->arena, slice_of(g->schema)),
                              .name = arena_cstr(&d->arena, slice_of(g->table)),
                              .ctype_known = true,
                              .bytewise = true};
    int r = d->table.schema && d->table.name ? declared_add(d, g->column, g->columns) : -ENOMEM;
    if (r < 0) {
        dataset_unref(d);
        return r;
    }
    *ret_dataset = d;
    return 0;
}
