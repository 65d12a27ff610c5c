/* SPDX-License-Identifier: MIT */
/* The formulas of a configuration without the database: by the types that `columns` declares. */
#include "etl/declared.h"
#include "etl/formulas.h"

#include <stdio.h>

enum { FORMULAS_BLOCK = 16 * 1024, FORMULAS_MAX = 16 * 1024 * 1024 };

static void add_mistake(void *ctx, const struct config_place *place, const char *text)
{
    mistakes_add(ctx, *place, "%s", text);
}

static void ignore_mistake(void *ctx, const struct config_place *place, const char *text)
{
    (void)ctx, (void)place, (void)text;
}

/* The formulas of each dataset, by what is declared: either their mistakes, or (NULL) where they run. */
static int look_at_declared(const struct config *config, struct mistakes *mistakes, struct buf *out)
{
    int r = 0;
    for (size_t i = 0; i < config->n_datasets && r == 0; i++) {
        const struct config_dataset *d = &config->datasets[i];
        struct arena a;
        struct table t;
        struct dataset_dimensions dimensions;
        const struct formulas_tables tables = {&t, &dimensions};
        struct formulas *f;
        if (!formulas_wanted(d) || d->columns.n == 0) continue;
        arena_init(&a, FORMULAS_BLOCK, FORMULAS_MAX);
        r = declared_table(d, &a, &t);
        if (r == 0) r = declared_dimensions(config, d, &a, &dimensions);
        if (r == 0) r = formulas_resolve(d, &tables, &a, mistakes ? add_mistake : ignore_mistake, mistakes, &f);
        if (r == -ENOMEM && mistakes) {
            mistakes_add(mistakes, d->place,
                         "the expressions of dataset %s are too many to read: they take more than %d MB of memory", d->name,
                         FORMULAS_MAX >> 20);
            r = 0;
        }
        if (r == 0 && out) formulas_describe(f, d->name, out);
        arena_done(&a);
    }
    return r;
}

int formulas_describe_config(const struct config *config, struct buf *out)
{
    int r = look_at_declared(config, NULL, out);
    return r < 0 ? r : buf_check(out);
}

int formulas_load_config(const char *path, enum config_presence presence, struct mistakes *mistakes, struct config **ret_config)
{
    struct config *config;
    int r = config_load(path, presence, mistakes, &config);
    if (r != 0) return r;
    r = look_at_declared(config, mistakes, NULL);
    if (r == 0 && mistakes->n > 0) r = CONFIG_E_INVALID;
    if (r == 0) {
        *ret_config = config;
    } else {
        config_unref(config);
    }
    return r;
}
