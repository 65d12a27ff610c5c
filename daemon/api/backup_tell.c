/* SPDX-License-Identifier: MIT */
#include "api/backup_tell.h"

#include "base/clock.h"
#include "etl/backup_note.h"
#include "format/metrics_text.h"

enum { PLACE_MAX = 8192 };

static void write_time(struct json_writer *w, const char *key, int64_t us)
{
    char text[CLOCK_ISO_MAX];
    if (us) clock_iso(us, text);
    json_write_field_text(w, key, us ? text : NULL);
}

static void write_place(struct json_writer *w, const struct backup_view *v)
{
    struct buf place;
    bool known = v->made_us && !v->moved;
    buf_init(&place, PLACE_MAX);
    if (known) backup_place(v->settings, v->made_us, &place);
    const char *text = known ? buf_cstr(&place) : NULL;
    json_write_field_text(w, "place", text);
    buf_done(&place);
}

void backup_tell_status(struct json_writer *w, const struct backups *all)
{
    static const char *const states[] = {[BACKUP_NEVER] = "never", [BACKUP_MADE] = "made", [BACKUP_FAILED] = "failed"};
    json_write_key(w, "backups");
    json_write_array(w);
    for (size_t i = 0; i < backups_count(all); i++) {
        struct backup_view v = backups_at(all, i);
        json_write_object(w);
        json_write_field_text(w, "name", v.settings->name);
        json_write_field_text(w, "state", v.running ? "running" : states[v.outcome]);
        json_write_field_text(w, "error", v.why[0] ? v.why : NULL);
        write_time(w, "due_at", v.due_us);
        write_time(w, "made_at", v.ended_us);
        write_place(w, &v);
        json_write_end(w);
    }
    json_write_end(w);
}

/* ---- /metrics ---- */

static void put_family(struct buf *out, const char *name, const char *help)
{
    metrics_family(out, name, "gauge", help);
}

static void put_seconds(struct buf *out, const char *name, const struct backup_view *v, int64_t us)
{
    metrics_sample(out, name);
    metrics_label(out, "backup", v->settings->name);
    metrics_seconds(out, us);
}

static void put_outcome(struct buf *out, const struct backup_view *v, const char *outcome, uint64_t n)
{
    metrics_sample(out, "cetl_backups_total");
    metrics_label(out, "backup", v->settings->name);
    metrics_label(out, "outcome", outcome);
    metrics_value(out, (int64_t)n);
}

void backup_tell_metrics(struct buf *out, const struct backups *all)
{
    static const char made[] = "cetl_backup_made_timestamp_seconds", took[] = "cetl_backup_duration_seconds",
                      due[] = "cetl_backup_due_timestamp_seconds";
    size_t n = backups_count(all);
    if (n == 0) return;
    metrics_family(out, "cetl_backups_total", "counter", "Backups that were made, and tries that failed.");
    for (size_t i = 0; i < n; i++) {
        struct backup_view v = backups_at(all, i);
        put_outcome(out, &v, "made", v.made);
        put_outcome(out, &v, "failed", v.failed);
    }
    put_family(out, made, "When the last backup was made, in seconds since 1970.");
    for (size_t i = 0; i < n; i++) {
        struct backup_view v = backups_at(all, i);
        if (v.ended_us) put_seconds(out, made, &v, v.ended_us);
    }
    put_family(out, took, "How long that took.");
    for (size_t i = 0; i < n; i++) {
        struct backup_view v = backups_at(all, i);
        if (v.ended_us) put_seconds(out, took, &v, v.ended_us - v.began_us);
    }
    put_family(out, due, "When the next one is due; in the past while it is not made.");
    for (size_t i = 0; i < n; i++) {
        struct backup_view v = backups_at(all, i);
        put_seconds(out, due, &v, v.due_us);
    }
}
