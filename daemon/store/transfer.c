/* SPDX-License-Identifier: MIT */
#include "store/transfer.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "loop/timer.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdlib.h>

enum {
    CONNECTIONS = 16,
    HOST_CONNECTIONS = 4,
    CONNECT_MS = 10000,
    STALL_MS = 60000,
    HEADS_MAX = 64 * 1024,
    BLOCK = 256 * 1024, /* of a file, written at once */
};

struct transfers {
    struct transfers_config config;
    CURLM *multi;
    struct timer *timer;
    struct list all;     /* transfers */
    struct list watches; /* of sockets */
    bool globally;
};

/* A socket of libcurl's that the loop watches. */
struct watch {
    uv_poll_t poll;
    struct list link;
    struct transfers *all;
    curl_socket_t fd;
};

struct transfer {
    struct list link;
    struct transfers *all;
    struct transfer_request request;
    CURL *easy;
    struct curl_slist *headers;
    char words[CURL_ERROR_SIZE];
    struct buf heads, body;
    uint64_t bytes;
    int rc;          /* why it was broken off by us, or 0 */
    bool enough;     /* it was, but with an answer */
    int64_t head_us; /* when its head began to come */
    CURLcode code;   /* libcurl's verdict, once `over` */
    int into;        /* a duplicate of the request's, or -1 */
    struct worker_job job;
    struct buf filling, writing; /* blocks of the file */
    int write_rc;
    bool busy;   /* `writing` is with a worker */
    bool paused; /* until it is not */
    bool over;   /* libcurl is done with it */
    bool gone;   /* cancelled, while busy */
};

/* ---- sockets and time ---- */

static void drain(struct transfers *t);

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    struct transfers *t = w->all;
    int running;
    int what = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(t->multi, w->fd, status < 0 ? CURL_CSELECT_ERR : what, &running);
    drain(t);
}

static void watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void watch_free(struct watch *w)
{
    list_remove(&w->link);
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, watch_closed);
}

static struct watch *watch_new(struct transfers *t, curl_socket_t fd)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    if (uv_poll_init_socket(loop_uv(t->config.loop), &w->poll, fd) < 0) {
        free(w);
        return NULL;
    }
    w->poll.data = w;
    w->all = t;
    w->fd = fd;
    list_append(&t->watches, &w->link);
    return w;
}

/* The signature is libcurl's. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *at)
{
    (void)easy;
    struct transfers *t = ctx;
    struct watch *w = at;
    if (what == CURL_POLL_REMOVE) {
        if (w) watch_free(w);
        curl_multi_assign(t->multi, fd, NULL);
        return 0;
    }
    if (!w) w = watch_new(t, fd);
    if (!w) return -1;
    curl_multi_assign(t->multi, fd, w);
    uv_poll_start(&w->poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0), on_poll);
    return 0;
}

static void on_time(void *ctx)
{
    struct transfers *t = ctx;
    int running;
    curl_multi_socket_action(t->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    drain(t);
}

/* libcurl calls this in the middle of its work: only note it. */
static int on_timer(CURLM *multi, long ms, void *ctx)
{
    (void)multi;
    struct transfers *t = ctx;
    if (ms < 0) {
        timer_stop(t->timer);
    } else {
        timer_start(t->timer, ms > 0 ? ms : 1);
    }
    return 0;
}

/* ---- the end of one ---- */

static void transfer_free(struct transfer *one)
{
    list_remove(&one->link);
    if (one->easy) curl_easy_cleanup(one->easy);
    curl_slist_free_all(one->headers);
    buf_done(&one->heads);
    buf_done(&one->body);
    buf_done(&one->filling);
    buf_done(&one->writing);
    if (one->into >= 0) close(one->into);
    free(one);
}

static int status_of(const struct transfer *one)
{
    if (one->rc < 0) return one->rc == -ETIMEDOUT ? ERROR_CLOSED : one->rc;
    if (one->enough) return 0;
    switch (one->code) {
    case CURLE_OK: return 0;
    case CURLE_OUT_OF_MEMORY: return -ENOMEM;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_TOO_MANY_REDIRECTS: return ERROR_REFUSED;
    default: return ERROR_CLOSED;
    }
}

static void finish(struct transfer *one)
{
    struct transfer_answer a = {
        .status = status_of(one), .body = buf_slice(&one->body), .bytes = one->bytes, .heads = buf_slice(&one->heads)};
    long code = 0;
    char *url = NULL;
    curl_easy_getinfo(one->easy, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(one->easy, CURLINFO_EFFECTIVE_URL, &url);
    a.code = (int)code;
    a.url = url ? url : "";
    const char *words = one->words[0] ? one->words : curl_easy_strerror(one->code);
    a.why = a.status == 0 ? "" : one->rc < 0 ? error_name(one->rc) : words;
    one->request.done(one->request.ctx, &a);
    transfer_free(one);
}

static void end(struct transfer *one, CURLcode code)
{
    curl_multi_remove_handle(one->all->multi, one->easy);
    one->code = code;
    one->over = true;
}

/* ---- what comes into a file ---- */

static void write_run(struct worker_job *job)
{
    struct transfer *one = container_of(job, struct transfer, job);
    one->write_rc = fs_keeps_free(one->into, one->request.min_free, one->writing.len);
    if (one->write_rc == 0) one->write_rc = fs_write_all(one->into, one->writing.data, one->writing.len);
}

static void write_done(struct worker_job *job);

static void write_submit(struct transfer *one)
{
    struct buf b = one->writing;
    one->writing = one->filling;
    one->filling = b;
    one->job = (struct worker_job){.run = write_run, .done = write_done, .priority = WORKER_NORMAL};
    one->busy = true;
    workers_submit(one->all->config.workers, &one->job);
}

/* Once libcurl is done: what is left goes to the file, then the owner hears of it. */
static void settle(struct transfer *one)
{
    if (one->busy) return;
    if (one->rc == 0 && one->filling.len > 0) return write_submit(one);
    finish(one);
}

static void write_done(struct worker_job *job)
{
    struct transfer *one = container_of(job, struct transfer, job);
    one->busy = false;
    if (one->gone) return transfer_free(one);
    buf_reset(&one->writing);
    if (one->write_rc < 0 && one->rc == 0) {
        one->rc = one->write_rc;
        if (!one->over) end(one, CURLE_WRITE_ERROR);
    }
    if (one->over) return settle(one);
    if (!one->paused) return;
    one->paused = false;
    struct transfers *t = one->all;
    /* It hands on what it holds at once, and a refusal of that is told here and never again. */
    CURLcode code = curl_easy_pause(one->easy, CURLPAUSE_CONT);
    if (code == CURLE_OK) return drain(t);
    end(one, code);
    settle(one);
}

static size_t keep_block(struct transfer *one, const char *p, size_t n)
{
    if (one->filling.len > 0 && one->filling.len + n > BLOCK) {
        if (one->busy) {
            one->paused = true;
            return CURL_WRITEFUNC_PAUSE;
        }
        write_submit(one);
    }
    buf_append(&one->filling, p, n);
    one->rc = buf_check(&one->filling);
    one->bytes += n;
    return one->rc < 0 ? 0 : n;
}

/* ---- libcurl's callbacks of one ---- */

static bool is_wanted(struct transfer *one)
{
    long code = 0;
    curl_easy_getinfo(one->easy, CURLINFO_RESPONSE_CODE, &code);
    return code >= 200 && code <= 299;
}

/* A byte now and then is no stall, and never ends. */
static bool is_late(const struct transfer *one, int64_t stalls)
{
    int64_t stall_ms = one->request.stall_ms > 0 ? one->request.stall_ms : STALL_MS;
    return clock_mono_us() - one->head_us > stalls * stall_ms * 1000;
}

static size_t break_off(struct transfer *one, int rc)
{
    one->rc = rc;
    return 0;
}

static size_t on_body(char *p, size_t size, size_t items, void *ctx)
{
    struct transfer *one = ctx;
    size_t n = size * items;
    bool wanted = is_wanted(one), into_file = wanted && one->into >= 0;
    if (one->rc < 0) return 0;
    uint64_t max = one->request.answer_max;
    if (max == 0 || (!wanted && max > TRANSFER_ANSWER_MAX)) max = into_file ? UINT64_MAX : TRANSFER_ANSWER_MAX;
    if (wanted && n > max - one->bytes) return break_off(one, ERROR_TOO_BIG);
    if (into_file) return keep_block(one, p, n);
    if (wanted && is_late(one, TRANSFER_SLOW)) return break_off(one, -ETIMEDOUT);
    one->enough = !wanted && (one->bytes > TRANSFER_ANSWER_MAX || is_late(one, 1));
    if (one->enough) return 0;
    size_t keep = one->body.len < max && n > max - one->body.len ? max - one->body.len : one->body.len < max ? n : 0;
    buf_append(&one->body, p, keep);
    one->rc = buf_check(&one->body);
    one->bytes += n;
    return one->rc < 0 ? 0 : n;
}

/* Each redirect has a head of its own, and so have 100s: the last one counts. */
static size_t on_head(char *p, size_t size, size_t items, void *ctx)
{
    struct transfer *one = ctx;
    size_t n = size * items;
    if (slice_starts((struct slice){p, n}, SLICE("HTTP/"))) {
        buf_reset(&one->heads);
        one->head_us = clock_mono_us();
    }
    /* Behind the body there may be more, of however long a download. */
    if (one->bytes == 0 && is_late(one, TRANSFER_SLOW)) return break_off(one, -ETIMEDOUT);
    buf_append(&one->heads, p, n);
    one->rc = buf_check(&one->heads);
    return one->rc < 0 ? 0 : n;
}

static void drain(struct transfers *t)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(t->multi, &left));) {
        if (m->msg != CURLMSG_DONE) continue;
        struct transfer *one = NULL;
        CURLcode code = m->data.result; /* m is gone with its handle */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&one);
        end(one, code);
        settle(one);
    }
}

/* ---- starting one ---- */

static int add_header(struct transfer *one, const char *line)
{
    struct curl_slist *more = curl_slist_append(one->headers, line);
    if (!more) return -ENOMEM;
    one->headers = more;
    return 0;
}

static int add_headers(struct transfer *one)
{
    const struct transfer_request *q = &one->request;
    if (q->headers > TRANSFER_HEADERS_MAX) return -ENOMEM;
    int r = add_header(one, "Expect:"); /* an answer would be waited for before the body */
    if (r == 0) r = add_header(one, "Content-Type:");
    for (size_t i = 0; r == 0 && i < q->headers; i++) {
        if (strpbrk(q->header[i], "\r\n")) return -EINVAL;
        /* libcurl sends all of a name: one that says the type itself takes the place of ours. */
        if (strncasecmp(q->header[i], "content-type:", 13) == 0) {
            free(one->headers->next->data);
            one->headers->next->data = strdup(q->header[i]);
            r = one->headers->next->data ? 0 : -ENOMEM;
        } else {
            r = add_header(one, q->header[i]);
        }
    }
    return r;
}

static void set_method(const struct transfer *one)
{
    const struct transfer_request *q = &one->request;
    bool has_body = strcmp(q->method, "PUT") == 0 || strcmp(q->method, "POST") == 0 || q->body.len > 0;
    if (has_body) {
        curl_easy_setopt(one->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len);
        curl_easy_setopt(one->easy, CURLOPT_POSTFIELDS, q->body.p ? q->body.p : "");
    } else if (strcmp(q->method, "HEAD") == 0) {
        curl_easy_setopt(one->easy, CURLOPT_NOBODY, 1L);
    }
    if (strcmp(q->method, "GET") != 0 && strcmp(q->method, "HEAD") != 0)
        curl_easy_setopt(one->easy, CURLOPT_CUSTOMREQUEST, q->method);
}

static void set_limits(const struct transfer *one)
{
    const struct transfer_request *q = &one->request;
    int64_t stall_ms = q->stall_ms > 0 ? q->stall_ms : STALL_MS;
    unsigned redirects = q->redirects < TRANSFER_REDIRECTS_MAX ? q->redirects : TRANSFER_REDIRECTS_MAX;
    bool secure = strncasecmp(q->url, "https:", 6) == 0;
    curl_easy_setopt(one->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(one->easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    curl_easy_setopt(one->easy, CURLOPT_FOLLOWLOCATION, redirects > 0 ? 1L : 0L);
    curl_easy_setopt(one->easy, CURLOPT_MAXREDIRS, (long)redirects);
    curl_easy_setopt(one->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(q->connect_ms > 0 ? q->connect_ms : CONNECT_MS));
    curl_easy_setopt(one->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(one->easy, CURLOPT_LOW_SPEED_TIME, (long)((stall_ms + 999) / 1000));
    curl_easy_setopt(one->easy, CURLOPT_TIMEOUT_MS, (long)q->total_ms);
    if (q->direct) curl_easy_setopt(one->easy, CURLOPT_PROXY, "");
    if (q->ca_file && q->ca_file[0]) curl_easy_setopt(one->easy, CURLOPT_CAINFO, q->ca_file);
}

static int set_up(struct transfer *one)
{
    int r = add_headers(one);
    if (r < 0) return r;
    one->easy = curl_easy_init();
    if (!one->easy) return -ENOMEM;
    curl_easy_setopt(one->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(one->easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(one->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(one->easy, CURLOPT_USERAGENT, "cetld/" CETLD_VERSION);
    curl_easy_setopt(one->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(one->easy, CURLOPT_ERRORBUFFER, one->words);
    curl_easy_setopt(one->easy, CURLOPT_PRIVATE, one);
    curl_easy_setopt(one->easy, CURLOPT_HTTPHEADER, one->headers);
    curl_easy_setopt(one->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(one->easy, CURLOPT_WRITEDATA, one);
    curl_easy_setopt(one->easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(one->easy, CURLOPT_HEADERDATA, one);
    set_method(one);
    set_limits(one);
    if (curl_easy_setopt(one->easy, CURLOPT_URL, one->request.url) != CURLE_OK) return -ENOMEM; /* copied by libcurl */
    return curl_multi_add_handle(one->all->multi, one->easy) == CURLM_OK ? 0 : -ENOMEM;
}

int transfer_start(struct transfers *t, const struct transfer_request *request, struct transfer **ret_transfer)
{
    struct transfer *one = calloc(1, sizeof *one);
    if (!one) return -ENOMEM;
    *one = (struct transfer){.all = t, .request = *request, .into = -1};
    buf_init(&one->heads, HEADS_MAX);
    buf_init(&one->body, SIZE_MAX / 2); /* on_body has the ceiling */
    buf_init(&one->filling, SIZE_MAX / 2);
    buf_init(&one->writing, SIZE_MAX / 2);
    list_append(&t->all, &one->link);
    int r = 0;
    if (request->into) {
        one->into = fcntl(*request->into, F_DUPFD_CLOEXEC, 3);
        if (one->into < 0) r = -errno;
    }
    if (r == 0) r = set_up(one);
    if (r < 0) {
        transfer_free(one);
        return r;
    }
    one->request.url = one->request.method = NULL; /* the caller's */
    one->request.header = NULL;
    one->request.into = NULL;
    *ret_transfer = one;
    return 0;
}

void transfer_cancel(struct transfer *one)
{
    if (!one) return;
    if (!one->over) curl_multi_remove_handle(one->all->multi, one->easy);
    if (!one->busy) return transfer_free(one);
    curl_easy_cleanup(one->easy);
    one->easy = NULL;
    one->gone = true;
    list_remove(&one->link); /* the rest of it goes with the worker's job */
}

/* ---- all of them ---- */

int transfers_new(const struct transfers_config *config, struct transfers **ret_transfers)
{
    struct transfers *t = calloc(1, sizeof *t);
    if (!t) return -ENOMEM;
    t->config = *config;
    list_init(&t->all);
    list_init(&t->watches);
    int r = timer_new(config->loop, on_time, t, &t->timer);
    if (r == 0) t->globally = curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK;
    if (t->globally) t->multi = curl_multi_init();
    if (!t->multi) {
        transfers_free(t);
        return r < 0 ? r : -ENOMEM;
    }
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
    curl_multi_setopt(t->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)(config->connections ? config->connections : CONNECTIONS));
    curl_multi_setopt(t->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                      (long)(config->host_connections ? config->host_connections : HOST_CONNECTIONS));
    *ret_transfers = t;
    return 0;
}

void transfers_free(struct transfers *t)
{
    if (!t) return;
    for (list_each(l, next, &t->all))
        transfer_cancel(container_of(l, struct transfer, link));
    if (t->multi) curl_multi_cleanup(t->multi);
    for (list_each(l, next, &t->watches))
        watch_free(container_of(l, struct watch, link));
    timer_free(t->timer);
    if (t->globally) curl_global_cleanup();
    free(t);
}

/* ---- answers ---- */

struct slice transfer_header(const struct transfer_answer *answer, const char *name)
{
    for (struct slice rest = answer->heads; rest.p;) {
        struct slice line = slice_cut(&rest, '\n'), value = line;
        struct slice key = slice_cut(&value, ':');
        if (value.p && slice_equal_nocase(slice_trim(key), slice_of(name))) return slice_trim(value);
    }
    return (struct slice){NULL, 0};
}

int64_t transfer_retry_after_s(const struct transfer_answer *answer)
{
    int64_t s;
    struct slice value = transfer_header(answer, "Retry-After");
    return value.p && num_parse_i64(value, &s) == 0 && s >= 0 ? s : -1;
}
