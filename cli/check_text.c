/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "field.h"
#include "reading.h"

#include <inttypes.h>

enum { TEXT_MAX = 64 << 20 };

static void put_place(struct buf *out, const struct config_dataset *d)
{
    if (d) buf_printf(out, " (%s:%d)", d->place.file, d->place.line);
}

/* "orders.csv: dataset orders (cetl.conf:3), table public.orders" */
static void print_head(const struct check *c)
{
    const struct trial *t = &c->trial;
    struct buf out;
    buf_init(&out, TEXT_MAX);
    field_show(&out, slice_of(c->source.name), false);
    buf_printf(&out, ": dataset %s", t->name);
    put_place(&out, t->declared);
    if (t->dataset) buf_printf(&out, ", table %s.%s", t->dataset->table.schema, t->dataset->table.name);
    if (!t->declared) buf_puts(&out, ", which nobody declares: its columns are inferred from the file");
    if (t->head.rc == 0 && t->head.plan_head.cells > 0) {
        buf_puts(&out, "\nread as ");
        reading_text(t, &out);
    }
    printf(SLICE_FMT "\n", SLICE_ARG(buf_slice(&out)));
    buf_done(&out);
}

/* Where a column comes from: "cell 2 (Order ID)". */
static void put_source(struct buf *out, const struct trial *t, const struct trial_column *column)
{
    const struct plan_head *head = &t->head.plan_head;
    if (column->cell < 0)
        buf_puts(out, column->made);
    else
        buf_printf(out, "cell %d", column->cell + 1);
    if (column->cell >= 0 && head->dialect.header == DIALECT_HEADER_YES) {
        buf_puts(out, " (");
        field_show(out, head->cell[column->cell], false);
        buf_putc(out, ')');
    }
    if (column->added) buf_puts(out, ", and the table gets the column");
}

static void print_columns(struct check *c)
{
    static const char *const names[] = {"column", "type", "from"};
    const struct trial *t = &c->trial;
    struct rows *rows = rows_begin(names, 3);
    struct buf source;
    buf_init(&source, TEXT_MAX);
    print_head(c);
    putchar('\n');
    for (size_t i = 0; i < t->columns; i++) {
        buf_reset(&source);
        put_source(&source, t, &t->column[i]);
        rows_cell(rows, slice_of(t->column[i].name), false);
        rows_cell(rows, slice_of(t->column[i].sql_type), false);
        rows_cell(rows, buf_slice(&source), false);
    }
    rows_print(rows, c->cli);
    buf_done(&source);
}

/* ---- rows and rejects ---- */

static struct rows *begin_rows(struct trial *t)
{
    const char **names = arena_array(&t->arena, t->columns + 2, sizeof *names);
    if (!names) return NULL;
    names[0] = "line";
    for (size_t i = 0; i < t->columns; i++)
        names[i + 1] = t->column[i].name;
    return rows_begin(names, t->columns + 1);
}

static void print_row(struct check *c, uint64_t line, const struct trial_cell *cell)
{
    char number[32];
    if (c->told) return;
    if (!c->rows) c->rows = begin_rows(&c->trial);
    snprintf(number, sizeof number, "%" PRIu64, line);
    rows_cell(c->rows, slice_of(number), false);
    for (size_t i = 0; i < c->trial.columns; i++)
        rows_cell(c->rows, cell[i].text, cell[i].null);
}

/* The rows that there were before the first reject of a later part of the file. */
static void tell_rows(struct check *c)
{
    if (c->told) return;
    c->told = true;
    if (c->rows) puts("\nthe first rows as they would be loaded:");
    rows_print(c->rows, c->cli);
    c->rows = NULL;
}

static void print_reject(struct check *c, const struct reject *r)
{
    struct buf out;
    if (!c->told) {
        tell_rows(c);
        puts("\nrows that would be rejected:");
    }
    buf_init(&out, TEXT_MAX);
    field_show(&out, r->message, false);
    printf("line %" PRIu64 ": " SLICE_FMT " (%s)\n", r->line, SLICE_ARG(buf_slice(&out)), r->code);
    buf_done(&out);
}

/* ---- the end ---- */

static void print_counts(const struct check *c)
{
    const struct trial_counts *n = &c->trial.counts;
    printf("%" PRIu64 " row%s read: %" PRIu64 " to load", n->read, n->read == 1 ? "" : "s", n->read - n->filtered - n->rejected);
    if (n->filtered > 0) printf(", %" PRIu64 " filtered", n->filtered);
    if (n->rejected > 0) printf(", %" PRIu64 " rejected", n->rejected);
    putchar('\n');
}

static void print_unseen(const struct check *c)
{
    const char *before = "not looked at, since only the database knows: ";
    if (c->unseen.table) printf("%swhether there is a table already, and its columns", before), before = "; ";
    for (int i = 0; i < TRAIT_KINDS; i++)
        if (c->unseen.constraints & 1U << i) printf("%s%s", before, trait_constraint_name(1 << i)), before = ", ";
    if (c->unseen.type)
        printf("%svalues of type %s (column %s)", before, c->unseen.type->sql_type, c->unseen.type->name), before = "; ";
    if (c->unseen.expressions) printf("%sexpressions (%s)", before, c->unseen.expressions), before = "; ";
    printf("%swhether its bytes were loaded before\n", before);
}

static void print_end(struct check *c, bool broken)
{
    bool fitted = c->trial.columns > 0;
    if (broken) return rows_print(c->rows, c->cli);
    if (!fitted) print_head(c);
    tell_rows(c);
    putchar('\n');
    if (fitted) print_counts(c);
    if (fitted) print_unseen(c);
    struct buf out;
    buf_init(&out, TEXT_MAX);
    field_show(&out, slice_of(c->err.text), false);
    const char *colour = !c->cli->colours ? "" : c->fails ? "\033[31m" : "\033[32m";
    printf(c->fails ? "%sit would fail: " SLICE_FMT "%s\n" : "%sit would be loaded" SLICE_FMT "%s\n", colour,
           SLICE_ARG(c->fails ? buf_slice(&out) : SLICE("")), c->cli->colours ? "\033[0m" : "");
    buf_done(&out);
}

const struct check_tell *check_text(void)
{
    static const struct check_tell tell = {print_columns, print_row, print_reject, print_end};
    return &tell;
}
