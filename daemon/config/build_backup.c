/* SPDX-License-Identifier: MIT */
#include "config/build_backup.h"

#include "base/num.h"
#include "config/address.h"

#include <string.h>

enum { DAY_MS = 24 * 60 * 60 * 1000 };

/* Two digits of at most `max`. */
static bool two_digits(struct slice text, unsigned max, int64_t *ret_n)
{
    uint64_t n;
    if (text.len != 2 || num_parse_u64(text, &n) != 0 || n > max) return false;
    *ret_n = (int64_t)n;
    return true;
}

/* HH:MM or HH:MM:SS. */
static bool parse_at(struct slice text, int64_t *ret_ms)
{
    int64_t hour, minute, second = 0;
    struct slice hours = slice_cut(&text, ':'), minutes = text.p ? slice_cut(&text, ':') : (struct slice){NULL, 0};
    if (!two_digits(hours, 23, &hour) || !two_digits(minutes, 59, &minute)) return false;
    if (text.p && !two_digits(text, 59, &second)) return false;
    *ret_ms = ((hour * 60 + minute) * 60 + second) * 1000;
    return true;
}

static void check_times(struct builder *b, const struct ini_section *s, struct config_backup *k)
{
    k->at_ms = -1;
    if (!*k->at_text) return;
    if (!parse_at(slice_of(k->at_text), &k->at_ms))
        mistakes_add(b->mistakes, builder_place_of(s, "at"), "at: '%.40s' is no time of the day (UTC) such as 02:30", k->at_text);
    else if (k->every_ms % DAY_MS != 0 && DAY_MS % k->every_ms != 0)
        mistakes_add(b->mistakes, builder_place_of(s, "every"),
                     "every: together with `at` it is a part of a day, such as 6h, or some days, such as 7d");
}

static void check_place(struct builder *b, const struct ini_section *s, const struct config_backup *k)
{
    bool is_store;
    const char *mistake = store_url_mistake(slice_of(k->to), &is_store);
    if (!*k->to)
        mistakes_add(b->mistakes, s->place, "a backup needs a place: to = /FOLDER, s3://BUCKET/… or azure://ACCOUNT/CONTAINER/…");
    else if (mistake)
        mistakes_add(b->mistakes, builder_place_of(s, "to"), "to: %s", mistake);
    else if (!is_store && k->to[0] != '/')
        mistakes_add(b->mistakes, builder_place_of(s, "to"),
                     "to: '%.100s' is no absolute path of a folder, and no s3://BUCKET/… or azure://ACCOUNT/CONTAINER/…", k->to);
}

static void check_tables(struct builder *b, const struct ini_section *s, const struct config_backup *k)
{
    if (k->table.n == 0)
        mistakes_add(b->mistakes, builder_place_of(s, "tables"), "tables: say which, or * for those of all datasets");
    for (size_t i = 0; i < k->table.n; i++)
        if (strcmp(k->table.item[i], "*") == 0 && k->table.n > 1)
            mistakes_add(b->mistakes, builder_place_of(s, "tables"), "tables: * stands alone");
}

static int build_one(struct builder *b, const struct ini_section *s, struct config_backup *k)
{
    char usable[NAME_MAX_BYTES + 1];
    k->place = s->place;
    k->name = arena_cstr(b->arena, s->name);
    if (!k->name) return -ENOMEM;
    int r = builder_fill(b, OPTION_BACKUP, s, k);
    if (r < 0) return r;
    builder_usable_name(s->name, usable);
    if (strcmp(usable, k->name) != 0)
        mistakes_add(b->mistakes, s->place,
                     "a backup's name is lower-case words joined by '_' that begin with a letter; write [backup %s]", usable);
    check_place(b, s, k);
    check_tables(b, s, k);
    check_times(b, s, k);
    return 0;
}

int build_backups(struct builder *b)
{
    struct config_backup *all = arena_array(b->arena, builder_count_sections(b, OPTION_BACKUP) + 1, sizeof *all);
    if (!all) return -ENOMEM;
    b->config->backups = all;
    for (const struct ini_section *s = b->ini->first; s; s = s->next) {
        if (!builder_is_kind(s, OPTION_BACKUP) || s->name.len == 0) continue;
        int r = build_one(b, s, &all[b->config->n_backups++]);
        if (r < 0) return r;
    }
    return 0;
}
