/* SPDX-License-Identifier: MIT */
#include "expr/transform.h"

#include "data/print.h"

#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 640, SHOWN_BYTES = 200, VALUE_MAX = 256 * 1024 };

static const char null_refused[] = "23502", check_violated[] = "23514", not_found[] = "23503";

/* A row that is rejected. */
struct verdict {
    struct verdict *next;
    struct reject reject;
};

/* One batch on its way. */
struct passage {
    const struct transform *t;
    const struct batch *in;
    const struct transform_file *file;
    struct verdict *verdict; /* the last one first */
    struct expr_run run;
    struct batch_column *column; /* the inputs, then the table's columns */
    bool *done;                  /* of each of the table's columns: it has its values */
    uint32_t **found;            /* of each lookup, of each row; NULL: it was not made yet */
    struct expr_rows live;       /* the rows that are neither filtered nor rejected; `row` is ours to write */
    uint32_t *row;
};

/* What an expression is for, in front of what is wrong with it. */
struct subject {
    const char *column; /* NULL: the filter */
    const char *role;   /* "expr", "filter", "check" */
    struct slice text;
};

/* The input of the first lookup. */
static size_t first_found(const struct transform *t)
{
    return t->inputs - t->lookups;
}

/* Kept until the batch is through: it may be tried once more with fewer rows. */
static int reject(struct passage *p, const struct subject *s, uint32_t row, const char *code, const char *words)
{
    char message[MESSAGE_MAX];
    struct slice shown = slice_cut_utf8(s->text, SHOWN_BYTES);
    int n =
        snprintf(message, sizeof message, "%s%s%s%s " SLICE_FMT "%s: %s", s->column ? "column " : "", s->column ? s->column : "",
                 s->column ? ": " : "", s->role, SLICE_ARG(shown), shown.len < s->text.len ? "…" : "", words);
    struct verdict *v = arena_alloc(p->run.arena, sizeof *v);
    if (!v) return -ENOMEM;
    *v = (struct verdict){p->verdict,
                          {.line = p->in->line[row],
                           .offset = p->in->origin[row].offset,
                           .column = slice_of(s->column),
                           .raw = p->in->origin[row].raw}};
    v->reject.message = arena_copy(p->run.arena, slice_cut_utf8((struct slice){message, (size_t)n}, sizeof message - 1));
    snprintf(v->reject.code, sizeof v->reject.code, "%s", code);
    p->verdict = v;
    return v->reject.message.p ? 0 : -ENOMEM;
}

/* The rows of which the last evaluation failed are rejected, and live no more. */
static int drop_faults(struct passage *p, const struct subject *s)
{
    size_t kept = 0;
    if (p->run.faults == 0) return 0;
    p->run.faults = 0;
    for (size_t i = 0; i < p->live.n; i++) {
        uint32_t row = p->row[i];
        const struct expr_fault *fault = p->run.fault[row];
        int r = fault ? reject(p, s, row, fault->code, fault->message) : 0;
        if (r < 0) return r;
        if (!fault) p->row[kept++] = row;
    }
    p->live.n = kept;
    return 0;
}

/* ---- lookups ---- */

/* The rows that live are looked up; those that nobody needs any more are left as they are. */
static int look_up(struct passage *p, size_t i)
{
    const struct transform_lookup *l = &p->t->lookup[i];
    const struct batch_column *key[LOOKUP_KEYS_MAX];
    struct batch_column *out = &p->column[first_found(p->t) + i];
    size_t rows = p->in->rows;
    if (p->found[i]) return 0;
    *out = (struct batch_column){.type = l->type};
    out->value = arena_array(p->run.arena, rows + 1, sizeof *out->value);
    out->null = arena_array(p->run.arena, rows + 1, sizeof *out->null);
    p->found[i] = arena_array(p->run.arena, rows + 1, sizeof *p->found[i]);
    if (!out->value || !out->null || !p->found[i]) return -ENOMEM;
    for (size_t k = 0; k < l->config->n; k++)
        key[k] = &p->column[l->key[k]];
    dictionary_find(l->dictionary, key, &(struct dictionary_rows){p->row, p->live.n}, p->found[i]);
    for (size_t n = 0; n < p->live.n; n++) {
        uint32_t row = p->row[n], found = p->found[i][row];
        out->null[row] = true;
        if (found != DICTIONARY_MISSED && found != DICTIONARY_NULL)
            out->value[row] = dictionary_value(l->dictionary, found, l->value, &out->null[row]);
    }
    return 0;
}

/* What an expression reads of them. */
static int look_up_for(struct passage *p, const struct expr *e)
{
    int r = 0;
    for (size_t i = 0; i < p->t->lookups && r == 0; i++)
        if (expr_uses(e, first_found(p->t) + i)) r = look_up(p, i);
    return r;
}

/* "no row of customers has id = 42" */
static int reject_missed(struct passage *p, const struct transform_lookup *l, uint32_t row)
{
    const struct subject s = {l->column, "lookup", l->text};
    struct buf words;
    buf_init(&words, MESSAGE_MAX);
    buf_printf(&words, "no row of %s", l->config->dataset);
    for (size_t k = 0; k < l->config->n; k++) {
        const struct batch_column *key = &p->column[l->key[k]];
        buf_printf(&words, "%s %s = ", k ? " and" : " has", l->config->pair[k].column);
        if (type_info(key->type.id)->fixed || key->value[row].s.len < MESSAGE_MAX / 4)
            print_value(&words, key->type.id, key->value[row]);
        else
            buf_puts(&words, "…");
    }
    const char *text = buf_cstr(&words);
    int r = reject(p, &s, row, not_found, text ? text : "no such row");
    buf_done(&words);
    return r;
}

static int drop_missed(struct passage *p, size_t i)
{
    const struct transform_lookup *l = &p->t->lookup[i];
    size_t kept = 0;
    int r = l->reject ? look_up(p, i) : 0;
    if (r < 0 || !l->reject) return r;
    for (size_t n = 0; n < p->live.n; n++) {
        uint32_t row = p->row[n];
        bool missed = p->found[i][row] == DICTIONARY_MISSED;
        r = missed ? reject_missed(p, l, row) : 0;
        if (r < 0) return r;
        if (!missed) p->row[kept++] = row;
    }
    p->live.n = kept;
    return 0;
}

/* ---- expressions ---- */

static int evaluate(struct passage *p, const struct transform_expr *e, const struct subject *s,
                    const struct batch_column **ret_column)
{
    int r = look_up_for(p, e->expr);
    if (r == 0) r = expr_eval(e->expr, &p->run, &p->live, ret_column);
    return r < 0 ? r : drop_faults(p, s);
}

/* A transform without inputs and lookups makes every column of nothing: no input of it is found. */
static bool is_looked_up(const struct passage *p, const struct transform_column *c)
{
    return p->t->lookups > 0 && c->input >= first_found(p->t);
}

static const char *role_of(const struct passage *p, const struct transform_column *c)
{
    return is_looked_up(p, c) ? "lookup" : "expr";
}

static int drop_nulls(struct passage *p, const struct transform_column *c, const bool *null)
{
    const struct subject s = {c->name, role_of(p, c), c->value.text};
    size_t kept = 0;
    for (size_t i = 0; i < p->live.n; i++) {
        uint32_t row = p->row[i];
        int r = null[row] ? reject(p, &s, row, null_refused, "the value is NULL; expected one, because the column is not null") : 0;
        if (r < 0) return r;
        if (!null[row]) p->row[kept++] = row;
    }
    p->live.n = kept;
    return 0;
}

static int compute(struct passage *p, size_t i)
{
    const struct transform_column *c = &p->t->column[i];
    struct batch_column *out = &p->column[p->t->inputs + i];
    if (p->done[i] || c->absent) return 0;
    p->done[i] = true;
    bool looked_up = is_looked_up(p, c);
    if (looked_up) {
        int r = look_up(p, c->input - first_found(p->t));
        if (r < 0) return r;
    }
    if (!c->value.expr) {
        *out = p->column[c->input];
        return looked_up && c->not_null ? drop_nulls(p, c, out->null) : 0;
    }
    const struct batch_column *values;
    int r = evaluate(p, &c->value, &(struct subject){c->name, role_of(p, c), c->value.text}, &values);
    if (r < 0) return r;
    *out = *values;
    return c->not_null ? drop_nulls(p, c, out->null) : 0;
}

static int filter(struct passage *p, uint64_t *ret_filtered)
{
    const struct transform_expr *f = &p->t->filter;
    for (size_t i = 0; i < p->t->columns; i++) {
        int r = expr_uses(f->expr, p->t->inputs + i) ? compute(p, i) : 0;
        if (r < 0) return r;
    }
    const struct batch_column *wanted;
    int r = evaluate(p, f, &(struct subject){NULL, "filter", f->text}, &wanted);
    if (r < 0) return r;
    const bool *null = wanted->null;
    const union value *value = wanted->value;
    uint32_t *live = p->row;
    size_t n = p->live.n, kept = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t row = live[i];
        live[kept] = row;
        kept += !null[row] && value[row].i != 0;
    }
    *ret_filtered = n - kept;
    p->live.n = kept;
    return 0;
}

/* Of the reject that was written last: what the column has in that row. Too much of it is left out. */
static void show_value(struct passage *p, const struct batch_column *c, uint32_t row)
{
    union value v = c->value[row];
    if (c->null[row]) return;
    if (c->type.id == TYPE_TEXT || c->type.id == TYPE_VARCHAR) v.s = slice_cut_utf8(v.s, REJECT_VALUE_MAX);
    struct buf text;
    buf_init(&text, VALUE_MAX);
    print_value(&text, c->type.id, v);
    if (buf_check(&text) == 0)
        p->verdict->reject.value = arena_copy(p->run.arena, slice_cut_utf8(buf_slice(&text), REJECT_VALUE_MAX));
    buf_done(&text);
}

/* The check of the table's column i. */
static int check(struct passage *p, size_t i)
{
    const struct transform_column *c = &p->t->column[i];
    const struct subject s = {c->name, "check", c->check.text};
    const struct batch_column *held;
    int r = evaluate(p, &c->check, &s, &held);
    if (r < 0) return r;
    size_t kept = 0;
    for (size_t k = 0; k < p->live.n; k++) {
        uint32_t row = p->row[k];
        bool broken = !held->null[row] && held->value[row].i == 0;
        r = broken ? reject(p, &s, row, check_violated, "it is false for this row") : 0;
        if (r < 0) return r;
        if (broken && !c->absent) show_value(p, &p->column[p->t->inputs + i], row);
        if (!broken) p->row[kept++] = row;
    }
    p->live.n = kept;
    return 0;
}

static int begin(struct passage *p, struct arena *arena)
{
    const struct transform *t = p->t;
    size_t rows = p->in->rows;
    p->column = arena_array(arena, t->inputs + t->columns + 1, sizeof *p->column);
    p->done = arena_array(arena, t->columns + 1, sizeof *p->done);
    p->row = arena_array(arena, rows + 1, sizeof *p->row);
    const struct expr_fault **fault = arena_array(arena, rows + 1, sizeof(struct expr_fault *));
    p->found = arena_array(arena, t->lookups + 1, sizeof(uint32_t *));
    if (!p->column || !p->done || !p->row || !fault || !p->found) return -ENOMEM;
    memcpy(p->column, p->in->column, first_found(t) * sizeof *p->column);
    for (size_t i = 0; i < rows; i++)
        p->row[i] = (uint32_t)i;
    p->live = (struct expr_rows){p->row, rows};
    p->run = (struct expr_run){.column = p->column,
                               .line = p->in->line,
                               .rows = rows,
                               .file = p->file->name,
                               .loaded_at = p->file->loaded_at,
                               .ctype = p->file->ctype,
                               .arena = arena,
                               .fault = fault};
    return 0;
}

/* A column's values of the rows that are left, side by side. Several columns may share one array, so it is not moved in place. */
static int gather(const struct passage *p, const struct batch_column *from, struct arena *arena, struct batch_column *to)
{
    to->value = arena_alloc(arena, p->live.n * sizeof *to->value);
    to->null = arena_alloc(arena, p->live.n * sizeof *to->null);
    if (!to->value || !to->null) return -ENOMEM;
    const union value *value = from->value;
    union value *to_value = to->value;
    const bool *null = from->null;
    bool *to_null = to->null;
    const uint32_t *row = p->row;
    size_t n = p->live.n;
    if (n == 0) return 0;
    for (size_t i = 0; i < n; i++)
        to_value[i] = value[row[i]];
    if (!memchr(null + row[0], 1, row[n - 1] - row[0] + 1)) { /* as most columns are */
        memset(to_null, false, n);
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        to_null[i] = null[row[i]];
    return 0;
}

/* The table's columns that are not absent, with the rows that are left. */
static int finish(const struct passage *p, struct arena *arena, struct batch *ret_out)
{
    const struct transform *t = p->t;
    bool all = p->live.n == p->in->rows;
    struct batch out = {.rows = p->live.n, .rows_max = p->in->rows_max, .line = p->in->line};
    out.column = arena_array(arena, t->columns + 1, sizeof *out.column);
    if (!all) out.line = arena_alloc(arena, p->live.n * sizeof *out.line);
    if (!out.column || !out.line) return -ENOMEM;
    for (size_t i = 0; i < p->live.n && !all; i++)
        out.line[i] = p->in->line[p->row[i]];
    for (size_t i = 0; i < t->columns; i++) {
        if (t->column[i].absent) continue;
        struct batch_column *to = &out.column[out.columns++];
        *to = p->column[t->inputs + i];
        to->type = t->column[i].type;
        int r = all ? 0 : gather(p, &p->column[t->inputs + i], arena, to);
        if (r < 0) return r;
    }
    *ret_out = out;
    return 0;
}

int transform_apply(const struct transform *t, const struct batch *in, const struct transform_file *file, struct arena *arena,
                    struct reject_list *rejects, struct batch *ret_out, uint64_t *ret_filtered)
{
    struct passage p = {.t = t, .in = in, .file = file};
    *ret_filtered = 0;
    int r = begin(&p, arena);
    if (r == 0 && t->filter.expr) r = filter(&p, ret_filtered);
    for (size_t i = 0; i < t->lookups && r == 0; i++)
        r = drop_missed(&p, i);
    for (size_t i = 0; i < t->columns && r == 0; i++)
        r = compute(&p, i);
    for (size_t i = 0; i < t->columns && r == 0; i++)
        if (t->column[i].check.expr) r = check(&p, i);
    if (r == 0) r = finish(&p, arena, ret_out);
    for (const struct verdict *v = p.verdict; v && r == 0; v = v->next)
        r = reject_list_add(rejects, &v->reject);
    return r;
}

int transform_reject_big(const struct batch *in, size_t row, struct reject_list *rejects)
{
    static const char message[] = "what the expressions make of this row takes too much memory; expected a few megabytes at most";
    return reject_list_add(rejects, &(struct reject){.line = in->line[row],
                                                     .offset = in->origin[row].offset,
                                                     .code = "54000",
                                                     .message = slice_of(message),
                                                     .raw = in->origin[row].raw});
}

size_t transform_bytes(const struct transform *t)
{
    enum { COLUMNS_A_VALUE = 4 }; /* an expression's intermediate results */
    return batch_bytes(t->inputs) + COLUMNS_A_VALUE * batch_bytes(t->columns);
}
