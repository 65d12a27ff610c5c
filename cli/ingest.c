/* SPDX-License-Identifier: MIT */
#include "base/fs.h"
#include "base/log.h"
#include "client.h"
#include "field.h"
#include "follow.h"
#include "format/json_writer.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 20, BUSY_TRIES = 300, SHOWN_MAX = 4 * NAME_MAX + 1 };

/* One file on its way to the daemon. */
struct sending {
    struct follow *follow;
    const char *name;
    char shown[SHOWN_MAX]; /* the path, on one line */
    FILE *file;
    struct stat before;
    int64_t begin; /* of what is sent; standard input may have been read from before */
    int64_t bytes; /* or -1 */
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void on_progress(void *ctx, int64_t sent, int64_t received)
{
    struct sending *s = ctx;
    (void)received;
    progress_show(&s->follow->progress, s->name, "sending", &(struct progress_done){.done = sent, .total = s->bytes});
}

static int open_file(const char *path, struct sending *s)
{
    log_escape(slice_of(path), s->shown, sizeof s->shown);
    s->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
    if (!s->file || fstat(fileno(s->file), &s->before) != 0) return cli_complain(CLI_FAILED, "%s: %s", s->shown, strerror(errno));
    if (S_ISDIR(s->before.st_mode)) return cli_complain(CLI_FAILED, "%s is a folder; name the files in it", s->shown);
    s->begin = S_ISREG(s->before.st_mode) ? ftello(s->file) : 0;
    s->bytes = S_ISREG(s->before.st_mode) ? s->before.st_size - s->begin : -1;
    return CLI_OK;
}

/* Nothing half-written is sent as if it were whole. */
static bool is_unchanged(void *ctx)
{
    const struct sending *s = ctx;
    struct stat now;
    return fstat(fileno(s->file), &now) == 0 && fs_stat_same(&s->before, &now);
}

static void put_path(const struct cli *cli, const char *name, struct buf *path)
{
    const char *dataset = cli_option(cli, "--dataset");
    client_path(path, "/ingest/", slice_of(name));
    if (dataset) client_query(path, "dataset", slice_of(dataset));
    if (cli_option(cli, "--again")) client_query(path, "again", SLICE("yes"));
}

/* It was refused before it was taken: told like one that failed. */
static int tell_refusal(struct sending *s, const struct client_answer *a)
{
    progress_clear(&s->follow->progress);
    if (!s->follow->cli->json) {
        cli_complain(CLI_FAILED, "%s was not taken", s->shown);
        return client_judge(a);
    }
    struct json_value problem;
    struct json_writer w;
    struct buf json;
    int r = client_json(a, &problem);
    if (r != CLI_OK) return r;
    buf_init(&json, TEXT_MAX);
    json_writer_init(&w, &json);
    json_write_object(&w);
    json_write_field_text(&w, "name", s->name);
    json_write_field_text(&w, "state", "refused");
    json_write_key(&w, "problem");
    json_write_raw(&w, problem.raw);
    json_write_end(&w);
    if (buf_check(&json) == 0) follow_tell(s->follow, json_root(buf_slice(&json)));
    buf_done(&json);
    return CLI_FAILED;
}

static int take_receipt(struct sending *s, const struct client_answer *a)
{
    struct json_value receipt;
    if (a->status >= 400) return tell_refusal(s, a);
    int r = client_json(a, &receipt);
    if (r != CLI_OK) return r;
    bool waits = !cli_option(s->follow->cli, "--no-wait");
    struct json_walk walk = json_walk_begin(field_of(receipt, "files"));
    while (json_walk_next(&walk)) {
        struct buf token;
        buf_init(&token, TEXT_MAX);
        field_text(&token, field_of(walk.value, "token"));
        if (waits)
            follow_add(s->follow, buf_slice(&token), slice_of(s->name));
        else if (s->follow->cli->json)
            follow_tell(s->follow, walk.value);
        else
            printf("%s: taken; cetl show " SLICE_FMT "\n", s->name, SLICE_ARG(buf_slice(&token)));
        buf_done(&token);
    }
    return CLI_OK;
}

/* The queue has an end: the daemon is asked again while it has no room, as long as the file can be read again. */
static bool may_try_again(struct sending *s, const struct client_answer *a, int tries)
{
    if (a->status != 503 || tries >= BUSY_TRIES || fseeko(s->file, s->begin, SEEK_SET) != 0) return false;
    progress_show(&s->follow->progress, s->name, "the daemon has no room just now; waiting", NULL);
    nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    return true;
}

static int send_file(struct sending *s)
{
    struct buf path;
    put_path(s->follow->cli, s->name, &path);
    int r = CLI_OK;
    for (int tries = 0, again = 1; again; tries++) {
        struct client_answer answer;
        r = client_send(s->follow->client,
                        &(struct client_request){.method = "PUT",
                                                 .path = buf_cstr(&path),
                                                 .upload = s->file,
                                                 .upload_bytes = s->bytes,
                                                 .may_end = is_unchanged,
                                                 .timeout_ms = -1,
                                                 .on_progress = on_progress,
                                                 .ctx = s},
                        &answer);
        progress_clear(&s->follow->progress);
        if (r == CLI_FAILED && answer.status == 0 && !is_unchanged(s))
            cli_complain(r, "%s is being written: it changed while it was sent, and was not taken; send it once it is whole",
                         s->shown);
        again = r == CLI_OK && may_try_again(s, &answer, tries);
        if (r == CLI_OK && !again) r = take_receipt(s, &answer);
        client_answer_done(&answer);
    }
    buf_done(&path);
    return r;
}

/* CLI_DOWN ends it: the others would not get through, either. Which were not sent is said, and which were. */
static int send_all(struct follow *f, int n, char **paths)
{
    const char *as = cli_option(f->cli, "--as");
    int worst = CLI_OK;
    for (int i = 0; i < n; i++) {
        struct sending s = {.follow = f, .name = as ? as : base_name(paths[i])};
        if (worst == CLI_DOWN) {
            log_escape(slice_of(paths[i]), s.shown, sizeof s.shown);
            cli_complain(CLI_DOWN, "%s was not sent", s.shown);
            continue;
        }
        int r = open_file(paths[i], &s);
        if (r == CLI_OK && as) log_escape(slice_of(as), s.shown, sizeof s.shown);
        if (r == CLI_OK) r = send_file(&s);
        if (s.file && s.file != stdin) fclose(s.file);
        if (r == CLI_DOWN && n > 1) cli_complain(r, "%s was not sent, or not to its end", s.shown);
        if (r != CLI_OK) worst = r;
    }
    if (worst == CLI_DOWN) follow_leave(f);
    return worst;
}

int ingest_run(struct cli *cli, int argc, char **argv)
{
    struct client *c = NULL;
    struct follow f;
    const char *as = cli_option(cli, "--as");
    if (as && argc > 2) return cli_complain(CLI_USAGE, "--as names one file, and there are %d", argc - 1);
    for (int i = 1; i < argc && !as; i++)
        if (strcmp(argv[i], "-") == 0)
            return cli_complain(CLI_USAGE, "a file from standard input has no name: --as NAME gives it one");
    int r = client_new(cli, &c);
    if (r != CLI_OK) return r;
    follow_init(&f, cli, c);
    int sent = send_all(&f, argc - 1, argv + 1);
    r = sent == CLI_DOWN ? CLI_DOWN : follow_all(&f);
    follow_print_json(&f);
    follow_done(&f);
    client_free(c);
    return r == CLI_OK ? sent : r;
}
