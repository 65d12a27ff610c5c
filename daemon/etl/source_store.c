/* SPDX-License-Identifier: MIT */
/* What is new below a URL of a store, one object after the other. */
#include "base/log.h"
#include "etl/archive.h"
#include "etl/source_private.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    LOOK_MS = 1000, /* between looks at files that are being written */
    ROUNDS = 5,     /* such looks */
    GROWTH = SOURCE_PULL_MAX * SEEN_COST,
};

static void next(struct source *s);

static const char *memory_name(const struct source *s, char ret_name[NAME_MAX + 1])
{
    snprintf(ret_name, NAME_MAX + 1, "%.*s.seen", NAME_MAX - 8, s->name);
    return ret_name;
}

/* ---- on a worker ---- */

int source_store_recall(struct source *s)
{
    char name[NAME_MAX + 1];
    int r = seen_open(source_folder(s->config.state), memory_name(s, name), SOURCE_PULL_MAX, &s->stored.seen);
    return r < 0 ? error_set(&s->err, r, "sources/%s below state cannot be read: %s", name, error_name(r)) : 0;
}

void source_store_tidy(struct source *s)
{
    upload_close(&s->upload);
    if (s->stored.whole) (void)!seen_tidy(&s->stored.seen); /* the next pull tries again */
}

/* It is not the end of the world if this fails: the object comes once more, and is a duplicate. */
void source_store_note(struct source *s)
{
    (void)!seen_add(&s->stored.seen, s->stored.object.id);
}

/* ---- on the loop ---- */

void source_store_done(struct source *s)
{
    struct source_stored *t = &s->stored;
    bool more = t->more;
    store_cancel(t->op);
    listing_free(t->listing);
    store_free(t->store);
    seen_close(&t->seen);
    free(t->object.key);
    if (t->memory > 0) memory_give(s->config.memory, t->memory);
    *t = (struct source_stored){.seen = {.folder = -1, .fd = -1}, .more = more};
}

static void finish(struct source *s)
{
    struct source_stored *t = &s->stored;
    if (t->failed > 0) {
        s->err = t->first;
        if (t->failed > 1) error_set(&s->err, 0, "%.900s (and %zu more)", t->first.text, t->failed - 1);
        return source_end(s, SOURCE_FAILED, t->may_pass);
    }
    source_end(s, t->taken > 0 ? SOURCE_PULLED : SOURCE_UNCHANGED, false);
}

static void fail(struct source *s, bool may_pass)
{
    struct source_stored *t = &s->stored;
    if (t->failed++ == 0) t->first = s->err;
    t->may_pass |= may_pass;
}

/* ---- one object ---- */

/* What comes of trying others: nothing, where the store is away or the disk is full. */
static void on_fetched(struct source *s, int status, const char *why)
{
    struct source_stored *t = &s->stored;
    bool big = status == ERROR_TOO_BIG;
    if (status == -ENOSPC) why = SOURCE_FULL;
    if (status == 0) return source_submit(s, STEP_PLACE);
    if (status != STORE_E_MISSING) { /* removed since it was listed: there is nothing to take */
        error_set(&s->err, status, "%.300s: %.600s", t->object.key, big ? "the file is larger than size_max" : why);
        fail(s, status < 0 && !big);
        t->stop = status < 0 && !big;
    }
    source_submit(s, STEP_DROP);
}

/* A file of a folder may have been written while it was copied. */
static void on_looked(void *ctx, const struct store_result *r)
{
    struct source *s = ctx;
    s->stored.op = NULL;
    bool same = r->status != 0 || slice_equal(r->etag, slice_of(s->stored.object.version));
    if (same) return on_fetched(s, r->status, r->why);
    log_info("source %s: %s was written while it was read; it is taken later", s->name, s->stored.object.key);
    source_submit(s, STEP_DROP);
}

static void on_got(void *ctx, const struct store_result *r)
{
    struct source *s = ctx;
    s->stored.op = NULL;
    bool folder = slice_starts(slice_of(s->url), SLICE("file:"));
    if (r->status != 0 || !folder) return on_fetched(s, r->status, r->why);
    struct store_ask ask = {.key = slice_of(s->stored.object.key), .done = on_looked, .ctx = s};
    int rc = store_head(s->stored.store, &ask, &s->stored.op);
    if (rc < 0) on_fetched(s, rc, error_name(rc));
}

static void get(struct source *s)
{
    struct store_get get = {.key = slice_of(s->stored.object.key),
                            .into = &s->upload.fd,
                            .bytes_max = (uint64_t)s->settings->bytes_max,
                            .min_free = s->min_free,
                            .done = on_got,
                            .ctx = s};
    int r = store_get(s->stored.store, &get, &s->stored.op);
    if (r == ERROR_TOO_BIG) return on_fetched(s, STORE_E_REFUSED, "its name is longer than 1024 bytes");
    if (r < 0) on_fetched(s, r, error_name(r));
}

/* ---- one after the other ---- */

static int take(struct source *s, const struct listing_object *o)
{
    struct source_stored *t = &s->stored;
    free(t->object.key);
    free(s->file_name);
    t->object = *o;
    t->object.key = strdup(o->key);
    s->file_name = source_file_name(s->name, slice_of(o->key), false);
    s->upload = (struct upload){.place = s->config.place, .fd = -1};
    return t->object.key && s->file_name ? 0 : -ENOMEM;
}

static void on_object(void *ctx, int status, const char *why, const struct listing_object *o)
{
    struct source *s = ctx;
    struct source_stored *t = &s->stored;
    if (status == 0 && o) status = take(s, o);
    if (status != 0) {
        error_set(&s->err, status, "%.900s", why && *why ? why : "no memory");
        fail(s, status < 0);
        return source_submit(s, STEP_TIDY);
    }
    if (o && o->bytes > (uint64_t)s->settings->bytes_max) return on_fetched(s, ERROR_TOO_BIG, "");
    if (o) return source_submit(s, STEP_OPEN);
    t->whole = true;
    if (listing_young(t->listing) == 0 || t->rounds == ROUNDS) return source_submit(s, STEP_TIDY);
    t->rounds++;
    t->waits = true;
    timer_start(s->timer, LOOK_MS);
}

void source_store_look(struct source *s)
{
    if (!s->stored.waits) return;
    s->stored.waits = false;
    listing_rewind(s->stored.listing);
    next(s);
}

static void next(struct source *s)
{
    struct source_stored *t = &s->stored;
    if (t->taken == SOURCE_PULL_MAX) {
        t->more = true;
        log_info("source %s: %d files came; the next ones follow", s->name, SOURCE_PULL_MAX);
        return source_submit(s, STEP_TIDY);
    }
    listing_next(t->listing, on_object, s);
}

static void recalled(struct source *s)
{
    struct source_stored *t = &s->stored;
    struct listing_config c = {.store = t->store, .url = s->url, .seen = &t->seen};
    if (s->rc == 0 && t->seen.room == t->seen.n)
        s->rc = error_set(&s->err, ERROR_TOO_BIG,
                          "more than %d files were taken; a source of its own for a part of them holds more", SEEN_MAX);
    if (s->rc == 0 && listing_new(&c, &t->listing) < 0) s->rc = error_set(&s->err, -ENOMEM, "no memory");
    if (s->rc == 0) return next(s);
    fail(s, true);
    source_submit(s, STEP_TIDY);
}

void source_store_went_on(struct source *s)
{
    struct source_stored *t = &s->stored;
    switch (s->step) {
    case STEP_RECALL: return recalled(s);
    case STEP_TIDY: return finish(s);
    case STEP_OPEN:
        if (s->rc == 0) return get(s);
        t->stop = true;
        fail(s, true);
        break;
    case STEP_PLACE:
        if (s->rc == 0) {
            t->taken++;
        } else {
            t->stop = true;
            fail(s, true);
        }
        break;
    case STEP_DROP: break;
    }
    if (t->stop) return source_submit(s, STEP_TIDY);
    next(s);
}

/* ---- its begin ---- */

/* What the set of what was taken will need. */
static bool take_memory(struct source *s)
{
    char name[NAME_MAX + 1], path[PATH_MAX];
    struct stat st = {0};
    snprintf(path, sizeof path, "%s/sources/%s", s->config.state, memory_name(s, name));
    size_t entries = stat(path, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size / SEEN_BYTES : 0;
    size_t n = (entries < SEEN_MAX ? entries : SEEN_MAX) * SEEN_COST + GROWTH + LISTING_COST;
    if (!memory_take(s->config.memory, n, false)) return false;
    s->stored.memory = n;
    return true;
}

void source_store_begin(struct source *s)
{
    struct store_config c = archives_access(s->all, s->url);
    c.loop = s->config.loop;
    c.workers = s->config.workers;
    c.transfers = s->config.transfers;
    if (s->settings->ca_file && *s->settings->ca_file) c.ca_file = s->settings->ca_file;
    if (!take_memory(s)) {
        error_set(&s->err, ERROR_TOO_BIG, "there is no room for its list in memory_max now");
        return source_end(s, SOURCE_FAILED, true);
    }
    int r = store_new(&c, &s->err, &s->stored.store);
    if (r == 0) return source_submit(s, STEP_RECALL);
    if (r < 0) error_set(&s->err, r, "%s", error_name(r));
    source_end(s, SOURCE_FAILED, r < 0);
}
