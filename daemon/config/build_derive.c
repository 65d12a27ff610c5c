/* SPDX-License-Identifier: MIT */
#include "config/build_derive.h"

#include <stdlib.h>

static void check_name(struct builder *b, const struct config_derive *d)
{
    char usable[NAME_MAX_BYTES + 1];
    builder_usable_name(slice_of(d->name), usable);
    if (strcmp(usable, d->name) != 0)
        mistakes_add(b->mistakes, d->place,
                     "a derive's name is lower-case words joined by '_' that begin with a letter; write [derive %s]", usable);
    else if (name_is_route(slice_of(d->name)))
        mistakes_add(b->mistakes, d->place, "'%s' is a word of the API's addresses; write [derive %s_data]", d->name, d->name);
    else if (config_dataset(b->config, slice_of(d->name)))
        mistakes_add(b->mistakes, d->place,
                     "'%s' is a dataset, and both would have the same address in the API; write [derive %s_derived]", d->name,
                     d->name);
}

static int build_derive(struct builder *b, const struct ini_section *s, struct config_derive *d)
{
    d->place = s->place;
    d->sql_place = builder_place_of(s, "sql");
    d->name = arena_cstr(b->arena, s->name);
    if (!d->name) return -ENOMEM;
    int r = builder_fill(b, OPTION_DERIVE, s, d);
    if (r < 0) return r;
    d->sql = builder_without_semicolon(b, d->sql);
    if (!d->sql) return -ENOMEM;
    check_name(b, d);
    if (!*d->sql) mistakes_add(b->mistakes, d->sql_place, "a derive needs a query: sql = select … from …");
    if (d->after.n == 0)
        mistakes_add(b->mistakes, builder_place_of(s, "after"),
                     "a derive is made after what is loaded; name the datasets that it reads: after = …");
    return 0;
}

/* ---- what it is made of ---- */

static const struct ini_section *section_of(const struct builder *b, const struct config_derive *d)
{
    return builder_section(b, OPTION_DERIVE, d->name);
}

/* The dataset with a rollup whose table has that name, or NULL. */
static const struct config_dataset *rollup_owner(const struct config *c, const char *table)
{
    for (size_t i = 0; i < c->n_datasets; i++)
        for (size_t k = 0; k < c->datasets[i].n_rollups; k++)
            if (strcmp(c->datasets[i].rollup[k].table, table) == 0) return &c->datasets[i];
    return NULL;
}

static void check_input(struct builder *b, struct config_place place, const char *name)
{
    const struct config *c = b->config;
    if (config_dataset(c, slice_of(name)) || config_derive(c, slice_of(name))) return;
    const struct config_dataset *owner = rollup_owner(c, name);
    if (owner) {
        mistakes_add(b->mistakes, place, "after: '%s' is a rollup, which changes together with its dataset; write %s", name,
                     owner->name);
        return;
    }
    char text[BUILDER_HINT_MAX];
    struct name_nearest nearest = name_nearest_to(slice_of(name));
    for (size_t i = 0; i < c->n_datasets; i++)
        name_nearest_offer(&nearest, c->datasets[i].name);
    for (size_t i = 0; i < c->n_derives; i++)
        name_nearest_offer(&nearest, c->derives[i].name);
    mistakes_add(b->mistakes, place, "after: there is no dataset or derive '" SLICE_FMT "'%s%s",
                 SLICE_ARG(slice_cut_utf8(slice_of(name), 63)), builder_hint(nearest.best, text),
                 nearest.best ? "" : "; one that is inferred needs a section [dataset …] of its name, which may be empty");
}

static void check_inputs(struct builder *b, const struct config_derive *d)
{
    struct config_place place = builder_place_of(section_of(b, d), "after");
    for (size_t i = 0; i < d->after.n; i++) {
        check_input(b, place, d->after.item[i]);
        for (size_t k = 0; k < i; k++)
            if (strcmp(d->after.item[i], d->after.item[k]) == 0)
                mistakes_add(b->mistakes, place, "after: '%s' is there twice", d->after.item[i]);
    }
}

/* ---- the order ---- */

struct order {
    struct builder *b;
    const struct config_derive *from;
    struct config_derive *to;
    size_t n; /* of `to` */
    enum { UNSEEN, UNDER_WAY, PLACED } * state;
    const struct config_derive **path; /* those under way, outermost first */
    size_t depth;
};

static void tell_cycle(const struct order *o, const struct config_derive *d)
{
    struct buf text;
    buf_init(&text, ERROR_TEXT_MAX / 2);
    size_t at = 0;
    while (o->path[at] != d)
        at++;
    for (size_t i = at; i < o->depth; i++)
        buf_printf(&text, "%s after ", o->path[i]->name);
    buf_puts(&text, d->name);
    const char *words = buf_cstr(&text);
    mistakes_add(o->b->mistakes, builder_place_of(section_of(o->b, d), "after"),
                 "derives cannot be made after one another in a circle (%s); take one name out of an 'after'",
                 words ? words : "a long one");
    buf_done(&text);
}

/* Those that it is made of first. The depth is bounded by the number of sections, which the reader bounds. */
static void place(struct order *o, const struct config_derive *d)
{
    size_t self = (size_t)(d - o->from);
    if (o->state[self] == PLACED) return;
    if (o->state[self] == UNDER_WAY) return tell_cycle(o, d);
    o->state[self] = UNDER_WAY;
    o->path[o->depth++] = d;
    for (size_t i = 0; i < d->after.n; i++) {
        const struct config_derive *input = config_derive(o->b->config, slice_of(d->after.item[i]));
        if (input) place(o, input);
    }
    o->depth--;
    o->state[self] = PLACED;
    o->to[o->n++] = *d;
}

static int sort(struct builder *b)
{
    size_t n = b->config->n_derives;
    struct order o = {.b = b,
                      .from = b->config->derives,
                      .to = arena_array(b->arena, n + 1, sizeof *o.to),
                      .state = calloc(n + 1, sizeof *o.state),
                      .path = calloc(n + 1, sizeof *o.path)};
    int r = o.to && o.state && o.path ? 0 : -ENOMEM;
    for (size_t i = 0; i < n && r == 0; i++)
        place(&o, &o.from[i]);
    if (r == 0) b->config->derives = o.to;
    free(o.state);
    free(o.path);
    return r;
}

/* ---- its table ---- */

static bool same_table(const char *schema, const char *table, const struct config_derive *d)
{
    return strcmp(schema, d->schema) == 0 && strcmp(table, d->table) == 0;
}

static void check_table(struct builder *b, const struct config_derive *d)
{
    const struct config *c = b->config;
    struct config_place place = builder_place_of(section_of(b, d), "table");
    for (size_t i = 0; i < c->n_datasets; i++) {
        const struct config_dataset *other = &c->datasets[i];
        if (same_table(other->schema, other->table, d))
            mistakes_add(b->mistakes, place, "the table %s.%s is that of dataset '%s'; give the derive another: table = …",
                         d->schema, d->table, other->name);
        for (size_t k = 0; k < other->n_rollups; k++) {
            const char *table = other->rollup[k].table;
            if (same_table(other->schema, table, d) || strcmp(table, d->name) == 0)
                mistakes_add(b->mistakes, place, "the table %s is that of rollup '%s.%s'; give the derive another name", table,
                             other->name, other->rollup[k].name);
        }
    }
    for (const struct config_derive *other = c->derives; other < d; other++)
        if (same_table(other->schema, other->table, d))
            mistakes_add(b->mistakes, place, "the table %s.%s is that of derive '%s'; give one of them another: table = …",
                         d->schema, d->table, other->name);
}

int build_derives(struct builder *b)
{
    struct config_derive *derives = arena_array(b->arena, builder_count_sections(b, OPTION_DERIVE) + 1, sizeof *derives);
    if (!derives) return -ENOMEM;
    b->config->derives = derives;
    for (const struct ini_section *s = b->ini->first; s; s = s->next) {
        if (!builder_is_kind(s, OPTION_DERIVE) || s->name.len == 0) continue;
        int r = build_derive(b, s, &derives[b->config->n_derives++]);
        if (r < 0) return r;
    }
    for (size_t i = 0; i < b->config->n_derives; i++) {
        check_inputs(b, &derives[i]);
        check_table(b, &derives[i]);
    }
    return sort(b);
}
