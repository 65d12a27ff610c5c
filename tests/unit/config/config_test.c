/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/cleanup.h"
#include "base/fs.h"
#include "config/config.h"

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>

static struct config *parse(const char *text)
{
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    int r = config_parse("f", slice_of(text), &m, &c);
    if (r) fail_msg("%d: %s", r, m.stored ? m.text[0] : "");
    mistakes_done(&m);
    return c;
}

/* All mistakes, one a line. */
static void expect_mistakes(const char *text, const char *want)
{
    struct mistakes m;
    struct config *c = NULL;
    struct buf all;
    mistakes_init(&m);
    buf_init(&all, 1 << 16);
    int r = config_parse("f", slice_of(text), &m, &c);
    for (size_t i = 0; i < m.stored; i++)
        buf_printf(&all, "%s\n", m.text[i]);
    assert_string_equal(buf_cstr(&all), want);
    assert_int_equal(r, CONFIG_E_INVALID);
    assert_null(c);
    buf_done(&all);
    mistakes_done(&m);
}

static void an_empty_file_is_a_working_daemon(void **state)
{
    (void)state;
    struct config *c = parse("");
    assert_string_equal(c->daemon.spool, "/var/spool/cetl");
    assert_string_equal(c->daemon.state, "/var/lib/cetl");
    assert_int_equal(c->daemon.memory_max, 128 << 20);
    assert_int_equal(c->daemon.max_record, 16 << 20);
    assert_int_equal(c->daemon.settle_ms, 1000);
    assert_int_equal(c->daemon.rescan_ms, 30000);
    assert_int_equal(c->daemon.unmatched, CONFIG_UNMATCHED_INFER);
    assert_int_equal(c->daemon.log_level, LOG_INFO);
    assert_true(config_workers(c) >= 1);
    assert_string_equal(c->database.url, "");
    assert_int_equal(c->database.load_connections, 2);
    assert_int_equal(c->database.api_connections, 4);
    assert_int_equal(c->api.listen.n, 2);
    assert_string_equal(c->api.listen.item[0], "127.0.0.1:8080");
    assert_string_equal(c->api.listen.item[1], "unix:/run/cetl/cetld.sock");
    assert_int_equal(c->api.socket_mode, 0660);
    assert_int_equal(c->n_datasets, 0);
    config_unref(c);
}

static void a_dataset_has_defaults_made_of_its_name(void **state)
{
    (void)state;
    struct config *c = parse("[dataset orders]\n");
    const struct config_dataset *d = &c->datasets[0];
    assert_string_equal(d->name, "orders");
    assert_int_equal(d->files.n, 1);
    assert_string_equal(d->files.item[0], "orders*.csv");
    assert_string_equal(d->schema, "public");
    assert_string_equal(d->table, "orders");
    assert_string_equal(d->columns_sql, "");
    assert_int_equal(d->mode, CONFIG_MODE_APPEND);
    assert_int_equal(d->header, CONFIG_HEADER_YES);
    assert_int_equal(d->delimiter, 0);
    assert_int_equal(d->quote, '"');
    assert_int_equal(d->null.n, 0);
    assert_false(d->max_errors.is_percent);
    assert_int_equal(d->max_errors.count, 0);
    assert_int_equal(d->duplicates, CONFIG_DUPLICATES_SKIP);
    assert_int_equal(d->place.line, 1);
    assert_string_equal(d->place.file, "f");
    config_unref(c);
}

static const char everything[] = "[daemon]\n"
                                 "workers = 3\n"
                                 "[dataset orders]\n"
                                 "files = orders_*.csv, sub/*.csv\n"
                                 "table = sales.\"Orders\"\n"
                                 "columns =\n"
                                 "    order_id bigint primary key,\n"
                                 "    placed timestamptz,\n"
                                 "    amount numeric(12,2) -- net\n"
                                 "max_errors = 1%\n"
                                 "null = NULL, N/A\n"
                                 "[column orders.placed]\n"
                                 "format = DD/MM/YYYY HH24:MI\n"
                                 "timezone = Europe/Paris\n"
                                 "[column orders.order_id]\n"
                                 "from = Order ID\n"
                                 "[rollup orders.daily]\n"
                                 "group = placed::date as day\n"
                                 "measure = sum(amount) as revenue, count(*)\n"
                                 "[dataset people]\n"
                                 "mode = replace\n"
                                 "delimiter = ;\n"
                                 "encoding = latin-1\n";

static void everything_that_is_said_is_found(void **state)
{
    (void)state;
    struct config *c = parse(everything);
    assert_int_equal(config_workers(c), 3);
    assert_int_equal(c->n_datasets, 2);
    const struct config_dataset *d = config_dataset(c, SLICE("orders"));
    assert_string_equal(d->schema, "sales");
    assert_string_equal(d->table, "Orders");
    assert_int_equal(d->columns.n, 3);
    assert_int_equal(d->columns_place.line, 6);
    assert_int_equal(d->n_columns, 2);
    assert_string_equal(config_column(d, "placed")->timezone, "Europe/Paris");
    assert_string_equal(config_column(d, "order_id")->from, "Order ID");
    assert_null(config_column(d, "amount"));
    assert_int_equal(d->n_rollups, 1);
    assert_string_equal(d->rollup[0].table, "orders_daily");
    assert_string_equal(d->rollup[0].keys.item[0].alias, "day");
    assert_int_equal(d->rollup[0].measures.n, 2);
    assert_string_equal(d->null.item[1], "N/A");
    const struct config_dataset *p = config_dataset(c, SLICE("people"));
    assert_int_equal(p->delimiter, ';');
    assert_int_equal(p->encoding, CONFIG_ENCODING_LATIN1);
    assert_null(config_dataset(c, SLICE("nobody")));
    config_unref(c);
}

static void what_is_printed_reads_back_to_the_same(void **state)
{
    (void)state;
    struct config *c = parse(everything);
    struct buf first, second;
    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    config_print(c, &first);
    struct config *again = parse(buf_cstr(&first));
    config_print(again, &second);
    assert_string_equal(buf_cstr(&first), buf_cstr(&second));
    assert_non_null(strstr(buf_cstr(&first), "max_errors = 1%\n"));
    buf_done(&first);
    buf_done(&second);
    config_unref(c);
    config_unref(again);
}

static void the_first_dataset_that_matches_has_the_file(void **state)
{
    (void)state;
    struct config *c = parse("[dataset a]\nfiles = x*.csv\n[dataset b]\nfiles = *.csv, in/*.txt\n");
    assert_string_equal(config_dataset_for(c, SLICE("x1.csv"))->name, "a");
    assert_string_equal(config_dataset_for(c, SLICE("deep/y.csv"))->name, "b");
    assert_string_equal(config_dataset_for(c, SLICE("in/y.txt"))->name, "b");
    assert_null(config_dataset_for(c, SLICE("y.txt")));
    config_unref(c);
}

static void where_every_column_has_a_position_there_is_no_header(void **state)
{
    (void)state;
    struct config *c = parse("[dataset a]\ncolumns = x int, y int\n[column a.x]\nposition = 2\n[column a.y]\nposition = 1\n"
                             "[dataset b]\ncolumns = x int, y int\n[column b.x]\nposition = 2\n"
                             "[dataset c]\nheader = yes\ncolumns = x int\n[column c.x]\nposition = 1\n");
    assert_int_equal(c->datasets[0].header, CONFIG_HEADER_NO);
    assert_int_equal(c->datasets[1].header, CONFIG_HEADER_YES);
    assert_int_equal(c->datasets[2].header, CONFIG_HEADER_YES);
    config_unref(c);
}

static void all_mistakes_are_told_at_once_with_their_places(void **state)
{
    (void)state;
    expect_mistakes("[deamon]\n"
                    "[daemon]\n"
                    "memory_mx = 1\n"
                    "settle = soon\n"
                    "unmatched = maybe\n"
                    "[dataset Orders]\n"
                    "colums = x\n"
                    "[database]\n"
                    "banana = 1\n",
                    "f:1: there is no section [deamon] (did you mean 'daemon'?)\n"
                    "f:3: [daemon] has no option 'memory_mx' (did you mean 'memory_max'?)\n"
                    "f:4: settle: 'soon' is not a duration (us, ms, s, min, h, d, w), 0 to 1h\n"
                    "f:5: unmatched: 'maybe' is not infer, fail or leave\n"
                    "f:9: [database] has no option 'banana'\n"
                    "f:7: [dataset] has no option 'colums' (did you mean 'columns'?)\n"
                    "f:6: a dataset's name is lower-case words joined by '_' that begin with a letter; write [dataset orders]\n");
}

static void sections_that_need_names_have_them(void **state)
{
    (void)state;
    expect_mistakes("[dataset]\n[daemon x]\n[column a]\n[rollup b.c]\n", "f:1: [dataset] needs a name: [dataset orders]\n"
                                                                         "f:2: [daemon] takes no name\n"
                                                                         "f:3: write [column DATASET.NAME]\n"
                                                                         "f:4: there is no [dataset b]\n");
}

static void names_that_cannot_be_are_refused(void **state)
{
    (void)state;
    expect_mistakes("[dataset files]\n", "f:1: 'files' is a word of the API's addresses; write [dataset files_data]\n");
    expect_mistakes("[dataset 2024]\n",
                    "f:1: a dataset's name is lower-case words joined by '_' that begin with a letter; write [dataset t_2024]\n");
    expect_mistakes("[dataset a.b \"[]\n",
                    "f:1: a dataset's name is lower-case words joined by '_' that begin with a letter; write [dataset a_b]\n");
    expect_mistakes("[dataset --]\n",
                    "f:1: a dataset's name is lower-case words joined by '_' that begin with a letter; write [dataset t_]\n");
}

static void columns_must_be_declared(void **state)
{
    (void)state;
    expect_mistakes("[dataset orders]\ncolumns = amount int\n[column orders.amuont]\n[column order.x]\n[column "
                    "orders.amount]\nfrom = A\nposition = 1\n",
                    "f:4: there is no [dataset order] (did you mean 'orders'?)\n"
                    "f:3: dataset 'orders' has no column 'amuont' (did you mean 'amount'?)\n"
                    "f:7: give from or position, not both\n");
    expect_mistakes("[dataset a]\n[column a.b]\n",
                    "f:2: dataset 'a' declares no columns; give it 'columns = \xe2\x80\xa6' first\n");
    expect_mistakes("[dataset a]\ncolumns = x\n", "f:2: columns: column 'x' has no type\n");
    expect_mistakes("[dataset a]\nheader = no\ncolumns = x int, y int\n[column a.x]\nposition = 1\n",
                    "f:2: without a header give every column of 'a' a position, or none (then their order counts)\n");
}

static void rollups_are_checked(void **state)
{
    (void)state;
    expect_mistakes(
        "[dataset a]\nmode = replace\ncolumns = x int, t timestamptz\n"
        "[rollup a.r]\ngroup = tt::date\nmeasure = avg(x), y\n"
        "[rollup a.s]\ngroup = x\nmeasure = sum(y), count(*) as x\n",
        "f:6: measure: found 'avg' where count(*), count(column), sum(column), min(column) or max(column) was expected\n"
        "f:4: a rollup needs a dataset with mode = append\n"
        "f:5: dataset 'a' has no column 'tt' (did you mean 't'?)\n"
        "f:7: a rollup needs a dataset with mode = append\n"
        "f:9: dataset 'a' has no column 'y' (did you mean 'x'?)\n"
        "f:7: two columns would be named 'x'; name one of them with 'as'\n");
    expect_mistakes("[dataset a]\n[rollup a.b]\n",
                    "f:2: group: it ends where a column was expected\n"
                    "f:2: measure: it ends where count(*), count(column), sum(column), min(column) or max(column) was expected\n");
}

static void tables_must_not_collide(void **state)
{
    (void)state;
    expect_mistakes("[dataset a]\n[rollup a.b]\ngroup = x\nmeasure = count(*)\n[dataset a_b]\n",
                    "f:2: its table a_b is that of dataset 'a_b'\n");
    expect_mistakes("[dataset a]\n[rollup a.b_c]\ngroup = x\nmeasure = count(*)\n[dataset a_b]\n[rollup a_b.c]\ngroup = x\nmeasure "
                    "= count(*)\n",
                    "f:6: its table a_b_c is that of rollup 'a.b_c'\n");
    expect_mistakes("[dataset a]\ntable = t\n[dataset b]\ntable = t\nmode = replace\n",
                    "f:3: dataset 'a' has the same table, and one of both replaces its content\n");
}

static void other_things_that_do_not_fit_are_told(void **state)
{
    (void)state;
    expect_mistakes("[daemon]\nmemory_max = 32M\nmax_record = 17M\n",
                    "f:3: max_record is more than half of memory_max; no record of that size could be loaded\n");
    expect_mistakes("[dataset a]\nquote = '\ndelimiter = '\n", "f:2: quote and delimiter are the same character\n");
    expect_mistakes("[dataset a]\nfiles =\n", "f:2: files names no glob, so that no file can ever match\n");
}

static void a_password_in_the_url_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"postgresql://u:pw@h/db", "host=h password=x", "postgresql://h/db?password=x"};
    static const char *const good[] = {"postgresql://u@h:5432/db", "postgresql:///cetl", "host=/run/x dbname=y",
                                       "postgresql://h/a:b@c"};
    for (size_t i = 0; i < 3; i++) {
        char text[100];
        snprintf(text, sizeof(text), "[database]\nurl = %s\n", bad[i]);
        expect_mistakes(text, "f:2: url holds a password; put it into a file and name that by password_file\n");
    }
    for (size_t i = 0; i < 4; i++) {
        char text[100];
        snprintf(text, sizeof(text), "[database]\nurl = %s\n", good[i]);
        config_unref(parse(text));
    }
}

static void a_reload_names_what_it_cannot_change(void **state)
{
    (void)state;
    struct config *old = parse("[daemon]\nspool = /a\nsettle = 1s\nmemory_max = 128M\n");
    struct config *new = parse("[daemon]\nspool = /b\nsettle = 2s\nmemory_max = 131072K\n[api]\nlisten = [::1]:80\n[dataset x]\n");
    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(config_diff(old, new, &out), 2);
    assert_string_equal(buf_cstr(&out),
                        "daemon.spool ('/a' to '/b'), api.listen ('127.0.0.1:8080, unix:/run/cetl/cetld.sock' to '[::1]:80')");
    buf_reset(&out);
    assert_int_equal(config_diff(old, old, &out), 0);
    assert_int_equal(out.len, 0);
    buf_done(&out);
    config_unref(old);
    config_unref(new);
}

static void budgets_are_kept(void **state)
{
    (void)state;
    const struct config_budget none = {0}, ten = {.count = 10}, percent = {.is_percent = true, .percent = 1};
    assert_true(config_budget_allows(&none, 0, 0));
    assert_false(config_budget_allows(&none, 1, 1000000));
    assert_true(config_budget_allows(&ten, 10, 10));
    assert_false(config_budget_allows(&ten, 11, 1000000));
    assert_true(config_budget_allows(&percent, 10, 1000));
    assert_false(config_budget_allows(&percent, 11, 1000));
    assert_true(config_budget_allows(&percent, 0, 0));
}

static void a_counted_configuration_lives_as_long_as_its_last_user(void **state)
{
    (void)state;
    struct config *c = parse("[dataset a]\n");
    struct config *load = config_ref(c);
    config_unref(c);
    assert_string_equal(load->datasets[0].name, "a");
    config_unref(load);
    config_unref(NULL);
}

static void any_bytes_are_survived(void **state)
{
    (void)state;
    static const char *const bits[] = {"[dataset a]\n",
                                       "[column a.b]\n",
                                       "[rollup a.b]\n",
                                       "[daemon]\n",
                                       "[",
                                       "]",
                                       "\n",
                                       "\n ",
                                       "columns = ",
                                       "group = ",
                                       "measure = ",
                                       "files = ",
                                       "b int",
                                       ",",
                                       "(",
                                       ")",
                                       "\"",
                                       "'",
                                       "count(*)",
                                       "$$",
                                       "%",
                                       "position = 1\n",
                                       "table = ",
                                       "\xc3\xa9",
                                       "="};
    unsigned seed = 7;
    for (int round = 0; round < 3000; round++) {
        char text[800] = "";
        for (int n = rand_r(&seed) % 30; n > 0; n--)
            strcat(text, bits[rand_r(&seed) % (sizeof(bits) / sizeof(bits[0]))]);
        struct mistakes m;
        struct config *c = NULL;
        mistakes_init(&m);
        int r = config_parse("f", slice_of(text), &m, &c);
        assert_true(r == 0 || r == CONFIG_E_INVALID);
        assert_int_equal(r == 0, m.n == 0);
        config_unref(c);
        mistakes_done(&m);
    }
}

/* A private folder; make_files writes, drop_folder removes it. */
static void make_file(const char *folder, const char *name, const char *content)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static void fragments_are_read_in_the_order_of_their_names(void **state)
{
    (void)state;
    char folder[] = "/tmp/config_test.XXXXXX", path[200], secret_path[200];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/conf.d", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    make_file(folder, "cetl.conf", "[daemon]\nspool = /main\nstate = /main\n");
    make_file(folder, "conf.d/20.conf", "[daemon]\nspool = /twenty\n[dataset b]\n");
    make_file(folder, "conf.d/10.conf", "[daemon]\nspool = /ten\n[dataset a]\n");
    make_file(folder, "conf.d/90.conf~", "[daemon]\nspool = /backup\n");
    make_file(folder, "conf.d/.hidden.conf", "[daemon]\nspool = /hidden\n");
    make_file(folder, "secret", "pass word\r\n");
    snprintf(path, sizeof(path), "%s/cetl.conf", folder);
    snprintf(secret_path, sizeof(secret_path), "%s/secret", folder);
    struct mistakes m, missing;
    struct config *c = NULL, *none = NULL;
    mistakes_init(&m);
    mistakes_init(&missing);
    int r = config_load(path, CONFIG_MUST_EXIST, &m, &c);
    char *secret = NULL;
    struct error err = {0};
    int read = config_read_secret(secret_path, &err, &secret);
    strcat(path, ".none");
    int refused = config_load(path, CONFIG_MUST_EXIST, &missing, &none);
    struct config *fine = NULL;
    int allowed = config_load(path, CONFIG_MAY_BE_MISSING, &m, &fine);
    int unreadable = config_read_secret(path, &err, &secret);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(r | read | allowed, 0);
    assert_string_equal(c->daemon.spool, "/twenty");
    assert_string_equal(c->daemon.state, "/main");
    assert_string_equal(c->datasets[0].name, "a");
    assert_string_equal(c->datasets[1].name, "b");
    assert_string_equal(secret, "pass word");
    assert_int_equal(refused, CONFIG_E_INVALID);
    assert_non_null(strstr(missing.text[0], "cetl.conf.none: cannot be read: No such file or directory"));
    assert_string_equal(fine->daemon.spool, "/twenty");
    assert_int_equal(unreadable, -ENOENT);
    assert_non_null(strstr(err.text, "cannot be read"));
    free(secret);
    config_unref(c);
    config_unref(fine);
    mistakes_done(&m);
    mistakes_done(&missing);
}

static void a_folder_is_no_configuration(void **state)
{
    (void)state;
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    assert_int_equal(config_load("/tmp", CONFIG_MAY_BE_MISSING, &m, &c), CONFIG_E_INVALID);
    assert_string_equal(m.text[0], "/tmp: cannot be read: Is a directory");
    mistakes_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_is_a_working_daemon),
        cmocka_unit_test(a_dataset_has_defaults_made_of_its_name),
        cmocka_unit_test(everything_that_is_said_is_found),
        cmocka_unit_test(what_is_printed_reads_back_to_the_same),
        cmocka_unit_test(the_first_dataset_that_matches_has_the_file),
        cmocka_unit_test(where_every_column_has_a_position_there_is_no_header),
        cmocka_unit_test(all_mistakes_are_told_at_once_with_their_places),
        cmocka_unit_test(sections_that_need_names_have_them),
        cmocka_unit_test(names_that_cannot_be_are_refused),
        cmocka_unit_test(columns_must_be_declared),
        cmocka_unit_test(rollups_are_checked),
        cmocka_unit_test(tables_must_not_collide),
        cmocka_unit_test(other_things_that_do_not_fit_are_told),
        cmocka_unit_test(a_password_in_the_url_is_refused),
        cmocka_unit_test(a_reload_names_what_it_cannot_change),
        cmocka_unit_test(budgets_are_kept),
        cmocka_unit_test(a_counted_configuration_lives_as_long_as_its_last_user),
        cmocka_unit_test(any_bytes_are_survived),
        cmocka_unit_test(fragments_are_read_in_the_order_of_their_names),
        cmocka_unit_test(a_folder_is_no_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
