/* SPDX-License-Identifier: MIT */
#include "http/tally.h"

#include "format/metrics_text.h"

#include <stdio.h>
#include <stdlib.h>

enum { LABELS_MAX = 256 };

struct tally_route {
    const struct http_route *route;  /* NULL: none */
    uint64_t answers[HTTP_STATUSES]; /* by http_status_index */
    struct histogram began;
};

struct http_tally {
    const struct http_router *router;
    unsigned whole, streamed; /* routes */
    struct tally_route of[];  /* no route, then the router's in their order */
};

static unsigned count(const struct http_route *routes)
{
    unsigned n = 0;
    while (routes && routes[n].pattern)
        n++;
    return n;
}

int http_tally_new(const struct http_router *router, struct http_tally **ret_tally)
{
    unsigned whole = count(router->routes), streamed = count(router->streamed);
    struct http_tally *t = calloc(1, sizeof *t + (1 + whole + streamed) * sizeof t->of[0]);
    if (!t) return -ENOMEM;
    t->router = router;
    t->whole = whole;
    t->streamed = streamed;
    for (unsigned i = 0; i < whole; i++)
        t->of[1 + i].route = &router->routes[i];
    for (unsigned i = 0; i < streamed; i++)
        t->of[1 + whole + i].route = &router->streamed[i];
    *ret_tally = t;
    return 0;
}

void http_tally_free(struct http_tally *t)
{
    free(t);
}

static struct tally_route *find(struct http_tally *t, const struct http_route *route)
{
    if (!route) return &t->of[0];
    bool streamed = t->streamed && route >= t->router->streamed && route < t->router->streamed + t->streamed;
    return &t->of[1 + (streamed ? t->whole + (unsigned)(route - t->router->streamed) : (unsigned)(route - t->router->routes))];
}

void http_tally_add(struct http_tally *t, const struct http_route *route, int status, int64_t began_us)
{
    struct tally_route *of = find(t, route);
    of->answers[http_status_index(status)]++;
    histogram_observe(&of->began, began_us);
}

/* Patterns and methods have no byte that is to be escaped. */
static struct slice labels_of(const struct tally_route *of, char text[LABELS_MAX])
{
    int n = of->route
                ? snprintf(text, LABELS_MAX, "method=\"%s\",route=\"%s\"", http_method_text(of->route->method), of->route->pattern)
                : snprintf(text, LABELS_MAX, "method=\"\",route=\"\"");
    return (struct slice){text, (size_t)n};
}

void http_tally_text(const struct http_tally *t, struct buf *out)
{
    static const char responses[] = "cetl_http_responses_total", began[] = "cetl_http_response_seconds";
    char text[LABELS_MAX];
    metrics_family(out, responses, "counter", "Answers by route and status; route \"\" is none that is known.");
    for (unsigned k = 0; k < 1 + t->whole + t->streamed; k++)
        for (unsigned i = 0; i < HTTP_STATUSES; i++)
            if (t->of[k].answers[i])
                buf_printf(out, "%s{" SLICE_FMT ",status=\"%d\"} %llu\n", responses, SLICE_ARG(labels_of(&t->of[k], text)),
                           http_status_at(i), (unsigned long long)t->of[k].answers[i]);
    metrics_family(out, began, "histogram", "From a request's first byte until its answer began.");
    for (unsigned k = 0; k < 1 + t->whole + t->streamed; k++)
        if (histogram_look(&t->of[k].began).count > 0)
            metrics_histogram(out, slice_of(began), labels_of(&t->of[k], text), &t->of[k].began);
}
