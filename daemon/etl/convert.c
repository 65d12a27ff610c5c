/* SPDX-License-Identifier: MIT */
#include "etl/convert.h"

#include "etl/sorter.h"

#include <stdlib.h>

enum {
    ARENA_BLOCK = 256 * 1024,
    /* A chunk's COPY bytes: at the narrowest cells ("1,") binary takes 7 times the text, and a column that the file lacks a NULL's
     * length word a row; what else a row has beside its cells the plan knows. Only a guard against our own mistakes. */
    COPY_GROWTH_MAX = 16,
    COPY_NULL = 4,
    COPY_LINEAGE = 24,
    COPY_FLOOR = 1024 * 1024,
};

int convert_bench_init(struct convert_bench *b, const struct convert_plan *plan)
{
    *b = (struct convert_bench){0};
    arena_init(&b->arena, ARENA_BLOCK, (size_t)1 << 30);
    arena_init(&b->computed, ARENA_BLOCK, plan->computed_max);
    if (plan->infer_columns > 0) {
        int r = infer_new(plan->infer_columns, &plan->reading, &b->infer);
        if (r == 0 && plan->infer_only) infer_only(b->infer, plan->infer_only);
        return r;
    }
    if (plan->rollups == 0) return 0;
    b->partial = calloc(plan->rollups, sizeof *b->partial);
    if (!b->partial) return -ENOMEM;
    for (size_t i = 0; i < plan->rollups; i++) {
        int r = aggregate_new(&plan->rollup[i], plan->aggregate_max, &b->partial[i]);
        if (r != 0) return r;
    }
    return 0;
}

size_t convert_bench_bytes(const struct convert_plan *plan)
{
    return ARENA_BLOCK + (plan->rule ? batch_bytes(plan->rule->columns) : 0) +
           (plan->transform ? transform_bytes(plan->transform) : 0);
}

void convert_bench_done(struct convert_bench *b, const struct convert_plan *plan)
{
    for (size_t i = 0; b->partial && i < plan->rollups; i++)
        aggregate_free(b->partial[i]);
    free(b->partial);
    infer_free(b->infer);
    arena_done(&b->arena);
    arena_done(&b->computed);
    *b = (struct convert_bench){0};
}

int convert_bench_merge(struct convert_bench *to, const struct convert_bench *from, const struct convert_plan *plan)
{
    if (to->infer) infer_merge(to->infer, from->infer);
    for (size_t i = 0; to->partial && i < plan->rollups; i++) {
        int r = aggregate_merge(to->partial[i], from->partial[i]);
        if (r != 0) return r;
    }
    return 0;
}

void convert_output_done(struct convert_output *o)
{
    buf_done(&o->copy);
    reject_list_done(&o->rejects);
    free(o->row);
    o->row = NULL;
}

/* One run over a chunk. */
struct conversion {
    const struct convert_plan *plan;
    struct convert_bench *bench;
    struct convert_output *out;
    struct reader reader;
    struct batch batch;
    struct slice file; /* filename() */
    struct pgcopy_lineage lineage;
    struct sorter sorter; /* of plan->sort */
};

void convert_header(const struct convert_plan *plan, struct buf *out)
{
    plan->text ? pgtext_header(out) : pgcopy_header(out);
}

void convert_trailer(const struct convert_plan *plan, struct buf *out)
{
    plan->text ? pgtext_trailer(out) : pgcopy_trailer(out);
}

const char *convert_copy_options(bool text)
{
    return text ? "" : " (FORMAT binary)";
}

/* Where the batch's rows lie in the COPY bytes, which hold them from `at` on. */
static int index_rows(struct conversion *c, const struct batch *b, size_t at)
{
    struct convert_output *out = c->out;
    if (b->rows == 0) return buf_check(&out->copy);
    struct convert_row *row = reallocarray(out->row, out->rows + b->rows, sizeof *row);
    if (!row) return -ENOMEM;
    out->row = row;
    for (size_t i = 0; i < b->rows; i++) {
        struct slice rest = {out->copy.data + at, out->copy.len - at};
        at += c->plan->text ? pgtext_row_bytes(rest) : pgcopy_row_bytes(rest);
        out->row[out->rows++] = (struct convert_row){b->line[i], at};
    }
    return buf_check(&out->copy);
}

/* An empty batch, in the arena. */
static int begin_batch(struct conversion *c)
{
    int r = batch_init(&c->batch, c->plan->types, c->plan->rule->columns, &c->bench->arena);
    return r == 0 && c->plan->transform ? batch_want_origins(&c->batch, &c->bench->arena) : r;
}

/* Rows of the table go to the aggregates and to COPY. */
static int put_rows(struct conversion *c, const struct batch *rows)
{
    int r = 0;
    for (size_t i = 0; i < c->plan->rollups && r == 0; i++)
        r = aggregate_add(c->bench->partial[i], rows);
    if (r != 0) return r;
    size_t at = c->out->copy.len;
    const struct pgcopy_lineage *lineage = c->plan->lineage ? &c->lineage : NULL;
    if (c->plan->text) {
        pgtext_rows(&c->out->copy, rows, lineage);
    } else {
        pgcopy_rows(&c->out->copy, rows, lineage);
    }
    r = c->plan->index ? index_rows(c, rows, at) : 0;
    if (r == 0 && c->plan->sort_columns > 0)
        r = sorter_add(&c->sorter, rows, &c->out->copy, at, c->plan->text ? pgtext_row_bytes : pgcopy_row_bytes);
    return r < 0 ? r : buf_check(&c->out->copy);
}

/* The transform's rows of some of the batch's. */
static int transform(struct conversion *c, size_t from, size_t n, struct batch *ret_rows)
{
    const struct convert_plan *plan = c->plan;
    const struct transform_file file = {.name = c->file, .loaded_at = plan->loaded_at, .ctype = plan->ctype};
    struct arena *arena = &c->bench->computed;
    struct batch part;
    uint64_t filtered = 0;
    arena_reset(arena);
    int r = batch_part(&c->batch, from, n, arena, &part);
    if (r == 0) r = transform_apply(plan->transform, &part, &file, arena, &c->out->rejects, ret_rows, &filtered);
    if (r == 0) c->out->rows_filtered += filtered;
    return r;
}

/* The batch's rows become the table's: all at once, or, where expressions make much of them, in parts. */
static int put_transformed(struct conversion *c)
{
    size_t n = c->batch.rows;
    int r = 0;
    for (size_t from = 0; from < c->batch.rows && r == 0; from += n) {
        struct batch rows = {0};
        n = n < c->batch.rows - from ? n : c->batch.rows - from;
        while ((r = transform(c, from, n, &rows)) == -ENOMEM && n > 1)
            n = (n + 1) / 2;
        if (r == -ENOMEM)
            r = transform_reject_big(&c->batch, from, &c->out->rejects);
        else if (r == 0)
            r = put_rows(c, &rows);
    }
    return r;
}

/* The batch is through; then its memory is used for the next. */
static int flush(struct conversion *c)
{
    int r = c->plan->transform ? put_transformed(c) : put_rows(c, &c->batch);
    if (r != 0) return r;
    arena_reset(&c->bench->arena);
    reader_forget(&c->reader);
    return begin_batch(c);
}

static int by_line(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* What the server has said of that row, or NULL. */
static const struct reject *verdict_of(const struct convert_plan *plan, uint64_t line)
{
    static const struct reject refused = {.code = "23000",
                                          .message = {"PostgreSQL refused the row, as others before it",
                                                      sizeof "PostgreSQL refused the row, as others before it" - 1}};
    const struct reject *verdict = plan->verdicts ? reject_list_find(plan->verdicts, line) : NULL;
    if (verdict || plan->judged_rows == 0) return verdict;
    return bsearch(&line, plan->judged, plan->judged_rows, sizeof line, by_line) ? &refused : NULL;
}

static int convert_record(struct conversion *c, int fault, const struct record *record)
{
    c->out->rows_read++;
    if (fault > 0) return rule_reject_record(c->plan->rule, record, fault, &c->out->rejects);
    const struct reject *verdict = verdict_of(c->plan, record->line);
    if (verdict) return rule_reject_verdict(c->plan->rule, record, verdict, &c->out->rejects);
    int r = rule_apply(c->plan->rule, record, &c->batch, &c->bench->arena, &c->out->rejects);
    if (r < 0) return r;
    return c->batch.rows == c->batch.rows_max ? flush(c) : 0;
}

static int infer_record(struct conversion *c, int fault, const struct record *record)
{
    c->out->rows_read++;
    int r = fault > 0 ? 0 : infer_add(c->bench->infer, record);
    arena_reset(&c->bench->arena);
    reader_forget(&c->reader);
    return r;
}

/* As many records at once as can be; the next one is for convert_record. */
static int convert_rows(struct conversion *c)
{
    /* A row that was judged is told by its line. */
    if (c->plan->verdicts || c->plan->judged_rows > 0) return 0;
    for (;;) {
        size_t read;
        int r = rule_apply_rows(c->plan->rule, &c->reader, &c->batch, &c->out->rejects, &read);
        if (r != 0 || read == 0) return r;
        c->out->rows_read += read;
        if (c->batch.rows == c->batch.rows_max) r = flush(c);
        if (r != 0) return r;
    }
}

static int run(struct conversion *c, bool header)
{
    struct record record;
    int fault;
    while ((fault = reader_next(&c->reader, &record)) != READER_E_END) {
        if (fault < 0) return fault;
        if (header) {
            header = false;
            continue;
        }
        int r = c->bench->infer ? infer_record(c, fault, &record) : convert_record(c, fault, &record);
        if (r == 0 && !c->bench->infer) r = convert_rows(c);
        if (r != 0) return r;
    }
    if (c->bench->infer) return 0;
    int r = flush(c);
    return r == 0 && c->plan->sort_columns > 0 ? sorter_finish(&c->sorter, &c->out->copy) : r;
}

/* Bytes of COPY that a chunk may come to. */
static size_t copy_max(const struct convert_plan *plan, size_t chunk_bytes)
{
    size_t growth = COPY_GROWTH_MAX + plan->row_extra;
    for (size_t i = 0; plan->rule && i < plan->rule->columns; i++)
        if (plan->rule->column[i].source < 0) growth += COPY_NULL;
    if (plan->lineage) growth += COPY_LINEAGE;
    return COPY_FLOOR + chunk_bytes * growth + (plan->transform ? plan->computed_max : 0);
}

int convert_chunk(const struct convert_plan *plan, const struct chunk *chunk, struct convert_bench *bench,
                  struct convert_output *ret_output)
{
    *ret_output = (struct convert_output){0};
    buf_init(&ret_output->copy, copy_max(plan, chunk->bytes.len));
    reject_list_init(&ret_output->rejects, plan->rejects_max);

    struct conversion c = {.plan = plan, .bench = bench, .out = ret_output, .file = chunk->name, .lineage = {chunk->file}};
    arena_reset(&bench->arena);
    struct reader_input input = {
        .dialect = &plan->dialect, .chunk = chunk->bytes, .first_line = chunk->first_line, .first_offset = chunk->first_offset};
    reader_init(&c.reader, &input, &bench->arena);
    if (!bench->infer) {
        int r = begin_batch(&c);
        if (r < 0) return r;
    }
    sorter_init(&c.sorter, plan->sort, plan->sort_columns);
    int r = run(&c, plan->header && chunk->seq == 0);
    sorter_done(&c.sorter);
    return r != 0 ? r : buf_check(&ret_output->copy);
}
