/* SPDX-License-Identifier: MIT */
/*
 * A load of HTTP requests: http HOST:PORT SECONDS CONNECTIONS RATE CPU FILE [BYTES/S]
 *
 * CONNECTIONS are kept open, one request under way on each, the targets of FILE (one a line) in turn. RATE 0: the next request goes
 * as soon as an answer is there; else so many begin a second, and each is timed from when it was due, so that waiting counts; this
 * program then has real-time priority, where it may, since a client elsewhere does not wait for this machine's cores.
 * CPU: the core to stay on, or -1. BYTES/S: how fast each connection reads. A line of FILE may have a second word: If-None-Match.
 *
 * Prints one JSON object: requests, seconds, bytes of answers, statuses, microseconds at percentiles.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, READ_BYTES = 65536, HEAD_MAX = 16384, SAMPLES = 4 << 20 };

struct request {
    char *text;
    size_t len;
};
struct conn {
    int fd;
    bool busy;
    int64_t due_ns, began_ns;
    /* of the answer that comes */
    char head[HEAD_MAX];
    size_t head_len;
    bool in_body, chunked;
    int64_t body_left; /* of a body with a length */
    char tail[5];      /* of a chunked one */
    uint64_t bytes;
    int status;
};

static struct request *requests;
static size_t n_requests, next_request;
static uint64_t done, statuses[6], total_bytes;
static uint32_t *samples;
static size_t n_samples;
static int64_t slow_bytes;
static int loop_fd;

static void die(const char *what)
{
    fprintf(stderr, "http: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void read_requests(const char *path, const char *host)
{
    FILE *f = fopen(path, "r");
    char line[8192], text[16384];
    if (!f) die(path);
    while (fgets(line, sizeof line, f)) {
        char *target = strtok(line, " \n"), *etag = strtok(NULL, " \n");
        if (!target) continue;
        int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", target, host,
                         etag ? "If-None-Match: " : "", etag ? etag : "", etag ? "\r\n" : "");
        requests = realloc(requests, (n_requests + 1) * sizeof *requests);
        if (!requests) die("memory");
        requests[n_requests++] = (struct request){strdup(text), (size_t)n};
    }
    fclose(f);
    if (n_requests == 0) die("no targets");
}

static int connect_to(const char *address)
{
    char host[64];
    const char *colon = strrchr(address, ':');
    snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
    inet_pton(AF_INET, host, &a.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (slow_bytes) {
        int small = 65536;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void send_next(struct conn *c, int64_t due_ns)
{
    const struct request *r = &requests[next_request];
    next_request = (next_request + 1) % n_requests;
    c->busy = true;
    c->began_ns = now_ns();
    c->due_ns = due_ns ? due_ns : c->began_ns;
    c->head_len = 0;
    c->in_body = c->chunked = false;
    c->bytes = 0;
    memset(c->tail, 0, sizeof c->tail);
    if (send(c->fd, r->text, r->len, MSG_NOSIGNAL) != (ssize_t)r->len) die("send");
}

static void read_head(struct conn *c)
{
    c->head[c->head_len] = '\0';
    c->status = atoi(c->head + 9);
    const char *len = strcasestr(c->head, "\r\nContent-Length:");
    c->chunked = strcasestr(c->head, "\r\nTransfer-Encoding: chunked");
    c->body_left = len ? atoll(len + 17) : 0;
    c->in_body = true;
}

/* True: the answer is whole. */
static bool take(struct conn *c, const char *p, size_t n)
{
    c->bytes += n;
    if (!c->in_body) {
        size_t room = HEAD_MAX - 1 - c->head_len, part = n < room ? n : room;
        memcpy(c->head + c->head_len, p, part);
        c->head_len += part;
        char *end = memmem(c->head, c->head_len, "\r\n\r\n", 4);
        if (!end) return false;
        size_t head = (size_t)(end - c->head) + 4, before = c->head_len - part;
        c->head_len = head;
        p += head - before;
        n -= head - before;
        read_head(c);
    }
    if (!c->chunked) {
        c->body_left -= (int64_t)n;
        return c->body_left <= 0;
    }
    size_t keep = sizeof c->tail;
    if (n >= keep) {
        memcpy(c->tail, p + n - keep, keep);
    } else {
        memmove(c->tail, c->tail + n, keep - n);
        memcpy(c->tail + keep - n, p, n);
    }
    return memcmp(c->tail, "0\r\n\r\n", keep) == 0;
}

static void finish(struct conn *c)
{
    int64_t us = (now_ns() - c->due_ns) / 1000;
    c->busy = false;
    done++;
    total_bytes += c->bytes;
    statuses[c->status >= 100 && c->status < 600 ? c->status / 100 : 0]++;
    if (n_samples < SAMPLES) samples[n_samples++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* True: an answer came to its end. */
static bool read_some(struct conn *c)
{
    static char buf[READ_BYTES];
    size_t want = slow_bytes ? (size_t)(slow_bytes / 100 < READ_BYTES ? slow_bytes / 100 : READ_BYTES) : READ_BYTES;
    ssize_t n = recv(c->fd, buf, want, 0);
    if (n < 0 && errno == EAGAIN) return false;
    if (n <= 0) die("the connection was closed");
    if (slow_bytes) usleep((useconds_t)(n * 1000000 / slow_bytes));
    if (!take(c, buf, (size_t)n)) return false;
    finish(c);
    return true;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint32_t percentile(double p)
{
    return n_samples ? samples[(size_t)((double)(n_samples - 1) * p)] : 0;
}

/* What is measured is how long the server takes, not how long this program waits for a core that the server's load keeps busy. */
static void take_precedence(void)
{
    struct sched_param p = {.sched_priority = 1};
    if (sched_setscheduler(0, SCHED_FIFO, &p) < 0)
        fprintf(stderr, "http: no real-time priority (%s): waits of its own are measured, too\n", strerror(errno));
}

static void run(struct conn *conns, int n, double seconds, double rate)
{
    struct epoll_event events[EVENTS];
    int64_t begin = now_ns(), end = begin + (int64_t)(seconds * 1e9), due = begin;
    int64_t every = rate > 0 ? (int64_t)(1e9 / rate) : 0;
    uint64_t behind = 0;
    for (int i = 0; i < n && rate == 0; i++)
        send_next(&conns[i], 0);
    for (int64_t now = begin; now < end; now = now_ns()) {
        for (int i = 0; every && due <= now && i < n; i++)
            if (!conns[i].busy) {
                send_next(&conns[i], due);
                due += every;
            }
        if (every && due <= now) behind++;
        struct timespec wait = {0, every ? (due > now ? due - now : 50000) : 100000000};
        int got = epoll_pwait2(loop_fd, events, EVENTS, &wait, NULL);
        for (int i = 0; i < got; i++) {
            struct conn *c = events[i].data.ptr;
            if (read_some(c) && !every && now_ns() < end) send_next(c, 0);
        }
    }
    double took = (double)(now_ns() - begin) / 1e9;
    qsort(samples, n_samples, sizeof *samples, by_size);
    printf("{\"requests\": %llu, \"seconds\": %.4f, \"per_second\": %.1f, \"bytes\": %llu, \"ok\": %llu, \"redirect\": %llu, "
           "\"bad\": %llu,"
           " \"p50_us\": %u, \"p90_us\": %u, \"p99_us\": %u, \"max_us\": %u, \"behind\": %llu}\n",
           (unsigned long long)done, took, (double)done / took, (unsigned long long)total_bytes, (unsigned long long)statuses[2],
           (unsigned long long)statuses[3], (unsigned long long)(statuses[0] + statuses[1] + statuses[4] + statuses[5]),
           percentile(0.5), percentile(0.9), percentile(0.99), percentile(1), (unsigned long long)behind);
}

int main(int argc, char **argv)
{
    if (argc < 7) {
        fprintf(stderr, "usage: http HOST:PORT SECONDS CONNECTIONS RATE CPU FILE [BYTES/S]\n");
        return 2;
    }
    int n = atoi(argv[3]), cpu = atoi(argv[5]);
    if (argc > 7) slow_bytes = atoll(argv[7]);
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) < 0) die("sched_setaffinity");
    }
    read_requests(argv[6], argv[1]);
    samples = malloc(SAMPLES * sizeof *samples);
    struct conn *conns = calloc((size_t)n, sizeof *conns);
    loop_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!samples || !conns || loop_fd < 0) die("memory");
    for (int i = 0; i < n; i++) {
        conns[i].fd = connect_to(argv[1]);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &conns[i]};
        if (epoll_ctl(loop_fd, EPOLL_CTL_ADD, conns[i].fd, &e) < 0) die("epoll_ctl");
    }
    double rate = atof(argv[4]);
    if (rate > 0) take_precedence();
    run(conns, n, atof(argv[2]), rate);
    return 0;
}
