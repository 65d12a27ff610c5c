/* SPDX-License-Identifier: MIT */
#include "etl/match.h"

#include "base/ascii.h"
#include "base/log.h"
#include "base/name.h"
#include "csv/utf8.h"
#include "etl/formulas.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_MAX = 128, NAMES_SHOWN = 5 };

struct matching {
    const struct dataset *dataset;
    const struct plan_head *head;
    struct arena *arena;
    bool *used; /* cells that found their column */
    struct match match;
    struct error *err;
};

bool plan_head_agrees(const struct plan_head *head, const struct table *t)
{
    size_t own = 0;
    for (size_t i = 0; i < t->columns; i++) {
        if (table_column_is_own(&t->column[i])) {
            own++;
        } else if (plan_head_find(head, t->column[i].name) < 0) {
            return false;
        }
    }
    return head->cells == t->columns - own;
}

/* ---- the path ---- */

static struct slice decode_percent(struct slice text, struct arena *a)
{
    char *out = arena_alloc(a, text.len + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < text.len; i++) {
        int high = text.p[i] == '%' && i + 2 < text.len ? ascii_hex(text.p[i + 1]) : -1;
        int low = high >= 0 ? ascii_hex(text.p[i + 2]) : -1;
        out[n++] = low >= 0 ? (char)(high << 4 | low) : text.p[i];
        if (low >= 0) i += 2;
    }
    return (struct slice){out, n};
}

static int make_part(const struct glob_part *from, const struct plan_head *head, struct arena *a, struct error *err,
                     struct match_part *ret_part)
{
    char name[NAME_MAX_BYTES + 1], shown[SHOWN_MAX];
    name_normalise(from->name, name);
    struct match_part part = {.name = arena_cstr(a, slice_of(name)), .text = from->text};
    if (from->is_hive) part.text = decode_percent(from->text, a);
    if (!part.name || !part.text.p) return -ENOMEM;
    if (!utf8_valid(part.text) || memchr(part.text.p, '\0', part.text.len))
        return error_set(err, PLAN_E_HEADER, "its path %s: {%s} holds bytes that are no UTF-8 text; rename the file or its folder",
                         log_escape(head->path, shown, sizeof shown), part.name);
    if (from->is_hive && slice_equal(part.text, SLICE("__HIVE_DEFAULT_PARTITION__"))) part.text = (struct slice){0};
    *ret_part = part;
    return 0;
}

int match_parts(const struct config_dataset *config, const struct plan_head *head, struct arena *a, struct error *err,
                struct match_part **ret_part, size_t *ret_parts)
{
    struct glob_part found[GLOB_PARTS_MAX];
    size_t n = config ? config_dataset_parts(config, head->path, found) : 0;
    struct match_part *part = arena_array(a, n + 1, sizeof *part);
    int r = part ? 0 : -ENOMEM;
    for (size_t i = 0; i < n && r == 0; i++)
        r = make_part(&found[i], head, a, err, &part[i]);
    if (r != 0) return r;
    *ret_part = part;
    *ret_parts = n;
    return 0;
}

bool match_same_parts(const struct config_dataset *config, struct slice a, struct slice b)
{
    struct glob_part one[GLOB_PARTS_MAX], other[GLOB_PARTS_MAX];
    size_t n = config_dataset_parts(config, a, one);
    bool same = n == config_dataset_parts(config, b, other);
    for (size_t i = 0; i < n && same; i++)
        same = slice_equal(one[i].name, other[i].name) && slice_equal(one[i].text, other[i].text) &&
               one[i].is_hive == other[i].is_hive;
    return same;
}

static int find_part(const struct match *m, const char *column)
{
    for (size_t i = 0; i < m->parts; i++)
        if (strcmp(m->part[i].name, column) == 0) return (int)i;
    return -1;
}

/* ---- columns to cells ---- */

static const char *shown_cell(const struct matching *m, size_t i, char ret_text[SHOWN_MAX])
{
    return log_escape(m->head->cell[i], ret_text, SHOWN_MAX);
}

static bool has_header(const struct matching *m)
{
    return m->head->dialect.header == DIALECT_HEADER_YES;
}

/* By the name that the configuration gives, or the column's own: the first cell that has either. */
static int match_by_header(const struct matching *m, const char *column, const struct config_column *c)
{
    char wanted[NAME_MAX_BYTES + 1];
    name_normalise(slice_of(c && c->from[0] ? c->from : column), wanted);
    int given = plan_head_find(m->head, wanted), own = plan_head_find(m->head, column);
    if (given < 0 || own < 0) return given < 0 ? own : given;
    return given < own ? given : own;
}

/* Without a header and without positions the cells are the columns in their order. */
static bool by_order(const struct matching *m)
{
    if (has_header(m)) return false;
    const struct config_dataset *c = m->dataset->config;
    for (size_t i = 0; c && i < c->n_columns; i++)
        if (c->column[i].position > 0) return false;
    return true;
}

/* An expression makes it. */
static bool is_computed(const struct matching *m, size_t i)
{
    const struct formulas *f = m->dataset->formulas;
    return f && f->column[i].value.text.p;
}

static int match_part_column(struct matching *m, size_t i, int part, const struct config_column *c)
{
    const struct table_column *column = &m->dataset->table.column[i];
    char shown[SHOWN_MAX];
    int cell = has_header(m) ? match_by_header(m, column->name, c) : -1;
    if (cell >= 0)
        return error_set(m->err, PLAN_E_HEADER,
                         "line 1: cell %d (\"%s\") and {%s} of the path both mean column %s; leave the cell out, or write a * "
                         "instead of {%s} in `files`",
                         cell + 1, shown_cell(m, (size_t)cell, shown), m->match.part[part].name, column->name,
                         m->match.part[part].name);
    const char *other = column->generated      ? "is generated"
                        : is_computed(m, i)    ? "has an expr"
                        : c && c->position > 0 ? "has a position"
                                               : NULL;
    if (other)
        return error_set(m->err, PLAN_E_DATASET, "column %s %s, so {%s} of `files` cannot give its value; write a * instead",
                         column->name, other, m->match.part[part].name);
    m->match.source[i] = (struct match_source){MATCH_PART, (size_t)part};
    return 0;
}

/* The cell of a column, or of what only expressions read: by order, by position, or by header. -1: none. 0 or PLAN_E_HEADER. */
static int find_cell(const struct matching *m, const char *name, const struct config_column *c, int *order, int *ret_cell)
{
    int cell = -1;
    if (order) {
        cell = (*order)++;
    } else if (c && c->position > 0) {
        cell = (int)c->position - 1;
    } else if (has_header(m)) {
        cell = match_by_header(m, name, c);
    }
    *ret_cell = cell;
    if (cell < (int)m->head->cells) return 0;
    return error_set(m->err, PLAN_E_HEADER, "line 1 has %zu cells, but %s%s is expected in cell %d; is the delimiter right?",
                     m->head->cells, table_find(&m->dataset->table, name) >= 0 ? "column " : "", name, cell + 1);
}

/* What only expressions read. */
static int match_inputs(struct matching *m, int *order)
{
    const struct formulas *f = m->dataset->formulas;
    int r = 0;
    m->match.input = arena_array(m->arena, f->inputs + 1, sizeof *m->match.input);
    if (!m->match.input) return -ENOMEM;
    for (size_t i = 0; i < f->read && r == 0; i++) {
        const struct formulas_input *in = &f->input[i];
        int cell = -1;
        if (in->column < 0) r = find_cell(m, in->name, config_column(m->dataset->config, in->name), order, &cell);
        m->match.input[i] = cell;
        if (r == 0 && cell >= 0) m->used[cell] = true;
        if (r != 0 || cell >= 0 || in->column >= 0) continue;
        r = in->reader ? error_set(m->err, PLAN_E_HEADER, "line 1: no cell for %s, which the expr or lookup of column %s reads",
                                   in->name, in->reader)
                       : error_set(m->err, PLAN_E_HEADER, "line 1: no cell for %s, which `inputs` names", in->name);
    }
    return r;
}

static int match_column(struct matching *m, size_t i, int *order)
{
    const struct dataset *d = m->dataset;
    const struct table_column *column = &d->table.column[i];
    const struct config_column *c = d->config ? config_column(d->config, column->name) : NULL;
    int part = find_part(&m->match, column->name), cell = -1;
    if (part >= 0) return match_part_column(m, i, part, c);
    if (is_computed(m, i)) m->match.source[i].kind = MATCH_COMPUTED;
    if (column->generated || table_column_is_own(column) || is_computed(m, i)) return 0;
    int r = find_cell(m, column->name, c, order, &cell);
    if (r != 0) return r;
    if (cell < 0) return 0;
    m->match.source[i] = (struct match_source){MATCH_CELL, (size_t)cell};
    m->used[cell] = true;
    return 0;
}

/* ---- cells that no column takes ---- */

/* The column whose name the cell's header has, whoever feeds it; or NULL. */
static const struct table_column *namesake(const struct matching *m, size_t cell)
{
    char name[NAME_MAX_BYTES + 1];
    name_normalise(m->head->cell[cell], name);
    int i = table_find(&m->dataset->table, name);
    return i >= 0 ? &m->dataset->table.column[i] : NULL;
}

static int refuse_cell(const struct matching *m, size_t cell)
{
    const struct table *t = &m->dataset->table;
    const struct table_column *same = has_header(m) ? namesake(m, cell) : NULL;
    char shown[SHOWN_MAX], other[SHOWN_MAX];
    if (!has_header(m))
        return error_set(m->err, PLAN_E_HEADER, "line 1 has %zu cells, but %s.%s has fewer columns", m->head->cells, t->schema,
                         t->name);
    if (same && same->generated)
        return error_set(m->err, PLAN_E_HEADER,
                         "line 1: cell %zu (\"%s\"): column %s of %s.%s is generated, and takes no value from a file; leave the "
                         "cell out, or set new_columns = ignore",
                         cell + 1, shown_cell(m, cell, shown), same->name, t->schema, t->name);
    if (same && m->match.source[same - t->column].kind == MATCH_COMPUTED)
        return error_set(
            m->err, PLAN_E_HEADER,
            "line 1: cell %zu (\"%s\"): the expr of column %s makes its values, and does not read that cell; leave the "
            "cell out, or set new_columns = ignore",
            cell + 1, shown_cell(m, cell, shown), same->name);
    const struct match_source *fed = same ? &m->match.source[same - t->column] : NULL;
    if (fed && fed->kind == MATCH_CELL)
        return error_set(m->err, PLAN_E_HEADER, "line 1: cells %zu (\"%s\") and %zu (\"%s\") both mean column %s; remove one",
                         fed->index + 1, shown_cell(m, fed->index, other), cell + 1, shown_cell(m, cell, shown), same->name);
    return error_set(m->err, PLAN_E_HEADER,
                     "line 1: cell %zu (\"%s\") is no column of %s.%s; rename it, give the column a `from`, or say by "
                     "new_columns what becomes of such cells",
                     cell + 1, shown_cell(m, cell, shown), t->schema, t->name);
}

/* The table gets columns, unless it is somebody else's. */
static int demand_columns(const struct matching *m, size_t cell)
{
    const struct dataset *d = m->dataset;
    char shown[SHOWN_MAX];
    for (size_t i = 0; i < m->match.unknowns && !m->match.needs_rescue; i++)
        if (!has_header(m) || namesake(m, m->match.unknown[i]) || table_find(&d->table, m->head->name[m->match.unknown[i]]) >= 0)
            return refuse_cell(m, m->match.unknown[i]);
    if (d->ours) return PLAN_E_DRIFT;
    return error_set(m->err, PLAN_E_HEADER,
                     "line 1: cell %zu (\"%s\") is no column of %s.%s, and cetld did not make that table; add %s to it", cell + 1,
                     shown_cell(m, cell, shown), d->table.schema, d->table.name,
                     m->match.needs_rescue ? "the column " TABLE_RESCUED " jsonb" : "the column");
}

static int rescue_cells(struct matching *m)
{
    const struct table *t = &m->dataset->table;
    int i = table_find(t, TABLE_RESCUED);
    m->match.needs_rescue = i < 0;
    if (i < 0) return demand_columns(m, m->match.unknown[0]);
    if (!t->column[i].known || t->column[i].type.id != TYPE_JSONB || t->column[i].generated)
        return error_set(m->err, PLAN_E_DATASET, "column %s of %s.%s is no plain jsonb, as new_columns = rescue needs it",
                         TABLE_RESCUED, t->schema, t->name);
    m->match.source[i] = (struct match_source){MATCH_RESCUE, 0};
    return 0;
}

static int judge_unknown(struct matching *m, bool ordered)
{
    if (!ordered && !has_header(m)) return 0; /* by position: the others are not wanted */
    struct match *match = &m->match;
    match->unknown = arena_array(m->arena, m->head->cells + 1, sizeof *match->unknown);
    if (!match->unknown) return -ENOMEM;
    for (size_t i = 0; i < m->head->cells; i++)
        if (!m->used[i]) match->unknown[match->unknowns++] = i;
    if (match->unknowns == 0) return 0;
    switch (m->dataset->config ? m->dataset->config->new_columns : CONFIG_NEW_REJECT) {
    case CONFIG_NEW_IGNORE: return 0;
    case CONFIG_NEW_RESCUE: return rescue_cells(m);
    case CONFIG_NEW_ADD: return demand_columns(m, match->unknown[0]);
    case CONFIG_NEW_REJECT: break;
    }
    return refuse_cell(m, match->unknown[0]);
}

/* A part of the path that is no column. */
static int judge_parts(struct matching *m)
{
    const struct dataset *d = m->dataset;
    int r = 0;
    for (size_t i = 0; i < m->match.parts; i++) {
        struct match_part *part = &m->match.part[i];
        part->is_new = table_find(&d->table, part->name) < 0;
        if (!part->is_new) continue;
        r = PLAN_E_DRIFT;
        if (d->ours && d->config->new_columns == CONFIG_NEW_ADD) continue;
        return error_set(m->err, PLAN_E_DATASET,
                         "`files` has {%s}, but %s.%s has no column %s; add it%s, or write a * instead of {%s}", part->name,
                         d->table.schema, d->table.name, part->name, d->ours ? ", set new_columns = add" : "", part->name);
    }
    return r;
}

/* ---- columns that nothing feeds ---- */

bool match_used_by_rollup(const struct dataset *d, size_t column)
{
    for (size_t r = 0; r < d->rollups; r++)
        if (d->rollup[r].uses[column]) return true;
    return false;
}

/* The server's default, or NULL where that is allowed. */
static int check_missing(const struct matching *m, size_t i)
{
    const struct dataset *d = m->dataset;
    const struct table_column *c = &d->table.column[i];
    if ((c->has_default || c->generated) && match_used_by_rollup(d, i))
        return error_set(m->err, c->generated ? PLAN_E_DATASET : PLAN_E_HEADER,
                         "column %s feeds a rollup, but the server would make its values; %s", c->name,
                         c->generated ? "take it out of the rollup" : "the file must have it");
    if (c->not_null && !c->has_default && !c->generated)
        return error_set(m->err, PLAN_E_HEADER, "line 1: no cell for column %s, which may not be null", c->name);
    return 0;
}

static bool must_be_there(const struct matching *m, size_t i)
{
    const struct table_column *c = &m->dataset->table.column[i];
    return m->match.source[i].kind == MATCH_NOTHING && !c->has_default && !c->generated && !table_column_is_own(c);
}

/* `missing_columns = reject`: all of them at once. */
static int refuse_missing(const struct matching *m)
{
    char names[ERROR_TEXT_MAX / 2] = "";
    size_t n = 0, at = 0;
    for (size_t i = 0; i < m->dataset->table.columns; i++) {
        if (!must_be_there(m, i) || n++ >= NAMES_SHOWN || at >= sizeof names) continue;
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", n > 1 ? ", " : "", m->dataset->table.column[i].name);
    }
    if (n == 0) return 0;
    return error_set(m->err, PLAN_E_HEADER, "line 1: no cell for %zu column%s (%s%s), and missing_columns is reject", n,
                     n > 1 ? "s" : "", names, n > NAMES_SHOWN ? ", …" : "");
}

static int judge_missing(const struct matching *m)
{
    int r = 0;
    for (size_t i = 0; i < m->dataset->table.columns && r == 0; i++)
        if (m->match.source[i].kind == MATCH_NOTHING) r = check_missing(m, i);
    bool all = m->dataset->config && m->dataset->config->missing_columns == CONFIG_MISSING_REJECT && has_header(m);
    return r == 0 && all ? refuse_missing(m) : r;
}

/* ---- all of it ---- */

int match_file(const struct dataset *d, const struct plan_head *head, struct arena *a, struct error *err, struct match *ret_match)
{
    struct matching m = {.dataset = d, .head = head, .arena = a, .err = err};
    const struct table *t = &d->table;
    int order = 0, r = match_parts(d->config, head, a, err, &m.match.part, &m.match.parts);
    if (r != 0) return r;
    m.used = arena_array(a, head->cells + 1, sizeof *m.used);
    m.match.source = arena_array(a, t->columns + 1, sizeof *m.match.source);
    if (!m.used || !m.match.source) return -ENOMEM;
    bool ordered = by_order(&m);
    for (size_t i = 0; i < t->columns && r == 0; i++)
        r = match_column(&m, i, ordered ? &order : NULL);
    if (r == 0 && d->formulas) r = match_inputs(&m, ordered ? &order : NULL);
    int parts = r == 0 ? judge_parts(&m) : r;
    if (parts != 0 && parts != PLAN_E_DRIFT) return parts;
    int cells = judge_unknown(&m, ordered);
    if (cells != 0 && cells != PLAN_E_DRIFT) return cells;
    r = judge_missing(&m);
    if (r != 0) return r;
    *ret_match = m.match;
    return parts ? parts : cells;
}
