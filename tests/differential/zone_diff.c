/* SPDX-License-Identifier: MIT */
/*
 * base/zone as a filter: each line of the input is a zone's name, a blank and seconds since 1970 on its wall clock; the answer is a
 * line with the unix time, or E when there is no such zone.
 */
#include "base/zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    struct arena arena;
    const struct zone *zone = NULL;
    arena_init(&arena, 1 << 16, SIZE_MAX);
    while (getline(&line, &cap, stdin) > 0) {
        char *space = strchr(line, ' ');
        if (!space) return 2;
        *space = '\0';
        struct error err;
        if ((!zone || strcmp(zone_name(zone), line) != 0) && zone_load(line, &arena, &err, &zone)) {
            puts("E");
            continue;
        }
        int64_t local = strtoll(space + 1, NULL, 10);
        printf("%" PRId64 "\n", local - zone_offset(zone, local));
    }
    free(line);
    arena_done(&arena);
    return 0;
}
