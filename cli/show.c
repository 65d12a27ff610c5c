/* SPDX-License-Identifier: MIT */
#include "client.h"
#include "file.h"
#include "rejects.h"

enum { REJECTS_SHOWN = 10 };

static void print_file(const struct cli *cli, struct json_value file)
{
    static const char *const members[] = {"id", "name", "dataset", "state", "bytes", "sha256", "rows_read", NULL};
    static const char *const times[] = {"arrived_at", "started_at", "finished_at", NULL};
    struct table t;
    struct buf text;
    buf_init(&text, 1 << 20);
    table_init(&t, (const struct table_column[]){{"", TABLE_LEFT}, {"", TABLE_LEFT}}, 2);
    for (size_t i = 0; members[i]; i++) {
        struct json_value v = field_of(file, members[i]);
        if (v.kind == JSON_KIND_NULL) continue;
        field_text(&text, v);
        table_pair(&t, members[i], &text, strcmp(members[i], "state") == 0 ? file_look(v) : TABLE_PLAIN);
    }
    if (file_is_over(file)) {
        file_put_counts(&text, file);
        table_pair(&t, "of these", &text, TABLE_PLAIN);
    }
    for (size_t i = 0; times[i]; i++) {
        struct json_value v = field_of(file, times[i]);
        if (v.kind == JSON_KIND_NULL) continue;
        field_text(&text, v);
        table_pair(&t, times[i], &text, TABLE_PLAIN);
    }
    if (field_of(file, "duplicate_of").kind == JSON_KIND_NUMBER) {
        field_text(&text, field_of(file, "duplicate_of"));
        table_pair(&t, "duplicate of", &text, TABLE_PLAIN);
    }
    if (field_of(file, "error").kind == JSON_KIND_STRING) {
        field_text(&text, field_of(file, "error"));
        table_pair(&t, "error", &text, TABLE_BAD);
    }
    table_print(&t, cli);
    table_done(&t);
    buf_done(&text);
}

/* The first of them, below the file. */
static int print_rejects(const struct cli *cli, struct client *c, struct json_value file)
{
    struct buf id;
    int64_t printed, all = field_int(field_of(file, "rows_rejected"));
    if (all == 0 || field_of(file, "id").kind != JSON_KIND_NUMBER) return CLI_OK;
    buf_init(&id, 64);
    field_text(&id, field_of(file, "id"));
    putchar('\n');
    int r = rejects_print(cli, c, buf_slice(&id), REJECTS_SHOWN, &printed);
    if (r == CLI_OK && printed == 0) puts("what was rejected is not kept any more");
    if (r == CLI_OK && printed == REJECTS_SHOWN && all > printed)
        printf("…\ncetl rejects " SLICE_FMT " tells all\n", SLICE_ARG(buf_slice(&id)));
    buf_done(&id);
    return r;
}

int show_run(struct cli *cli, int argc, char **argv)
{
    struct client *c = NULL;
    struct client_answer answer = {0};
    struct json_value file;
    struct buf path;
    (void)argc;
    client_path(&path, "/v1/files/", slice_of(argv[1]));
    int r = client_new(cli, &c);
    if (r == CLI_OK) r = client_ask(c, &(struct client_request){.path = buf_cstr(&path)}, &answer);
    if (r == CLI_OK) r = client_json(&answer, &file);
    if (r == CLI_OK && cli->json) {
        printf(SLICE_FMT "\n", SLICE_ARG(file.raw));
    } else if (r == CLI_OK) {
        print_file(cli, file);
        r = print_rejects(cli, c, file);
    }
    client_answer_done(&answer);
    client_free(c);
    buf_done(&path);
    return r;
}
