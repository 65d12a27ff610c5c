/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "format/pgvalue.h"
#include "reading.h"

enum { FLUSH_BYTES = 64 << 10 };

/* Rejects may be many: what is there goes out. */
static void flush_some(struct check *c)
{
    if (c->out.len < FLUSH_BYTES) return;
    fwrite(c->out.data, 1, c->out.len, stdout);
    buf_reset(&c->out);
}

static void write_head(struct check *c)
{
    const struct trial *t = &c->trial;
    struct json_writer *w = &c->json;
    buf_init(&c->out, SIZE_MAX);
    json_writer_init(w, &c->out);
    json_write_object(w);
    json_write_field_text(w, "file", c->source.name);
    json_write_field_text(w, "dataset", t->name);
    json_write_field_bool(w, "declared", t->declared);
    if (t->head.rc == 0 && t->head.plan_head.cells > 0) reading_json(t, w);
}

static void write_columns(struct check *c)
{
    const struct trial *t = &c->trial;
    struct json_writer *w = &c->json;
    write_head(c);
    json_write_field_text(w, "schema", t->dataset->table.schema);
    json_write_field_text(w, "table", t->dataset->table.name);
    json_write_key(w, "columns");
    json_write_array(w);
    for (size_t i = 0; i < t->columns; i++) {
        const struct trial_column *column = &t->column[i];
        json_write_object(w);
        json_write_field_text(w, "name", column->name);
        json_write_field_text(w, "type", column->sql_type);
        if (column->cell >= 0)
            json_write_field_int(w, "cell", column->cell + 1);
        else
            json_write_field_text(w, "from", column->made);
        if (column->added) json_write_field_bool(w, "added", true);
        json_write_end(w);
    }
    json_write_end(w);
    json_write_key(w, "rows");
    json_write_array(w);
}

/* NaN and the infinities are texts. */
static bool is_number(enum type_id id, struct slice text)
{
    bool numeric = id >= TYPE_INT2 && id <= TYPE_FLOAT8;
    size_t sign = text.len > 0 && text.p[0] == '-';
    return numeric && text.len > sign && text.p[sign] >= '0' && text.p[sign] <= '9';
}

static void write_value(struct json_writer *w, enum type_id id, const struct trial_cell *cell)
{
    if (cell->null) return json_write_null(w);
    if (id == TYPE_BOOL) return json_write_bool(w, cell->text.p[0] == 't');
    if (is_number(id, cell->text)) return json_write_raw(w, cell->text);
    if (id != TYPE_JSON && id != TYPE_JSONB) return json_write_slice(w, cell->text);
    json_write_value(w);
    pgvalue_json_fragment(w->out, cell->text);
}

static void write_row(struct check *c, uint64_t line, const struct trial_cell *cell)
{
    struct json_writer *w = &c->json;
    (void)line;
    if (c->told) return;
    json_write_object(w);
    for (size_t i = 0; i < c->trial.columns; i++) {
        json_write_key(w, c->trial.column[i].name);
        write_value(w, c->trial.column[i].type.id, &cell[i]);
    }
    json_write_end(w);
    flush_some(c);
}

static void begin_rejects(struct check *c)
{
    if (c->told) return;
    c->told = true;
    json_write_end(&c->json);
    json_write_key(&c->json, "rejects");
    json_write_array(&c->json);
}

static void write_reject(struct check *c, const struct reject *r)
{
    struct json_writer *w = &c->json;
    begin_rejects(c);
    json_write_object(w);
    json_write_field_int(w, "line", (int64_t)r->line);
    json_write_field_int(w, "byte_offset", (int64_t)r->offset);
    json_write_key(w, "column");
    if (r->column.len > 0)
        json_write_slice(w, r->column);
    else
        json_write_null(w);
    json_write_field_text(w, "code", r->code);
    json_write_field_slice(w, "message", r->message);
    json_write_field_slice(w, "value", r->value);
    json_write_field_slice(w, "raw", r->raw);
    json_write_end(w);
    flush_some(c);
}

static void write_unseen(const struct check *c, struct json_writer *w)
{
    json_write_key(w, "not_looked_at");
    json_write_array(w);
    if (c->unseen.table) json_write_text(w, "table");
    for (int i = 0; i < TRAIT_KINDS; i++)
        if (c->unseen.constraints & 1U << i) json_write_text(w, trait_constraint_name(1 << i));
    if (c->unseen.type) json_write_text(w, "types");
    if (c->unseen.expressions) json_write_text(w, "expressions");
    if (c->unseen.bytes) json_write_text(w, "duplicates");
    json_write_end(w);
}

static void write_end(struct check *c, bool broken)
{
    struct json_writer *w = &c->json;
    const struct trial_counts *n = &c->trial.counts;
    bool fitted = c->trial.columns > 0;
    if (broken && !fitted) return;
    if (!fitted) write_head(c);
    if (fitted) {
        begin_rejects(c);
        json_write_end(w);
        json_write_field_int(w, "rows_read", (int64_t)n->read);
        json_write_field_int(w, "rows_filtered", (int64_t)n->filtered);
        json_write_field_int(w, "rows_rejected", (int64_t)n->rejected);
        write_unseen(c, w);
    }
    json_write_field_bool(w, "fails", c->fails);
    json_write_field_text(w, "error", c->fails ? c->err.text : NULL);
    json_write_end(w);
    buf_putc(&c->out, '\n');
    fwrite(c->out.data, 1, c->out.len, stdout);
    buf_done(&c->out);
}

const struct check_tell *check_json(void)
{
    static const struct check_tell tell = {write_columns, write_row, write_reject, write_end};
    return &tell;
}
