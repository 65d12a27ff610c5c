/* SPDX-License-Identifier: MIT */
#include "rejects.h"

#include "client.h"
#include "field.h"
#include "table.h"

#include <inttypes.h>

/* One page; the last one is empty. */
static int ask_page(struct client *c, struct slice id, int64_t offset, int64_t limit, struct client_answer *ret_answer)
{
    char text[32];
    struct buf path;
    client_path(&path, "/v1/files/", id);
    buf_puts(&path, "/rejects?format=json");
    snprintf(text, sizeof text, "%" PRId64, offset);
    client_query(&path, "offset", slice_of(text));
    snprintf(text, sizeof text, "%" PRId64, limit);
    client_query(&path, "limit", slice_of(text));
    int r = client_ask(c, &(struct client_request){.path = buf_cstr(&path)}, ret_answer);
    buf_done(&path);
    return r;
}

static void print_table(const struct cli *cli, struct json_value rejects, bool first)
{
    static const char *const members[] = {"line", "column", "value", "message"};
    static const struct table_column columns[] = {
        {"line", TABLE_RIGHT}, {"column", TABLE_LEFT}, {"value", TABLE_LEFT}, {"what is wrong", TABLE_REST}};
    enum { VALUE_WIDTH = 40 };
    struct table t;
    struct buf text;
    buf_init(&text, 64 << 20);
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    t.goes_on = !first;
    for (struct json_walk walk = json_walk_begin(rejects); json_walk_next(&walk);)
        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
            buf_reset(&text);
            field_text(&text, field_of(walk.value, members[i]));
            struct slice shown = i == 2 ? table_cut(buf_slice(&text), VALUE_WIDTH) : buf_slice(&text);
            table_cell(&t, shown, i == 2 ? TABLE_ODD : TABLE_PLAIN);
        }
    table_print(&t, cli);
    table_done(&t);
    buf_done(&text);
}

static void print_items(struct json_value rejects, bool first)
{
    for (struct json_walk walk = json_walk_begin(rejects); json_walk_next(&walk); first = false)
        printf("%s" SLICE_FMT, first ? "[" : ",\n", SLICE_ARG(walk.value.raw));
}

int rejects_print(const struct cli *cli, struct client *c, struct slice id, int64_t most, int64_t *ret_printed)
{
    enum { PAGE = 1000 };
    int r = CLI_OK;
    int64_t seen = 0, n = 1;
    while (r == CLI_OK && n > 0 && seen < most) {
        struct client_answer answer;
        struct json_value page;
        r = ask_page(c, id, seen, most - seen < PAGE ? most - seen : PAGE, &answer);
        if (r == CLI_OK) r = client_json(&answer, &page);
        n = r == CLI_OK ? (int64_t)field_count(page) : 0;
        if (cli->json && n > 0) print_items(page, seen == 0);
        if (!cli->json && n > 0) print_table(cli, page, seen == 0);
        seen += n;
        client_answer_done(&answer);
    }
    if (cli->json && (seen > 0 || r == CLI_OK)) puts(seen > 0 ? "]" : "[]");
    *ret_printed = seen;
    return r;
}

static bool write_through(void *ctx, struct slice bytes)
{
    return fwrite(bytes.p, 1, bytes.len, ctx) == bytes.len;
}

/* The rows as they stood in the file, as bytes. */
static int print_rows(struct client *c, struct slice id)
{
    struct client_answer answer;
    struct buf path;
    client_path(&path, "/v1/files/", id);
    buf_puts(&path, "/rejects?format=csv");
    int r =
        client_ask(c,
                   &(struct client_request){
                       .path = buf_cstr(&path), .accept = "text/csv", .on_bytes = write_through, .ctx = stdout, .timeout_ms = -1},
                   &answer);
    client_answer_done(&answer);
    buf_done(&path);
    return r;
}

int rejects_run(struct cli *cli, int argc, char **argv)
{
    struct client *c = NULL;
    int64_t printed;
    (void)argc;
    int r = client_new(cli, &c);
    if (r == CLI_OK && cli_option(cli, "--csv")) {
        r = print_rows(c, slice_of(argv[1]));
    } else if (r == CLI_OK) {
        r = rejects_print(cli, c, slice_of(argv[1]), INT64_MAX, &printed);
        if (r == CLI_OK && printed == 0 && !cli->json) fprintf(stderr, "no row of file %s was rejected\n", argv[1]);
    }
    client_free(c);
    return r;
}
