/* SPDX-License-Identifier: MIT */
#include "config/build.h"

#include "base/name.h"
#include "config/build_access.h"
#include "config/build_backup.h"
#include "config/build_derive.h"
#include "config/build_expose.h"
#include "config/build_lookup.h"
#include "config/build_notify.h"
#include "config/build_report.h"
#include "config/build_requires.h"
#include "config/build_source.h"
#include "config/build_store.h"
#include "config/build_tables.h"
#include "config/builder.h"
#include "config/columns.h"

#include <stdio.h>
#include <stdlib.h>

static const struct ini_section *find_section(const struct builder *b, enum option_section kind)
{
    for (const struct ini_section *s = b->ini->first; s; s = s->next)
        if (builder_is_kind(s, kind)) return s;
    return NULL;
}

static void check_kinds(struct builder *b)
{
    for (const struct ini_section *s = b->ini->first; s; s = s->next) {
        struct name_nearest nearest = name_nearest_to(s->kind);
        const struct option_section_info *info = NULL;
        for (int kind = 0; kind < OPTION_SECTIONS; kind++) {
            name_nearest_offer(&nearest, options_section(kind)->kind);
            if (builder_is_kind(s, kind)) info = options_section(kind);
        }
        char text[BUILDER_HINT_MAX];
        if (!info)
            mistakes_add(b->mistakes, s->place, "there is no section [" SLICE_FMT "]%s", SLICE_ARG(slice_cut_utf8(s->kind, 60)),
                         builder_hint(nearest.best, text));
        else if (info->name && s->name.len == 0)
            mistakes_add(b->mistakes, s->place, "[%s] needs a name: [%s %s]", info->kind, info->kind, info->name);
        else if (!info->name && s->name.len > 0)
            mistakes_add(b->mistakes, s->place, "[%s] takes no name", info->kind);
    }
}

/* Is a password written in the conninfo? It would be seen in ps, in --print-config and in backups of the file. */
static bool holds_password(const char *url)
{
    for (const char *at = url; (at = strstr(at, "password"));) {
        at += strlen("password");
        if (at[strspn(at, " \t")] == '=') return true;
    }
    const char *authority = strstr(url, "://");
    if (!authority) return false;
    authority += 3;
    size_t len = strcspn(authority, "/?");
    const char *at = memchr(authority, '@', len);
    return at && memchr(authority, ':', (size_t)(at - authority));
}

static void check_singles(struct builder *b)
{
    const struct config *c = b->config;
    const struct ini_section *own = find_section(b, OPTION_DAEMON);
    if (!*c->daemon.spool) mistakes_add(b->mistakes, builder_place_of(own, "spool"), "spool names no folder");
    if (!*c->daemon.state) mistakes_add(b->mistakes, builder_place_of(own, "state"), "state names no folder");
    if (holds_password(c->database.url))
        mistakes_add(b->mistakes, builder_place_of(find_section(b, OPTION_DATABASE), "url"),
                     "url holds a password; put it into a file and name that by password_file");
    if (c->daemon.max_record > c->daemon.memory_max / 2)
        mistakes_add(b->mistakes, builder_place_of(own, "max_record"),
                     "max_record is more than half of memory_max; no record of that size could be loaded");
}

static int build_singles(struct builder *b)
{
    struct config *c = b->config;
    const struct {
        enum option_section kind;
        void *values;
        struct config_place *place;
    } singles[] = {
        {OPTION_DAEMON, &c->daemon, &c->daemon.place},
        {OPTION_DATABASE, &c->database, &c->database.place},
        {OPTION_API, &c->api, &c->api.place},
    };
    for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++) {
        const struct ini_section *s = find_section(b, singles[i].kind);
        *singles[i].place = builder_place_of(s, "");
        int r = builder_fill(b, singles[i].kind, s, singles[i].values);
        if (r < 0) return r;
    }
    c->database.migrations_place = builder_place_of(find_section(b, OPTION_DATABASE), "migrations");
    check_singles(b);
    build_check_rate(b, find_section(b, OPTION_API), c->api.rate_text, &c->api.rate);
    return 0;
}

static void check_dataset_name(struct builder *b, const struct config_dataset *d)
{
    char usable[NAME_MAX_BYTES + 1];
    builder_usable_name(slice_of(d->name), usable);
    if (strcmp(usable, d->name) != 0)
        mistakes_add(b->mistakes, d->place,
                     "a dataset's name is lower-case words joined by '_' that begin with a letter; write [dataset %s]", usable);
    else if (name_is_route(slice_of(d->name)))
        mistakes_add(b->mistakes, d->place, "'%s' is a word of the API's addresses; write [dataset %s_data]", d->name, d->name);
}

/* A mark that is both would make 1,234 either of two numbers. Said once: for the dataset, or for a column that differs from it. */
static void check_marks(struct builder *b, const struct ini_section *s, int decimal, int thousands)
{
    if (decimal != thousands) return;
    const char *key = ini_entry(s, "thousands_mark") ? "thousands_mark" : "decimal_mark";
    mistakes_add(b->mistakes, builder_place_of(s, key), "decimal_mark and thousands_mark are both '%c'", (char)decimal);
}

/* What the characters of the dialect mean must be clear. (An escape that is the quote is RFC 4180's doubling.) */
static void check_characters(struct builder *b, const struct ini_section *s, const struct config_dataset *d)
{
    const char quote = d->quote == CONFIG_CHAR_AUTO ? '"' : d->quote;
    if (d->delimiter && d->delimiter == quote)
        mistakes_add(b->mistakes, builder_place_of(s, "quote"), "quote and delimiter are the same character");
    if (d->escape && d->escape == d->delimiter)
        mistakes_add(b->mistakes, builder_place_of(s, "escape"), "escape and delimiter are the same character");
    if (!d->quote && d->escape && d->escape != CONFIG_CHAR_AUTO)
        mistakes_add(b->mistakes, builder_place_of(s, "escape"), "escape means nothing without a quote (quote = none)");
    const char *other = !d->comment                  ? NULL
                        : d->comment == d->delimiter ? "delimiter"
                        : d->comment == quote        ? "quote"
                        : d->comment == d->escape    ? "escape"
                                                     : NULL;
    if (other) mistakes_add(b->mistakes, builder_place_of(s, "comment"), "comment and %s are the same character", other);
}

/* A {part} of a glob is a column, too; with new_columns = add it becomes one. */
static void check_parts(struct builder *b, const struct ini_section *s, const struct config_dataset *d)
{
    for (size_t i = 0; i < d->files.n && d->new_columns != CONFIG_NEW_ADD; i++) {
        struct glob_part part[GLOB_PARTS_MAX];
        size_t n = glob_parts(slice_of(d->files.item[i]), part);
        for (size_t k = 0; k < n; k++) {
            char name[NAME_MAX_BYTES + 1];
            name_normalise(part[k].name, name);
            builder_check_column(b, d, name, builder_place_of(s, "files"));
        }
    }
}

static int parse_columns(struct builder *b, const struct ini_section *s, struct config_dataset *d)
{
    d->filter_place = builder_place_of(s, "filter");
    d->api_select_place = builder_place_of(s, "api_select");
    if (*d->columns_sql) {
        int r = columns_parse(slice_of(d->columns_sql), b->arena, &b->err, &d->columns, &d->column_types);
        if (r < 0) return r;
        if (r > 0) mistakes_add(b->mistakes, d->columns_place, "columns: %s", b->err.text);
    }
    if (*d->inputs_sql) {
        int r = columns_parse(slice_of(d->inputs_sql), b->arena, &b->err, &d->inputs, &d->input_types);
        if (r < 0) return r;
        if (r > 0) mistakes_add(b->mistakes, builder_place_of(s, "inputs"), "inputs: %s", b->err.text);
    }
    for (size_t i = 0; i < d->columns.n; i++)
        if (config_input(d, d->columns.item[i]))
            mistakes_add(b->mistakes, builder_place_of(s, "inputs"), "'%s' is a column of '%s'; as an input give it another name",
                         d->columns.item[i], d->name);
    bool transforms = *d->inputs_sql || *d->filter;
    if (transforms && !*d->columns_sql)
        mistakes_add(b->mistakes, builder_place_of(s, *d->filter ? "filter" : "inputs"),
                     "dataset '%s' declares no columns; give it 'columns = …' first", d->name);
    return 0;
}

static int build_dataset(struct builder *b, const struct ini_section *s, struct config_dataset *d)
{
    d->place = s->place;
    d->columns_place = builder_place_of(s, "columns");
    d->name = arena_cstr(b->arena, s->name);
    if (!d->name) return -ENOMEM;
    int r = builder_fill(b, OPTION_DATASET, s, d);
    if (r < 0) return r;
    check_marks(b, s, d->decimal_mark, d->thousands_mark);
    check_dataset_name(b, d);
    r = parse_columns(b, s, d);
    if (r < 0) return r;
    if (*d->newest_by && d->mode != CONFIG_MODE_UPSERT)
        mistakes_add(b->mistakes, builder_place_of(s, "newest_by"),
                     "newest_by decides between rows of the same key; it needs mode = upsert");
    if (*d->newest_by) builder_check_column(b, d, d->newest_by, builder_place_of(s, "newest_by"));
    check_characters(b, s, d);
    if (d->files.n == 0)
        mistakes_add(b->mistakes, builder_place_of(s, "files"), "files names no glob, so that no file can ever match");
    check_parts(b, s, d);
    return 0;
}

static int order_names(const void *a, const void *b)
{
    const struct config_dataset *const *x = a, *const *y = b;
    return slice_compare(slice_of((*x)->name), slice_of((*y)->name));
}

static int build_datasets(struct builder *b)
{
    b->datasets = arena_array(b->arena, builder_count_sections(b, OPTION_DATASET) + 1, sizeof(*b->datasets));
    if (!b->datasets) return -ENOMEM;
    b->config->datasets = b->datasets;
    for (const struct ini_section *s = b->ini->first; s; s = s->next) {
        if (!builder_is_kind(s, OPTION_DATASET) || s->name.len == 0) continue;
        int r = build_dataset(b, s, &b->datasets[b->config->n_datasets++]);
        if (r < 0) return r;
    }
    size_t n = b->config->n_datasets;
    const struct config_dataset **by_name = arena_array(b->arena, n + 1, sizeof *by_name);
    if (!by_name) return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        by_name[i] = &b->datasets[i];
    qsort(by_name, n, sizeof *by_name, order_names);
    b->config->by_name = by_name;
    return 0;
}

/* What stands behind the dot of [column DATASET.NAME]. */
static struct slice own_name(const struct ini_section *s)
{
    struct slice rest = s->name;
    slice_cut(&rest, '.');
    return rest;
}

/* Every [column …] and [rollup …] names a dataset that there is: which then has it in its list. */
static int find_owners(struct builder *b)
{
    b->owned = arena_array(b->arena, b->config->n_datasets + 1, sizeof *b->owned);
    if (!b->owned) return -ENOMEM;
    for (const struct ini_section *s = b->ini->first; s; s = s->next) {
        if (s->name.len == 0 || (!builder_is_kind(s, OPTION_COLUMN) && !builder_is_kind(s, OPTION_ROLLUP))) continue;
        struct slice rest = s->name, owner = slice_cut(&rest, '.');
        if (rest.len == 0) {
            mistakes_add(b->mistakes, s->place, "write [" SLICE_FMT " DATASET.NAME]", SLICE_ARG(s->kind));
            continue;
        }
        const struct config_dataset *d = config_dataset(b->config, owner);
        if (d) {
            struct builder_owned *o = arena_zalloc(b->arena, sizeof *o);
            struct builder_list *list = &b->owned[d - b->datasets];
            if (!o) return -ENOMEM;
            o->section = s;
            *(list->last ? &list->last->next : &list->first) = o;
            list->last = o;
            continue;
        }
        char text[BUILDER_HINT_MAX];
        struct name_nearest nearest = name_nearest_to(owner);
        for (size_t i = 0; i < b->config->n_datasets; i++)
            name_nearest_offer(&nearest, b->datasets[i].name);
        mistakes_add(b->mistakes, s->place, "there is no [dataset " SLICE_FMT "]%s", SLICE_ARG(slice_cut_utf8(owner, 63)),
                     builder_hint(nearest.best, text));
    }
    return 0;
}

static int build_column(struct builder *b, const struct config_dataset *d, const struct ini_section *s, struct config_column *c)
{
    c->place = s->place;
    c->name = arena_cstr(b->arena, own_name(s));
    if (!c->name) return -ENOMEM;
    int r = builder_fill(b, OPTION_COLUMN, s, c);
    if (r < 0) return r;
    if (!*d->columns_sql)
        mistakes_add(b->mistakes, s->place, "dataset '%s' declares no columns; give it 'columns = …' first", d->name);
    c->expr_place = builder_place_of(s, "expr");
    c->check_place = builder_place_of(s, "check");
    r = build_lookup(b, d, s, c);
    if (r < 0) return r;
    if (!config_input(d, c->name)) builder_check_column(b, d, c->name, s->place);
    if (config_input(d, c->name) && (*c->expr || *c->check))
        mistakes_add(b->mistakes, *c->expr ? c->expr_place : c->check_place,
                     "'%s' is an input, which is read and not made; expr and check are for columns", c->name);
    bool own = c->decimal_mark != CONFIG_AS_DATASET || c->thousands_mark != CONFIG_AS_DATASET;
    if (own)
        check_marks(b, s, c->decimal_mark != CONFIG_AS_DATASET ? c->decimal_mark : d->decimal_mark,
                    c->thousands_mark != CONFIG_AS_DATASET ? c->thousands_mark : d->thousands_mark);
    if (*c->from && c->position > 0) mistakes_add(b->mistakes, builder_place_of(s, "position"), "give from or position, not both");
    return 0;
}

static void check_aliases(struct builder *b, const struct config_rollup *r)
{
    const char *names[2 * ROLLUP_ITEMS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < r->keys.n; i++)
        names[n++] = r->keys.item[i].alias;
    for (size_t i = 0; i < r->measures.n; i++)
        names[n++] = r->measures.item[i].alias;
    for (size_t i = 0; i < n; i++) {
        size_t same = 0;
        while (strcmp(names[same], names[i]) != 0)
            same++;
        if (names[i][0] == '_')
            mistakes_add(b->mistakes, r->place, "a rollup's column cannot begin with '_', as '%s' does; name it with 'as'",
                         names[i]);
        if (same < i) mistakes_add(b->mistakes, r->place, "two columns would be named '%s'; name one of them with 'as'", names[i]);
    }
}

static int parse_rollup(struct builder *b, const struct ini_section *s, struct config_rollup *rollup)
{
    int r = rollup_parse_keys(slice_of(rollup->group_sql), b->arena, &b->err, &rollup->keys);
    if (r < 0) return r;
    if (r > 0) mistakes_add(b->mistakes, builder_place_of(s, "group"), "group: %s", b->err.text);
    r = rollup_parse_measures(slice_of(rollup->measure_sql), b->arena, &b->err, &rollup->measures);
    if (r < 0) return r;
    if (r > 0) mistakes_add(b->mistakes, builder_place_of(s, "measure"), "measure: %s", b->err.text);
    return 0;
}

static int build_rollup(struct builder *b, const struct config_dataset *d, const struct ini_section *s,
                        struct config_rollup *rollup)
{
    char normal[NAME_MAX_BYTES + 1];
    rollup->place = s->place;
    rollup->name = arena_cstr(b->arena, own_name(s));
    if (!rollup->name) return -ENOMEM;
    int r = builder_fill(b, OPTION_ROLLUP, s, rollup);
    if (r == 0) r = parse_rollup(b, s, rollup);
    if (r < 0) return r;
    name_normalise(slice_of(rollup->name), normal);
    if (strcmp(normal, rollup->name) != 0)
        mistakes_add(b->mistakes, s->place, "a rollup's name is lower-case words joined by '_': '%s'", *normal ? normal : "daily");
    struct buf table;
    buf_init(&table, NAME_MAX_BYTES);
    buf_printf(&table, "%s_%s", d->name, rollup->name);
    if (buf_check(&table) < 0)
        mistakes_add(b->mistakes, s->place, "the table %s_%s would have a name of more than %d bytes", d->name, rollup->name,
                     NAME_MAX_BYTES);
    rollup->table = arena_cstr(b->arena, buf_slice(&table));
    buf_done(&table);
    if (!rollup->table) return -ENOMEM;
    for (size_t i = 0; i < rollup->keys.n; i++)
        if (rollup->keys.item[i].column) builder_check_column(b, d, rollup->keys.item[i].column, builder_place_of(s, "group"));
    for (size_t i = 0; i < rollup->measures.n; i++)
        if (rollup->measures.item[i].column)
            builder_check_column(b, d, rollup->measures.item[i].column, builder_place_of(s, "measure"));
    check_aliases(b, rollup);
    return 0;
}

static size_t count_owned(const struct builder *b, const struct config_dataset *d, enum option_section kind)
{
    size_t n = 0;
    for (const struct builder_owned *o = b->owned[d - b->datasets].first; o; o = o->next)
        n += builder_is_kind(o->section, kind);
    return n;
}

static int order_columns(const void *a, const void *b)
{
    return strcmp(((const struct config_column *)a)->name, ((const struct config_column *)b)->name);
}

static int build_columns(struct builder *b, struct config_dataset *d)
{
    struct config_column *columns = arena_array(b->arena, count_owned(b, d, OPTION_COLUMN) + 1, sizeof(*columns));
    if (!columns) return -ENOMEM;
    for (const struct builder_owned *o = b->owned[d - b->datasets].first; o; o = o->next) {
        if (!builder_is_kind(o->section, OPTION_COLUMN)) continue;
        int r = build_column(b, d, o->section, &columns[d->n_columns++]);
        if (r < 0) return r;
    }
    qsort(columns, d->n_columns, sizeof *columns, order_columns); /* config_column searches them */
    d->column = columns;
    return 0;
}

static int build_rollups(struct builder *b, struct config_dataset *d)
{
    struct config_rollup *rollups = arena_array(b->arena, count_owned(b, d, OPTION_ROLLUP) + 1, sizeof(*rollups));
    if (!rollups) return -ENOMEM;
    for (const struct builder_owned *o = b->owned[d - b->datasets].first; o; o = o->next) {
        if (!builder_is_kind(o->section, OPTION_ROLLUP)) continue;
        int r = build_rollup(b, d, o->section, &rollups[d->n_rollups++]);
        if (r < 0) return r;
    }
    d->rollup = rollups;
    return 0;
}

static bool same_cell(const struct config_column *a, const char *from, const struct config_column *other)
{
    char name[NAME_MAX_BYTES + 1];
    if (a->position > 0) return a->position == other->position;
    if (!*a->from || !*other->from) return false;
    name_normalise(slice_of(other->from), name);
    return strcmp(from, name) == 0;
}

/* A cell goes into one column; the other would have none. */
static void check_cells(struct builder *b, const struct config_dataset *d)
{
    for (size_t i = 1; i < d->n_columns; i++) {
        const struct config_column *c = &d->column[i];
        char from[NAME_MAX_BYTES + 1];
        name_normalise(slice_of(c->from), from);
        for (size_t k = 0; k < i; k++) {
            const struct config_column *other = &d->column[k];
            if (!same_cell(c, from, other)) continue;
            if (c->position > 0)
                mistakes_add(b->mistakes, c->place, "it and column '%s' both have position %lld", other->name,
                             (long long)c->position);
            else
                mistakes_add(b->mistakes, c->place, "it and column '%s' both are from '%s'", other->name, c->from);
        }
    }
}

/* The header's default, and that positions make sense with it. */
static void settle_header(struct builder *b, struct config_dataset *d)
{
    size_t positions = 0;
    for (size_t i = 0; i < d->n_columns; i++)
        positions += d->column[i].position > 0;
    const struct ini_section *s = builder_section(b, OPTION_DATASET, d->name);
    if (d->columns.n > 0 && positions == d->columns.n && !ini_entry(s, "header")) d->header = CONFIG_HEADER_NO;
    if (d->header == CONFIG_HEADER_NO && positions > 0 && positions < d->columns.n)
        mistakes_add(b->mistakes, builder_place_of(s, "header"),
                     "without a header give every column of '%s' a position, or none (then their order counts)", d->name);
    if (d->header == CONFIG_HEADER_NO && d->missing_columns == CONFIG_MISSING_REJECT)
        mistakes_add(
            b->mistakes, builder_place_of(s, "missing_columns"),
            "missing_columns = reject asks a header which columns are there, and '%s' has none (header = no); a row that is "
            "too short is refused anyway",
            d->name);
}

int build_config(const struct ini *ini, struct mistakes *m, struct config *ret_config)
{
    struct builder b = {.ini = ini, .arena = ini->arena, .mistakes = m, .config = ret_config};
    check_kinds(&b);
    int r = build_singles(&b);
    if (r == 0) r = build_datasets(&b);
    if (r < 0) return r;
    r = find_owners(&b);
    for (size_t i = 0; i < ret_config->n_datasets && r == 0; i++) {
        r = build_columns(&b, &b.datasets[i]);
        if (r == 0) r = build_rollups(&b, &b.datasets[i]);
        if (r < 0) break;
        check_cells(&b, &b.datasets[i]);
        settle_header(&b, &b.datasets[i]);
    }
    if (r == 0) r = check_tables(&b);
    if (r == 0) r = check_requires(&b);
    if (r == 0) r = build_derives(&b);
    if (r == 0) r = build_reports(&b);
    if (r == 0) r = build_expose(&b);
    if (r == 0) r = build_access(&b);
    if (r == 0) r = build_notify(&b);
    if (r == 0) r = build_stores(&b);
    if (r == 0) r = build_sources(&b);
    if (r == 0) r = build_backups(&b);
    return r == 0 ? build_lookups(&b) : r;
}
