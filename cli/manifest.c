/* SPDX-License-Identifier: MIT */
#include "manifest.h"

#include "base/num.h"
#include "format/json_reader.h"
#include "format/json_writer.h"

#include <stdarg.h>
#include <stdio.h>

#define FORMAT "cetl backup"
enum { VERSION = 1, ARENA_BLOCK = 64 * 1024, ARENA_MAX = 64 * 1024 * 1024, DEPTH = 24 };

void manifest_init(struct manifest *m)
{
    *m = (struct manifest){0};
    arena_init(&m->arena, ARENA_BLOCK, ARENA_MAX);
}

void manifest_done(struct manifest *m)
{
    for (size_t i = 0; i < m->tables; i++) {
        avro_schema_done(&m->table[i].rows.schema);
        avro_schema_done(&m->table[i].dataset.ledger.schema);
    }
    arena_done(&m->arena);
}

const struct manifest_key *manifest_key_of(const struct manifest_table *t)
{
    for (size_t i = 0; i < t->keys; i++)
        if (t->key[i].primary) return &t->key[i];
    return NULL;
}

/* ---- writing ---- */

static void put_file(struct json_writer *w, const struct manifest_file *f)
{
    json_write_object(w);
    json_write_field_text(w, "name", f->name);
    json_write_field_int(w, "rows", f->rows);
    json_write_field_int(w, "bytes", f->bytes);
    json_write_field_text(w, "sha256", f->sha256);
    json_write_key(w, "schema");
    json_write_value(w);
    avro_schema_json(&f->schema, w->out);
    json_write_end(w);
}

static void put_column(struct json_writer *w, const struct manifest_column *c)
{
    char identity[] = {c->identity, '\0'};
    json_write_object(w);
    json_write_field_text(w, "name", c->name);
    json_write_field_text(w, "type", c->type);
    json_write_field_bool(w, "not_null", c->not_null);
    json_write_field_bool(w, "generated", c->generated);
    json_write_field_bool(w, "as_text", c->as_text);
    json_write_field_text(w, "identity", c->identity ? identity : NULL);
    json_write_field_text(w, "collation_schema", c->collation_schema);
    json_write_field_text(w, "collation", c->collation);
    json_write_end(w);
}

static void put_key(struct json_writer *w, const struct manifest_key *k)
{
    json_write_object(w);
    json_write_field_text(w, "name", k->name);
    json_write_field_bool(w, "primary", k->primary);
    json_write_key(w, "columns");
    json_write_array(w);
    for (size_t i = 0; i < k->columns; i++)
        json_write_text(w, k->column[i]);
    json_write_end(w);
    json_write_end(w);
}

static void put_dataset(struct json_writer *w, const struct manifest_dataset *d)
{
    json_write_object(w);
    json_write_field_text(w, "name", d->name);
    json_write_field_bool(w, "inferred", d->inferred);
    json_write_field_bool(w, "made", d->made);
    json_write_field_text(w, "guess", d->guess);
    json_write_key(w, "ledger");
    put_file(w, &d->ledger);
    json_write_end(w);
}

static void put_table(struct json_writer *w, const struct manifest_table *t)
{
    json_write_object(w);
    json_write_field_text(w, "schema", t->schema);
    json_write_field_text(w, "name", t->name);
    json_write_key(w, "columns");
    json_write_array(w);
    for (size_t i = 0; i < t->columns; i++)
        put_column(w, &t->column[i]);
    json_write_end(w);
    json_write_key(w, "keys");
    json_write_array(w);
    for (size_t i = 0; i < t->keys; i++)
        put_key(w, &t->key[i]);
    json_write_end(w);
    json_write_key(w, "file");
    put_file(w, &t->rows);
    json_write_key(w, "dataset");
    if (t->dataset.name)
        put_dataset(w, &t->dataset);
    else
        json_write_null(w);
    json_write_end(w);
}

void manifest_print(const struct manifest *m, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_write_object(&w);
    json_write_field_text(&w, "format", FORMAT);
    json_write_field_int(&w, "version", VERSION);
    json_write_field_text(&w, "made_at", m->made_at);
    json_write_field_text(&w, "made_by", "cetl " CETLD_VERSION);
    json_write_field_text(&w, "server", m->server);
    json_write_field_text(&w, "database", m->database);
    json_write_key(&w, "tables");
    json_write_array(&w);
    for (size_t i = 0; i < m->tables; i++)
        put_table(&w, &m->table[i]);
    json_write_end(&w);
    json_write_end(&w);
    buf_putc(out, '\n');
}

/* ---- reading ---- */

/* Where we are, for messages, and the first trouble. */
struct parse {
    struct arena *arena;
    struct error *err;
    const char *table; /* or NULL */
    int failed;
};

static void fail(struct parse *p, const char *format, ...) printf_like(2, 3);
static void fail(struct parse *p, const char *format, ...)
{
    char words[ERROR_TEXT_MAX];
    if (p->failed) return;
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    p->failed = error_set(p->err, -EBADMSG, "%s%s%s", p->table ? p->table : "", p->table ? ": " : "", words);
}

static void *room(struct parse *p, size_t n, size_t size)
{
    void *mem = p->failed ? NULL : arena_array(p->arena, n ? n : 1, size);
    if (!mem && !p->failed) p->failed = error_set(p->err, -ENOMEM, "it is too large for a manifest");
    return mem;
}

/* A member that must be there. */
static struct json_value member(struct parse *p, struct json_value object, const char *name)
{
    struct json_walk w = json_walk_begin(object);
    while (w.object && json_walk_next(&w))
        if (json_means(w.name, slice_of(name))) return w.value;
    fail(p, "\"%s\" is missing", name);
    return (struct json_value){JSON_KIND_NULL, SLICE("null")};
}

static const char *text_of(struct parse *p, struct json_value v, const char *name)
{
    struct buf b;
    buf_init(&b, v.raw.len + 1);
    if (v.kind != JSON_KIND_STRING)
        fail(p, "\"%s\" is no text", name);
    else
        json_unquote(&b, v.raw);
    const char *text = p->failed ? NULL : arena_cstr(p->arena, buf_slice(&b));
    if (!text && !p->failed) p->failed = error_set(p->err, -ENOMEM, "it is too large for a manifest");
    buf_done(&b);
    return text;
}

static const char *get_text(struct parse *p, struct json_value object, const char *name)
{
    struct json_value v = member(p, object, name);
    return p->failed ? NULL : text_of(p, v, name);
}

/* PostgreSQL's names have 1 to 63 bytes. */
static const char *get_name(struct parse *p, struct json_value object, const char *name)
{
    const char *text = get_text(p, object, name);
    if (text && (text[0] == '\0' || strlen(text) > 63)) fail(p, "\"%s\" is no name", name);
    return text;
}

static const char *get_text_or_null(struct parse *p, struct json_value object, const char *name)
{
    struct json_value v = member(p, object, name);
    return p->failed || v.kind == JSON_KIND_NULL ? NULL : text_of(p, v, name);
}

static bool get_bool(struct parse *p, struct json_value object, const char *name)
{
    struct json_value v = member(p, object, name);
    if (!p->failed && v.kind != JSON_KIND_TRUE && v.kind != JSON_KIND_FALSE) fail(p, "\"%s\" is neither true nor false", name);
    return v.kind == JSON_KIND_TRUE;
}

static int64_t get_count(struct parse *p, struct json_value object, const char *name)
{
    int64_t n = 0;
    struct json_value v = member(p, object, name);
    if (!p->failed && (v.kind != JSON_KIND_NUMBER || num_parse_i64(v.raw, &n) != 0 || n < 0)) fail(p, "\"%s\" is no count", name);
    return n;
}

static struct json_value get_list(struct parse *p, struct json_value object, const char *name, size_t *ret_n)
{
    struct json_value v = member(p, object, name);
    *ret_n = 0;
    if (!p->failed && v.kind != JSON_KIND_ARRAY) fail(p, "\"%s\" is no list", name);
    if (p->failed) return (struct json_value){JSON_KIND_NULL, SLICE("null")};
    struct json_walk w = json_walk_begin(v);
    while (json_walk_next(&w))
        ++*ret_n;
    return v;
}

/* Nothing but a name in the backup's own folder. */
static void check_file_name(struct parse *p, const char *name)
{
    bool sound = name[0] && name[0] != '.' && !strchr(name, '/') && strlen(name) < 250 && strcmp(name, MANIFEST_NAME) != 0;
    if (!sound) fail(p, "%.100s is no name of a file in the backup's folder", name);
}

static void get_file(struct parse *p, struct json_value v, struct manifest_file *f)
{
    f->name = get_text(p, v, "name");
    if (f->name) check_file_name(p, f->name);
    f->rows = get_count(p, v, "rows");
    f->bytes = get_count(p, v, "bytes");
    const char *sum = get_text(p, v, "sha256");
    if (sum && strlen(sum) != DIGEST_HEX - 1) fail(p, "\"sha256\" is no SHA-256");
    if (p->failed) return;
    memcpy(f->sha256, sum, DIGEST_HEX);
    struct json_value schema = member(p, v, "schema");
    struct error why = {0};
    if (p->failed) return;
    int r = avro_schema_parse(schema.raw, &f->schema, &why);
    if (r != 0) fail(p, "%s: %s", f->name, r < 0 ? error_name(r) : why.text);
}

static void get_column(struct parse *p, struct json_value v, struct manifest_column *c)
{
    c->name = get_name(p, v, "name");
    c->type = get_text(p, v, "type");
    c->not_null = get_bool(p, v, "not_null");
    c->generated = get_bool(p, v, "generated");
    c->as_text = get_bool(p, v, "as_text");
    const char *identity = get_text_or_null(p, v, "identity");
    if (identity && strcmp(identity, "a") != 0 && strcmp(identity, "d") != 0) fail(p, "\"identity\" is neither a nor d");
    c->identity = identity ? identity[0] : '\0';
    c->collation_schema = get_text_or_null(p, v, "collation_schema");
    c->collation = get_text_or_null(p, v, "collation");
    if (!p->failed && !c->collation_schema != !c->collation) fail(p, "a collation has a schema and a name");
}

static void get_key(struct parse *p, struct json_value v, struct manifest_key *k)
{
    k->name = get_name(p, v, "name");
    k->primary = get_bool(p, v, "primary");
    struct json_walk w = json_walk_begin(get_list(p, v, "columns", &k->columns));
    k->column = room(p, k->columns, sizeof *k->column);
    for (size_t i = 0; !p->failed && json_walk_next(&w); i++)
        k->column[i] = text_of(p, w.value, "columns");
}

static void get_dataset(struct parse *p, struct json_value v, struct manifest_dataset *d)
{
    if (p->failed || v.kind == JSON_KIND_NULL) return;
    d->name = get_text(p, v, "name");
    d->inferred = get_bool(p, v, "inferred");
    d->made = get_bool(p, v, "made");
    d->guess = get_text_or_null(p, v, "guess");
    get_file(p, member(p, v, "ledger"), &d->ledger);
}

/* The columns of the file are those of the table that are not generated. */
static void check_columns(struct parse *p, struct manifest_table *t)
{
    size_t stored = 0;
    for (size_t i = 0; i < t->columns; i++) {
        const struct manifest_column *c = &t->column[i];
        if (c->generated) continue;
        struct avro_column *field = stored < t->rows.schema.columns ? &t->rows.schema.column[stored] : NULL;
        stored++;
        if (!field) break;
        if (c->as_text && field->kind != AVRO_STRING) return fail(p, "column %s is as text, and is no text in its file", c->name);
        field->small = field->kind == AVRO_INT && strcmp(c->type, "smallint") == 0;
    }
    if (stored != t->rows.schema.columns)
        fail(p, "it has %zu columns that are stored, and its file %zu fields", stored, t->rows.schema.columns);
}

static void get_table(struct parse *p, struct json_value v, struct manifest_table *t)
{
    p->table = NULL;
    t->schema = get_name(p, v, "schema");
    t->name = get_name(p, v, "name");
    p->table = t->name;
    struct json_walk w = json_walk_begin(get_list(p, v, "columns", &t->columns));
    t->column = room(p, t->columns, sizeof *t->column);
    for (size_t i = 0; !p->failed && json_walk_next(&w); i++)
        get_column(p, w.value, &t->column[i]);
    w = json_walk_begin(get_list(p, v, "keys", &t->keys));
    t->key = room(p, t->keys, sizeof *t->key);
    for (size_t i = 0; !p->failed && json_walk_next(&w); i++)
        get_key(p, w.value, &t->key[i]);
    get_file(p, member(p, v, "file"), &t->rows);
    get_dataset(p, member(p, v, "dataset"), &t->dataset);
    if (!p->failed) check_columns(p, t);
    p->table = NULL;
}

static bool is_twice(const struct manifest *m, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(m->table[k].schema, m->table[i].schema) == 0 && strcmp(m->table[k].name, m->table[i].name) == 0) return true;
    return false;
}

int manifest_parse(struct slice json, struct manifest *ret_manifest, struct error *err)
{
    struct json_fault fault;
    int r = json_check(json, &(struct json_limits){.depth = DEPTH}, &fault);
    if (r < 0) return error_set(err, r, "%s", error_name(r));
    if (r > 0) return error_set(err, -EBADMSG, "line %zu, byte %zu: %s", fault.line, fault.column, fault.message);
    struct manifest m;
    manifest_init(&m);
    struct parse p = {.arena = &m.arena, .err = err};
    struct json_value root = json_root(json);
    size_t tables;
    const char *format = get_text(&p, root, "format");
    if (format && strcmp(format, FORMAT) != 0) fail(&p, "its format is not \"" FORMAT "\"");
    int64_t version = get_count(&p, root, "version");
    if (!p.failed && version != VERSION) fail(&p, "it is of version %lld; this cetl reads version %d", (long long)version, VERSION);
    m.made_at = get_text(&p, root, "made_at");
    m.server = get_text(&p, root, "server");
    m.database = get_text(&p, root, "database");
    struct json_walk w = json_walk_begin(get_list(&p, root, "tables", &tables));
    m.table = room(&p, tables, sizeof *m.table);
    while (!p.failed && json_walk_next(&w)) {
        m.tables++;
        get_table(&p, w.value, &m.table[m.tables - 1]);
        if (!p.failed && is_twice(&m, m.tables - 1)) fail(&p, "table %s is there twice", m.table[m.tables - 1].name);
    }
    if (p.failed) {
        manifest_done(&m);
        return p.failed;
    }
    *ret_manifest = m;
    return 0;
}
