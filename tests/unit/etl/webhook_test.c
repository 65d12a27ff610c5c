/* SPDX-License-Identifier: MIT */
#include "../http/bench.h"
#include "etl/notices.h"

/* A receiver on the same loop: it keeps the bodies, and answers what it is told to, or when the test says so. */
struct subject {
    struct bench bench; /* first: handlers are given it as their context */
    struct transfers *transfers;
    struct workers *workers;
    struct counters counters;
    struct webhook_config config;
    struct config_notify settings;
    char url[64];
    struct buf bodies; /* one behind the other, each with a line end */
    unsigned posts;
    int status; /* of the answers; 0: none yet */
};

static void on_post(struct http_request *r)
{
    struct subject *s = http_request_context(r);
    s->posts++;
    buf_put(&s->bodies, http_request_body(r));
    buf_putc(&s->bodies, '\n');
    if (s->status)
        http_answer(r, s->status, "text/plain", SLICE("x"));
    else
        s->bench.later[s->bench.laters++] = r;
}

static const struct http_route routes[] = {{HTTP_POST_, "/hook", on_post}, {0}};
static const struct http_limits limits = {.header_max = 4096,
                                          .body_max = 1 << 20,
                                          .queue_max = 1 << 20,
                                          .header_timeout_ms = 20000,
                                          .idle_timeout_ms = 20000,
                                          .connections = 10};

static void setup(struct subject *s)
{
    *s = (struct subject){.status = 200};
    bench_start(&s->bench, routes, &limits);
    buf_init(&s->bodies, 8 << 20);
    assert_int_equal(workers_new(s->bench.loop, 1, 0, &s->workers), 0);
    assert_int_equal(transfers_new(&(struct transfers_config){.loop = s->bench.loop, .workers = s->workers}, &s->transfers), 0);
    s->config = (struct webhook_config){.loop = s->bench.loop, .transfers = s->transfers, .counters = &s->counters};
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d/hook", s->bench.port);
    s->settings = (struct config_notify){.name = "team",
                                         .url = s->url,
                                         .target = s->url,
                                         .token = "",
                                         .url_file = "",
                                         .token_file = "",
                                         .ca_file = "",
                                         .retry_for_ms = 60000};
}

static void teardown(struct subject *s)
{
    transfers_free(s->transfers);
    workers_free(s->workers);
    buf_done(&s->bodies);
    bench_stop(&s->bench);
}

static int64_t count(const struct subject *s, enum counter_id id)
{
    return counters_get(&s->counters, id);
}

static struct webhook *make(struct subject *s)
{
    struct webhook *w;
    assert_int_equal(webhook_new(&s->config, &s->settings, &w), 0);
    return w;
}

static void notices_of_a_moment_are_sent_together_in_their_order(void **state)
{
    (void)state;
    struct subject s;
    setup(&s);
    struct webhook *w = make(&s);
    for (int i = 0; i < WEBHOOK_TOGETHER + 3; i++) {
        char json[32], line[32];
        snprintf(json, sizeof json, "{\"n\":%d}", i);
        snprintf(line, sizeof line, "line %d", i);
        webhook_add(w, slice_of(json), line);
    }
    assert_int_equal(s.posts, 0);
    bench_until(&s.bench, count(&s, COUNTER_NOTIFICATIONS_SENT) == WEBHOOK_TOGETHER + 3);
    assert_int_equal(s.posts, 2);
    assert_int_equal(count(&s, COUNTER_NOTIFICATIONS_QUEUED), 0);
    assert_true(bench_has(
        &s.bodies,
        "\"text\":\"line 0\\nline 1\\nline 2\\nline 3\\nline 4\\nline 5\\nline 6\\nline 7\\nline 8\\nline 9\\n… and 40 more\""));
    assert_true(bench_has(&s.bodies, "\"events\":[{\"n\":0},{\"n\":1},{\"n\":2},"));
    assert_true(bench_has(&s.bodies, "{\"n\":49}]}\n"));
    assert_true(bench_has(&s.bodies, "\"events\":[{\"n\":50},{\"n\":51},{\"n\":52}]}\n"));
    webhook_free(w);
    teardown(&s);
}

static void what_does_not_fit_is_left_out_and_told(void **state)
{
    (void)state;
    struct subject s;
    setup(&s);
    s.status = 0;
    struct webhook *w = make(&s);
    webhook_add(w, SLICE("{}"), "first");
    bench_until(&s.bench, s.posts == 1);
    for (int i = 0; i < WEBHOOK_NOTICES_MAX + 9; i++)
        webhook_add(w, SLICE("{}"), "more");
    assert_int_equal(count(&s, COUNTER_NOTIFICATIONS_QUEUED), WEBHOOK_NOTICES_MAX);
    assert_int_equal(count(&s, COUNTER_NOTIFICATIONS_DROPPED), 10);
    s.status = 200;
    http_answer(s.bench.later[0], 200, NULL, SLICE(""));
    bench_until(&s.bench, count(&s, COUNTER_NOTIFICATIONS_QUEUED) == 0);
    assert_int_equal(count(&s, COUNTER_NOTIFICATIONS_SENT), WEBHOOK_NOTICES_MAX);
    assert_int_equal(bench_count(&s.bodies, "\"left_out\":10,"), 1);
    assert_int_equal(bench_count(&s.bodies, "\"left_out\":0,"), s.posts - 1);
    webhook_free(w);
    teardown(&s);
}

static void bytes_are_bounded_too(void **state)
{
    (void)state;
    struct subject s;
    setup(&s);
    s.settings.delay_ms = 3600000;
    struct webhook *w = make(&s);
    static char json[10000];
    memset(json, ' ', sizeof json - 1);
    for (int i = 0; i < 100; i++)
        webhook_add(w, slice_of(json), "");
    assert_int_equal(count(&s, COUNTER_NOTIFICATIONS_QUEUED), WEBHOOK_BYTES_MAX / (sizeof json - 1));
    assert_int_equal(count(&s, COUNTER_NOTIFICATIONS_DROPPED), 100 - WEBHOOK_BYTES_MAX / (sizeof json - 1));
    webhook_free(w);
    assert_int_equal(count(&s, COUNTER_NOTIFICATIONS_QUEUED), 0);
    assert_int_equal(count(&s, COUNTER_NOTIFICATIONS_DROPPED), 100);
    teardown(&s);
}

static void refusal_drops_that_body_only(void **state)
{
    (void)state;
    struct subject s;
    setup(&s);
    s.status = 400;
    struct webhook *w = make(&s);
    webhook_add(w, SLICE("{}"), "a");
    bench_until(&s.bench, count(&s, COUNTER_NOTIFICATIONS_DROPPED) == 1);
    s.status = 204;
    webhook_add(w, SLICE("{}"), "b");
    bench_until(&s.bench, count(&s, COUNTER_NOTIFICATIONS_SENT) == 1);
    assert_int_equal(count(&s, COUNTER_NOTIFICATIONS_RETRIES), 0);
    webhook_free(w);
    teardown(&s);
}

static void may_be_freed_while_its_request_is_under_way_or_it_rests(void **state)
{
    (void)state;
    struct subject s;
    setup(&s);
    s.status = 0;
    struct webhook *w = make(&s);
    webhook_add(w, SLICE("{}"), "a");
    bench_until(&s.bench, s.posts == 1);
    webhook_free(w);
    s.status = 503;
    w = make(&s);
    webhook_add(w, SLICE("{}"), "b");
    bench_until(&s.bench, count(&s, COUNTER_NOTIFICATIONS_RETRIES) == 1);
    webhook_free(w);
    assert_int_equal(count(&s, COUNTER_NOTIFICATIONS_DROPPED), 2);
    teardown(&s);
}

/* ---- who is told of what ---- */

static struct config *configure(const struct subject *s, const char *more)
{
    char text[512];
    struct mistakes m;
    struct config *c;
    snprintf(text, sizeof text, "[notify a]\nurl = %s\ndelay = 0\n%s", s->url, more);
    mistakes_init(&m);
    assert_int_equal(config_parse("test", slice_of(text), &m, &c), 0);
    mistakes_done(&m);
    return c;
}

static void tell(struct observers *os, const char *dataset, const char *state)
{
    observers_file(os, &(struct observed_file){.dataset = dataset, .name = "f.csv", .state = state, .why = "why"});
}

static void receiver_is_told_of_its_states_and_datasets(void **state)
{
    (void)state;
    struct subject s;
    struct observers os;
    struct notices *n;
    setup(&s);
    observers_init(&os);
    struct config *c =
        configure(&s, "datasets = orders_*, sales\n[notify b]\nurl = http://127.0.0.1:1/\non = loaded\ndelay = 1h\n");
    assert_int_equal(notices_new(&s.config, &os, c, &n), 0);
    static const char *const states[] = {"queued",    "waiting", "loading",    "committing", "loaded",
                                         "duplicate", "failed",  "unreadable", "unloaded"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        tell(&os, "orders_1", states[i]);
        tell(&os, "orders", states[i]);
        tell(&os, "sales", states[i]);
    }
    assert_int_equal(count(&s, COUNTER_NOTIFICATIONS_QUEUED), 2 * 3 + 3); /* loaded is for b, and of every dataset */
    bench_until(&s.bench, count(&s, COUNTER_NOTIFICATIONS_SENT) == 6);
    assert_int_equal(bench_count(&s.bodies, "\"state\":\"failed\""), 2);
    assert_int_equal(bench_count(&s.bodies, "\"state\":\"waiting\""), 2);
    assert_int_equal(bench_count(&s.bodies, "\"state\":\"unreadable\""), 2);
    assert_int_equal(bench_count(&s.bodies, "\"dataset\":\"orders\""), 0);

    /* b is gone, with what waited; a is another one, and the same. */
    struct config *fresh = configure(&s, "on = loaded\n");
    assert_int_equal(notices_set_config(n, fresh), 0);
    assert_int_equal(count(&s, COUNTER_NOTIFICATIONS_DROPPED), 3);
    tell(&os, "orders", "failed");
    tell(&os, "orders", "loaded");
    bench_until(&s.bench, count(&s, COUNTER_NOTIFICATIONS_SENT) == 7);
    config_unref(c);
    config_unref(fresh);
    notices_free(n);
    tell(&os, "orders", "loaded");
    teardown(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notices_of_a_moment_are_sent_together_in_their_order),
        cmocka_unit_test(what_does_not_fit_is_left_out_and_told),
        cmocka_unit_test(bytes_are_bounded_too),
        cmocka_unit_test(refusal_drops_that_body_only),
        cmocka_unit_test(may_be_freed_while_its_request_is_under_way_or_it_rests),
        cmocka_unit_test(receiver_is_told_of_its_states_and_datasets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
