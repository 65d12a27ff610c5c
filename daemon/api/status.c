/* SPDX-License-Identifier: MIT */
#include "api/status.h"

#include "api/access.h"
#include "api/api.h"
#include "api/backup_tell.h"
#include "api/pulls.h"
#include "base/clock.h"
#include "format/json_writer.h"

enum { BODY_MAX = 64 * 1024 };

static void write_queue(struct json_writer *w, const struct api *api)
{
    struct scheduler_totals t = scheduler_totals(api->scheduler);
    json_write_key(w, "files");
    json_write_object(w);
    json_write_field_int(w, "queued", t.queued);
    json_write_field_int(w, "waiting", t.waiting);
    json_write_field_int(w, "loading", t.loading);
    json_write_field_int(w, "unreadable", t.unreadable);
    json_write_field_int(w, "loaded", counters_get(api->counters, COUNTER_FILES_LOADED));
    json_write_field_int(w, "duplicate", counters_get(api->counters, COUNTER_FILES_DUPLICATE));
    json_write_field_int(w, "failed", counters_get(api->counters, COUNTER_FILES_FAILED));
    json_write_end(w);
    json_write_key(w, "rows");
    json_write_object(w);
    json_write_field_int(w, "loaded", counters_get(api->counters, COUNTER_ROWS_LOADED));
    json_write_field_int(w, "updated", counters_get(api->counters, COUNTER_ROWS_UPDATED));
    json_write_field_int(w, "ignored", counters_get(api->counters, COUNTER_ROWS_IGNORED));
    json_write_field_int(w, "rejected", counters_get(api->counters, COUNTER_ROWS_REJECTED));
    json_write_field_int(w, "filtered", counters_get(api->counters, COUNTER_ROWS_FILTERED));
    json_write_end(w);
}

void status_get(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    struct buf body;
    struct json_writer w;
    buf_init(&body, BODY_MAX);
    json_writer_init(&w, &body);
    json_write_object(&w);
    json_write_field_bool(&w, "success", true);
    json_write_field_text(&w, "message", "Public status check endpoint is operational");
    json_write_field_text(&w, "version", CETLD_VERSION);
    json_write_field_int(&w, "uptime_seconds", (clock_mono_us() - api->started_us) / 1000000);
    json_write_key(&w, "database");
    json_write_object(&w);
    json_write_field_bool(&w, "up", api->ready);
    /* The server's words name hosts and users, which are nothing for everybody; /readyz says them to whom it knows. */
    bool here = access_is_here(r);
    const char *reason = here ? api_reason(api) : "";
    json_write_field_text(&w, "reason", reason[0] ? reason : NULL);
    const char *missing = here && api->ready ? api->instance->missing.text : "";
    json_write_field_text(&w, "parallel_needs", missing[0] ? missing : NULL);
    json_write_end(&w);
    const char *mistake = here && api->control.mistake ? api->control.mistake(api->control.ctx) : "";
    json_write_field_text(&w, "configuration_error", mistake[0] ? mistake : NULL);
    write_queue(&w, api);
    json_write_key(&w, "rates");
    json_write_object(&w);
    json_write_field_int(&w, "rows_per_second", meter_per_second(&api->rows_rate));
    json_write_field_int(&w, "copy_bytes_per_second", meter_per_second(&api->bytes_rate));
    json_write_end(&w);
    if (here && api->sources) pulls_write(&w, api->sources, SLICE(""), NULL);
    if (here && api->backups) backup_tell_status(&w, api->backups);
    json_write_field_int(&w, "memory_used_bytes", counters_get(api->counters, COUNTER_MEMORY_USED));
    json_write_end(&w);
    http_answer(r, 200, "application/json", buf_slice(&body));
    buf_done(&body);
}

void status_healthz(struct http_request *r)
{
    http_answer(r, 200, "text/plain; charset=utf-8", SLICE("ok\n"));
}

void status_readyz(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    struct slice dataset = http_request_query(r, "dataset");
    struct dataset *found;
    struct derive_view derive;
    if (dataset.p && !access_may(r, ACCESS_READ, dataset)) return;
    bool derived = dataset.p && derives_find(api->derives, dataset, &derive) && derive.table->columns > 0;
    if (!api->ready) {
        const char *reason = api_reason(api);
        http_header(r, "Retry-After", "5");
        http_problem(r, &(struct http_problem){
                            .status = 503, .message = "the database does not answer", .details = reason[0] ? reason : NULL});
    } else if (dataset.p && !derived && (!catalog_table(api->catalog, dataset, &found) || !found->loaded)) {
        http_header(r, "Retry-After", "5");
        http_problem(r, &(struct http_problem){.status = 503, .message = "nothing was loaded into this dataset yet"});
    } else {
        http_answer(r, 200, "text/plain; charset=utf-8", SLICE("ready\n"));
    }
}
