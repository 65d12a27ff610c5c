/* SPDX-License-Identifier: MIT */
#include "client.h"
#include "field.h"

/* Each on its line, file:line first, as editors and people know it. */
static int tell_mistakes(const struct client_answer *a)
{
    struct json_value problem;
    struct buf text;
    int r = client_json(a, &problem);
    if (r != CLI_OK) return r;
    buf_init(&text, 1 << 20);
    for (struct json_walk walk = json_walk_begin(field_of(problem, "mistakes")); json_walk_next(&walk);) {
        field_text(&text, walk.value);
        buf_putc(&text, '\n');
    }
    if (buf_check(&text) == 0) fputs(text.len > 0 ? buf_cstr(&text) : "", stderr);
    buf_reset(&text);
    field_text(&text, field_of(problem, "message"));
    r = cli_complain(CLI_FAILED, "%s", text.len > 0 ? buf_cstr(&text) : "the old configuration stays in force");
    buf_done(&text);
    return r;
}

static void warn(const char *what, struct json_value v)
{
    struct buf text;
    if (v.kind != JSON_KIND_STRING) return;
    buf_init(&text, 1 << 20);
    field_text(&text, v);
    if (buf_check(&text) == 0) fprintf(stderr, "cetl: %s: %s\n", what, buf_cstr(&text));
    buf_done(&text);
}

/* What the database makes of it: a dataset whose table is not as it is declared, say. */
static int warn_of_datasets(struct client *c)
{
    struct client_answer answer;
    struct json_value datasets;
    int r = client_send(c, &(struct client_request){.path = "/v1"}, &answer);
    if (r == CLI_OK && answer.status == 200 && client_json(&answer, &datasets) == CLI_OK)
        for (struct json_walk walk = json_walk_begin(datasets); json_walk_next(&walk);) {
            struct buf name;
            buf_init(&name, 4096);
            buf_puts(&name, "dataset ");
            field_text(&name, field_of(walk.value, "name"));
            warn(buf_check(&name) == 0 ? buf_cstr(&name) : "a dataset", field_of(walk.value, "error"));
            buf_done(&name);
        }
    client_answer_done(&answer);
    return r;
}

static int tell(const struct cli *cli, struct client *c, const struct client_answer *a)
{
    struct json_value done;
    int r = client_json(a, &done);
    if (r != CLI_OK) return r;
    if (cli->json)
        printf(SLICE_FMT "\n", SLICE_ARG(done.raw));
    else
        puts("reloaded");
    warn("these take a restart", field_of(done, "restart"));
    warn("the database", field_of(done, "reason"));
    return warn_of_datasets(c);
}

int reload_run(struct cli *cli, int argc, char **argv)
{
    struct client *c = NULL;
    struct client_answer answer = {0};
    (void)argc, (void)argv;
    int r = client_new(cli, &c);
    if (r == CLI_OK) r = client_send(c, &(struct client_request){.method = "POST", .path = "/reload"}, &answer);
    if (r == CLI_OK && answer.status == 422)
        r = tell_mistakes(&answer);
    else if (r == CLI_OK)
        r = client_judge(&answer);
    if (r == CLI_OK) r = tell(cli, c, &answer);
    client_answer_done(&answer);
    client_free(c);
    return r;
}
