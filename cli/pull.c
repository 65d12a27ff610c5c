/* SPDX-License-Identifier: MIT */
/* cetl pull [SOURCE]: sources are fetched now; and what came of it. */
#include "client.h"
#include "field.h"

#include <unistd.h>

enum { LOOK_US = 200 * 1000, TEXT_MAX = 1 << 20 };

static void print_source(struct json_value source)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    field_text(&text, field_of(source, "name"));
    buf_puts(&text, ": ");
    field_text(&text, field_of(source, "state"));
    if (field_of(source, "error").kind == JSON_KIND_STRING) {
        buf_puts(&text, ": ");
        field_text(&text, field_of(source, "error"));
    } else if (field_is(field_of(source, "state"), "pulled")) {
        buf_puts(&text, "; cetl show ");
        field_text(&text, field_of(source, "token"));
    }
    puts(buf_cstr(&text));
    buf_done(&text);
}

/* What became of a job that is done. */
static int tell(const struct cli *cli, struct json_value job)
{
    bool failed = field_int(field_of(job, "files_failed")) > 0;
    for (struct json_walk walk = json_walk_begin(field_of(job, "sources")); json_walk_next(&walk);) {
        failed |= field_is(field_of(walk.value, "state"), "failed");
        if (!cli->json) print_source(walk.value);
    }
    if (cli->json) printf(SLICE_FMT "\n", SLICE_ARG(job.raw));
    return failed ? CLI_FAILED : CLI_OK;
}

/* Ask for the job until it is done. */
static int follow(const struct cli *cli, struct client *c, const char *url)
{
    for (;; usleep(LOOK_US)) {
        struct client_answer answer;
        struct json_value job;
        int r = client_ask(c, &(struct client_request){.path = url}, &answer);
        if (r == CLI_OK) r = client_json(&answer, &job);
        bool done = r == CLI_OK && field_is(field_of(job, "state"), "done");
        if (done) r = tell(cli, job);
        client_answer_done(&answer);
        if (done || r != CLI_OK) return r;
    }
}

int pull_run(struct cli *cli, int argc, char **argv)
{
    struct client *c = NULL;
    struct client_answer answer = {0};
    struct json_value job;
    struct buf path, url;
    int r = client_new(cli, &c);
    if (r != CLI_OK) return r;
    buf_init(&url, TEXT_MAX);
    buf_init(&path, TEXT_MAX);
    buf_puts(&path, "/start-etl-job");
    if (argc > 1) client_query(&path, "source", slice_of(argv[1]));
    r = client_ask(c, &(struct client_request){.method = "POST", .path = buf_cstr(&path)}, &answer);
    if (r == CLI_OK) r = client_json(&answer, &job);
    if (r == CLI_OK) field_text(&url, field_of(job, "url"));
    if (r == CLI_OK) r = follow(cli, c, buf_cstr(&url));
    client_answer_done(&answer);
    buf_done(&path);
    buf_done(&url);
    client_free(c);
    return r;
}
