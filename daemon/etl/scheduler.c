/* SPDX-License-Identifier: MIT */
#include "etl/scheduler.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/name.h"
#include "etl/claims.h"
#include "etl/ending.h"
#include "etl/lane.h"
#include "etl/refusals.h"
#include "etl/requires.h"
#include "etl/runs.h"
#include "loop/timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ARRIVALS_MAX = 100000, /* claimed files kept in memory; more stay in incoming/ until there is room */
    BACKOFF_FIRST_MS = 250,
    PAUSE_MS = 30000,             /* until a paused dataset is tried again */
    LOOK_AHEAD_MS = 1000,         /* before that the catalog is read again */
    UNCLOSED_MS = 10 * 60 * 1000, /* a file that was written and never closed */
    SHOWN_MAX = 4 * NAME_MAX + 1,
};

struct scheduler {
    struct scheduler_config config;
    struct config *settings;
    struct load_env env;
    struct watcher *watcher;
    struct timer *timer;   /* the next arrival or lane whose backoff is over */
    struct timer *looker;  /* reads the catalog again before a pause is over: what was in the way may be mended */
    struct timer *sweeper; /* of refusals */
    struct timer *grace;
    struct claims claims;
    struct lanes lanes;
    struct list all;  /* every arrival, in the order of arrival */
    struct runs runs; /* loads and groups under way */
    struct endings endings;
    struct refusals refusals;
    unsigned arrivals, claiming;
    struct revisions revisions;
    struct list listeners;
    unsigned random; /* for jitter */
    bool going, stopping;
    bool full; /* the queue was, and has not become half empty since */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void pump(struct scheduler *s);

/* ---- small things ---- */

static const char *shown(const struct arrival *a, char text[SHOWN_MAX])
{
    return log_escape(slice_of(a->file.name), text, SHOWN_MAX);
}

/* The lane of a path: the declared dataset's name, or the stem. ret_name holds NAME_MAX_BYTES + 1. */
static const char *lane_name(const struct config_dataset *d, const char *path, char ret_name[NAME_MAX_BYTES + 1])
{
    if (d) return d->name;
    name_of_file(slice_of(path), ret_name);
    return ret_name;
}

/* Of a claimed file. */
static const char *lane_of(const struct config *c, const struct place_file *f, char ret_name[NAME_MAX_BYTES + 1])
{
    const struct config_dataset *d = arrival_declared(c, f);
    return !d && f->dataset ? f->dataset : lane_name(d, f->path, ret_name);
}

/* Its files load in the order in which they arrive. */
static bool in_order(const struct config_dataset *d)
{
    return d->mode != CONFIG_MODE_APPEND || d->order == CONFIG_ORDER_STRICT;
}

/* One file after the other: where the order is the content, or is asked for, and where the first file makes the table. */
static bool serial(const struct scheduler *s, const struct lane *lane)
{
    const struct config_dataset *d = config_dataset(s->settings, slice_of(lane->name));
    if (d && in_order(d)) return true;
    return catalog_find(s->config.catalog, lane->name) == NULL;
}

static void count(struct scheduler *s)
{
    counters_set(s->config.counters, COUNTER_FILES_QUEUED, (int64_t)s->arrivals - s->runs.files);
    counters_set(s->config.counters, COUNTER_FILES_LOADING, s->runs.files);
    counters_set(s->config.counters, COUNTER_FILES_UNREADABLE, refusals_count(&s->refusals));
}

static void arrival_free(struct scheduler *s, struct arrival *a)
{
    list_remove(&a->all);
    lane_forget(a);
    place_file_done(&a->file);
    free(a->dataset);
    free(a);
    s->arrivals--;
    count(s);
}

static void maybe_stopped(struct scheduler *s)
{
    if (!s->stopping || s->runs.running || s->claiming || s->revisions.running || tidies_count(&s->endings.tidies) || !s->stopped)
        return;
    void (*stopped)(void *) = s->stopped;
    s->stopped = NULL;
    stopped(s->stopped_ctx);
}

/* Exponential, capped, with up to a half of jitter. */
static int64_t backoff_ms(struct scheduler *s, unsigned attempts)
{
    int64_t ms = BACKOFF_FIRST_MS, most = s->settings->database.backoff_max_ms;
    for (unsigned i = 1; i < attempts && ms < most; i++)
        ms *= 2;
    if (ms > most) ms = most;
    s->random = s->random * 1664525u + 1013904223u;
    return ms / 2 + (int64_t)((s->random >> 8) % (uint64_t)(ms / 2 + 1));
}

/* ---- queueing ---- */

static struct arrival *enqueue(struct scheduler *s, struct place_file *file, int64_t arrived_us, bool check_ledger)
{
    char stem[NAME_MAX_BYTES + 1];
    const char *name = lane_of(s->settings, file, stem);
    struct arrival *a = calloc(1, sizeof *a);
    struct lane *lane = lanes_get(&s->lanes, name);
    if (a) a->dataset = strdup(name);
    if (!a || !a->dataset || !lane) {
        free(a);
        return NULL;
    }
    a->file = *file;
    *file = (struct place_file){.fd = -1};
    a->arrived_us = arrived_us;
    a->check_ledger = check_ledger;
    list_append(&s->all, &a->all);
    lane_put(lane, a);
    s->arrivals++;
    count(s);
    for (list_each(l, next, &s->listeners)) {
        struct scheduler_listener *who = container_of(l, struct scheduler_listener, link);
        if (who->arrived) who->arrived(who, a);
    }
    observer_arrival(s->config.observer, a, "queued", NULL);
    return a;
}

/* ---- the end of an arrival ---- */

/* While the queue is full everything is turned down, so that no file overtakes another; then the watcher names them again in the
 * old order. */
static void make_room(struct scheduler *s)
{
    if (!s->full || s->stopping || s->arrivals + s->claiming > ARRIVALS_MAX / 2) return;
    s->full = false;
    watcher_resume(s->watcher);
}

static void ended(void *ctx, struct arrival *a)
{
    struct scheduler *s = ctx;
    arrival_free(s, a);
    make_room(s);
    maybe_stopped(s);
}

/* Why a lane waits is said once, and again when it is another reason. */
static bool is_news(struct lane *lane, const char *why)
{
    if (lane->why && strcmp(lane->why, why) == 0) return false;
    free(lane->why);
    lane->why = strdup(why);
    return true;
}

/* Back among those that wait: after a reload perhaps of another dataset than that for which it was started. */
static void requeue(struct scheduler *s, struct lane *lane, struct arrival *a)
{
    char stem[NAME_MAX_BYTES + 1];
    const char *name = lane_of(s->settings, &a->file, stem);
    struct lane *now = strcmp(name, lane->name) == 0 ? lane : lanes_get(&s->lanes, name);
    lane_put(now ? now : lane, a);
}

/* Back into its lane, for later. */
static void postpone(struct scheduler *s, struct lane *lane, struct arrival *a, const struct load_report *report)
{
    char name[SHOWN_MAX];
    bool news = strcmp(a->why.text, report->why->text) != 0;
    a->why = *report->why;
    a->attempts++;
    counters_add(s->config.counters, COUNTER_LOAD_RETRIES, 1);
    int64_t now = loop_now_ms(s->config.loop);
    if (report->outcome == LOAD_PAUSE) {
        lane->not_before_ms = now + PAUSE_MS;
        a->not_before_ms = now + 2 * PAUSE_MS; /* another file goes first: this one alone may be the reason */
        timer_start(s->looker, PAUSE_MS - LOOK_AHEAD_MS);
        if (is_news(lane, a->why.text)) log_warning("dataset %s is paused, its files stay queued: %s", lane->name, a->why.text);
    } else {
        a->not_before_ms = now + backoff_ms(s, a->attempts);
        if (news && !s->stopping) log_warning("%s is tried again later: %s", shown(a, name), a->why.text);
    }
    observer_arrival(s->config.observer, a, "queued", a->why.text);
    requeue(s, lane, a);
}

/* ---- loads ---- */

static void changed(struct scheduler *s, const struct dataset *d)
{
    if (s->config.changed) s->config.changed(s->config.changed_ctx, d);
    if (s->config.derives) derives_changed(s->config.derives);
}

static void on_report(void *ctx, struct lane *lane, struct arrival *a, const struct load_report *report)
{
    struct scheduler *s = ctx;
    switch (report->outcome) {
    case LOAD_RETRY:
    case LOAD_PAUSE: return postpone(s, lane, a, report);
    case LOAD_AGAIN: observer_arrival(s->config.observer, a, "queued", NULL); return requeue(s, lane, a);
    case LOAD_LOADED: changed(s, catalog_find(s->config.catalog, a->dataset)); break;
    default: break;
    }
    lane_forget(a);
    free(lane->why);
    lane->why = NULL;
    char name[SHOWN_MAX];
    struct dataset *d = catalog_find(s->config.catalog, a->dataset);
    if (d) dataset_hold(d, report->outcome == LOAD_FAILED ? shown(a, name) : NULL);
    for (list_each(l, next, &s->listeners)) {
        struct scheduler_listener *who = container_of(l, struct scheduler_listener, link);
        if (who->over) who->over(who, a);
    }
    ending_begin(&s->endings, a, report);
}

static void on_run_over(void *ctx)
{
    struct scheduler *s = ctx;
    count(s);
    pump(s);
    maybe_stopped(s);
}

/* `order = strict`, and a file failed: only one of its name may pass, and does so before the others. */
static bool is_held(struct scheduler *s, struct lane *lane, const struct arrival *a)
{
    const struct dataset *d = catalog_find(s->config.catalog, lane->name);
    const char *held_by = d ? dataset_held_by(d) : NULL;
    char name[SHOWN_MAX], why[SHOWN_MAX + 32];
    if (!held_by || strcmp(shown(a, name), held_by) == 0) return false;
    snprintf(why, sizeof why, "order = strict, and %s failed", held_by);
    if (is_news(lane, why))
        log_warning(
            "dataset %s stands still, its files stay queued: %s; drop it again, mended, under the same name, or set order = "
            "lenient and reload",
            lane->name, why);
    return true;
}

/* It stands behind the lane's bar. True when it has done so for too long, and may start, so as to fail. */
static bool is_overdue(struct scheduler *s, struct lane *lane, struct arrival *a, int64_t now, int64_t *wake)
{
    const struct config_dataset *d = config_dataset(s->settings, slice_of(lane->name));
    int64_t patience_us = requires_patience_us(d, a);
    if (patience_us <= 0) {
        a->overdue = true;
        error_set(&a->why, 0, "%s; it waited for that as long as `wait` says", lane->bar.why);
        return true;
    }
    int64_t at = now + patience_us / 1000 + 1;
    if (at < *wake) *wake = at;
    if (is_news(lane, lane->bar.why)) log_info("files of dataset %s wait: %s", lane->name, lane->bar.why);
    return false;
}

/* The observer is told which files wait behind the lane's bar. They are the end of the queue, so where the bar stands where it
 * stood before only the newest are looked at. */
static void tell_waiting(struct scheduler *s, struct lane *lane, const struct lane_bar *before)
{
    const struct lane_bar *now = &lane->bar;
    bool moved = before->set != now->set || strcmp(before->token, now->token) != 0;
    for (struct list *l = lane->queue.prev; l != &lane->queue; l = l->prev) {
        struct arrival *a = container_of(l, struct arrival, link);
        bool waits = lane_bars(lane, a);
        if (waits == a->waits && !moved) return;
        if (waits == a->waits) continue;
        a->waits = waits;
        observer_arrival(s->config.observer, a, waits ? "waiting" : "queued", waits ? now->why : NULL);
    }
}

/*
 * The next arrival of the lane that may start now, and is small, where only those may; `*wake` becomes the time at which one that
 * may not yet may.
 */
static struct arrival *due(struct scheduler *s, struct lane *lane, bool small, int64_t now, int64_t *wake)
{
    if (lane->waiting == 0) return NULL;
    struct lane_bar before = lane->bar;
    requires_judge(config_dataset(s->settings, slice_of(lane->name)), s->config.catalog, &s->lanes, lane);
    tell_waiting(s, lane, &before);
    bool one = serial(s, lane);
    if (one && (lane->running > 0 || runs_hold(&s->runs, lane))) return NULL;
    if (lane->not_before_ms > now) {
        if (lane->not_before_ms < *wake) *wake = lane->not_before_ms;
        return NULL;
    }
    for (struct list *l = lane->queue.next; l != &lane->queue; l = l->next) {
        struct arrival *a = container_of(l, struct arrival, link);
        if (one && claims_await_earlier(&lane->claims, a->file.token)) return NULL;
        if (is_held(s, lane, a)) continue;
        a->overdue = false;
        if (lane_bars(lane, a) && !is_overdue(s, lane, a, now, wake)) return NULL; /* and so do all behind it */
        if (a->not_before_ms <= now && (!small || runs_is_small(a))) return a;
        if (a->not_before_ms > now && a->not_before_ms < *wake) *wake = a->not_before_ms;
        if (one) return NULL; /* a file in backoff holds its followers */
    }
    return NULL;
}

/*
 * Start what may start, lane by lane in turn. Large files get load_connections; the pool has one more, and that one is for small
 * files only, so that none of them waits behind a large one.
 */
static void pump(struct scheduler *s)
{
    if (!s->going || s->stopping) return;
    int64_t now = loop_now_ms(s->config.loop), wake = INT64_MAX;
    unsigned most = (unsigned)s->settings->database.load_connections, idle = 0, lanes = HASH_COUNT(s->lanes.by_name);
    while (s->runs.running + s->runs.seats.followers <= most && idle < lanes) {
        struct lane *lane = s->lanes.cursor ? s->lanes.cursor : s->lanes.by_name;
        s->lanes.cursor = lane->hh.next;
        struct arrival *a = due(s, lane, s->runs.seats.large + s->runs.seats.followers >= most, now, &wake);
        idle = a && runs_start(&s->runs, lane, a) ? 0 : idle + 1;
    }
    if (wake != INT64_MAX) timer_start(s->timer, wake > now ? wake - now : 1);
    if (s->arrivals == 0 && s->claiming == 0) lanes_sweep(&s->lanes);
}

static void on_timer(void *ctx)
{
    pump(ctx);
}

/* ---- claims ---- */

static void refuse(struct scheduler *s, struct claim *c)
{
    char name[SHOWN_MAX];
    log_escape(slice_of(c->path), name, sizeof name);
    if (s->watcher) watcher_refused(s->watcher, c->path, &c->file.st);
    if (!refusals_add(&s->refusals, c->path, c->err.text)) return;
    log_event(LOG_WARNING, LOG_FIELDS({"FILE", name}, {"STATE", "unreadable"}), "unreadable %s: %s", name, c->err.text);
    char stem[NAME_MAX_BYTES + 1];
    const char *dataset = lane_name(config_dataset_for(s->settings, slice_of(c->path)), c->path, stem);
    observer_file(s->config.observer,
                  &(struct observed_file){.dataset = dataset, .name = c->path, .state = "unreadable", .why = c->err.text});
}

static void claim_over(void *ctx, struct claim *c)
{
    struct scheduler *s = ctx;
    s->claiming--;
    if (c->rc == 0) {
        refusals_drop(&s->refusals, c->path);
        if (!enqueue(s, &c->file, c->arrived_us, false))
            log_error("a file stays in work/ (its token: %s) until the next start: no memory", c->token);
    } else if (c->rc == PLACE_E_UNREADABLE || c->rc == PLACE_E_NOT_REGULAR) {
        refuse(s, c);
    } else if (c->rc < 0 && s->watcher) {
        watcher_retry(s->watcher, c->path);
    }
}

static void claims_then(void *ctx)
{
    struct scheduler *s = ctx;
    count(s);
    pump(s);
    maybe_stopped(s);
}

static bool on_complete(void *ctx, const char *path)
{
    struct scheduler *s = ctx;
    const struct config_dataset *d = config_dataset_for(s->settings, slice_of(path));
    struct claim *known = claims_find(&s->claims, path);
    if (known) {
        if (!known->running) claims_renew(&s->claims, known); /* it was replaced while its claim waits */
        return true;
    }
    if (s->arrivals + s->claiming >= ARRIVALS_MAX) s->full = true;
    if (s->stopping || s->full) return false;
    if (!d && s->settings->daemon.unmatched == CONFIG_UNMATCHED_LEAVE) return false;
    char stem[NAME_MAX_BYTES + 1];
    struct lane *lane = lanes_get(&s->lanes, lane_name(d, path, stem));
    /* Where equal bytes may be loaded twice, the token alone tells a new arrival from an old one: it must survive a power loss. */
    bool durable =
        d && (d->mode == CONFIG_MODE_REPLACE || d->mode == CONFIG_MODE_UPSERT || d->duplicates == CONFIG_DUPLICATES_LOAD);
    if (!lane) return false;
    struct claim_wish wish = {
        .path = path, .durable = durable, .turn = d && in_order(d) ? &lane->turn : NULL, .siblings = &lane->claims};
    if (!claims_start(&s->claims, &wish)) return false;
    s->claiming++;
    return true;
}

static void look_again(void *ctx)
{
    struct scheduler *s = ctx;
    if (!s->stopping) s->config.stale(s->config.stale_ctx);
}

/* What was refused and is gone by now need not be shown any more. */
static void sweep(void *ctx)
{
    struct scheduler *s = ctx;
    int incoming = place_folder(s->config.place, "incoming");
    if (incoming < 0) return; /* it is gone; the watcher makes it anew */
    refusals_sweep(&s->refusals, incoming);
    close(incoming);
    count(s);
}

static void on_recovered(void *ctx, struct place_file *f)
{
    struct scheduler *s = ctx;
    if (enqueue(s, f, place_token_us(f->token), true)) return;
    log_error("a file stays in work/ (its token: %s) until the next start: no memory", f->token);
    place_file_done(f);
}

/* ---- what is asked of files of the ledger ---- */

static void on_taken(void *ctx, struct place_file *file)
{
    struct scheduler *s = ctx;
    if (s->stopping || !enqueue(s, file, clock_real_us(), false)) place_file_done(file); /* the next start finds it in work/ */
}

static void on_unloaded(void *ctx)
{
    changed(ctx, NULL);
}

static void on_revised(void *ctx)
{
    pump(ctx);
    maybe_stopped(ctx);
}

void scheduler_listen(struct scheduler *s, struct scheduler_listener *l)
{
    list_append(&s->listeners, &l->link);
}

static void on_rescanned(void *ctx)
{
    struct scheduler *s = ctx;
    for (list_each(l, next, &s->listeners)) {
        struct scheduler_listener *who = container_of(l, struct scheduler_listener, link);
        if (who->scanned) who->scanned(who);
    }
}

bool scheduler_is_through(const struct scheduler *s, const char *token)
{
    for (const struct list *l = s->all.next; l != &s->all; l = l->next) {
        const struct arrival *a = container_of(l, struct arrival, all);
        if (a->state <= ARRIVAL_COMMITTING && strcmp(a->file.token, token) < 0) return false;
    }
    return !claims_under_way(&s->claims, token);
}

bool scheduler_has_room(const struct scheduler *s)
{
    return !s->stopping && !s->full && s->arrivals + s->claiming < ARRIVALS_MAX;
}

bool scheduler_take(struct scheduler *s, struct place_file *file)
{
    if (s->stopping || !enqueue(s, file, place_token_us(file->token), false)) {
        place_file_done(file); /* the next start finds it in work/ */
        return false;
    }
    pump(s);
    return true;
}

const struct arrival *scheduler_find(const struct scheduler *s, const char *token)
{
    /* The newest are asked for most. */
    for (const struct list *l = s->all.prev; l != &s->all; l = l->prev) {
        const struct arrival *a = container_of(l, struct arrival, all);
        if (strcmp(a->file.token, token) == 0) return a->state > ARRIVAL_COMMITTING ? NULL : a;
    }
    return NULL;
}

/* ---- the scheduler's outside ---- */

static void on_room(void *ctx)
{
    struct scheduler *s = ctx;
    if (!s->stopping) timer_start(s->timer, 1);
}

int scheduler_new(const struct scheduler_config *config, struct scheduler **ret_scheduler)
{
    struct scheduler *s = calloc(1, sizeof *s);
    if (!s) return -ENOMEM;
    s->config = *config;
    s->settings = config_ref(config->config);
    s->random = (unsigned)clock_mono_us();
    s->env = (struct load_env){.workers = config->workers,
                               .memory = config->memory,
                               .place = config->place,
                               .pool = config->pool,
                               .catalog = config->catalog,
                               .counters = config->counters,
                               .config = s->settings,
                               .instance = config->instance,
                               .observer = config->observer,
                               .seats = &s->runs.seats,
                               .room = on_room,
                               .room_ctx = s,
                               .stale = config->stale,
                               .stale_ctx = config->stale_ctx};
    list_init(&s->all);
    list_init(&s->listeners);
    s->runs = (struct runs){.env = &s->env, .loop = config->loop, .each = on_report, .over = on_run_over, .ctx = s};
    runs_init(&s->runs);
    s->revisions = (struct revisions){.env = &s->env, .taken = on_taken, .unloaded = on_unloaded, .over = on_revised, .ctx = s};
    s->endings = (struct endings){.counters = config->counters, .observer = config->observer, .over = ended, .ctx = s};
    int r = timer_new(config->loop, on_timer, s, &s->timer);
    if (r == 0) r = timer_new(config->loop, sweep, s, &s->sweeper);
    if (r == 0) r = timer_new(config->loop, look_again, s, &s->looker);
    struct claims_config claims = {.loop = config->loop,
                                   .workers = config->workers,
                                   .place = config->place,
                                   .over = claim_over,
                                   .then = claims_then,
                                   .ctx = s};
    if (r == 0) r = claims_init(&s->claims, &claims);
    if (r == 0) r = lookups_new(config->memory, &s->env.lookups);
    if (r == 0) r = endings_init(&s->endings, config->loop, config->workers, config->place);
    if (r < 0) {
        scheduler_free(s);
        return r;
    }
    *ret_scheduler = s;
    return 0;
}

void scheduler_free(struct scheduler *s)
{
    if (!s) return;
    watcher_free(s->watcher);
    timer_free(s->timer);
    timer_free(s->sweeper);
    timer_free(s->looker);
    timer_free(s->grace);
    for (list_each(l, next, &s->all))
        arrival_free(s, container_of(l, struct arrival, all));
    claims_done(&s->claims);
    endings_done(&s->endings);
    lanes_done(&s->lanes);
    refusals_done(&s->refusals);
    lookups_free(s->env.lookups);
    config_unref(s->settings);
    free(s);
}

int scheduler_start(struct scheduler *s, struct error *err)
{
    int r = place_recover(s->config.place, on_recovered, s, err);
    if (r < 0) return r;
    if (s->arrivals > 0) log_info("%u files of an earlier run are taken up again", s->arrivals);
    char *incoming = NULL;
    if (asprintf(&incoming, "%s/incoming", s->config.place->path) < 0) return -ENOMEM;
    struct watcher_config c = {.path = incoming,
                               .settle_ms = s->settings->daemon.settle_ms,
                               .rescan_ms = s->settings->daemon.rescan_ms,
                               .unclosed_ms = UNCLOSED_MS,
                               .counters = s->config.counters,
                               .complete = on_complete,
                               .rescanned = on_rescanned,
                               .ctx = s};
    r = watcher_new(s->config.loop, &c, &s->watcher);
    if (r == 0) timer_repeat(s->sweeper, s->settings->daemon.rescan_ms);
    if (r < 0) error_set(err, r, "%s cannot be watched: %s", incoming, error_name(r));
    free(incoming);
    return r;
}

void scheduler_go(struct scheduler *s)
{
    s->going = true;
    pump(s);
}

void scheduler_hold(struct scheduler *s)
{
    s->going = false;
}

void scheduler_set_config(struct scheduler *s, struct config *config)
{
    config_ref(config);
    config_unref(s->settings);
    s->settings = config;
    s->env.config = config;
    watcher_set_times(s->watcher, config->daemon.settle_ms, config->daemon.rescan_ms);
    /* What waits may belong to another dataset now. */
    struct list queued;
    list_init(&queued);
    for (struct lane *lane = s->lanes.by_name; lane; lane = lane->hh.next) {
        lane->not_before_ms = 0; /* the reload may have mended it */
        for (list_each(l, next, &lane->queue)) {
            struct arrival *a = container_of(l, struct arrival, link);
            lane_take(lane, a);
            a->not_before_ms = 0;
            list_append(&queued, &a->link);
        }
    }
    for (list_each(l, next, &queued)) {
        struct arrival *a = container_of(l, struct arrival, link);
        char stem[NAME_MAX_BYTES + 1];
        const char *name = lane_of(config, &a->file, stem);
        char *copy = strdup(name);
        struct lane *lane = lanes_get(&s->lanes, copy ? copy : a->dataset);
        if (!lane) abort(); /* no memory for a lane: a restart recovers everything, going on would lose sight of the file */
        if (copy) {
            free(a->dataset);
            a->dataset = copy;
        }
        list_remove(&a->link);
        lane_put(lane, a);
    }
}

struct revisions *scheduler_revisions(struct scheduler *s)
{
    return &s->revisions;
}

void scheduler_rescan(struct scheduler *s)
{
    if (s->watcher && !s->stopping) watcher_rescan(s->watcher);
}

static void on_grace_over(void *ctx)
{
    struct scheduler *s = ctx;
    runs_stop(&s->runs);
}

void scheduler_stop(struct scheduler *s, int64_t grace_ms, void (*stopped)(void *ctx), void *ctx)
{
    s->stopping = s->revisions.stopping = true;
    watcher_free(s->watcher);
    s->watcher = NULL;
    timer_stop(s->timer);
    timer_stop(s->sweeper);
    timer_stop(s->looker);
    claims_stop(&s->claims);
    tidies_hurry(&s->endings.tidies);
    if (!s->grace && timer_new(s->config.loop, on_grace_over, s, &s->grace) == 0)
        timer_start(s->grace, grace_ms > 0 ? grace_ms : 1);
    s->stopped = stopped;
    s->stopped_ctx = ctx;
    maybe_stopped(s);
}

struct scheduler_totals scheduler_totals(const struct scheduler *s)
{
    unsigned waiting = 0;
    for (const struct lane *lane = s->lanes.by_name; lane; lane = lane->hh.next)
        for (const struct list *l = lane->queue.prev; lane->bar.set && l != &lane->queue; l = l->prev)
            waiting += lane_bars(lane, container_of(l, struct arrival, link));
    return (struct scheduler_totals){.queued = s->arrivals - s->runs.files - tidies_count(&s->endings.tidies) - waiting,
                                     .waiting = waiting,
                                     .loading = s->runs.files,
                                     .unreadable = refusals_count(&s->refusals)};
}

void scheduler_each(const struct scheduler *s, bool (*each)(void *ctx, const struct arrival *a), void *ctx)
{
    for (list_each(l, next, (struct list *)&s->all)) {
        const struct arrival *a = container_of(l, struct arrival, all);
        if (a->state > ARRIVAL_COMMITTING) continue; /* in the ledger, and about to be moved */
        if (!each(ctx, a)) return;
    }
}

void scheduler_each_load(const struct scheduler *s, bool (*each)(void *ctx, const struct arrival *a, struct load_progress p),
                         void *ctx)
{
    runs_each(&s->runs, each, ctx);
}

const char *scheduler_waits(const struct scheduler *s, const struct arrival *a)
{
    const struct lane *lane = a->state == ARRIVAL_QUEUED ? lanes_find(&s->lanes, a->dataset) : NULL;
    return lane && lane_bars(lane, a) ? lane->bar.why : NULL;
}

void scheduler_each_unreadable(const struct scheduler *s, bool (*each)(void *ctx, const struct unreadable *u), void *ctx)
{
    refusals_each(&s->refusals, each, ctx);
}

void scheduler_abandon(struct scheduler *s)
{
    s->env.closed = true;
}
