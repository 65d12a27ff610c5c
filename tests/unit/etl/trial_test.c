/* SPDX-License-Identifier: MIT */
#include "etl/trial.h"
#include "fixture.h"

/* A trial of a file of these bytes, and what it hands out, a line each. */
struct tried {
    struct config *config;
    struct trial t;
    struct error err;
    struct buf out;
    char path[32];
    int fd, rc;
};

static void on_row(void *ctx, uint64_t line, const struct trial_cell *cell)
{
    struct tried *d = ctx;
    buf_printf(&d->out, "%llu:", (unsigned long long)line);
    for (size_t i = 0; i < d->t.columns; i++)
        buf_printf(&d->out, " %s=" SLICE_FMT, d->t.column[i].name, SLICE_ARG(cell[i].null ? SLICE("NULL") : cell[i].text));
    buf_putc(&d->out, '\n');
}

static void on_reject(void *ctx, const struct reject *r)
{
    struct tried *d = ctx;
    buf_printf(&d->out, "%llu! " SLICE_FMT " %s\n", (unsigned long long)r->line, SLICE_ARG(r->column), r->code);
}

static void open_it(struct tried *d, const char *config, const char *name, struct slice bytes)
{
    struct mistakes m;
    *d = (struct tried){.fd = fixture_file(bytes)};
    mistakes_init(&m);
    buf_init(&d->out, 1 << 20);
    assert_int_equal(config_parse("f", slice_of(config), &m, &d->config), 0);
    snprintf(d->path, sizeof d->path, "/proc/self/fd/%d", d->fd);
    d->rc = trial_open(&d->t, &(struct trial_source){.config = d->config, .path = d->path, .name = name}, &d->err);
    mistakes_done(&m);
}

static void read_it(struct tried *d, const char *config, const char *name, const char *text)
{
    const struct trial_handler h = {.rows_max = 4, .row = on_row, .reject = on_reject, .ctx = d};
    open_it(d, config, name, slice_of(text));
    if (d->rc == 0 && (!d->t.declared || d->t.declared->columns.n == 0)) d->rc = trial_infer(&d->t, &d->err);
    if (d->rc == 0) d->rc = trial_fit(&d->t, &d->err);
    if (d->rc == 0) d->rc = trial_read(&d->t, &h, &d->err);
}

static void done(struct tried *d)
{
    trial_done(&d->t);
    config_unref(d->config);
    buf_done(&d->out);
    close(d->fd);
}

static void assert_out(struct tried *d, const char *want)
{
    if (d->rc != 0) fail_msg("%d: %s", d->rc, d->err.text);
    assert_string_equal(buf_cstr(&d->out), want);
}

static const char orders[] = "[dataset orders]\n"
                             "columns = id bigint primary key, amount numeric(8,2) not null, note text\n"
                             "filter = amount > 0\n";

static void rows_come_out_as_they_would_be_loaded(void **state)
{
    (void)state;
    struct tried d;
    read_it(&d, orders, "orders.csv", "id,amount,note\n1,2.5,\"a\tb\\c\nd\"\n2,-1,x\n3,1,\n");
    assert_out(&d, "2: id=1 amount=2.50 note=a\tb\\c\nd\n5: id=3 amount=1.00 note=NULL\n");
    assert_int_equal(d.t.counts.read, 3);
    assert_int_equal(d.t.counts.filtered, 1);
    assert_int_equal(d.t.counts.rejected, 0);
    assert_string_equal(d.t.column[1].sql_type, "numeric(8,2)");
    assert_int_equal(d.t.column[2].cell, 2);
    assert_null(d.t.in_server);
    done(&d);
}

static void every_reject_is_told_with_its_line(void **state)
{
    (void)state;
    struct tried d;
    read_it(&d, orders, "orders.csv", "id,amount\nx,1\n2,\n,3\n4,1,5\n5,6\n");
    assert_out(&d, "6: id=5 amount=6.00\n2! id 22P02\n3! amount 23502\n4! id 23502\n5!  22P04\n");
    assert_int_equal(d.t.counts.rejected, 4);
    done(&d);
}

static void a_file_that_does_not_fit_is_refused_with_the_daemons_words(void **state)
{
    (void)state;
    struct tried d;
    read_it(&d, orders, "orders.csv", "id,amounts\n1,2\n");
    assert_int_equal(d.rc, TRIAL_E_REFUSED);
    assert_string_equal(d.err.text,
                        "line 1: cell 2 (\"amounts\") is no column of public.orders; rename it, give the column a `from`, "
                        "or say by new_columns what becomes of such cells");
    done(&d);
    read_it(&d, orders, "orders.csv", "");
    assert_int_equal(d.rc, TRIAL_E_REFUSED);
    done(&d);
}

static void what_nobody_declared_is_inferred_and_read_so(void **state)
{
    (void)state;
    struct tried d;
    read_it(&d, "", "Sales 2024-01.csv", "Day;Ok\n31/01/2024;true\n05/02/2024;\n");
    assert_out(&d, "2: day=2024-01-31 ok=t\n3: day=2024-02-05 ok=NULL\n");
    assert_string_equal(d.t.name, "sales");
    assert_string_equal(d.t.guess.column[0].as.format, "DD/MM/YYYY");
    assert_true(d.t.guess.column[1].as.nulls);
    done(&d);
}

static void columns_that_the_table_would_get_are_there(void **state)
{
    (void)state;
    struct tried d;
    const char *add = "[dataset a]\ncolumns = id int\nnew_columns = add\n",
               *rescue = "[dataset a]\ncolumns = id int\nnew_columns = rescue\n";
    read_it(&d, add, "a.csv", "id,x\n1,2.5\n2,3\n");
    assert_out(&d, "2: id=1 x=2.5\n3: id=2 x=3\n");
    done(&d);
    read_it(&d, rescue, "a.csv", "id,x\n1,2.5\n");
    assert_out(&d, "2: id=1 _rescued={\"x\":\"2.5\"}\n");
    done(&d);
}

static void expressions_are_evaluated_where_the_workers_would(void **state)
{
    (void)state;
    struct tried d;
    const char *own = "[dataset a]\ncolumns = name text, initial text\n[column a.initial]\nexpr = upper(left(name, 1))\n";
    const char *server = "[dataset a]\ncolumns = name text, other text\n[column a.other]\nexpr = quote_ident(name)\n";
    read_it(&d, own, "a.csv", "name\n\xc3\xa9va\n");
    assert_out(&d, "2: name=\xc3\xa9va initial=\xc3\x89\n");
    assert_string_equal(d.t.column[1].made, "an expression");
    done(&d);
    read_it(&d, server, "a.csv", "name\nann\n");
    assert_out(&d, "2: name=ann\n");
    assert_non_null(d.t.in_server);
    done(&d);
}

static void what_only_the_server_knows_is_no_guess(void **state)
{
    (void)state;
    struct tried d;
    read_it(&d, "[dataset a]\ncolumns = id int, like other\n", "a.csv", "id\n1\n");
    assert_int_equal(d.rc, TRIAL_E_REFUSED);
    assert_string_equal(d.err.text, "f:2: columns: only the server knows the columns that LIKE takes over");
    done(&d);
    read_it(&d, "[dataset a]\ncolumns = id int, mood mood\n", "a.csv", "id,mood\n1,bad\n");
    assert_out(&d, "2: id=1 mood=bad\n");
    assert_int_equal(d.t.column[1].type.id, TYPE_OTHER);
    done(&d);
}

static void a_folder_is_no_file(void **state)
{
    (void)state;
    struct trial t;
    struct error err;
    struct tried d;
    open_it(&d, "", "a.csv", SLICE("a\n1\n"));
    assert_int_equal(trial_open(&t, &(struct trial_source){.config = d.config, .path = "/", .name = "x.csv"}, &err),
                     TRIAL_E_REFUSED);
    assert_string_equal(err.text, "it is no regular file");
    trial_done(&t);
    assert_int_equal(trial_open(&t, &(struct trial_source){.config = d.config, .path = "/nowhere/x.csv", .name = "x.csv"}, &err),
                     -ENOENT);
    trial_done(&t);
    done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_out_as_they_would_be_loaded),
        cmocka_unit_test(every_reject_is_told_with_its_line),
        cmocka_unit_test(a_file_that_does_not_fit_is_refused_with_the_daemons_words),
        cmocka_unit_test(what_nobody_declared_is_inferred_and_read_so),
        cmocka_unit_test(columns_that_the_table_would_get_are_there),
        cmocka_unit_test(expressions_are_evaluated_where_the_workers_would),
        cmocka_unit_test(what_only_the_server_knows_is_no_guess),
        cmocka_unit_test(a_folder_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
