/* SPDX-License-Identifier: MIT */
#include "etl/trial.h"

#include "etl/declared.h"
#include "etl/formulas.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BLOCK = 16 * 1024,
    MEMORY_MAX = 64 * 1024 * 1024,
    CHUNK_BYTES = 512 * 1024,
    REJECTS_MAX = 64 * 1024 * 1024, /* of one chunk: more than that many bytes of rejects it cannot make of itself */
    COMPUTED_MAX = 32 * 1024 * 1024,
};

/* ---- its head ---- */

static int open_file(struct trial *t, struct error *err)
{
    struct stat st;
    t->fd = open(t->source.path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (t->fd < 0) return error_set(err, -errno, "cannot be read: %s", error_name(-errno));
    if (fstat(t->fd, &st) < 0) return error_set(err, -errno, "cannot be read: %s", error_name(-errno));
    if (!S_ISREG(st.st_mode)) return error_set(err, TRIAL_E_REFUSED, "it is no regular file");
    return 0;
}

static int read_head(struct trial *t, struct error *err)
{
    struct head_declared d = head_declare(t->source.config, t->declared);
    if (t->source.encoding) d.input.encoding = t->source.encoding;
    head_init(&t->head, t->fd, &d, (size_t)t->source.config->daemon.max_record);
    head_run(&t->head);
    if (t->head.rc != 0) *err = t->head.err;
    if (t->head.rc < 0 && !err->text[0]) error_set(err, 0, "cannot be read: %s", error_name(t->head.rc));
    t->head.plan_head.path = slice_of(t->source.name);
    return t->head.rc > 0 ? TRIAL_E_REFUSED : t->head.rc;
}

int trial_open(struct trial *t, const struct trial_source *source, struct error *err)
{
    *t = (struct trial){.source = *source, .fd = -1};
    arena_init(&t->arena, BLOCK, MEMORY_MAX);
    *err = (struct error){0};
    struct slice name = slice_of(source->name);
    if (!source->undeclared) t->declared = source->sent ? source->sent : config_dataset_for(source->config, name);
    if (t->declared)
        snprintf(t->name, sizeof t->name, "%s", t->declared->name);
    else
        name_of_file(name, t->name);
    int r = open_file(t, err);
    return r == 0 ? read_head(t, err) : r;
}

/* ---- all of it ---- */

/* What is done with a chunk's output. */
typedef int output_fn(struct trial *t, struct convert_output *out, void *ctx);

static const char *own_name(const struct trial *t)
{
    const char *slash = strrchr(t->source.name, '/');
    return slash ? slash + 1 : t->source.name;
}

static int each_chunk(struct trial *t, struct cutter *c, struct convert_bench *bench, output_fn *use, void *ctx, struct error *err)
{
    struct chunk chunk;
    int r;
    while ((r = cutter_next(c, &chunk, err)) == 0) {
        struct convert_output out;
        chunk.name = slice_of(own_name(t));
        r = convert_chunk(&t->plan->convert, &chunk, bench, &out);
        t->counts.read += out.rows_read;
        t->counts.filtered += out.rows_filtered;
        t->counts.rejected += out.rejects.count;
        if (r == 0 && use) r = use(t, &out, ctx);
        convert_output_done(&out);
        chunk_done(&chunk);
        if (r != 0) return r > 0 ? -EIO : r;
    }
    return r;
}

/* The file goes through the plan. The bench is the caller's. */
static int flow(struct trial *t, struct convert_bench *bench, output_fn *use, void *ctx, struct error *err)
{
    struct cutter c;
    *err = (struct error){0};
    struct cutter_input in = {.fd = t->fd,
                              .name = slice_of(own_name(t)),
                              .st = t->head.st,
                              .dialect = t->head.plan_head.dialect,
                              .options = t->head.input,
                              .chunk_bytes = CHUNK_BYTES,
                              .max_record = (size_t)t->source.config->daemon.max_record};
    t->counts = (struct trial_counts){0};
    int r = cutter_init(&c, &in);
    if (r < 0) return r;
    r = each_chunk(t, &c, bench, use, ctx, err);
    t->counts.bytes = cutter_bytes(&c);
    if (r == CUTTER_E_END) cutter_sum(&c, t->sum);
    cutter_done(&c);
    if (r < 0 && !err->text[0]) error_set(err, r, "cannot be read: %s", error_name(r));
    return r == CUTTER_E_END ? 0 : r > 0 ? TRIAL_E_REFUSED : r;
}

/* ---- inference ---- */

static void forget_plan(struct trial *t)
{
    plan_free(t->plan);
    t->plan = NULL;
}

/* The plan's inference over the whole file. */
static int infer(struct trial *t, struct infer **ret_infer, struct error *err)
{
    struct convert_bench bench = {0};
    int r = convert_bench_init(&bench, &t->plan->convert);
    if (r == 0) r = flow(t, &bench, NULL, NULL, err);
    if (r == 0 && t->counts.read == 0)
        r = error_set(err, TRIAL_E_REFUSED,
                      "it has a header but no row, so that nothing tells the types of its columns; drop a file with rows "
                      "first, or declare the dataset's columns");
    if (r == 0) {
        *ret_infer = bench.infer;
        bench.infer = NULL;
    }
    convert_bench_done(&bench, &t->plan->convert);
    return r;
}

/* The columns of the cells; those of the path stand behind them. */
static void guess_cells(struct trial *t, struct guess_column *column)
{
    for (size_t i = 0; i < t->head.plan_head.cells; i++) {
        column[i].name = t->head.plan_head.name[i];
        infer_result(t->infer, i, &column[i].as);
    }
}

static int guess_parts(struct trial *t, struct guess_column *column)
{
    int r = 0;
    for (size_t i = 0; i < t->plan->n_wanted && r == 0; i++) {
        column[i].name = arena_cstr(&t->arena, slice_of(t->plan->wanted[i].name));
        r = column[i].name ? infer_text(t->plan->wanted[i].text, &t->plan->convert.reading, &column[i].as) : -ENOMEM;
        if (r == 0) snprintf(column[i].as.reason, sizeof column[i].as.reason, "by the file's path");
    }
    return r;
}

static int make_guess(struct trial *t)
{
    const struct config_dataset *c = t->declared;
    size_t cells = t->head.plan_head.cells, n = cells + t->plan->n_wanted;
    struct guess_column *column = arena_array(&t->arena, n + 1, sizeof *column);
    if (!column) return -ENOMEM;
    guess_cells(t, column);
    int r = guess_parts(t, column + cells);
    t->guess = (struct guess){.name = t->name,
                              .schema = c ? c->schema : "public",
                              .table = c ? c->table : t->name,
                              .lineage = !c || c->lineage != CONFIG_LINEAGE_NO,
                              .column = column,
                              .columns = n};
    return r;
}

int trial_infer(struct trial *t, struct error *err)
{
    int r = plan_new_infer(t->declared, &t->head.plan_head, err, &t->plan);
    if (r != 0) return r > 0 ? TRIAL_E_REFUSED : r;
    r = infer(t, &t->infer, err);
    if (r == 0) r = make_guess(t);
    forget_plan(t);
    return r;
}

int trial_merge(struct trial *to, const struct trial *from)
{
    struct guess_column *column = arena_array(&to->arena, to->guess.columns + 1, sizeof *column);
    if (!column) return -ENOMEM;
    memcpy(column, to->guess.column, to->guess.columns * sizeof *column);
    infer_merge(to->infer, from->infer);
    guess_cells(to, column);
    to->guess.column = column;
    to->counts.read += from->counts.read;
    to->counts.bytes += from->counts.bytes;
    return 0;
}

/* ---- which cell goes where ---- */

/* new_columns: what the table would get first. */
static int add_wanted(struct trial *t, struct error *err)
{
    struct infer *seen = NULL;
    const struct plan *p = t->plan;
    struct guess_column *column = arena_array(&t->arena, p->n_wanted + 1, sizeof *column);
    int r = column ? 0 : -ENOMEM;
    if (r == 0 && p->convert.infer_columns > 0) r = infer(t, &seen, err);
    for (size_t i = 0; i < p->n_wanted && r == 0; i++) {
        const struct plan_column *wanted = &p->wanted[i];
        column[i].name = wanted->name;
        if (wanted->kind == PLAN_FROM_CELL) infer_result(seen, wanted->cell, &column[i].as);
        if (wanted->kind == PLAN_FROM_PART) r = infer_text(wanted->text, &p->convert.reading, &column[i].as);
        if (wanted->kind == PLAN_FOR_RESCUE) column[i].as.type = (struct type){TYPE_JSONB, -1};
    }
    if (r == 0) r = declared_add(t->dataset, column, p->n_wanted);
    infer_free(seen);
    forget_plan(t);
    return r;
}

static int make_dataset(struct trial *t)
{
    struct config *owner = t->source.config;
    return t->guess.columns > 0 ? declared_guess(owner, t->declared, &t->guess, &t->dataset)
                                : declared_dataset(owner, t->declared, &t->dataset);
}

static int note_columns(struct trial *t)
{
    static const char *const made_of[] = {[-RULE_NULL] = "nothing",
                                          [-RULE_CONSTANT] = "the path",
                                          [-RULE_RESCUE] = "cells without a column",
                                          [-RULE_COMPUTED] = "an expression"};
    const struct row_rule *rule = t->plan->convert.transform ? &t->plan->rule : t->plan->convert.rule;
    t->column = arena_array(&t->arena, rule->columns + 1, sizeof *t->column);
    if (!t->column) return -ENOMEM;
    for (size_t i = 0; i < rule->columns; i++) {
        const struct column_rule *c = &rule->column[i];
        int at = table_find(&t->dataset->table, c->name);
        bool fed = c->source >= 0;
        t->column[t->columns++] =
            (struct trial_column){.name = c->name,
                                  .type = c->input.type,
                                  .sql_type = at >= 0 ? t->dataset->table.column[at].sql_type : type_info(c->input.type.id)->name,
                                  .cell = fed ? c->source : -1,
                                  .made = fed ? NULL : made_of[-c->source],
                                  .added = at >= 0 && (size_t)at >= t->made_columns};
    }
    return 0;
}

/* How it is read differs from a load only in what becomes of it: the rows are text, and their lines are known. */
static void set_up(struct plan *p)
{
    p->convert.text = p->convert.index = true;
    p->convert.rejects_max = REJECTS_MAX;
    p->convert.computed_max = COMPUTED_MAX;
    p->convert.lineage = false;
}

int trial_fit(struct trial *t, struct error *err)
{
    enum { TRIES = 3 };
    *err = (struct error){0};
    int r = make_dataset(t);
    if (r == 0) t->made_columns = t->dataset->table.columns;
    if (r == 0) t->dataset->table.ctype = t->ctype = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    for (int i = 0; i < TRIES && r == 0; i++) {
        r = plan_new(t->dataset, &t->head.plan_head, err, &t->plan);
        if (r != PLAN_E_DRIFT) break;
        r = add_wanted(t, err);
    }
    if (r > 0) return TRIAL_E_REFUSED;
    if (r < 0) return r;
    const struct formulas *f = t->dataset->formulas;
    if (f && f->server) t->in_server = f->server;
    if (f && !f->server && f->lookups > 0) t->in_server = "its lookups look into the database";
    set_up(t->plan);
    return note_columns(t);
}

/* ---- rows and rejects ---- */

struct reading {
    const struct trial_handler *h;
    struct trial_cell *cell;
    uint64_t rows; /* that were handed out */
};

/* COPY's text format, backwards. In place. */
static struct trial_cell take_cell(char **at, const char *end)
{
    static const char plain[256] = {['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t', ['v'] = '\v'};
    char *from = *at, *to = from, *p = from;
    bool null = end - p >= 2 && p[0] == '\\' && p[1] == 'N';
    for (; p < end && *p != '\t' && *p != '\n'; p++) {
        if (*p == '\\' && p + 1 < end) {
            p++;
            *to++ = plain[(unsigned char)*p] ? plain[(unsigned char)*p] : *p;
        } else {
            *to++ = *p;
        }
    }
    *at = p + (p < end);
    return (struct trial_cell){.text = {from, null ? 0 : (size_t)(to - from)}, .null = null};
}

static int use_output(struct trial *t, struct convert_output *out, void *ctx)
{
    struct reading *r = ctx;
    char *at = out->copy.data;
    for (size_t i = 0; i < out->rows && r->rows < r->h->rows_max; i++, r->rows++) {
        const char *end = out->copy.data + out->row[i].end;
        for (size_t k = 0; k < t->columns; k++)
            r->cell[k] = take_cell(&at, end);
        at = out->copy.data + out->row[i].end;
        r->h->row(r->h->ctx, out->row[i].line, r->cell);
    }
    reject_list_sort(&out->rejects);
    for (size_t i = 0; i < out->rejects.n; i++)
        r->h->reject(r->h->ctx, &out->rejects.item[i]);
    return 0;
}

int trial_read(struct trial *t, const struct trial_handler *h, struct error *err)
{
    struct reading r = {.h = h, .cell = arena_array(&t->arena, t->columns + 1, sizeof *r.cell)};
    struct convert_bench bench = {0};
    *err = (struct error){0};
    if (!r.cell) return -ENOMEM;
    int rc = convert_bench_init(&bench, &t->plan->convert);
    if (rc == 0) rc = flow(t, &bench, use_output, &r, err);
    convert_bench_done(&bench, &t->plan->convert);
    return rc;
}

void trial_done(struct trial *t)
{
    forget_plan(t);
    infer_free(t->infer);
    dataset_unref(t->dataset);
    if (t->ctype) freelocale(t->ctype);
    if (t->head.job.run) head_done(&t->head);
    if (t->fd >= 0) close(t->fd);
    arena_done(&t->arena);
}
