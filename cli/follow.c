/* SPDX-License-Identifier: MIT */
#include "follow.h"

#include "base/clock.h"
#include "file.h"
#include "format/json_writer.h"

#include <stdlib.h>
#include <time.h>

enum {
    FILES_MAX = 64 << 20,
    JSON_MAX = 256 << 20,
    AT_ONCE = 16, /* files come to their end in the order in which they were sent, more or less */
    PAUSE_MIN_MS = 20,
    PAUSE_MAX_MS = 500,
    DOWN_MAX_US = 120 * 1000000,
    LOST_MAX_US = 30 * 1000000,
    OUTCOME_MAX = 1 << 20,
};

struct followed {
    char *token, *name;
    bool over;
    int64_t lost_us; /* since when nobody knows of it; 0: it is known */
};

void follow_init(struct follow *f, const struct cli *cli, struct client *client)
{
    *f = (struct follow){.cli = cli, .client = client, .progress = {.cli = cli}};
    buf_init(&f->files, FILES_MAX);
    buf_init(&f->json, JSON_MAX);
}

static struct followed *file_at(const struct follow *f, size_t i)
{
    return (struct followed *)(void *)f->files.data + i;
}

static size_t count(const struct follow *f)
{
    return f->files.len / sizeof(struct followed);
}

void follow_done(struct follow *f)
{
    for (size_t i = 0; i < count(f); i++) {
        free(file_at(f, i)->token);
        free(file_at(f, i)->name);
    }
    buf_done(&f->files);
    buf_done(&f->json);
}

void follow_add(struct follow *f, struct slice token, struct slice name)
{
    struct followed file = {.token = strndup(token.p, token.len), .name = strndup(name.p, name.len)};
    if (file.token && file.name) buf_append(&f->files, &file, sizeof file);
    if (file.token && file.name && buf_check(&f->files) == 0) return;
    free(file.token);
    free(file.name);
    f->files.failed = -ENOMEM; /* follow_all says so */
}

/* ---- what is told ---- */

void follow_tell(struct follow *f, struct json_value file)
{
    struct json_value state = field_of(file, "state");
    bool refused = field_is(state, "failed") || field_is(state, "unreadable") || field_is(state, "refused");
    f->failed = f->failed || refused;
    progress_clear(&f->progress);
    if (f->cli->json) {
        buf_puts(&f->json, f->json.len > 0 ? ",\n" : "[");
        buf_put(&f->json, file.raw);
        return;
    }
    struct buf text;
    buf_init(&text, OUTCOME_MAX);
    file_put_outcome(&text, file);
    if (buf_check(&text) == 0 && refused)
        cli_complain(CLI_FAILED, "%s", buf_cstr(&text));
    else if (buf_check(&text) == 0)
        printf("%s\n", buf_cstr(&text));
    fflush(stdout);
    buf_done(&text);
}

void follow_print_json(const struct follow *f)
{
    if (!f->cli->json) return;
    printf(SLICE_FMT "%s\n", SLICE_ARG(buf_slice(&f->json)), f->json.len > 0 ? "]" : "[]");
}

static void show(struct follow *f, const struct followed *w, struct json_value file)
{
    struct buf verb;
    struct json_value why = field_of(file, "error");
    struct progress_done done = {.done = field_int(field_of(file, "bytes_read")),
                                 .total = field_int(field_of(file, "bytes")),
                                 .count = field_int(field_of(file, "rows_read")),
                                 .unit = field_of(file, "rows_read").kind == JSON_KIND_NUMBER ? "rows" : NULL};
    bool bar = field_is(field_of(file, "state"), "loading") && done.unit;
    buf_init(&verb, OUTCOME_MAX);
    field_text(&verb, field_of(file, "state"));
    if (why.kind == JSON_KIND_STRING) buf_puts(&verb, ": "), field_text(&verb, why);
    if (buf_check(&verb) == 0) progress_show(&f->progress, w->name, buf_cstr(&verb), bar ? &done : NULL);
    buf_done(&verb);
}

/* Once, where nobody sees the progress. */
static void mention(struct follow *f, const struct followed *w, const char *what)
{
    progress_show(&f->progress, w->name, what, NULL);
    if (!f->cli->progress && !f->complained) cli_complain(CLI_OK, "%s: %s", w->name, what);
    f->complained = true;
}

/* ---- asking ---- */

static int nobody_answers(struct follow *f, const struct followed *w)
{
    int64_t now = clock_mono_us();
    if (f->down_us == 0) f->down_us = now;
    if (now - f->down_us < DOWN_MAX_US) {
        mention(f, w, "the daemon does not answer; waiting for it");
        return CLI_OK;
    }
    progress_clear(&f->progress);
    return cli_complain(CLI_DOWN,
                        "the daemon does not answer any more. %s is on disk and will be loaded once it runs: cetl show %s", w->name,
                        w->token);
}

/* After a start the daemon takes a moment to find what it had. */
static int nobody_knows(struct follow *f, struct followed *w, const struct client_answer *a)
{
    int64_t now = clock_mono_us();
    if (w->lost_us == 0) w->lost_us = now;
    if (now - w->lost_us < LOST_MAX_US) return CLI_OK;
    progress_clear(&f->progress);
    return client_judge(a);
}

/* The database is away, or has too much to do. */
static void mention_problem(struct follow *f, const struct followed *w, const struct client_answer *a)
{
    struct json_value problem;
    struct buf text;
    buf_init(&text, OUTCOME_MAX);
    if (client_json(a, &problem) == CLI_OK) field_text(&text, field_of(problem, "message"));
    buf_puts(&text, "; waiting");
    if (buf_check(&text) == 0) mention(f, w, buf_cstr(&text));
    buf_done(&text);
}

static int take_answer(struct follow *f, struct followed *w, const struct client_answer *a)
{
    struct json_value file;
    f->down_us = 0;
    if (a->status == 404) return nobody_knows(f, w, a);
    w->lost_us = 0;
    if (a->status == 503) {
        mention_problem(f, w, a);
        return CLI_OK;
    }
    int r = client_judge(a);
    if (r == CLI_OK) r = client_json(a, &file);
    if (r != CLI_OK) return r;
    w->over = file_is_over(file);
    if (w->over)
        follow_tell(f, file);
    else
        show(f, w, file);
    return CLI_OK;
}

static int ask(struct follow *f, struct followed *w)
{
    struct client_answer answer;
    struct buf path;
    client_path(&path, "/v1/files/", slice_of(w->token));
    int r = client_send(f->client, &(struct client_request){.path = buf_cstr(&path), .quiet = true}, &answer);
    r = r == CLI_OK ? take_answer(f, w, &answer) : r == CLI_DOWN ? nobody_answers(f, w) : r;
    client_answer_done(&answer);
    buf_done(&path);
    return r;
}

static void pause_ms(int64_t ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

void follow_leave(struct follow *f)
{
    progress_clear(&f->progress);
    for (size_t i = 0; i < count(f); i++) {
        const struct followed *w = file_at(f, i);
        if (w->over) continue;
        if (!f->cli->json) {
            cli_complain(CLI_DOWN, "%s was taken, and will be loaded once the daemon runs if it is not yet: cetl show %s", w->name,
                         w->token);
            continue;
        }
        struct json_writer json;
        buf_puts(&f->json, f->json.len > 0 ? ",\n" : "[");
        json_writer_init(&json, &f->json);
        json_write_object(&json);
        json_write_field_text(&json, "name", w->name);
        json_write_field_text(&json, "token", w->token);
        json_write_field_text(&json, "state", "queued");
        json_write_end(&json);
    }
}

int follow_all(struct follow *f)
{
    int r = buf_check(&f->files) == 0
                ? CLI_OK
                : cli_complain(CLI_FAILED, "no memory to wait for the files; cetl files tells what became of them");
    int64_t ms = PAUSE_MIN_MS;
    for (size_t from = 0; r == CLI_OK;) {
        size_t asked = 0, ended = 0;
        for (size_t i = from; i < count(f) && asked < AT_ONCE && r == CLI_OK && f->down_us == 0; i++) {
            struct followed *w = file_at(f, i);
            if (w->over) continue;
            asked++;
            r = ask(f, w);
            ended += w->over;
        }
        while (from < count(f) && file_at(f, from)->over)
            from++;
        if (r != CLI_OK || from == count(f)) break;
        if (f->down_us != 0) r = ask(f, file_at(f, from));
        ms = ended > 0 ? PAUSE_MIN_MS : ms * 3 / 2 < PAUSE_MAX_MS ? ms * 3 / 2 : PAUSE_MAX_MS;
        if (ended == 0 || f->down_us != 0) pause_ms(ms);
    }
    progress_clear(&f->progress);
    return r == CLI_OK && f->failed ? CLI_FAILED : r;
}
