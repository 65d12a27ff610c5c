/* SPDX-License-Identifier: MIT */
#include "api/write_body.h"

#include "csv/reader.h"
#include "csv/utf8.h"
#include "format/json_reader.h"
#include "format/json_writer.h"

#include <inttypes.h>
#include <stdio.h>

enum { NESTED_MAX = 32, NAME_BYTES = 256, SHOWN_BYTES = 60, ROWS_FIRST = 16, ARENA_BLOCK = 4096 };

struct reading {
    const struct write_source *source;
    struct write_body *body;
    struct write_fault *fault;
    size_t *place;          /* of each of the table's columns: its number among the fields + 1, or 0 */
    struct slice *previous; /* of each field: its name as the row before had it, which the next has, too, as a rule */
    size_t row_cap;
};

/* ---- faults ---- */

static int refuse(struct reading *r, int kind, int64_t index, const char *format, ...) printf_like(4, 5);
static int refuse(struct reading *r, int kind, int64_t index, const char *format, ...)
{
    va_list args;
    *r->fault = (struct write_fault){.kind = kind, .index = index};
    va_start(args, format);
    vsnprintf(r->fault->message, sizeof r->fault->message, format, args);
    va_end(args);
    return kind;
}

static int refuse_json(struct reading *r, const struct json_fault *f, size_t lines_before)
{
    return refuse(r, WRITE_E_MALFORMED, -1, "the body is no sound JSON: line %zu, byte %zu: %s", f->line + lines_before, f->column,
                  f->message);
}

/* ---- columns ---- */

static int refuse_column(struct reading *r, int64_t index, struct slice name)
{
    const struct table *t = r->source->table;
    struct slice shown = slice_cut_utf8(name, SHOWN_BYTES);
    int e = refuse(r, WRITE_E_WRONG, index, "%s has no column \"%.*s\" that can be written", t->name, (int)shown.len, shown.p);
    snprintf(r->fault->column, sizeof r->fault->column, "%.*s", (int)shown.len, shown.p);
    r->fault->code = "PGRST204";
    return e;
}

/* The table's column of that name, or -1. */
static int find_column(const struct reading *r, struct slice name)
{
    char text[NAME_BYTES];
    if (name.len >= sizeof text || memchr(name.p, '\0', name.len)) return -1;
    memcpy(text, name.p, name.len);
    text[name.len] = '\0';
    int c = table_find(r->source->table, text);
    return c >= 0 && (r->source->table->column[c].generated || r->source->table->column[c].lineage) ? -1 : c;
}

static void add_field(struct reading *r, size_t column)
{
    struct write_body *b = r->body;
    if (r->place[column]) return;
    b->field[b->fields++] = (struct write_field){.column = column};
    r->place[column] = b->fields;
}

/* `columns` says beforehand what the fields are. */
static int take_columns(struct reading *r)
{
    for (const struct rest_name *n = r->source->columns; n; n = n->next) {
        int c = find_column(r, n->name);
        if (c < 0) return refuse_column(r, -1, n->name);
        add_field(r, (size_t)c);
    }
    return 0;
}

static int prepare(struct reading *r)
{
    struct arena *a = &r->body->arena;
    size_t columns = r->source->table->columns;
    r->place = arena_array(a, columns + 1, sizeof *r->place);
    r->previous = arena_array(a, columns + 1, sizeof *r->previous);
    r->body->field = arena_array(a, columns + 1, sizeof *r->body->field);
    if (!r->place || !r->previous || !r->body->field) return -ENOMEM;
    return take_columns(r);
}

/* ---- rows ---- */

static int add_row(struct reading *r, struct slice object)
{
    struct write_body *b = r->body;
    if (r->source->rows_max && b->rows == r->source->rows_max)
        return refuse(r, WRITE_E_COUNT, (int64_t)b->rows, "there are more rows than the %zu that one request may bring",
                      r->source->rows_max);
    if (b->rows == r->row_cap) {
        size_t cap = r->row_cap ? 2 * r->row_cap : ROWS_FIRST;
        struct slice *row = arena_array(&b->arena, cap, sizeof *row);
        if (!row) return -ENOMEM;
        if (b->rows) memcpy(row, b->row, b->rows * sizeof *row);
        b->row = row;
        r->row_cap = cap;
    }
    b->row[b->rows++] = object;
    return 0;
}

/* What the name, in quotes as it stands, means, in the arena. */
static struct slice unquoted(struct reading *r, struct slice raw)
{
    struct slice inside = {raw.p + 1, raw.len - 2};
    if (inside.len == 0 || !memchr(inside.p, '\\', inside.len)) return inside;
    struct buf text;
    buf_init(&text, raw.len);
    json_unquote(&text, raw);
    struct slice copy = arena_copy(&r->body->arena, buf_slice(&text));
    buf_done(&text);
    return copy;
}

static int refuse_names(struct reading *r, int64_t index)
{
    int e = refuse(r, WRITE_E_WRONG, index, "all objects must have the same names");
    r->fault->code = "PGRST102";
    snprintf(r->fault->hint, sizeof r->fault->hint, "say with columns= which count");
    return e;
}

static int take_member(struct reading *r, struct slice raw, int64_t index)
{
    struct slice name = unquoted(r, raw);
    if (!name.p) return -ENOMEM;
    int c = find_column(r, name);
    if (c < 0 && r->source->columns) return 0;
    if (c < 0) return refuse_column(r, index, name);
    if (!r->place[c] && r->source->columns) return 0;
    if (!r->place[c] && r->source->same_names && index > 0) return refuse_names(r, index);
    add_field(r, (size_t)c);
    r->body->field[r->place[c] - 1].seen++;
    r->previous[r->place[c] - 1] = raw;
    return 0;
}

static int take_object(struct reading *r, struct json_value v)
{
    int64_t index = (int64_t)r->body->rows;
    if (v.kind != JSON_KIND_OBJECT)
        return refuse(r, WRITE_E_WRONG, index, "a row must be an object, and this is %s", json_kind_text(v.kind));
    struct write_body *b = r->body;
    size_t members = 0;
    struct json_walk w = json_walk_begin(v);
    for (; json_walk_next(&w); members++) {
        if (members < b->fields && slice_equal(r->previous[members], w.name)) {
            b->field[members].seen++;
            continue;
        }
        int e = take_member(r, w.name, index);
        if (e != 0) return e;
    }
    if (r->source->same_names && !r->source->columns && members != b->fields) return refuse_names(r, index);
    return add_row(r, v.raw);
}

static int check_json(struct reading *r, struct slice text, size_t lines_before)
{
    struct json_fault fault;
    int e = json_check(text, &(struct json_limits){.depth = NESTED_MAX}, &fault);
    return e > 0 ? refuse_json(r, &fault, lines_before) : e;
}

static int join_rows(struct reading *r)
{
    struct write_body *b = r->body;
    struct buf all;
    buf_init(&all, SIZE_MAX / 2);
    write_body_piece(b, 0, b->rows, &all);
    b->all = arena_copy(&b->arena, buf_slice(&all));
    int e = buf_check(&all);
    buf_done(&all);
    return e < 0 || !b->all.p ? -ENOMEM : 0;
}

static int read_json(struct reading *r)
{
    int e = check_json(r, r->source->text, 0);
    if (e != 0) return e;
    struct json_value root = json_root(r->source->text);
    r->body->object = root.kind == JSON_KIND_OBJECT;
    if (r->body->object) {
        e = take_object(r, root);
        return e == 0 ? join_rows(r) : e;
    }
    if (root.kind != JSON_KIND_ARRAY)
        return refuse(r, WRITE_E_WRONG, -1, "the body must be an object, or an array of objects, and this is %s",
                      json_kind_text(root.kind));
    struct json_walk w = json_walk_begin(root);
    while (e == 0 && json_walk_next(&w))
        e = take_object(r, w.value);
    r->body->all = root.raw;
    return e;
}

static int read_ndjson(struct reading *r)
{
    struct slice rest = r->source->text;
    int e = 0;
    for (size_t line = 0; rest.p && e == 0; line++) {
        struct slice text = slice_trim(slice_cut(&rest, '\n'));
        if (text.len == 0) continue;
        e = check_json(r, text, line);
        if (e == 0) e = take_object(r, json_root(text));
    }
    return e == 0 ? join_rows(r) : e;
}

/* ---- CSV ---- */

static int refuse_csv(struct reading *r, const struct record *record, const char *why)
{
    return refuse(r, WRITE_E_MALFORMED, -1, "the body is no sound CSV: line %" PRIu64 ": %s", record->line, why);
}

static bool is_json(const struct table_column *c)
{
    return c->known && (c->type.id == TYPE_JSON || c->type.id == TYPE_JSONB);
}

/* A cell as a JSON value: NULL, the text, or of a column of JSON what it holds. */
static int put_cell(struct reading *r, const struct cell *cell, size_t column, struct json_writer *w)
{
    const struct table_column *c = &r->source->table->column[column];
    if (cell->text.len == 0 && !cell->quoted) {
        json_write_null(w);
        return 0;
    }
    struct json_fault unused;
    if (is_json(c) && json_check(cell->text, &(struct json_limits){.depth = NESTED_MAX}, &unused) == 0) {
        json_write_raw(w, json_root(cell->text).raw);
        return 0;
    }
    json_write_slice(w, cell->text);
    return 0;
}

static int take_header(struct reading *r, const struct record *h, int **ret_field)
{
    int *field = arena_array(&r->body->arena, h->n + 1, sizeof *field);
    if (!field) return -ENOMEM;
    for (size_t i = 0; i < h->n; i++) {
        int c = find_column(r, h->cell[i].text);
        bool wanted = c >= 0 && (!r->source->columns || r->place[c]);
        if (c < 0 && !r->source->columns) return refuse_column(r, -1, h->cell[i].text);
        for (size_t k = 0; k < i && wanted; k++)
            if (field[k] == c) return refuse_csv(r, h, "a column stands in the header twice");
        if (wanted) add_field(r, (size_t)c);
        field[i] = wanted ? c : -1;
    }
    *ret_field = field;
    return 0;
}

static int take_record(struct reading *r, const struct record *record, const int *field, size_t cells)
{
    if (record->n != cells) return refuse_csv(r, record, "it has not as many cells as the header");
    struct buf object;
    struct json_writer w;
    buf_init(&object, SIZE_MAX / 2);
    json_writer_init(&w, &object);
    json_write_object(&w);
    int e = 0;
    for (size_t i = 0; i < cells && e == 0; i++) {
        if (field[i] < 0) continue;
        json_write_key(&w, r->source->table->column[field[i]].name);
        e = put_cell(r, &record->cell[i], (size_t)field[i], &w);
        r->body->field[r->place[field[i]] - 1].seen++;
    }
    json_write_end(&w);
    struct slice copy = arena_copy(&r->body->arena, buf_slice(&object));
    if (e == 0 && (buf_check(&object) < 0 || !copy.p)) e = -ENOMEM;
    buf_done(&object);
    return e == 0 ? add_row(r, copy) : e;
}

static int read_csv(struct reading *r)
{
    struct dialect d = dialect_default();
    d.delimiter = ',';
    d.line_end = DIALECT_END_LF;
    d.blank = DIALECT_BLANK_SKIP;
    static const struct slice mark = {"\xef\xbb\xbf", 3};
    struct slice text = r->source->text;
    if (slice_starts(text, mark)) text = (struct slice){text.p + mark.len, text.len - mark.len};
    struct reader reader;
    struct record record;
    int *field = NULL, e = 0;
    size_t cells = 0;
    reader_init(&reader, &(struct reader_input){.dialect = &d, .chunk = text, .first_line = 1}, &r->body->arena);
    while (e == 0) {
        int got = reader_next(&reader, &record);
        if (got == READER_E_END) break;
        if (got < 0) return got;
        if (got > 0) return refuse_csv(r, &record, reader_error_text(got));
        e = field ? take_record(r, &record, field, cells) : take_header(r, &record, &field);
        if (cells == 0) cells = record.n;
    }
    return e == 0 ? join_rows(r) : e;
}

/* ---- all ---- */

int write_body_read(const struct write_source *source, struct write_body *ret_body, struct write_fault *ret_fault)
{
    static int (*const read[])(struct reading *) = {[WRITE_JSON] = read_json, [WRITE_NDJSON] = read_ndjson, [WRITE_CSV] = read_csv};
    *ret_body = (struct write_body){0};
    arena_init(&ret_body->arena, ARENA_BLOCK, SIZE_MAX / 2);
    struct reading r = {.source = source, .body = ret_body, .fault = ret_fault};
    int e = prepare(&r);
    return e == 0 ? read[source->media](&r) : e;
}

void write_body_done(struct write_body *b)
{
    arena_done(&b->arena);
    *b = (struct write_body){0};
}

void write_body_piece(const struct write_body *b, size_t from, size_t to, struct buf *out)
{
    buf_putc(out, '[');
    for (size_t i = from; i < to; i++) {
        if (i > from) buf_putc(out, ',');
        buf_put(out, b->row[i]);
    }
    buf_putc(out, ']');
}

/* ---- misfits ---- */

/* The text that the server's input function gets for it. */
static struct slice input_of(struct arena *a, struct json_value v)
{
    if (v.kind != JSON_KIND_STRING) return v.raw;
    struct buf text;
    buf_init(&text, v.raw.len);
    json_unquote(&text, v.raw);
    struct slice copy = arena_copy(a, buf_slice(&text));
    buf_done(&text);
    return copy;
}

static bool misfits(struct arena *a, const struct table_column *c, struct json_value v)
{
    if (!c->known || v.kind == JSON_KIND_NULL || is_json(c)) return false;
    union value unused;
    struct slice text = input_of(a, v);
    return text.p && type_parse(&(struct type_input){.type = c->type}, text, a, &unused) > 0;
}

static void describe_misfit(const struct table_column *c, size_t index, struct slice raw, struct write_fault *f)
{
    struct slice shown = slice_cut_utf8(raw, SHOWN_BYTES);
    *f = (struct write_fault){.kind = WRITE_E_WRONG, .index = (int64_t)index};
    snprintf(f->column, sizeof f->column, "%s", c->name);
    snprintf(f->message, sizeof f->message, "%s must be %s, and %.*s%s is none", c->name, c->sql_type, (int)shown.len, shown.p,
             shown.len < raw.len ? "…" : "");
}

bool write_body_misfit(const struct write_body *b, const struct table *t, struct write_fault *ret_fault)
{
    struct arena a;
    bool found = false;
    arena_init(&a, ARENA_BLOCK, SIZE_MAX / 2);
    for (size_t i = 0; i < b->rows && !found; i++) {
        struct json_walk w = json_walk_begin(json_root(b->row[i]));
        arena_reset(&a);
        while (!found && json_walk_next(&w)) {
            for (size_t f = 0; f < b->fields && !found; f++) {
                const struct table_column *c = &t->column[b->field[f].column];
                found = json_means(w.name, slice_of(c->name)) && misfits(&a, c, w.value);
                if (found) describe_misfit(c, i, w.value.raw, ret_fault);
            }
        }
    }
    arena_done(&a);
    return found;
}
