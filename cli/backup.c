/* SPDX-License-Identifier: MIT */
/*
 * cetl backup: tables, each as an Avro file, of one moment.
 *
 * All of it is read in one REPEATABLE READ transaction, under locks that others write beside but exchange nothing: rows, and which
 * files the ledger says they are of. A row at a time comes by
 * COPY in binary form and goes into a block; blocks are packed by threads and written. It is written to a folder of another name,
 * which gets its own when all of it is on disk, the manifest last; or, for an object store, to a temporary folder, and sent from
 * there, the manifest last.
 */
#include "backup_sql.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "carried.h"
#include "database.h"
#include "db/query.h"
#include "depot.h"
#include "etl/dataset.h"
#include "format/avro_row.h"
#include "interrupt.h"
#include "leftover.h"
#include "packer.h"
#include "progress.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LEVEL = 1, SQL_MAX = 1024 * 1024, MANIFEST_MAX = 64 * 1024 * 1024, COPY_HEADER = 19, SETTLE_TRIES = 600, NAME_ROOM = 60 };

struct backup {
    const struct cli *cli;
    const char *to, *url;
    int level;
    bool all, once;
    char **names;
    int n_names;
    char *part;          /* the folder while it is written, malloc'd */
    struct depot *depot; /* `to` is a URL of an object store */
    int dir;             /* that folder */
    bool there;          /* `once`, and it was made before */
    bool locked;         /* the tables are known, and nobody exchanges them */
    bool other;          /* meanwhile a name has become another table's, or one more came */
    PGconn *pg;
    struct manifest m;
    struct carried *carried; /* of m.table, malloc'd */
};

/* ---- one file ---- */

struct out {
    struct backup *b;
    struct manifest_file *file;
    struct packer *packer;
    struct progress progress;
    int64_t about; /* rows, an estimate */
    int64_t rows, block_rows;
    size_t bad; /* of AVRO_E_TEXT: the field */
};

static void tell_progress(struct out *o)
{
    struct progress_done done = {o->rows, o->about > o->rows ? o->about : 0, o->rows, "rows"};
    progress_show(&o->progress, o->file->name, "backing up", &done);
}

/* What COPY sends at once is a row, but the header may stand before the first, and the end is a message of its own. */
static int put_message(struct out *o, struct slice message, bool first)
{
    if (first) {
        if (message.len < COPY_HEADER) return ERROR_PROTOCOL;
        message = (struct slice){message.p + COPY_HEADER, message.len - COPY_HEADER};
        if (message.len == 0) return 0;
    }
    if (message.len == 2 && message.p[0] == '\xff' && message.p[1] == '\xff') return 0;
    struct buf *records = packer_block(o->packer);
    int r = avro_row_put(&o->file->schema, message, records, &o->bad);
    if (r == 0) r = buf_check(records);
    if (r != 0) return r;
    o->rows++;
    o->block_rows++;
    if (records->len < AVRO_BLOCK_BYTES) return 0;
    r = packer_next(o->packer, o->block_rows);
    o->block_rows = 0;
    tell_progress(o);
    return interrupt_came() ? ERROR_CANCELLED : r;
}

/* The rest of a COPY that is not wanted any more. */
static void drain(PGconn *pg)
{
    char *p;
    while (PQgetCopyData(pg, &p, 0) > 0)
        PQfreemem(p);
    for (PGresult *r; (r = PQgetResult(pg));)
        PQclear(r);
}

static int copy_failed(struct out *o, int r)
{
    if (r == ERROR_CANCELLED) return cli_complain(CLI_FAILED, "interrupted");
    return cli_complain(CLI_FAILED, "%s: %s", o->file->name, error_name(r));
}

/* All rows of the COPY. CLI_OK, CLI_FAILED (told), or -1: field o->bad wants to be text. */
static int copy_rows(struct out *o)
{
    char *p;
    int len, r = 0;
    for (bool first = true; r == 0 && (len = PQgetCopyData(o->b->pg, &p, 0)) > 0; first = false) {
        r = put_message(o, (struct slice){p, (size_t)len}, first);
        PQfreemem(p);
    }
    if (r == AVRO_E_TEXT) {
        drain(o->b->pg);
        return -1;
    }
    if (r != 0) return copy_failed(o, r);
    PGresult *end = PQgetResult(o->b->pg);
    bool good = PQresultStatus(end) == PGRES_COMMAND_OK;
    PQclear(end);
    if (!good) return database_complain(o->b->pg, o->file->name);
    drain(o->b->pg);
    return CLI_OK;
}

static int start_copy(PGconn *pg, const char *sql)
{
    PGresult *r = PQexec(pg, sql);
    bool good = PQresultStatus(r) == PGRES_COPY_OUT;
    PQclear(r);
    return good ? CLI_OK : database_complain(pg, "PostgreSQL refused it");
}

static int write_file(struct out *o, const char *sql, int fd)
{
    int threads = o->b->level ? (int)sysconf(_SC_NPROCESSORS_ONLN) : 0;
    struct packer_config config = {fd, &o->file->schema, o->b->level, threads > 2 ? 2 : threads};
    int r = packer_new(&config, &o->packer);
    if (r < 0) return copy_failed(o, r);
    int ret = start_copy(o->b->pg, sql);
    if (ret == CLI_OK) ret = copy_rows(o);
    struct packed packed;
    if (ret == CLI_OK) {
        r = packer_end(o->packer, o->block_rows, &packed);
        if (r == 0 && fsync(fd) < 0) r = -errno;
        if (r < 0) ret = copy_failed(o, r);
    }
    packer_free(o->packer);
    progress_clear(&o->progress);
    if (ret != CLI_OK) return ret;
    o->file->rows = o->rows;
    o->file->bytes = packed.bytes;
    memcpy(o->file->sha256, packed.sha256, sizeof packed.sha256);
    return CLI_OK;
}

static int copy_file(struct backup *b, struct manifest_file *file, const char *sql, int64_t about, size_t *ret_bad)
{
    int fd = openat(b->dir, file->name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return cli_complain(CLI_FAILED, "%s/%s: %s", b->to, file->name, strerror(errno));
    struct out o = {.b = b, .file = file, .progress = {.cli = b->cli}, .about = about};
    int ret = write_file(&o, sql, fd);
    *ret_bad = o.bad;
    close(fd);
    return ret;
}

/* ---- one table ---- */

/* A name of a file out of a table's: what is not plain becomes '_', and a number keeps names apart. */
static const char *file_name(struct backup *b, const struct manifest_table *t, const char *end)
{
    char name[2 * NAME_ROOM + 64];
    int n = snprintf(name, sizeof name, "%zu.%.*s.%.*s", (size_t)(t - b->m.table) + 1, NAME_ROOM, t->schema, NAME_ROOM, t->name);
    for (int i = 0; i < n; i++) {
        char c = name[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '.' && c != '-') name[i] = '_';
    }
    snprintf(name + n, sizeof name - (size_t)n, "%s", end);
    return arena_cstr(&b->m.arena, slice_of(name));
}

static int copy_table(struct backup *b, struct manifest_table *t, const struct carried *c)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    t->rows.name = file_name(b, t, ".avro");
    int ret = t->rows.name ? -1 : cli_complain(CLI_FAILED, "no memory");
    while (ret == -1) {
        size_t bad = 0;
        buf_reset(&sql);
        carried_copy_sql(&sql, t, c);
        const char *text = buf_cstr(&sql);
        ret = text ? copy_file(b, &t->rows, text, c->about_rows, &bad) : cli_complain(CLI_FAILED, "no memory");
        if (ret == -1) carried_as_text(t, bad);
    }
    buf_done(&sql);
    return ret;
}

static int copy_ledger(struct backup *b, struct manifest_table *t)
{
    size_t bad;
    char sql[sizeof SQL_BACKUP_LEDGER + 32];
    PGresult *r = database_ask(b->pg, SQL_BACKUP_DATASET, 2, (const char *const[]){t->schema, t->name});
    if (!r) return CLI_FAILED;
    snprintf(sql, sizeof sql, SQL_BACKUP_LEDGER, (long long)db_get_int8(r, 0, 0, 0));
    PQclear(r);
    struct manifest_file *file = &t->dataset.ledger;
    file->name = file_name(b, t, ".ledger.avro");
    int ret = file->name ? copy_file(b, file, sql, 0, &bad) : cli_complain(CLI_FAILED, "no memory");
    return ret == -1 ? cli_complain(CLI_FAILED, "the ledger has a date that no calendar has") : ret;
}

/* ---- which tables ---- */

static int add_table(struct backup *b, const PGresult *r, int row)
{
    long long oid = db_get_int8(r, row, 0, 0);
    for (size_t i = 0; i < b->m.tables; i++)
        if (b->carried[i].oid == oid) return CLI_OK;
    if (b->locked) {
        b->other = true;
        return CLI_OK;
    }
    struct manifest_table *t = &b->m.table[b->m.tables];
    t->schema = arena_cstr(&b->m.arena, slice_of(PQgetvalue(r, row, 1)));
    t->name = arena_cstr(&b->m.arena, slice_of(PQgetvalue(r, row, 2)));
    if (!t->schema || !t->name) return cli_complain(CLI_FAILED, "no memory");
    b->carried[b->m.tables++].oid = oid;
    return CLI_OK;
}

static int reserve(struct backup *b, int n)
{
    if (b->locked) return CLI_OK;
    free(b->carried);
    b->m.table = arena_array(&b->m.arena, (size_t)n + 1, sizeof *b->m.table);
    b->carried = calloc((size_t)n + 1, sizeof *b->carried);
    return b->m.table && b->carried ? CLI_OK : cli_complain(CLI_FAILED, "no memory");
}

static int find_all(struct backup *b, bool ledger)
{
    if (!ledger) return cli_complain(CLI_FAILED, "this database has no datasets: cetld never ran on it; name the tables");
    PGresult *r = database_ask(b->pg, SQL_BACKUP_FIND_ALL, 0, NULL);
    if (!r) return CLI_FAILED;
    int ret = reserve(b, PQntuples(r));
    for (int i = 0; ret == CLI_OK && i < PQntuples(r); i++)
        ret = add_table(b, r, i);
    if (ret == CLI_OK && PQntuples(r) == 0) ret = cli_complain(CLI_FAILED, "there is no dataset with a table yet");
    PQclear(r);
    return ret;
}

static int find_tables(struct backup *b)
{
    PGresult *r = database_ask(b->pg, SQL_BACKUP_HAS_LEDGER, 0, NULL);
    if (!r) return CLI_FAILED;
    bool ledger = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    if (b->all) return find_all(b, ledger);
    int ret = reserve(b, b->n_names);
    for (int i = 0; ret == CLI_OK && i < b->n_names; i++) {
        r = database_ask(b->pg, ledger ? SQL_BACKUP_FIND : SQL_BACKUP_FIND_PLAIN, 1, (const char *const[]){b->names[i]});
        if (!r) return CLI_FAILED;
        ret = PQntuples(r) > 0 ? add_table(b, r, 0) : cli_complain(CLI_FAILED, "there is no dataset or table %s", b->names[i]);
        PQclear(r);
    }
    return ret;
}

/* Before the snapshot, so that what was loaded before made_at is in it. By the server's clock, as the ledger's times are. */
static int say_server(struct backup *b)
{
    PGresult *r = database_ask(b->pg, SQL_BACKUP_NOW, 0, NULL);
    if (!r) return CLI_FAILED;
    b->m.made_at = arena_cstr(&b->m.arena, slice_of(PQgetvalue(r, 0, 0)));
    PQclear(r);
    b->m.server = arena_cstr(&b->m.arena, slice_of(PQparameterStatus(b->pg, "server_version")));
    b->m.database = arena_cstr(&b->m.arena, slice_of(PQdb(b->pg)));
    return b->m.made_at && b->m.server && b->m.database ? CLI_OK : cli_complain(CLI_FAILED, "no memory");
}

/* Takes no snapshot yet. */
static int lock(struct backup *b)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "LOCK TABLE ");
    for (size_t i = 0; i < b->m.tables; i++) {
        if (i > 0) buf_puts(&sql, ", ");
        table_quote(&sql, b->m.table[i].schema, b->m.table[i].name);
    }
    buf_puts(&sql, " IN ACCESS SHARE MODE");
    int ret = database_run_buf(b->pg, &sql);
    buf_done(&sql);
    return ret;
}

/*
 * A transaction whose snapshot is of a moment since when nobody exchanges or empties the tables: what TRUNCATE, COPY FREEZE and
 * ALTER TABLE do is seen by older snapshots too.
 */
static int begin_locked(struct backup *b)
{
    manifest_done(&b->m);
    manifest_init(&b->m);
    b->locked = b->other = false;
    int ret = find_tables(b);
    if (ret == CLI_OK) ret = say_server(b);
    if (ret == CLI_OK) ret = database_run(b->pg, SQL_BACKUP_BEGIN);
    if (ret == CLI_OK) ret = lock(b);
    b->locked = true;
    return ret == CLI_OK ? find_tables(b) : ret;
}

/* Is no load of several connections committed in part? */
static int check_settled(struct backup *b, bool last, bool *ret_settled)
{
    PGresult *r = database_ask(b->pg, SQL_BACKUP_HAS_LEDGER, 0, NULL);
    if (!r) return CLI_FAILED;
    bool ledger = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    *ret_settled = true;
    if (!ledger) return CLI_OK;
    r = database_ask(b->pg, SQL_BACKUP_UNSETTLED, 0, NULL);
    if (!r) return CLI_FAILED;
    *ret_settled = PQntuples(r) == 0;
    if (!*ret_settled && last)
        cli_complain(CLI_FAILED, "a load of %s is half committed, and nobody ends it: start cetld, then try again",
                     PQgetvalue(r, 0, 0));
    PQclear(r);
    return *ret_settled || !last ? CLI_OK : CLI_FAILED;
}

/* A snapshot in which every load is there as a whole, of tables that stay what they are. */
static int begin(struct backup *b)
{
    for (int tries = 0;; tries++) {
        bool settled;
        if (begin_locked(b) != CLI_OK || check_settled(b, tries == SETTLE_TRIES, &settled) != CLI_OK) return CLI_FAILED;
        if (settled && !b->other) return CLI_OK;
        if (tries == SETTLE_TRIES) return cli_complain(CLI_FAILED, "tables are made and exchanged all the time; try again");
        if (database_run(b->pg, "ROLLBACK") != CLI_OK) return CLI_FAILED;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        if (interrupt_came()) return cli_complain(CLI_FAILED, "interrupted");
    }
}

static int describe_tables(struct backup *b)
{
    int ret = CLI_OK;
    for (size_t i = 0; ret == CLI_OK && i < b->m.tables; i++)
        ret = carried_describe(b->pg, &b->m.arena, b->carried[i].oid, &b->m.table[i], &b->carried[i]);
    return ret;
}

/* ---- all of it ---- */

static int write_manifest(struct backup *b)
{
    struct buf json;
    buf_init(&json, MANIFEST_MAX);
    manifest_print(&b->m, &json);
    int r = buf_check(&json);
    if (r == 0) r = fs_write_small(b->dir, MANIFEST_NAME, 0600, buf_slice(&json));
    buf_done(&json);
    return r == 0 ? CLI_OK : cli_complain(CLI_FAILED, "%s/" MANIFEST_NAME ": %s", b->to, error_name(r));
}

static int copy_tables(struct backup *b)
{
    int ret = begin(b);
    if (ret == CLI_OK) ret = describe_tables(b);
    for (size_t i = 0; ret == CLI_OK && i < b->m.tables; i++) {
        ret = copy_table(b, &b->m.table[i], &b->carried[i]);
        if (ret == CLI_OK && b->m.table[i].dataset.name) ret = copy_ledger(b, &b->m.table[i]);
    }
    if (ret == CLI_OK) ret = database_run(b->pg, "COMMIT");
    return ret == CLI_OK ? write_manifest(b) : ret;
}

/* The rows are safe only where they were to go; the folder is removed in any case. */
static int send_away(struct backup *b)
{
    int ret = CLI_OK;
    for (size_t i = 0; ret == CLI_OK && i < b->m.tables; i++) {
        const struct manifest_table *t = &b->m.table[i];
        if (interrupt_came()) return cli_complain(CLI_FAILED, "interrupted");
        ret = depot_put(b->depot, b->dir, t->rows.name);
        if (ret == CLI_OK && t->dataset.name) ret = depot_put(b->depot, b->dir, t->dataset.ledger.name);
    }
    return ret == CLI_OK ? depot_put(b->depot, b->dir, MANIFEST_NAME) : ret;
}

/* The folder around must outlive a crash with the new name in it; a symbolic link may lead there. */
static int sync_parent(const char *path)
{
    cleanup_free char *parent = strdup(path);
    if (!parent) return -ENOMEM;
    size_t n = strlen(parent);
    while (n > 1 && parent[n - 1] == '/')
        parent[--n] = '\0';
    char *slash = strrchr(parent, '/');
    if (slash) slash[slash == parent ? 1 : 0] = '\0';
    cleanup_fd int dir = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return errno == EACCES ? 0 : -errno; /* it may be written, and not read */
    return fs_sync_dir(dir);
}

/* It gets its name: from now on it is a backup. A plain rename, which every file system has for folders; what another one of this
 * moment has put there is not replaced, since only an empty folder is. */
static int publish(struct backup *b)
{
    int r = fs_sync_dir(b->dir);
    if (r == 0 && rename(b->part, b->to) < 0) r = -errno;
    if (r == 0) r = sync_parent(b->to);
    return r == 0 ? CLI_OK : cli_complain(CLI_FAILED, "%s: %s", b->to, error_name(r));
}

static void discard(const struct backup *b)
{
    for (size_t i = 0; i < b->m.tables; i++) {
        if (b->m.table[i].rows.name) unlinkat(b->dir, b->m.table[i].rows.name, 0);
        if (b->m.table[i].dataset.ledger.name) unlinkat(b->dir, b->m.table[i].dataset.ledger.name, 0);
    }
    unlinkat(b->dir, MANIFEST_NAME, 0);
    rmdir(b->part);
}

static void report(const struct backup *b)
{
    if (b->cli->json) {
        struct buf json;
        buf_init(&json, MANIFEST_MAX);
        manifest_print(&b->m, &json);
        if (buf_check(&json) == 0) fwrite(json.data, 1, json.len, stdout);
        buf_done(&json);
        return;
    }
    for (size_t i = 0; i < b->m.tables; i++) {
        const struct manifest_table *t = &b->m.table[i];
        printf("%s.%s: %lld rows, %lld bytes\n", t->schema, t->name, (long long)t->rows.rows, (long long)t->rows.bytes);
    }
    printf("%s\n", b->to);
}

/* Is there a whole one already? That is a mistake, or with --once the end. */
static int found(struct backup *b)
{
    b->there = true;
    return b->once ? CLI_OK : cli_complain(CLI_FAILED, "%s has a backup already; each gets a place of its own", b->to);
}

/* In $TMPDIR, else /var/tmp, which is on a disk. */
static int make_temporary(struct backup *b)
{
    bool there = false;
    int ret = depot_open(b->cli, b->to, &b->depot);
    if (ret == CLI_OK) ret = depot_has(b->depot, MANIFEST_NAME, &there);
    if (ret != CLI_OK) return ret;
    if (there) return found(b);
    b->part = depot_folder(&b->dir);
    return b->part ? CLI_OK : CLI_FAILED;
}

/* TO.part-PID, beside the folder that it becomes. What killed ones left of the same name goes. */
static int make_beside(struct backup *b, int len)
{
    cleanup_free char *parent = NULL;
    if (asprintf(&parent, "%.*s.part-", len, b->to) < 0 || asprintf(&b->part, "%s%d", parent, (int)getpid()) < 0)
        return cli_complain(CLI_FAILED, "no memory");
    char *slash = strrchr(parent, '/');
    if (!slash) leftover_sweep(".", parent, MANIFEST_NAME);
    if (slash == parent) leftover_sweep("/", slash + 1, MANIFEST_NAME);
    if (slash && slash != parent) {
        *slash = '\0';
        leftover_sweep(parent, slash + 1, MANIFEST_NAME);
    }
    if (mkdir(b->part, 0700) < 0) return cli_complain(CLI_FAILED, "%s: %s", b->to, strerror(errno));
    b->dir = fs_open_dir(AT_FDCWD, b->part);
    int r = b->dir < 0 ? b->dir : leftover_hold(b->dir);
    return r == 0 ? CLI_OK : cli_complain(CLI_FAILED, "%s: %s", b->to, error_name(r));
}

static int make_part(struct backup *b)
{
    if (depot_is_url(b->to)) return make_temporary(b);
    cleanup_free char *manifest = NULL;
    size_t n = strlen(b->to);
    while (n > 1 && b->to[n - 1] == '/')
        n--;
    if (asprintf(&manifest, "%s/" MANIFEST_NAME, b->to) < 0) return cli_complain(CLI_FAILED, "no memory");
    if (b->once && access(manifest, F_OK) == 0) return found(b);
    if (access(b->to, F_OK) == 0) return cli_complain(CLI_FAILED, "%s is there already; a backup gets a folder of its own", b->to);
    return make_beside(b, (int)n);
}

static int run(struct backup *b)
{
    int ret = database_open(b->cli, b->url, &b->pg);
    if (ret != CLI_OK) return ret;
    interrupt_cancels(b->pg);
    ret = make_part(b);
    if (ret == CLI_OK && !b->there) ret = copy_tables(b);
    if (ret == CLI_OK && !b->there) ret = b->depot ? send_away(b) : publish(b);
    if (ret == CLI_OK && !b->there) report(b);
    if (b->dir >= 0 && (ret != CLI_OK || b->depot)) discard(b);
    depot_close(b->depot);
    return ret;
}

static int read_options(struct backup *b)
{
    const char *codec = cli_option(b->cli, "--codec");
    b->all = cli_option(b->cli, "--all");
    b->once = cli_option(b->cli, "--once");
    b->to = cli_option(b->cli, "--to");
    b->url = cli_option(b->cli, "--database");
    b->level = codec && strcmp(codec, "null") == 0 ? 0 : LEVEL;
    if (codec && b->level && strcmp(codec, "deflate") != 0) return cli_complain(CLI_USAGE, "--codec is null or deflate");
    if (b->all == (b->n_names > 0)) return cli_complain(CLI_USAGE, "say which tables, or --all for those of all datasets");
    return CLI_OK;
}

int backup_run(struct cli *cli, int argc, char **argv)
{
    struct backup b = {.cli = cli, .dir = -1, .names = argv + 1, .n_names = argc - 1};
    char folder[64];
    int ret = read_options(&b);
    if (ret == CLI_OK) {
        interrupt_catch();
        time_t now = time(NULL);
        struct tm utc;
        strftime(folder, sizeof folder, "cetl-backup-%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
        if (!b.to) b.to = folder;
        manifest_init(&b.m);
        ret = run(&b);
        manifest_done(&b.m);
    }
    interrupt_cancels(NULL);
    PQfinish(b.pg);
    if (b.dir >= 0) close(b.dir);
    free(b.part);
    free(b.carried);
    return ret;
}
