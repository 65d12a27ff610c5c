/* SPDX-License-Identifier: MIT */
#include "config/build_expose.h"

static bool is_own_schema(const char *schema)
{
    return strcmp(schema, "cetl") == 0 || strncmp(schema, "pg_", 3) == 0 || strcmp(schema, "information_schema") == 0;
}

/* What has that address in the API already, or NULL. */
static const char *taken_by(const struct config *c, const struct config_exposed *e)
{
    if (config_dataset(c, slice_of(e->table))) return "a dataset";
    if (config_derive(c, slice_of(e->table))) return "a derive";
    for (size_t i = 0; i < c->n_datasets; i++)
        for (size_t k = 0; k < c->datasets[i].n_rollups; k++)
            if (strcmp(c->datasets[i].rollup[k].table, e->table) == 0) return "a rollup";
    for (size_t i = 0; i < c->n_exposed; i++)
        if (strcmp(c->exposed[i].table, e->table) == 0) return "another item of expose";
    return NULL;
}

static void check(struct builder *b, struct config_place place, const char *written, const struct config_exposed *e)
{
    const char *owner = taken_by(b->config, e);
    struct slice shown = slice_cut_utf8(slice_of(written), NAME_MAX_BYTES);
    if (!*e->schema || !*e->table || strchr(e->table, '.'))
        mistakes_add(b->mistakes, place, "expose: '" SLICE_FMT "' is no table; write schema.name, or name", SLICE_ARG(shown));
    else if (strlen(e->schema) > NAME_MAX_BYTES || strlen(e->table) > NAME_MAX_BYTES)
        mistakes_add(b->mistakes, place, "expose: a name has %d bytes at most: '" SLICE_FMT "…'", NAME_MAX_BYTES, SLICE_ARG(shown));
    else if (is_own_schema(e->schema))
        mistakes_add(b->mistakes, place,
                     "expose: tables of schema %s are never exposed; a view of yours may show what you want of '%s'", e->schema,
                     e->table);
    else if (name_is_route(slice_of(e->table)))
        mistakes_add(b->mistakes, place, "expose: '%s' is a word of the API's addresses; expose a view with another name",
                     e->table);
    else if (owner)
        mistakes_add(b->mistakes, place,
                     "expose: '%s' would have the same address in the API as %s; expose a view with another name", e->table, owner);
}

int build_expose(struct builder *b)
{
    const struct config_list *list = &b->config->api.expose;
    const struct ini_section *s = b->ini->first;
    while (s && !builder_is_kind(s, OPTION_API))
        s = s->next;
    struct config_exposed *exposed = arena_array(b->arena, list->n, sizeof *exposed);
    if (!exposed) return -ENOMEM;
    b->config->exposed = exposed;
    for (size_t i = 0; i < list->n; i++) {
        struct slice rest = slice_of(list->item[i]), first = slice_cut(&rest, '.');
        struct config_exposed e = {.schema = rest.p ? arena_cstr(b->arena, first) : "public",
                                   .table = arena_cstr(b->arena, rest.p ? rest : first)};
        if (!e.schema || !e.table) return -ENOMEM;
        check(b, builder_place_of(s, "expose"), list->item[i], &e);
        exposed[i] = e;
        b->config->n_exposed = i + 1;
    }
    return 0;
}
