/* SPDX-License-Identifier: MIT */
#include "base/zone.h"

#include "base/civil.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/zone_rule.h"

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 256 << 10, NAME_MAX_LEN = 64, HEADER = 44, TYPE_BYTES = 6, DAY_S = 86400, CYCLE_YEARS = 400 };
#define TIME_MAX (INT64_C(1) << 60)
#define CYCLE_S (INT64_C(146097) * DAY_S) /* 400 years */

struct zone {
    const char *name;
    int64_t *at;     /* unix time of each transition, ascending */
    int32_t *offset; /* offset[i]: before at[i]; offset[n]: behind the last */
    size_t n;
    bool repeats; /* the last 400 years go on for ever */
    /* Where to begin to look: bucket i is for the times from base + i * 2^BUCKET_BITS on. */
    uint16_t *bucket;
    size_t buckets;
    int64_t base;
};
enum { BUCKET_BITS = 24, BUCKETS_MAX = 4096 }; /* half a year, and two thousand of them */

const char *zone_name(const struct zone *z)
{
    return z->name;
}

/* The index of the first transition behind t: n when there is none. */
static size_t find_next(const struct zone *z, int64_t t)
{
    if (t >= z->base && z->buckets > 0) {
        size_t bucket = (uint64_t)(t - z->base) >> BUCKET_BITS;
        size_t i = bucket < z->buckets ? z->bucket[bucket] : z->n;
        while (i < z->n && z->at[i] <= t)
            i++;
        return i;
    }
    size_t low = 0, high = z->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t < z->at[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

int32_t zone_offset(const struct zone *z, int64_t local_s)
{
    /* No offset is more than a day: the transition that may matter is the first behind this time. */
    int64_t from = local_s - DAY_S;
    if (z->repeats && from >= z->at[z->n - 1]) {
        int64_t cycles = (from - z->at[z->n - 1]) / CYCLE_S + 1;
        from -= cycles * CYCLE_S;
        local_s -= cycles * CYCLE_S;
    }
    size_t next = find_next(z, from);
    if (next == z->n) return z->offset[next];
    int32_t before = z->offset[next], after = z->offset[next + 1];
    int64_t boundary = z->at[next], by_before = local_s - before, by_after = local_s - after;
    if (by_before < boundary && by_after < boundary) return before;
    if (by_before > boundary && by_after >= boundary) return after;
    return by_before > by_after ? before : after; /* in a gap, or shown twice */
}

/* ---- the file ---- */

/* A block of a TZif file: the counts of its header, and where its arrays begin */
struct block {
    uint32_t times, types, chars, leaps, stds, uts;
    size_t time_bytes; /* 4 in the first block, 8 in the second */
    const char *time, *index, *type, *end;
};

static uint32_t get32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return be32toh(v);
}

static int64_t get_time(const struct block *b, uint32_t i)
{
    const char *p = b->time + i * b->time_bytes;
    if (b->time_bytes == 4) return (int32_t)get32(p);
    return (int64_t)((uint64_t)get32(p) << 32 | get32(p + 4));
}

static bool open_block(struct slice file, size_t time_bytes, struct block *ret_block)
{
    if (file.len < HEADER || memcmp(file.p, "TZif", 4) != 0) return false;
    struct block b = {.time_bytes = time_bytes,
                      .uts = get32(file.p + 20),
                      .stds = get32(file.p + 24),
                      .leaps = get32(file.p + 28),
                      .times = get32(file.p + 32),
                      .types = get32(file.p + 36),
                      .chars = get32(file.p + 40)};
    uint32_t most = b.times | b.types | b.chars | b.leaps | b.stds | b.uts;
    if (most > FILE_MAX || b.types == 0 || b.types > 256) return false;
    b.time = file.p + HEADER;
    b.index = b.time + b.times * time_bytes;
    b.type = b.index + b.times;
    size_t behind = b.types * (size_t)TYPE_BYTES + b.chars + b.leaps * (time_bytes + 4) + b.stds + b.uts;
    size_t bytes = HEADER + b.times * (time_bytes + 1) + behind;
    if (bytes > file.len) return false;
    b.end = file.p + bytes;
    for (uint32_t i = 0; i < b.types; i++)
        if (get32(b.type + i * TYPE_BYTES) + DAY_S > 2 * DAY_S) return false; /* east of UTC, either sign */
    if (b.times > 0 && (get_time(&b, 0) < -TIME_MAX || get_time(&b, b.times - 1) > TIME_MAX)) return false;
    for (uint32_t i = 0; i < b.times; i++)
        if ((unsigned char)b.index[i] >= b.types || (i > 0 && get_time(&b, i) <= get_time(&b, i - 1))) return false;
    *ret_block = b;
    return true;
}

static int32_t type_offset(const struct block *b, size_t type)
{
    return (int32_t)get32(b->type + type * TYPE_BYTES);
}

/* What holds before the first transition: the first type that is no daylight saving time. */
static int32_t first_offset(const struct block *b)
{
    for (size_t i = 0; i < b->types; i++)
        if (b->type[i * TYPE_BYTES + 4] == 0) return type_offset(b, i);
    return type_offset(b, 0);
}

/* The last block, which is that of 64 bits unless the file is of version 1, and the rule behind it. */
static bool open_file(struct slice file, struct block *ret_block, struct slice *ret_rule)
{
    struct block b;
    *ret_rule = (struct slice){NULL, 0};
    if (!open_block(file, 4, &b)) return false;
    if (file.p[4] != '\0') {
        struct slice rest = {b.end, (size_t)(file.p + file.len - b.end)};
        if (!open_block(rest, 8, &b)) return false;
        rest = (struct slice){b.end, (size_t)(file.p + file.len - b.end)};
        const char *end = rest.len > 1 && rest.p[0] == '\n' ? memchr(rest.p + 1, '\n', rest.len - 1) : NULL;
        if (!end) return false;
        *ret_rule = (struct slice){rest.p + 1, (size_t)(end - rest.p - 1)};
    }
    *ret_block = b;
    return b.leaps == 0; /* with leap seconds it would count another time than PostgreSQL's */
}

/* ---- the zone ---- */

static void add(struct zone *z, int64_t at, int32_t offset)
{
    if (z->n > 0 && at <= z->at[z->n - 1]) return;
    z->at[z->n++] = at;
    z->offset[z->n] = offset;
}

static int32_t year_of(int64_t t)
{
    return civil_of_days((int32_t)civil_floor_div(t - INT64_C(10957) * DAY_S, DAY_S)).year; /* days from 2000-01-01 */
}

/* 400 years of transitions behind those of the file, and a little: what is shifted back by 400 years then finds its like. */
static void add_rule(struct zone *z, const struct zone_rule *rule)
{
    if (!rule->has_summer) {
        if (z->n == 0) z->offset[0] = rule->standard_s;
        return;
    }
    int32_t year = z->n > 0 ? year_of(z->at[z->n - 1]) : 1970;
    if (year < 1970) year = 1970;
    for (int32_t last = year + CYCLE_YEARS + 1; year <= last; year++) {
        struct zone_rule_year y = zone_rule_year(rule, year);
        bool summer_first = y.summer_at < y.standard_at;
        if (summer_first) add(z, y.summer_at, rule->summer_s);
        add(z, y.standard_at, rule->standard_s);
        if (!summer_first) add(z, y.summer_at, rule->summer_s);
    }
    z->repeats = true;
}

/* Times of before the first transition of these ages are looked up among all. */
static int add_buckets(struct zone *z, struct arena *arena)
{
    const int64_t oldest = -(INT64_C(1) << 33); /* 1697 */
    size_t next = 0;
    while (next < z->n && z->at[next] < oldest)
        next++;
    if (next == z->n || z->n > UINT16_MAX) return 0;
    uint64_t span = (uint64_t)(z->at[z->n - 1] - z->at[next]) >> BUCKET_BITS;
    if (span >= BUCKETS_MAX) return 0;
    z->bucket = arena_array(arena, (size_t)span + 1, sizeof(*z->bucket));
    if (!z->bucket) return -ENOMEM;
    z->base = z->at[next];
    z->buckets = (size_t)span + 1;
    for (size_t i = 0; i < z->buckets; i++) {
        int64_t start = z->base + ((int64_t)i << BUCKET_BITS);
        while (next < z->n && z->at[next] <= start)
            next++;
        z->bucket[i] = (uint16_t)next;
    }
    return 0;
}

static int make_zone(const char *name, struct slice file, struct arena *arena, struct error *err, struct zone **ret_zone)
{
    struct block b;
    struct slice text;
    struct zone_rule rule = {0};
    if (!open_file(file, &b, &text) || (text.len > 0 && !zone_rule_parse(text, &rule)))
        return error_set(err, ZONE_E_UNKNOWN, "the file of the time zone '%s' is damaged", name);
    size_t most = b.times + 2 * (CYCLE_YEARS + 2);
    struct zone *z = arena_zalloc(arena, sizeof(*z));
    if (!z || !(z->name = arena_cstr(arena, slice_of(name)))) return -ENOMEM;
    z->at = arena_array(arena, most, sizeof(*z->at));
    z->offset = arena_array(arena, most + 1, sizeof(*z->offset));
    if (!z->at || !z->offset) return -ENOMEM;
    z->offset[0] = first_offset(&b);
    for (uint32_t i = 0; i < b.times; i++)
        add(z, get_time(&b, i), type_offset(&b, (unsigned char)b.index[i]));
    if (text.len > 0) add_rule(z, &rule);
    int r = add_buckets(z, arena);
    if (r == 0) *ret_zone = z;
    return r;
}

/* Names are letters, digits and a few signs; none leads out of the folder. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > NAME_MAX_LEN || name[0] == '/' || name[0] == '.' || strstr(name, "..") || strstr(name, "//"))
        return false;
    for (const char *p = name; *p; p++) {
        bool letter = (unsigned)((*p | 0x20) - 'a') < 26, digit = (unsigned)(*p - '0') <= 9;
        if (!letter && !digit && !strchr("/_+-", *p)) return false;
    }
    return true;
}

int zone_load(const char *name, struct arena *arena, struct error *err, const struct zone **ret_zone)
{
    char path[4096];
    const char *folder = getenv("TZDIR");
    if (!folder || !*folder) folder = "/usr/share/zoneinfo";
    bool fits = (size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) < sizeof(path);
    cleanup_fd int fd = fits && is_name(name) ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
    if (fd < 0) {
        bool any = access(folder, R_OK) == 0;
        return error_set(err, ZONE_E_UNKNOWN,
                         any ? "there is no time zone '%s'; one is named like Europe/Paris"
                             : "the time zone '%s' cannot be found, because the machine has no time zones; install "
                               "the package tzdata",
                         name);
    }
    cleanup_free char *bytes = NULL;
    size_t len = 0;
    int r = fs_read_fd(fd, FILE_MAX, &bytes, &len);
    if (r == -EISDIR)
        return error_set(err, ZONE_E_UNKNOWN, "'%s' is a region, not a time zone; one is named like Europe/Paris", name);
    struct zone *z = NULL;
    if (r == 0) r = make_zone(name, (struct slice){bytes, len}, arena, err, &z);
    if (r == 0) *ret_zone = z;
    if (r < 0 && r != -ENOMEM) error_set(err, r, "%s: %s", path, error_name(r));
    return r;
}
