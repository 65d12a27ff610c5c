/* SPDX-License-Identifier: MIT */
#include "api/altered.h"

enum {
    READING_MS = 2000, /* the catalog is being read anew */
    AGAIN_MS = 10000,
};

bool altered_noticed(struct api *api, const char *sqlstate)
{
    bool gone = strcmp(sqlstate, "42703") == 0 || strcmp(sqlstate, "42P01") == 0;
    if (!gone || !api->control.look_again) return false;
    int64_t now_ms = loop_now_ms(api->loop), since_ms = api->altered_ms ? now_ms - api->altered_ms : AGAIN_MS;
    if (since_ms < READING_MS) return true;
    if (since_ms < AGAIN_MS) return false;
    api->altered_ms = now_ms;
    api->control.look_again(api->control.ctx);
    return true;
}

void altered_answer(struct http_request *r)
{
    http_header(r, "Retry-After", "1");
    http_problem(r, &(struct http_problem){.status = 503,
                                           .message = "the table was altered meanwhile; what it is now is being read",
                                           .hint = "try again in a moment"});
}
