/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "etl/head.h"
#include "etl/plan.h"
#include "fixture.h"

/* A head of these cells, which end with NULL. */
struct headed {
    struct plan_head head;
    struct slice cell[16];
    struct arena arena;
};

static const struct plan_head *head_of(struct headed *h, enum dialect_header header, const char *const *cells)
{
    *h = (struct headed){.head = {.dialect = dialect_default(), .cell = h->cell}};
    h->head.dialect.header = header;
    for (; cells[h->head.cells]; h->head.cells++)
        h->cell[h->head.cells] = slice_of(cells[h->head.cells]);
    arena_init(&h->arena, 1024, 1 << 20);
    assert_int_equal(head_names(&h->head, &h->arena), 0);
    return &h->head;
}

static void headed_done(struct headed *h)
{
    head_names_done(&h->head);
    arena_done(&h->arena);
}
#define CELLS(...) ((const char *const[]){__VA_ARGS__, NULL})

static int plan_with(struct dataset *d, enum dialect_header header, const char *const *cells, struct error *err,
                     struct plan **ret_plan)
{
    struct headed h;
    int r = plan_new(d, head_of(&h, header, cells), err, ret_plan);
    headed_done(&h);
    return r;
}

static struct plan *must_plan(struct dataset *d, enum dialect_header header, const char *const *cells)
{
    struct error err;
    struct plan *p = NULL;
    int r = plan_with(d, header, cells, &err, &p);
    if (r != 0) fail_msg("%d: %s", r, err.text);
    return p;
}

static void must_fail(struct dataset *d, enum dialect_header header, const char *const *cells, int code, const char *words)
{
    struct error err;
    struct plan *p = NULL;
    assert_int_equal(plan_with(d, header, cells, &err, &p), code);
    assert_string_equal(err.text, words);
    assert_null(p);
}

static void assert_rule(const struct plan *p, size_t i, const char *name, int source)
{
    assert_string_equal(p->rule.column[i].name, name);
    assert_int_equal(p->rule.column[i].source, source);
}

/* orders (id bigint NOT NULL, customer_name text, placed date) */
static const char orders_text[] = "[dataset orders]\ncolumns = id bigint, customer_name text, placed date\n";

static struct dataset *orders_with(const char *more)
{
    char text[1024];
    struct table_column column[] = {fixture_column("id", TYPE_INT8), fixture_column("customer_name", TYPE_TEXT),
                                    fixture_column("placed", TYPE_DATE)};
    column[0].not_null = true;
    snprintf(text, sizeof text, "%s%s", orders_text, more);
    return fixture_dataset(text, column, 3);
}

/* ---- how values are written ---- */

static void marks_and_zones_are_the_columns_own_or_the_datasets(void **state)
{
    (void)state;
    struct dataset *d = orders_with("decimal_mark = ,\nthousands_mark = .\ntimezone = Europe/Paris\n"
                                    "[column orders.id]\ndecimal_mark = .\nthousands_mark = none\n");
    d->table.column[2] = fixture_column("placed", TYPE_TIMESTAMPTZ);
    struct plan *p = must_plan(d, DIALECT_HEADER_YES, CELLS("id", "customer_name", "placed"));
    assert_int_equal(p->rule.column[0].input.marks.decimal, 0);
    assert_int_equal(p->rule.column[1].input.marks.decimal, ',');
    assert_int_equal(p->rule.column[1].input.marks.thousands, '.');
    assert_string_equal(zone_name(p->rule.column[2].input.zone), "Europe/Paris");
    plan_free(p);
    dataset_unref(d);
}

static void marks_and_zones_of_columns_they_do_not_suit_are_refused(void **state)
{
    (void)state;
    struct dataset *d = orders_with("[column orders.customer_name]\ndecimal_mark = ,\n");
    must_fail(d, DIALECT_HEADER_YES, CELLS("id", "customer_name", "placed"), PLAN_E_DATASET,
              "column customer_name: decimal_mark and thousands_mark are for numbers, but it is a text");
    dataset_unref(d);
    d = orders_with("[column orders.placed]\ntimezone = UTC\n");
    must_fail(d, DIALECT_HEADER_YES, CELLS("id", "customer_name", "placed"), PLAN_E_DATASET,
              "column placed: timezone is for timestamptz (timestamp with time zone), but it is a date");
    dataset_unref(d);
}

/* ---- matching ---- */

static void header_may_name_the_columns_in_any_order_and_spelling(void **state)
{
    (void)state;
    struct dataset *d = orders_with("");
    struct plan *p = must_plan(d, DIALECT_HEADER_YES, CELLS("Placed", "ID", "Customer Name"));
    assert_int_equal(p->rule.columns, 3);
    assert_int_equal(p->rule.cells, 3);
    assert_rule(p, 0, "id", 1);
    assert_rule(p, 1, "customer_name", 2);
    assert_rule(p, 2, "placed", 0);
    assert_true(p->rule.column[0].not_null);
    assert_true(p->convert.header);
    assert_int_equal(p->convert.types[2].id, TYPE_DATE);
    assert_string_equal(p->copy_sql,
                        "COPY \"public\".\"orders\" (\"id\", \"customer_name\", \"placed\") FROM STDIN (FORMAT binary)");
    plan_free(p);
    dataset_unref(d);
}

static void from_names_the_header_that_feeds_a_column(void **state)
{
    (void)state;
    struct dataset *d = orders_with("[column orders.customer_name]\nfrom = Kunde\n[column orders.placed]\nfrom = Order Date\n");
    struct plan *p = must_plan(d, DIALECT_HEADER_YES, CELLS("order_date", "kunde", "id"));
    assert_rule(p, 0, "id", 2);
    assert_rule(p, 1, "customer_name", 1);
    assert_rule(p, 2, "placed", 0);
    plan_free(p);
    dataset_unref(d);
}

static void positions_rule_and_other_cells_are_not_wanted(void **state)
{
    (void)state;
    struct dataset *d = orders_with("[column orders.id]\nposition = 4\n[column orders.customer_name]\nposition = 1\n");
    struct plan *p = must_plan(d, DIALECT_HEADER_NO, CELLS("Ann", "x", "y", "1"));
    assert_int_equal(p->rule.columns, 2);
    assert_int_equal(p->rule.cells, 4);
    assert_rule(p, 0, "id", 3);
    assert_rule(p, 1, "customer_name", 0);
    assert_string_equal(p->copy_sql, "COPY \"public\".\"orders\" (\"id\", \"customer_name\") FROM STDIN (FORMAT binary)");
    plan_free(p);
    must_fail(d, DIALECT_HEADER_NO, CELLS("Ann", "1"), PLAN_E_HEADER,
              "line 1 has 2 cells, but column id is expected in cell 4; is the delimiter right?");
    dataset_unref(d);
}

static void without_header_the_cells_are_the_columns_in_order(void **state)
{
    (void)state;
    struct dataset *d = orders_with("");
    struct plan *p = must_plan(d, DIALECT_HEADER_NO, CELLS("1", "Ann", "2024-01-02"));
    assert_false(p->convert.header);
    for (int i = 0; i < 3; i++)
        assert_int_equal(p->rule.column[i].source, i);
    plan_free(p);
    must_fail(d, DIALECT_HEADER_NO, CELLS("1", "Ann"), PLAN_E_HEADER,
              "line 1 has 2 cells, but column placed is expected in cell 3; is the delimiter right?");
    must_fail(d, DIALECT_HEADER_NO, CELLS("1", "Ann", "2024-01-02", "x"), PLAN_E_HEADER,
              "line 1 has 4 cells, but public.orders has fewer columns");
    dataset_unref(d);
}

static void generated_columns_are_never_fed(void **state)
{
    (void)state;
    struct dataset *d = orders_with("");
    d->table.column[1].generated = true;
    struct plan *p = must_plan(d, DIALECT_HEADER_NO, CELLS("1", "2024-01-02"));
    assert_int_equal(p->rule.columns, 2);
    assert_rule(p, 1, "placed", 1);
    plan_free(p);
    must_fail(d, DIALECT_HEADER_YES, CELLS("id", "customer_name"), PLAN_E_HEADER,
              "line 1: cell 2 (\"customer_name\"): column customer_name of public.orders is generated, and takes no value from a "
              "file; leave the cell out, or set new_columns = ignore");
    dataset_unref(d);
}

static void unknown_header_is_said_with_its_cell(void **state)
{
    (void)state;
    struct dataset *d = orders_with("");
    must_fail(d, DIALECT_HEADER_YES, CELLS("id", "customer_name", "Pla\nced"), PLAN_E_HEADER,
              "line 1: cell 3 (\"Pla\\nced\") is no column of public.orders; rename it, give the column a `from`, or say by "
              "new_columns what becomes of such cells");
    must_fail(d, DIALECT_HEADER_YES, CELLS("id", "ID", "placed"), PLAN_E_HEADER,
              "line 1: cells 1 (\"id\") and 2 (\"ID\") both mean column id; remove one");
    dataset_unref(d);
}

static void missing_columns_may_be_null_or_have_a_default(void **state)
{
    (void)state;
    struct dataset *d = orders_with("");
    struct plan *p = must_plan(d, DIALECT_HEADER_YES, CELLS("id"));
    assert_int_equal(p->rule.columns, 1);
    plan_free(p);
    must_fail(d, DIALECT_HEADER_YES, CELLS("placed"), PLAN_E_HEADER, "line 1: no cell for column id, which may not be null");
    d->table.column[0].has_default = true;
    p = must_plan(d, DIALECT_HEADER_YES, CELLS("placed"));
    assert_string_equal(p->copy_sql, "COPY \"public\".\"orders\" (\"placed\") FROM STDIN (FORMAT binary)");
    plan_free(p);
    dataset_unref(d);
}

static void broken_dataset_says_its_reason(void **state)
{
    (void)state;
    struct dataset *d = orders_with("");
    dataset_break(d, "table %s is gone", "orders");
    dataset_break(d, "something later");
    must_fail(d, DIALECT_HEADER_YES, CELLS("id"), PLAN_E_DATASET, "table orders is gone");
    dataset_unref(d);
}

/* ---- rules ---- */

static void rules_have_their_formats_and_null_tokens(void **state)
{
    (void)state;
    struct dataset *d = orders_with("[column orders.placed]\nformat = DD/MM/YYYY\n");
    struct plan *p = must_plan(d, DIALECT_HEADER_YES, CELLS("id", "customer_name", "placed"));
    assert_null(p->rule.column[0].input.format);
    assert_non_null(p->rule.column[2].input.format);
    assert_int_equal(p->rule.column[0].null_tokens, d->config->null.n);
    plan_free(p);
    dataset_unref(d);

    char with_null[256];
    snprintf(with_null, sizeof with_null, "%snull = NA, -\n", orders_text);
    struct table_column id = fixture_column("id", TYPE_INT8);
    d = fixture_dataset(with_null, &id, 1);
    p = must_plan(d, DIALECT_HEADER_YES, CELLS("id"));
    assert_int_equal(p->rule.column[0].null_tokens, 2);
    assert_true(slice_equal(p->rule.column[0].null_token[1], SLICE("-")));
    plan_free(p);
    dataset_unref(d);
}

static void inferred_template_of_the_table_is_used(void **state)
{
    (void)state;
    struct dataset *d = orders_with("");
    d->table.column[2].format = "DD.MM.YYYY";
    struct plan *p = must_plan(d, DIALECT_HEADER_YES, CELLS("id", "customer_name", "placed"));
    assert_non_null(p->rule.column[2].input.format);
    plan_free(p);
    dataset_unref(d);
}

static void what_a_person_must_mend_names_the_column(void **state)
{
    (void)state;
    struct dataset *d = orders_with("[column orders.placed]\nformat = HH24:MI\n");
    must_fail(d, DIALECT_HEADER_YES, CELLS("id", "placed"), PLAN_E_DATASET,
              "column placed: format \"HH24:MI\": it lacks what a date needs");
    dataset_unref(d);
}

static void unknown_types_go_by_text(void **state)
{
    (void)state;
    struct dataset *d = orders_with("");
    d->table.column[2].known = false;
    d->table.column[2].type.id = TYPE_OTHER;
    struct plan *p = must_plan(d, DIALECT_HEADER_YES, CELLS("id", "placed"));
    assert_true(p->convert.text);
    assert_string_equal(p->copy_sql, "COPY \"public\".\"orders\" (\"id\", \"placed\") FROM STDIN");
    plan_free(p);
    p = must_plan(d, DIALECT_HEADER_YES, CELLS("id")); /* where the file does not have it, it does no harm */
    assert_false(p->convert.text);
    plan_free(p);
    dataset_unref(d);
}

/* ---- drift ---- */

static void both_headers_that_mean_a_column_are_said(void **state)
{
    (void)state;
    struct dataset *d = orders_with("[column orders.customer_name]\nfrom = Kunde\n");
    must_fail(d, DIALECT_HEADER_YES, CELLS("id", "KUNDE", "customerName"), PLAN_E_HEADER,
              "line 1: cells 2 (\"KUNDE\") and 3 (\"customerName\") both mean column customer_name; remove one");
    dataset_unref(d);
}

static void ignored_cells_feed_nothing_and_are_told(void **state)
{
    (void)state;
    struct dataset *d = orders_with("new_columns = ignore\n");
    struct plan *p = must_plan(d, DIALECT_HEADER_YES, CELLS("extra", "id", "ID"));
    assert_int_equal(p->rule.columns, 1);
    assert_rule(p, 0, "id", 1);
    assert_int_equal(p->rule.cells, 3);
    assert_int_equal(p->n_ignored, 2);
    assert_true(slice_equal(p->ignored[0], SLICE("extra")));
    plan_free(p);
    p = must_plan(d, DIALECT_HEADER_NO, CELLS("1", "Ann", "2024-01-02", "more"));
    assert_int_equal(p->rule.columns, 3);
    plan_free(p);
    dataset_unref(d);
}

static void added_columns_are_wanted_with_their_cells(void **state)
{
    (void)state;
    struct error err;
    struct plan *p = NULL;
    struct dataset *d = orders_with("new_columns = add\n");
    must_fail(
        d, DIALECT_HEADER_YES, CELLS("id", "Net Price"), PLAN_E_HEADER,
        "line 1: cell 2 (\"Net Price\") is no column of public.orders, and cetld did not make that table; add the column to it");
    d->ours = true;
    assert_int_equal(plan_with(d, DIALECT_HEADER_YES, CELLS("Net Price", "id", "net-price"), &err, &p), PLAN_E_DRIFT);
    assert_int_equal(p->n_wanted, 2);
    assert_string_equal(p->wanted[0].name, "net_price");
    assert_int_equal(p->wanted[0].cell, 0);
    assert_string_equal(p->wanted[1].name, "net_price_2");
    assert_int_equal(p->convert.infer_columns, 3);
    assert_true(p->convert.infer_only[0] && !p->convert.infer_only[1] && p->convert.infer_only[2]);
    plan_free(p);
    must_fail(d, DIALECT_HEADER_YES, CELLS("id", "ID"), PLAN_E_HEADER,
              "line 1: cells 1 (\"id\") and 2 (\"ID\") both mean column id; remove one");
    must_fail(d, DIALECT_HEADER_NO, CELLS("1", "Ann", "2024-01-02", "more"), PLAN_E_HEADER,
              "line 1 has 4 cells, but public.orders has fewer columns");
    dataset_unref(d);
}

static void rescued_cells_are_kept_under_their_headers(void **state)
{
    (void)state;
    struct error err;
    struct plan *p = NULL;
    struct dataset *d = orders_with("new_columns = rescue\n");
    must_fail(d, DIALECT_HEADER_YES, CELLS("id", "Note"), PLAN_E_HEADER,
              "line 1: cell 2 (\"Note\") is no column of public.orders, and cetld did not make that table; add the column _rescued "
              "jsonb to it");
    d->ours = true;
    assert_int_equal(plan_with(d, DIALECT_HEADER_YES, CELLS("id", "Note"), &err, &p), PLAN_E_DRIFT);
    assert_int_equal(p->n_wanted, 1);
    assert_int_equal(p->wanted[0].kind, PLAN_FOR_RESCUE);
    assert_int_equal(p->convert.infer_columns, 0);
    plan_free(p);

    d->table.column[2] = fixture_column(TABLE_RESCUED, TYPE_JSONB);
    p = must_plan(d, DIALECT_HEADER_YES, CELLS("Note", "id", "Note", ""));
    assert_int_equal(p->rule.columns, 2);
    assert_rule(p, 1, "_rescued", RULE_RESCUE);
    assert_int_equal(p->rule.rescue.cells, 3);
    assert_true(slice_equal(p->rule.rescue.cell[0].key, SLICE("\"note\":")));
    assert_true(slice_equal(p->rule.rescue.cell[1].key, SLICE("\"note_2\":")));
    assert_true(slice_equal(p->rule.rescue.cell[2].key, SLICE("\"column_4\":")));
    plan_free(p);
    p = must_plan(d, DIALECT_HEADER_NO, CELLS("1", "Ann")); /* it counts for no cell */
    assert_int_equal(p->rule.columns, 2);
    plan_free(p);
    d->table.column[2].type.id = TYPE_TEXT;
    must_fail(d, DIALECT_HEADER_YES, CELLS("id", "Note"), PLAN_E_DATASET,
              "column _rescued of public.orders is no plain jsonb, as new_columns = rescue needs it");
    dataset_unref(d);
}

static void missing_columns_may_be_refused_all_at_once(void **state)
{
    (void)state;
    struct dataset *d = orders_with("missing_columns = reject\n");
    must_fail(d, DIALECT_HEADER_YES, CELLS("id"), PLAN_E_HEADER,
              "line 1: no cell for 2 columns (customer_name, placed), and missing_columns is reject");
    d->table.column[1].has_default = d->table.column[2].generated = true;
    plan_free(must_plan(d, DIALECT_HEADER_YES, CELLS("id")));
    dataset_unref(d);
}

/* ---- columns from the path ---- */

static int plan_path(struct dataset *d, const char *path, const char *const *cells, struct error *err, struct plan **ret_plan)
{
    struct headed h;
    head_of(&h, DIALECT_HEADER_YES, cells);
    h.head.path = slice_of(path);
    int r = plan_new(d, &h.head, err, ret_plan);
    headed_done(&h);
    return r;
}

static void must_refuse_path(struct dataset *d, const char *path, const char *const *cells, int code, const char *words)
{
    struct error err;
    struct plan *p;
    assert_int_equal(plan_path(d, path, cells, &err, &p), code);
    assert_string_equal(err.text, words);
}

static void parts_of_the_path_are_constants(void **state)
{
    (void)state;
    struct error err;
    struct plan *p;
    struct dataset *d = orders_with("files = in/placed={placed}/{customerName}.csv\nnull = none\n");
    assert_int_equal(plan_path(d, "in/placed=2024%2D01-02/50%25.csv", CELLS("id"), &err, &p), 0);
    assert_rule(p, 1, "customer_name", RULE_CONSTANT);
    assert_rule(p, 2, "placed", RULE_CONSTANT);
    assert_int_equal(p->rule.column[2].constant.i, 8767);
    assert_true(slice_equal(p->rule.column[1].constant.s, SLICE("50%25"))); /* no '=' before it */
    plan_free(p);
    assert_int_equal(plan_path(d, "in/placed=__HIVE_DEFAULT_PARTITION__/none.csv", CELLS("id"), &err, &p), 0);
    assert_rule(p, 1, "customer_name", RULE_NULL);
    assert_rule(p, 2, "placed", RULE_NULL);
    plan_free(p);
    must_refuse_path(d, "in/placed=soon/x.csv", CELLS("id"), PLAN_E_HEADER,
                     "its path in/placed=soon/x.csv: {placed}: column placed: \"soon\" is not a date; expected a date such as "
                     "2024-01-31");
    must_refuse_path(d, "in/placed=2024-01-02/\xff.csv", CELLS("id"), PLAN_E_HEADER,
                     "its path in/placed=2024-01-02/\\xff.csv: {customer_name} holds bytes that are no UTF-8 text; rename the file "
                     "or its folder");
    must_refuse_path(d, "in/placed=2024-01-02/x.csv", CELLS("id", "Placed"), PLAN_E_HEADER,
                     "line 1: cell 2 (\"Placed\") and {placed} of the path both mean column placed; leave the cell out, or write a "
                     "* instead of {placed} in `files`");
    d->table.column[2].name = "other";
    must_refuse_path(d, "in/placed=2024-01-02/x.csv", CELLS("id"), PLAN_E_DATASET,
                     "`files` has {placed}, but public.orders has no column placed; add it, or write a * instead of {placed}");
    dataset_unref(d);
}

static void a_part_of_the_path_may_become_a_column(void **state)
{
    (void)state;
    struct error err;
    struct plan *p;
    struct dataset *d = orders_with("files = {region}/*.csv\nnew_columns = add\n");
    d->ours = true;
    assert_int_equal(plan_path(d, "north/x.csv", CELLS("id", "more"), &err, &p), PLAN_E_DRIFT);
    assert_int_equal(p->n_wanted, 2);
    assert_string_equal(p->wanted[1].name, "region");
    assert_true(slice_equal(p->wanted[1].text, SLICE("north")));
    assert_int_equal(p->wanted[1].kind, PLAN_FROM_PART);
    plan_free(p);
    dataset_unref(d);
}

/* ---- rollups ---- */

static const char daily[] = "[rollup orders.daily]\ngroup = placed\nmeasure = count(*) as n, max(id) as last\n";

static void rollups_columns_are_placed_among_the_rules(void **state)
{
    (void)state;
    struct dataset *d = orders_with(daily);
    assert_int_equal(dataset_resolve_rollups(d), 0);
    assert_null(d->broken);
    struct plan *p = must_plan(d, DIALECT_HEADER_YES, CELLS("placed", "id"));
    assert_int_equal(p->convert.rollups, 1);
    const struct aggregate_spec *s = &p->convert.rollup[0];
    assert_int_equal(s->columns, 2);
    assert_string_equal(p->rule.column[s->key[0].column].name, "placed");
    assert_int_equal(s->measure[0].function, AGGREGATE_COUNT_ALL);
    assert_string_equal(p->rule.column[s->measure[1].column].name, "id");
    assert_int_equal(d->rollup[0].spec.key[0].column, 2); /* the dataset's own stays over the table's columns */
    plan_free(p);
    dataset_unref(d);
}

static void rollups_column_that_the_file_lacks_is_null_in_every_row(void **state)
{
    (void)state;
    struct dataset *d = orders_with(daily);
    assert_int_equal(dataset_resolve_rollups(d), 0);
    struct plan *p = must_plan(d, DIALECT_HEADER_YES, CELLS("id"));
    assert_int_equal(p->rule.columns, 2);
    assert_rule(p, 1, "placed", -1);
    assert_int_equal(p->convert.rollup[0].key[0].column, 1);
    plan_free(p);
    d->table.column[2].has_default = true;
    must_fail(d, DIALECT_HEADER_YES, CELLS("id"), PLAN_E_HEADER,
              "column placed feeds a rollup, but the server would make its values; the file must have it");
    dataset_unref(d);
}

static void plan_that_infers_has_the_heads_width(void **state)
{
    (void)state;
    struct headed h;
    struct plan *p;
    assert_int_equal(plan_new_infer(NULL, head_of(&h, DIALECT_HEADER_YES, CELLS("a", "b", "c")), NULL, &p), 0);
    assert_int_equal(p->convert.infer_columns, 3);
    assert_true(p->convert.header);
    plan_free(p);
    plan_free(NULL);
    headed_done(&h);
}

/* As wide as PostgreSQL allows, the columns in the opposite order: the loop has no time to compare each with each. */
static void wide_headers_are_matched_at_once(void **state)
{
    (void)state;
    /* Cell by cell against column by column took minutes; the bound is far from both, so that neither load nor a sanitizer reaches
     * it. */
    enum { WIDE = HEAD_CELLS_MAX, MOST_US = 1000000 };
    static char name[WIDE][80];
    static struct table_column column[WIDE];
    static struct slice cell[WIDE];
    for (int i = 0; i < WIDE; i++) {
        snprintf(name[i], sizeof name[i], "a_rather_long_name_that_all_columns_share_up_to_number_%d", i);
        column[i] = fixture_column(name[i], TYPE_INT8);
        cell[WIDE - 1 - i] = slice_of(name[i]);
    }
    struct plan_head head = {.dialect = dialect_default(), .cell = cell, .cells = WIDE};
    struct arena arena;
    arena_init(&arena, 1 << 16, 1 << 24);
    head.dialect.header = DIALECT_HEADER_YES;
    assert_int_equal(head_names(&head, &arena), 0);
    struct dataset *d = fixture_dataset("[dataset wide]\ncolumns = id bigint\n", column, WIDE);
    struct error err;
    struct plan *p;
    int64_t began = clock_mono_us();
    assert_int_equal(plan_new(d, &head, &err, &p), 0);
    assert_in_range(clock_mono_us() - began, 0, MOST_US);
    assert_rule(p, 7, name[7], WIDE - 8);
    plan_free(p);
    dataset_unref(d);
    head_names_done(&head);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_and_zones_are_the_columns_own_or_the_datasets),
        cmocka_unit_test(marks_and_zones_of_columns_they_do_not_suit_are_refused),
        cmocka_unit_test(header_may_name_the_columns_in_any_order_and_spelling),
        cmocka_unit_test(from_names_the_header_that_feeds_a_column),
        cmocka_unit_test(positions_rule_and_other_cells_are_not_wanted),
        cmocka_unit_test(without_header_the_cells_are_the_columns_in_order),
        cmocka_unit_test(generated_columns_are_never_fed),
        cmocka_unit_test(unknown_header_is_said_with_its_cell),
        cmocka_unit_test(missing_columns_may_be_null_or_have_a_default),
        cmocka_unit_test(broken_dataset_says_its_reason),
        cmocka_unit_test(rules_have_their_formats_and_null_tokens),
        cmocka_unit_test(inferred_template_of_the_table_is_used),
        cmocka_unit_test(what_a_person_must_mend_names_the_column),
        cmocka_unit_test(unknown_types_go_by_text),
        cmocka_unit_test(both_headers_that_mean_a_column_are_said),
        cmocka_unit_test(ignored_cells_feed_nothing_and_are_told),
        cmocka_unit_test(added_columns_are_wanted_with_their_cells),
        cmocka_unit_test(rescued_cells_are_kept_under_their_headers),
        cmocka_unit_test(missing_columns_may_be_refused_all_at_once),
        cmocka_unit_test(parts_of_the_path_are_constants),
        cmocka_unit_test(a_part_of_the_path_may_become_a_column),
        cmocka_unit_test(rollups_columns_are_placed_among_the_rules),
        cmocka_unit_test(rollups_column_that_the_file_lacks_is_null_in_every_row),
        cmocka_unit_test(wide_headers_are_matched_at_once),
        cmocka_unit_test(plan_that_infers_has_the_heads_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
