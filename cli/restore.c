/* SPDX-License-Identifier: MIT */
#include "restore.h"

#include "backup_sql.h"
#include "base/fs.h"
#include "database.h"
#include "depot.h"
#include "etl/dataset.h"
#include "format/json_writer.h"
#include "interrupt.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { MANIFEST_MAX = 64 * 1024 * 1024, ARENA_BLOCK = 64 * 1024, SQL_MAX = 64 * 1024 };

/* ---- what is restored ---- */

/* The files of a backup in an object store come to a temporary folder. */
struct fetched {
    struct depot *depot; /* NULL: the backup is a folder */
    char *folder;        /* malloc'd */
};

static int open_folder(struct restore *x, struct fetched *f)
{
    if (depot_is_url(x->folder)) {
        int ret = depot_open(x->cli, x->folder, &f->depot);
        if (ret == CLI_OK) f->folder = depot_folder(&x->dir);
        if (ret != CLI_OK || !f->folder) return CLI_FAILED;
        return depot_get(f->depot, x->dir, MANIFEST_NAME, MANIFEST_MAX);
    }
    x->dir = fs_open_dir(AT_FDCWD, x->folder);
    return x->dir >= 0 ? CLI_OK : cli_complain(CLI_FAILED, "%s: %s", x->folder, error_name(x->dir));
}

static int fetch(struct restore *x, struct fetched *f)
{
    int ret = CLI_OK;
    for (size_t i = 0; f->depot && ret == CLI_OK && i < x->tables; i++) {
        const struct manifest_table *m = x->table[i].m;
        ret = depot_get(f->depot, x->dir, m->rows.name, m->rows.bytes);
        if (ret == CLI_OK && m->dataset.name) ret = depot_get(f->depot, x->dir, m->dataset.ledger.name, m->dataset.ledger.bytes);
    }
    return ret;
}

static void forget(struct restore *x, struct fetched *f)
{
    depot_close(f->depot);
    if (!f->folder) return;
    for (size_t i = 0; i < x->tables; i++) {
        const struct manifest_table *m = x->table[i].m;
        unlinkat(x->dir, m->rows.name, 0);
        if (m->dataset.name) unlinkat(x->dir, m->dataset.ledger.name, 0);
    }
    unlinkat(x->dir, MANIFEST_NAME, 0);
    rmdir(f->folder);
    free(f->folder);
}

static int read_manifest(struct restore *x)
{
    char *text;
    size_t len;
    int r = fs_read_small(x->dir, MANIFEST_NAME, MANIFEST_MAX, &text, &len);
    if (r == -ENOENT) return cli_complain(CLI_FAILED, "%s is no backup, or not a whole one: it has no " MANIFEST_NAME, x->folder);
    if (r < 0) return cli_complain(CLI_FAILED, "%s/" MANIFEST_NAME ": %s", x->folder, error_name(r));
    struct error err = {0};
    r = manifest_parse((struct slice){text, len}, &x->m, &err);
    free(text);
    return r == 0 ? CLI_OK : cli_complain(CLI_FAILED, "%s/" MANIFEST_NAME ": %s", x->folder, err.text);
}

/* "orders" and "public.orders" are tables' names, "orders" also a dataset's. */
static bool is_meant(const struct manifest_table *t, const char *name)
{
    size_t n = strlen(t->schema);
    if (strcmp(t->name, name) == 0 || (t->dataset.name && strcmp(t->dataset.name, name) == 0)) return true;
    return strncmp(t->schema, name, n) == 0 && name[n] == '.' && strcmp(t->name, name + n + 1) == 0;
}

static int choose(struct restore *x, char **names, int n)
{
    x->table = calloc(x->m.tables + 1, sizeof *x->table);
    if (!x->table) return cli_complain(CLI_FAILED, "no memory");
    for (int k = 0; k < n; k++) {
        bool found = false;
        for (size_t i = 0; i < x->m.tables; i++)
            if (is_meant(&x->m.table[i], names[k])) found = true;
        if (!found) return cli_complain(CLI_FAILED, "the backup has no table %s", names[k]);
    }
    for (size_t i = 0; i < x->m.tables; i++) {
        bool wanted = n == 0;
        for (int k = 0; k < n; k++)
            if (is_meant(&x->m.table[i], names[k])) wanted = true;
        if (wanted) {
            x->table[x->tables] = (struct restore_table){.m = &x->m.table[i], .number = i + 1};
            x->tables++;
        }
    }
    return x->tables > 0 ? CLI_OK : cli_complain(CLI_FAILED, "the backup has no tables");
}

/* Before anything is touched: all of it is there, and as it was written. */
static int check_files(struct restore *x)
{
    struct feed feed = {.cli = x->cli, .dir = x->dir, .verb = "checking"};
    struct error err;
    for (size_t i = 0; i < x->tables; i++) {
        const struct manifest_table *m = x->table[i].m;
        if (feed_file(&feed, &m->rows, &err) != 0) return cli_complain(CLI_FAILED, "%s", err.text);
        if (m->dataset.name && feed_file(&feed, &m->dataset.ledger, &err) != 0) return cli_complain(CLI_FAILED, "%s", err.text);
    }
    return CLI_OK;
}

/* The ledger's file has the fields that this version of the ledger has. */
static int check_ledgers(struct restore *x)
{
    struct avro_schema want;
    struct error err = {0};
    int ret = carried_ledger_schema(&want);
    for (size_t i = 0; ret == CLI_OK && i < x->tables; i++) {
        const struct manifest_dataset *d = &x->table[i].m->dataset;
        if (d->name && avro_schema_agree(&want, (struct avro_schema *)&d->ledger.schema, &err) != 0)
            ret = cli_complain(CLI_FAILED, "%s is not of the schema that a ledger has: %s", d->ledger.name, err.text);
    }
    avro_schema_done(&want);
    return ret;
}

static int check_tables(struct restore *x)
{
    int ret = CLI_OK;
    for (size_t i = 0; ret == CLI_OK && i < x->tables; i++)
        ret = restore_check(x, &x->table[i]);
    return ret;
}

/* ---- doing it ---- */

static int lock(struct restore *x, const struct restore_table *t)
{
    struct buf sql;
    if (t->oid == 0) return CLI_OK;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "LOCK TABLE ");
    table_quote(&sql, t->m->schema, t->m->name);
    buf_puts(&sql, " IN SHARE ROW EXCLUSIVE MODE");
    int ret = database_run_buf(x->pg, &sql);
    buf_done(&sql);
    return ret;
}

/* Stages are filled before the locks are taken; tables that are empty are locked first, and filled directly. */
static int fill(struct restore *x)
{
    int ret = CLI_OK;
    for (size_t i = 0; ret == CLI_OK && i < x->tables; i++) {
        struct restore_table *t = &x->table[i];
        ret = restore_find_direct(x, t);
        if (ret == CLI_OK && t->oid == 0) ret = restore_make(x, t);
        if (ret == CLI_OK && !t->direct) ret = restore_fill(x, t);
    }
    for (size_t i = 0; ret == CLI_OK && i < x->tables; i++) {
        ret = lock(x, &x->table[i]);
        if (ret == CLI_OK && x->table[i].oid != 0 && x->table[i].direct) {
            /* Somebody may have come before. */
            ret = restore_find_direct(x, &x->table[i]);
            if (ret == CLI_OK && !x->table[i].direct) ret = restore_fill(x, &x->table[i]);
        }
    }
    return ret;
}

/* Under the locks: the tables as they are now, and the order that their foreign keys want. What was found out before stays. */
static int look_again(struct restore *x)
{
    for (size_t i = 0; i < x->tables; i++) {
        struct restore_table *t = &x->table[i], before = *t;
        t->now = (struct manifest_table){0};
        int ret = restore_check(x, t);
        if (ret == CLI_OK && before.oid != 0 && before.oid != t->oid)
            ret = cli_complain(CLI_FAILED, "%s.%s was just dropped, or made; try again", t->m->schema, t->m->name);
        avro_schema_done(&t->now.rows.schema);
        avro_schema_done(&t->now.dataset.ledger.schema);
        if (before.oid == 0) {
            t->now = before.now;
        } else {
            avro_schema_done(&before.now.rows.schema);
            avro_schema_done(&before.now.dataset.ledger.schema);
        }
        /* One that was made while the stage was filled. */
        if (ret == CLI_OK && t->oid != 0 && !t->direct) ret = restore_find_changer(x, t);
        if (ret != CLI_OK) return ret;
    }
    return CLI_OK;
}

static int exchange_one(struct restore *x, struct restore_table *t)
{
    int ret = restore_ledger(x, t);
    if (ret == CLI_OK && t->direct) ret = restore_fill(x, t);
    if (ret == CLI_OK) ret = restore_rows_in(x, t);
    if (ret == CLI_OK) ret = restore_ledger_end(x, t);
    if (ret == CLI_OK) ret = restore_sequences(x, t);
    return ret == CLI_OK ? restore_mark(x, t) : ret;
}

static bool any_changer(const struct restore *x)
{
    for (size_t i = 0; i < x->tables; i++)
        if (x->table[i].changer) return true;
    return false;
}

/* What triggers and rules have done since, the deferred ones too. */
static int compare_sums(struct restore *x)
{
    int ret = database_run(x->pg, "SET CONSTRAINTS ALL IMMEDIATE");
    for (size_t i = 0; ret == CLI_OK && i < x->tables; i++)
        ret = restore_compare_sum(x, &x->table[i]);
    return ret;
}

static int exchange(struct restore *x)
{
    bool sums = any_changer(x);
    int ret = database_run(x->pg, "SET CONSTRAINTS ALL DEFERRED");
    for (size_t i = x->tables; ret == CLI_OK && i > 0; i--)
        ret = restore_rows_out(x, &x->table[i - 1]);
    for (size_t i = 0; ret == CLI_OK && i < x->tables; i++) {
        ret = exchange_one(x, &x->table[i]);
        if (ret == CLI_OK && sums) ret = restore_sum(x, &x->table[i]);
    }
    return ret == CLI_OK && sums ? compare_sums(x) : ret;
}

static void analyze(struct restore *x)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    for (size_t i = 0; i < x->tables; i++) {
        buf_puts(&sql, "ANALYZE ");
        table_quote(&sql, x->table[i].m->schema, x->table[i].m->name);
        (void)database_run_buf(x->pg, &sql);
    }
    buf_done(&sql);
}

static int restore(struct restore *x)
{
    int ret = database_run(x->pg, "BEGIN");
    if (ret == CLI_OK) ret = restore_sort(x);
    if (ret == CLI_OK) ret = fill(x);
    if (ret == CLI_OK) ret = look_again(x);
    if (ret == CLI_OK) ret = exchange(x);
    if (ret == CLI_OK && interrupt_came()) ret = cli_complain(CLI_FAILED, "interrupted");
    if (ret == CLI_OK) ret = database_run(x->pg, "COMMIT");
    if (ret == CLI_OK) analyze(x);
    return ret;
}

/* ---- telling ---- */

static void report_json(const struct restore *x)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, MANIFEST_MAX);
    json_writer_init(&w, &out);
    json_write_array(&w);
    for (size_t i = 0; i < x->tables; i++) {
        const struct restore_table *t = &x->table[i];
        json_write_object(&w);
        json_write_field_text(&w, "schema", t->m->schema);
        json_write_field_text(&w, "table", t->m->name);
        json_write_field_int(&w, "rows", t->m->rows.rows);
        json_write_field_bool(&w, "made", !t->now.column);
        json_write_end(&w);
    }
    json_write_end(&w);
    if (buf_check(&out) == 0) printf(SLICE_FMT "\n", SLICE_ARG(buf_slice(&out)));
    buf_done(&out);
}

static void report(const struct restore *x, bool dry)
{
    if (x->cli->json) return report_json(x);
    for (size_t i = 0; i < x->tables; i++) {
        const struct restore_table *t = &x->table[i];
        bool made = !t->now.column;
        const char *what = made ? (dry ? "would be made, with the" : "is made, and has the") : (dry ? "would have the" : "has the");
        printf("%s.%s %s %lld rows of %s\n", t->m->schema, t->m->name, what, (long long)t->m->rows.rows, x->m.made_at);
    }
}

static int run(struct restore *x, struct fetched *f, int argc, char **argv)
{
    bool dry = cli_option(x->cli, "--dry-run");
    int ret = choose(x, argv + 2, argc - 2);
    if (ret == CLI_OK) ret = check_ledgers(x);
    if (ret == CLI_OK) ret = fetch(x, f);
    if (ret == CLI_OK) ret = check_files(x);
    if (ret == CLI_OK) ret = database_open(x->cli, cli_option(x->cli, "--database"), &x->pg);
    if (ret == CLI_OK) interrupt_cancels(x->pg);
    if (ret == CLI_OK) ret = check_tables(x);
    if (ret == CLI_OK && !dry) ret = restore(x);
    if (ret == CLI_OK) report(x, dry);
    return ret;
}

int restore_run(struct cli *cli, int argc, char **argv)
{
    struct restore x = {.cli = cli, .folder = argv[1], .dir = -1};
    arena_init(&x.arena, ARENA_BLOCK, MANIFEST_MAX);
    interrupt_catch(); /* the files of a store are not left behind */
    struct fetched f = {0};
    int ret = open_folder(&x, &f);
    if (ret == CLI_OK) ret = read_manifest(&x);
    if (ret == CLI_OK) ret = run(&x, &f, argc, argv);
    forget(&x, &f);
    if (x.m.table) manifest_done(&x.m);
    for (size_t i = 0; i < x.tables; i++) {
        avro_schema_done(&x.table[i].now.rows.schema);
        avro_schema_done(&x.table[i].now.dataset.ledger.schema);
    }
    interrupt_cancels(NULL);
    PQfinish(x.pg);
    free(x.table);
    arena_done(&x.arena);
    if (x.dir >= 0) close(x.dir);
    return ret;
}
