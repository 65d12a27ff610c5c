/* SPDX-License-Identifier: MIT */
#include "api/cors.h"

#include "api/api.h"
#include "base/ascii.h"

#include <stdio.h>

#define MAX_AGE "7200" /* seconds; more than browsers keep it */
#define METHODS "GET, HEAD, POST, PUT, PATCH, DELETE"
/* What a script may see beside the simple fields. */
#define EXPOSED                                                                                                                    \
    "Content-Range, Content-Location, Content-Disposition, Location, Link, ETag, Preference-Applied, Retry-After, Allow, "         \
    "WWW-Authenticate, X-Request-Id"

enum { ORIGIN_MAX = 512, FIELDS_MAX = 2048 };

enum verdict { NO, BY_NAME, BY_STAR };

static const struct config_list *origins_of(const struct http_request *r)
{
    return &((const struct api *)http_request_context(r))->config->api.cors_origins;
}

static enum verdict judge(const struct http_request *r, struct slice origin)
{
    const struct config_list *origins = origins_of(r);
    enum verdict v = NO;
    if (origin.len == 0 || origin.len >= ORIGIN_MAX) return NO;
    for (size_t i = 0; i < origins->n && v != BY_NAME; i++) {
        if (slice_equal(slice_of(origins->item[i]), origin))
            v = BY_NAME;
        else if (strcmp(origins->item[i], "*") == 0)
            v = BY_STAR;
    }
    return v;
}

bool cors_allows(const struct http_request *r)
{
    return judge(r, http_request_header(r, "Origin")) != NO;
}

bool cors_names(const struct http_request *r)
{
    return judge(r, http_request_header(r, "Origin")) == BY_NAME;
}

static bool has_star(const struct config_list *origins)
{
    for (size_t i = 0; i < origins->n; i++)
        if (strcmp(origins->item[i], "*") == 0) return true;
    return false;
}

/* Names of fields, with commas. */
static bool is_field_list(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.p[i];
        if (!ascii_is_alnum(c) && !strchr("-_., !#$%&'*+^`|~", c)) return false;
    }
    return text.len > 0 && text.len < FIELDS_MAX;
}

static void answer_preflight(struct http_request *r)
{
    char allowed[FIELDS_MAX];
    struct slice fields = http_request_header(r, "Access-Control-Request-Headers");
    http_header(r, "Access-Control-Allow-Methods", METHODS);
    http_header(r, "Access-Control-Max-Age", MAX_AGE);
    http_header(r, "Vary", "Access-Control-Request-Method, Access-Control-Request-Headers");
    if (is_field_list(fields)) {
        snprintf(allowed, sizeof allowed, SLICE_FMT, SLICE_ARG(fields));
        http_header(r, "Access-Control-Allow-Headers", allowed);
    }
    http_answer(r, 204, NULL, SLICE(""));
}

bool cors_arrive(struct http_request *r)
{
    const struct config_list *origins = origins_of(r);
    if (origins->n == 0) return true;
    struct slice origin = http_request_header(r, "Origin");
    enum verdict v = judge(r, origin);
    if (!has_star(origins) || origins->n > 1) http_header(r, "Vary", "Origin");
    if (v == NO) return true;
    char name[ORIGIN_MAX];
    snprintf(name, sizeof name, SLICE_FMT, SLICE_ARG(origin));
    http_header(r, "Access-Control-Allow-Origin", v == BY_STAR ? "*" : name);
    if (v == BY_NAME) http_header(r, "Access-Control-Allow-Credentials", "true");
    bool preflight = http_request_method(r) == HTTP_OPTIONS_ && http_request_header(r, "Access-Control-Request-Method").p;
    if (preflight)
        answer_preflight(r);
    else
        http_header(r, "Access-Control-Expose-Headers", EXPOSED);
    return !preflight;
}
