/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "config/config.h"
#include "config/ini.h"
#include "config/options.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>

#include <cmocka.h>

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
    assert_int_equal(d->files.n, 6);
    assert_string_equal(d->files.item[0], "orders*.csv");
    assert_string_equal(d->schema, "public");
    assert_string_equal(d->table, "orders");
    assert_string_equal(d->columns_sql, "");
    assert_int_equal(d->mode, CONFIG_MODE_APPEND);
    assert_int_equal(d->header, CONFIG_HEADER_YES);
    assert_int_equal(d->delimiter, 0);
    assert_int_equal(d->quote, CONFIG_CHAR_AUTO);
    assert_int_equal(d->escape, CONFIG_CHAR_AUTO);
    assert_int_equal(d->skip_lines, CONFIG_LINES_AUTO);
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
    assert_string_equal(config_column(d, "order_id")->from, "Order ID");
    assert_null(config_column(d, "amount"));
    assert_int_equal(d->n_rollups, 1);
    assert_string_equal(d->rollup[0].table, "orders_daily");
    assert_string_equal(d->rollup[0].keys.item[0].alias, "day");
    assert_int_equal(d->rollup[0].measures.n, 2);
    assert_string_equal(d->null.item[1], "N/A");
    const struct config_dataset *p = config_dataset(c, SLICE("people"));
    assert_int_equal(p->delimiter, ';');
    assert_string_equal(p->encoding, "latin-1");
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

/* A private folder; make_file writes there, remove_one empties it. */
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

static void who_may_not_read_the_secrets_reads_the_rest(void **state)
{
    (void)state;
    char folder[] = "/tmp/config_test.XXXXXX", path[200];
    assert_non_null(mkdtemp(folder));
    make_file(folder, "cetl.conf",
              "[dataset a]\n"
              "[source s]\nurl = https://h/a.csv\ndataset = a\ntoken_file = /none/token\n"
              "[source t]\nurl_file = /none/url\ndataset = a\n"
              "[source u]\nurl = https://h/a.csv\ndataset = a\nuser = u\npassword_file = /none/password\n"
              "[store s]\nurl = azure://acme\nsecret_file = /none/secret\n"
              "[token t]\nhash_file = /none/hash\n");
    snprintf(path, sizeof path, "%s/cetl.conf", folder);
    struct mistakes m, none;
    struct config *c = NULL, *whole = NULL;
    mistakes_init(&m);
    mistakes_init(&none);
    int r = config_load_public(path, CONFIG_MUST_EXIST, &none, &c), refused = config_load(path, CONFIG_MUST_EXIST, &m, &whole);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    if (r) fail_msg("%d: %s", r, none.stored ? none.text[0] : "");
    assert_int_equal(refused, CONFIG_E_INVALID);
    assert_int_equal(c->n_datasets, 1);
    assert_int_equal(c->n_sources, 0);
    config_unref(c);
    mistakes_done(&m);
    mistakes_done(&none);
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

static void what_takes_a_restart_stays_what_it_was(void **state)
{
    (void)state;
    struct config *first =
        parse("[daemon]\nmemory_max = 64M\nspool = /a\n[database]\nload_connections = 3\n[api]\nlisten = 127.0.0.1:1\n");
    struct config *c =
        parse("[daemon]\nmemory_max = 1G\nmax_record = 400M\nspool = /b\nsettle = 7s\n[database]\nload_connections = 9\n"
              "[api]\nlisten = 127.0.0.1:2, 127.0.0.1:3\nfreshness = notify\n");
    config_settle(c, first);
    assert_int_equal(c->daemon.memory_max, 64 << 20);
    assert_int_equal(c->daemon.max_record, 32 << 20);
    assert_int_equal(c->daemon.settle_ms, 7000);
    assert_string_equal(c->daemon.spool, "/a");
    assert_int_equal(c->database.load_connections, 3);
    assert_int_equal(c->api.freshness, CONFIG_FRESHNESS_EXACT);
    assert_int_equal(c->api.listen.n, 1);
    assert_string_equal(c->api.listen.item[0], "127.0.0.1:1");
    assert_int_equal(c->written->daemon.memory_max, 1 << 30);
    assert_int_equal(c->written->api.listen.n, 2);
    struct buf out;
    buf_init(&out, SIZE_MAX);
    assert_int_equal(config_diff(first, c, &out), 5);
    buf_done(&out);
    config_unref(c);
    config_unref(first);
}

/* Each field is as large as its type says: what stands in front and behind is not touched. */
static void every_option_that_takes_a_restart_is_kept_alone(void **state)
{
    (void)state;
    static const enum option_section kinds[] = {OPTION_DAEMON, OPTION_DATABASE, OPTION_API};
    static const size_t sizes[] = {sizeof(struct config_daemon), sizeof(struct config_database), sizeof(struct config_api)};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        char *old = calloc(1, sizes[k]), *new = calloc(1, sizes[k]);
        memset(old, 0xff, sizes[k]);
        options_keep_fixed(kinds[k], old, new);
        for (const struct option *o = options_section(kinds[k])->options; o->name; o++) {
            size_t n = value_size(&o->rule);
            assert_true(o->offset + n <= sizes[k]);
            for (size_t i = 0; i < n; i++)
                if ((unsigned char)new[o->offset + i] != (o->fixed ? 0xff : 0)) fail_msg("%s, byte %zu", o->name, i);
        }
        free(old), free(new);
    }
}

static const char *text_of(struct buf *out, int datasets)
{
    buf_init(out, INI_FILE_MAX);
    for (int i = 0; i < datasets; i++)
        buf_printf(out, "[dataset d%d]\ncolumns = a int\n[column d%d.a]\nfrom = A\n[rollup d%d.r]\ngroup = a\nmeasure = count(*)\n",
                   i, i, i);
    return buf_cstr(out);
}

/* CPU time, so that a busy machine makes no difference. */
static int64_t cost_of(int datasets)
{
    struct buf text, printed;
    const char *conf = text_of(&text, datasets);
    int64_t best = INT64_MAX;
    for (int round = 0; round < 3; round++) {
        struct timespec from, to;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        struct config *c = parse(conf);
        buf_init(&printed, 64 << 20);
        config_print(c, &printed);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
        assert_int_equal(c->n_datasets, datasets);
        assert_int_equal(c->datasets[datasets - 1].n_columns + c->datasets[datasets - 1].n_rollups, 2);
        int64_t cost = (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
        if (cost < best) best = cost;
        buf_done(&printed);
        config_unref(c);
    }
    buf_done(&text);
    return best;
}

static void many_sections_cost_as_much_each_as_few(void **state)
{
    (void)state;
    int64_t few = cost_of(100), many = cost_of(1300);
    if (many > 3 * 13 * few) fail_msg("%lld ns for 100 datasets, %lld ns for 1300", (long long)few, (long long)many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_is_a_working_daemon),
        cmocka_unit_test(a_dataset_has_defaults_made_of_its_name),
        cmocka_unit_test(everything_that_is_said_is_found),
        cmocka_unit_test(what_is_printed_reads_back_to_the_same),
        cmocka_unit_test(the_first_dataset_that_matches_has_the_file),
        cmocka_unit_test(a_reload_names_what_it_cannot_change),
        cmocka_unit_test(budgets_are_kept),
        cmocka_unit_test(a_counted_configuration_lives_as_long_as_its_last_user),
        cmocka_unit_test(fragments_are_read_in_the_order_of_their_names),
        cmocka_unit_test(who_may_not_read_the_secrets_reads_the_rest),
        cmocka_unit_test(a_folder_is_no_configuration),
        cmocka_unit_test(many_sections_cost_as_much_each_as_few),
        cmocka_unit_test(what_takes_a_restart_stays_what_it_was),
        cmocka_unit_test(every_option_that_takes_a_restart_is_kept_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
