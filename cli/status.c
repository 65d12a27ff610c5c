/* SPDX-License-Identifier: MIT */
#include "cli.h"
#include "client.h"
#include "field.h"
#include "table.h"

#include <inttypes.h>

enum { STATUS_MS = 10000 };

/* "3 d 4 h", "4 h 12 min", "7 s" */
static void put_duration(struct buf *out, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t i = 0, last = sizeof units / sizeof units[0] - 1;
    while (i < last && seconds < units[i].seconds)
        i++;
    buf_printf(out, "%" PRId64 " %s", seconds / units[i].seconds, units[i].name);
    if (i < last && seconds % units[i].seconds >= units[i + 1].seconds)
        buf_printf(out, " %" PRId64 " %s", seconds % units[i].seconds / units[i + 1].seconds, units[i + 1].name);
}

/* "3 queued, 1 loading": the members that the object has, in this order. */
static void put_counts(struct buf *out, struct json_value object, const char *const *names)
{
    bool first = true;
    for (; *names; names++) {
        struct json_value v = field_of(object, *names);
        if (v.kind != JSON_KIND_NUMBER) continue;
        buf_puts(out, first ? "" : ", ");
        field_text(out, v);
        buf_printf(out, " %s", *names);
        first = false;
    }
}

static void put_database(struct buf *out, struct json_value database)
{
    static const char *const more[] = {"reason", "parallel_needs"};
    buf_puts(out, field_true(field_of(database, "up")) ? "up" : "down");
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        struct json_value v = field_of(database, more[i]);
        if (v.kind != JSON_KIND_STRING) continue;
        buf_puts(out, i == 0 ? ": " : "; for `parallel`: ");
        field_text(out, v);
    }
}

/* Of each: when it was made, and what is in the way of the next. */
static void put_backups(struct table *table, struct buf *out, struct json_value backups)
{
    const char *title = "backups";
    for (struct json_walk walk = json_walk_begin(backups); json_walk_next(&walk); title = "") {
        struct json_value error = field_of(walk.value, "error"), made = field_of(walk.value, "made_at");
        bool bad = error.kind == JSON_KIND_STRING, running = field_is(field_of(walk.value, "state"), "running");
        field_text(out, field_of(walk.value, "name"));
        buf_puts(out, running ? ": is being made; the last one " : ": the last one ");
        if (made.kind == JSON_KIND_STRING)
            field_text(out, made);
        else
            buf_puts(out, "is to come");
        if (bad) buf_puts(out, "; it fails: ");
        if (bad) field_text(out, error);
        table_pair(table, title, out, bad ? TABLE_BAD : TABLE_PLAIN);
    }
}

static void print_status(const struct cli *cli, struct json_value status)
{
    static const char *const now[] = {"queued", "waiting", "loading", "unreadable", NULL};
    static const char *const since[] = {"loaded", "duplicate", "failed", NULL};
    static const char *const rows[] = {"loaded", "updated", "ignored", "rejected", "filtered", NULL};
    struct json_value files = field_of(status, "files");
    bool up = field_true(field_of(field_of(status, "database"), "up"));
    struct buf text;
    struct table table;
    buf_init(&text, 1 << 20);
    table_init(&table, (const struct table_column[]){{"", TABLE_LEFT}, {"", TABLE_REST}}, 2);
    buf_puts(&text, "cetld ");
    field_text(&text, field_of(status, "version"));
    buf_puts(&text, ", up ");
    put_duration(&text, field_int(field_of(status, "uptime_seconds")));
    table_pair(&table, "daemon", &text, TABLE_PLAIN);
    put_database(&text, field_of(status, "database"));
    table_pair(&table, "database", &text, up ? TABLE_GOOD : TABLE_BAD);
    if (field_of(status, "configuration_error").kind == JSON_KIND_STRING) {
        buf_puts(&text, "the old one is in force: ");
        field_text(&text, field_of(status, "configuration_error"));
        table_pair(&table, "config", &text, TABLE_BAD);
    }
    put_counts(&text, files, now);
    table_pair(&table, "files", &text, TABLE_PLAIN);
    put_counts(&text, files, since);
    table_pair(&table, "", &text, TABLE_PLAIN);
    put_counts(&text, field_of(status, "rows"), rows);
    table_pair(&table, "rows", &text, TABLE_PLAIN);
    struct json_value rates = field_of(status, "rates");
    buf_printf(&text, "%" PRId64 " rows/s, %.1f MB/s sent to PostgreSQL", field_int(field_of(rates, "rows_per_second")),
               (double)field_int(field_of(rates, "copy_bytes_per_second")) / 1e6);
    table_pair(&table, "just now", &text, TABLE_PLAIN);
    buf_printf(&text, "%.1f MiB of buffers", (double)field_int(field_of(status, "memory_used_bytes")) / (1 << 20));
    table_pair(&table, "memory", &text, TABLE_PLAIN);
    put_backups(&table, &text, field_of(status, "backups"));
    table_print(&table, cli);
    table_done(&table);
    buf_done(&text);
}

int status_run(struct cli *cli, int argc, char **argv)
{
    struct client_answer answer;
    struct json_value status;
    (void)argc, (void)argv;
    int r = client_once(cli, &(struct client_request){.path = "/status", .timeout_ms = STATUS_MS}, &answer);
    if (r == CLI_OK) r = client_json(&answer, &status);
    if (r == CLI_OK && cli->json)
        printf(SLICE_FMT "\n", SLICE_ARG(status.raw));
    else if (r == CLI_OK)
        print_status(cli, status);
    if (r == CLI_OK && !field_true(field_of(field_of(status, "database"), "up"))) r = CLI_FAILED;
    client_answer_done(&answer);
    return r;
}
