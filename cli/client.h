/* SPDX-License-Identifier: MIT */
/*
 * Asking the daemon, by its unix socket, where whoever may open it may do everything.
 *
 *     struct client *client;
 *     struct client_answer answer;
 *     int r = client_new(cli, &client);
 *     if (r == CLI_OK) r = client_ask(client, &(struct client_request){.path = "/v1/files?limit=10"}, &answer);
 *     if (r == CLI_OK) … client_json(&answer), answer.body …
 *     client_answer_done(&answer);
 *     client_free(client);
 *
 * Everything returns an exit status of cli.h, and has complained when it is not CLI_OK: what is wrong and what to do, be it that
 * the daemon is down, that it lets nobody in, or the words of its own answer. Answers are initialised whatever came of the request.
 *
 * The socket is `--socket`, else the first unix: address of [api] listen in the configuration (of which nothing else is judged, and
 * no secret read, so that it works for everybody), else the one of the option's default.
 */
#ifndef CETL_CLIENT_H
#define CETL_CLIENT_H

#include "base/buf.h"
#include "cli.h"
#include "format/json_reader.h"

#include <stdint.h>

struct client;

must_check int client_new(const struct cli *cli, struct client **ret_client);
/** NULL is fine. */
void client_free(struct client *c);

struct client_request {
    const char *method; /* NULL: GET */
    const char *path;   /* with its query, as it stands in the request line; see client_path */
    struct slice body;  /* sent with the request; {NULL, 0}: none */
    const char *type;   /* of the body; NULL: application/json, and application/octet-stream of a file */
    const char *accept; /* media type; NULL: application/json */

    FILE *upload;         /* the body, read from here; NULL: `body` is it */
    int64_t upload_bytes; /* or -1: not known */
    /** Asked before the last of upload_bytes are handed over. False: the daemon gets no whole file, and so takes none; CLI_FAILED,
     * without a word, as when the file ends before. NULL: it may. */
    bool (*may_end)(void *ctx);

    int64_t timeout_ms; /* of the whole; 0: a minute; -1: none, for what may take long */
    bool quiet;         /* do not complain when the daemon is down: it will be asked again */

    /** The body of an answer below 300, as it comes, instead of in the answer. False: that is enough; CLI_FAILED, without a word.
     */
    bool (*on_bytes)(void *ctx, struct slice bytes);
    /** While it is under way, a few times a second. */
    void (*on_progress)(void *ctx, int64_t sent_bytes, int64_t received_bytes);
    void *ctx;
};

struct client_answer {
    int status; /* HTTP's; 0: there was none */
    struct buf body;
};
/** Also for one that was never asked for, if it is all zero. */
void client_answer_done(struct client_answer *a);

/** CLI_OK for every answer, whatever its status. */
must_check int client_send(struct client *c, const struct client_request *request, struct client_answer *ret_answer);
/** CLI_OK below 400; else CLI_FAILED, CLI_DOWN for 401 and 403, with the daemon's words told. */
must_check int client_judge(const struct client_answer *a);
/** Both. */
must_check int client_ask(struct client *c, const struct client_request *request, struct client_answer *ret_answer);
/** All of it, for a command that asks once. */
must_check int client_once(const struct cli *cli, const struct client_request *request, struct client_answer *ret_answer);

/**
 * The answer's JSON, whole and sound: slices of answer.body. CLI_FAILED after a complaint when it is none.
 */
must_check int client_json(const struct client_answer *a, struct json_value *ret_value);

/** Make a path: "/v1/files/" and an encoded piece; then "?name=value" or "&name=value", encoded. */
void client_path(struct buf *path, const char *before, struct slice piece);
void client_query(struct buf *path, const char *name, struct slice value);

#endif
