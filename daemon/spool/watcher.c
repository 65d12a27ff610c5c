/* SPDX-License-Identifier: MIT */
#include "spool/watcher.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "loop/timer.h"
#include "spool/mend.h"
#include "spool/settle.h"
#include "spool/walk.h"

#include <stdlib.h>
#include <string.h>

/* A step may take this long, then others get their turn. Not 0 between steps: libuv would run the timer again at once. */
enum { ENTRIES_MAX = 65536, STEP_US = 3000, PAUSE_MS = 1, PATH_SHOWN = 512 };

struct watcher {
    struct watcher_config config;
    char *path;
    struct settle settle;
    struct folders folders;
    struct walk walk;
    struct timer *step, *rescan;
    int64_t step_ms;  /* when the step comes; INT64_MAX: not planned */
    int64_t rearm_ms; /* when to look for incoming/ again; INT64_MAX: it is there */
    bool walk_wanted; /* a full walk, */
    bool catch_up;    /* and what events complete is to wait behind it */
    bool walking;     /* a walk runs, or what it left is being tidied */
    bool catching_up; /* nothing is reported until the finds have settled */
    bool announce;    /* say `scanned` once all is reported */
    bool asked;       /* somebody asked for a walk that has not begun */
    bool asked_runs;  /* and for one that has: say `rescanned` once all is reported */
    bool more;        /* there was no room for all names */
    bool said_lost;
};

/* Work at `at_ms`, or earlier when that is planned. */
static void step_by(struct watcher *w, int64_t at_ms)
{
    if (at_ms >= w->step_ms) return;
    int64_t in_ms = at_ms - settle_now_ms();
    w->step_ms = at_ms;
    timer_start(w->step, in_ms > PAUSE_MS ? in_ms : PAUSE_MS);
}

static void work_soon(struct watcher *w)
{
    step_by(w, settle_now_ms());
}

static void want_walk(struct watcher *w, bool catch_up)
{
    w->walk_wanted = true;
    if (catch_up) w->catch_up = w->catching_up = true;
    work_soon(w);
}

/* --- the walk --- */

/* Room for a find: the youngest of this walk gives way to an older one. */
static struct entry *add_found(struct watcher *w, const struct walk_find *find)
{
    struct entries *entries = &w->settle.entries;
    struct entry *e = entries_add(entries, find->path);
    if (e) return e;
    w->more = true;
    if (entries->found.n == 0) return NULL;
    struct entry *youngest = entries->found.item[0];
    if (!entry_older(find->look.mtime_ns, find->path, youngest)) return NULL;
    entries_remove(entries, youngest);
    return entries_add(entries, find->path);
}

static void found(struct watcher *w, const struct walk_find *find)
{
    struct entries *entries = &w->settle.entries;
    struct entry *e = entries_find(entries, find->path);
    if (!e) e = add_found(w, find);
    if (!e) return;
    entries_seen(entries, e, w->walk.number);
    if (settle_unchanged(e, &find->look)) return;
    bool written = e->state == ENTRY_UNCLOSED;
    entries_set(entries, e, ENTRY_NEW);
    e->look = find->look;
    if (written)
        settle_wait(&w->settle, e, ENTRY_UNCLOSED);
    else
        entries_set(entries, e, ENTRY_FOUND);
}

static void say_denied(const struct watcher *w, const char *path)
{
    char full[PATH_MAX], inside[PATH_MAX];
    struct stat st;
    struct error err;
    if (!folder_join(w->path, path, "", full) || lstat(full, &st) < 0 || !folder_join(path, "", "*", inside)) return;
    mend_folder(&(struct mend){w->path, inside, &st}, -EACCES, &err);
    log_warning("a folder of the spool cannot be read: %s", err.text);
}

/* incoming/ was removed, moved away or unmounted. A moment later it may be there again; else we make it. */
static void lost(struct watcher *w)
{
    walk_stop(&w->walk);
    folders_drop_all(&w->folders);
    w->walking = false;
    w->catching_up = true;
    w->rearm_ms = settle_now_ms() + w->settle.settle_ms;
    step_by(w, w->rearm_ms);
}

static void rearm(struct watcher *w)
{
    int r = fs_mkdir_all(w->path, 02770);
    if (r < 0) {
        char shown[PATH_SHOWN];
        if (!w->said_lost)
            log_error("the folder %s is gone and cannot be made: %s", log_escape(slice_of(w->path), shown, sizeof(shown)),
                      error_name(r));
        w->said_lost = true;
        w->rearm_ms = settle_now_ms() + w->config.rescan_ms;
        return;
    }
    w->said_lost = false;
    w->rearm_ms = INT64_MAX;
    want_walk(w, true);
}

static void begin_walk(struct watcher *w, bool full)
{
    w->walking = true;
    w->settle.found_order = ++w->settle.order;
    w->settle.found_due_ms = INT64_MAX;
    if (!full) return;
    if (w->catch_up) w->announce = w->catching_up = true;
    w->walk_wanted = w->catch_up = w->more = false;
    if (w->asked) w->asked_runs = true;
    w->asked = false;
    walk_begin(&w->walk);
}

/* One turn of a walk. False: it is through. */
static bool walk_turn(struct watcher *w)
{
    struct walk_find find;
    switch (walk_next(&w->walk, &find)) {
    case WALK_ENTRY: found(w, &find); return true;
    case WALK_DENIED: say_denied(w, find.path); return true;
    case WALK_LOST: lost(w); return true;
    case WALK_NOTHING: return true;
    case WALK_END: break;
    }
    return false;
}

static void drop_unseen_folders(struct watcher *w)
{
    struct folder *f, *next;
    HASH_ITER(by_path, w->folders.by_path, f, next)
    {
        if (f->scan != w->walk.number) folders_drop(&w->folders, f);
    }
}

/* One turn of tidying after a walk: what a full one did not see has vanished. Those entries stand first in the list. */
static void tidy_turn(struct watcher *w)
{
    struct entries *entries = &w->settle.entries;
    struct entry *oldest = container_of(entries->all.next, struct entry, all);
    if (w->walk.full && !list_empty(&entries->all) && oldest->scan != w->walk.number) {
        entries_remove(entries, oldest);
        return;
    }
    if (w->walk.full) drop_unseen_folders(w);
    w->walk.full = w->walking = false;
    w->settle.found_due_ms = settle_now_ms() + w->settle.settle_ms;
    settle_offer_again(&w->settle);
}

/* --- steps --- */

static bool still_catching_up(struct watcher *w)
{
    if (w->catching_up && !w->catch_up && !w->walking && w->rearm_ms == INT64_MAX && w->settle.entries.found.n == 0)
        w->catching_up = false;
    return w->catching_up;
}

static bool report_turn(struct watcher *w)
{
    if (still_catching_up(w)) return false;
    if (settle_report(&w->settle)) return true;
    if (w->asked_runs && w->settle.entries.found.n == 0) {
        w->asked_runs = false;
        if (w->config.rescanned) w->config.rescanned(w->config.ctx);
        return true;
    }
    if (!w->announce) return false;
    w->announce = false;
    if (w->config.scanned) w->config.scanned(w->config.ctx);
    return true;
}

/* One piece of work. False: there is none now. */
static bool turn(struct watcher *w)
{
    if (w->rearm_ms != INT64_MAX) {
        if (w->rearm_ms > settle_now_ms()) return false;
        rearm(w);
        return w->rearm_ms == INT64_MAX;
    }
    if (w->walking) {
        if (!walk_turn(w)) tidy_turn(w);
        return true;
    }
    if (settle_judge(&w->settle)) return true;
    /* No new walk while finds settle: they are one batch with one order. */
    if (w->settle.entries.found.n == 0 && (w->walk_wanted || walk_active(&w->walk))) {
        begin_walk(w, w->walk_wanted);
        return true;
    }
    return report_turn(w);
}

/* Room was made for what the last walk had to leave out. */
static void look_for_more(struct watcher *w)
{
    if (w->more && !w->walking && !w->walk_wanted && w->settle.entries.n <= w->settle.entries.max / 2) want_walk(w, true);
}

static void on_step(void *ctx)
{
    struct watcher *w = ctx;
    int64_t until = clock_mono_us() + STEP_US;
    w->step_ms = INT64_MAX;
    while (turn(w)) {
        if (clock_mono_us() < until) continue;
        work_soon(w);
        return;
    }
    look_for_more(w);
    step_by(w, w->rearm_ms);
    if (w->rearm_ms == INT64_MAX) step_by(w, settle_next_ms(&w->settle));
}

/* --- events --- */

/* An event about `path`: the entry, looked at anew and in no state, or NULL when it is not (or no longer) of interest. */
static struct entry *touched(struct watcher *w, const char *path)
{
    struct entries *entries = &w->settle.entries;
    struct entry_look look;
    struct entry *e = entries_find(entries, path);
    if (!settle_look(&w->settle, path, &look)) {
        if (e) entries_remove(entries, e);
        return NULL;
    }
    if (e && e->state == ENTRY_REFUSED && entry_same_file(&e->look, &look)) return NULL;
    /* While names are left out the next walk finds this one, in its order. */
    if (!e && w->more) return NULL;
    if (!e) e = entries_add(entries, path);
    if (!e) {
        w->more = true;
        return NULL;
    }
    if (w->walking) entries_seen(entries, e, w->walk.number);
    entries_set(entries, e, ENTRY_NEW);
    e->look = look;
    return e;
}

static void moved_in(struct watcher *w, const char *path)
{
    struct entry *e = touched(w, path);
    if (!e) return;
    e->created = false;
    settle_ready(&w->settle, e);
    /* Reported in this turn of the loop when nothing has to come before it. */
    if (w->settle.entries.ready.n == 1 && list_empty(&w->settle.offered) && !still_catching_up(w))
        settle_report(&w->settle);
    else
        work_soon(w);
}

static void closed(struct watcher *w, const char *path)
{
    struct entry *e = touched(w, path);
    if (!e) return;
    e->created = false;
    settle_wait(&w->settle, e, ENTRY_SETTLING);
}

static void created(struct watcher *w, const char *path)
{
    struct entry *e = touched(w, path);
    if (!e) return;
    e->created = true;
    settle_wait(&w->settle, e, ENTRY_SETTLING);
}

static void written(struct watcher *w, const char *path)
{
    struct entry *e = touched(w, path);
    if (e) settle_wait(&w->settle, e, ENTRY_UNCLOSED);
}

static void attributes(struct watcher *w, const char *path)
{
    const struct entry *known = entries_find(&w->settle.entries, path);
    /* What was taken changes no more by this, and what is being written is not finished by it. */
    if (known && (known->state == ENTRY_TAKEN || known->state == ENTRY_UNCLOSED)) return;
    struct entry *e = touched(w, path);
    if (e) settle_wait(&w->settle, e, ENTRY_SETTLING);
}

static void left(struct watcher *w, const char *path)
{
    struct entry *e = entries_find(&w->settle.entries, path);
    if (e) entries_remove(&w->settle.entries, e);
}

static const struct {
    uint32_t mask;
    void (*file)(struct watcher *w, const char *path);
} file_events[] = {
    {IN_MOVED_TO, moved_in}, {IN_CLOSE_WRITE, closed}, {IN_CREATE, created}, {IN_MODIFY, written},
    {IN_ATTRIB, attributes}, {IN_MOVED_FROM, left},    {IN_DELETE, left},
};

/* A subfolder came, went, or may be read now. */
static void folder_event(struct watcher *w, uint32_t mask, const char *path)
{
    if (mask & (IN_MOVED_FROM | IN_DELETE)) {
        folders_drop_tree(&w->folders, path);
        if (mask & IN_MOVED_FROM) want_walk(w, false); /* its files are gone with it */
        return;
    }
    struct folder *f = folders_get(&w->folders, path);
    if (!f) return;
    f->scan = w->walk.number;
    /* Watched at once, and read soon: the walk arms it again before it reads. */
    if (folders_arm(&w->folders, f) < 0) {
        folders_drop(&w->folders, f);
        return;
    }
    walk_queue(&w->walk, f);
    work_soon(w);
}

static void named_event(struct watcher *w, const struct folder *f, const struct inotify_event *event)
{
    char path[PATH_MAX];
    if (walk_ignores(event->name) || !folder_join(f->path, "", event->name, path)) return;
    if (event->mask & IN_ISDIR) {
        folder_event(w, event->mask, path);
        return;
    }
    for (size_t i = 0; i < sizeof(file_events) / sizeof(file_events[0]); i++)
        if (event->mask & file_events[i].mask) file_events[i].file(w, path);
}

static void on_event(void *ctx, const struct inotify_event *event)
{
    struct watcher *w = ctx;
    if (event->mask & IN_Q_OVERFLOW) {
        if (w->config.counters) counters_add(w->config.counters, COUNTER_INOTIFY_OVERFLOWS, 1);
        char shown[PATH_SHOWN];
        log_notice("the inotify queue overflowed: looking through %s", log_escape(slice_of(w->path), shown, sizeof(shown)));
        want_walk(w, true);
        return;
    }
    struct folder *f = folders_by_wd(&w->folders, event->wd);
    if (!f) return; /* of a watch that was removed */
    if (event->len > 0)
        named_event(w, f, event);
    else if (*f->path == '\0' && event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED))
        lost(w);
    else if (event->mask & IN_UNMOUNT)
        want_walk(w, false); /* what the mount had hidden */
    else if (event->mask & IN_IGNORED && *f->path)
        folders_drop(&w->folders, f);
    look_for_more(w);
    step_by(w, settle_next_ms(&w->settle));
}

/* --- the outside --- */

static void on_rescan(void *ctx)
{
    want_walk(ctx, false);
}

int watcher_new(struct loop *l, const struct watcher_config *config, struct watcher **ret_watcher)
{
    struct watcher *w = calloc(1, sizeof(*w));
    if (!w) return -ENOMEM;
    *w = (struct watcher){.config = *config, .path = strdup(config->path), .step_ms = INT64_MAX, .rearm_ms = INT64_MAX};
    w->folders.root = w->settle.root = w->path;
    w->settle.complete = config->complete;
    w->settle.ctx = config->ctx;
    w->settle.settle_ms = config->settle_ms;
    w->settle.unclosed_ms = config->unclosed_ms;
    walk_init(&w->walk, &w->folders);
    list_init(&w->settle.offered);
    int r = entries_init(&w->settle.entries, config->entries_max ? config->entries_max : ENTRIES_MAX);
    if (r == 0 && !w->path) r = -ENOMEM;
    if (r == 0) r = timer_new(l, on_step, w, &w->step);
    if (r == 0) r = timer_new(l, on_rescan, w, &w->rescan);
    if (r < 0) {
        watcher_free(w);
        return r;
    }
    /* Without inotify (fs.inotify.max_user_instances) there are still the scans. */
    if (inotify_new(l, on_event, w, &w->folders.inotify) < 0) w->folders.inotify = NULL;
    timer_repeat(w->rescan, w->config.rescan_ms);
    want_walk(w, true);
    *ret_watcher = w;
    return 0;
}

void watcher_free(struct watcher *w)
{
    if (!w) return;
    walk_stop(&w->walk);
    inotify_free(w->folders.inotify);
    w->folders.inotify = NULL;
    folders_done(&w->folders);
    entries_done(&w->settle.entries);
    timer_free(w->step);
    timer_free(w->rescan);
    free(w->path);
    free(w);
}

void watcher_rescan(struct watcher *w)
{
    w->asked = true;
    want_walk(w, false);
}

void watcher_resume(struct watcher *w)
{
    settle_offer_again(&w->settle);
    work_soon(w);
}

void watcher_retry(struct watcher *w, const char *path)
{
    struct entry *e = entries_find(&w->settle.entries, path);
    if (e && e->state == ENTRY_TAKEN) entries_set(&w->settle.entries, e, ENTRY_DEFERRED);
}

void watcher_refused(struct watcher *w, const char *path, const struct stat *st)
{
    struct entries *entries = &w->settle.entries;
    struct entry *e = entries_find(entries, path);
    if (!e) e = entries_add(entries, path);
    if (!e) return;
    struct entry_look now;
    entries_seen(entries, e, w->walk.number);
    entries_set(entries, e, ENTRY_REFUSED);
    e->look = entry_look_of(st);
    /* It may have been mended while the refusal was on its way. */
    if (!settle_look(&w->settle, path, &now) || entry_same_file(&e->look, &now)) return;
    e->look = now;
    settle_wait(&w->settle, e, ENTRY_SETTLING);
    step_by(w, e->due_ms);
}

void watcher_set_times(struct watcher *w, int64_t settle_ms, int64_t rescan_ms)
{
    settle_change(&w->settle, settle_ms);
    w->config.rescan_ms = rescan_ms;
    timer_repeat(w->rescan, rescan_ms);
    work_soon(w);
}
