/* SPDX-License-Identifier: MIT */
#include "format/avro.h"

#include "base/ascii.h"
#include "base/num.h"
#include "format/json_reader.h"
#include "format/json_writer.h"

#include <stdio.h>
#include <stdlib.h>

enum { JSON_NESTING = 16, SHOWN_MAX = 100 };

/* What stands in a schema. A type without a logical type comes before those that are made of it. */
static const struct {
    enum avro_kind kind;
    const char *type, *logical;
} types[] = {
    {AVRO_BOOLEAN, "boolean", NULL},
    {AVRO_INT, "int", NULL},
    {AVRO_LONG, "long", NULL},
    {AVRO_FLOAT, "float", NULL},
    {AVRO_DOUBLE, "double", NULL},
    {AVRO_BYTES, "bytes", NULL},
    {AVRO_STRING, "string", NULL},
    {AVRO_DATE, "int", "date"},
    {AVRO_TIME, "long", "time-micros"},
    {AVRO_TIMESTAMP, "long", "local-timestamp-micros"},
    {AVRO_TIMESTAMPTZ, "long", "timestamp-micros"},
    {AVRO_DECIMAL, "bytes", "decimal"},
    {AVRO_UUID, "string", "uuid"},
};
enum { TYPES = sizeof types / sizeof types[0] };

void avro_schema_done(struct avro_schema *s)
{
    free(s->column);
    *s = (struct avro_schema){0};
}

/* ---- names ---- */

static bool is_letter(char c)
{
    return ascii_is_letter(c) || c == '_';
}

static bool is_taken(const struct avro_schema *s, size_t before, const char *name)
{
    for (size_t i = 0; i < before; i++)
        if (strcmp(s->column[i].name, name) == 0) return true;
    return false;
}

void avro_schema_field(struct avro_schema *s, size_t i, const char *column)
{
    enum { ROOM_FOR_NUMBER = 12 };
    char *name = i < s->columns ? s->column[i].name : s->name, stem[AVRO_NAME_SIZE - ROOM_FOR_NUMBER];
    size_t n = 0;
    if (!is_letter(column[0])) stem[n++] = '_';
    for (const char *p = column; *p && n + 1 < sizeof stem; p++) {
        bool plain = is_letter(*p) || ascii_is_digit(*p);
        if (p == column && !is_letter(*p) && !plain) continue;
        stem[n++] = plain ? *p : '_';
    }
    stem[n] = '\0';
    snprintf(name, AVRO_NAME_SIZE, "%s", stem);
    for (unsigned number = 2; i < s->columns && is_taken(s, i, name); number++)
        snprintf(name, AVRO_NAME_SIZE, "%s_%u", stem, number);
}

/* ---- writing ---- */

static void put_type(struct json_writer *w, const struct avro_column *c)
{
    if (!types[c->kind].logical) return json_write_text(w, types[c->kind].type);
    json_write_object(w);
    json_write_field_text(w, "type", types[c->kind].type);
    json_write_field_text(w, "logicalType", types[c->kind].logical);
    if (c->kind == AVRO_DECIMAL) {
        json_write_field_int(w, "precision", c->precision);
        json_write_field_int(w, "scale", c->scale);
    }
    json_write_end(w);
}

static void put_field(struct json_writer *w, const struct avro_column *c)
{
    json_write_object(w);
    json_write_field_text(w, "name", c->name);
    json_write_key(w, "type");
    if (c->nullable) {
        json_write_array(w);
        if (!c->null_last) json_write_text(w, "null");
        put_type(w, c);
        if (c->null_last) json_write_text(w, "null");
        json_write_end(w);
        /* A default is of the union's first type. */
        if (!c->null_last) {
            json_write_key(w, "default");
            json_write_null(w);
        }
    } else {
        put_type(w, c);
    }
    json_write_end(w);
}

void avro_schema_json(const struct avro_schema *s, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_write_object(&w);
    json_write_field_text(&w, "type", "record");
    json_write_field_text(&w, "name", s->name);
    if (s->space[0]) json_write_field_text(&w, "namespace", s->space);
    json_write_key(&w, "fields");
    json_write_array(&w);
    for (size_t i = 0; i < s->columns; i++)
        put_field(&w, &s->column[i]);
    json_write_end(&w);
    json_write_end(&w);
}

/* ---- reading ---- */

static struct json_value member(struct json_value object, const char *name)
{
    struct json_walk w = json_walk_begin(object);
    while (w.object && json_walk_next(&w))
        if (json_means(w.name, slice_of(name))) return w.value;
    return (struct json_value){JSON_KIND_NULL, SLICE("null")};
}

static bool means(struct json_value v, const char *text)
{
    return v.kind == JSON_KIND_STRING && json_means(v.raw, slice_of(text));
}

static bool get_name(struct json_value v, char ret_name[AVRO_NAME_SIZE])
{
    /* With its quotes and a terminator; escapes only make it shorter. */
    char memory[AVRO_NAME_SIZE];
    if (v.kind != JSON_KIND_STRING || v.raw.len > sizeof memory || v.raw.len < 3) return false;
    size_t n = v.raw.len - 2;
    memcpy(memory, v.raw.p + 1, n);
    memory[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if (!is_letter(memory[i]) && !(i > 0 && ascii_is_digit(memory[i]))) return false;
    memcpy(ret_name, memory, n + 1);
    return true;
}

static bool get_small(struct json_value v, int64_t least, int64_t most, int *ret_value)
{
    int64_t value;
    if (v.kind != JSON_KIND_NUMBER || num_parse_i64(v.raw, &value) != 0 || value < least || value > most) return false;
    *ret_value = (int)value;
    return true;
}

/* "long", {"type": "long"}, {"type": "long", "logicalType": …}: false where it is none of ours. */
static bool get_type(struct json_value v, struct avro_column *c)
{
    struct json_value logical = {JSON_KIND_NULL, SLICE("null")}, type = v;
    if (v.kind == JSON_KIND_OBJECT) {
        type = member(v, "type");
        logical = member(v, "logicalType");
    }
    bool found = false;
    for (size_t i = 0; i < TYPES; i++) {
        if (!means(type, types[i].type) || (types[i].logical && !means(logical, types[i].logical))) continue;
        c->kind = types[i].kind;
        found = true;
    }
    if (c->kind != AVRO_DECIMAL || !found) return found;
    c->scale = 0;
    struct json_value scale = member(v, "scale");
    if (!get_small(member(v, "precision"), 1, AVRO_PRECISION_MAX, &c->precision)) return false;
    return scale.kind == JSON_KIND_NULL || get_small(scale, 0, c->precision, &c->scale);
}

static bool get_union(struct json_value v, struct avro_column *c)
{
    struct json_walk w = json_walk_begin(v);
    size_t n = 0;
    bool typed = false;
    for (; json_walk_next(&w); n++) {
        if (means(w.value, "null")) {
            c->nullable = true;
            c->null_last = n == 1;
        } else if (!typed) {
            typed = get_type(w.value, c);
            if (!typed) return false;
        }
    }
    return n == 2 && typed && c->nullable;
}

static int get_field(struct json_value v, struct avro_column *c, size_t number, struct error *err)
{
    if (v.kind != JSON_KIND_OBJECT || !get_name(member(v, "name"), c->name))
        return error_set(err, AVRO_E_DAMAGED, "field %zu of the schema has no name, or one that is no Avro name", number);
    struct json_value type = member(v, "type");
    if (type.kind == JSON_KIND_ARRAY ? get_union(type, c) : get_type(type, c)) return 0;
    struct slice shown = slice_cut_utf8(type.raw, SHOWN_MAX);
    return error_set(err, AVRO_E_DAMAGED, "field %s of the schema has a type that no backup has: " SLICE_FMT, c->name,
                     SLICE_ARG(shown));
}

static int get_fields(struct json_value fields, struct avro_schema *s, struct error *err)
{
    struct json_walk count = json_walk_begin(fields), w = count;
    size_t n = 0;
    while (json_walk_next(&count))
        n++;
    /* Records without fields would have no bytes, and any number of rows no end. */
    if (fields.kind != JSON_KIND_ARRAY || n == 0 || n > AVRO_COLUMNS_MAX)
        return error_set(err, AVRO_E_DAMAGED, "the schema has no list of 1 to %d fields", AVRO_COLUMNS_MAX);
    s->column = calloc(n, sizeof *s->column);
    if (!s->column) return -ENOMEM;
    for (; json_walk_next(&w); s->columns++) {
        int r = get_field(w.value, &s->column[s->columns], s->columns + 1, err);
        if (r != 0) return r;
        if (is_taken(s, s->columns, s->column[s->columns].name))
            return error_set(err, AVRO_E_DAMAGED, "the schema has two fields %s", s->column[s->columns].name);
    }
    return 0;
}

int avro_schema_parse(struct slice json, struct avro_schema *ret_schema, struct error *err)
{
    struct json_fault fault;
    int r = json.len > AVRO_SCHEMA_MAX ? JSON_E_TEXT : json_check(json, &(struct json_limits){.depth = JSON_NESTING}, &fault);
    if (r < 0) return r;
    if (json.len > AVRO_SCHEMA_MAX) return error_set(err, AVRO_E_DAMAGED, "the schema is longer than %d bytes", AVRO_SCHEMA_MAX);
    if (r != 0)
        return error_set(err, AVRO_E_DAMAGED, "the schema is no JSON: line %zu, byte %zu: %s", fault.line, fault.column,
                         fault.message);
    struct json_value root = json_root(json);
    struct avro_schema s = {0};
    if (root.kind != JSON_KIND_OBJECT || !means(member(root, "type"), "record"))
        return error_set(err, AVRO_E_DAMAGED, "the schema is no record");
    get_name(member(root, "name"), s.name);
    get_name(member(root, "namespace"), s.space);
    r = get_fields(member(root, "fields"), &s, err);
    if (r != 0) {
        avro_schema_done(&s);
        return r;
    }
    *ret_schema = s;
    return 0;
}

int avro_schema_agree(const struct avro_schema *want, struct avro_schema *found, struct error *err)
{
    if (want->columns != found->columns)
        return error_set(err, AVRO_E_DAMAGED, "it has %zu fields, not %zu", found->columns, want->columns);
    for (size_t i = 0; i < want->columns; i++) {
        const struct avro_column *w = &want->column[i];
        struct avro_column *f = &found->column[i];
        if (strcmp(w->name, f->name) != 0)
            return error_set(err, AVRO_E_DAMAGED, "its field %zu is %s, not %s", i + 1, f->name, w->name);
        if (w->nullable != f->nullable)
            return error_set(err, AVRO_E_DAMAGED, "its field %s %s be null", f->name, f->nullable ? "may" : "may not");
        bool same = w->kind == f->kind && (w->kind != AVRO_DECIMAL || (w->precision == f->precision && w->scale == f->scale));
        bool dropped = !types[f->kind].logical && strcmp(types[f->kind].type, types[w->kind].type) == 0;
        if (!same && !dropped)
            return error_set(err, AVRO_E_DAMAGED, "its field %s is of another type: %s%s%s", f->name, types[f->kind].type,
                             types[f->kind].logical ? ", " : "", types[f->kind].logical ? types[f->kind].logical : "");
        f->kind = w->kind;
        f->precision = w->precision;
        f->scale = w->scale;
        f->small = w->small;
    }
    return 0;
}
