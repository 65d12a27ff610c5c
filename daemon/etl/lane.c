/* SPDX-License-Identifier: MIT */
#include "etl/lane.h"

#include "etl/group.h"

#include <stdlib.h>
#include <string.h>

static void lane_free(struct lanes *l, struct lane *lane)
{
    if (l->cursor == lane) l->cursor = lane->hh.next;
    HASH_DEL(l->by_name, lane);
    free(lane->name);
    free(lane->why);
    free(lane);
}

void lanes_done(struct lanes *l)
{
    struct lane *lane, *next;
    HASH_ITER(hh, l->by_name, lane, next)
    {
        lane_free(l, lane);
    }
}

struct lane *lanes_find(const struct lanes *l, const char *name)
{
    struct lane *lane;
    HASH_FIND_STR(l->by_name, name, lane);
    return lane;
}

struct lane *lanes_get(struct lanes *l, const char *name)
{
    struct lane *lane = lanes_find(l, name);
    if (lane) return lane;
    lane = calloc(1, sizeof *lane);
    if (lane) lane->name = strdup(name);
    if (!lane || !lane->name) {
        free(lane);
        return NULL;
    }
    list_init(&lane->queue);
    list_init(&lane->open);
    claim_turn_init(&lane->turn);
    list_init(&lane->claims);
    lane->group_max = GROUP_FILES_MAX;
    HASH_ADD_KEYPTR(hh, l->by_name, lane->name, strlen(lane->name), lane);
    return lane;
}

void lane_put(struct lane *lane, struct arrival *a)
{
    struct list *at = &lane->queue;
    while (at->prev != &lane->queue && strcmp(container_of(at->prev, struct arrival, link)->file.token, a->file.token) > 0)
        at = at->prev;
    list_insert(at, &a->link);
    lane->waiting++;
    lane_forget(a);
    at = &lane->open;
    while (at->prev != &lane->open && strcmp(container_of(at->prev, struct arrival, open)->file.token, a->file.token) > 0)
        at = at->prev;
    list_insert(at, &a->open);
}

void lane_forget(struct arrival *a)
{
    if (a->open.next) list_remove(&a->open);
}

bool lane_bars(const struct lane *lane, const struct arrival *a)
{
    return lane->bar.set && strcmp(lane->bar.token, a->file.token) < 0;
}

void lane_take(struct lane *lane, struct arrival *a)
{
    list_remove(&a->link);
    lane->waiting--;
}

void lane_judge(struct lane *lane, bool refused)
{
    unsigned n = refused ? lane->group_max / 2 : lane->group_max * 2;
    lane->group_max = n < 1 ? 1 : n > GROUP_FILES_MAX ? GROUP_FILES_MAX : n;
}

void lanes_sweep(struct lanes *l)
{
    struct lane *lane, *next;
    HASH_ITER(hh, l->by_name, lane, next)
    {
        if (lane->waiting == 0 && lane->running == 0 && list_empty(&lane->claims)) lane_free(l, lane);
    }
}
