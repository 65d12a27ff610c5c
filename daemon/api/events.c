/* SPDX-License-Identifier: MIT */
#include "api/events.h"

#include "api/access.h"
#include "api/api.h"
#include "api/event_text.h"
#include "api/problem.h"
#include "base/clock.h"
#include "http/accept.h"
#include "loop/timer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BATCH = 8 * 1024,      /* bytes that are written to a client at once */
    QUEUE_MAX = 16 * 1024, /* bytes that wait for a slow client before it gets no more */
    SLICE = 64,            /* clients served in a turn of the loop */
    PAUSE_MS = 20,         /* between two rounds through the clients */
    BEAT_MS = 15000,
    SECOND_MS = 1000,
    UNWATCHED_MS = 10 * 60 * 1000, /* without a client; then events are not even made */
    TOKEN_MS = 10 * 60 * 1000,     /* a stream by a token ends then, so that its client shows it again */
    RETRY_MS = 2000,               /* after which a client comes back */
    FILTERS_MAX = 4096,            /* bytes of the names that a client asks for */
};

struct client {
    struct list link; /* of the events'; the one that was served last is the last */
    struct events *all;
    struct http_request *request;
    uint64_t next; /* the event it gets next */
    uint64_t told; /* the last one whose id it was told */
    unsigned beat;
    int64_t began_ms;
    bool token;     /* it came with one */
    bool socket;    /* it came by the socket, which no configuration closes */
    bool unlimited; /* it may read every dataset */
    bool confined;  /* to the rows that policies show a role */
    bool live;      /* it has been shown all there was when it came */
    bool blocked;   /* it has not read what it got */
    size_t names_len;
    char names[]; /* the datasets it wants, each with its NUL; none: all */
};

struct events {
    struct events_config config;
    struct observer observer; /* of the ETL */
    struct event_ring ring;
    struct list clients;
    unsigned count;
    struct timer *round_timer, *beat_timer, *second_timer;
    unsigned round;     /* clients still to be served in this round */
    uint64_t round_end; /* the ring's end when it began */
    unsigned beat;
    int64_t rounded_ms, watched_ms;
    uint64_t progress; /* rows and bytes of all loads, when it was last told */
    struct buf batch;
    struct event_text text;
    bool closed;
};

/* ---- rounds ---- */

/* What it may not read it is not told of. */
static bool wants(const struct client *c, struct slice dataset)
{
    if (c->names_len == 0) return c->unlimited || access_allows(c->request, ACCESS_READ, dataset);
    for (const char *name = c->names; name < c->names + c->names_len; name += strlen(name) + 1)
        if (slice_equal(dataset, slice_of(name))) return true;
    return false;
}

static void put_reset(struct events *e, struct client *c)
{
    char id[EVENT_ID_MAX];
    event_ring_id(&e->ring, e->ring.end - 1, id);
    buf_printf(&e->batch,
               "id: %s\nevent: reset\ndata: {\"reason\":\"what happened meanwhile is not known here any more\",\"hint\":\"read "
               "/v1/files and /v1 again\"}\n\n",
               id);
    c->next = e->ring.end;
    c->told = e->ring.end - 1;
}

/* Why something was refused is told in words that hold values of rows. */
static void put_event(struct events *e, const struct client *c, const struct event *event)
{
    struct slice text = event_text(event);
    size_t hidden = c->confined ? event->words_len : 0, behind = event->words_at + hidden;
    if (hidden == 0) return buf_put(&e->batch, text);
    buf_append(&e->batch, text.p, event->words_at);
    buf_append(&e->batch, text.p + behind, text.len - behind);
}

/* The client's next bytes into the batch. True when there are more. */
static bool gather(struct events *e, struct client *c)
{
    buf_reset(&e->batch);
    for (; c->next < e->ring.end && e->batch.len < BATCH; c->next++) {
        const struct event *event = event_ring_at(&e->ring, c->next);
        if (!event) {
            put_reset(e, c);
            break;
        }
        if ((event->passing && !c->live) || !wants(c, event_dataset(event))) continue;
        put_event(e, c, event);
        if (!event->passing) c->told = c->next;
    }
    c->live = c->live || c->next == e->ring.end;
    return c->next < e->ring.end;
}

/* A sign of life. What the client was not told because it did not want it counts as told, so that it can come back later. */
static void put_beat(struct events *e, struct client *c)
{
    buf_puts(&e->batch, ":\n");
    if (c->told != c->next - 1) {
        char id[EVENT_ID_MAX];
        event_ring_id(&e->ring, c->next - 1, id);
        buf_printf(&e->batch, "id: %s\n", id);
        c->told = c->next - 1;
    }
    buf_puts(&e->batch, "\n");
}

static void deliver(struct events *e, struct client *c)
{
    bool more = !c->blocked;
    while (more && !c->blocked) {
        more = gather(e, c);
        if (!more && c->beat != e->beat && e->batch.len == 0) put_beat(e, c);
        if (e->batch.len > 0) c->beat = e->beat;
        if (buf_check(&e->batch) == 0 && e->batch.len > 0) c->blocked = !http_write(c->request, buf_slice(&e->batch));
    }
}

static void wake(struct events *e)
{
    if (e->round > 0 || e->count == 0 || timer_active(e->round_timer)) return;
    int64_t since = loop_now_ms(e->config.loop) - e->rounded_ms;
    timer_start(e->round_timer, since < PAUSE_MS ? PAUSE_MS - since : 0);
}

static void serve(void *ctx)
{
    struct events *e = ctx;
    if (e->round == 0) {
        e->round = e->count;
        e->round_end = e->ring.end;
        e->rounded_ms = loop_now_ms(e->config.loop);
    }
    for (unsigned n = 0; n < SLICE && e->round > 0 && !list_empty(&e->clients); n++) {
        struct client *c = container_of(e->clients.next, struct client, link);
        list_remove(&c->link);
        list_append(&e->clients, &c->link);
        e->round--;
        deliver(e, c);
    }
    if (list_empty(&e->clients)) e->round = 0;
    if (e->round > 0)
        timer_start(e->round_timer, 0);
    else if (e->round_end != e->ring.end)
        wake(e);
}

static void on_beat(void *ctx)
{
    struct events *e = ctx;
    e->beat++;
    wake(e);
}

/* ---- what the ETL tells ---- */

bool events_are_watched(const struct events *e)
{
    return !e->closed && (e->count > 0 || loop_now_ms(e->config.loop) < e->watched_ms + UNWATCHED_MS);
}

static bool watched(struct events *e)
{
    if (!events_are_watched(e)) event_ring_skip(&e->ring);
    return events_are_watched(e);
}

static void push(struct events *e, struct event_new event)
{
    if (event.json.p)
        event_ring_push(&e->ring, &event);
    else
        event_ring_skip(&e->ring);
    wake(e);
}

static void on_file(struct observer *o, const struct observed_file *f)
{
    struct events *e = container_of(o, struct events, observer);
    if (watched(e)) push(e, event_text_file(&e->text, f));
}

static void on_derive(struct observer *o, const struct observed_derive *d)
{
    struct events *e = container_of(o, struct events, observer);
    if (watched(e)) push(e, event_text_derive(&e->text, d));
}

void events_version(struct events *e, const char *dataset, int64_t version)
{
    if (watched(e)) push(e, event_text_version(&e->text, dataset, version));
}

static bool add_progress(void *ctx, const struct arrival *a, struct load_progress p)
{
    uint64_t *sum = ctx;
    (void)a;
    *sum += p.rows + p.bytes;
    return true;
}

static bool tell_progress(void *ctx, const struct arrival *a, struct load_progress p)
{
    struct events *e = ctx;
    push(e, event_text_progress(&e->text, a, p));
    return true;
}

static void watch(struct events *e, unsigned count);

/* The stream ends as it should. */
static void end(struct client *c)
{
    list_remove(&c->link);
    http_end(c->request, true);
    watch(c->all, c->all->count - 1);
}

/* Who has shut its side may be gone, which shows once something is sent. A token may be of no more use. */
static void look_after(struct events *e)
{
    int64_t now = loop_now_ms(e->config.loop);
    for (list_each(l, next, &e->clients)) {
        struct client *c = container_of(l, struct client, link);
        if (c->token && now - c->began_ms >= TOKEN_MS) {
            end(c);
        } else if (http_request_is_half_closed(c->request)) {
            c->beat = e->beat - 1;
            wake(e);
        }
    }
}

void events_ask_again(struct events *e)
{
    for (list_each(l, next, &e->clients)) {
        struct client *c = container_of(l, struct client, link);
        if (!c->socket) end(c);
    }
}

/* Nothing is told while nothing moves. */
static void on_second(void *ctx)
{
    struct events *e = ctx;
    uint64_t sum = 0;
    look_after(e);
    scheduler_each_load(e->config.scheduler, add_progress, &sum);
    if (sum > 0 && sum != e->progress) scheduler_each_load(e->config.scheduler, tell_progress, e);
    e->progress = sum;
}

/* ---- its life ---- */

int events_new(const struct events_config *config, struct events **ret_events)
{
    struct events *e = calloc(1, sizeof *e);
    if (!e) return -ENOMEM;
    e->config = *config;
    e->observer = (struct observer){.file = on_file, .derive = on_derive};
    list_init(&e->observer.link);
    list_init(&e->clients);
    char name[24];
    snprintf(name, sizeof name, "%llx", (unsigned long long)(clock_real_us() / 1000));
    event_ring_init(&e->ring, name);
    buf_init(&e->batch, 2 * EVENT_RING_BYTES);
    event_text_init(&e->text);
    e->watched_ms = INT64_MIN / 2;
    int r = timer_new(config->loop, serve, e, &e->round_timer);
    if (r == 0) r = timer_new(config->loop, on_beat, e, &e->beat_timer);
    if (r == 0) r = timer_new(config->loop, on_second, e, &e->second_timer);
    if (r < 0) {
        events_free(e);
        return r;
    }
    observers_add(config->observers, &e->observer);
    *ret_events = e;
    return 0;
}

void events_free(struct events *e)
{
    if (!e) return;
    assert(list_empty(&e->clients));
    list_remove(&e->observer.link);
    timer_free(e->round_timer);
    timer_free(e->beat_timer);
    timer_free(e->second_timer);
    event_ring_done(&e->ring);
    buf_done(&e->batch);
    event_text_done(&e->text);
    free(e);
}

/* ---- clients ---- */

static void watch(struct events *e, unsigned count)
{
    bool first = e->count == 0 && count > 0;
    e->count = count;
    e->watched_ms = loop_now_ms(e->config.loop);
    counters_set(e->config.counters, COUNTER_EVENT_STREAMS, count);
    if (first) {
        timer_repeat(e->beat_timer, BEAT_MS);
        timer_repeat(e->second_timer, SECOND_MS);
        if (e->config.begin) e->config.begin(e->config.ctx);
    } else if (count == 0) {
        timer_stop(e->beat_timer);
        timer_stop(e->second_timer);
        timer_stop(e->round_timer);
        e->round = 0;
    }
}

static void gone(void *state)
{
    struct client *c = state;
    if (!list_empty(&c->link)) watch(c->all, c->all->count - 1);
    list_remove(&c->link);
    free(c);
}

static void writable(void *state)
{
    struct client *c = state;
    c->blocked = false;
    if (!list_empty(&c->link)) deliver(c->all, c);
}

void events_close(struct events *e)
{
    if (!e) return;
    e->closed = true;
    for (list_each(l, next, &e->clients))
        end(container_of(l, struct client, link));
}

/* The names in `dataset=`, which may be there several times, each with its NUL. False: it was answered. */
static bool filters(struct http_request *r, struct buf *names)
{
    struct slice name, value;
    for (unsigned i = 0; http_request_query_at(r, i, &name, &value); i++) {
        if (!slice_equal(name, SLICE("dataset"))) {
            http_problem(r, &(struct http_problem){.status = 400,
                                                   .message = "there is no such parameter here",
                                                   .hint = "dataset=NAME, once or several times, is all there is"});
            return false;
        }
        if (!access_may(r, ACCESS_READ, value)) return false;
        buf_put(names, value);
        buf_putc(names, '\0');
    }
    if (buf_check(names) == 0) return true;
    problem_parameter(r, "dataset", "a few names of datasets");
    return false;
}

static void refuse(struct http_request *r, const struct events *e)
{
    char retry[16];
    snprintf(retry, sizeof retry, "%d", e->closed ? 10 : 5);
    http_header(r, "Retry-After", retry);
    http_problem(
        r, &(struct http_problem){.status = 503,
                                  .message = e->closed ? "the daemon is stopping" : "too many clients listen already",
                                  .hint = e->closed ? NULL : "try again later; max_event_streams in [api] says how many may"});
}

/* Where it begins: behind what it had last, or now. */
static void place(struct events *e, struct client *c)
{
    struct slice last = http_request_header(c->request, "Last-Event-ID");
    c->next = e->ring.end;
    c->beat = e->beat;
    buf_reset(&e->batch);
    buf_printf(&e->batch, "retry: %d\n", RETRY_MS);
    if (last.len > 0 && !event_ring_resume(&e->ring, last, &c->next)) {
        put_reset(e, c);
    } else {
        char id[EVENT_ID_MAX];
        c->told = c->next - 1;
        event_ring_id(&e->ring, c->told, id);
        buf_printf(&e->batch, "id: %s\n\n", id);
    }
    c->blocked = !http_write(c->request, buf_slice(&e->batch));
    if (c->next < e->ring.end) wake(e);
}

static void head(struct http_request *r)
{
    http_header(r, "Cache-Control", "no-store");
    http_header(r, "X-Accel-Buffering", "no"); /* a proxy is to pass each event on at once */
    http_limit_queue(r, QUEUE_MAX);
    http_begin(r, 200, "text/event-stream");
}

static void listen_to(struct http_request *r, struct events *e, const struct buf *names)
{
    struct client *c = calloc(1, sizeof *c + names->len);
    if (!c) return problem_internal(r);
    c->all = e;
    c->request = r;
    c->unlimited = access_allows(r, ACCESS_READ, (struct slice){NULL, 0});
    c->confined = access_role(r);
    c->began_ms = loop_now_ms(e->config.loop);
    const struct access_identity *who = access_identity(r);
    c->token = who && (who->who == ACCESS_TOKEN || who->who == ACCESS_JWT);
    c->socket = who && who->who == ACCESS_SOCKET;
    c->names_len = names->len;
    if (names->len > 0) memcpy(c->names, names->data, names->len);
    list_append(&e->clients, &c->link);
    watch(e, e->count + 1);
    http_request_attach(r, c, gone);
    http_on_writable(r, writable);
    head(r);
    place(e, c);
}

void events_get(struct http_request *r)
{
    static const char *const types[] = {"text/event-stream", NULL};
    const struct api *api = http_request_context(r);
    struct events *e = api->events;
    struct buf names;
    buf_init(&names, FILTERS_MAX);
    if (http_accept(http_request_header(r, "Accept"), types) < 0) {
        http_problem(r, &(struct http_problem){.status = 406, .message = "events come as text/event-stream only"});
    } else if (filters(r, &names)) {
        if (http_request_method(r) == HTTP_HEAD_) {
            head(r);
            http_end(r, true);
        } else if (e->closed || e->count >= e->config.max) {
            refuse(r, e);
        } else {
            listen_to(r, e, &names);
        }
    }
    buf_done(&names);
}
