/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "etl/requires.h"
#include "etl/scheduler_private.h"

#include <stdio.h>
#include <stdlib.h>

bool scheduler_is_news(struct lane *lane, const char *why)
{
    if (lane->why && strcmp(lane->why, why) == 0) return false;
    free(lane->why);
    lane->why = strdup(why);
    return true;
}

/* One file after the other: where the order is the content, or is asked for, and where the first file makes the table. */
static bool serial(const struct scheduler *s, const struct lane *lane)
{
    const struct config_dataset *d = config_dataset(s->settings, slice_of(lane->name));
    if (d && scheduler_in_order(d)) return true;
    return catalog_find(s->config.catalog, lane->name) == NULL;
}

/* `order = strict`, and a file failed: only one of its name may pass, and does so before the others. */
static bool is_held(struct scheduler *s, struct lane *lane, const struct arrival *a)
{
    const struct dataset *d = catalog_find(s->config.catalog, lane->name);
    const char *held_by = d ? dataset_held_by(d) : NULL;
    char name[SCHEDULER_SHOWN_MAX], why[SCHEDULER_SHOWN_MAX + 32];
    if (!held_by || strcmp(scheduler_shown(a, name), held_by) == 0) return false;
    snprintf(why, sizeof why, "order = strict, and %s failed", held_by);
    if (scheduler_is_news(lane, why))
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
    if (scheduler_is_news(lane, lane->bar.why)) log_info("files of dataset %s wait: %s", lane->name, lane->bar.why);
    return false;
}

/* The observers are told which files wait behind the lane's bar. They are the end of the queue, so where the bar stands where it
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
        observers_state(s->config.observers, a, waits ? "waiting" : "queued", waits ? now->why : NULL);
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

void scheduler_pump(struct scheduler *s)
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
