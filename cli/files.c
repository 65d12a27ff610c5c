/* SPDX-License-Identifier: MIT */
#include "client.h"
#include "file.h"

#define LIMIT_DEFAULT "20"

static void put_row(struct table *t, struct json_value file)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    const struct {
        const char *member;
        enum table_look look;
    } cells[] = {
        {"id", TABLE_PLAIN},        {"state", file_look(field_of(file, "state"))},
        {"dataset", TABLE_PLAIN},   {"name", TABLE_PLAIN},
        {"rows_read", TABLE_PLAIN}, {"rows_rejected", field_int(field_of(file, "rows_rejected")) > 0 ? TABLE_ODD : TABLE_FAINT}};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        buf_reset(&text);
        field_text(&text, field_of(file, cells[i].member));
        table_cell(t, buf_slice(&text), cells[i].look);
    }
    buf_reset(&text);
    file_put_time(&text, field_of(file, "arrived_at"));
    table_cell(t, buf_slice(&text), TABLE_FAINT);
    buf_reset(&text);
    field_text(&text, field_of(file, "error"));
    table_cell(t, buf_slice(&text), TABLE_PLAIN);
    buf_done(&text);
}

static void print_files(const struct cli *cli, struct json_value files)
{
    static const struct table_column columns[] = {{"id", TABLE_RIGHT},  {"state", TABLE_LEFT},  {"dataset", TABLE_LEFT},
                                                  {"file", TABLE_LEFT}, {"rows", TABLE_RIGHT},  {"rejected", TABLE_RIGHT},
                                                  {"came", TABLE_LEFT}, {"remarks", TABLE_REST}};
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (struct json_walk walk = json_walk_begin(files); json_walk_next(&walk);)
        put_row(&t, walk.value);
    if (field_count(files) > 0)
        table_print(&t, cli);
    else
        fputs("no such file came yet\n", stderr);
    table_done(&t);
}

int files_run(struct cli *cli, int argc, char **argv)
{
    static const char *const names[] = {"dataset", "state", "before"};
    const char *limit = cli_option(cli, "--limit");
    struct client_answer answer;
    struct json_value files;
    struct buf path;
    (void)argc, (void)argv;
    client_path(&path, "/v1/files", SLICE(""));
    client_query(&path, "limit", slice_of(limit ? limit : LIMIT_DEFAULT));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char option[32];
        snprintf(option, sizeof option, "--%s", names[i]);
        if (cli_option(cli, option)) client_query(&path, names[i], slice_of(cli_option(cli, option)));
    }
    int r = client_once(cli, &(struct client_request){.path = buf_cstr(&path)}, &answer);
    if (r == CLI_OK) r = client_json(&answer, &files);
    if (r == CLI_OK && cli->json)
        printf(SLICE_FMT "\n", SLICE_ARG(files.raw));
    else if (r == CLI_OK)
        print_files(cli, files);
    client_answer_done(&answer);
    buf_done(&path);
    return r;
}
