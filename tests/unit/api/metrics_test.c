/* SPDX-License-Identifier: MIT */
#include "../http/bench.h"
#include "api/access.h"
#include "api/api.h"
#include "api/dataset_counts.h"
#include "api/metrics.h"
#include "base/name.h"
#include "config/config.h"
#include "config/ini.h"
#include "format/metrics_text.h"

static const struct http_limits limits = {
    .header_max = 4096,
    .body_max = 4096,
    .queue_max = 1 << 20,
    .header_timeout_ms = 20000,
    .idle_timeout_ms = 20000,
    .connections = 10,
};

static const struct http_route routes[] = {{HTTP_GET_, "/metrics", metrics_get}, {0}};

static void get_metrics(struct counters *counters, struct buf *ret_answer)
{
    struct bench b;
    struct api api = {.counters = counters};
    bench_start(&b, routes, &limits);
    b.router.ctx = &api;
    buf_init(ret_answer, 1 << 20);
    bench_expect(&b, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, ret_answer);
    bench_stop(&b);
}

static void every_counter_is_there_even_at_its_longest(void **state)
{
    (void)state;
    struct counters counters;
    struct buf in;
    for (int id = 0; id < COUNTER_N; id++)
        counters_set(&counters, (enum counter_id)id, INT64_MIN + id);
    get_metrics(&counters, &in);
    assert_true(bench_has(&in, "Content-Type: " METRICS_TEXT_TYPE "\r\n"));
    for (int id = 0; id < COUNTER_N; id++) {
        char line[128];
        snprintf(line, sizeof line, "\n%s %lld\n", counters_info((enum counter_id)id)->name, (long long)(INT64_MIN + id));
        if (!bench_has(&in, line)) fail_msg("not there: %s", line);
    }
    buf_done(&in);
}

/* What stands behind the last `c`. */
static struct slice slice_cut_last(struct slice s, char c)
{
    const char *last = memrchr(s.p, c, s.len);
    return last ? (struct slice){last + 1, s.len - (size_t)(last + 1 - s.p)} : s;
}

/* The exposition format: a line is a comment or a sample "name{labels} number"; HELP and TYPE once a family, before its samples. */
static void body_is_prometheus_text(void **state)
{
    (void)state;
    struct counters counters = {0};
    struct buf in;
    get_metrics(&counters, &in);
    struct slice rest = slice_of(strstr(buf_cstr(&in), "\r\n\r\n") + 4);
    assert_true(slice_ends(rest, SLICE("\n")));
    struct slice family = {0};
    unsigned samples = 0;
    while (rest.len > 0) {
        struct slice line = slice_cut(&rest, '\n');
        struct slice words = line, name = slice_cut(&words, ' '); /* no label of these has a blank */
        if (slice_equal(name, SLICE("#"))) {
            struct slice kind = slice_cut(&words, ' ');
            struct slice of = slice_cut(&words, ' ');
            assert_true(words.len > 0);
            if (slice_equal(kind, SLICE("TYPE")))
                assert_true(slice_equal(words, SLICE("counter")) || slice_equal(words, SLICE("gauge")) ||
                            slice_equal(words, SLICE("histogram")));
            assert_int_equal(slice_equal(of, family), slice_equal(kind, SLICE("TYPE"))); /* HELP opens a family, TYPE follows */
            family = of;
            continue;
        }
        name.len = strcspn(name.p, "{ ");
        assert_true(slice_starts(name, family));
        words = slice_cut_last(line, ' ');
        assert_int_equal(strspn(words.p, "0123456789."), words.len);
        samples++;
    }
    assert_true(samples >= COUNTER_N + HISTOGRAM_N * (HISTOGRAM_BOUNDS + 3));
    assert_true(bench_has(&in, "cetl_build_info{version=\"" CETLD_VERSION "\","));
    buf_done(&in);
}

/* As many as a configuration can have, with the longest names. */
static void as_many_datasets_as_there_can_be_fit(void **state)
{
    (void)state;
    enum { DATASETS = INI_SECTIONS_MAX };
    struct bench b;
    struct buf in;
    struct observers observers;
    struct counters counters = {0};
    struct api api = {.counters = &counters};
    struct config_dataset *dataset = calloc(DATASETS, sizeof *dataset);
    char(*name)[NAME_MAX_BYTES + 1] = calloc(DATASETS, sizeof *name);
    struct config config = {.datasets = dataset, .n_datasets = DATASETS, .api.anonymous = CONFIG_ANONYMOUS_READ};
    for (int i = 0; i < DATASETS; i++) {
        snprintf(name[i], sizeof name[i], "%0*d", NAME_MAX_BYTES, i);
        dataset[i].name = name[i];
    }
    api.config = &config;
    observers_init(&observers);
    assert_int_equal(dataset_counts_new(&observers, &api.dataset_counts), 0);
    assert_int_equal(dataset_counts_declare(api.dataset_counts, &config), 0);
    bench_start(&b, routes, &limits);
    b.router.ctx = &api;
    b.router.guard = access_guard;
    buf_init(&in, 64 << 20);
    bench_expect(&b, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 200, &in);
    assert_true(bench_has(&in, name[0]) && bench_has(&in, name[DATASETS - 1]));
    bench_stop(&b);
    buf_done(&in);
    dataset_counts_free(api.dataset_counts);
    free(dataset), free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter_is_there_even_at_its_longest),
        cmocka_unit_test(body_is_prometheus_text),
        cmocka_unit_test(as_many_datasets_as_there_can_be_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
