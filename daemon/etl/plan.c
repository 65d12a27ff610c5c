/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "etl/formulas.h"
#include "etl/plan_private.h"

#include <stdlib.h>

enum {
    PLAN_BLOCK = 16 * 1024,
    PLAN_MAX = 64 * 1024 * 1024,
    CHUNK_REJECTS_MAX = 1024 * 1024, /* bytes of rejects kept for one chunk */
};

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
        p->convert.reading = (struct infer_reading){.null_token = plan_null_tokens(&p->arena, &config->null),
                                                    .null_tokens = config->null.n,
                                                    .marks = plan_marks_of(config, NULL)};
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
    if (r == 0) r = plan_make_rule(&m);
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
