/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/log.h"
#include "base/name.h"
#include "etl/scheduler_private.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- lanes ---- */

/* The lane of a path: the declared dataset's name, or the stem. ret_name holds NAME_MAX_BYTES + 1. */
static const char *lane_name(const struct config_dataset *d, const char *path, char ret_name[NAME_MAX_BYTES + 1])
{
    if (d) return d->name;
    name_of_file(slice_of(path), ret_name);
    return ret_name;
}

const char *scheduler_lane_of(const struct config *c, const struct place_file *f, char ret_name[NAME_MAX_BYTES + 1])
{
    const struct config_dataset *d = arrival_declared(c, f);
    return !d && f->dataset ? f->dataset : lane_name(d, f->path, ret_name);
}

bool scheduler_in_order(const struct config_dataset *d)
{
    return d->mode != CONFIG_MODE_APPEND || d->order == CONFIG_ORDER_STRICT;
}

/* ---- queueing ---- */

static struct arrival *enqueue(struct scheduler *s, struct place_file *file, int64_t arrived_us, bool check_ledger)
{
    char stem[NAME_MAX_BYTES + 1];
    const char *name = scheduler_lane_of(s->settings, file, stem);
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
    s->bytes += (int64_t)a->file.st.st_size;
    scheduler_count(s);
    observers_arrived(s->config.observers, a);
    observers_state(s->config.observers, a, "queued", NULL);
    return a;
}

/* ---- claims ---- */

static void refuse(struct scheduler *s, struct claim *c)
{
    char name[SCHEDULER_SHOWN_MAX];
    log_escape(slice_of(c->path), name, sizeof name);
    if (s->watcher) watcher_refused(s->watcher, c->path, &c->file.st);
    if (!refusals_add(&s->refusals, c->path, c->err.text)) return;
    log_event(LOG_WARNING, LOG_FIELDS({"FILE", name}, {"STATE", "unreadable"}), "unreadable %s: %s", name, c->err.text);
    char stem[NAME_MAX_BYTES + 1];
    const char *dataset = lane_name(config_dataset_for(s->settings, slice_of(c->path)), c->path, stem);
    observers_file(s->config.observers,
                   &(struct observed_file){.dataset = dataset, .name = c->path, .state = "unreadable", .why = c->err.text});
}

void scheduler_claim_over(void *ctx, struct claim *c)
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

void scheduler_claims_then(void *ctx)
{
    struct scheduler *s = ctx;
    scheduler_count(s);
    scheduler_pump(s);
    scheduler_maybe_stopped(s);
}

bool scheduler_claim(void *ctx, const char *path)
{
    struct scheduler *s = ctx;
    const struct config_dataset *d = config_dataset_for(s->settings, slice_of(path));
    struct claim *known = claims_find(&s->claims, path);
    if (known) {
        if (!known->running) claims_renew(&s->claims, known); /* it was replaced while its claim waits */
        return true;
    }
    if (s->arrivals + s->claiming >= SCHEDULER_ARRIVALS_MAX) s->full = true;
    if (s->stopping || s->full) return false;
    if (!d && s->settings->daemon.unmatched == CONFIG_UNMATCHED_LEAVE) return false;
    char stem[NAME_MAX_BYTES + 1];
    struct lane *lane = lanes_get(&s->lanes, lane_name(d, path, stem));
    /* Where equal bytes may be loaded twice, the token alone tells a new arrival from an old one: it must survive a power loss. */
    bool durable =
        d && (d->mode == CONFIG_MODE_REPLACE || d->mode == CONFIG_MODE_UPSERT || d->duplicates == CONFIG_DUPLICATES_LOAD);
    if (!lane) return false;
    struct claim_wish wish = {
        .path = path, .durable = durable, .turn = d && scheduler_in_order(d) ? &lane->turn : NULL, .siblings = &lane->claims};
    if (!claims_start(&s->claims, &wish)) return false;
    s->claiming++;
    return true;
}

void scheduler_sweep(void *ctx)
{
    struct scheduler *s = ctx;
    int incoming = place_folder(s->config.place, "incoming");
    if (incoming < 0) return; /* it is gone; the watcher makes it anew */
    refusals_sweep(&s->refusals, incoming);
    close(incoming);
    scheduler_count(s);
}

/* ---- other ways in ---- */

void scheduler_recovered(void *ctx, struct place_file *f)
{
    struct scheduler *s = ctx;
    if (enqueue(s, f, place_token_us(f->token), true)) return;
    log_error("a file stays in work/ (its token: %s) until the next start: no memory", f->token);
    place_file_done(f);
}

void scheduler_taken(void *ctx, struct place_file *file)
{
    struct scheduler *s = ctx;
    if (s->stopping || !enqueue(s, file, clock_real_us(), false)) place_file_done(file); /* the next start finds it in work/ */
}

bool scheduler_take(struct scheduler *s, struct place_file *file)
{
    if (s->stopping || !enqueue(s, file, place_token_us(file->token), false)) {
        place_file_done(file); /* the next start finds it in work/ */
        return false;
    }
    scheduler_pump(s);
    return true;
}
