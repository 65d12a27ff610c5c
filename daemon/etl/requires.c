/* SPDX-License-Identifier: MIT */
#include "etl/requires.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

/* The token of the lane's earliest file that is not over, or NULL. */
static const char *earliest(const struct lane *lane)
{
    const char *claimed = claims_earliest(&lane->claims);
    const char *open = list_empty(&lane->open) ? NULL : container_of(lane->open.next, struct arrival, open)->file.token;
    if (!claimed || !open) return claimed ? claimed : open;
    return strcmp(claimed, open) < 0 ? claimed : open;
}

static void lower(struct lane_bar *bar, const char *token, const char *dataset, const char *why)
{
    if (bar->set && strcmp(bar->token, token) <= 0) return;
    bar->set = true;
    snprintf(bar->token, sizeof bar->token, "%s", token);
    snprintf(bar->why, sizeof bar->why, "it requires %s, %s", dataset, why);
}

void requires_judge(const struct config_dataset *d, const struct catalog *catalog, const struct lanes *lanes, struct lane *lane)
{
    lane->bar.set = false;
    for (size_t i = 0; d && i < d->requires.n; i++) {
        const char *name = d->requires.item[i];
        const struct dataset *other = catalog_find(catalog, name);
        if (!other || !other->loaded) {
            lower(&lane->bar, "", name, "into which nothing was loaded yet");
            continue;
        }
        const struct lane *its = lanes_find(lanes, name);
        const char *token = its ? earliest(its) : NULL;
        if (token) lower(&lane->bar, token, name, "of which an earlier file is not loaded yet");
    }
}

int64_t requires_patience_us(const struct config_dataset *d, const struct arrival *a)
{
    return a->arrived_us + d->wait_ms * 1000 - clock_real_us();
}
