/* SPDX-License-Identifier: MIT */
#include "config/build_tables.h"

#include <stdlib.h>

/* The datasets by schema and table. */
struct tables {
    const struct config_dataset **by_table;
    size_t n;
};

static int order_table(const struct config_dataset *d, const char *schema, const char *table)
{
    int order = strcmp(d->schema, schema);
    return order != 0 ? order : strcmp(d->table, table);
}

/* By table; those of one table in the order of the file. */
static int order_tables(const void *a, const void *b)
{
    const struct config_dataset *const *x = a, *const *y = b;
    int order = order_table(*x, (*y)->schema, (*y)->table);
    return order != 0 ? order : (*x > *y) - (*x < *y);
}

/* Where those of that table begin in by_table. */
static size_t first_of_table(const struct tables *t, const char *schema, const char *table)
{
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (order_table(t->by_table[middle], schema, table) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The dataset with that table, from the `at`th of by_table on, or NULL. */
static const struct config_dataset *of_table(const struct tables *t, size_t at, const char *schema, const char *table)
{
    bool there = at < t->n && order_table(t->by_table[at], schema, table) == 0;
    return there ? t->by_table[at] : NULL;
}

/* No dataset has the table of `r`, a rollup of `d`. */
static void check_rollup_table(struct builder *b, const struct tables *t, const struct config_dataset *d,
                               const struct config_rollup *r)
{
    const struct config_dataset *other, *named = config_dataset(b->config, slice_of(r->table));
    for (size_t i = first_of_table(t, d->schema, r->table); (other = of_table(t, i, d->schema, r->table)); i++) {
        mistakes_add(b->mistakes, r->place, "its table %s is that of dataset '%s'", r->table, other->name);
        if (other == named) named = NULL;
    }
    /* by name too: both would have the same address in the API */
    if (named) mistakes_add(b->mistakes, r->place, "its table %s is that of dataset '%s'", r->table, named->name);
}

struct owned_rollup {
    const struct config_dataset *dataset;
    const struct config_rollup *rollup;
};

static int order_rollups(const void *a, const void *b)
{
    const struct owned_rollup *x = a, *y = b;
    int order = strcmp(x->rollup->table, y->rollup->table);
    if (order == 0) order = (x->dataset > y->dataset) - (x->dataset < y->dataset);
    return order != 0 ? order : (x->rollup > y->rollup) - (x->rollup < y->rollup);
}

/* No two rollups have the same table. */
static int check_rollup_tables(struct builder *b)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < b->config->n_datasets; i++)
        n += b->datasets[i].n_rollups;
    struct owned_rollup *rollups = arena_array(b->arena, n + 1, sizeof *rollups);
    if (!rollups) return -ENOMEM;
    for (size_t i = 0; i < b->config->n_datasets; i++)
        for (size_t k = 0; k < b->datasets[i].n_rollups; k++)
            rollups[at++] = (struct owned_rollup){&b->datasets[i], &b->datasets[i].rollup[k]};
    qsort(rollups, n, sizeof *rollups, order_rollups);
    for (size_t i = 1; i < n; i++) {
        const struct owned_rollup *earlier = &rollups[i - 1], *r = &rollups[i];
        if (strcmp(earlier->rollup->table, r->rollup->table) == 0)
            mistakes_add(b->mistakes, r->rollup->place, "its table %s is that of rollup '%s.%s'", r->rollup->table,
                         earlier->dataset->name, earlier->rollup->name);
    }
    return 0;
}

int check_tables(struct builder *b)
{
    struct tables t = {arena_array(b->arena, b->config->n_datasets + 1, sizeof *t.by_table), b->config->n_datasets};
    if (!t.by_table) return -ENOMEM;
    for (size_t i = 0; i < t.n; i++)
        t.by_table[i] = &b->datasets[i];
    qsort(t.by_table, t.n, sizeof *t.by_table, order_tables);
    for (size_t i = 0; i < b->config->n_datasets; i++) {
        const struct config_dataset *d = &b->datasets[i], *other;
        for (size_t k = first_of_table(&t, d->schema, d->table); (other = of_table(&t, k, d->schema, d->table)) && other < d; k++)
            if (d->mode == CONFIG_MODE_REPLACE || other->mode == CONFIG_MODE_REPLACE)
                mistakes_add(b->mistakes, d->place, "dataset '%s' has the same table, and one of both replaces its content",
                             other->name);
        for (size_t k = 0; k < d->n_rollups; k++)
            check_rollup_table(b, &t, d, &d->rollup[k]);
    }
    return check_rollup_tables(b);
}
