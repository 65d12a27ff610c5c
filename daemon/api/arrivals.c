/* SPDX-License-Identifier: MIT */
#include "api/arrivals.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

enum { SHOWN_MAX = 4 * NAME_MAX + 1, TEXT_MAX = 64 * 1024 * 1024 };

struct item {
    char token[PLACE_TOKEN_MAX]; /* "": it has none yet */
    size_t at, len;              /* in `text` */
};

struct arrivals {
    const struct scheduler *scheduler;
    struct arrivals_filter filter; /* while they are noted */
    struct buf text;               /* the items as JSON, one behind the other */
    struct buf items;              /* struct item each */
};

void arrivals_free(struct arrivals *a)
{
    if (!a) return;
    buf_done(&a->text);
    buf_done(&a->items);
    free(a);
}

static void write_time(struct json_writer *w, const char *key, int64_t real_us)
{
    char text[CLOCK_ISO_MAX];
    if (real_us) clock_iso(real_us, text);
    json_write_field_text(w, key, real_us ? text : NULL);
}

static bool wanted(const struct arrivals_filter *f, struct slice dataset, const char *state)
{
    return (f->dataset.len == 0 || slice_equal(f->dataset, dataset)) &&
           (f->state.len == 0 || slice_equal(f->state, slice_of(state)));
}

/* What was written from `at` on is an item. True: there is room for more. */
static bool keep(struct arrivals *a, const char *token, size_t at)
{
    struct item item = {.at = at, .len = a->text.len - at};
    snprintf(item.token, sizeof item.token, "%s", token);
    buf_append(&a->items, &item, sizeof item);
    return --a->filter.limit > 0;
}

static const char *state_of(const struct scheduler *s, const struct arrival *arrival)
{
    return scheduler_waits(s, arrival) ? "waiting" : arrival_state_name(arrival->state);
}

void arrivals_write_one(struct json_writer *w, const struct scheduler *s, const struct arrival *a, bool confined)
{
    char name[SHOWN_MAX];
    const char *waits = scheduler_waits(s, a), *why = waits ? waits : a->why.text[0] && !confined ? a->why.text : NULL;
    json_write_field_text(w, "id", NULL);
    json_write_field_text(w, "dataset", a->dataset);
    json_write_field_text(w, "name", log_escape(slice_of(a->file.name), name, sizeof name));
    json_write_field_int(w, "bytes", (int64_t)a->file.st.st_size);
    json_write_field_text(w, "state", state_of(s, a));
    json_write_field_int(w, "attempts", a->attempts);
    json_write_field_text(w, "error", why);
    write_time(w, "arrived_at", a->arrived_us);
    write_time(w, "started_at", a->state == ARRIVAL_QUEUED ? 0 : a->started_us);
}

static bool note_arrival(void *ctx, const struct arrival *arrival)
{
    struct arrivals *a = ctx;
    const char *state = state_of(a->scheduler, arrival);
    if (!wanted(&a->filter, slice_of(arrival->dataset), state)) return true;
    struct json_writer w;
    size_t at = a->text.len;
    json_writer_init(&w, &a->text);
    json_write_object(&w);
    arrivals_write_one(&w, a->scheduler, arrival, a->filter.confined);
    json_write_end(&w);
    return keep(a, arrival->file.token, at);
}

static bool note_unreadable(void *ctx, const struct unreadable *u)
{
    struct arrivals *a = ctx;
    char name[SHOWN_MAX];
    if (!wanted(&a->filter, SLICE(""), "unreadable")) return true;
    struct json_writer w;
    size_t at = a->text.len;
    json_writer_init(&w, &a->text);
    json_write_object(&w);
    json_write_field_text(&w, "id", NULL);
    json_write_field_text(&w, "name", log_escape(slice_of(u->path), name, sizeof name));
    json_write_field_text(&w, "state", "unreadable");
    json_write_field_text(&w, "error", u->why);
    write_time(&w, "arrived_at", u->since_us);
    json_write_end(&w);
    return keep(a, "", at);
}

struct arrivals *arrivals_note(const struct scheduler *s, const struct arrivals_filter *f)
{
    struct arrivals *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    *a = (struct arrivals){.scheduler = s, .filter = *f};
    buf_init(&a->text, TEXT_MAX);
    buf_init(&a->items, TEXT_MAX);
    if (f->limit > 0) scheduler_each(s, note_arrival, a);
    if (a->filter.limit > 0) scheduler_each_unreadable(s, note_unreadable, a);
    if (buf_check(&a->text) == 0 && buf_check(&a->items) == 0) return a;
    arrivals_free(a);
    return NULL;
}

/* ---- beside the ledger ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void arrivals_write(const struct arrivals *a, struct json_writer *w, const PGresult *rows, int token_column)
{
    size_t n = (size_t)PQntuples(rows), items = a->items.len / sizeof(struct item);
    const char **token = calloc(n + 1, sizeof *token);
    if (!token) {
        w->out->failed = -ENOMEM;
        return;
    }
    for (size_t i = 0; i < n; i++)
        token[i] = PQgetvalue(rows, (int)i, token_column);
    qsort(token, n, sizeof *token, by_text);
    for (size_t i = 0; i < items; i++) {
        struct item item;
        memcpy(&item, a->items.data + i * sizeof item, sizeof item);
        const char *own = item.token;
        bool there = *own && bsearch(&own, token, n, sizeof *token, by_text);
        if (!there) json_write_raw(w, (struct slice){a->text.data + item.at, item.len});
    }
    free(token);
}
