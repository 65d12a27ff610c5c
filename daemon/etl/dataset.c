/* SPDX-License-Identifier: MIT */
#include "etl/dataset.h"

#include "base/log.h"
#include "db/query.h"
#include "etl/rollup.h"
#include "etl/swap.h"

#include <stdio.h>
#include <stdlib.h>

enum { DATASET_BLOCK = 4096, DATASET_MAX = 16 * 1024 * 1024 };

struct dataset *dataset_new(const char *name, struct config *owner, const struct config_dataset *config)
{
    struct dataset *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->refs = 1;
    arena_init(&d->arena, DATASET_BLOCK, DATASET_MAX);
    d->name = arena_cstr(&d->arena, slice_of(name));
    if (!d->name) {
        dataset_unref(d);
        return NULL;
    }
    d->owner = owner ? config_ref(owner) : NULL;
    d->config = config;
    return d;
}

struct dataset *dataset_ref(struct dataset *d)
{
    d->refs++;
    return d;
}

void dataset_unref(struct dataset *d)
{
    if (!d || --d->refs > 0) return;
    config_unref(d->owner);
    free(d->held_by);
    arena_done(&d->arena);
    free(d);
}

void dataset_hold(struct dataset *d, const char *file)
{
    free(d->held_by);
    d->held_by = file ? strdup(file) : NULL;
    if (file && !d->held_by)
        log_warning("that dataset %s is held by %s is forgotten until the next start: no memory", d->name, file);
}

const char *dataset_held_by(const struct dataset *d)
{
    return d->config && d->config->order == CONFIG_ORDER_STRICT ? d->held_by : NULL;
}

void dataset_break(struct dataset *d, const char *format, ...)
{
    if (d->broken) return;
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *copy = arena_cstr(&d->arena, slice_of(text));
    d->broken = copy ? copy : "out of memory";
}

/* The columns of SQL_TABLE_COLUMNS, in order. */
enum {
    COL_NAME,
    COL_OID,
    COL_TYPMOD,
    COL_NOT_NULL,
    COL_DEFAULT,
    COL_GENERATED,
    COL_SQL_TYPE,
    COL_BYTEWISE,
    COL_KEY,
    COL_FORMAT,
    COL_RELATION,
    COL_DEFERRABLE,
    COL_PARTITIONED,
    COL_CTYPE,
    COL_COLLATE,
    COL_DATABASE_BYTEWISE,
    COL_OWN_CALLS,
    COL_DEFAULT_SQL,
    COL_ALWAYS,
};

static bool yes(const PGresult *rows, int row, int column)
{
    return PQgetvalue(rows, row, column)[0] == 't';
}

static int read_column(struct arena *a, const PGresult *rows, int i, struct table_column *c)
{
    c->name = arena_cstr(a, slice_of(PQgetvalue(rows, i, COL_NAME)));
    c->sql_type = arena_cstr(a, slice_of(PQgetvalue(rows, i, COL_SQL_TYPE)));
    c->format = arena_cstr(a, slice_of(PQgetvalue(rows, i, COL_FORMAT)));
    if (!c->name || !c->sql_type || !c->format) return -ENOMEM;
    c->oid = (uint32_t)db_get_int8(rows, i, COL_OID, 0);
    c->default_sql = PQgetisnull(rows, i, COL_DEFAULT_SQL) ? NULL : arena_cstr(a, slice_of(PQgetvalue(rows, i, COL_DEFAULT_SQL)));
    if (!c->default_sql && !PQgetisnull(rows, i, COL_DEFAULT_SQL)) return -ENOMEM;
    c->identity_always = yes(rows, i, COL_ALWAYS);
    c->known = type_by_oid(c->oid, &c->type.id) == 0;
    if (!c->known) c->type.id = TYPE_OTHER;
    c->type.typmod = (int32_t)db_get_int8(rows, i, COL_TYPMOD, -1);
    c->not_null = yes(rows, i, COL_NOT_NULL);
    c->has_default = yes(rows, i, COL_DEFAULT);
    c->generated = yes(rows, i, COL_GENERATED);
    c->bytewise = yes(rows, i, COL_BYTEWISE);
    c->collate = yes(rows, i, COL_COLLATE);
    return 0;
}

/*
 * The database's LC_CTYPE, if this machine has it, too. There are few, and workers may be using one at any time: they are kept.
 */
static bool find_ctype(const char *name, locale_t *ret_ctype)
{
    enum { CTYPES = 8 };
    static struct {
        char name[64];
        locale_t ctype;
    } known[CTYPES];
    *ret_ctype = (locale_t)0;
    if (strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0) return true;
    for (size_t i = 0; i < CTYPES && strlen(name) < sizeof known[i].name; i++) {
        if (known[i].name[0] && strcmp(known[i].name, name) != 0) continue;
        if (!known[i].name[0]) known[i].ctype = newlocale(LC_CTYPE_MASK, name, (locale_t)0);
        memcpy(known[i].name, name, strlen(name) + 1);
        *ret_ctype = known[i].ctype;
        return known[i].ctype != (locale_t)0;
    }
    return false;
}

static int order_names(const void *a, const void *b, void *columns)
{
    const struct table_column *c = columns;
    return strcmp(c[*(const size_t *)a].name, c[*(const size_t *)b].name);
}

int table_read(struct arena *a, const PGresult *rows, const char *schema, const char *name, struct table *ret_table)
{
    size_t n = (size_t)PQntuples(rows);
    struct table t = {.schema = arena_cstr(a, slice_of(schema)), .name = arena_cstr(a, slice_of(name)), .columns = n};
    t.column = arena_array(a, n + 1, sizeof *t.column);
    t.key = arena_array(a, n + 1, sizeof *t.key);
    t.by_name = arena_array(a, n + 1, sizeof *t.by_name);
    if (!t.schema || !t.name || !t.column || !t.key || !t.by_name) return -ENOMEM;
    if (n > 0) {
        t.oid = (uint32_t)db_get_int8(rows, 0, COL_RELATION, 0);
        t.key_deferrable = yes(rows, 0, COL_DEFERRABLE);
        t.partitioned = yes(rows, 0, COL_PARTITIONED);
        t.bytewise = yes(rows, 0, COL_DATABASE_BYTEWISE);
        t.ctype_known = find_ctype(PQgetvalue(rows, 0, COL_CTYPE), &t.ctype);
        t.own_calls = arena_cstr(a, slice_of(PQgetvalue(rows, 0, COL_OWN_CALLS)));
        if (!t.own_calls) return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        int r = read_column(a, rows, (int)i, &t.column[i]);
        if (r < 0) return r;
        t.by_name[i] = i;
        int64_t place = db_get_int8(rows, (int)i, COL_KEY, 0);
        if (place < 1 || place > (int64_t)n) continue;
        t.key[place - 1] = i;
        t.keys++;
    }
    qsort_r(t.by_name, n, sizeof *t.by_name, order_names, t.column);
    *ret_table = t;
    return 0;
}

/* The columns of SQL_TABLE_KEYS, in order. */
enum { KEY_KIND, KEY_NUMBER, KEY_NAME, KEY_COLUMN, KEY_SCHEMA, KEY_TABLE, KEY_TO };

static const char *copy_key(struct arena *a, const PGresult *rows, int row, int column)
{
    return arena_cstr(a, slice_of(PQgetvalue(rows, row, column)));
}

static bool is_first(const PGresult *rows, int i)
{
    return i == 0 || strcmp(PQgetvalue(rows, i, KEY_NUMBER), PQgetvalue(rows, i - 1, KEY_NUMBER)) != 0 ||
           PQgetvalue(rows, i, KEY_KIND)[0] != PQgetvalue(rows, i - 1, KEY_KIND)[0];
}

int dataset_read_keys(struct arena *a, const PGresult *rows, struct dataset_keys *ret_keys)
{
    size_t n = (size_t)PQntuples(rows);
    struct dataset_keys k = {.unique = arena_array(a, n + 1, sizeof *k.unique),
                             .reference = arena_array(a, n + 1, sizeof *k.reference),
                             .check = arena_array(a, n + 1, sizeof *k.check)};
    const char **column = arena_array(a, n + 1, sizeof *column), **to = arena_array(a, n + 1, sizeof *to);
    if (!k.unique || !k.reference || !k.check || !column || !to) return -ENOMEM;
    for (int i = 0; i < (int)n; i++) {
        const char *name = copy_key(a, rows, i, KEY_NAME), *schema = copy_key(a, rows, i, KEY_SCHEMA);
        const char *table = copy_key(a, rows, i, KEY_TABLE);
        column[i] = copy_key(a, rows, i, KEY_COLUMN);
        to[i] = copy_key(a, rows, i, KEY_TO);
        if (!name || !schema || !table || !column[i] || !to[i]) return -ENOMEM;
        bool first = is_first(rows, i);
        switch (PQgetvalue(rows, i, KEY_KIND)[0]) {
        case 'u':
            if (first) k.unique[k.uniques++] = (struct dataset_unique){.index = name, .column = &column[i]};
            k.unique[k.uniques - 1].n++;
            break;
        case 'f':
            if (first) k.reference[k.references++] = (struct dataset_reference){name, schema, table, &column[i], &to[i], 0, false};
            k.reference[k.references - 1].n++;
            break;
        default:
            if (first) k.check[k.checks++] = (struct dataset_check){name, &column[i], 0};
            k.check[k.checks - 1].n++;
        }
    }
    *ret_keys = k;
    return 0;
}

int table_find(const struct table *t, const char *column)
{
    for (size_t i = 0; i < t->columns && !t->by_name; i++)
        if (strcmp(t->column[i].name, column) == 0) return (int)i;
    for (size_t low = 0, high = t->by_name ? t->columns : 0; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(column, t->column[t->by_name[middle]].name);
        if (order == 0) return (int)t->by_name[middle];
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return -1;
}

bool table_find_lineage(struct table *t)
{
    int file = table_find(t, TABLE_LINEAGE_FILE), line = table_find(t, TABLE_LINEAGE_LINE);
    bool both = file >= 0 && line >= 0 && t->column[file].known && t->column[line].known;
    t->lineage = both && t->column[file].type.id == TYPE_INT8 && t->column[line].type.id == TYPE_INT8;
    if (t->lineage) t->column[file].lineage = t->column[line].lineage = true;
    return t->lineage;
}

/* False: it is not there, or no time. */
static bool find_stamp(struct table *t, const struct config_dataset *config, const char *name,
                       const struct table_column **ret_column)
{
    int i = table_find(t, name);
    if (i < 0 || !t->column[i].known || t->column[i].generated) return false;
    enum type_id id = t->column[i].type.id;
    if (id != TYPE_TIMESTAMPTZ && id != TYPE_TIMESTAMP) return false;
    t->column[i].stamp = true;
    for (size_t k = 0; k < config->columns.n; k++)
        if (strcmp(config->columns.item[k], name) == 0) t->column[i].stamp = false;
    *ret_column = &t->column[i];
    return true;
}

const char *table_find_stamps(struct table *t, const struct config_dataset *config)
{
    if (!config) return NULL;
    if (config->soft_delete && !find_stamp(t, config, TABLE_DELETED_AT, &t->deleted_at)) return TABLE_DELETED_AT;
    if (config->timestamps && !find_stamp(t, config, TABLE_CREATED_AT, &t->created_at)) return TABLE_CREATED_AT;
    if (config->timestamps && !find_stamp(t, config, TABLE_UPDATED_AT, &t->updated_at)) return TABLE_UPDATED_AT;
    return NULL;
}

bool table_column_is_own(const struct table_column *c)
{
    return c->lineage || c->stamp || strcmp(c->name, TABLE_RESCUED) == 0;
}

const char *table_quote(struct buf *out, const char *schema, const char *name)
{
    db_quote_identifier(out, slice_of(schema));
    buf_putc(out, '.');
    db_quote_identifier(out, slice_of(name));
    return buf_cstr(out);
}

void dataset_create_sql(struct buf *out, const struct config_dataset *config)
{
    if (config->mode == CONFIG_MODE_REPLACE)
        return swap_make_sql(out, &(struct table){.schema = config->schema, .name = config->table}, slice_of(config->columns_sql),
                             true);
    buf_puts(out, "CREATE TABLE IF NOT EXISTS ");
    table_quote(out, config->schema, config->table);
    buf_printf(out, " (%s\n)", config->columns_sql);
}

static bool is_number(enum type_id id)
{
    return id >= TYPE_INT2 && id <= TYPE_FLOAT8;
}

static int check_format(const struct table_column *c, const char *format, struct error *err)
{
    struct error why;
    struct type_format *f = NULL;
    int r = type_format_new(slice_of(format), &why, &f);
    if (r == 0 && !type_format_suits(f, c->type.id))
        r = error_set(&why, TYPE_E_SYNTAX, "it lacks what a %s needs", type_info(c->type.id)->name);
    type_format_free(f);
    return r > 0 ? error_set(err, r, "column %s: format \"%s\": %s", c->name, format, why.text) : r;
}

int dataset_check_reading(const struct table_column *c, const struct config_column *config, struct error *err)
{
    bool marks = config->decimal_mark != CONFIG_AS_DATASET || config->thousands_mark != CONFIG_AS_DATASET;
    if (marks && !is_number(c->type.id))
        return error_set(err, DATASET_E_READING, "column %s: decimal_mark and thousands_mark are for numbers, but it is a %s",
                         c->name, c->sql_type);
    if (config->zone && c->type.id != TYPE_TIMESTAMPTZ)
        return error_set(err, DATASET_E_READING,
                         "column %s: timezone is for timestamptz (timestamp with time zone), but it is a %s", c->name, c->sql_type);
    return config->format[0] ? check_format(c, config->format, err) : 0;
}

void dataset_check_columns(struct dataset *d)
{
    const struct config_dataset *c = d->config;
    for (size_t i = 0; c && i < c->n_columns; i++) {
        const struct config_column *column = &c->column[i];
        struct error err;
        int at = table_find(&d->table, column->name);
        if (at >= 0 && dataset_check_reading(&d->table.column[at], column, &err) > 0)
            dataset_break(d, "%s:%d: %s", column->place.file, column->place.line, err.text);
        if (at >= 0 || config_input(c, column->name)) continue;
        dataset_break(d, "%s:%d: [column %s.%s]: table %s.%s has no such column", column->place.file, column->place.line, d->name,
                      column->name, d->table.schema, d->table.name);
    }
}

void dataset_check_key(struct dataset *d)
{
    const struct config_dataset *c = d->config;
    const struct table *t = &d->table;
    if (!c || (c->mode != CONFIG_MODE_UPSERT && c->mode != CONFIG_MODE_IGNORE)) return;
    const char *file = c->place.file, *mode = c->mode == CONFIG_MODE_UPSERT ? "upsert" : "ignore";
    if (t->keys == 0)
        return dataset_break(
            d, "%s:%d: mode = %s needs a primary key, and table %s.%s has none; add one (ALTER TABLE … ADD PRIMARY KEY)", file,
            c->place.line, mode, t->schema, t->name);
    if (t->key_deferrable)
        return dataset_break(d,
                             "%s:%d: mode = %s cannot use the primary key of table %s.%s, since it is DEFERRABLE; make it NOT "
                             "DEFERRABLE",
                             file, c->place.line, mode, t->schema, t->name);
    for (size_t i = 0; i < t->keys; i++)
        if (t->column[t->key[i]].generated)
            return dataset_break(d, "%s:%d: mode = %s needs a primary key that a file can bring, and its column %s is GENERATED",
                                 file, c->place.line, mode, t->column[t->key[i]].name);
    int newest = c->newest_by[0] ? table_find(t, c->newest_by) : -1;
    if (c->newest_by[0] && newest < 0)
        return dataset_break(d, "%s:%d: newest_by: table %s.%s has no column %s", file, c->place.line, t->schema, t->name,
                             c->newest_by);
    if (newest >= 0 && t->column[newest].generated)
        dataset_break(d, "%s:%d: newest_by: column %s is GENERATED, so no file brings it; name the one that it is made of", file,
                      c->place.line, c->newest_by);
}

int dataset_resolve_rollups(struct dataset *d)
{
    size_t n = d->config ? d->config->n_rollups : 0;
    d->rollup = arena_array(&d->arena, n + 1, sizeof *d->rollup);
    if (!d->rollup) return -ENOMEM;
    d->merged = true;
    for (size_t i = 0; i < n; i++) {
        struct error err = {0};
        int r = rollup_resolve(&d->config->rollup[i], &d->table, &d->arena, &err, &d->rollup[i]);
        if (r < 0) return r;
        if (r > 0) {
            dataset_break(d, "%s", err.text);
            return 0;
        }
        d->rollups++;
        d->staged |= d->rollup[i].how == ROLLUP_STAGED;
        d->merged &= d->rollup[i].how == ROLLUP_MERGED;
    }
    return 0;
}
