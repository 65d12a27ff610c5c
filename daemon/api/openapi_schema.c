/* SPDX-License-Identifier: MIT */
#include "api/openapi_schema.h"

#include "base/ascii.h"
#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_MAX = 1024, TYPE_MAX = 128 };

struct json_type {
    const char *sql;  /* without (…) */
    const char *type; /* of JSON; NULL: any */
    const char *format;
};
static const struct json_type types[] = {
    {"smallint", "integer", "int32"},
    {"integer", "integer", "int32"},
    {"bigint", "integer", "int64"},
    {"int", "integer", "int32"},
    {"int2", "integer", "int32"},
    {"int4", "integer", "int32"},
    {"int8", "integer", "int64"},
    {"numeric", "number", NULL},
    {"decimal", "number", NULL},
    {"real", "number", "float"},
    {"float4", "number", "float"},
    {"double precision", "number", "double"},
    {"float", "number", "double"},
    {"float8", "number", "double"},
    {"boolean", "boolean", NULL},
    {"bool", "boolean", NULL},
    {"date", "string", "date"},
    {"timestamp with time zone", "string", "date-time"},
    {"timestamptz", "string", "date-time"},
    {"uuid", "string", "uuid"},
    {"json", NULL, NULL},
    {"jsonb", NULL, NULL},
};

/* "timestamp(3) with time zone" → "timestamp with time zone" and 3; -1: no number in brackets. */
static int64_t without_modifier(const char *sql_type, char ret_name[TYPE_MAX])
{
    snprintf(ret_name, TYPE_MAX, "%s", sql_type);
    char *open = strchr(ret_name, '('), *close = open ? strchr(open, ')') : NULL;
    if (!close) return -1;
    struct slice inside = {open + 1, (size_t)(close - open) - 1};
    int64_t n;
    if (num_parse_i64(inside, &n) != 0) n = -1;
    memmove(open, close + 1, strlen(close + 1) + 1);
    return n;
}

static void write_nullable(struct json_writer *w, const char *type, bool nullable)
{
    json_write_key(w, "type");
    if (!nullable) return json_write_text(w, type);
    json_write_array(w);
    json_write_text(w, type);
    json_write_text(w, "null");
    json_write_end(w);
}

static bool is_text(const char *name)
{
    return strcmp(name, "character varying") == 0 || strcmp(name, "character") == 0 || strcmp(name, "varchar") == 0 ||
           strcmp(name, "char") == 0;
}

/* The members of the open object. */
static void write_members(struct json_writer *w, const char *sql_type, bool nullable)
{
    static const struct json_type other = {"", "string", NULL};
    char name[TYPE_MAX];
    int64_t modifier = without_modifier(sql_type, name);
    size_t len = strlen(name);
    if (len > 2 && strcmp(name + len - 2, "[]") == 0) {
        write_nullable(w, "array", nullable);
        name[len - 2] = '\0';
        json_write_key(w, "items");
        openapi_write_type(w, name, true);
        return;
    }
    const struct json_type *found = &other;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].sql, name) == 0) found = &types[i];
    if (found->type) write_nullable(w, found->type, nullable);
    if (found->format) json_write_field_text(w, "format", found->format);
    if (modifier > 0 && is_text(name)) json_write_field_int(w, "maxLength", modifier);
    json_write_field_text(w, "x-sql-type", sql_type);
}

void openapi_write_type(struct json_writer *w, const char *sql_type, bool nullable)
{
    json_write_object(w);
    write_members(w, sql_type, nullable);
    json_write_end(w);
}

void openapi_put_key(struct buf *out, const char *name)
{
    for (const char *p = name; *p; p++) {
        if (ascii_is_alnum(*p) || *p == '_')
            buf_putc(out, *p);
        else
            buf_printf(out, ".%02x", (unsigned)(unsigned char)*p);
    }
}

static void write_columns(struct json_writer *w, const char *key, const struct table *t, const size_t *column, size_t n)
{
    if (n == 0) return;
    json_write_key(w, key);
    json_write_array(w);
    for (size_t i = 0; i < n; i++)
        json_write_text(w, t->column[column[i]].name);
    json_write_end(w);
}

static void write_texts(struct json_writer *w, const char *key, const char *const *text, size_t n)
{
    json_write_key(w, key);
    json_write_array(w);
    for (size_t i = 0; i < n; i++)
        json_write_text(w, text[i]);
    json_write_end(w);
}

static void write_keys(struct json_writer *w, const struct dataset_keys *k)
{
    if (k->uniques > 0) {
        json_write_key(w, "x-unique");
        json_write_array(w);
        for (size_t i = 0; i < k->uniques; i++) {
            json_write_array(w);
            for (size_t j = 0; j < k->unique[i].n; j++)
                json_write_text(w, k->unique[i].column[j]);
            json_write_end(w);
        }
        json_write_end(w);
    }
    if (k->references == 0) return;
    json_write_key(w, "x-references");
    json_write_array(w);
    for (size_t i = 0; i < k->references; i++) {
        const struct dataset_reference *r = &k->reference[i];
        json_write_object(w);
        write_texts(w, "columns", r->column, r->n);
        json_write_field_text(w, "schema", r->schema);
        json_write_field_text(w, "table", r->table);
        write_texts(w, "to", r->to, r->n);
        json_write_end(w);
    }
    json_write_end(w);
}

/* What a client may send. */
static bool is_sent(const struct table_column *c)
{
    return !c->lineage && !c->stamp && !c->generated && !c->identity_always;
}

static void write_properties(struct json_writer *w, const struct table *t, bool sent)
{
    json_write_key(w, "properties");
    json_write_object(w);
    for (size_t i = 0; i < t->columns; i++) {
        const struct table_column *c = &t->column[i];
        if (c->lineage || (sent && !is_sent(c))) continue;
        json_write_key(w, c->name);
        json_write_object(w);
        write_members(w, c->sql_type, !c->not_null);
        if (!sent && !is_sent(c)) json_write_field_bool(w, "readOnly", true);
        if (c->default_sql) json_write_field_text(w, "x-sql-default", c->default_sql);
        json_write_end(w);
    }
    json_write_end(w);
}

/* Of a row that is read no column is missing; of one that is sent those may be that have a default. */
static void write_required(struct json_writer *w, const struct table *t, bool sent)
{
    size_t n = 0;
    for (size_t i = 0; i < t->columns; i++) {
        const struct table_column *c = &t->column[i];
        if (c->lineage || (sent && (!is_sent(c) || !c->not_null || c->has_default))) continue;
        if (n++ == 0) json_write_key(w, "required");
        if (n == 1) json_write_array(w);
        json_write_text(w, c->name);
    }
    if (n > 0) json_write_end(w);
}

static void write_schema(struct json_writer *w, const struct openapi_table *t, bool sent)
{
    struct buf key;
    buf_init(&key, KEY_MAX);
    openapi_put_key(&key, t->name);
    if (sent) buf_puts(&key, "-new");
    json_write_key_slice(w, buf_slice(&key));
    if (buf_check(&key) < 0) w->out->failed = ERROR_TOO_BIG;
    buf_done(&key);
    json_write_object(w);
    json_write_field_text(w, "title", t->name);
    json_write_field_text(w, "type", "object");
    write_required(w, t->table, sent);
    write_properties(w, t->table, sent);
    if (!sent) write_columns(w, "x-primary-key", t->table, t->table->key, t->table->keys);
    if (!sent && t->keys) write_keys(w, t->keys);
    json_write_end(w);
}

void openapi_write_table(struct json_writer *w, const struct openapi_table *t)
{
    write_schema(w, t, false);
    if (t->sent) write_schema(w, t, true);
}
