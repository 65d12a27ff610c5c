/* SPDX-License-Identifier: MIT */
#include "config/builder.h"

#include "base/ascii.h"

#include <stdio.h>

const char *builder_hint(const char *nearest, char ret_text[BUILDER_HINT_MAX])
{
    ret_text[0] = '\0';
    if (nearest) snprintf(ret_text, BUILDER_HINT_MAX, " (did you mean '%s'?)", nearest);
    return ret_text;
}

bool builder_is_kind(const struct ini_section *s, enum option_section kind)
{
    return slice_equal(s->kind, slice_of(options_section(kind)->kind));
}

static void unknown_key(struct builder *b, enum option_section kind, const struct ini_entry *e)
{
    char text[BUILDER_HINT_MAX];
    struct name_nearest nearest = name_nearest_to(e->key);
    for (const struct option *o = options_section(kind)->options; o->name; o++)
        name_nearest_offer(&nearest, o->name);
    mistakes_add(b->mistakes, e->place, "[%s] has no option '" SLICE_FMT "'%s", options_section(kind)->kind,
                 SLICE_ARG(slice_cut_utf8(e->key, 60)), builder_hint(nearest.best, text));
}

void builder_usable_name(struct slice text, char ret_name[NAME_MAX_BYTES + 1])
{
    char name[NAME_MAX_BYTES + 1];
    size_t len = name_normalise(text, name);
    bool usable = len > 0 && !ascii_is_digit(name[0]);
    snprintf(ret_name, NAME_MAX_BYTES + 1, usable ? "%s" : "t_%.61s", name);
}

int builder_fill(struct builder *b, enum option_section kind, const struct ini_section *s, void *ret_struct)
{
    char name[NAME_MAX_BYTES + 1] = "";
    if (s) builder_usable_name(s->name, name); /* a bad one is refused elsewhere; the defaults need one that works */
    int r = options_set_defaults(kind, name, b->arena, ret_struct);
    for (const struct ini_entry *e = s ? s->first : NULL; e && r == 0; e = e->next) {
        const struct option *o = options_find(kind, e->key);
        if (!o) {
            unknown_key(b, kind, e);
            continue;
        }
        r = value_parse(&o->rule, e->value, &(struct value_context){b->arena, &b->err}, (char *)ret_struct + o->offset);
        if (r <= 0) continue;
        mistakes_add(b->mistakes, e->place, "%s: %s", o->name, b->err.text);
        r = 0;
    }
    return r;
}

struct config_place builder_place_of(const struct ini_section *s, const char *key)
{
    const struct ini_entry *e = s ? ini_entry(s, key) : NULL;
    return e ? e->place : s ? s->place : (struct config_place){"", 0};
}

const struct ini_section *builder_section(const struct builder *b, enum option_section kind, const char *name)
{
    return ini_find(b->ini, options_section(kind)->kind, slice_of(name));
}

size_t builder_count_sections(const struct builder *b, enum option_section kind)
{
    size_t n = 0;
    for (const struct ini_section *s = b->ini->first; s; s = s->next)
        n += builder_is_kind(s, kind) && s->name.len > 0;
    return n;
}

const char *builder_without_semicolon(struct builder *b, const char *sql)
{
    struct slice text = slice_trim(slice_of(sql));
    while (text.len > 0 && text.p[text.len - 1] == ';')
        text = slice_trim((struct slice){text.p, text.len - 1});
    return arena_cstr(b->arena, text);
}

void builder_check_column(struct builder *b, const struct config_dataset *d, const char *name, struct config_place place)
{
    char text[BUILDER_HINT_MAX];
    for (size_t i = 0; i < d->columns.n; i++)
        if (strcmp(d->columns.item[i], name) == 0) return;
    struct name_nearest nearest = name_nearest_to(slice_of(name));
    for (size_t i = 0; i < d->columns.n; i++)
        name_nearest_offer(&nearest, d->columns.item[i]);
    if (d->columns.n > 0)
        mistakes_add(b->mistakes, place, "dataset '%s' has no column '%s'%s", d->name, name, builder_hint(nearest.best, text));
}
