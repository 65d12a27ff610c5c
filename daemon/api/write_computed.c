/* SPDX-License-Identifier: MIT */
#include "api/write_computed.h"

#include "config/token.h"
#include "etl/formulas.h"

static void put_name(struct buf *out, const char *name)
{
    db_quote_identifier(out, slice_of(name));
}

static void put_table(struct buf *out, const struct table *t)
{
    table_quote(out, t->schema, t->name);
}

static bool names(struct token t, const char *name)
{
    if (t.kind == TOKEN_NAME) return slice_equal_nocase(t.text, slice_of(name));
    struct slice inside = {t.text.p + 1, t.text.len - 2};
    return t.kind == TOKEN_QUOTED_NAME && slice_equal(inside, slice_of(name));
}

/* The expression of `column` reads that column of the table. */
static bool reads(struct slice text, const char *column)
{
    struct slice rest = text;
    for (struct token t = token_next(&rest); t.kind != TOKEN_END && t.kind != TOKEN_BAD; t = token_next(&rest))
        if (names(t, column)) return true;
    return false;
}

/* The expression reads only columns: what it says of a row that came by the API is known. */
bool write_reads_columns(const struct dataset *d, struct slice text)
{
    struct slice rest = text;
    for (struct token t = token_next(&rest); t.kind != TOKEN_END && t.kind != TOKEN_BAD; t = token_next(&rest)) {
        if (token_is_word(t, "filename") || token_is_word(t, "line") || token_is_word(t, "loaded_at")) return false;
        for (size_t i = 0; i < d->formulas->read; i++)
            if (d->formulas->input[i].column < 0 && names(t, d->formulas->input[i].name)) return false;
    }
    return true;
}

static bool reads_what_is_brought(const struct write_shape *s, struct slice text)
{
    for (size_t i = 0; i < s->body->fields; i++)
        if (reads(text, s->dataset->table.column[s->body->field[i].column].name)) return true;
    return false;
}

static const struct formulas_lookup *lookup_of(const struct dataset *d, size_t column)
{
    for (size_t i = 0; d->formulas && i < d->formulas->lookups; i++)
        if (d->formulas->lookup[i].column == column) return &d->formulas->lookup[i];
    return NULL;
}

static bool is_looked_up(const struct write_shape *s, size_t column)
{
    const struct formulas_lookup *l = lookup_of(s->dataset, column);
    bool brought = s->kind == WRITE_INSERT;
    for (size_t k = 0; l && k < l->config->lookup.n; k++) {
        int key = s->dataset->formulas->input[l->key[k]].column;
        if (key < 0 || !l->dimension) return false;
        brought |= write_brings(s, (size_t)key);
    }
    return l && brought;
}

/*
 * What the body does not bring and the configuration makes of columns alone: then the row has what a file's would have. An UPDATE
 * makes it anew where it writes a column that is read for it.
 */
bool write_is_computed(const struct write_shape *s, size_t column)
{
    const struct dataset *d = s->dataset;
    if (!d->formulas || write_brings(s, column)) return false;
    if (is_looked_up(s, column)) return true;
    struct slice text = d->formulas->column[column].value.text;
    if (!text.p || !write_reads_columns(d, text) || reads(text, d->table.column[column].name)) return false;
    return s->kind == WRITE_INSERT || reads_what_is_brought(s, text);
}

/* A column of the row as it will be. */
static void put_new(struct buf *out, const struct write_shape *s, size_t column)
{
    const struct table_column *c = &s->dataset->table.column[column];
    if (write_brings(s, column)) {
        buf_puts(out, "x.");
    } else if (s->kind == WRITE_INSERT) {
        buf_printf(out, "NULL::%s", c->sql_type);
        return;
    } else {
        buf_puts(out, "t0.");
    }
    put_name(out, c->name);
}

static void put_lookup(struct buf *out, const struct write_shape *s, const struct formulas_lookup *l)
{
    const struct lookup *c = &l->config->lookup;
    buf_puts(out, "(SELECT \"cetl l\".");
    put_name(out, c->column);
    buf_puts(out, " FROM ");
    put_table(out, &l->dimension->table);
    buf_puts(out, " AS \"cetl l\" WHERE ");
    for (size_t k = 0; k < c->n; k++) {
        buf_puts(out, k ? " AND \"cetl l\"." : "\"cetl l\".");
        put_name(out, c->pair[k].column);
        buf_puts(out, " = ");
        put_new(out, s, (size_t)s->dataset->formulas->input[l->key[k]].column);
    }
    buf_puts(out, ")");
}

bool write_refuses_misses(const struct dataset *d, size_t column)
{
    const struct formulas_lookup *l = lookup_of(d, column);
    return l && l->dimension && l->config->on_miss == CONFIG_MISS_REJECT;
}

bool write_may_miss(const struct write_shape *s, size_t column)
{
    const struct dataset *d = s->dataset;
    if (!write_refuses_misses(d, column) || !write_is_computed(s, column)) return false;
    const struct formulas_lookup *l = lookup_of(d, column);
    for (size_t k = 0; s->kind == WRITE_INSERT && k < l->config->lookup.n; k++)
        if (!write_brings(s, (size_t)d->formulas->input[l->key[k]].column)) return false;
    return true;
}

static void put_key(struct buf *out, const struct dataset *d, const struct formulas_lookup *l, size_t k)
{
    buf_puts(out, "t0.");
    put_name(out, d->table.column[d->formulas->input[l->key[k]].column].name);
}

void write_put_missed(struct buf *out, const struct dataset *d, size_t column)
{
    const struct formulas_lookup *l = lookup_of(d, column);
    const struct lookup *c = &l->config->lookup;
    for (size_t k = 0; k < c->n; k++) {
        put_key(out, d, l, k);
        buf_puts(out, " IS NOT NULL AND ");
    }
    buf_puts(out, "NOT EXISTS (SELECT FROM ");
    put_table(out, &l->dimension->table);
    buf_puts(out, " AS \"cetl l\" WHERE ");
    for (size_t k = 0; k < c->n; k++) {
        buf_puts(out, k ? " AND \"cetl l\"." : "\"cetl l\".");
        put_name(out, c->pair[k].column);
        buf_puts(out, " = ");
        put_key(out, d, l, k);
    }
    buf_putc(out, ')');
}

/* The words that a file's row is refused with. */
void write_put_missed_words(struct buf *out, const struct dataset *d, size_t column)
{
    const struct formulas_lookup *l = lookup_of(d, column);
    const struct lookup *c = &l->config->lookup;
    buf_puts(out, "concat('lookup ', ");
    db_quote_literal(out, slice_of(l->config->lookup_sql));
    buf_puts(out, ", ': no row of ', ");
    db_quote_literal(out, slice_of(c->dataset));
    for (size_t k = 0; k < c->n; k++) {
        buf_puts(out, k ? ", ' and ', " : ", ' has ', ");
        db_quote_literal(out, slice_of(c->pair[k].column));
        buf_puts(out, ", ' = ', ");
        put_key(out, d, l, k);
    }
    buf_putc(out, ')');
}

void write_put_computed(struct buf *out, const struct write_shape *s, size_t column)
{
    const struct dataset *d = s->dataset;
    const struct formulas_lookup *l = lookup_of(d, column);
    if (l) return put_lookup(out, s, l);
    buf_puts(out, "(SELECT (");
    buf_put(out, d->formulas->column[column].value.text);
    buf_puts(out, "\n) FROM (SELECT ");
    bool first = true;
    for (size_t i = 0; i < d->table.columns; i++) {
        if (i == column) continue;
        buf_puts(out, first ? "" : ", ");
        put_new(out, s, i);
        buf_puts(out, " AS ");
        put_name(out, d->table.column[i].name);
        first = false;
    }
    buf_puts(out, ") AS ");
    put_name(out, d->table.name);
    buf_puts(out, ")");
}
