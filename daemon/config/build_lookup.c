/* SPDX-License-Identifier: MIT */
#include "config/build_lookup.h"

int build_lookup(struct builder *b, const struct config_dataset *d, const struct ini_section *s, struct config_column *c)
{
    c->lookup_place = builder_place_of(s, "lookup");
    if (!*c->lookup_sql) {
        if (c->on_miss != CONFIG_MISS_NULL)
            mistakes_add(b->mistakes, builder_place_of(s, "on_miss"), "on_miss means nothing without a lookup");
        return 0;
    }
    int r = lookup_parse(slice_of(c->lookup_sql), b->arena, &b->err, &c->lookup);
    if (r > 0) mistakes_add(b->mistakes, c->lookup_place, "lookup: %s", b->err.text);
    if (*c->expr) mistakes_add(b->mistakes, c->lookup_place, "give expr or lookup, not both; an expr may read what others look up");
    if (config_input(d, c->name))
        mistakes_add(b->mistakes, c->lookup_place, "'%s' is an input, which is read and not made; lookup is for columns", c->name);
    return r < 0 ? r : 0;
}

/* A dataset is looked into: it and what is read of it must be there. */
static void check_lookup(struct builder *b, const struct config_dataset *d, const struct config_column *c)
{
    const struct lookup *l = &c->lookup;
    const struct config_dataset *into = config_dataset(b->config, slice_of(l->dataset));
    if (into == d) {
        mistakes_add(b->mistakes, c->lookup_place, "lookup: a dataset cannot look into itself");
    } else if (into) {
        builder_check_column(b, into, l->column, c->lookup_place);
        for (size_t i = 0; i < l->n; i++)
            builder_check_column(b, into, l->pair[i].column, c->lookup_place);
    } else {
        char text[BUILDER_HINT_MAX];
        struct name_nearest nearest = name_nearest_to(slice_of(l->dataset));
        for (size_t i = 0; i < b->config->n_datasets; i++)
            name_nearest_offer(&nearest, b->datasets[i].name);
        mistakes_add(b->mistakes, c->lookup_place, "lookup: there is no [dataset %s]%s", l->dataset,
                     builder_hint(nearest.best, text));
    }
}

/* Does it look into a dataset that is not placed yet? */
static bool must_wait(const struct builder *b, const bool *placed, const struct config_dataset *d)
{
    for (size_t i = 0; i < d->n_columns; i++) {
        const char *name = d->column[i].lookup.dataset;
        const struct config_dataset *into = name ? config_dataset(b->config, slice_of(name)) : NULL;
        if (into && !placed[into - b->datasets]) return true;
    }
    return false;
}

/* Those that others look into come first. In a circle the order of the file is as good as any. */
static int order_datasets(struct builder *b)
{
    size_t n = b->config->n_datasets, at = 0, before;
    size_t *order = arena_array(b->arena, n + 1, sizeof *order);
    bool *placed = arena_array(b->arena, n + 1, sizeof *placed);
    if (!order || !placed) return -ENOMEM;
    do {
        before = at;
        for (size_t i = 0; i < n; i++) {
            if (placed[i] || must_wait(b, placed, &b->datasets[i])) continue;
            placed[i] = true;
            order[at++] = i;
        }
    } while (at > before);
    for (size_t i = 0; i < n; i++)
        if (!placed[i]) order[at++] = i;
    b->config->order = order;
    return 0;
}

int build_lookups(struct builder *b)
{
    for (size_t i = 0; i < b->config->n_datasets; i++)
        for (size_t k = 0; k < b->datasets[i].n_columns; k++)
            if (b->datasets[i].column[k].lookup.dataset) check_lookup(b, &b->datasets[i], &b->datasets[i].column[k]);
    return order_datasets(b);
}
