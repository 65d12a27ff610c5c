/* SPDX-License-Identifier: MIT */
#include "client.h"
#include "field.h"
#include "table.h"

static bool means(struct json_value v, struct slice text)
{
    return v.kind == JSON_KIND_STRING && json_means(v.raw, text);
}

/* Is it what `what` asks for: a section's kind, its name, an option, or kind.option? */
static bool is_wanted(struct json_value option, const char *what)
{
    static const char *const members[] = {"section", "name", "option"};
    struct slice rest = slice_of(what), kind = slice_cut(&rest, '.');
    if (!what) return true;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (means(field_of(option, members[i]), slice_of(what))) return true;
    return rest.p && means(field_of(option, "option"), rest) &&
           (means(field_of(option, "section"), kind) || means(field_of(option, "name"), kind));
}

static bool is_said(struct json_value option)
{
    return field_of(option, "file").kind == JSON_KIND_STRING;
}

/* A value of several lines, as SQL has it, in one. */
static void put_value(struct buf *out, struct json_value value)
{
    struct buf text;
    buf_init(&text, out->max);
    json_unquote(&text, value.raw);
    for (struct slice rest = buf_slice(&text); rest.p && rest.len > 0;) {
        struct slice line = slice_trim(slice_cut(&rest, '\n'));
        if (line.len > 0 && out->len > 0) buf_putc(out, ' ');
        field_show(out, line, false);
    }
    buf_done(&text);
}

static void put_row(struct table *t, struct json_value option)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_putc(&text, '[');
    field_text(&text, field_of(option, "section"));
    if (field_of(option, "name").kind == JSON_KIND_STRING) buf_putc(&text, ' '), field_text(&text, field_of(option, "name"));
    buf_puts(&text, "] ");
    field_text(&text, field_of(option, "option"));
    table_cell(t, buf_slice(&text), TABLE_PLAIN);
    buf_reset(&text);
    field_text(&text, field_of(option, "file"));
    if (is_said(option)) buf_putc(&text, ':'), field_text(&text, field_of(option, "line"));
    table_cell(t, is_said(option) ? buf_slice(&text) : SLICE("default"), is_said(option) ? TABLE_PLAIN : TABLE_FAINT);
    buf_reset(&text);
    put_value(&text, field_of(option, "value"));
    struct json_value next = field_of(option, "after_restart");
    bool waits = next.kind == JSON_KIND_STRING;
    if (waits) {
        buf_puts(&text, " (after a restart: ");
        field_text(&text, next);
        buf_putc(&text, ')');
    }
    table_cell(t, buf_slice(&text), waits ? TABLE_ODD : TABLE_PLAIN);
    buf_done(&text);
}

static int print(const struct cli *cli, struct json_value options, const char *what)
{
    static const struct table_column columns[] = {{"option", TABLE_LEFT}, {"said in", TABLE_LEFT}, {"value", TABLE_REST}};
    bool said = cli_option(cli, "--said");
    size_t n = 0;
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (struct json_walk walk = json_walk_begin(options); json_walk_next(&walk);) {
        if (!is_wanted(walk.value, what) || (said && !is_said(walk.value))) continue;
        if (cli->json)
            printf("%s" SLICE_FMT, n > 0 ? ",\n" : "[", SLICE_ARG(walk.value.raw));
        else
            put_row(&t, walk.value);
        n++;
    }
    if (cli->json)
        puts(n > 0 ? "]" : "[]");
    else if (n > 0)
        table_print(&t, cli);
    table_done(&t);
    if (n > 0 || !what) return CLI_OK;
    return cli_complain(CLI_FAILED, "the configuration has no section or option %s%s; cetl config shows all", what,
                        said ? " that a file says" : "");
}

int config_run(struct cli *cli, int argc, char **argv)
{
    struct client_answer answer;
    struct json_value options;
    int r = client_once(cli, &(struct client_request){.path = "/config"}, &answer);
    if (r == CLI_OK) r = client_json(&answer, &options);
    if (r == CLI_OK) r = print(cli, options, argc > 1 ? argv[1] : NULL);
    client_answer_done(&answer);
    return r;
}
