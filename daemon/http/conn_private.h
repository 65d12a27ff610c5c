/* SPDX-License-Identifier: MIT */
/*
 * What the parts of a connection share: conn.c (its life: deadlines, what it waits for, the end), conn_accept.c (who may come,
 * and who must go), conn_receive.c (the way in: bytes, requests, bodies), conn_send.c (the way out).
 * Whatever happens (bytes came, bytes went, time passed, a handler wrote) ends in http_conn_settle, which goes the way in and
 * the way out until there is nothing left to do.
 * Nobody else includes this.
 *
 * Thread: loop.
 */
#ifndef CETLD_HTTP_CONN_PRIVATE_H
#define CETLD_HTTP_CONN_PRIVATE_H

#include "http/conn.h"
#include "http/turns.h"

enum conn_state { CONN_OPEN, CONN_LAST, CONN_LINGERING, CONN_CLOSED };

struct http_conn {
    struct http_shared *shared;
    struct list link, idle_link;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    uv_timer_t timer;
    uv_write_t write;
    struct loop_deferred deferred;
    unsigned closing; /* handles whose close callback is to come */
    enum conn_state state;
    bool local, loopback, eof;
    uint8_t address[HTTP_ADDRESS_BYTES];

    struct http_parser parser;
    struct http_request *incoming; /* being read */
    struct http_request *held;     /* read, or only its head where its body is streamed: waits until those before it are answered */
    struct http_request *receiving; /* with its handler, and its body is on the way */
    struct http_request *spare;
    struct http_turns turns; /* requests with their handlers, or answered and not sent yet, and what waits to be sent */
    struct buf input;        /* read, not parsed yet, because the pipeline is full */
    bool head_done, continue_due;

    size_t write_bytes; /* in the write in flight; 0: none */
    size_t discarded;
    size_t counted;                 /* of its bytes in shared->queued */
    unsigned counted_requests;      /* in shared->requests */
    size_t read_bytes, moved_bytes; /* since read_ms and moved_ms */
    bool reading, spoiled, settling, again;
    bool asked; /* a whole request came */

    int64_t since_ms; /* when it got into the state its deadline counts from: idle, or the head's first byte */
    int64_t read_ms, moved_ms, linger_ms, drain_ms;
    int64_t timer_at_ms; /* when the timer will fire */
};

/* ---- conn.c ---- */

/** A connection whose socket is not accepted yet. 0, -errno. It is among the server's from then on, and ends as all do. */
must_check int http_conn_new(struct http_shared *s, bool local, struct http_conn **ret_conn);
/** Something happened: take what came, send what goes, and decide what to wait for. Afterwards the connection may be closed. */
void http_conn_settle(struct http_conn *c);
/** http_conn_cut; with a reset, which throws away what the socket still has. */
void http_conn_close_with(struct http_conn *c, bool reset);
/** All is sent and nothing follows: shut our side, and wait a moment for the client's. */
void http_conn_linger(struct http_conn *c);
/** r's handler lets go of it. */
void http_conn_tell_gone(struct http_request *r);
static inline int64_t http_conn_now_ms(const struct http_conn *c)
{
    return loop_now_ms(c->shared->loop);
}

/* ---- conn_receive.c ---- */

/** Answer what cannot be understood, behind what was understood before it; then nothing more is read. */
void http_conn_refuse(struct http_conn *c, const struct http_refusal *why);
/** The same for what is arriving: where its body is on the way, its handler lets go of it first. */
void http_conn_give_up(struct http_conn *c, const struct http_refusal *why);
/** What was kept when the pipeline was full, or the receiver of a body held the client back. */
void http_conn_parse_input(struct http_conn *c);
/** Read of the socket, or do not, as it stands. */
void http_conn_set_reading(struct http_conn *c);
/** A request's first byte has come, and its last has not. */
bool http_conn_is_arriving(const struct http_conn *c);
/** The handler of the body that is on the way takes more of it. */
bool http_conn_may_receive(const struct http_conn *c);

/* ---- conn_send.c ---- */

/** What can be sent is; requests whose answers are out end, and who waited for room may write on. */
void http_conn_send(struct http_conn *c);
/** A line of the log; `whole`: its answer is out. */
void http_conn_log(const struct http_conn *c, const struct http_request *r, bool whole);

#endif
