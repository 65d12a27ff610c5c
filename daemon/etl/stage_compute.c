/* SPDX-License-Identifier: MIT */
/*
 * Formulas that run in the server: the rows come as the formulas' inputs into a temporary table of their own, and one statement
 * makes the stage's rows of them.
 */
#include "config/token.h"
#include "db/query.h"
#include "etl/stage_sql.h"

#include <string.h>

/* What a check or a lookup refuses a row with. Temporary as the stage; one that is there from an earlier load of the session is the
 * same. */
#define MAKE_REFUSE                                                                                                                \
    "CREATE OR REPLACE FUNCTION pg_temp.cetl_refuse(code text, name text, words text) RETURNS boolean LANGUAGE plpgsql AS"         \
    " $$BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = words, COLUMN = name; END$$; "

static bool refuses(const struct stage *s)
{
    for (size_t i = 0; i < s->table->columns; i++)
        if (s->formulas->column[i].check.text.p) return true;
    for (size_t i = 0; i < s->formulas->lookups; i++)
        if (s->formulas->lookup[i].config->on_miss == CONFIG_MISS_REJECT) return true;
    return false;
}

/* The cell of the name that a computed column has. */
static bool is_hidden(const struct stage *s, const struct formulas_input *in)
{
    return in->column < 0 && table_find(s->table, in->name) >= 0;
}

void stage_put_input(struct buf *out, const struct stage *s)
{
    char type[64];
    if (refuses(s)) buf_puts(out, MAKE_REFUSE);
    buf_puts(out, "CREATE TEMP TABLE cetl_input ON COMMIT DROP AS SELECT ");
    for (size_t i = 0; i < s->formulas->read; i++) {
        const struct formulas_input *in = &s->formulas->input[i];
        if (in->column < 0) buf_printf(out, "NULL::%s AS ", type_sql(in->type, type));
        stage_put_name(out, in->name);
        buf_puts(out, ", ");
    }
    buf_puts(out, "NULL::int8 AS " STAGE_FILE ", NULL::int8 AS " STAGE_LINE " FROM ");
    table_quote(out, s->table->schema, s->table->name);
    buf_puts(out, " WITH NO DATA");
}

static void put_timestamp(struct buf *out, int64_t us)
{
    buf_printf(out, "('2000-01-01 00:00:00+00'::timestamptz + %lld * interval '1 microsecond')", (long long)us);
}

/* What was written from `begin` on is the expression from `in` on (`word`: it stands for the word there). */
static void trace(const struct stage *s, const struct buf *out, size_t begin, struct slice text, size_t in, bool word)
{
    struct stage_trace *t = s->trace;
    if (!t || t->at < begin || t->at >= out->len) return;
    t->formula = text;
    t->in = in + (word ? 0 : t->at - begin);
}

static void put_piece(struct buf *out, const struct stage *s, struct slice text, const char *from, const char *end)
{
    size_t begin = out->len;
    buf_append(out, from, (size_t)(end - from));
    trace(s, out, begin, text, (size_t)(from - text.p), false);
}

/* The expression as it stands, but for our own functions, which the server does not know. */
static void put_formula(struct buf *out, const struct stage *s, struct slice text)
{
    struct slice rest = text;
    const char *done = text.p;
    buf_puts(out, "(");
    for (struct token t = token_next(&rest); t.kind != TOKEN_END; t = token_next(&rest)) {
        bool file = token_is_word(t, "filename"), line = token_is_word(t, "line"), loaded = token_is_word(t, "loaded_at");
        if (!file && !line && !loaded) continue;
        struct slice behind = rest;
        if (!token_is_sign(token_next(&behind), "(") || !token_is_sign(token_next(&behind), ")")) continue;
        put_piece(out, s, text, done, t.text.p);
        size_t begin = out->len;
        if (file) db_quote_literal(out, s->file);
        if (line) buf_puts(out, STAGE_LINE);
        if (loaded) put_timestamp(out, s->loaded_at);
        trace(s, out, begin, text, (size_t)(t.text.p - text.p), true);
        done = behind.p;
        rest = behind;
    }
    put_piece(out, s, text, done, text.p + text.len);
    buf_puts(out, "\n)"); /* the line end: it may end in a comment */
}

/* CASE … END that is true for the rows that are wanted, and raises where a check is false. */
static void put_condition(struct buf *out, const struct stage *s)
{
    const struct formulas *f = s->formulas;
    buf_puts(out, "CASE ");
    if (f->filter.text.p) {
        buf_puts(out, "WHEN ");
        put_formula(out, s, f->filter.text);
        buf_puts(out, " IS NOT TRUE THEN false ");
    }
    for (size_t i = 0; i < f->lookups; i++) {
        if (f->lookup[i].config->on_miss != CONFIG_MISS_REJECT) continue;
        buf_printf(out, "WHEN " STAGE_MISSED " IS NOT NULL THEN pg_temp.cetl_refuse('23503', ", i);
        db_quote_literal(out, slice_of(f->lookup[i].config->name));
        buf_puts(out, ", 'lookup ' || ");
        db_quote_literal(out, slice_of(f->lookup[i].config->lookup_sql));
        buf_printf(out, " || ': ' || " STAGE_MISSED ") ", i);
    }
    for (size_t i = 0; i < s->table->columns; i++) {
        struct slice check = f->column[i].check.text;
        if (!check.p) continue;
        buf_puts(out, "WHEN ");
        put_formula(out, s, check);
        buf_puts(out, " IS FALSE THEN pg_temp.cetl_refuse('23514', ");
        db_quote_literal(out, slice_of(s->table->column[i].name));
        buf_puts(out, ", 'check ' || ");
        db_quote_literal(out, check);
        buf_puts(out, " || ': it is false for this row') ");
    }
    buf_puts(out, "WHEN true THEN true END");
}

static void put_key(struct buf *out, const struct formulas *f, size_t i, size_t k)
{
    buf_puts(out, STAGE_IN ".");
    stage_put_name(out, f->input[f->lookup[i].key[k]].name);
}

static void put_found(struct buf *out, size_t i, const char *column)
{
    buf_printf(out, STAGE_LOOK ".", i);
    stage_put_name(out, column);
}

/* What lookup number `i` has not found: a key without a NULL that has no row. */
static void put_missed(struct buf *out, const struct formulas *f, size_t i)
{
    const struct lookup *l = &f->lookup[i].config->lookup;
    buf_puts(out, ", CASE WHEN ");
    put_found(out, i, l->pair[0].column);
    buf_puts(out, " IS NULL THEN 'no row of ' || ");
    db_quote_literal(out, slice_of(l->dataset));
    for (size_t k = 0; k < l->n; k++) {
        buf_puts(out, k ? " || ' and ' || " : " || ' has ' || ");
        db_quote_literal(out, slice_of(l->pair[k].column));
        buf_puts(out, " || ' = ' || ");
        put_key(out, f, i, k);
        buf_puts(out, "::text");
    }
    buf_printf(out, " END AS " STAGE_MISSED, i);
}

/* At most one row is found, since the keys are unique. */
static void put_join(struct buf *out, const struct formulas *f, size_t i)
{
    const struct formulas_lookup *l = &f->lookup[i];
    const struct lookup *config = &l->config->lookup;
    buf_puts(out, " LEFT JOIN ");
    table_quote(out, l->dimension->table.schema, l->dimension->table.name);
    buf_printf(out, " AS " STAGE_LOOK, i);
    for (size_t k = 0; k < config->n; k++) {
        buf_puts(out, k ? " AND " : " ON ");
        put_found(out, i, config->pair[k].column);
        buf_puts(out, " = ");
        put_key(out, f, i, k);
    }
}

/* The cell of the name that a column has which is looked up: only its own key reads it. */
static bool is_shadowed(const struct formulas *f, const struct formulas_input *in)
{
    for (size_t i = 0; i < f->lookups; i++)
        if (strcmp(f->lookup[i].config->name, in->name) == 0) return true;
    return false;
}

static bool is_looked_up(const struct formulas *f, size_t column)
{
    for (size_t i = 0; i < f->lookups; i++)
        if (f->lookup[i].column == column) return true;
    return false;
}

/* The inputs, with what is looked up beside them; their name follows. */
static void put_inputs(struct buf *out, const struct stage *s)
{
    const struct formulas *f = s->formulas;
    if (f->lookups == 0) return buf_puts(out, "pg_temp.cetl_input AS ");
    buf_puts(out, "(SELECT " STAGE_FILE ", " STAGE_LINE);
    for (size_t i = 0; i < f->read; i++) {
        if (is_shadowed(f, &f->input[i])) continue;
        buf_puts(out, ", " STAGE_IN ".");
        stage_put_name(out, f->input[i].name);
    }
    for (size_t i = 0; i < f->lookups; i++) {
        buf_puts(out, ", ");
        put_found(out, i, f->lookup[i].config->lookup.column);
        buf_puts(out, " AS ");
        stage_put_name(out, f->lookup[i].config->name);
        put_missed(out, f, i);
    }
    buf_puts(out, " FROM pg_temp.cetl_input AS " STAGE_IN);
    for (size_t i = 0; i < f->lookups; i++)
        put_join(out, f, i);
    buf_puts(out, ") AS ");
}

/* Inputs and computed columns by the names that filter and checks know them by, under the table's own. */
static void put_rows(struct buf *out, const struct stage *s)
{
    const struct formulas *f = s->formulas;
    buf_puts(out, "SELECT " STAGE_FILE ", " STAGE_LINE);
    for (size_t i = 0; i < f->inputs; i++) {
        if (is_hidden(s, &f->input[i])) continue; /* what is looked up is an input, too */
        buf_puts(out, ", ");
        stage_put_name(out, f->input[i].name);
    }
    for (size_t i = 0; i < f->lookups; i++)
        buf_printf(out, ", " STAGE_MISSED, i);
    for (size_t i = 0; i < s->table->columns; i++) {
        if (!f->column[i].value.text.p || is_looked_up(f, i)) continue;
        buf_puts(out, ", ");
        put_formula(out, s, f->column[i].value.text);
        buf_puts(out, " AS ");
        stage_put_name(out, s->table->column[i].name);
    }
    buf_puts(out, " FROM ");
    put_inputs(out, s);
    stage_put_name(out, s->table->name);
}

void stage_compute_sql(struct buf *out, const struct stage *s)
{
    buf_puts(out, "INSERT INTO pg_temp.cetl_stage (");
    stage_put_columns(out, s);
    buf_puts(out, ", " STAGE_FILE ", " STAGE_LINE ") SELECT ");
    stage_put_columns(out, s);
    buf_puts(out, ", " STAGE_FILE ", " STAGE_LINE " FROM (");
    put_rows(out, s);
    buf_puts(out, ") AS ");
    stage_put_name(out, s->table->name);
    buf_puts(out, " WHERE ");
    put_condition(out, s);
}
