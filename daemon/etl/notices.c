/* SPDX-License-Identifier: MIT */
#include "etl/notices.h"

#include "base/clock.h"
#include "base/log.h"
#include "format/json_writer.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_MAX = 4 * NAME_MAX + 1, JSON_MAX = 32 * 1024, LINE_MAX_BYTES = 512, LINE_NAME_MAX = 128 };

struct notices {
    struct observer observer;
    struct webhook_config config;
    struct config *settings;
    struct webhook **webhook; /* as settings->notify */
};

/* ---- what is told ---- */

static void write_rows(struct json_writer *w, const struct arrival_counts *n)
{
    json_write_key(w, "rows");
    json_write_object(w);
    json_write_field_int(w, "read", (int64_t)n->read);
    json_write_field_int(w, "loaded", (int64_t)n->loaded);
    json_write_field_int(w, "updated", (int64_t)n->updated);
    json_write_field_int(w, "ignored", (int64_t)n->ignored);
    json_write_field_int(w, "rejected", (int64_t)n->rejected);
    json_write_field_int(w, "filtered", (int64_t)n->filtered);
    json_write_end(w);
}

/* The names are those of /v1/files. */
static void write_event(const struct observed_file *f, struct buf *out)
{
    char name[SHOWN_MAX], now[CLOCK_ISO_MAX];
    struct json_writer w;
    clock_iso(clock_real_us(), now);
    json_writer_init(&w, out);
    json_write_object(&w);
    json_write_field_text(&w, "state", f->state);
    json_write_field_text(&w, "dataset", f->dataset);
    json_write_field_text(&w, "name", log_escape(slice_of(f->name), name, sizeof name));
    json_write_key(&w, "id");
    if (f->id)
        json_write_int(&w, f->id);
    else
        json_write_null(&w);
    json_write_field_text(&w, "error", f->why);
    if (f->duplicate_of) json_write_field_int(&w, "duplicate_of", f->duplicate_of);
    if (f->id && f->arrival) write_rows(&w, &f->arrival->counts);
    json_write_field_text(&w, "at", now);
    json_write_end(&w);
}

/* One line for people. */
static void write_line(const struct observed_file *f, enum config_event event, char line[LINE_MAX_BYTES])
{
    char shown[SHOWN_MAX];
    log_escape(slice_of(f->name), shown, sizeof shown);
    struct slice name = slice_cut_utf8(slice_of(shown), LINE_NAME_MAX), why = slice_cut_utf8(slice_of(f->why ? f->why : ""), 256);
    const struct arrival_counts none = {0}, *n = f->arrival ? &f->arrival->counts : &none;
    switch (event) {
    case CONFIG_EVENT_LOADED:
        snprintf(line, LINE_MAX_BYTES, SLICE_FMT " was loaded into %s: %llu rows, %llu updated, %llu rejected", SLICE_ARG(name),
                 f->dataset, (unsigned long long)n->loaded, (unsigned long long)n->updated, (unsigned long long)n->rejected);
        break;
    case CONFIG_EVENT_DUPLICATE:
        snprintf(line, LINE_MAX_BYTES, SLICE_FMT " of %s is a duplicate: its bytes were loaded as file %lld", SLICE_ARG(name),
                 f->dataset, (long long)f->duplicate_of);
        break;
    default:
        snprintf(line, LINE_MAX_BYTES, SLICE_FMT " of %s %s: " SLICE_FMT, SLICE_ARG(name), f->dataset,
                 event == CONFIG_EVENT_FAILED    ? "failed"
                 : event == CONFIG_EVENT_WAITING ? "waits"
                                                 : "cannot be read",
                 SLICE_ARG(why));
        break;
    }
}

static bool wants(const struct config_notify *to, enum config_event event, struct slice dataset)
{
    if (!(to->events & 1u << event)) return false;
    for (size_t i = 0; i < to->datasets.n; i++)
        if (glob_match(slice_of(to->datasets.item[i]), dataset)) return true;
    return false;
}

static void on_file(struct observer *o, const struct observed_file *f)
{
    struct notices *all = container_of(o, struct notices, observer);
    enum config_event event = 0;
    while (event < CONFIG_EVENTS && strcmp(config_event_name(event), f->state) != 0)
        event++;
    struct buf json;
    char line[LINE_MAX_BYTES];
    buf_init(&json, JSON_MAX);
    for (size_t i = 0; event < CONFIG_EVENTS && i < all->settings->n_notify; i++) {
        if (!wants(&all->settings->notify[i], event, slice_of(f->dataset))) continue;
        if (json.len == 0) {
            write_event(f, &json);
            write_line(f, event, line);
        }
        if (buf_check(&json) == 0) webhook_add(all->webhook[i], buf_slice(&json), line);
    }
    buf_done(&json);
}

static void on_backup(struct observer *o, const struct observed_backup *k)
{
    struct notices *all = container_of(o, struct notices, observer);
    char now[CLOCK_ISO_MAX], line[LINE_MAX_BYTES];
    struct buf json;
    struct json_writer w;
    clock_iso(clock_real_us(), now);
    buf_init(&json, JSON_MAX);
    json_writer_init(&w, &json);
    json_write_object(&w);
    json_write_field_text(&w, "state", config_event_name(CONFIG_EVENT_BACKUP));
    json_write_field_text(&w, "name", k->name);
    json_write_field_text(&w, "error", k->why);
    json_write_field_text(&w, "at", now);
    json_write_end(&w);
    snprintf(line, sizeof line, "backup %s could not be made: " SLICE_FMT, k->name,
             SLICE_ARG(slice_cut_utf8(slice_of(k->why), LINE_MAX_BYTES / 2)));
    for (size_t i = 0; buf_check(&json) == 0 && i < all->settings->n_notify; i++)
        if (all->settings->notify[i].events & 1u << CONFIG_EVENT_BACKUP) webhook_add(all->webhook[i], buf_slice(&json), line);
    buf_done(&json);
}

/* ---- its life ---- */

static struct webhook *find(const struct notices *n, const char *name)
{
    for (size_t i = 0; n->settings && i < n->settings->n_notify; i++)
        if (n->webhook[i] && strcmp(webhook_name(n->webhook[i]), name) == 0) return n->webhook[i];
    return NULL;
}

static bool is_among(struct webhook *const *all, size_t n, const struct webhook *w)
{
    while (n > 0)
        if (all[--n] == w) return true;
    return false;
}

/* Those that were made for `fresh` go again. */
static int give_up(const struct notices *n, struct webhook **fresh, size_t made)
{
    size_t old = n->settings ? n->settings->n_notify : 0;
    for (size_t i = 0; i < made; i++)
        if (!is_among(n->webhook, old, fresh[i])) webhook_free(fresh[i]);
    free(fresh);
    return -ENOMEM;
}

int notices_set_config(struct notices *n, struct config *settings)
{
    struct webhook **fresh = calloc(settings->n_notify + 1, sizeof *fresh);
    if (!fresh) return -ENOMEM;
    for (size_t i = 0; i < settings->n_notify; i++) {
        fresh[i] = find(n, settings->notify[i].name);
        if (!fresh[i] && webhook_new(&n->config, &settings->notify[i], &fresh[i]) < 0) return give_up(n, fresh, i);
    }
    for (size_t i = 0; n->settings && i < n->settings->n_notify; i++)
        if (!is_among(fresh, settings->n_notify, n->webhook[i])) webhook_free(n->webhook[i]);
    for (size_t i = 0; i < settings->n_notify; i++)
        webhook_set(fresh[i], &settings->notify[i]);
    free(n->webhook);
    n->webhook = fresh;
    config_ref(settings);
    config_unref(n->settings);
    n->settings = settings;
    return 0;
}

int notices_new(const struct webhook_config *config, struct observers *observers, struct config *settings,
                struct notices **ret_notices)
{
    struct notices *n = calloc(1, sizeof *n);
    if (!n) return -ENOMEM;
    n->config = *config;
    n->observer.file = on_file;
    n->observer.backup = on_backup;
    int r = notices_set_config(n, settings);
    if (r < 0) {
        free(n);
        return r;
    }
    observers_add(observers, &n->observer);
    *ret_notices = n;
    return 0;
}

void notices_free(struct notices *n)
{
    if (!n) return;
    list_remove(&n->observer.link);
    for (size_t i = 0; i < n->settings->n_notify; i++)
        webhook_free(n->webhook[i]);
    free(n->webhook);
    config_unref(n->settings);
    free(n);
}

bool notices_hurry(struct notices *n)
{
    bool any = false;
    for (size_t i = 0; i < n->settings->n_notify; i++)
        any |= webhook_hurry(n->webhook[i]);
    return any;
}
