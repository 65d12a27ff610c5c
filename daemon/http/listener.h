/* SPDX-License-Identifier: MIT */
/*
 * A listening socket: made from an address, or taken from systemd.
 *
 * Thread: loop.
 */
#ifndef CETLD_HTTP_LISTENER_H
#define CETLD_HTTP_LISTENER_H

#include "base/error.h"
#include "base/list.h"
#include "loop/loop.h"

#include <stdbool.h>

struct http_listener {
    struct list link; /* the owner's */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    char address[128]; /* "127.0.0.1:8080", "[::1]:8080", "unix:/run/cetld.sock" */
    dev_t dev;         /* of a socket file that we made; removed at the end if it is still ours */
    ino_t ino;
    bool held;                                 /* the owner's: it accepts later */
    void (*incoming)(struct http_listener *l); /* a connection waits: accept it from socket.stream */
    void (*closed)(struct http_listener *l);   /* http_listener_close is done and the memory is about to be freed */
    void *ctx;
};
struct http_listener_config {
    mode_t socket_mode; /* permissions of a unix socket */
    void (*incoming)(struct http_listener *l);
    void (*closed)(struct http_listener *l);
    void *ctx;
};

/** Bind and listen at an address as server.h has them. 0 or -errno, with the words in err. */
must_check int http_listener_open(struct loop *loop, const char *address, const struct http_listener_config *config,
                                  struct error *err, struct http_listener **ret_listener);
/** A descriptor that listens already; it is ours on success. It accepts from http_listener_go on. 0 or -errno. */
must_check int http_listener_adopt(struct loop *loop, int fd, const struct http_listener_config *config,
                                   struct http_listener **ret_listener);
/** Accept what comes; what came since somebody listens there comes first. 0 or -errno. */
must_check int http_listener_go(struct http_listener *l);
/** Is it that address and no other? */
bool http_listener_is(const struct http_listener *l, const char *address);
/** Does it listen at that address, itself or among all addresses of the machine? */
bool http_listener_covers(const struct http_listener *l, const char *address);
/** `closed` comes later. */
void http_listener_close(struct http_listener *l);

#endif
