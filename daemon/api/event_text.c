/* SPDX-License-Identifier: MIT */
#include "api/event_text.h"

#include "base/clock.h"
#include "base/log.h"
#include "format/json_writer.h"

#include <limits.h>

enum { SHOWN_MAX = 4 * NAME_MAX + 1 };

void event_text_init(struct event_text *t)
{
    *t = (struct event_text){0};
    buf_init(&t->json, EVENT_TEXT_MAX);
}

void event_text_done(struct event_text *t)
{
    buf_done(&t->json);
}

static struct json_writer begin(struct event_text *t)
{
    struct json_writer w;
    buf_reset(&t->json);
    t->words_at = t->words_end = 0;
    json_writer_init(&w, &t->json);
    json_write_object(&w);
    return w;
}

static struct event_new end(const struct event_text *t, struct json_writer *w, const char *kind, const char *dataset)
{
    struct event_new event = {.dataset = dataset, .kind = kind};
    json_write_end(w);
    if (buf_check(&t->json) < 0) return event;
    event.json = buf_slice(&t->json);
    event.words = (struct slice){event.json.p + t->words_at, t->words_end - t->words_at};
    return event;
}

static void write_error(struct event_text *t, struct json_writer *w, const char *error)
{
    t->words_at = t->json.len;
    json_write_field_text(w, "error", error);
    t->words_end = t->json.len;
}

static void write_time(struct json_writer *w, const char *key, int64_t real_us)
{
    char text[CLOCK_ISO_MAX];
    if (real_us) clock_iso(real_us, text);
    if (real_us) json_write_field_text(w, key, text);
}

static void write_id(struct json_writer *w, const char *key, int64_t id)
{
    json_write_key(w, key);
    if (id)
        json_write_int(w, id);
    else
        json_write_null(w);
}

static void write_file(struct json_writer *w, const char *dataset, const char *name, const struct arrival *a)
{
    char shown[SHOWN_MAX];
    json_write_field_text(w, "dataset", dataset);
    if (name) json_write_field_text(w, "name", log_escape(slice_of(name), shown, sizeof shown));
    if (a) json_write_field_text(w, "token", a->file.token);
    if (a) json_write_field_int(w, "bytes", (int64_t)a->file.st.st_size);
}

static void write_counts(struct json_writer *w, const struct arrival_counts *n)
{
    json_write_field_int(w, "rows_read", (int64_t)n->read);
    json_write_field_int(w, "rows_loaded", (int64_t)n->loaded);
    json_write_field_int(w, "rows_updated", (int64_t)n->updated);
    json_write_field_int(w, "rows_ignored", (int64_t)n->ignored);
    json_write_field_int(w, "rows_rejected", (int64_t)n->rejected);
    json_write_field_int(w, "rows_filtered", (int64_t)n->filtered);
}

struct event_new event_text_file(struct event_text *t, const struct observed_file *f)
{
    struct json_writer w = begin(t);
    write_id(&w, "id", f->id);
    json_write_field_text(&w, "state", f->state);
    write_file(&w, f->dataset, f->name, f->arrival);
    if (f->arrival && f->arrival->state >= ARRIVAL_COMMITTING) write_counts(&w, &f->arrival->counts);
    if (f->duplicate_of) json_write_field_int(&w, "duplicate_of", f->duplicate_of);
    if (f->arrival) json_write_field_int(&w, "attempts", f->arrival->attempts);
    write_error(t, &w, f->why);
    if (f->arrival) write_time(&w, "arrived_at", f->arrival->arrived_us);
    write_time(&w, "at", clock_real_us());
    return end(t, &w, "file", f->dataset);
}

struct event_new event_text_progress(struct event_text *t, const struct arrival *a, struct load_progress p)
{
    struct json_writer w = begin(t);
    write_file(&w, a->dataset, a->file.name, a);
    json_write_field_int(&w, "bytes_read", (int64_t)p.bytes);
    json_write_field_int(&w, "rows_read", (int64_t)p.rows);
    struct event_new event = end(t, &w, "progress", a->dataset);
    event.passing = true;
    return event;
}

struct event_new event_text_version(struct event_text *t, const char *dataset, int64_t version)
{
    struct json_writer w = begin(t);
    json_write_field_text(&w, "dataset", dataset);
    json_write_field_int(&w, "version", version);
    write_time(&w, "at", clock_real_us());
    return end(t, &w, "dataset", dataset);
}

struct event_new event_text_derive(struct event_text *t, const struct observed_derive *d)
{
    struct json_writer w = begin(t);
    json_write_field_text(&w, "dataset", d->name);
    json_write_field_text(&w, "state", d->error ? "failed" : "fresh");
    if (d->rows >= 0) json_write_field_int(&w, "rows", d->rows);
    if (!d->error) json_write_field_int(&w, "duration_ms", d->duration_ms);
    write_error(t, &w, d->error);
    write_time(&w, "at", clock_real_us());
    return end(t, &w, "derive", d->name);
}
