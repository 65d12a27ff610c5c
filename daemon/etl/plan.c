/* SPDX-License-Identifier: MIT */
#include "etl/plan.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/name.h"
#include "db/query.h"
#include "etl/formulas.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PLAN_BLOCK = 16 * 1024,
    PLAN_MAX = 64 * 1024 * 1024,
    COPY_SQL_MAX = 1024 * 1024,
    CHUNK_REJECTS_MAX = 1024 * 1024, /* bytes of rejects kept for one chunk */
    COMPUTED_BYTES = 64,             /* what is reckoned for a computed value, beside the cells it is made of */
};

/* 2000-01-01 in the microseconds of clock_real_us */
#define POSTGRES_EPOCH_US INT64_C(946684800000000)

/* What a plan is made with. */
struct planning {
    struct plan *plan;
    const struct plan_head *head;
    struct match match;
    struct error *err;
};

/* ---- the rule ---- */

static const struct slice *null_tokens(struct arena *a, const struct config_list *list)
{
    struct slice *token = arena_array(a, list->n + 1, sizeof *token);
    for (size_t i = 0; token && i < list->n; i++)
        token[i] = slice_of(list->item[i]);
    return token;
}

/* Decimal 0 says that numbers are written as usual. */
static struct type_marks marks_of(const struct config_dataset *d, const struct config_column *c)
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
    rule->null_token = null_tokens(&m->plan->arena, &d->null);
    rule->null_tokens = d->null.n;
    rule->input.marks = marks_of(d, config);
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

/* ---- all of it ---- */

static int make_rule(struct planning *m)
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

/* The columns by which a keyed mode tells rows apart must come from the file. */
static int check_key(const struct planning *m)
{
    const struct dataset *d = m->plan->dataset;
    const struct config_dataset *c = d->config;
    if (!c || (c->mode != CONFIG_MODE_UPSERT && c->mode != CONFIG_MODE_IGNORE)) return 0;
    for (size_t i = 0; i < d->table.keys; i++) {
        size_t k = d->table.key[i];
        if (m->match.source[k].kind == MATCH_NOTHING)
            return error_set(
                m->err, PLAN_E_HEADER, "line 1: column %s is missing; it is in the primary key of %s.%s, which mode = %s needs",
                d->table.column[k].name, d->table.schema, d->table.name, c->mode == CONFIG_MODE_UPSERT ? "upsert" : "ignore");
    }
    if (c->newest_by[0] && m->match.source[table_find(&d->table, c->newest_by)].kind == MATCH_NOTHING)
        return error_set(m->err, PLAN_E_HEADER, "line 1: column %s is missing; newest_by needs it", c->newest_by);
    return 0;
}

size_t plan_next_sequence(const struct plan *p, size_t i)
{
    const struct table *t = &p->dataset->table;
    for (; i < p->rule.columns; i++) {
        const struct table_column *c = &t->column[table_find(t, p->rule.column[i].name)];
        bool integer = c->type.id == TYPE_INT2 || c->type.id == TYPE_INT4 || c->type.id == TYPE_INT8;
        if (c->has_default && integer) break;
    }
    return i;
}

/* `config` may be NULL; it must outlive the plan. */
static struct plan *plan_make(const struct config_dataset *config, const struct plan_head *head)
{
    struct plan *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    arena_init(&p->arena, PLAN_BLOCK, PLAN_MAX);
    if (config)
        p->convert.reading = (struct infer_reading){
            .null_token = null_tokens(&p->arena, &config->null), .null_tokens = config->null.n, .marks = marks_of(config, NULL)};
    if (config && !p->convert.reading.null_token) {
        plan_free(p);
        return NULL;
    }
    p->convert.dialect = head->dialect;
    p->convert.header = head->dialect.header == DIALECT_HEADER_YES;
    p->convert.rejects_max = CHUNK_REJECTS_MAX;
    return p;
}

/* A column that is to come; of a cell, its type is to be inferred. */
static int want(struct plan *p, const struct plan_column *column)
{
    struct plan_column copy = *column;
    copy.name = arena_cstr(&p->arena, slice_of(column->name));
    copy.text = arena_copy(&p->arena, column->text);
    if (!copy.name || (column->text.p && !copy.text.p)) return -ENOMEM;
    p->wanted[p->n_wanted++] = copy;
    return 0;
}

/* Instead of a load: what the table must get, and the inference of the cells among it. */
static int make_drift(struct planning *m)
{
    struct plan *p = m->plan;
    const struct match *match = &m->match;
    bool *only = arena_array(&p->arena, m->head->cells + 1, sizeof *only);
    p->wanted = arena_array(&p->arena, match->unknowns + match->parts + 1, sizeof *p->wanted);
    int r = only && p->wanted ? 0 : -ENOMEM;
    if (r == 0 && match->needs_rescue) r = want(p, &(struct plan_column){.name = TABLE_RESCUED, .kind = PLAN_FOR_RESCUE});
    bool add = p->dataset->config->new_columns == CONFIG_NEW_ADD;
    for (size_t i = 0; i < match->unknowns && r == 0 && add; i++) {
        size_t cell = match->unknown[i];
        r = want(p, &(struct plan_column){.name = m->head->name[cell], .kind = PLAN_FROM_CELL, .cell = cell});
        only[cell] = true;
        p->convert.infer_columns = m->head->cells;
    }
    for (size_t i = 0; i < match->parts && r == 0; i++)
        if (match->part[i].is_new)
            r = want(p, &(struct plan_column){.name = match->part[i].name, .kind = PLAN_FROM_PART, .text = match->part[i].text});
    p->convert.infer_only = only;
    return r < 0 ? r : PLAN_E_DRIFT;
}

int plan_new(struct dataset *d, const struct plan_head *head, struct error *err, struct plan **ret_plan)
{
    if (d->broken) return error_set(err, PLAN_E_DATASET, "%s", d->broken);
    struct plan *p = plan_make(d->config, head);
    if (!p) return -ENOMEM;
    p->dataset = dataset_ref(d);
    struct planning m = {.plan = p, .head = head, .err = err};
    int r = match_file(d, head, &p->arena, err, &m.match);
    if (r == 0) r = check_key(&m);
    if (r == 0) r = make_rule(&m);
    if (r == PLAN_E_DRIFT) r = make_drift(&m);
    if (r != 0 && r != PLAN_E_DRIFT) {
        plan_free(p);
        return r;
    }
    *ret_plan = p;
    return r;
}

/* The parts of the path become columns behind the cells'. */
static int want_parts(struct plan *p, const struct config_dataset *config, const struct plan_head *head, struct error *err)
{
    struct match_part *part = NULL;
    size_t parts = 0;
    int r = match_parts(config, head, &p->arena, err, &part, &parts);
    if (r == 0) p->wanted = arena_array(&p->arena, parts + 1, sizeof *p->wanted);
    if (r == 0 && !p->wanted) r = -ENOMEM;
    for (size_t i = 0; i < parts && r == 0; i++) {
        int cell = plan_head_find(head, part[i].name);
        if (cell >= 0) {
            char shown[128];
            return error_set(err, PLAN_E_HEADER,
                             "line 1: cell %d (\"%s\") and {%s} of the path both mean column %s; leave the cell out, or write a * "
                             "instead of {%s} in `files`",
                             cell + 1, log_escape(head->cell[cell], shown, sizeof shown), part[i].name, part[i].name, part[i].name);
        }
        r = want(p, &(struct plan_column){.name = part[i].name, .kind = PLAN_FROM_PART, .text = part[i].text});
    }
    return r;
}

int plan_new_infer(const struct config_dataset *config, const struct plan_head *head, struct error *err, struct plan **ret_plan)
{
    struct plan *p = plan_make(config, head);
    if (!p) return -ENOMEM;
    p->convert.infer_columns = head->cells;
    int r = want_parts(p, config, head, err);
    if (r != 0) {
        plan_free(p);
        return r;
    }
    *ret_plan = p;
    return 0;
}

void plan_look_up(struct plan *p, const struct dictionary *const *dictionary)
{
    const struct formulas *f = p->dataset->formulas;
    for (size_t i = 0; i < f->lookups; i++) {
        const struct formulas_lookup *l = &f->lookup[i];
        p->lookup[i].dictionary = dictionary[l->source];
        p->convert.row_extra += dictionary_longest(dictionary[l->source], l->value);
    }
    p->in_server = false;
    p->convert.transform = &p->transform;
}

void plan_tell_ignored(const struct plan *p, const char *file)
{
    if (p->n_ignored == 0 || p->dataset->told_ignored) return;
    char shown[128];
    p->dataset->told_ignored = true;
    log_notice("%s: new_columns is ignore: cell \"%s\"%s no column of %s, and not loaded", file,
               log_escape(p->ignored[0], shown, sizeof shown),
               p->n_ignored > 1 ? " and others of its header are" : " of its header is", p->dataset->name);
}

void plan_free(struct plan *p)
{
    if (!p) return;
    for (size_t i = 0; p->format && i < p->rule.columns; i++)
        type_format_free(p->format[i]);
    for (size_t i = 0; p->input_format && i < p->input_rule.columns; i++)
        type_format_free(p->input_format[i]);
    dataset_unref(p->dataset);
    arena_done(&p->arena);
    free(p);
}
