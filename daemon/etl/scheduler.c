/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/log.h"
#include "etl/scheduler_private.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BACKOFF_FIRST_MS = 250,
    PAUSE_MS = 30000,             /* until a paused dataset is tried again */
    LOOK_AHEAD_MS = 1000,         /* before that the catalog is read again */
    UNCLOSED_MS = 10 * 60 * 1000, /* a file that was written and never closed */
};

/* ---- small things ---- */

void scheduler_count(struct scheduler *s)
{
    counters_set(s->config.counters, COUNTER_FILES_QUEUED, (int64_t)s->arrivals - s->runs.files);
    counters_set(s->config.counters, COUNTER_FILES_LOADING, s->runs.files);
    counters_set(s->config.counters, COUNTER_FILES_BYTES, s->bytes);
    counters_set(s->config.counters, COUNTER_FILES_UNREADABLE, refusals_count(&s->refusals));
}

static void arrival_free(struct scheduler *s, struct arrival *a)
{
    list_remove(&a->all);
    lane_forget(a);
    s->bytes -= (int64_t)a->file.st.st_size;
    place_file_done(&a->file);
    free(a->dataset);
    free(a);
    s->arrivals--;
    scheduler_count(s);
}

void scheduler_maybe_stopped(struct scheduler *s)
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

/* ---- the end of an arrival ---- */

/* While the queue is full everything is turned down, so that no file overtakes another; then the watcher names them again in the
 * old order. */
static void make_room(struct scheduler *s)
{
    if (!s->full || s->stopping || s->arrivals + s->claiming > SCHEDULER_ARRIVALS_MAX / 2) return;
    s->full = false;
    watcher_resume(s->watcher);
}

static void ended(void *ctx, struct arrival *a)
{
    struct scheduler *s = ctx;
    arrival_free(s, a);
    make_room(s);
    scheduler_maybe_stopped(s);
}

/* Back among those that wait: after a reload perhaps of another dataset than that for which it was started. */
static void requeue(struct scheduler *s, struct lane *lane, struct arrival *a)
{
    char stem[NAME_MAX_BYTES + 1];
    const char *name = scheduler_lane_of(s->settings, &a->file, stem);
    struct lane *now = strcmp(name, lane->name) == 0 ? lane : lanes_get(&s->lanes, name);
    lane_put(now ? now : lane, a);
}

/* Back into its lane, for later. */
static void postpone(struct scheduler *s, struct lane *lane, struct arrival *a, const struct load_report *report)
{
    char name[SCHEDULER_SHOWN_MAX];
    bool news = strcmp(a->why.text, report->why->text) != 0;
    a->why = *report->why;
    a->attempts++;
    counters_add(s->config.counters, COUNTER_LOAD_RETRIES, 1);
    int64_t now = loop_now_ms(s->config.loop);
    if (report->outcome == LOAD_PAUSE) {
        lane->not_before_ms = now + PAUSE_MS;
        a->not_before_ms = now + 2 * PAUSE_MS; /* another file goes first: this one alone may be the reason */
        timer_start(s->looker, PAUSE_MS - LOOK_AHEAD_MS);
        if (scheduler_is_news(lane, a->why.text))
            log_warning("dataset %s is paused, its files stay queued: %s", lane->name, a->why.text);
    } else {
        a->not_before_ms = now + backoff_ms(s, a->attempts);
        if (news && !s->stopping) log_warning("%s is tried again later: %s", scheduler_shown(a, name), a->why.text);
    }
    observers_state(s->config.observers, a, "queued", a->why.text);
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
    case LOAD_AGAIN: observers_state(s->config.observers, a, "queued", NULL); return requeue(s, lane, a);
    case LOAD_LOADED: changed(s, catalog_find(s->config.catalog, a->dataset)); break;
    default: break;
    }
    lane_forget(a);
    free(lane->why);
    lane->why = NULL;
    char name[SCHEDULER_SHOWN_MAX];
    struct dataset *d = catalog_find(s->config.catalog, a->dataset);
    if (d) dataset_hold(d, report->outcome == LOAD_FAILED ? scheduler_shown(a, name) : NULL);
    observers_over(s->config.observers, a);
    ending_begin(&s->endings, a, report);
}

static void on_run_over(void *ctx)
{
    struct scheduler *s = ctx;
    scheduler_count(s);
    scheduler_pump(s);
    scheduler_maybe_stopped(s);
}

static void on_timer(void *ctx)
{
    scheduler_pump(ctx);
}

static void look_again(void *ctx)
{
    struct scheduler *s = ctx;
    if (!s->stopping) s->config.stale(s->config.stale_ctx);
}

/* ---- what is asked of files of the ledger ---- */

static void on_unloaded(void *ctx)
{
    changed(ctx, NULL);
}

static void on_revised(void *ctx)
{
    scheduler_pump(ctx);
    scheduler_maybe_stopped(ctx);
}

/* ---- the scheduler's outside ---- */

static void on_rescanned(void *ctx)
{
    struct scheduler *s = ctx;
    observers_scanned(s->config.observers);
}

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
                               .observers = config->observers,
                               .seats = &s->runs.seats,
                               .room = on_room,
                               .room_ctx = s,
                               .stale = config->stale,
                               .stale_ctx = config->stale_ctx};
    list_init(&s->all);
    s->runs = (struct runs){.env = &s->env, .loop = config->loop, .each = on_report, .over = on_run_over, .ctx = s};
    runs_init(&s->runs);
    s->revisions =
        (struct revisions){.env = &s->env, .taken = scheduler_taken, .unloaded = on_unloaded, .over = on_revised, .ctx = s};
    s->endings = (struct endings){.counters = config->counters, .observers = config->observers, .over = ended, .ctx = s};
    int r = timer_new(config->loop, on_timer, s, &s->timer);
    if (r == 0) r = timer_new(config->loop, scheduler_sweep, s, &s->sweeper);
    if (r == 0) r = timer_new(config->loop, look_again, s, &s->looker);
    struct claims_config claims = {.loop = config->loop,
                                   .workers = config->workers,
                                   .place = config->place,
                                   .over = scheduler_claim_over,
                                   .then = scheduler_claims_then,
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
    int r = place_recover(s->config.place, scheduler_recovered, s, err);
    if (r < 0) return r;
    if (s->arrivals > 0) log_info("%u files of an earlier run are taken up again", s->arrivals);
    char *incoming = NULL;
    if (asprintf(&incoming, "%s/incoming", s->config.place->path) < 0) return -ENOMEM;
    struct watcher_config c = {.path = incoming,
                               .settle_ms = s->settings->daemon.settle_ms,
                               .rescan_ms = s->settings->daemon.rescan_ms,
                               .unclosed_ms = UNCLOSED_MS,
                               .counters = s->config.counters,
                               .complete = scheduler_claim,
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
    scheduler_pump(s);
}

void scheduler_hold(struct scheduler *s)
{
    s->going = false;
}

void scheduler_set_config(struct scheduler *s, struct config *config)
{
    int64_t rescan_ms = s->settings->daemon.rescan_ms;
    config_ref(config);
    config_unref(s->settings);
    s->settings = config;
    s->env.config = config;
    watcher_set_times(s->watcher, config->daemon.settle_ms, config->daemon.rescan_ms);
    if (config->daemon.rescan_ms != rescan_ms) timer_repeat(s->sweeper, config->daemon.rescan_ms);
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
        const char *name = scheduler_lane_of(config, &a->file, stem);
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
    place_hurry(s->config.place); /* a copy of many gigabytes is begun anew by the next start */
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
    scheduler_maybe_stopped(s);
}

void scheduler_abandon(struct scheduler *s)
{
    s->env.closed = true;
}
