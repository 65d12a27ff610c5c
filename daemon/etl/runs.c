/* SPDX-License-Identifier: MIT */
#include "etl/runs.h"

#include "etl/compactor.h"
#include "etl/formulas.h"
#include "etl/group.h"
#include "loop/loop.h"

#include <stdlib.h>
#include <string.h>

/* A load, or a group. */
struct run {
    struct list link;
    struct runs *all;
    struct lane *lane;
    const struct config *config; /* by which it began; its load or group keeps it */
    struct arrival *arrival;     /* of a load */
    struct load *load;
    struct group *group;
    bool large;
    bool loaded; /* one of its files was */
};

void runs_init(struct runs *r)
{
    list_init(&r->all);
    r->running = r->files = 0;
    r->seats = (struct load_seats){0};
}

bool runs_is_small(const struct arrival *a)
{
    return a->file.st.st_size <= GROUP_FILE_BYTES;
}

static void add(struct run *one)
{
    list_append(&one->all->all, &one->link);
    one->lane->running++;
    one->all->running++;
    one->all->seats.large += one->large;
}

static void remove_run(struct run *one)
{
    struct runs *r = one->all;
    list_remove(&one->link);
    one->lane->running--;
    r->running--;
    r->seats.large -= one->large;
    free(one);
    r->over(r->ctx);
}

static void leave_lane(struct run *one, struct arrival *a)
{
    lane_take(one->lane, a);
    one->all->files++;
    a->waits = false;
    observers_state(one->all->env->observers, a, "loading", NULL);
}

/* The dataset has new rows; now and then its marks are folded. */
static void changed(struct run *one, const char *dataset)
{
    const struct load_env *env = one->all->env;
    struct dataset *d = catalog_find(env->catalog, dataset);
    if (!d) return;
    d->loaded = true;
    if (env->closed) return; /* nothing more is asked of the pool */
    if (++one->lane->marks % COMPACTOR_EVERY == 0) compactor_run(env->pool, d->id);
}

static void report_arrival(struct run *one, struct arrival *a, const struct load_report *report)
{
    one->all->files--;
    one->loaded = one->loaded || report->outcome == LOAD_LOADED;
    one->all->each(one->all->ctx, one->lane, a, report);
}

/* ---- one file ---- */

static void load_over(void *ctx, struct arrival *a, const struct load_report *report)
{
    struct run *one = ctx;
    if (report->outcome == LOAD_LOADED) changed(one, a->dataset);
    report_arrival(one, a, report);
    remove_run(one);
}

static bool start_load(struct run *one, struct arrival *a)
{
    struct load_config c = {.env = one->all->env, .arrival = a, .over = load_over, .ctx = one};
    one->large = !runs_is_small(a);
    if (load_start(&c, &one->load) < 0) return false;
    leave_lane(one, a);
    return true;
}

/* ---- many ---- */

static void group_each(void *ctx, struct arrival *a, const struct load_report *report)
{
    report_arrival(ctx, a, report);
}

static void group_over(void *ctx, bool refused)
{
    struct run *one = ctx;
    if (one->loaded) changed(one, one->lane->name);
    lane_judge(one->lane, refused);
    remove_run(one);
}

/* May it travel with others? Whatever must be looked at by itself may not. */
static bool groupable(const struct runs *r, const struct arrival *a, const struct config_dataset *declared)
{
    if (!runs_is_small(a) || a->alone || a->overdue || a->check_ledger || a->file.anyway) return false;
    return arrival_declared(r->env->config, &a->file) == declared;
}

/* The dataset into which files of this lane may go together, or NULL. */
static struct dataset *group_dataset(const struct runs *r, const struct lane *lane, const struct config_dataset *declared)
{
    if (declared && (declared->mode != CONFIG_MODE_APPEND || declared->order == CONFIG_ORDER_STRICT)) return NULL;
    if (!declared && r->env->config->daemon.unmatched != CONFIG_UNMATCHED_INFER) return NULL;
    struct dataset *d = catalog_find(r->env->catalog, lane->name);
    if (!d || d->broken || d->unready || d->staged || d->joins || (d->formulas && d->formulas->server)) return NULL;
    return declared || (d->inferred && !d->config) ? d : NULL;
}

/* What waits in the lane from `first` on, up to the bounds. */
static size_t gather(const struct runs *r, const struct lane *lane, struct arrival *first, struct arrival *ret[GROUP_FILES_MAX])
{
    const struct config_dataset *declared = config_dataset(r->env->config, slice_of(lane->name));
    int64_t bytes = 0, now = loop_now_ms(r->loop);
    size_t n = 0, looked = 0;
    for (struct list *l = &first->link; l != &lane->queue && n < lane->group_max && looked < 2 * GROUP_FILES_MAX; l = l->next) {
        struct arrival *a = container_of(l, struct arrival, link);
        if (lane_bars(lane, a)) break;
        looked++;
        if (a->not_before_ms > now || !groupable(r, a, declared)) continue;
        bytes += a->file.st.st_size;
        if (n > 0 && bytes > GROUP_BYTES_MAX) break;
        ret[n++] = a;
    }
    return n;
}

static bool start_group(struct run *one, struct arrival *first, struct dataset *d)
{
    struct arrival *arrival[GROUP_FILES_MAX];
    const struct load_env *env = one->all->env;
    struct group_config c = {.env = env,
                             .dataset = d,
                             .declared = config_dataset(env->config, slice_of(one->lane->name)),
                             .arrival = arrival,
                             .n = gather(one->all, one->lane, first, arrival),
                             .each = group_each,
                             .over = group_over,
                             .ctx = one};
    if (group_start(&c, &one->group) < 0) return false;
    for (size_t i = 0; i < group_size(one->group); i++)
        leave_lane(one, arrival[i]);
    return true;
}

bool runs_start(struct runs *r, struct lane *lane, struct arrival *a)
{
    struct run *one = calloc(1, sizeof *one);
    if (!one) return false;
    *one = (struct run){.all = r, .lane = lane, .config = r->env->config, .arrival = a};
    const struct config_dataset *declared = config_dataset(r->env->config, slice_of(lane->name));
    struct dataset *d = groupable(r, a, declared) ? group_dataset(r, lane, declared) : NULL;
    bool started = d ? start_group(one, a, d) : start_load(one, a);
    if (started) {
        add(one);
    } else {
        free(one);
    }
    return started;
}

bool runs_hold(const struct runs *r, const struct lane *lane)
{
    for (const struct list *l = r->all.next; l != &r->all; l = l->next) {
        const struct run *one = container_of(l, struct run, link);
        if (one->config == r->env->config || one->lane == lane) continue;
        if (one->group) return true; /* not for long */
        const struct config_dataset *now = arrival_declared(r->env->config, &one->arrival->file);
        if (now && strcmp(now->name, lane->name) == 0) return true;
    }
    return false;
}

void runs_each(const struct runs *r, bool (*each)(void *ctx, const struct arrival *a, struct load_progress p), void *ctx)
{
    for (const struct list *l = r->all.next; l != &r->all; l = l->next) {
        const struct run *one = container_of(l, struct run, link);
        if (one->load && !each(ctx, one->arrival, load_progress(one->load))) return;
    }
}

void runs_stop(struct runs *r)
{
    for (list_each(l, next, &r->all)) {
        struct run *one = container_of(l, struct run, link);
        if (one->load) load_stop(one->load);
        if (one->group) group_stop(one->group);
    }
}
