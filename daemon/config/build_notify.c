/* SPDX-License-Identifier: MIT */
#include "config/build_notify.h"

#include "base/cleanup.h"
#include "config/address.h"

#include <stdlib.h>

static const char *const event_name[CONFIG_EVENTS] = {
    [CONFIG_EVENT_FAILED] = "failed", [CONFIG_EVENT_WAITING] = "waiting",     [CONFIG_EVENT_UNREADABLE] = "unreadable",
    [CONFIG_EVENT_LOADED] = "loaded", [CONFIG_EVENT_DUPLICATE] = "duplicate", [CONFIG_EVENT_BACKUP] = "backup",
};

const char *config_event_name(enum config_event event)
{
    return event_name[event];
}

/* What the file holds, "" for no file. 0; 1 after a mistake; -ENOMEM. */
static int read_secret(struct builder *b, const struct ini_section *s, const char *key, const char *path, const char **ret_secret)
{
    cleanup_free char *text = NULL;
    *ret_secret = "";
    if (!*path) return 0;
    if (config_read_secret(path, &b->err, &text) < 0) {
        mistakes_add(b->mistakes, builder_place_of(s, key), "%s: %s", key, b->err.text);
        return 1;
    }
    *ret_secret = arena_cstr(b->arena, slice_of(text));
    return *ret_secret ? 0 : -ENOMEM;
}

static void check_url(struct builder *b, const struct ini_section *s, const struct config_notify *n)
{
    const char *key = *n->url_file ? "url_file" : "url", *mistake = http_url_mistake(n->target);
    if (!*n->target)
        mistakes_add(b->mistakes, builder_place_of(s, key),
                     *n->url_file ? "url_file: the file is empty; write the address into it"
                                  : "a receiver needs an address: url = https://…, or url_file = the file that holds it");
    else if (mistake)
        mistakes_add(b->mistakes, builder_place_of(s, key), "%s: %s", key, mistake);
}

static void check_token(struct builder *b, const struct ini_section *s, const struct config_notify *n)
{
    for (const char *c = n->token; *c; c++) {
        if (*c > ' ' && *c < 0x7f) continue;
        mistakes_add(b->mistakes, builder_place_of(s, "token_file"),
                     "token_file: the token holds a blank, or a byte that is not ASCII");
        return;
    }
}

static void parse_events(struct builder *b, const struct ini_section *s, struct config_notify *n)
{
    for (size_t i = 0; i < n->on.n; i++) {
        struct name_nearest nearest = name_nearest_to(slice_of(n->on.item[i]));
        unsigned k = 0;
        for (; k < CONFIG_EVENTS && strcmp(n->on.item[i], event_name[k]) != 0; k++)
            name_nearest_offer(&nearest, event_name[k]);
        char hint[BUILDER_HINT_MAX];
        if (k < CONFIG_EVENTS)
            n->events |= 1u << k;
        else
            mistakes_add(b->mistakes, builder_place_of(s, "on"),
                         "on: '%.60s' is none of failed, waiting, unreadable, loaded, duplicate, backup%s", n->on.item[i],
                         builder_hint(nearest.best, hint));
    }
    if (n->on.n == 0) mistakes_add(b->mistakes, builder_place_of(s, "on"), "on names nothing, so that nobody would ever be told");
}

static void check_datasets(struct builder *b, const struct ini_section *s, const struct config_notify *n)
{
    for (size_t i = 0; i < n->datasets.n; i++)
        if (!glob_valid(slice_of(n->datasets.item[i])))
            mistakes_add(b->mistakes, builder_place_of(s, "datasets"), "datasets: '%.60s' is no glob; close each [ and {",
                         n->datasets.item[i]);
}

static int build_one(struct builder *b, const struct ini_section *s, struct config_notify *n)
{
    n->place = s->place;
    n->name = arena_cstr(b->arena, s->name);
    if (!n->name) return -ENOMEM;
    int r = builder_fill(b, OPTION_NOTIFY, s, n);
    if (r < 0) return r;
    if (*n->url && *n->url_file) {
        mistakes_add(b->mistakes, builder_place_of(s, "url_file"), "url and url_file are both there; give one of them");
        return 0;
    }
    int url = read_secret(b, s, "url_file", n->url_file, &n->target);
    int token = read_secret(b, s, "token_file", n->token_file, &n->token);
    if (url < 0 || token < 0) return -ENOMEM;
    if (!*n->url_file) n->target = n->url;
    if (url == 0) check_url(b, s, n);
    check_token(b, s, n);
    parse_events(b, s, n);
    check_datasets(b, s, n);
    return 0;
}

int build_notify(struct builder *b)
{
    struct config_notify *all = arena_array(b->arena, builder_count_sections(b, OPTION_NOTIFY) + 1, sizeof *all);
    if (!all) return -ENOMEM;
    b->config->notify = all;
    for (const struct ini_section *s = b->ini->first; s; s = s->next) {
        if (!builder_is_kind(s, OPTION_NOTIFY) || s->name.len == 0) continue;
        int r = build_one(b, s, &all[b->config->n_notify++]);
        if (r < 0) return r;
    }
    return 0;
}
