/* SPDX-License-Identifier: MIT */
/*
 * A server of HTTP/1.1 in a thread, on a port of its own: a request after the other, each answered by the test's function with
 * bytes as they are, which should say `Connection: close`: every connection is closed behind its answer.
 */
#ifndef CETLD_TEST_PEER_H
#define CETLD_TEST_PEER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
    pthread_t thread;
    int listener;
    char base[64]; /* http://127.0.0.1:PORT */
    char *request; /* the last: head and body */
    size_t len;
    void (*answer)(struct peer *p, int fd, const char *target);
};

__attribute__((unused)) static void peer_send(int fd, const char *text)
{
    send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static bool peer_whole(const struct peer *p)
{
    const char *end = strstr(p->request, "\r\n\r\n"), *length = strcasestr(p->request, "content-length:");
    if (!end) return false;
    size_t want = (size_t)(end + 4 - p->request) + (length && length < end ? strtoul(length + 15, NULL, 10) : 0);
    return p->len >= want;
}

static void *peer_run(void *arg)
{
    struct peer *p = arg;
    for (;;) {
        int fd = accept(p->listener, NULL, NULL);
        if (fd < 0) return NULL;
        p->len = 0;
        p->request[0] = '\0';
        while (!peer_whole(p)) {
            ssize_t n = recv(fd, p->request + p->len, (1 << 20) - p->len - 1, 0);
            if (n <= 0) break;
            p->len += (size_t)n;
            p->request[p->len] = '\0';
        }
        char target[256] = "";
        if (sscanf(p->request, "%*s %255s", target) == 1) p->answer(p, fd, target);
        shutdown(fd, SHUT_WR);
        close(fd);
    }
}

static void peer_start(struct peer *p, void (*answer)(struct peer *p, int fd, const char *target))
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    *p = (struct peer){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .request = malloc(1 << 20), .answer = answer};
    if (bind(p->listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(p->listener, 16) < 0 ||
        getsockname(p->listener, (struct sockaddr *)&a, &len) < 0 || pthread_create(&p->thread, NULL, peer_run, p) != 0)
        abort();
    snprintf(p->base, sizeof p->base, "http://127.0.0.1:%d", ntohs(a.sin_port));
}

static void peer_stop(struct peer *p)
{
    shutdown(p->listener, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->listener);
    free(p->request);
}

#endif
