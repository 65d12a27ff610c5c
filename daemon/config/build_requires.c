/* SPDX-License-Identifier: MIT */
#include "config/build_requires.h"

#include <stdlib.h>

static struct config_place place_of(const struct builder *b, const struct config_dataset *d)
{
    return builder_place_of(builder_section(b, OPTION_DATASET, d->name), "requires");
}

static void check_name(struct builder *b, const struct config_dataset *d, const char *name)
{
    if (config_dataset(b->config, slice_of(name))) return;
    char text[BUILDER_HINT_MAX];
    struct name_nearest nearest = name_nearest_to(slice_of(name));
    for (size_t i = 0; i < b->config->n_datasets; i++)
        name_nearest_offer(&nearest, b->config->datasets[i].name);
    mistakes_add(b->mistakes, place_of(b, d), "requires: there is no [dataset " SLICE_FMT "]%s",
                 SLICE_ARG(slice_cut_utf8(slice_of(name), 63)), builder_hint(nearest.best, text));
}

struct walk {
    const struct builder *b;
    const struct config_dataset *from;
    bool *seen;
    const struct config_dataset **path;
    size_t depth;
};

/* Is there a way back to `from` through datasets behind it? (Those before it have told theirs.) Then it is in the path. */
static bool returns(struct walk *w, const struct config_dataset *d)
{
    size_t self = (size_t)(d - w->b->config->datasets);
    if (w->seen[self] || d < w->from) return false;
    w->seen[self] = true;
    w->path[w->depth++] = d;
    for (size_t i = 0; i < d->requires.n; i++) {
        const struct config_dataset *next = config_dataset(w->b->config, slice_of(d->requires.item[i]));
        if (next && (next == w->from || returns(w, next))) return true;
    }
    w->depth--;
    return false;
}

static void tell_circle(struct builder *b, const struct walk *w)
{
    struct buf text;
    buf_init(&text, ERROR_TEXT_MAX / 2);
    for (size_t i = 0; i < w->depth; i++)
        buf_printf(&text, "%s requires ", w->path[i]->name);
    buf_puts(&text, w->from->name);
    const char *words = buf_cstr(&text);
    mistakes_add(b->mistakes, place_of(b, w->from), "datasets cannot wait for one another in a circle (%s); take one name out",
                 words ? words : "a long one");
    buf_done(&text);
}

int check_requires(struct builder *b)
{
    size_t n = b->config->n_datasets;
    struct walk w = {.b = b, .seen = calloc(n + 1, sizeof *w.seen), .path = calloc(n + 1, sizeof *w.path)};
    int r = w.seen && w.path ? 0 : -ENOMEM;
    for (size_t i = 0; i < n && r == 0; i++) {
        w.from = &b->config->datasets[i];
        for (size_t k = 0; k < w.from->requires.n; k++)
            check_name(b, w.from, w.from->requires.item[k]);
        if (w.from->requires.n == 0) continue;
        memset(w.seen, 0, n * sizeof *w.seen);
        w.depth = 0;
        if (returns(&w, w.from)) tell_circle(b, &w);
    }
    free(w.seen);
    free(w.path);
    return r;
}
