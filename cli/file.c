/* SPDX-License-Identifier: MIT */
#include "file.h"

#include <inttypes.h>

static const struct {
    const char *state;
    enum table_look look;
    bool over;
} states[] = {{"loaded", TABLE_GOOD, true},    {"duplicate", TABLE_FAINT, true}, {"failed", TABLE_BAD, true},
              {"unloaded", TABLE_FAINT, true}, {"unreadable", TABLE_BAD, false}, {"waiting", TABLE_ODD, false}};

enum table_look file_look(struct json_value state)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (field_is(state, states[i].state)) return states[i].look;
    return TABLE_PLAIN;
}

bool file_is_over(struct json_value file)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (field_is(field_of(file, "state"), states[i].state)) return states[i].over;
    return false;
}

void file_put_counts(struct buf *out, struct json_value file)
{
    static const struct {
        const char *member, *word;
    } counts[] = {{"rows_loaded", "loaded"},
                  {"rows_updated", "updated"},
                  {"rows_ignored", "ignored"},
                  {"rows_rejected", "rejected"},
                  {"rows_filtered", "filtered"}};
    bool first = true;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        int64_t n = field_int(field_of(file, counts[i].member));
        if (n == 0) continue;
        if (first)
            buf_printf(out, "%" PRId64 " %s %s", n, n == 1 ? "row" : "rows", counts[i].word);
        else
            buf_printf(out, ", %" PRId64 " %s", n, counts[i].word);
        first = false;
    }
    if (first) buf_puts(out, "no rows");
}

static void put_where(struct buf *out, struct json_value file)
{
    buf_puts(out, " (file ");
    field_text(out, field_of(file, "id"));
    buf_puts(out, ")");
}

void file_put_outcome(struct buf *out, struct json_value file)
{
    struct json_value state = field_of(file, "state"), id = field_of(file, "id"), why = field_of(file, "error");
    field_text(out, field_of(file, "name"));
    buf_puts(out, ": ");
    field_text(out, state);
    if (field_is(state, "loaded")) {
        buf_puts(out, " into ");
        field_text(out, field_of(file, "dataset"));
        buf_puts(out, ", ");
        file_put_counts(out, file);
        put_where(out, file);
    } else if (field_is(state, "duplicate")) {
        buf_puts(out, ": its bytes are loaded as file ");
        field_text(out, field_of(file, "duplicate_of"));
        buf_puts(out, "; --again loads them again");
    } else if (id.kind == JSON_KIND_NUMBER) {
        put_where(out, file);
    }
    if (why.kind == JSON_KIND_STRING) {
        buf_puts(out, ": ");
        field_text(out, why);
    }
    if (field_int(field_of(file, "rows_rejected")) > 0) {
        buf_puts(out, "\n      cetl rejects ");
        field_text(out, id);
        buf_puts(out, " tells all that was rejected");
    }
}

void file_put_time(struct buf *out, struct json_value time)
{
    enum { SECONDS = 19 };
    struct buf text;
    buf_init(&text, 256);
    field_text(&text, time);
    for (size_t i = 0; i < text.len && i < SECONDS; i++)
        buf_putc(out, text.data[i] == 'T' ? ' ' : text.data[i]);
    buf_done(&text);
}
