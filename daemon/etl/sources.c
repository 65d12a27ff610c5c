/* SPDX-License-Identifier: MIT */
#include "etl/sources.h"

#include <stdlib.h>

struct sources {
    struct source_config config;
    struct config *settings;
    struct source **source; /* of each in settings->sources */
};

static size_t find(const struct sources *all, const char *name)
{
    size_t n = all->settings ? all->settings->n_sources : 0, i = 0;
    while (i < n && strcmp(all->settings->sources[i].name, name) != 0)
        i++;
    return i;
}

/* The ones that are known by their names, and new ones. */
static int gather(struct sources *all, const struct config *settings, struct source **fresh)
{
    size_t known = all->settings ? all->settings->n_sources : 0;
    int r = 0;
    for (size_t i = 0; i < settings->n_sources && r == 0; i++) {
        size_t k = find(all, settings->sources[i].name);
        if (k == known) r = source_new(&all->config, settings, &settings->sources[i], &fresh[i]);
    }
    if (r < 0) {
        for (size_t i = 0; i < settings->n_sources; i++)
            source_free(fresh[i]);
        return r;
    }
    for (size_t i = 0; i < settings->n_sources; i++) {
        if (fresh[i]) continue;
        size_t k = find(all, settings->sources[i].name);
        fresh[i] = all->source[k];
        all->source[k] = NULL;
        source_set(fresh[i], settings, &settings->sources[i]);
    }
    for (size_t k = 0; k < known; k++)
        source_free(all->source[k]);
    return 0;
}

int sources_set_config(struct sources *all, struct config *settings)
{
    struct source **fresh = calloc(settings->n_sources + 1, sizeof(struct source *));
    int r = fresh ? gather(all, settings, fresh) : -ENOMEM;
    if (r < 0) {
        free(fresh);
        return r;
    }
    free(all->source);
    all->source = fresh;
    config_ref(settings);
    config_unref(all->settings);
    all->settings = settings;
    return 0;
}

int sources_new(const struct source_config *config, struct config *settings, struct sources **ret_sources)
{
    struct sources *all = calloc(1, sizeof *all);
    if (!all) return -ENOMEM;
    all->config = *config;
    int r = sources_set_config(all, settings);
    if (r < 0) {
        free(all);
        return r;
    }
    *ret_sources = all;
    return 0;
}

void sources_free(struct sources *all)
{
    if (!all) return;
    for (size_t i = 0; i < all->settings->n_sources; i++)
        source_free(all->source[i]);
    free(all->source);
    config_unref(all->settings);
    free(all);
}

size_t sources_pull(struct sources *all, struct slice name)
{
    size_t n = 0;
    for (size_t i = 0; i < all->settings->n_sources; i++) {
        if (name.len > 0 && !slice_equal(slice_of(all->settings->sources[i].name), name)) continue;
        source_pull(all->source[i]);
        n++;
    }
    return n;
}

size_t sources_count(const struct sources *all)
{
    return all->settings->n_sources;
}

struct source_view sources_at(const struct sources *all, size_t i)
{
    return source_look(all->source[i]);
}
