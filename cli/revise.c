/* SPDX-License-Identifier: MIT */
/* What is done to files of the ledger: replay and unload. */
#include "client.h"
#include "field.h"
#include "follow.h"

enum { TEXT_MAX = 1 << 20 };

static int ask(const struct cli *cli, struct client *c, const char *id, const char *verb, struct client_answer *ret_answer)
{
    struct buf path;
    client_path(&path, "/v1/files/", slice_of(id));
    buf_printf(&path, "/%s", verb);
    if (cli_option(cli, "--force")) client_query(&path, "force", SLICE("yes"));
    if (cli_option(cli, "--again")) client_query(&path, "again", SLICE("yes"));
    int r = client_ask(c, &(struct client_request){.method = "POST", .path = buf_cstr(&path), .timeout_ms = -1}, ret_answer);
    buf_done(&path);
    return r;
}

/* ---- unload ---- */

static int unload(struct follow *f, const char *id)
{
    struct client_answer answer;
    struct json_value done = {0};
    int r = ask(f->cli, f->client, id, "unload", &answer);
    if (r == CLI_OK) r = client_json(&answer, &done);
    if (r == CLI_OK && f->cli->json)
        follow_tell(f, done);
    else if (r == CLI_OK)
        printf("file %s: unloaded, " SLICE_FMT " row%s taken out\n", id, SLICE_ARG(field_of(done, "rows").raw),
               field_int(field_of(done, "rows")) == 1 ? "" : "s");
    client_answer_done(&answer);
    return r;
}

/* ---- replay ---- */

static int replay(struct follow *f, const char *id)
{
    struct client_answer answer;
    struct json_value done;
    struct buf token, name;
    int r = ask(f->cli, f->client, id, "replay", &answer);
    if (r == CLI_OK) r = client_json(&answer, &done);
    buf_init(&token, TEXT_MAX);
    buf_init(&name, TEXT_MAX);
    if (r == CLI_OK) {
        field_text(&token, field_of(done, "token"));
        field_text(&name, field_of(done, "name"));
        if (!cli_option(f->cli, "--no-wait"))
            follow_add(f, buf_slice(&token), buf_slice(&name));
        else if (f->cli->json)
            follow_tell(f, done);
        else
            printf(SLICE_FMT ": queued; cetl show " SLICE_FMT "\n", SLICE_ARG(buf_slice(&name)), SLICE_ARG(buf_slice(&token)));
    }
    buf_done(&token);
    buf_done(&name);
    client_answer_done(&answer);
    return r;
}

/* Each by `one`, as long as the daemon answers; then what came of them. */
static int revise(struct cli *cli, int n, char **ids, int (*one)(struct follow *f, const char *id))
{
    struct client *c = NULL;
    struct follow f;
    int r = client_new(cli, &c), worst = CLI_OK;
    if (r != CLI_OK) return r;
    follow_init(&f, cli, c);
    for (int i = 0; i < n && worst != CLI_DOWN; i++) {
        r = one(&f, ids[i]);
        if (r != CLI_OK) worst = r;
    }
    r = worst == CLI_DOWN ? CLI_DOWN : follow_all(&f);
    follow_print_json(&f);
    follow_done(&f);
    client_free(c);
    return r == CLI_OK ? worst : r;
}

int unload_run(struct cli *cli, int argc, char **argv)
{
    return revise(cli, argc - 1, argv + 1, unload);
}

int replay_run(struct cli *cli, int argc, char **argv)
{
    return revise(cli, argc - 1, argv + 1, replay);
}
