/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/log.h"
#include "db/query.h"
#include "etl/formulas.h"
#include "etl/plan_private.h"

enum {
    COPY_SQL_MAX = 1024 * 1024,
    COMPUTED_BYTES = 64, /* what is reckoned for a computed value, beside the cells it is made of */
};

/* 2000-01-01 in the microseconds of clock_real_us */
#define POSTGRES_EPOCH_US INT64_C(946684800000000)

const struct slice *plan_null_tokens(struct arena *a, const struct config_list *list)
{
    struct slice *token = arena_array(a, list->n + 1, sizeof *token);
    for (size_t i = 0; token && i < list->n; i++)
        token[i] = slice_of(list->item[i]);
    return token;
}

struct type_marks plan_marks_of(const struct config_dataset *d, const struct config_column *c)
{
    int decimal = c && c->decimal_mark != CONFIG_AS_DATASET ? c->decimal_mark : d->decimal_mark;
    int thousands = c && c->thousands_mark != CONFIG_AS_DATASET ? c->thousands_mark : d->thousands_mark;
    bool usual = decimal == '.' && thousands == 0;
    return (struct type_marks){.decimal = usual ? '\0' : (char)decimal, .thousands = (char)thousands};
}

/* How the dataset's and the column's options say that values are written */
static int set_reading(const struct planning *m, const struct table_column *c, const struct config_column *config,
                       struct column_rule *rule)
{
    const struct config_dataset *d = m->plan->dataset->config;
    rule->null_token = plan_null_tokens(&m->plan->arena, &d->null);
    rule->null_tokens = d->null.n;
    rule->input.marks = plan_marks_of(d, config);
    rule->input.zone = config && config->zone ? config->zone : d->zone;
    if (!rule->null_token) return -ENOMEM;
    int r = config ? dataset_check_reading(c, config, m->err) : 0;
    return r > 0 ? PLAN_E_DATASET : r;
}

/* How the column's texts are written: the template that the configuration gives, or inference found. 0, PLAN_E_DATASET, -ENOMEM. */
static int make_format(const struct planning *m, const struct table_column *c, struct type_format **ret_format)
{
    const struct dataset *d = m->plan->dataset;
    const struct config_column *config = d->config ? config_column(d->config, c->name) : NULL;
    const char *format = config && config->format[0] ? config->format : c->format;
    if (!format[0]) return 0;
    struct error why;
    int r = type_format_new(slice_of(format), &why, ret_format);
    if (r > 0) return error_set(m->err, PLAN_E_DATASET, "column %s: format \"%s\": %s", c->name, format, why.text);
    return r;
}

static bool means_null(const struct column_rule *rule, struct slice text)
{
    for (size_t i = 0; i < rule->null_tokens; i++)
        if (slice_equal(text, rule->null_token[i])) return true;
    return !text.p;
}

/* A part of the path is a cell that all rows have. */
static int make_constant(const struct planning *m, const struct match_part *part, struct column_rule *rule)
{
    char shown[128], value[128], expected[128];
    rule->source = means_null(rule, part->text) ? RULE_NULL : RULE_CONSTANT;
    log_escape(m->head->path, shown, sizeof shown);
    if (rule->source == RULE_NULL) {
        if (!rule->not_null) return 0;
        return error_set(m->err, PLAN_E_HEADER, "its path %s: {%s} is NULL, but column %s may not be null", shown, part->name,
                         rule->name);
    }
    struct arena *a = &m->plan->arena;
    struct slice text = arena_copy(a, part->text);
    if (!text.p) return -ENOMEM;
    int r = type_parse(&rule->input, text, a, &rule->constant);
    if (r <= 0) return r;
    return error_set(m->err, PLAN_E_HEADER, "its path %s: {%s}: column %s: \"%s\" %s; expected %s", shown, part->name, rule->name,
                     log_escape(text, value, sizeof value), type_fault(rule->input.type.id, r),
                     type_expected(&rule->input, r, expected));
}

/* What each row has of it, whatever its cells are. */
static size_t extra_bytes(const struct column_rule *rule)
{
    if (rule->source >= 0) return 0;
    bool bytes = rule->source == RULE_CONSTANT && !type_info(rule->input.type.id)->fixed;
    return (bytes ? rule->constant.s.len : sizeof(int64_t)) + sizeof(int32_t);
}

static int make_column_rule(struct planning *m, const struct table_column *c, const struct match_source *from,
                            struct column_rule *rule, struct type_format **ret_format)
{
    static const int source_of[] = {
        [MATCH_NOTHING] = RULE_NULL, [MATCH_PART] = RULE_CONSTANT, [MATCH_RESCUE] = RULE_RESCUE, [MATCH_COMPUTED] = RULE_COMPUTED};
    const struct dataset *d = m->plan->dataset;
    *rule = (struct column_rule){.name = c->name,
                                 .input = {.type = c->type},
                                 .source = from->kind == MATCH_CELL ? (int)from->index : source_of[from->kind],
                                 .not_null = c->not_null,
                                 .exact = d->inferred};
    if (from->kind == MATCH_COMPUTED) {
        m->plan->convert.row_extra += COMPUTED_BYTES;
        return 0;
    }
    int r = d->config ? set_reading(m, c, config_column(d->config, c->name), rule) : 0;
    if (r == 0) r = make_format(m, c, ret_format);
    rule->input.format = *ret_format;
    if (r == 0 && from->kind == MATCH_PART) r = make_constant(m, &m->match.part[from->index], rule);
    m->plan->convert.row_extra += extra_bytes(rule);
    return r;
}

/* The key of a cell that no column takes: its header, or its column's name where that is empty or another cell has the same. */
static struct slice rescue_key(const struct planning *m, size_t unknown)
{
    const struct plan_head *head = m->head;
    size_t cell = m->match.unknown[unknown];
    struct slice key = head->cell[cell];
    bool unique = key.len > 0 && head->dialect.header == DIALECT_HEADER_YES;
    for (size_t i = 0; i < m->match.unknowns && unique; i++)
        unique = i == unknown || !slice_equal(head->cell[m->match.unknown[i]], key);
    return unique ? key : slice_of(head->name[cell]);
}

static int make_rescue(struct planning *m)
{
    struct plan *p = m->plan;
    struct rescue_cell *cell = arena_array(&p->arena, m->match.unknowns + 1, sizeof *cell);
    int r = cell ? 0 : -ENOMEM;
    for (size_t i = 0; i < m->match.unknowns && r == 0; i++) {
        r = rescue_cell_init(m->match.unknown[i], rescue_key(m, i), &p->arena, &cell[i]);
        if (r == 0) p->convert.row_extra += cell[i].key.len;
    }
    p->rule.rescue = (struct rescue){cell, m->match.unknowns};
    return r;
}

static int note_ignored(struct planning *m)
{
    struct plan *p = m->plan;
    p->ignored = arena_array(&p->arena, m->match.unknowns + 1, sizeof *p->ignored);
    for (size_t i = 0; p->ignored && i < m->match.unknowns; i++)
        p->ignored[p->n_ignored++] = arena_copy(&p->arena, m->head->cell[m->match.unknown[i]]);
    return p->ignored ? 0 : -ENOMEM;
}

/* The rollups' specs over the rule's columns instead of the table's. `place` maps a table's column to the rule's. */
static int place_rollups(struct plan *p, const size_t *place)
{
    const struct dataset *d = p->dataset;
    struct aggregate_spec *spec = arena_array(&p->arena, d->rollups + 1, sizeof *spec);
    if (!spec) return -ENOMEM;
    for (size_t r = 0; r < d->rollups; r++) {
        const struct aggregate_spec *from = &d->rollup[r].spec;
        if (d->rollup[r].how == ROLLUP_STAGED) continue;
        struct aggregate_key *key = arena_array(&p->arena, from->keys + 1, sizeof *key);
        struct aggregate_measure *measure = arena_array(&p->arena, from->measures + 1, sizeof *measure);
        if (!key || !measure) return -ENOMEM;
        for (size_t i = 0; i < from->keys; i++) {
            key[i] = from->key[i];
            key[i].column = place[key[i].column];
        }
        for (size_t i = 0; i < from->measures; i++) {
            measure[i] = from->measure[i];
            if (measure[i].function != AGGREGATE_COUNT_ALL) measure[i].column = place[measure[i].column];
        }
        spec[r] = (struct aggregate_spec){.key = key,
                                          .keys = from->keys,
                                          .measure = measure,
                                          .measures = from->measures,
                                          .type = p->convert.types,
                                          .columns = p->rule.columns};
    }
    p->convert.rollup = spec;
    p->convert.rollups = d->rollups;
    return 0;
}

static void put_copy(struct buf *out, const struct plan *p, const char *table)
{
    buf_printf(out, "COPY %s", table);
    for (size_t i = 0; i < p->rule.columns; i++) {
        buf_puts(out, i ? ", " : " (");
        db_quote_identifier(out, slice_of(p->rule.column[i].name));
    }
    if (p->dataset->table.lineage) buf_puts(out, ", " TABLE_LINEAGE_FILE ", " TABLE_LINEAGE_LINE);
    buf_puts(out, ") FROM STDIN");
}

void plan_copy_sql(struct buf *out, const struct plan *p, const char *fresh)
{
    put_copy(out, p, fresh);
    buf_puts(out, p->convert.text ? " (FREEZE)" : " (FORMAT binary, FREEZE)");
}

static int make_copy_sql(struct plan *p)
{
    struct buf sql, table;
    buf_init(&sql, COPY_SQL_MAX);
    buf_init(&table, COPY_SQL_MAX);
    const char *name = table_quote(&table, p->dataset->table.schema, p->dataset->table.name);
    if (name) put_copy(&sql, p, name);
    buf_puts(&sql, convert_copy_options(p->convert.text));
    p->copy_sql = name && buf_check(&sql) == 0 ? arena_cstr(&p->arena, buf_slice(&sql)) : NULL;
    buf_done(&sql);
    buf_done(&table);
    return p->copy_sql ? 0 : -ENOMEM;
}

static int place_key(struct planning *m, const size_t *place)
{
    struct plan *p = m->plan;
    const struct table *t = &p->dataset->table;
    size_t *key = arena_array(&p->arena, t->keys + 1, sizeof *key);
    if (!key) return -ENOMEM;
    for (size_t i = 0; i < t->keys; i++) {
        if (m->match.source[t->key[i]].kind == MATCH_NOTHING) return 0;
        key[i] = place[t->key[i]];
    }
    if (t->keys > 0) p->key = key;
    return 0;
}

/* ---- formulas ---- */

/* Must the column be in the batch, although the file does not bring it? */
static int is_needed(const struct planning *m, size_t i, bool *ret_needed)
{
    const struct dataset *d = m->plan->dataset;
    const struct table_column *c = &d->table.column[i];
    bool read = d->formulas && formulas_read(d->formulas, &d->table, i);
    *ret_needed = read || match_used_by_rollup(d, i);
    if (!read || (!c->has_default && !c->generated)) return 0;
    return error_set(m->err, PLAN_E_HEADER,
                     "line 1: no cell for column %s, which an expression reads; the server would make its value", c->name);
}

/* The rule of an input: that of its column, or that of a cell that only expressions read. */
static int make_input_rule(struct planning *m, size_t k, const size_t *place, struct column_rule *rule,
                           struct type_format **ret_format)
{
    const struct plan *p = m->plan;
    const struct formulas_input *in = &p->dataset->formulas->input[k];
    if (in->column >= 0) {
        bool loaded = place[in->column] < p->rule.columns;
        *rule = loaded ? p->rule.column[place[in->column]]
                       : (struct column_rule){.name = in->name, .input = {.type = in->type}, .source = RULE_NULL};
        return 0;
    }
    const struct table_column as = {.name = in->name, .type = in->type, .sql_type = type_info(in->type.id)->name, .format = ""};
    return make_column_rule(m, &as, &(struct match_source){MATCH_CELL, (size_t)m->match.input[k]}, rule, ret_format);
}

/* All but their dictionaries. */
static int make_lookups(struct plan *p, const struct formulas *f)
{
    p->lookup = arena_array(&p->arena, f->lookups + 1, sizeof *p->lookup);
    if (!p->lookup) return -ENOMEM;
    for (size_t i = 0; i < f->lookups; i++) {
        const struct formulas_lookup *l = &f->lookup[i];
        p->lookup[i] = (struct transform_lookup){.config = &l->config->lookup,
                                                 .column = l->config->name,
                                                 .text = slice_of(l->config->lookup_sql),
                                                 .value = l->value,
                                                 .key = l->key,
                                                 .type = f->input[l->input].type,
                                                 .reject = l->config->on_miss == CONFIG_MISS_REJECT};
    }
    return 0;
}

/* What is read is not what is loaded: `place` maps a table's column to the rule's, or behind them. */
static int make_transform(struct planning *m, const size_t *place)
{
    struct plan *p = m->plan;
    const struct table *t = &p->dataset->table;
    const struct formulas *f = p->dataset->formulas;
    struct type *types = arena_array(&p->arena, f->inputs + 1, sizeof *types);
    struct transform_column *column = arena_array(&p->arena, t->columns + 1, sizeof *column);
    p->input_rule = (struct row_rule){.cells = p->rule.cells, .rescue = p->rule.rescue, .encoding = p->rule.encoding};
    p->input_rule.column = arena_array(&p->arena, f->inputs + 1, sizeof *p->input_rule.column);
    p->input_format = arena_array(&p->arena, f->inputs + 1, sizeof(struct type_format *));
    if (!types || !column || !p->input_rule.column || !p->input_format) return -ENOMEM;
    for (size_t k = 0; k < f->read; k++) {
        types[k] = f->input[k].type;
        p->input_rule.columns++;
        int r = make_input_rule(m, k, place, &p->input_rule.column[k], &p->input_format[k]);
        if (r != 0) return r;
    }
    for (size_t i = 0; i < t->columns; i++) {
        column[i] = f->column[i];
        column[i].absent = place[i] >= p->rule.columns;
    }
    int r = make_lookups(p, f);
    if (r < 0) return r;
    p->transform = (struct transform){.inputs = f->inputs,
                                      .lookup = p->lookup,
                                      .lookups = f->lookups,
                                      .column = column,
                                      .columns = t->columns,
                                      .filter = f->filter};
    p->in_server = formulas_in_server(f);
    if (!p->in_server) p->convert.transform = &p->transform;
    p->convert.rule = &p->input_rule;
    p->convert.types = types;
    p->convert.ctype = t->ctype;
    p->convert.loaded_at = clock_real_us() - POSTGRES_EPOCH_US;
    return 0;
}

int plan_make_rule(struct planning *m)
{
    struct plan *p = m->plan;
    const struct table *t = &p->dataset->table;
    struct type *types = arena_array(&p->arena, t->columns + 1, sizeof *types);
    size_t *place = arena_array(&p->arena, t->columns + 1, sizeof *place);
    p->rule.column = arena_array(&p->arena, t->columns + 1, sizeof *p->rule.column);
    p->format = arena_array(&p->arena, t->columns + 1, sizeof *p->format);
    if (!types || !place || !p->rule.column || !p->format) return -ENOMEM;
    p->rule.cells = m->head->cells;
    p->rule.encoding = m->head->encoding;
    if (m->match.unknowns > 0) {
        bool rescue = p->dataset->config->new_columns == CONFIG_NEW_RESCUE;
        int r = rescue ? make_rescue(m) : note_ignored(m);
        if (r < 0) return r;
    }
    for (size_t i = 0; i < t->columns; i++) {
        bool needed = true;
        place[i] = SIZE_MAX;
        int r = m->match.source[i].kind == MATCH_NOTHING ? is_needed(m, i, &needed) : 0;
        if (r != 0) return r;
        if (!needed) continue;
        size_t n = p->rule.columns++; /* also when it fails: its format is to be freed */
        r = make_column_rule(m, &t->column[i], &m->match.source[i], &p->rule.column[n], &p->format[n]);
        if (r != 0) return r;
        types[n] = t->column[i].type;
        p->convert.text |= !t->column[i].known;
        place[i] = n;
    }
    if (p->rule.columns == 0)
        return error_set(m->err, PLAN_E_HEADER, "line 1: none of its cells is a column of %s.%s", t->schema, t->name);
    p->convert.rule = &p->rule;
    p->convert.types = types;
    p->convert.lineage = t->lineage;
    int r = place_rollups(p, place);
    if (r == 0) r = place_key(m, place);
    if (r == 0 && p->dataset->formulas) r = make_transform(m, place);
    return r != 0 ? r : make_copy_sql(p);
}
