/* SPDX-License-Identifier: MIT */
/* What systemd is told: alive, the line of `systemctl status`, and that a reload is through. */
#include "base/log.h"
#include "daemon_private.h"

#include <stdio.h>
#include <string.h>

enum {
    RELOAD_MS = 5000,  /* a reload that takes the database longer goes on behind READY=1 */
    SILENT_LIMITS = 2, /* of the watchdog's: a worker that gives no sign of life for so long hangs */
    RATES_MAX = 64,
};

bool daemon_is_alive(void *ctx)
{
    struct daemon *d = ctx;
    int64_t silent_ms = workers_silent_ms(d->workers);
    bool hangs = silent_ms >= SILENT_LIMITS * notify_watchdog_ms(d->notify);
    if (hangs && !d->hangs)
        log_error("a worker hangs: it has done nothing for %lld s; systemd's watchdog is not fed until it goes on, and restarts "
                  "cetld; nothing is lost",
                  (long long)(silent_ms / 1000));
    d->hangs = hangs;
    return !hangs;
}

static const char *show_rates(const struct api *api, char ret_text[RATES_MAX])
{
    int64_t rows = meter_per_second(&api->rows_rate), bytes = meter_per_second(&api->bytes_rate);
    ret_text[0] = '\0';
    if (rows > 0 || bytes > 0) snprintf(ret_text, RATES_MAX, ", %lld rows/s, %.1f MB/s", (long long)rows, (double)bytes / 1e6);
    return ret_text;
}

static void note_rates(struct daemon *d)
{
    int64_t now = loop_now_ms(d->loop);
    meter_note(&d->api.rows_rate, now, counters_get(&d->counters, COUNTER_ROWS_LOADED));
    meter_note(&d->api.bytes_rate, now, counters_get(&d->counters, COUNTER_BYTES_COPIED));
}

void daemon_show_status(void *ctx)
{
    struct daemon *d = ctx;
    struct scheduler_totals t = scheduler_totals(d->scheduler);
    char rates[RATES_MAX];
    counters_set(&d->counters, COUNTER_FILES_WAITING, t.waiting);
    note_rates(d);
    log_tick();
    if (d->reloading && loop_now_ms(d->loop) - d->reload_ms >= RELOAD_MS) daemon_reloaded(d);
    if (d->stopping) {
        notify_status(d->notify, "stopping: %u loading, %lld connections", t.loading,
                      (long long)counters_get(&d->counters, COUNTER_HTTP_CONNECTIONS));
        return;
    }
    const char *reason = api_reason(&d->api);
    notify_status(d->notify, "%u queued, %u waiting, %u loading, %u unreadable, %lld rows loaded%s%s%s%s%s", t.queued, t.waiting,
                  t.loading, t.unreadable, (long long)counters_get(&d->counters, COUNTER_ROWS_LOADED), show_rates(&d->api, rates),
                  reason[0] ? "; database: " : "", reason, d->mistake[0] ? "; the old configuration is in force: " : "",
                  d->mistake);
}

void daemon_reloaded(struct daemon *d)
{
    if (!d->reloading) return;
    d->reloading = false;
    notify_ready(d->notify);
}
