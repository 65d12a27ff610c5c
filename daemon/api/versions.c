/* SPDX-License-Identifier: MIT */
#include "api/versions.h"

#include "base/log.h"
#include "base/num.h"
#include "etl/compactor.h"
#include "etl/dataset.h"
#include "etl/sql.h"
#include "loop/timer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* When this server began, as an interval: one that takes the place of another may lack its last commits, and count them anew. */
#define SQL_BEGAN "(pg_postmaster_start_time() - timestamptz 'epoch')"

/* $1 cetl.dataset.id, $2 oids of derived tables, arrays → kind, id, version, born, marks. A dataset whose trigger was dropped or
 * switched off has none. */
#define SQL_VERSIONS                                                                                                               \
    "SELECT 0::int8, d.id::int8, d.base_version + d.definition + m.n,"                                                             \
    "  d.created_at + t.file * interval '1 microsecond' + " SQL_BEGAN ", m.n"                                                      \
    " FROM cetl.dataset d CROSS JOIN LATERAL (SELECT count(*) AS n FROM cetl.change WHERE dataset_id = d.id) m"                    \
    " CROSS JOIN LATERAL (SELECT c.oid, c.relfilenode::int8 AS file FROM pg_class c"                                               \
    "  WHERE c.oid = to_regclass(format('%I.%I', d.table_schema, d.table_name))) t"                                                \
    " WHERE d.id = ANY ($1::int[])"                                                                                                \
    " AND EXISTS (SELECT FROM pg_trigger WHERE tgname = '" SQL_OUTSIDE_NAME "' AND tgenabled = 'A' AND tgrelid = t.oid)"           \
    " UNION ALL SELECT 1, made::int8, version, refreshed_at + " SQL_BEGAN ", 0 FROM cetl.derive WHERE made = ANY ($2::oid[])"

/* The trigger that notifies makes commits of marks wait for each other, so it is there only while somebody wants it. */
#define SQL_NOTIFY_ON                                                                                                              \
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'cetl.change'::regclass AND tgname = 'cetl_notify') THEN"   \
    " SET LOCAL lock_timeout = '200ms';"                                                                                           \
    " CREATE TRIGGER cetl_notify AFTER INSERT ON cetl.change REFERENCING NEW TABLE AS marks"                                       \
    "  FOR EACH STATEMENT EXECUTE FUNCTION cetl.notify();"                                                                         \
    " ALTER TABLE cetl.change ENABLE ALWAYS TRIGGER cetl_notify; END IF; END $$"
#define SQL_NOTIFY_OFF                                                                                                             \
    "DO $$ BEGIN IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'cetl.change'::regclass AND tgname = 'cetl_notify')"            \
    " AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = '" VERSIONS_NOTIFY    \
    "') THEN SET LOCAL lock_timeout = '200ms'; DROP TRIGGER cetl_notify ON cetl.change; END IF; END $$"

enum {
    INSTALL_MS = 2000, /* between two tries to make the trigger that notifies */
    FOLD_MS = 1000,    /* between two foldings of a dataset's marks */
    RECENT_MS = 100,
    IDS_MAX = 1 << 20, /* bytes */
};

/* What is known of one table. */
struct known {
    UT_hash_handle hh;
    struct version_key key;
    struct version version;
    uint64_t look_up; /* the last one that found it, and in which it was asked for */
    uint64_t asked;
    uint64_t changes;  /* how often somebody said that it changed */
    int64_t folded_ms; /* when its marks were last asked to be folded */
    int64_t recent_ms; /* until when the version counts as a recent one */
    bool valid;        /* the version is that of now, as long as changes are notified */
};

/* One of a look-up's tables, as it was sent. */
struct asked {
    struct known *known;
    uint64_t changes;
};

struct look_up {
    struct list link; /* in the versions' `look_ups` */
    struct versions *v;
    uint64_t serial, epoch;
    struct list waits;
    struct asked *asked;
    size_t n;
    struct buf ids[2]; /* by kind, as PostgreSQL's arrays */
};

struct versions {
    struct versions_config c;
    struct known *known;
    struct look_up *open; /* not sent yet: whoever asks joins it */
    struct list look_ups; /* all of them */
    uint64_t serials;
    uint64_t epoch; /* counts the changes of whatever may be known at all */
    struct list watches;
    bool wanted, installed, up;
    struct timer *timer;
    struct db_wait wait;
    struct db_conn *conn;
    bool installing, installs; /* it is being seen to: that the trigger is there, or not */
};

/* ---- sets ---- */

bool version_set_add(struct version_set *s, const struct table *t)
{
    if (t->version.source == TABLE_UNVERSIONED) return false;
    struct version_key key = {t->version.source == TABLE_OF_DERIVE ? VERSION_DERIVE : VERSION_DATASET, t->version.id};
    for (unsigned i = 0; i < s->n; i++)
        if (s->key[i].kind == key.kind && s->key[i].id == key.id) return true;
    if (s->n == VERSIONS_TABLES_MAX) return false;
    s->key[s->n++] = key;
    return true;
}

bool version_set_equal(const struct version_set *a, const struct version_set *b)
{
    if (a->n != b->n) return false;
    for (unsigned i = 0; i < a->n; i++) {
        if (a->key[i].kind != b->key[i].kind || a->key[i].id != b->key[i].id) return false;
        if (a->version[i].number != b->version[i].number || a->version[i].born != b->version[i].born) return false;
    }
    return true;
}

/* ---- what is known ---- */

static struct known *find(const struct versions *v, const struct version_key *key)
{
    /* A hash key must have no holes. */
    struct version_key k;
    memset(&k, 0, sizeof k);
    k.kind = key->kind;
    k.id = key->id;
    struct known *found;
    HASH_FIND(hh, v->known, &k, sizeof k, found);
    return found;
}

static struct known *get(struct versions *v, const struct version_key *key)
{
    struct known *k = find(v, key);
    if (k) return k;
    k = calloc(1, sizeof *k);
    if (!k) return NULL;
    k->key.kind = key->kind;
    k->key.id = key->id;
    HASH_ADD(hh, v->known, key, sizeof k->key, k);
    if (k->hh.tbl) return k;
    free(k);
    return NULL;
}

static bool is_told(const struct versions *v)
{
    return v->wanted && v->installed && v->up;
}

static void forget_all(struct versions *v)
{
    v->epoch++;
    for (struct known *k = v->known; k; k = k->hh.next) {
        k->valid = false;
        k->recent_ms = 0;
    }
}

static void changed(struct versions *v, int64_t dataset)
{
    struct known *k = find(v, &(struct version_key){VERSION_DATASET, dataset});
    if (k) {
        k->changes++;
        k->valid = false;
        k->recent_ms = 0;
    }
    for (list_each(l, next, &v->watches)) {
        struct versions_watch *w = container_of(l, struct versions_watch, link);
        w->changed(w, dataset);
    }
}

static void changed_any(struct versions *v)
{
    forget_all(v);
    for (list_each(l, next, &v->watches)) {
        struct versions_watch *w = container_of(l, struct versions_watch, link);
        w->changed(w, 0);
    }
}

void versions_bump(struct versions *v, const struct dataset *d)
{
    if (v && d) changed(v, d->id);
    if (v && !d) changed_any(v);
}

void versions_notified(struct versions *v, const char *channel, const char *payload)
{
    int64_t dataset;
    if (strcmp(channel, "cetl_change") != 0) return;
    if (num_parse_i64(slice_of(payload), &dataset) == 0)
        changed(v, dataset);
    else
        changed_any(v);
}

bool versions_known(const struct versions *v, struct version_set *set)
{
    if (!is_told(v)) return false;
    for (unsigned i = 0; i < set->n; i++) {
        const struct known *k = find(v, &set->key[i]);
        if (!k || !k->valid) return false;
        set->version[i] = k->version;
    }
    return true;
}

bool versions_recent(const struct versions *v, struct version_set *set)
{
    for (unsigned i = 0; i < set->n; i++) {
        const struct known *k = find(v, &set->key[i]);
        if (!k || loop_now_ms(v->c.loop) >= k->recent_ms) return false;
        set->version[i] = k->version;
    }
    return true;
}

/* ---- look-ups ---- */

static void look_up_free(struct look_up *u)
{
    if (u->v->open == u) u->v->open = NULL;
    list_remove(&u->link);
    free(u->asked);
    buf_done(&u->ids[0]);
    buf_done(&u->ids[1]);
    free(u);
}

static void add_id(struct look_up *u, struct known *k)
{
    if (k->asked == u->serial) return;
    k->asked = u->serial;
    struct buf *ids = &u->ids[k->key.kind];
    buf_printf(ids, "%c%lld", ids->len ? ',' : '{', (long long)k->key.id);
    u->asked[u->n++] = (struct asked){k, k->changes};
}

static void fill(void *ctx, struct db_param *param)
{
    struct look_up *u = ctx;
    if (u->v->open == u) u->v->open = NULL; /* who asks from here on wants a later one */
    size_t most = 0;
    for (list_each(l, next, &u->waits))
        most += container_of(l, struct versions_wait, link)->set.n;
    free(u->asked);
    u->asked = calloc(most + 1, sizeof *u->asked);
    u->n = 0;
    u->epoch = u->v->epoch;
    for (list_each(l, next, &u->waits)) {
        const struct version_set *set = &container_of(l, struct versions_wait, link)->set;
        for (unsigned i = 0; u->asked && i < set->n; i++) {
            struct known *k = get(u->v, &set->key[i]);
            if (k) add_id(u, k);
        }
    }
    for (int i = 0; i < 2; i++) {
        buf_puts(&u->ids[i], u->ids[i].len ? "}" : "{}");
        const char *text = buf_cstr(&u->ids[i]);
        param[i] = db_text(text ? text : "{}");
    }
}

static int64_t int8_at(const PGresult *rows, int row, int column)
{
    uint64_t v = 0;
    if (PQgetlength(rows, row, column) != 8) return 0;
    const unsigned char *p = (const unsigned char *)PQgetvalue(rows, row, column);
    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

/* kind, id, version, born, marks */
static void take_row(struct look_up *u, const PGresult *rows, int row)
{
    struct versions *v = u->v;
    struct version_key key = {int8_at(rows, row, 0) ? VERSION_DERIVE : VERSION_DATASET, int8_at(rows, row, 1)};
    struct known *k = find(v, &key);
    if (!k) return;
    k->version = (struct version){int8_at(rows, row, 2), int8_at(rows, row, 3)};
    k->look_up = u->serial;
    int64_t now_ms = loop_now_ms(v->c.loop);
    k->recent_ms = now_ms + RECENT_MS;
    if (int8_at(rows, row, 4) < COMPACTOR_EVERY || now_ms < k->folded_ms + FOLD_MS) return;
    k->folded_ms = now_ms;
    compactor_run(v->c.pool, key.id);
}

static void take_rows(struct look_up *u, const PGresult *rows)
{
    struct versions *v = u->v;
    for (int i = 0; i < PQntuples(rows); i++)
        take_row(u, rows, i);
    for (size_t i = 0; i < u->n; i++) {
        struct known *k = u->asked[i].known;
        bool unchanged = k->changes == u->asked[i].changes && u->epoch == v->epoch;
        if (k->look_up != u->serial) {
            k->valid = false;
            k->recent_ms = 0;
        } else if (is_told(v) && unchanged && k->key.kind == VERSION_DATASET) {
            k->valid = true;
        }
    }
}

static bool give(const struct look_up *u, struct version_set *set)
{
    for (unsigned i = 0; i < set->n; i++) {
        const struct known *k = find(u->v, &set->key[i]);
        if (!k || k->look_up != u->serial) return false;
        set->version[i] = k->version;
    }
    return true;
}

static void on_looked_up(void *ctx, const struct db_result *r)
{
    struct look_up *u = ctx;
    if (u->v->open == u) u->v->open = NULL;
    if (r->status == 0) take_rows(u, r->rows);
    if (r->status == ERROR_REFUSED && strcmp(r->error->sqlstate, "26000") != 0)
        log_warning("the versions of tables could not be read: %s", r->error->text);
    while (!list_empty(&u->waits)) {
        struct versions_wait *w = container_of(u->waits.next, struct versions_wait, link);
        list_remove(&w->link);
        w->got(w, r->status == 0 && give(u, &w->set));
    }
    look_up_free(u);
}

static int open_look_up(struct versions *v)
{
    struct look_up *u = calloc(1, sizeof *u);
    if (!u) return -ENOMEM;
    u->v = v;
    u->serial = ++v->serials;
    list_init(&u->waits);
    list_init(&u->link);
    buf_init(&u->ids[0], IDS_MAX);
    buf_init(&u->ids[1], IDS_MAX);
    struct db_pipeline_query q = {
        .query = {.sql = SQL_VERSIONS, .params = 2, .binary = true, .done = on_looked_up, .ctx = u},
        .urgent = true,
        .once = true,
        .fill = fill,
    };
    int r = db_pipeline_ask(v->c.pipeline, &q, NULL);
    if (r != 0) {
        look_up_free(u);
        return r;
    }
    list_append(&v->look_ups, &u->link);
    v->open = u;
    return 0;
}

int versions_ask(struct versions *v, struct versions_wait *w)
{
    int r = v->open ? 0 : open_look_up(v);
    if (r != 0) return r;
    list_append(&v->open->waits, &w->link);
    return 0;
}

void versions_cancel(struct versions_wait *w)
{
    list_remove(&w->link);
}

/* ---- being told ---- */

static void on_installed(void *ctx, const struct db_result *r)
{
    struct versions *v = ctx;
    v->installing = false;
    if (r->status == 0 && v->installs == v->wanted) {
        v->installed = v->wanted;
        forget_all(v);
    } else if (r->status == 0) {
        timer_start(v->timer, 0); /* another configuration came meanwhile */
    } else if (r->status == ERROR_REFUSED && db_refusal_of(r->error->sqlstate) != DB_RETRY) {
        log_warning("freshness = notify does not work, versions are looked up instead: %s", r->error->text);
    } else {
        timer_start(v->timer, INSTALL_MS);
    }
    db_pool_give(v->c.pool, v->conn);
    v->conn = NULL;
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct versions *v = container_of(w, struct versions, wait);
    v->conn = c;
    v->installing = false;
    if (!c) return timer_start(v->timer, INSTALL_MS); /* too many wait for one */
    v->installs = v->wanted;
    const char *sql = v->installs ? SQL_NOTIFY_ON : SQL_NOTIFY_OFF;
    v->installing = true;
    if (db_query(c, &(struct db_query){.sql = sql, .done = on_installed, .ctx = v}) == 0) return;
    v->installing = false;
    db_pool_give(v->c.pool, c);
    v->conn = NULL;
}

static void install(void *ctx)
{
    struct versions *v = ctx;
    if (v->installing) return;
    v->installing = true;
    db_pool_take(v->c.pool, &v->wait, 0);
}

void versions_go(struct versions *v, bool notify)
{
    v->wanted = notify;
    v->installed = false;
    forget_all(v);
    install(v);
}

void versions_up(struct versions *v)
{
    v->up = true;
    forget_all(v);
}

void versions_down(struct versions *v)
{
    v->up = false;
    forget_all(v);
}

/* ---- making and ending ---- */

int versions_new(const struct versions_config *config, struct versions **ret_versions)
{
    struct versions *v = calloc(1, sizeof *v);
    if (!v) return -ENOMEM;
    v->c = *config;
    list_init(&v->watches);
    list_init(&v->look_ups);
    list_init(&v->wait.link);
    v->wait.got = on_connected;
    int r = timer_new(config->loop, install, v, &v->timer);
    if (r < 0) {
        free(v);
        return r;
    }
    *ret_versions = v;
    return 0;
}

void versions_free(struct versions *v)
{
    if (!v) return;
    timer_free(v->timer);
    struct known *k, *next;
    HASH_ITER(hh, v->known, k, next)
    {
        HASH_DELETE(hh, v->known, k);
        free(k);
    }
    free(v);
}

void versions_watch(struct versions *v, struct versions_watch *w)
{
    list_init(&w->link);
    list_append(&v->watches, &w->link);
}

void versions_unwatch(struct versions_watch *w)
{
    list_remove(&w->link);
}
