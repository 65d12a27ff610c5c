/* SPDX-License-Identifier: MIT */
/*
 * Keyed modes. A plain COPY goes into the table first, since a stage costs three to four times as much; where a key is there
 * already, or twice in the file, the rows come once more, through a stage. A dataset whose last files all needed it goes to the
 * stage at once, until a file comes that did not.
 */
#include "etl/load_private.h"
#include "etl/sql.h"
#include "etl/stage.h"
#include "etl/touched.h"

enum {
    CLASHES_IN_A_ROW = 2, /* then the next file will clash too */
    CLASHES_MAX = 1000,
    SQL_MAX = 4 * 1024 * 1024,
};

#define UNIQUE_VIOLATION "23505"
#define EXCLUSION_VIOLATION "23P01"
#define INSUFFICIENT_PRIVILEGE "42501"

bool load_is_keyed(const struct load *l)
{
    return l->declared && (l->declared->mode == CONFIG_MODE_UPSERT || l->declared->mode == CONFIG_MODE_IGNORE);
}

/* Its formulas run there. */
static bool in_server(const struct load *l)
{
    return l->plan->in_server;
}

bool load_is_staged(const struct load *l)
{
    return load_is_keyed(l) || in_server(l) || ((l->plan->dataset->staged || l->crowded) && !load_replaces(l));
}

/* Of the dataset as it is known now; the load's own snapshot may be an older one. */
static struct dataset *current(const struct load *l)
{
    return catalog_find(l->env->catalog, l->plan->dataset->name);
}

enum load_way load_first_way(const struct load *l)
{
    if (in_server(l) || (l->plan->dataset->staged && !load_replaces(l))) return WAY_STAGE;
    if (load_may_swap(l)) return WAY_SWAP;
    const struct dataset *d = current(l);
    return load_is_keyed(l) && d && d->clashes >= CLASHES_IN_A_ROW ? WAY_STAGE : WAY_COPY;
}

void load_note_clashes(const struct load *l)
{
    struct dataset *d = current(l);
    const struct arrival_counts *n = &l->arrival->counts;
    if (!d || !load_is_keyed(l) || arrival_kept(n) == 0) return;
    bool clashed = n->updated + n->ignored > 0;
    if (!clashed) d->clashes = 0;
    if (clashed && d->clashes < CLASHES_MAX) d->clashes++;
}

/* Any unique or exclusion constraint: the row that is to be written over may break more of them than its key, and PostgreSQL names
 * the first that it came to. */
bool load_clashed(const struct load *l, const struct db_result *r)
{
    if (l->way != WAY_COPY || !load_is_keyed(l) || load_is_unwinding(l) || r->status != ERROR_REFUSED) return false;
    return strcmp(r->error->sqlstate, UNIQUE_VIOLATION) == 0 || strcmp(r->error->sqlstate, EXCLUSION_VIOLATION) == 0;
}

bool load_wants_lines(const struct load *l)
{
    return l->way == WAY_STAGE || l->way == WAY_REFER || (l->way == WAY_NARROW && load_is_staged(l));
}

static struct stage stage_of(const struct load *l)
{
    return (struct stage){.table = &l->plan->dataset->table,
                          .rule = &l->plan->rule,
                          .text = l->plan->convert.text,
                          .update = l->declared->mode == CONFIG_MODE_UPSERT,
                          .newest_by = l->declared->newest_by,
                          .formulas = in_server(l) ? l->plan->dataset->formulas : NULL,
                          .file = slice_of(l->arrival->file.name),
                          .loaded_at = l->plan->convert.loaded_at};
}

/* The server's words, and what a role needs that so far only had to INSERT. */
static bool lacks_privilege(struct load *l, const struct db_result *r)
{
    if (r->status != ERROR_REFUSED || strcmp(r->error->sqlstate, INSUFFICIENT_PRIVILEGE) != 0 || load_is_unwinding(l)) return false;
    struct error why = *r->error;
    bool update = l->declared->mode == CONFIG_MODE_UPSERT;
    if (l->plan->dataset->formulas && l->plan->dataset->formulas->lookups > 0)
        error_set(
            &why, 0,
            "%s; lookups need GRANT TEMPORARY ON DATABASE, and GRANT SELECT on the tables that they look into as well as on %s.%s",
            r->error->text, l->plan->dataset->table.schema, l->plan->dataset->table.name);
    else
        error_set(&why, 0,
                  "%s; keys that are in the table already need GRANT TEMPORARY ON DATABASE and GRANT SELECT, INSERT%s ON %s.%s",
                  r->error->text, update ? ", UPDATE" : "", l->plan->dataset->table.schema, l->plan->dataset->table.name);
    l->asking = false;
    load_conclude(l, LOAD_PAUSE, &why);
    return true;
}

/* What the merge inserted and updated; the rest of the staged rows was ignored. */
static void merged(struct load *l, int64_t inserted, int64_t updated)
{
    struct arrival_counts *n = &l->arrival->counts;
    uint64_t staged = arrival_kept(n);
    n->loaded = (uint64_t)inserted;
    n->updated = (uint64_t)updated;
    if (n->loaded + n->updated > staged)
        return load_fail(l, "%llu rows were merged, but PostgreSQL counted %llu new and %llu updated; nothing was loaded",
                         (unsigned long long)staged, (unsigned long long)n->loaded, (unsigned long long)n->updated);
    n->ignored = staged - n->loaded - n->updated;
    struct dataset *d = current(l);
    if (d && n->ignored == 0) d->repeats = false;
    load_record(l);
}

static void on_merged(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (lacks_privilege(l, r) || !load_answered(l, r)) return;
    merged(l, db_get_int8(r->rows, 0, 0, 0), db_get_int8(r->rows, 0, 1, 0));
}

/* The merge that counts its rows by RETURNING. `before` it: a statement, or "". */
static void merge_counting(struct load *l, const char *before)
{
    struct stage s = stage_of(l);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, before);
    /* Only there the merge joins; elsewhere it sorts the stage, and statistics change nothing. */
    if (s.table->partitioned && l->arrival->counts.read >= STAGE_ANALYZE_ROWS) buf_puts(&sql, "ANALYZE pg_temp.cetl_stage; ");
    stage_merge_sql(&sql, &s);
    const char *text = buf_cstr(&sql);
    load_asked(l, text ? db_query(l->conn, &(struct db_query){.sql = text, .done = on_merged, .ctx = l}) : -ENOMEM);
    buf_done(&sql);
}

/*
 * Many rows are counted by the session's statistics of the table, before and after the merge. Each row of the command's tag was
 * inserted or updated in a table and is in these numbers, once; whatever else wrote to the table meanwhile (a trigger, a
 * speculative insertion that was given up) makes them greater. So where their sum is the tag's number both are exact. Where it is
 * not (also with `track_counts = off`, or a table whose storage keeps no such numbers) the merge is undone and made once more by
 * the statement that counts.
 */
static void ask_written(struct load *l, void (*done)(void *ctx, const struct db_result *r))
{
    struct buf name;
    buf_init(&name, ERROR_TEXT_MAX);
    const struct table *t = &l->plan->dataset->table;
    const char *text = table_quote(&name, t->schema, t->name);
    struct db_param param[] = {db_text(text ? text : "")};
    struct db_query q = {.sql = SQL_TABLE_WRITTEN, .param = param, .params = 1, .done = done, .ctx = l};
    load_asked(l, text ? db_query(l->conn, &q) : -ENOMEM);
    buf_done(&name);
}

static void on_counted(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    int64_t inserted = db_get_int8(r->rows, 0, 0, 0) - l->written.inserted,
            updated = db_get_int8(r->rows, 0, 1, 0) - l->written.updated;
    if (inserted + updated == l->written.tag) return merged(l, inserted, updated);
    merge_counting(l, "ROLLBACK TO SAVEPOINT cetl_merge; ");
}

static void on_base(void *ctx, const struct db_result *r);

/* The statistics keep what is rolled back: they are read anew. */
static void on_undone(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (load_answered(l, r)) ask_written(l, on_base);
}

/* The file repeats a key: once more by the statement that chooses, as for the dataset's files after this one. */
static bool repeated(struct load *l, const struct db_result *r)
{
    if (l->written.chosen || r->status != ERROR_REFUSED || strcmp(r->error->sqlstate, STAGE_REPEATED) != 0) return false;
    if (load_is_unwinding(l)) return false;
    struct dataset *d = current(l);
    if (d) d->repeats = true;
    l->written.chosen = true;
    load_asked(l, db_query(l->conn, &(struct db_query){.sql = "ROLLBACK TO SAVEPOINT cetl_merge", .done = on_undone, .ctx = l}));
    return true;
}

static void on_written(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (repeated(l, r) || lacks_privilege(l, r) || !load_answered(l, r)) return;
    l->written.tag = db_affected(r->rows);
    struct stage s = stage_of(l);
    if (!stage_updates(&s)) return merged(l, l->written.tag, 0);
    ask_written(l, on_counted);
}

static void merge_writing(struct load *l)
{
    struct stage s = stage_of(l);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    if (stage_updates(&s)) buf_puts(&sql, "SAVEPOINT cetl_merge; ");
    l->written.chosen ? stage_write_sql(&sql, &s) : stage_write_once_sql(&sql, &s);
    const char *text = buf_cstr(&sql);
    load_asked(l, text ? db_query(l->conn, &(struct db_query){.sql = text, .done = on_written, .ctx = l}) : -ENOMEM);
    buf_done(&sql);
}

static void on_base(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    l->written.inserted = db_get_int8(r->rows, 0, 0, 0);
    l->written.updated = db_get_int8(r->rows, 0, 1, 0);
    l->written.chosen |= db_get_int8(r->rows, 0, 2, 1) != 0; /* what a trigger leaves out is not refused for its key */
    merge_writing(l);
}

static void merge_stage(struct load *l)
{
    struct stage s = stage_of(l);
    const struct dataset *d = current(l);
    l->written.chosen = !stage_updates(&s) || !d || d->repeats;
    if (!stage_updates(&s)) return merge_writing(l);
    if (l->arrival->counts.read < STAGE_WRITE_ROWS) return merge_counting(l, "");
    ask_written(l, on_base);
}

/* `append` and `replace`: every staged row is a new one. */
static void on_appended(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (lacks_privilege(l, r) || load_spoiled(l, r) || !load_answered(l, r)) return;
    struct arrival_counts *n = &l->arrival->counts;
    n->loaded = (uint64_t)db_affected(r->rows);
    if (n->loaded != arrival_kept(n)) return load_miscounted(l, n->loaded);
    load_record(l);
}

static void append_stage(struct load *l)
{
    struct stage s = stage_of(l);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    stage_append_sql(&sql, &s);
    const char *text = buf_cstr(&sql);
    load_asked(l, text ? db_query(l->conn, &(struct db_query){.sql = text, .done = on_appended, .ctx = l}) : -ENOMEM);
    buf_done(&sql);
}

static void on_touched(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (lacks_privilege(l, r) || load_spoiled(l, r) || !load_answered(l, r)) return;
    load_is_keyed(l) ? merge_stage(l) : append_stage(l);
}

/* Before rows are written over: of which groups of the rollups they are. `replace` fills its rollups anew. */
static void take_up(struct load *l)
{
    const struct dataset *d = l->plan->dataset;
    if (d->rollups == 0 || load_replaces(l)) return load_is_keyed(l) ? merge_stage(l) : append_stage(l);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    if (load_is_keyed(l)) buf_printf(&sql, "SELECT pg_advisory_xact_lock(" SQL_GROUPS_LOCK "); ", (long long)d->id);
    for (size_t i = 0; i < d->rollups; i++) {
        buf_puts(&sql, i ? "; " : "");
        touched_make_sql(&sql, d, i);
        buf_puts(&sql, "; ");
        touched_add_sql(&sql, d, i, load_is_keyed(l));
    }
    const char *text = buf_cstr(&sql);
    load_asked(l, text ? db_query(l->conn, &(struct db_query){.sql = text, .done = on_touched, .ctx = l}) : -ENOMEM);
    buf_done(&sql);
}

/* What the server's formulas have left is the stage; the rest was filtered. */
static void on_computed(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (lacks_privilege(l, r) || load_spoiled(l, r) || !load_answered(l, r)) return;
    struct arrival_counts *n = &l->arrival->counts;
    uint64_t kept = (uint64_t)db_affected(r->rows);
    if (kept > arrival_kept(n)) return load_miscounted(l, kept);
    n->filtered = arrival_kept(n) - kept;
    take_up(l);
}

static void compute_stage(struct load *l)
{
    struct stage s = stage_of(l);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    stage_compute_sql(&sql, &s);
    const char *text = buf_cstr(&sql);
    load_asked(l, text ? db_query(l->conn, &(struct db_query){.sql = text, .done = on_computed, .ctx = l}) : -ENOMEM);
    buf_done(&sql);
}

static void on_staged(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (lacks_privilege(l, r) || load_spoiled(l, r) || !load_answered(l, r)) return;
    uint64_t staged = (uint64_t)db_affected(r->rows);
    if (staged != arrival_kept(&l->arrival->counts)) return load_miscounted(l, staged);
    in_server(l) ? compute_stage(l) : take_up(l);
}

void load_copy_to_stage(struct load *l, const char *before)
{
    struct stage s = stage_of(l);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, before);
    stage_make_sql(&sql, &s);
    buf_puts(&sql, "; ");
    stage_fill_sql(&sql, &s);
    const char *text = buf_cstr(&sql);
    load_send(l, text, on_staged);
    buf_done(&sql);
}

void load_stage_make_sql(const struct load *l, struct buf *out)
{
    struct stage s = stage_of(l);
    stage_make_sql(out, &s);
}

void load_stage_fill_sql(const struct load *l, struct buf *out)
{
    struct stage s = stage_of(l);
    stage_fill_sql(out, &s);
}

void load_stage_merge_sql(const struct load *l, struct buf *out)
{
    struct stage s = stage_of(l);
    if (s.formulas) {
        stage_compute_sql(out, &s);
        buf_puts(out, "; ");
    }
    load_is_keyed(l) ? stage_write_sql(out, &s) : stage_append_sql(out, &s);
    buf_puts(out, "; ");
    stage_empty_sql(out, &s);
}

const char *load_stage_first(const struct load *l)
{
    struct stage s = stage_of(l);
    return stage_first(&s);
}
