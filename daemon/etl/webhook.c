/* SPDX-License-Identifier: MIT */
#include "etl/webhook.h"

#include "base/clock.h"
#include "base/log.h"
#include "format/json_writer.h"
#include "loop/timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
    REST_FIRST_MS = 1000,
    REST_MAX_MS = 5 * 60 * 1000,
    ANSWER_MAX_MS = 30000, /* for one request */
    BODY_MAX = 2 * WEBHOOK_BYTES_MAX,
    LINES_MAX = 10, /* of `text` */
    ID_MAX = 40,
};

struct notice {
    struct list link;
    size_t json_len, line_len;
    char bytes[]; /* the JSON, then the line */
};

struct webhook {
    struct webhook_config config;
    const struct config_notify *settings;
    struct timer *timer; /* delaying, or resting */
    struct list waiting, sending;
    unsigned n_waiting, n_sending, left_out;
    unsigned told_left_out; /* of left_out, by this body */
    size_t bytes;           /* of all notices */
    struct buf body;
    char id[ID_MAX]; /* of the body */
    struct transfer *transfer;
    unsigned tries;
    int64_t first_ms; /* the first try of this body */
    uint64_t bodies;
    uint32_t run; /* tells the ids of this one from those of others */
    bool told;    /* that it cannot be reached */
};

static struct notice *notice_of(struct list *l)
{
    return container_of(l, struct notice, link);
}

static void count(struct webhook *w, enum counter_id id, unsigned n)
{
    counters_add(w->config.counters, id, n);
}

static void forget(struct webhook *w, struct list *all, unsigned *n)
{
    for (list_each(l, next, all)) {
        w->bytes -= notice_of(l)->json_len + notice_of(l)->line_len;
        list_remove(l);
        free(notice_of(l));
    }
    counters_add(w->config.counters, COUNTER_NOTIFICATIONS_QUEUED, -(int64_t)*n);
    *n = 0;
}

/* ---- the body ---- */

/* For chat services, which show this member: a line a notice. */
static void write_text(struct webhook *w, struct json_writer *json)
{
    struct buf text;
    buf_init(&text, BODY_MAX);
    unsigned lines = 0;
    for (list_each(l, next, &w->sending)) {
        const struct notice *n = notice_of(l);
        if (++lines > LINES_MAX) break;
        if (lines > 1) buf_putc(&text, '\n');
        buf_append(&text, n->bytes + n->json_len, n->line_len);
    }
    if (w->n_sending > LINES_MAX) buf_printf(&text, "\n… and %u more", w->n_sending - LINES_MAX);
    if (w->left_out) buf_printf(&text, "\n%u notifications were left out", w->left_out);
    json_write_field_slice(json, "text", buf_check(&text) == 0 ? buf_slice(&text) : SLICE(""));
    buf_done(&text);
}

static void write_body(struct webhook *w)
{
    struct json_writer json;
    char now[CLOCK_ISO_MAX];
    clock_iso(clock_real_us(), now);
    buf_reset(&w->body);
    json_writer_init(&json, &w->body);
    json_write_object(&json);
    json_write_field_text(&json, "id", w->id);
    json_write_field_text(&json, "at", now);
    write_text(w, &json);
    json_write_field_int(&json, "left_out", w->left_out);
    w->told_left_out = w->left_out;
    json_write_key(&json, "events");
    json_write_array(&json);
    for (list_each(l, next, &w->sending))
        json_write_raw(&json, (struct slice){notice_of(l)->bytes, notice_of(l)->json_len});
    json_write_end(&json);
    json_write_end(&json);
}

/* ---- sending ---- */

static void go_on(struct webhook *w)
{
    if (w->n_waiting > 0) timer_start(w->timer, w->settings->delay_ms);
}

/* What is being sent is over, one way or the other. */
static void settle(struct webhook *w, enum counter_id outcome)
{
    count(w, outcome, w->n_sending);
    if (outcome == COUNTER_NOTIFICATIONS_SENT) w->left_out -= w->told_left_out;
    forget(w, &w->sending, &w->n_sending);
    w->tries = 0;
    go_on(w);
}

/* Half of the doubled pause is fixed, the other half is drawn; the receiver's own wish counts, too. */
static int64_t rest_ms(const struct webhook *w, const struct transfer_answer *a)
{
    int64_t ms = REST_FIRST_MS, wish_s = transfer_retry_after_s(a);
    for (unsigned i = 1; i < w->tries && ms < REST_MAX_MS; i++)
        ms *= 2;
    if (ms > REST_MAX_MS) ms = REST_MAX_MS;
    uint32_t drawn = (uint32_t)clock_mono_us();
    ms = ms / 2 + (int64_t)(drawn % (uint64_t)(ms / 2 + 1));
    if (wish_s * 1000 > ms) ms = wish_s * 1000 < REST_MAX_MS ? wish_s * 1000 : REST_MAX_MS;
    return ms;
}

static bool may_pass(const struct transfer_answer *a)
{
    if (a->status != 0) return a->status == ERROR_CLOSED;
    return a->code == 408 || a->code == 425 || a->code == 429 || a->code >= 500;
}

static void describe(const struct transfer_answer *a, char *ret_text, size_t size)
{
    if (a->status != 0)
        snprintf(ret_text, size, "%s", a->why);
    else
        snprintf(ret_text, size, "it answered %d", a->code);
}

static void failed(struct webhook *w, const struct transfer_answer *a)
{
    char why[256];
    describe(a, why, sizeof why);
    if (!may_pass(a) || loop_now_ms(w->config.loop) - w->first_ms >= w->settings->retry_for_ms) {
        log_error("[notify %s]: %u notifications are dropped: %s", w->settings->name, w->n_sending, why);
        return settle(w, COUNTER_NOTIFICATIONS_DROPPED);
    }
    if (!w->told) log_warning("[notify %s] is tried again: %s", w->settings->name, why);
    w->told = true;
    count(w, COUNTER_NOTIFICATIONS_RETRIES, 1);
    timer_start(w->timer, rest_ms(w, a));
}

static void done(void *ctx, const struct transfer_answer *a)
{
    struct webhook *w = ctx;
    w->transfer = NULL;
    bool answered = a->status == 0 || a->status == ERROR_TOO_BIG; /* nobody reads what it says */
    if (!answered || a->code < 200 || a->code > 299) return failed(w, a);
    if (w->told) log_info("[notify %s] takes notifications again", w->settings->name);
    w->told = false;
    settle(w, COUNTER_NOTIFICATIONS_SENT);
}

static void post(struct webhook *w)
{
    char authorization[4096];
    const char *headers[] = {"Content-Type: application/json", "User-Agent: cetld/" CETLD_VERSION, authorization};
    bool known = *w->settings->token;
    int n = snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", w->settings->token);
    struct transfer_request request = {.method = "POST",
                                       .url = w->settings->target,
                                       .header = headers,
                                       .headers = known ? 3 : 2,
                                       .body = buf_slice(&w->body),
                                       .ca_file = w->settings->ca_file,
                                       .total_ms = ANSWER_MAX_MS,
                                       .done = done,
                                       .ctx = w};
    w->tries++;
    int r = buf_check(&w->body);
    if (r == 0 && n >= (int)sizeof authorization) r = -EINVAL;
    if (r == 0) r = transfer_start(w->config.transfers, &request, &w->transfer);
    if (known) explicit_bzero(authorization, sizeof authorization);
    if (r == 0) return;
    failed(w, &(struct transfer_answer){.status = r == -ENOMEM ? ERROR_CLOSED : r, .why = error_name(r)});
}

static void take(struct webhook *w)
{
    while (w->n_sending < WEBHOOK_TOGETHER && w->n_waiting > 0) {
        struct list *l = w->waiting.next;
        list_remove(l);
        list_append(&w->sending, l);
        w->n_waiting--;
        w->n_sending++;
    }
    snprintf(w->id, sizeof w->id, "%08x-%llu", w->run, (unsigned long long)++w->bodies);
    w->first_ms = loop_now_ms(w->config.loop);
    write_body(w);
}

static void on_timer(void *ctx)
{
    struct webhook *w = ctx;
    if (w->n_sending == 0) take(w);
    post(w);
}

/* ---- its outside ---- */

int webhook_new(const struct webhook_config *config, const struct config_notify *settings, struct webhook **ret_webhook)
{
    struct webhook *w = calloc(1, sizeof *w);
    if (!w) return -ENOMEM;
    w->config = *config;
    w->settings = settings;
    list_init(&w->waiting);
    list_init(&w->sending);
    buf_init(&w->body, BODY_MAX);
    if (getrandom(&w->run, sizeof w->run, GRND_NONBLOCK) < 0) w->run = (uint32_t)clock_real_us();
    int r = timer_new(config->loop, on_timer, w, &w->timer);
    if (r < 0) {
        free(w);
        return r;
    }
    *ret_webhook = w;
    return 0;
}

void webhook_free(struct webhook *w)
{
    if (!w) return;
    unsigned lost = w->n_waiting + w->n_sending;
    transfer_cancel(w->transfer);
    timer_free(w->timer);
    if (lost) log_warning("[notify %s]: %u notifications were not sent", w->settings->name, lost);
    count(w, COUNTER_NOTIFICATIONS_DROPPED, lost);
    forget(w, &w->sending, &w->n_sending);
    forget(w, &w->waiting, &w->n_waiting);
    buf_done(&w->body);
    free(w);
}

void webhook_set(struct webhook *w, const struct config_notify *settings)
{
    bool sooner = settings->delay_ms < w->settings->delay_ms, elsewhere = strcmp(settings->target, w->settings->target) != 0;
    w->settings = settings;
    if (elsewhere && w->n_sending > 0 && !w->transfer) {
        w->tries = 0;
        timer_start(w->timer, 0);
    }
    if (sooner && w->n_sending == 0) go_on(w); /* what waits already need not wait as long as was said before */
}

const char *webhook_name(const struct webhook *w)
{
    return w->settings->name;
}

static bool leave_out(struct webhook *w)
{
    w->left_out++;
    count(w, COUNTER_NOTIFICATIONS_DROPPED, 1);
    return false;
}

static bool put(struct webhook *w, struct slice json, size_t line_len, const char *line)
{
    size_t more = json.len + line_len;
    if (w->n_waiting + w->n_sending >= WEBHOOK_NOTICES_MAX || w->bytes + more > WEBHOOK_BYTES_MAX) return leave_out(w);
    struct notice *n = malloc(sizeof *n + more);
    if (!n) return leave_out(w);
    n->json_len = json.len;
    n->line_len = line_len;
    memcpy(n->bytes, json.p, json.len);
    memcpy(n->bytes + json.len, line, line_len);
    list_init(&n->link);
    list_append(&w->waiting, &n->link);
    w->n_waiting++;
    w->bytes += more;
    count(w, COUNTER_NOTIFICATIONS_QUEUED, 1);
    return true;
}

void webhook_add(struct webhook *w, struct slice json, const char *line)
{
    if (put(w, json, strlen(line), line) && w->n_sending == 0 && !timer_active(w->timer))
        timer_start(w->timer, w->settings->delay_ms);
}

bool webhook_hurry(struct webhook *w)
{
    bool first = w->n_sending == 0 && w->n_waiting > 0;
    if (first) timer_start(w->timer, 0);
    return first || w->transfer;
}
